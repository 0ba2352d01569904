"""How many waves `Evolve` takes on a periodic box, and how exactly it marches."""

import math
from dataclasses import dataclass

from .._condition import Initial
from .._domain import AbstractBox
from .._periodic import Periodic
from .._problem import Problem
from ._base import Evidence
from ._replayed import Replayed, Schedule

_FIRST = 16
# Of each trial: its largest number of waves over the largest of all, and its tolerance
# over the target. Two solutions then share neither, and their difference shows what
# either lacks.
_TRIALS = ((0.5, 0.1), (0.75, 3e-3), (1.0, 1e-4), (1.0, 3e-6))
_LEAST_TOLERANCE = 3e-15
# In more coordinates waves are many and each of them cheap.
_MORE = 4


@dataclass(frozen=True)
class FourierTrial:
    """Waves that are to be tried.

    Attributes
    ----------
    first, largest
        Highest wave number along each axis, at the start and at most; it is doubled
        where the solution asks for it.
    tolerance
        Of a panel, relative to the size of the initial data.
    """

    first: int
    largest: int
    tolerance: float

    def __str__(self) -> str:
        return (
            f"up to {self.largest} waves along an axis, tolerance {self.tolerance:.0e}"
        )


@dataclass(frozen=True)
class FourierPlan(Replayed):
    """All that was found, in order; what comes next follows from it.

    `sizes` are the numbers of panels and of windows, and the highest wave number, of a
    field that was integrated under the plan.
    """

    problem: Problem
    shape: tuple[int, ...]
    largest: int
    target: float
    found: tuple[Evidence, ...] = ()
    sizes: tuple[int, ...] | None = None

    def schedule(self) -> Schedule:
        return _schedule(self)


def _schedule(plan: FourierPlan) -> Schedule:
    dim = plan.problem.domain.dim
    most = plan.largest * (1 if dim == 1 else _MORE)
    ending = "largest"
    for share, precision in _TRIALS:
        # Half of the lattice, for each wave stands for a sine and a cosine.
        count = (2 * share * most) ** (1 / dim) / 2
        largest = max(4, math.floor(count))
        tolerance = max(_LEAST_TOLERANCE, precision * plan.target)
        evidence = yield FourierTrial(min(_FIRST, largest), largest, tolerance), ""
        if evidence.estimate <= evidence.target:
            ending = "reached"
            break
    while True:
        yield None, ending


def is_periodic_box(problem: Problem) -> bool:
    """Whether a field is periodic along all axes, and nothing else is asked of it."""
    if not isinstance(problem.domain, AbstractBox):
        return False
    axes = set()
    for condition in problem.conditions:
        if isinstance(condition, Periodic) and condition.component is None:
            axes.add(condition.axis)
        elif not isinstance(condition, Initial):
            return False
    return len(axes) == problem.domain.dim
