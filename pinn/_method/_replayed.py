"""A plan that is nothing but what was found so far."""

import abc
import dataclasses
from collections.abc import Generator
from typing import Any

from ._base import Evidence

Schedule = Generator[tuple[Any, str], Evidence, None]


class Replayed(abc.ABC):
    """A plan whose next trial follows from what was found, in order.

    It is a frozen dataclass with the field `found`. Its schedule is gone through again
    each time, so an interrupted solve needs nothing but these numbers to go on.
    """

    found: tuple[Evidence, ...]

    @abc.abstractmethod
    def schedule(self) -> Schedule:
        """Trials, each answered by its evidence; at last ``None`` and why it ended."""

    def after(self, evidence: Evidence) -> Any:
        """The plan when the trial under way has ended."""
        this: Any = self  # a dataclass
        return dataclasses.replace(this, found=(*self.found, evidence))

    def next(self) -> Any:
        """The trial to be made, or ``None``."""
        return self._at()[0]

    @property
    def ending(self) -> str:
        return self._at()[1]

    @property
    def growing(self) -> bool:
        return True

    def _at(self) -> tuple[Any, str]:
        schedule = self.schedule()
        step = next(schedule)
        for evidence in self.found:
            step = schedule.send(evidence)
        return step
