"""Least squares for the readout of a network whose other layers are frozen."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray

from .._checks import is_number, is_whole
from .._feature_rows import AutodiffRows, FeatureRows, fitted, readout_rows, serves
from .._network import RandomFeatures
from .._points import Points
from .._problem import Problem
from .._residuals import (
    Residuals,
    is_linear_capable,
    readout_leaves,
    trainable_size,
)
from .._seam import periodic_axes
from .._types import Activation
from ._base import AbstractFoundation, AbstractMethod, Block, Evidence, Refinement
from ._blas import blas_threads
from ._draw_features import draw_features, places_for, with_block
from ._growth import Kind, Plan
from ._nested import NestedRows
from ._regularised import RegularisedQR
from ._stability import stability

_LARGEST, _LARGEST_UNASKED = 2500, 1000
# Share of the points that are placed where features are.
_CROWD = 0.5
# Steps of a continuation, and most Gauss-Newton steps for each but the last.
_CONTINUATION, _ON_THE_WAY = 10, 5
# Sizes of a readout to start from where zero is no start: any unit of the field.
_STARTS = tuple(10.0**k for k in range(-9, 10))


class LeastSquares(AbstractMethod):
    r"""Linear least squares on frozen features, with Gauss-Newton where needed.

    For an affine residual the rows are $\rho(c) = A c - b$ in the readout $c$ of the
    network, and one factorisation gives the $c$ of the smallest $\|\rho\|$, of many
    such $c$ a small one: no training. Columns are normalised first. For a nonlinear
    residual the same is done for the linearised rows, with a line search, until the
    step is small.

    Without a field of the user's the method draws its own, `RandomFeatures`. With few
    features, judged by the residual on fresh points, it searches what they are (sines
    of random waves, or ridges of tanh where these leave less), their scale on a
    logarithmic grid, and the scale for each coordinate. Then features and points grow
    by half until the estimated error meets the tolerance or stops falling. Where more
    features hardly help, most of them, and half of the points, are placed where the
    solution so far is steep: as ridges along its level lines, for layers, or as
    Gaussians, for peaks.

    Parameters
    ----------
    features
        Number of features to start to grow from; 300 by default.
    largest
        Number of features at which growth ends; by default 2500, and 1000 where no
        tolerance is asked for.
    activation
        Of the method's own features; by default the sine, or tanh where that leaves
        the smaller residual.
    scale
        Scale of the weights (see `RandomFeatures`), if it is not to be searched.
    oversampling
        Points of the equation per unknown.
    cutoff
        Combinations of columns whose singular value is below this share of the largest
        possible one are damped out; by default the
        rounding unit.
    steps
        Most Gauss-Newton steps for a nonlinear residual.
    continuation
        Whether a nonlinear equation is reached from its leading derivatives alone: all
        else is multiplied with a share that grows from 0 to 1 in ten steps. The method
        tries it by itself where Gauss-Newton steps from zero lead to no solution.
    nested
        Whether a larger field keeps the features and points of the one before and adds
        a block of each, so that what is evaluated and factorised is enlarged instead of
        made anew. So grow affine problems, with waves or ridges, beyond the sizes that
        the search goes through. Fields that share so much do not tell the error of each
        other: it is estimated from the residual, as for a field that cannot grow.
        Where `points` names a number, each block has so many.

    Raises
    ------
    ValueError
        From `solve`, if the field has no linear last layer `readout`.

    References
    ----------
    Dwivedi & Srinivasan, Neurocomputing 391 (2020), 96-118; Dong & Yang, JCP 463
    (2022), 111290 (choice of the scale); Golub & Van Loan, Matrix Computations, 5.5.
    """

    features: int | None = eqx.field(static=True, default=None)
    largest: int | None = eqx.field(static=True, default=None)
    activation: Activation | None = None
    scale: float | tuple[float, ...] | None = eqx.field(static=True, default=None)
    oversampling: float = eqx.field(static=True, default=2.0)
    cutoff: float | None = eqx.field(static=True, default=None)
    steps: int = eqx.field(static=True, default=30)
    continuation: bool = eqx.field(static=True, default=False)
    nested: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        for name in ("features", "largest", "steps"):
            value = getattr(self, name)
            if value is not None and not (is_whole(value) and value >= 1):
                raise ValueError(f"`{name}` takes a positive integer; got {value!r}.")
        if not (is_number(self.oversampling) and self.oversampling >= 1):
            raise ValueError(
                "`oversampling` takes at least 1, so that there are no fewer rows than "
                f"unknowns; got {self.oversampling!r}."
            )
        if self.cutoff is not None and not (
            is_number(self.cutoff) and 0 < self.cutoff < 1
        ):
            raise ValueError(
                "`cutoff` takes a share of the largest singular value, between 0 and "
                f"1; got {self.cutoff!r}."
            )
        scale = self.scale
        scales = (
            scale if isinstance(scale, tuple) else (1.0 if scale is None else scale,)
        )
        if not scales or not all(is_number(s) and 0 < s < math.inf for s in scales):
            raise ValueError(
                "`scale` takes a positive number, or a tuple of one for each "
                f"coordinate; got {scale!r}."
            )

    @property
    def compiled(self) -> bool:
        return False

    @property
    def name(self) -> str:
        return "least-squares"

    def check(self, problem: Problem, field: Any) -> None:
        if not is_linear_capable(field):
            raise ValueError(
                "`field` has no node `readout`, a linear last layer, which "
                "`LeastSquares` solves for. Use a network of `pinn`, give your module "
                "an attribute `readout`, or use `pinn.FirstOrder(optax.adam(1e-3))`."
            )

    @property
    def _cutoff(self) -> float:
        if self.cutoff is not None:
            return self.cutoff
        precision = jnp.finfo(jnp.result_type(float))
        return float(precision.eps) * (1 if precision.bits == 64 else 10)

    def default_field(
        self, problem: Problem, shape: tuple[int, ...], *, key: PRNGKeyArray
    ) -> Any:
        first = self.plan(problem, shape, None).next().trial
        assert first is not None
        return draw_features(problem, shape, self.activation, first, key)

    def number_of_points(self, field: Any) -> int:
        return math.ceil(self.oversampling * trainable_size(field.readout))

    def unknowns(self, field: Any) -> Any:
        return readout_leaves(field)

    def init(
        self, residuals: Residuals, field: Any, points: Points, *, key: PRNGKeyArray
    ) -> "State":
        return self.start(readout_rows(residuals, field, points))

    def start(self, at: FeatureRows | AutodiffRows) -> "State":
        """`init` on rows that are known."""
        # A nonlinear problem may need the start that the user's readout is.
        affine = at.residuals.structure.affine
        c = np.zeros(at.count) if affine else at.start()
        follow = self.continuation and not affine and isinstance(at, FeatureRows)
        part = 0 if follow else _CONTINUATION
        start = _linearised(at, c, part)
        if not (affine or _are_finite(*start)):
            # The field so far is far from any solution.
            c = np.zeros_like(c)
            start = _linearised(at, c, part)
        start = _finite(*start)
        if not affine and _asleep(*start, at.residuals, at.points):
            c = _woken(lambda c: _rows(at, c, part), c)
            start = _finite(*_linearised(at, c, part))
        return State(at, c, *start, iteration=0, ended=False, part=part)

    def enlarge(
        self,
        residuals: Residuals,
        field: Any,
        blocks: Sequence[Block],
        foundation: AbstractFoundation | None,
        *,
        key: PRNGKeyArray,
    ) -> "State":
        if not serves(residuals, field):
            return AbstractMethod.enlarge(
                self, residuals, field, blocks, foundation, key=key
            )
        at = foundation if isinstance(foundation, NestedRows) else None
        components = field.readout.bias.size
        for block in blocks if at is None else blocks[-1:]:
            part = field.block(0, block.unknowns // components - 1)
            if at is None:
                at = NestedRows(residuals, part, block.points, self._cutoff)
            else:
                at = at.enlarged(part, block.points)
        assert at is not None
        c = np.zeros(at.count)
        return State(at, c, *_finite(*at.linearise(c)), iteration=0, ended=False)

    def foundation(self, state: "State") -> AbstractFoundation | None:
        return state.at if isinstance(state.at, NestedRows) else None

    def step(
        self, residuals: Residuals, points: Points, state: "State"
    ) -> tuple["State", dict[str, Any]]:
        at, rows, matrix, part = state.at, state.rows, state.matrix, state.part
        rows_of = lambda c: _rows(at, c, part)
        if isinstance(at, NestedRows):
            system = at
        else:
            with blas_threads(matrix.size * matrix.shape[1]):
                system = RegularisedQR(matrix, self._cutoff)
        change = -system.solve(rows)
        before, length = float(np.linalg.norm(rows)), 1.0
        predicted = float(np.linalg.norm(rows + matrix @ change))
        while True:
            c = state.c + length * change
            with np.errstate(all="ignore"):  # too long a step may overflow
                after = float(np.linalg.norm(rows_of(c)))
            # Armijo's condition with the decrease that the linear model predicts.
            if after <= before - 1e-4 * length * (before - predicted):
                break
            length /= 2
            if length < 1e-4:
                c, after, length = state.c, before, 0.0
                break
        affine, iteration = residuals.structure.affine, state.iteration + 1
        if affine:
            # The same once more on what rounding has left (iterative refinement).
            again = c - system.solve(at.rows(c))
            left = float(np.linalg.norm(at.rows(again)))
            c, after = (again, left) if left < after else (c, after)
        # The iteration has converged when a step gains next to nothing. What changes
        # the rows by no more than they are rounded is no step.
        noise = (
            8 * float(np.finfo(matrix.dtype).eps) * float(np.linalg.norm(matrix @ c))
        )
        still = float(np.linalg.norm(matrix @ change)) <= noise
        stands = before - after <= 1e-3 * before or still
        last = part == _CONTINUATION
        settled = stands or iteration >= (self.steps if last else _ON_THE_WAY)
        ended = affine or (settled and last)
        if settled and not last:
            part, iteration = part + 1, 0
        if not ended:
            rows, matrix = _finite(*_linearised(at, c, part))
        sigma = math.inf
        if ended and not isinstance(at, AutodiffRows):
            sigma = stability(at, matrix, system)
        state = State(at, c, rows, matrix, iteration, ended, part, sigma)
        return state, {"loss": 0.5 * after**2, "step_length": length}

    def done(self, state: "State") -> bool:
        return state.ended

    def stability(self, state: "State") -> float:
        return state.stability

    def field(self, state: "State") -> Any:
        return state.at.with_readout(state.c)

    def worker(self, plan: "Plan | None") -> "LeastSquares":
        trial = None if plan is None else plan.next().trial
        if trial is None or not trial.continued:
            return self
        return dataclasses.replace(self, continuation=True)

    def judge(
        self, residuals: Residuals, field: Any, points: Points
    ) -> tuple[np.ndarray, np.ndarray]:
        at = readout_rows(residuals, field, points)
        c = at.start()
        return at.rows(c), at.values(c)

    def plan(self, problem: Problem, shape: tuple[int, ...], tol: float | None) -> Plan:
        if isinstance(self.scale, tuple) and len(self.scale) != problem.in_size:
            raise ValueError(
                f"`scale` takes one number, or {problem.in_size} for the coordinates "
                f"of this problem, time first; got {len(self.scale)}."
            )
        largest = self.largest
        if largest is None:
            # A user who asks for no tolerance is not kept waiting for the last digit.
            largest = _LARGEST if tol is not None else _LARGEST_UNASKED
        return Plan(
            problem=problem,
            shape=shape,
            start=min(self.features or 300, largest),
            largest=largest,
            scale=self.scale,
            kinds=tuple(Kind) if self.activation is None else (Kind.ridges,),
            periodic=tuple(
                problem.in_size - problem.domain.dim + axis
                for axis in periodic_axes(problem, shape)
            ),
            nested=self.nested,
        )

    def remember(self, plan: "Plan | None") -> Any:
        if plan is None:
            return None
        return [(e.fresh, e.estimate, e.target, e.affine) for e in plan.found]

    def recall(
        self, problem: Problem, shape: tuple[int, ...], tol: float | None, memory: Any
    ) -> Plan:
        found = tuple(Evidence(*numbers) for numbers in memory)
        return dataclasses.replace(self.plan(problem, shape, tol), found=found)

    def template(self, problem: Problem, shape: tuple[int, ...], plan: "Plan") -> Any:
        trial = plan.next().trial
        assert trial is not None
        return draw_features(problem, shape, self.activation, trial, jr.key(0))

    def refine(
        self, plan: "Plan | None", field: Any, evidence: Evidence, *, key: PRNGKeyArray
    ) -> tuple["Plan | None", Refinement | None]:
        if plan is None:
            return None, None
        plan, best = plan.after(evidence.figures()), field
        step = plan.next()
        trial = step.trial
        if trial is None:
            return plan, None
        if step.nested and isinstance(best, RandomFeatures):
            more = dataclasses.replace(trial, count=trial.count - best.size)
            block = draw_features(plan.problem, plan.shape, self.activation, more, key)
            field = with_block(best, block)
            if field is not None:
                grown, size = (
                    trainable_size(field.readout),
                    trainable_size(best.readout),
                )
                points = math.ceil(self.oversampling * (grown - size))
                note = f"{trial}, by a block of {block.size}"
                return plan, Refinement(field, points, note, step.stream, enlarges=True)
        problem, places, crowd = plan.problem, None, None
        if trial.placed is not None:
            places = places_for(problem, trial, best, evidence.candidates(), key)
        field = draw_features(problem, plan.shape, self.activation, trial, key, places)
        points = self.number_of_points(field)
        if places is not None:
            crowd = places.arguments[: int(_CROWD * points)]
        if not evidence.affine and not trial.continued:
            field = self._from(best, field, evidence.candidates())
        # Each size has points of its own: two solutions then share neither features
        # nor points, and their difference shows the error of both.
        return plan, Refinement(field, points, str(trial), step.stream, crowd)

    def _from(self, best: Any, field: Any, candidates: tuple[Any, ...]) -> Any:
        """The field with the readout that is closest to the best one so far."""
        some = tuple(a[: self.number_of_points(field)] for a in candidates)
        solve = lambda matrix, right: RegularisedQR(matrix, self._cutoff).solve(right)
        return fitted(field, best, some, solve)


@dataclass(frozen=True)
class State:
    """The readout `c`, and the rows and their derivatives there.

    `part` of a continuation counts the steps on the way to the equation itself;
    `stability` is how well small rows tell a small error, at the end.
    """

    at: FeatureRows | AutodiffRows | NestedRows
    c: np.ndarray
    rows: np.ndarray
    matrix: np.ndarray
    iteration: int
    ended: bool
    part: int = _CONTINUATION
    stability: float = math.inf


def _rows(
    at: FeatureRows | AutodiffRows | NestedRows, c: np.ndarray, part: int
) -> np.ndarray:
    if part < _CONTINUATION and isinstance(at, FeatureRows):
        return at.rows(c, part / _CONTINUATION)
    return at.rows(c)


def _linearised(
    at: FeatureRows | AutodiffRows | NestedRows, c: np.ndarray, part: int
) -> tuple[np.ndarray, np.ndarray]:
    if part < _CONTINUATION and isinstance(at, FeatureRows):
        return at.linearise(c, part / _CONTINUATION)
    return at.linearise(c)


def _asleep(
    rows: np.ndarray, matrix: np.ndarray, residuals: Residuals, points: Points
) -> bool:
    """Whether an equation has a residual that no small change of the field moves, as
    $|\\nabla u|^2 = 1$ has it where the field is zero."""
    n, k = len(points["equation"].arguments[-1]), residuals.factors["equation"].size
    left = rows[: n * k].reshape(n, k)
    moved = matrix[: n * k].reshape(n, k, -1)
    return bool(np.any(left.any(axis=0) & ~moved.any(axis=(0, 2))))


def _woken(rows_of: Callable[[np.ndarray], np.ndarray], c: np.ndarray) -> np.ndarray:
    """A random readout to start from, of the size that leaves the least rows."""
    direction = np.random.default_rng(0).standard_normal(c.size) / math.sqrt(c.size)
    starts = [c + size * direction for size in _STARTS]
    with np.errstate(all="ignore"):
        left = [float(np.linalg.norm(rows_of(start))) for start in starts]
    return starts[int(np.nanargmin(left))]


def _are_finite(*arrays: np.ndarray) -> bool:
    return all(np.isfinite(a).all() for a in arrays)


def _finite(rows: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if not _are_finite(rows, matrix):
        raise FloatingPointError("a row of the problem is not finite")
    return rows, matrix
