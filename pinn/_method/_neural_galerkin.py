"""All parameters of a network of space, moved in time."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray

from .. import activations
from .._checks import check_whole, is_number
from .._host import Hosted
from .._network import Moved, moved
from .._points import Points
from .._problem import Problem
from .._rate import Rate, rate_of
from .._residuals import Residuals, trainable_leaves
from .._types import Activation
from ._base import AbstractMethod, Evidence, Refinement, judge_field
from ._first_network import first_network
from ._moving_fit import fit
from ._moving_rows import MovingRows, moving_rows
from ._moving_steps import Pace, Point, point_at, rate_of_parameters, take_step
from ._options import needs_64_bit
from ._parameters import parameters

# Share of the tolerance that each step is given; and how it shrinks, and the network
# widens, from one field to the next, whose difference estimates the error.
_SHARE, _FINER, _WIDER = 0.1, 0.3, 1.5
_MOST_FIELDS = 4
# Without a tolerance of the solve: the second is drawn anew with steps as much coarser,
# which is cheaper than the first, and says what its error is at most.
_COMPARED = 2
_TOLERANCE, _LEAST_TOLERANCE = 1e-7, 1e-12
_POINTS_PER_UNKNOWN, _LEAST_POINTS = 2.5, 100
_FIRST_STEP = 1e-3
# For each dimension of space. With 40 in one dimension, a third of the draws cannot
# follow Burgers' front at a viscosity of 0.1/π; with 60 all that were tried do.
_WIDTH = 60
# Steps shorter than this share of the duration end the march.
_STANDSTILL = 1e-6


class NeuralGalerkin(AbstractMethod):
    r"""All parameters of a network of space, moved by regularised least squares.

    $$ u(t, x) = U(\theta(t), x), \qquad
       \dot\theta = \arg\min_\eta \|\partial_\theta U\, \eta - f\|^2
                    + \lambda \|\eta\|^2, $$

    where $f$ is the residual solved for $u_t$, which is found from its jet. The steps
    are those of Kvaerno's implicit method of order five. Each of its stages is a field
    that Gauss-Newton steps project onto the network, together with the conditions on
    the boundary, so neither the parameters nor the conditions drift away from what they
    are to be. The damping $\lambda$ is the largest that still leaves a tenth of the
    tolerance of the step: parameters move no more than they have to, and a network
    whose Jacobian has hardly any rank left is moved in the few directions that count.

    A moving front or bump needs but few units, because they move with it. Where the
    solution is smooth, or waves, `Evolve` is faster and has more digits.

    A network of space of your own, a function of `x`, is given as the `field` of
    `solve`. The solution is a function of `t` and `x`, whatever it was.

    Parameters
    ----------
    width, depth, activation
        Of the `MLP` of space that is moved where the user passes none; the width is 60
        for each dimension of space by default. Where a tolerance is asked for, fields
        of growing width are moved, until two in turn differ by less.
    scale
        Root mean square length of the vectors of weights of its first layer, per half
        width of the domain, dimensionless.
    tolerance
        Of a step, relative to the size of the field; by default a tenth of the
        tolerance of the solve, and 1e-7 for a network of yours or without a tolerance.
        Of the fields that are compared, each has another, so that errors in time show.

    Raises
    ------
    ValueError
        If an option is out of range; from `solve`, in 32-bit mode, if the residual has
        no first time derivative or is not affine in it, is of second order in time, if
        initial data is missing, or a condition on the boundary holds time derivatives.

    References
    ----------
    Du & Zaki, Phys. Rev. E 104 (2021), 045303; Bruna, Peherstorfer & Vanden-Eijnden,
    J. Comput. Phys. 496 (2024), 112588 (the flow of the parameters); Chen et al.,
    ICML 2024, arXiv:2404.10771 (projection of each stage); Kvaerno, BIT 44 (2004),
    489-502 (steps); Hanke, Inverse Problems 13 (1997), 79-95 (damping).
    """

    width: int | None = eqx.field(static=True, default=None)
    depth: int = eqx.field(static=True, default=1)
    activation: Activation = activations.tanh
    scale: float = eqx.field(static=True, default=6.0)
    tolerance: float | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        check_whole(self, depth=1, **({} if self.width is None else {"width": 1}))
        for name in ("scale", "tolerance"):
            value = getattr(self, name)
            if name == "tolerance" and value is None:
                continue
            if not (is_number(value) and 0 < value < math.inf):
                raise ValueError(f"`{name}` takes a positive number; got {value!r}.")

    @property
    def compiled(self) -> bool:
        return False

    @property
    def measures_gain(self) -> bool:
        return True

    @property
    def name(self) -> str:
        return "neural-galerkin"

    def check(self, problem: Problem, field: Any) -> None:
        needs_64_bit("NeuralGalerkin")
        if not isinstance(field, Moved):
            raise ValueError(
                "`field`: `NeuralGalerkin` moves a network of space alone, a function "
                "of `x` such as `pinn.MLP(dim, ...)`; got one that is none. Leave "
                "`field` out, or use `pinn.LevenbergMarquardt()`."
            )

    def adopted(self, problem: Problem, field: Any) -> Any:
        """A network of space as a field that stays as it is."""
        if problem.time is None or isinstance(field, Moved):
            return field
        x = jax.ShapeDtypeStruct((problem.domain.dim,), jnp.result_type(float))
        try:
            shape = eqx.filter_eval_shape(field, x).shape
        except (TypeError, ValueError, IndexError, AttributeError):
            return field
        _first_order_rate(problem, shape)
        if parameters(field).size == 0:
            return field
        return _unmoved(problem, field)

    def default_field(
        self, problem: Problem, shape: tuple[int, ...], *, key: PRNGKeyArray
    ) -> Any:
        _first_order_rate(problem, shape)
        return self._draw(Plan(problem, shape, None), key)

    def _draw(self, plan: "Plan", key: Any) -> Moved:
        problem, shape = plan.problem, plan.shape
        space = Problem(problem.domain, lambda u, x: u(x), ())
        width = self.width or _WIDTH * problem.domain.dim
        if plan.tol is not None:
            width = math.ceil(width * _WIDER ** len(plan.found))
        network = first_network(
            space, shape, width, self.depth, self.activation, self.scale, key=key
        )
        return _unmoved(problem, network)

    def number_of_points(self, field: Any) -> int:
        if not isinstance(field, Moved):  # which `check` refuses
            return _LEAST_POINTS
        count = parameters(field.network()).size
        return max(_LEAST_POINTS, math.ceil(_POINTS_PER_UNKNOWN * count))

    def unknowns(self, field: Any) -> Any:
        nothing = jax.tree.map(lambda _: False, field)
        return eqx.tree_at(lambda f: f.space, nothing, trainable_leaves(field.space))

    def worker(self, plan: "Plan | None") -> "NeuralGalerkin":
        if plan is None:
            return self
        tolerance, ratio = self.tolerance or _TOLERANCE, 1 / _FINER
        if plan.tol is not None:
            tolerance, ratio = self.tolerance or _SHARE * plan.tol, _FINER
        # Fields whose steps are as fine as each other's may have the same errors.
        tolerance = max(_LEAST_TOLERANCE, tolerance * ratio ** len(plan.found))
        return dataclasses.replace(self, tolerance=tolerance)

    def init(
        self, residuals: Residuals, field: Any, points: Points, *, key: PRNGKeyArray
    ) -> "State":
        problem, network = residuals.problem, field.network()
        assert problem.time is not None
        start, stop = problem.time
        shape = jax.eval_shape(network, points["equation"].arguments[-1][0]).shape
        rate = _first_order_rate(problem, shape)
        rows = moving_rows(residuals, network, rate, points)
        tolerance = self.tolerance or _TOLERANCE
        fitted = fit(rows, start, tolerance)
        point = point_at(rows, start, fitted.theta)
        size = np.linalg.norm(point.values) or np.linalg.norm(point.rates)
        absolute = tolerance * (float(size) or 1.0)
        eta, _ = rate_of_parameters(rows, point, absolute / (stop - start))
        return State(
            rows=rows,
            time=(start, stop),
            tolerance=tolerance,
            size=float(size) or 1.0,
            point=point,
            pace=Pace(_FIRST_STEP * (stop - start)),
            path=((start, fitted.theta, eta),),
            unfitted=0.0 if fitted.settled else fitted.misfit / (absolute / tolerance),
        )

    def step(
        self, residuals: Residuals, points: Points, state: "State"
    ) -> tuple["State", dict[str, Any]]:
        """One step in time, or a shorter one to be tried next."""
        start, stop = state.time
        with np.errstate(all="ignore"):
            taken = take_step(state.rows, state.point, stop, state.pace, state.allowed)
        failed = not taken.pace.length > _STANDSTILL * (stop - start)
        new = dataclasses.replace(state, pace=taken.pace, failed=failed)
        if taken.point is not None:
            length = taken.point.t - state.point.t
            allowed = _SHARE * state.allowed / length
            eta, _ = rate_of_parameters(state.rows, taken.point, allowed)
            new = dataclasses.replace(
                new,
                point=taken.point,
                path=(*state.path, (taken.point.t, taken.point.theta, eta)),
                left=state.left + taken.misfit,
                failed=False,
            )
        return new, {"loss": 0.5 * taken.misfit**2, "time": new.point.t}

    def done(self, state: "State") -> bool:
        return state.point.t >= state.time[1] or state.failed

    def failed(self, state: "State") -> bool:
        return state.failed

    def remark(self, state: "State") -> str:
        said = []
        if state.unfitted:
            said.append(
                f"the network meets the initial data to {state.unfitted:.1e} only"
            )
        size = float(np.linalg.norm(state.point.values))
        if state.left > _LOST * state.allowed:
            said.append(
                f"what the network could not follow adds up to {state.left:.1e}, where "
                f"the field is {size:.1e} at last; a wider one follows more"
            )
        if state.failed:
            said.append(
                f"the steps could go no further than t = {state.point.t:.6g}; from "
                "there on the field stays as it is"
            )
        return "; ".join(said)

    def field(self, state: "State") -> Any:
        times, thetas, etas = zip(*state.path, strict=True)
        return moved(state.rows.network, times, thetas, etas, state.time[1])

    def judge(
        self, residuals: Residuals, field: Any, points: Points
    ) -> tuple[np.ndarray, np.ndarray]:
        return _judged(residuals, field, points)

    def plan(
        self, problem: Problem, shape: tuple[int, ...], tol: float | None
    ) -> "Plan":
        return Plan(problem, shape, tol)

    def remember(self, plan: "Plan | None") -> Any:
        if plan is None:
            return None
        return {"found": [(e.fresh, e.estimate, e.target) for e in plan.found]}

    def origin(self, memory: Any, field: Any) -> Any:
        return {**(memory or {}), "panels": len(field.table)}

    def recall(
        self, problem: Problem, shape: tuple[int, ...], tol: float | None, memory: Any
    ) -> "Plan":
        found = tuple(Evidence(*numbers) for numbers in memory["found"])
        return Plan(problem, shape, tol, found, memory.get("panels"))

    def template(self, problem: Problem, shape: tuple[int, ...], plan: "Plan") -> Any:
        field = self._draw(plan, jr.key(0))
        return field if plan.panels is None else field.resized(plan.panels)

    def refine(
        self, plan: "Plan | None", field: Any, evidence: Evidence, *, key: PRNGKeyArray
    ) -> tuple["Plan | None", Refinement | None]:
        if plan is None:
            return None, None
        plan = plan.after(evidence)
        if plan.ending:
            return plan, None
        field = self._draw(plan, key)
        width = field.network().readout.weight.shape[-1]
        points = self.number_of_points(field)
        note = f"{width} units"
        return plan, Refinement(field, points, note, 1 + len(plan.found))

    def grown(
        self, problem: Problem, field: Any, memory: Any, tol: float | None
    ) -> Any:
        panels = (memory or {}).get("panels")
        return field if panels is None else field.resized(panels)


# Times the tolerance of a step that the network may have left behind in all.
_LOST = 10.0


@dataclass(frozen=True)
class Plan:
    """What was found of the fields so far, and the panels of one that was marched."""

    problem: Problem
    shape: tuple[int, ...]
    tol: float | None
    found: tuple[Evidence, ...] = ()
    panels: int | None = None

    def after(self, evidence: Evidence) -> "Plan":
        return dataclasses.replace(self, found=(*self.found, evidence.figures()))

    @property
    def growing(self) -> bool:
        return True

    @property
    def ending(self) -> str:
        if self.found and self.found[-1].estimate <= self.found[-1].target:
            return "reached"
        most = _COMPARED if self.tol is None else _MOST_FIELDS
        return "largest" if len(self.found) >= most else ""


@dataclass(frozen=True)
class State:
    """How far the march has come.

    Attributes
    ----------
    rows
        What moves the parameters.
    time
        First and last time.
    tolerance, size
        Of a step, relative to the size; and that of the field at the start.
    point, pace
        Where it is, and how the steps go.
    path
        Times, parameters and their rates so far.
    unfitted
        What the initial fit has left of the data, relative, where it is too much.
    left
        The sum of what the projections have left.
    failed
        Whether the steps could go no further.
    """

    rows: MovingRows
    time: tuple[float, float]
    tolerance: float
    size: float
    point: Point
    pace: Pace
    path: tuple[tuple[float, np.ndarray, np.ndarray], ...]
    unfitted: float
    left: float = 0.0
    failed: bool = False

    @property
    def allowed(self) -> float:
        """The tolerance of a step in the unit of the field, which may have grown."""
        size = float(np.linalg.norm(self.point.values))
        return self.tolerance * max(self.size, size)


def _unmoved(problem: Problem, network: Any) -> Moved:
    assert problem.time is not None
    start, stop = problem.time
    theta = np.asarray(parameters(network))
    return moved(network, (start,), (theta,), (np.zeros_like(theta),), stop)


def _first_order_rate(problem: Problem, shape: tuple[int, ...]) -> Rate:
    rate = rate_of(problem, shape)
    if rate.order > 1:
        raise ValueError(
            "`residual` of the problem is of second order in time, and "
            "`NeuralGalerkin` moves parameters by a first one. Use `pinn.Evolve()`, or "
            "write it as a system for the field and its rate."
        )
    return rate


# Each field has other shapes, so none is compiled.
_judged = Hosted(judge_field)
