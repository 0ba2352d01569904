"""Problems for the terminal: from the catalogue by name, or from a user's file."""

import ast
import importlib.util
import inspect
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from .. import problems
from .._problem import Problem
from ._errors import USER_MODULE, InputError, user_place


def load(name: str, settings: list[str] | None) -> tuple[Problem, Any]:
    """The problem that `name` means, and its reference values if it has a table.

    Parameters
    ----------
    name
        One of the catalogue, or ``FILE.py`` or ``FILE.py:name``.
    settings
        Its options, as ``--set`` gives them.
    """
    options = _parsed(settings or [])
    match = re.fullmatch(r"(.+\.py)(?::(.*))?", name)
    if match:
        return _from_file(Path(match[1]), match[2], options), None
    if name not in problems.names() and name.replace("_", "-") not in problems.names():
        file = Path(f"{name}.py")
        if file.is_file():
            raise InputError(
                f"`NAME`: there is no problem {name!r}, but a file; write '{file}'."
            )
    try:
        return problems.get(name, **options), problems.reference(name)
    except ValueError as error:
        own = " A file of your own is `FILE.py`."
        raise InputError(
            f"`NAME`: {error}{own}" if _unknown(name) else str(error)
        ) from error


def _parsed(settings: list[str]) -> dict[str, Any]:
    """`NAME=VALUE` texts as a mapping; values are integers, floats or texts."""
    result: dict[str, Any] = {}
    for text in settings:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name.isidentifier() or not value.strip():
            raise InputError(
                f"`--set` takes NAME=VALUE, such as `--set frequency=4`; got {text!r}."
            )
        if name in result:
            raise InputError(f"`--set` gives {name!r} twice; give it once.")
        result[name] = _number(value.strip())
    return result


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _unknown(name: str) -> bool:
    return name.replace("_", "-") not in problems.names()


def _from_file(path: Path, name: str | None, options: Mapping[str, Any]) -> Problem:
    module = import_file(path)
    lines = _lines(path)
    if name is not None:
        return _named(module, path, name, options, lines)
    found: dict[str, Problem] = {}
    for key, value in vars(module).items():
        new = all(value is not other for other in found.values())
        if isinstance(value, Problem) and new:
            found[key] = value
    if "problem" in vars(module) and isinstance(module.problem, Problem):
        found = {"problem": module.problem}
    if not found:
        makers = [key for key, value in vars(module).items() if _makes(value, module)]
        hint = (
            f"name one of its functions, `{path}:{makers[0]}`"
            if makers
            else "write `problem = pinn.Problem(...)`"
        )
        raise InputError(
            f"{path}:1: the file defines no `pinn.Problem` at its top level; {hint}."
        )
    if len(found) > 1:
        listed = ", ".join(f"`{key}` (line {lines.get(key, 1)})" for key in found)
        first = next(iter(found))
        raise InputError(
            f"{path}:{lines.get(first, 1)}: the file defines several problems: "
            f"{listed}; name one, `{path}:{first}`."
        )
    if options:
        _refuse_options(path, next(iter(found)), options)
    return next(iter(found.values()))


def _named(
    module: ModuleType,
    path: Path,
    name: str,
    options: Mapping[str, Any],
    lines: Mapping[str, int],
) -> Problem:
    if name not in vars(module):
        known = [
            key
            for key, value in vars(module).items()
            if isinstance(value, Problem) or _makes(value, module)
        ]
        raise InputError(
            f"{path}:1: the file defines no {name!r}; it has "
            f"{', '.join(known) or 'no problem'}.{problems.nearest(name, known)}"
        )
    value, place = vars(module)[name], f"{path}:{lines.get(name, 1)}"
    if isinstance(value, Problem):
        if options:
            _refuse_options(path, name, options)
        return value
    if not callable(value):
        raise InputError(
            f"{place}: {name!r} is neither a `pinn.Problem` nor a function that "
            f"returns one, but {kind(value)}."
        )
    try:
        inspect.signature(value).bind(**options)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{place}: `{name}` cannot be called with "
            f"{', '.join(options) or 'no arguments'}: {error}; `--set NAME=VALUE` "
            "gives an argument."
        ) from error
    try:
        made = value(**options)
    except Exception as error:
        raise _failed(error, path, f"`{name}`") from error
    if not isinstance(made, Problem):
        raise InputError(
            f"{place}: `{name}` returns {kind(made)}, and no `pinn.Problem`."
        )
    return made


def _refuse_options(path: Path, name: str, options: Mapping[str, Any]) -> None:
    raise InputError(
        f"`--set`: `{name}` in '{path}' is a problem already and takes no "
        f"{next(iter(options))!r}; name a function with that argument, `{path}:name`."
    )


def kind(value: Any) -> str:
    return "None" if value is None else f"of type {type(value).__name__}"


def _makes(value: Any, module: ModuleType) -> bool:
    """Whether a function of this file can be called without arguments."""
    if not inspect.isfunction(value) or value.__module__ != module.__name__:
        return False
    return all(
        p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        for p in inspect.signature(value).parameters.values()
    )


def import_file(path: Path) -> ModuleType:
    if path.is_dir():
        raise InputError(f"`NAME`: '{path}' is a folder; name a file in it.")
    if not path.is_file():
        near = (
            [p.name for p in path.parent.glob("*.py")] if path.parent.is_dir() else []
        )
        raise InputError(
            f"`NAME`: there is no file '{path}'.{problems.nearest(path.name, near)}"
        )
    # As for `python FILE.py`, modules beside the file can be imported. A name of its
    # own keeps a file called heat.py or jax.py from hiding another module.
    folder, name = str(path.resolve().parent), f"{USER_MODULE}{path.stem}"
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"`NAME`: '{path}' cannot be imported as Python.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        text = (error.text or "").strip()
        where = Path(error.filename or path)
        file = path if where.name == path.name else where
        raise InputError(
            f"{file}:{error.lineno or 1}: syntax error: {error.msg}"
            + (f" in `{text}`" if text else "")
            + "."
        ) from error
    except (Exception, SystemExit) as error:
        raise _failed(error, path, "the file") from error
    finally:
        sys.dont_write_bytecode = written
    return module


def _failed(error: BaseException, path: Path, what: str) -> InputError:
    place = user_place(error) or f"{path}:1: "
    text = " ".join(str(error).split())
    return InputError(f"{place}{what} raises {type(error).__name__}: {text}")


def _lines(path: Path) -> dict[str, int]:
    """The line in which each name of the top level is defined."""
    lines: dict[str, int] = {}
    for node in ast.parse(path.read_bytes()).body:
        targets: list[Any] = []
        if isinstance(node, ast.Assign):
            targets = [n for target in node.targets for n in ast.walk(target)]
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            lines[node.name] = node.lineno
        for target in targets:
            if isinstance(target, ast.Name):
                lines[target.id] = node.lineno
    return lines
