"""Errors at the terminal: one line, an exit code, and no traceback unless asked for."""

import contextlib
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from .._preflight import PreflightError
from ._show import print_json

# What the module of a user's file is called, before the name of the file.
USER_MODULE = "_pinn_file_"

SOLVED, NOT_REACHED, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 1, 2, 130


class InputError(Exception):
    """Something the user gave is wrong; the text is one line for the terminal."""


@contextlib.contextmanager
def one_line_errors(debug: bool, as_json: bool) -> Iterator[None]:
    """End the command with a line on standard error and an exit code.

    Parameters
    ----------
    debug
        Show the traceback first.
    as_json
        Print the same line as JSON too, for those who read standard output.
    """
    try:
        yield
    except (typer.Exit, typer.Abort, BrokenPipeError):
        raise
    except (Exception, KeyboardInterrupt) as error:
        code = WRONG_INPUT
        if isinstance(error, KeyboardInterrupt):
            code = INTERRUPTED
            text = str(error) or "interrupted before there was a solution."
        else:
            text = _text(error)
        if debug:
            traceback.print_exc()
        print(f"pinn: {text}", file=sys.stderr)
        if as_json:
            value: dict[str, Any] = {"error": text}
            if isinstance(error, PreflightError):
                value["preflight"] = error.report.as_dict()
            print_json(value)
        raise typer.Exit(code) from None


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _text(error: Exception) -> str:
    text, kind = _one_line(error), type(error).__name__
    if isinstance(error, PreflightError):
        return preflight_text(error)
    if isinstance(error, InputError):
        return text
    place = user_place(error)
    if isinstance(error, ValueError):  # says itself which argument is wrong
        return f"{place}{text}"
    if isinstance(error, OSError):
        return text
    return f"{place}{kind}: {text} (--debug shows the traceback)"


def shown_text(error: PreflightError) -> str:
    """The same where the table of findings has been printed: only the way on."""
    ids = [f.id for f in error.report.errors]
    options = " ".join(f"--allow {name}" for name in ids)
    return (
        f"the check found {', '.join(ids)}; its table says why and what to do. To "
        f"solve all the same: {options}."
    )


def preflight_text(error: PreflightError) -> str:
    """What the pre-flight check found wrong, in one line, and the options to go on."""
    errors = error.report.errors
    found = [f"{f.id}: {f.message} {f.advice}".rstrip() for f in errors]
    options = " ".join(f"--allow {f.id}" for f in errors)
    return f"{' '.join(found)} To solve all the same: {options}."


def user_place(error: BaseException) -> str:
    """``FILE:LINE: `` of the user's line that an error went through last."""
    if error.__cause__ is not None:
        return user_place(error.__cause__) or _place(error)
    return _place(error)


def _place(error: BaseException) -> str:
    place = ""
    frame = error.__traceback__
    while frame is not None:
        module = frame.tb_frame.f_globals.get("__name__", "")
        if module.startswith(USER_MODULE):
            place = f"{_short(frame.tb_frame.f_code.co_filename)}:{frame.tb_lineno}: "
        frame = frame.tb_next
    return place


def _short(file: str) -> str:
    path, here = Path(file), Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
