"""What a solve shows while it runs: to a terminal by rich, to callbacks by records."""

import collections
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

Record = Mapping[str, Any]


@runtime_checkable
class Progress(Protocol):
    """Observes a solve; nothing it does changes the result."""

    @property
    def live(self) -> bool: ...
    def __enter__(self) -> "Progress": ...
    def __exit__(self, *exception: Any) -> None: ...
    def preflight(self, report: Any) -> None: ...
    def segment(self, note: str, method: Any) -> None: ...
    def record(self, info: Record) -> None: ...
    def looked(self, terms: Mapping[str, float], error: float | None) -> None: ...
    def judged(self, record: Record) -> None: ...


# On a narrower terminal the bar would leave no room for the words.
_ROOM_FOR_BAR = 60
# Records over which steps per second are counted.
_RECENT = 20


class _Line:
    """What is known of a solve under way, as one line of text."""

    def __init__(self, budget_s: float | None):
        self.budget_s = budget_s
        self.note = "pre-flight passed"
        self.method: Any = None
        self.done, self.seconds = 0, 0.0
        self.loss: float | None = None
        self.quality = ""
        self.recent: collections.deque[tuple[float, int]] = collections.deque()

    def segment(self, note: str, method: Any) -> None:
        if method is not self.method:  # another one of a sequence
            self.method, self.done = method, 0
            self.recent.clear()
        self.note, self.loss = note, None

    def record(self, info: Record) -> None:
        self.done += info.get("steps", 1)
        self.seconds, self.loss = info.get("seconds", self.seconds), info.get("loss")
        # The first call, which compiles, is where the count begins.
        self.recent.append((self.seconds, self.done))
        if len(self.recent) > _RECENT:
            self.recent.popleft()

    def looked(self, terms: Mapping[str, float], error: float | None) -> None:
        parts = ", ".join(f"{name} {loss:.0e}" for name, loss in terms.items())
        self.quality = f"({parts})" + ("" if error is None else f"  error {error:.1e}")

    @property
    def total(self) -> int | None:
        return None if self.method is None else self.method.most_steps

    @property
    def rate(self) -> float:
        """Steps per second; 0 where that is not known yet."""
        if len(self.recent) < 2:
            return 0.0
        (start, before), (end, after) = self.recent[0], self.recent[-1]
        return (after - before) / (end - start) if end > start else 0.0

    @property
    def left(self) -> float | None:
        """Seconds until steps or budget are used up, if there is such an end."""
        ends = []
        if self.total is not None and self.rate > 0:
            ends.append((self.total - self.done) / self.rate)
        if self.budget_s is not None:
            ends.append(self.budget_s - self.seconds)
        return max(0.0, min(ends)) if ends else None

    def __str__(self) -> str:
        parts = [self.note]
        if self.loss is not None:
            parts.append(f"loss {self.loss:.2e}")
        if self.quality:
            parts.append(self.quality)
        if self.rate > 0:
            parts.append(f"{self.rate:.3g} steps/s")
        if self.left is not None:
            minutes, seconds = divmod(round(self.left), 60)
            parts.append(f"at most {minutes}:{seconds:02d} left")
        return "  ".join(parts)


class _Observers:
    """Callbacks, and a line on a terminal if one is wanted."""

    def __init__(
        self,
        callbacks: Iterable[Callable[[Record], None]],
        show: bool,
        budget_s: float | None,
    ):
        if not isinstance(callbacks, Iterable):
            raise ValueError(
                f"`callbacks` takes a list of functions of a record; got {callbacks!r}."
            )
        self._callbacks = tuple(callbacks)
        for callback in self._callbacks:
            if not callable(callback):
                raise ValueError(
                    f"`callbacks` takes functions of a record; got {callback!r}."
                )
        self.live = show
        self._line = _Line(budget_s)
        self._display: Any = None
        self._task: Any = None

    def __enter__(self) -> "_Observers":
        if self.live:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                Progress as Bar,
                SpinnerColumn,
                TextColumn,
                TimeElapsedColumn,
            )

            console = Console(stderr=True)
            columns: list[Any] = [TextColumn("{task.description}")]
            if console.width >= _ROOM_FOR_BAR:
                bar = BarColumn(bar_width=20)
                columns = [SpinnerColumn(), *columns, bar, TimeElapsedColumn()]
            self._display = Bar(*columns, console=console, transient=True)
            self._display.start()
            self._task = self._display.add_task(str(self._line), total=None)
        return self

    def __exit__(self, *exception: Any) -> None:
        if self._display is not None:
            self._display.stop()

    def preflight(self, report: Any) -> None:
        for callback in self._callbacks:
            callback({"preflight": report})

    def segment(self, note: str, method: Any) -> None:
        self._line.segment(note, method)
        self._draw()

    def record(self, info: Record) -> None:
        for callback in self._callbacks:
            callback(info)
        self._line.record(info)
        self._draw()

    def looked(self, terms: Mapping[str, float], error: float | None) -> None:
        self._line.looked(terms, error)
        self._draw()

    def judged(self, record: Record) -> None:
        for callback in self._callbacks:
            callback(record)
        estimate = record["estimate"]
        known = "" if estimate != estimate else f"  estimate {estimate:.1e}"
        text = f"{record['note']}  residual {record['fresh']:.1e}{known}"
        self._draw(text)

    def _draw(self, text: str | None = None) -> None:
        if self._display is not None:
            self._display.update(
                self._task,
                description=text or str(self._line),
                completed=self._line.done,
                total=self._line.total,
            )


def observer(
    progress: bool | None,
    callbacks: Iterable[Callable[[Record], None]],
    budget_s: float | None = None,
) -> _Observers:
    """The observer of one solve; by default it is silent where there is no terminal."""
    show = sys.stderr.isatty() if progress is None else bool(progress)
    return _Observers(callbacks, show, budget_s)
