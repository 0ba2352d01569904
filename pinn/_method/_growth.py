"""How the features of least squares are searched, and how they grow."""

import dataclasses
import enum
import itertools
import math
from collections.abc import Generator
from dataclasses import dataclass

from .._problem import Problem
from ._base import Evidence
from ._replayed import Replayed, Schedule

_LEAST_SCALE, _LARGEST_SCALE = 0.05, 64.0
_SEARCH_FEATURES = 200
_GROWTH, _BLOCK_GROWTH = 1.5, 1.25
# Beyond so many features another scale is no longer tried: solving costs more than
# what it might gain.
_SEARCH_UP_TO = 700
# Waves that leave no more than this of the residual suit the problem, and nothing else
# is searched. Where a nonlinear problem has more left after all, Gauss-Newton steps may
# have led to no solution.
_SUITS = 1e-3
# More features, or others, that leave no less than this share have hardly helped.
_HARDLY = 0.3
# Places are chosen anew, by a better and better solution, as long as this helps.
_PLACINGS = 4
# In more coordinates features at places are too few to fill any of them.
_MOST_PLACED = 3
# The estimate has stopped falling if so many sizes in turn have not halved it.
_PATIENCE, _BLOCK_PATIENCE = 2, 4
# A residual that is smaller, relative to the field, falls no further.
_EXACT = 1e-16


class Kind(enum.Enum):
    """What the features are.

    `waves` are sines: a band of frequencies, the best for solutions that are analytic
    and vary alike everywhere. `ridges` are steps (or whatever the activation is) that
    start anywhere in the domain.
    """

    waves = "waves"
    ridges = "ridges"

    @property
    def scales(self) -> tuple[float, ...]:
        """Largest weights per half width of the domain that are tried first,
        dimensionless: from less than one wave across the domain to about ten."""
        if self is Kind.waves:
            return (1.0, 2.0, 4.0, 8.0, 16.0)
        return (0.5, 1.0, 2.0, 4.0, 8.0)


class Placed(enum.Enum):
    """Where most features are, if the solution so far has told where.

    `fronts` are ridges along the level lines of the solution, as steep as it is;
    `bumps` are Gaussians, as narrow as the solution is steep there.
    """

    fronts = "fronts"
    bumps = "bumps"


@dataclass(frozen=True)
class Trial:
    """Features that are to be tried.

    Attributes
    ----------
    count
        Their number.
    scale
        Largest weight for each coordinate, dimensionless.
    kind
        What they are.
    interaction
        Most coordinates that a feature depends on, or ``None`` for all.
    placed
        Where most of them are placed by the solution so far, or ``None``.
    continued
        Whether a nonlinear equation is reached from its leading derivatives alone.
    periodic
        Coordinates along which waves have the period of the domain.
    """

    count: int
    scale: tuple[float, ...]
    kind: Kind = Kind.ridges
    interaction: int | None = None
    placed: Placed | None = None
    continued: bool = False
    periodic: tuple[int, ...] = ()

    def scaled(self, factor: float, axis: int | None = None) -> "Trial":
        scale = tuple(
            s * factor if axis in (None, i) else s for i, s in enumerate(self.scale)
        )
        return dataclasses.replace(self, scale=scale)

    def grown(self, count: int) -> "Trial":
        """More features, of a finer scale as their spacing is finer."""
        dim = len(self.scale) if self.interaction is None else self.interaction
        trial = self.scaled((count / self.count) ** (1 / dim))
        return dataclasses.replace(trial, count=count)

    def at_places(self, placed: Placed) -> "Trial":
        return dataclasses.replace(self, placed=placed)

    @property
    def allowed(self) -> bool:
        return min(self.scale) >= _LEAST_SCALE and max(self.scale) <= _LARGEST_SCALE

    def __str__(self) -> str:
        scales = ", ".join(f"{s:.3g}" for s in dict.fromkeys(self.scale))
        text = f"{self.count} {self.kind.value} of scale {scales}"
        if self.placed is not None:
            return f"{self.count} features, most of them {self.placed.value}"
        if self.interaction is not None:
            text += f" in up to {self.interaction} coordinates"
        if self.continued:
            text += ", by continuation"
        return text


@dataclass(frozen=True)
class Step:
    """What comes next: a trial and its stream of points, or ``None`` at the end.

    A trial that is `nested` adds a block to the best field so far.
    """

    trial: Trial | None
    stream: int = 1
    growing: bool = False
    nested: bool = False
    ending: str = ""


@dataclass(frozen=True)
class Plan(Replayed):
    """The search and the growth so far: all that was found, in order."""

    problem: Problem
    shape: tuple[int, ...]
    start: int
    largest: int
    scale: float | tuple[float, ...] | None
    kinds: tuple[Kind, ...] = (Kind.waves, Kind.ridges)
    found: tuple[Evidence, ...] = ()
    periodic: tuple[int, ...] = ()
    nested: bool = False

    def schedule(self) -> Schedule:
        return _schedule(self)

    def next(self) -> Step:
        step = self.step
        if step.trial is None or not self.periodic:
            return step
        trial = dataclasses.replace(step.trial, periodic=self.periodic)
        return dataclasses.replace(step, trial=trial)

    @property
    def growing(self) -> bool:
        """Whether the trial under way is one of the growth, not of the search."""
        return self.step.growing

    @property
    def ending(self) -> str:
        return self.step.ending


def _schedule(plan: Plan) -> Schedule:
    dim = plan.problem.in_size
    if plan.scale is None:
        count = min(_SEARCH_FEATURES, plan.start)
        trial, fresh = yield from _search(dim, count, plan.kinds)
        trial = trial.grown(plan.start)
    else:
        scale = (
            (plan.scale,) * dim if isinstance(plan.scale, int | float) else plan.scale
        )
        trial = Trial(plan.start, tuple(map(float, scale)), plan.kinds[0])
        fresh = math.inf
    ending = yield from _grow(
        trial, fresh, plan.largest, plan.scale is None, plan.nested
    )
    while True:
        yield Step(None, ending=ending)


def _search(
    dim: int, count: int, kinds: tuple[Kind, ...]
) -> Generator[Step, Evidence, tuple[Trial, float]]:
    """The kind and the scale of a few features that leave the least fresh residual."""
    scores: dict[Trial, float] = {}
    target, affine = 0.0, True

    def best() -> Trial:
        return min(scores, key=scores.__getitem__)

    def score(trial: Trial) -> Generator[Step, Evidence, float]:
        nonlocal target, affine
        evidence = yield Step(trial)
        scores[trial] = _number(evidence.fresh)
        target, affine = evidence.target, evidence.affine
        return scores[trial]

    interactions = [None] if dim < 3 else [None, 2, 1]
    for kind in kinds:
        if scores and scores[best()] <= _SUITS:
            break
        for interaction in interactions:
            own: dict[float, float] = {}
            for s in kind.scales:
                later = list(own)[list(own).index(_least(own)) + 1 :] if own else []
                if len(later) >= 2:  # a scale much too large is worse and worse
                    break
                own[s] = yield from score(Trial(count, (s,) * dim, kind, interaction))
            while True:
                s = _least(own)
                s = s / 2 if s == min(own) else s * 2 if s == max(own) else 0.0
                trial = Trial(count, (s,) * dim, kind, interaction)
                if not trial.allowed:
                    break
                own[s] = yield from score(trial)
        # What else there is, is tried with the best number of coordinates.
        interactions = [best().interaction]
    if 1 < dim <= 4 and scores[best()] > target:
        for axis, factor in itertools.product(range(dim), (2.0, 0.5)):
            while True:
                trial = best().scaled(factor, axis)
                if trial in scores or not trial.allowed:
                    break
                yield from score(trial)
                if best() != trial:
                    break
    if not affine and scores[best()] > _SUITS:
        yield from score(dataclasses.replace(best(), continued=True))
    # What follows starts from what this has found.
    return dataclasses.replace(best(), continued=False), scores[best()]


def _grow(
    trial: Trial, last: float, largest: int, search: bool, nested: bool
) -> Generator[Step, Evidence, str]:
    """More and more features until the estimate meets the target; why it ended."""
    estimates: list[float] = []
    residuals: list[float] = []
    block = False
    for stream in itertools.count(2):
        evidence = yield Step(trial, stream, growing=True, nested=block)
        fresh = _number(evidence.fresh)
        if evidence.estimate <= evidence.target:
            return "reached"
        few = search and trial.count <= _SEARCH_UP_TO
        if few and trial.placed is None and fresh > _HARDLY * last:
            # More features of this scale hardly helped: try a finer and a coarser one.
            for factor in (1.5, 1 / 1.5):
                while trial.scaled(factor).allowed:
                    other = trial.scaled(factor)
                    evidence = yield Step(other, stream, growing=True)
                    if evidence.estimate <= evidence.target:
                        return "reached"
                    if not evidence.fresh < fresh:
                        break
                    trial, fresh = other, evidence.fresh
        if few and trial.placed is None and fresh > _HARDLY * last:
            trial, fresh, evidence = yield from _place(trial, fresh, evidence, stream)
            if evidence.estimate <= evidence.target:
                return "reached"
        estimates.append(_number(evidence.estimate))
        residuals.append(max(fresh, _EXACT))
        patience = _BLOCK_PATIENCE if block else _PATIENCE
        if stands(estimates, patience) and stands(residuals, patience):
            return "stalled"
        if trial.count >= largest:
            return "largest"
        last = min(fresh, last)
        # Small fields are drawn anew: they cost little, and their scale is searched.
        small = search and _GROWTH * trial.count <= _SEARCH_UP_TO
        block = nested and evidence.affine and trial.placed is None and not small
        growth = _BLOCK_GROWTH if block else _GROWTH
        trial = trial.grown(min(largest, math.ceil(growth * trial.count)))
    raise AssertionError("unreachable")


def _place(
    trial: Trial, fresh: float, evidence: Evidence, stream: int
) -> Generator[Step, Evidence, tuple[Trial, float, Evidence]]:
    """The same number of features where the solution so far wants them, if that is
    better."""
    if len(trial.scale) > _MOST_PLACED:
        return trial, fresh, evidence
    plain = fresh
    for placed in Placed:
        other = trial.at_places(placed)
        for _ in range(_PLACINGS):
            evidence = yield Step(other, stream, growing=True)
            better = _number(evidence.fresh) < _HARDLY * fresh
            if not better or evidence.estimate <= evidence.target:
                break
            trial, fresh = other, evidence.fresh
        if fresh < plain:
            break
    return trial, fresh, evidence


def stands(values: list[float], patience: int = _PATIENCE) -> bool:
    """Whether the last sizes together have not halved a figure."""
    if len(values) <= patience:
        return False
    return min(values[-patience:]) > 0.5 * min(values[:-patience])


def _least(scores: dict[float, float]) -> float:
    return min(scores, key=scores.__getitem__)


def _number(value: float) -> float:
    return value if math.isfinite(value) else math.inf
