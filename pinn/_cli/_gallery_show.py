"""`pinn gallery` at the terminal: a bar while it runs, a table when it has ended."""

import contextlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from . import _gallery
from ._gallery import Outcome
from ._gallery_page import write_pages
from ._show import console

if TYPE_CHECKING:
    from rich.console import RenderableType


def run_gallery(
    paths: Sequence[Path],
    out: Path,
    *,
    jobs: int,
    limit_s: float,
    talk: bool,
    force: bool = False,
) -> tuple[list[Outcome], bool]:
    """Run the examples and keep the pages in `out` up to date with them.

    Returns
    -------
    tuple
        The outcomes of these examples, and whether Ctrl-C ended the rest.
    """
    kept = {outcome.name: outcome for outcome in _gallery.make_folder(out, force)}
    new: list[Outcome] = []
    with _bar(len(paths), talk) as bar:
        try:
            for outcome in _gallery.run(
                paths, out, jobs=jobs, limit_s=limit_s, started=bar.started
            ):
                new.append(outcome)
                kept[outcome.name] = outcome
                everything = sorted(kept.values(), key=lambda o: _gallery.place(o.name))
                _gallery.write_records(out, everything)
                write_pages(out, everything)
                bar.ended(outcome)
        except KeyboardInterrupt:
            return new, True
    return new, False


def table(outcomes: Iterable[Outcome]) -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False)
    shown.add_column("example", no_wrap=True)
    shown.add_column("error", justify="right", no_wrap=True)
    shown.add_column("time", justify="right", no_wrap=True)
    shown.add_column("", overflow="fold")
    for outcome in outcomes:
        error = "" if outcome.error is None else f"{outcome.error:.1e}"
        last = Text(outcome.title)
        if not outcome.ok:
            last = Text(f"failed: {outcome.message}", "bold red")
        shown.add_row(
            Text(outcome.name, "bold"), error, f"{outcome.wall_s:.1f} s", last
        )
    return shown


@contextlib.contextmanager
def _bar(total: int, talk: bool) -> Iterator["_Bar"]:
    """A bar on standard error if that is a terminal, and nothing otherwise."""
    if not (talk and sys.stderr.isatty()):
        yield _Bar(None, total)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    with Progress(
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        console=console(stderr=True),
        transient=True,
    ) as progress:
        yield _Bar(progress, total)


class _Bar:
    """How many examples have ended, and which run."""

    def __init__(self, progress, total: int):
        self._progress = progress
        self._running: list[str] = []
        self._task = None if progress is None else progress.add_task("", total=total)

    def started(self, name: str) -> None:
        self._running.append(name)
        self._draw()

    def ended(self, outcome: Outcome) -> None:
        self._running.remove(outcome.name)
        self._draw(1)

    def _draw(self, advance: int = 0) -> None:
        if self._progress is not None:
            text = ", ".join(self._running)
            self._progress.update(self._task, description=text, advance=advance)
