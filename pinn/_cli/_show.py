"""Tables for the terminal, by rich: plain in a pipe, narrow where there is no room."""

import contextlib
import json
import re
import sys
from typing import TYPE_CHECKING, Any

from .. import problems
from .._preflight import Report
from .._solution import SolveReport

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_COLOURS = {"ok": "green", "warning": "yellow", "error": "bold red", "allowed": "cyan"}
_SIGNS = {
    r"\Delta": "Δ",
    r"\kappa": "κ",
    r"\nu": "ν",
    r"\nabla": "∇",
    r"\partial": "∂",
    r"\pi": "π",
    "$": "",
    "{": "",
    "}": "",
}


def console(*, stderr: bool = False) -> "Console":
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


def preflight_table(report: Report) -> "RenderableType":
    """The findings, worst last as they come, each with its way out below it."""
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title="Pre-flight check", title_justify="left", box=None, pad_edge=False
    )
    table.add_column("", no_wrap=True)
    table.add_column("finding", no_wrap=True)
    table.add_column("what was found", overflow="fold")
    for finding in report.findings:
        overridden = finding.allowed and finding.severity == "error"
        mark = "allowed" if overridden else finding.severity
        text = Text(finding.message)
        if finding.advice:
            text.append(f"\n{finding.advice}", "italic")
        table.add_row(Text(mark, _COLOURS[mark]), Text(finding.id), text)
    return table


def report_table(report: SolveReport, source: str) -> "RenderableType":
    """The figures of a report; `source` says what the error is measured against."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Solution", title_justify="left", box=None, pad_edge=False)
    table.show_header = False
    table.add_column("", no_wrap=True, style="dim")
    table.add_column("", overflow="fold")
    for name, text in report.rows():
        if name == "error against exact":
            name, text = "relative L2 error", f"{text} ({source})"
        bold = name in ("relative L2 error", "result")
        table.add_row(name, Text(text, "bold" if bold else ""))
    return table


def problems_table() -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("problem", no_wrap=True)
    table.add_column("equation", overflow="fold")
    table.add_column("options (--set NAME=VALUE)", overflow="fold")
    for name in problems.names():
        options = [f"{k}={v}" for k, v in problems.options(name).items()]
        table.add_row(
            Text(name, "bold"), plain(problems.describe(name)), Text(" ".join(options))
        )
    return table


def problems_list() -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "equation": plain(problems.describe(name)),
            "options": problems.options(name),
        }
        for name in problems.names()
    ]


def plain(text: str) -> str:
    """A sentence with a little mathematics, as text: ``$-\\Delta u$`` is -Δu."""
    text = re.sub(r"(\\[A-Za-z]+) (?=[a-z])", r"\1", text)
    for sign, letter in _SIGNS.items():
        text = text.replace(sign, letter)
    return text


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False), flush=True)


def stdout_free(wanted: bool) -> contextlib.AbstractContextManager[Any]:
    """What others print goes to standard error where standard output is for JSON."""
    if wanted:
        return contextlib.redirect_stdout(sys.stderr)
    return contextlib.nullcontext()
