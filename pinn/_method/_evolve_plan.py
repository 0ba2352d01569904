"""How the features of `Evolve` are chosen, and how they grow."""

import math
from dataclasses import dataclass

from .._problem import Problem
from . import _growth
from ._base import Evidence
from ._replayed import Replayed, Schedule

# Largest frequency of the waves per half width of the domain, at first and at last.
_FIRST, _LAST = 8.0, 64.0
# Waves that leave more than this of the residual are far from enough.
_FAR, _NEAR = 1e-2, 1e-4
_SLIGHTLY_FINER, _FINER, _MUCH_FINER, _GROWTH = 1.1, 1.5, 2.0, 1.5


@dataclass(frozen=True)
class Trial:
    """Features of space that are to be tried.

    Attributes
    ----------
    of_space
        How many there are, and of which kind.
    windows
        Whether they are placed by the solution, again and again.
    """

    of_space: _growth.Trial
    windows: bool = False

    def __str__(self) -> str:
        return f"{self.of_space} in space"


@dataclass(frozen=True)
class Plan(Replayed):
    """All that was found, in order; what comes next follows from it.

    See `_growth.Plan`, of which this is the like for features of space. `finest` is the
    largest frequency in the initial data along each axis of space, per half width;
    `sizes` are the numbers of panels and windows of a field that was integrated under
    the plan.
    """

    problem: Problem
    shape: tuple[int, ...]
    features: int | None
    largest: int
    target: float
    finest: tuple[float, ...]
    found: tuple[Evidence, ...] = ()
    sizes: tuple[int, int] | None = None

    def schedule(self) -> Schedule:
        return _schedule(self)


def placed(count: int, dim: int) -> _growth.Trial:
    """Ridges along the level lines of a solution, and a few waves."""
    fronts, waves = _growth.Placed.fronts, _growth.Kind.waves
    return _growth.Trial(count, (_FIRST,) * dim, waves, None, fronts)


def _schedule(plan: Plan) -> Schedule:
    dim = plan.problem.domain.dim
    count = min(plan.largest, plan.features or (200 if dim == 1 else 400))
    # Waves as fine as the data, and along the other axes those that serve at first.
    first = [min(_LAST, max(_FIRST, 1.25 * finest)) for finest in plan.finest]
    if plan.features is None:
        count = math.ceil(count * math.prod(scale / _FIRST for scale in first) ** 0.5)
        count = min(plan.largest, count)
    finer, found = 1.0, []
    while True:
        scales = tuple(min(_LAST, finer * scale) for scale in first)
        waves = _growth.Trial(count, scales, _growth.Kind.waves)
        evidence = yield Trial(waves), ""
        found.append(evidence)
        full = min(scales) >= _LAST or count >= plan.largest
        # In one dimension placed features cost little, and a front that waves come
        # close to is what they are for.
        left = min(map(_fresh, found))
        placing = (dim == 1 or left > _FAR) and dim <= 3
        ending = _ending(found, full, again=not placing or left < _NEAR)
        if ending:
            break
        if full:
            continue
        if _fresh(evidence) < _NEAR:  # fine enough: more of them
            finer, more = _SLIGHTLY_FINER * finer, _GROWTH
        else:
            factor = _FINER if _fresh(evidence) < _FAR else _MUCH_FINER
            # Modes are as many as waves fit into the domain.
            finer, more = factor * finer, factor ** (dim / 2)
        count = min(plan.largest, math.ceil(count * more))
    if ending != "reached" and placing:
        count = min(plan.largest, 2 * (plan.features or 150 * dim))
        found = []
        while True:
            found.append((yield Trial(placed(count, dim), windows=True), ""))
            ending = _ending(found, count >= plan.largest, again=True)
            if ending:
                break
            count = min(plan.largest, math.ceil(_GROWTH * count))
    while True:
        yield None, ending


def _fresh(evidence: Evidence) -> float:
    return evidence.fresh if math.isfinite(evidence.fresh) else math.inf


def _ending(found: list[Evidence], full: bool, again: bool) -> str:
    """Why fields of a kind grow no further, if they do not.

    `full` says that they cannot, and `again` that a field like the last may be drawn
    once more. The estimate is what the last field differs by from the one before, so
    about the error of the worse; another that is as good tells that of both. It is
    worth its time where the last meets the target if it has gained as much as the
    estimates have; what the only one of its kind has gained is not known.
    """
    last = found[-1]
    if last.estimate <= last.target:
        return "reached"
    if _growth.stands(list(map(_fresh, found))):
        return "stalled"
    if not full:
        return ""
    gained = last.estimate / found[-2].estimate if len(found) > 1 else 0.0
    meets = len(found) == 1 or last.estimate * gained <= last.target
    best = _fresh(last) <= min(map(_fresh, found))
    return "" if again and best and meets else "largest"
