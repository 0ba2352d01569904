"""A plan that is nothing but what was found so far."""

import abc
import dataclasses
import functools
from collections.abc import Generator
from typing import Any, TypeVar

from ._base import Evidence

# Trials, each answered by its evidence; at last none, with why it ended.
Schedule = Generator[Any, Evidence, Any]
# Not `Self`, which runtime checks of types refuse outside a decorated class.
_Plan = TypeVar("_Plan", bound="Replayed")


class Replayed(abc.ABC):
    """A plan whose next trial follows from what was found, in order.

    It is a frozen dataclass with the field `found`. Its schedule is gone through again
    for each plan, so an interrupted solve needs nothing but these numbers to go on.
    """

    found: tuple[Evidence, ...]

    @abc.abstractmethod
    def schedule(self) -> Schedule:
        """Its steps: by default pairs of a trial, or ``None``, and why it ended."""

    def after(self: _Plan, evidence: Evidence) -> _Plan:
        """The plan when the trial under way has ended."""
        this: Any = self  # a dataclass
        return dataclasses.replace(this, found=(*self.found, evidence))

    def next(self) -> Any:
        """The trial to be made, or ``None``."""
        return self.step[0]

    @property
    def ending(self) -> str:
        return self.step[1]

    @property
    def growing(self) -> bool:
        return True

    @functools.cached_property  # asked for several times between two trials
    def step(self) -> Any:
        """What the schedule comes to after all that was found."""
        schedule = self.schedule()
        step = next(schedule)
        for evidence in self.found:
            step = schedule.send(evidence)
        return step
