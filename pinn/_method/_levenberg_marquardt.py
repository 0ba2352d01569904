"""Levenberg-Marquardt steps for all parameters of a network."""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from .. import activations
from .._checks import check_whole, is_number
from .._network import MLP
from .._points import Points, on_device
from .._problem import Problem
from .._residuals import Residuals
from .._types import Activation
from ._base import Evidence, Refinement
from ._batch import Batch, adapted, first_batch
from ._damped_step import Attempts, damped_step
from ._first_network import first_network
from ._options import check_draws, needs_64_bit, refuse_per_point
from ._parameters import parameters, with_parameters
from ._training import AbstractTraining

Form = Literal["primal", "dual", "matrix-free"]

# Points of the equation per unknown. A draw of them serves a segment only, and smooth
# fields are told by few: with 1.25, as many rows as unknowns, a step takes four times
# as long and hardly fewer are needed; with 0.2 it is about twice as many.
_OVERSAMPLING = 0.4
# What a trained network leaves is not smooth: from fewer rows than unknowns it is
# fitted there, and larger than before in between.
_OF_RESIDUAL = 2.0
# Small networks cost nothing on so many.
_LEAST_POINTS = 100
# Steps after which the field is judged on fresh points.
_SEGMENT = 25
# A segment that gains less than this has gained next to nothing.
_LEAST_GAIN = 0.8
# A step that lowers the loss by less than this share has come to an end.
_STANDSTILL = 1e-6
# The weighted residual on fresh points over the estimated error of a converged field is
# 1.5 to 4, in two dimensions and in ten; over the true error 2 to 40.
_RESIDUAL_TO_ERROR = 1.5


class LevenbergMarquardt(AbstractTraining):
    r"""Damped Gauss-Newton steps on the sum of squared rows, over all parameters.

    $$ \delta = \arg\min \|\rho + J \delta\|^2 + \lambda \|D^{1/2} \delta\|^2 $$

    with the rows $\rho(\theta)$ and their Jacobian $J$. The damping starts at
    `damping` times $\|\rho\|^2$, which has its unit, and follows the gain ratio of true
    to predicted decrease (Nielsen's rule). After each step the same factorisation is
    used for up to `corrections` more solutions, which bring the rows to where the
    linear model said they would be; they cost little and let the damping fall several
    times as fast. Anderson's combinations of them leave a fraction of what they would
    leave one by one.

    Points are drawn anew every `resample` steps, and the field is judged on points
    that it has never seen; the best one so judged is kept. So an iteration that fits
    its rows and not the equation is seen, and ends. A balance is found anew with each
    draw, and points that follow the residual are drawn by the field at that time.

    Parameters
    ----------
    steps
        Most steps, rounded up to whole draws of points.
    resample
        Steps between two draws of points; 0 keeps the first.
    points
        Points of the equation, at each draw.
    oversampling
        Points of the equation per unknown where `points` are not given; at least 100
        points are drawn.
    patience
        Draws of points in turn without a fifth less residual on fresh points that end
        the iteration. Where a front holds most of the residual, that of one draw says
        less than that of another: more patience goes on.
    width, depth, activation
        Of the `MLP` that is trained where the user passes no field.
    scale
        Root mean square length of the vectors of weights of that network's first layer,
        per half width of the domain (dimensionless). The smaller it is, the closer its
        units are to one another and the faster the singular values of $J$ fall; the
        larger it is, the faster its units vary. A solution of several waves wants more.
    damping
        $\lambda / \|\rho\|^2$ at the start of each draw, dimensionless; 0 for
        Gauss-Newton steps, which need as many rows as unknowns.
    scaled
        Whether $D$ is the diagonal of $J^T J$ over its largest entry, instead of the
        identity.
    corrections
        Most corrections of a step.
    geodesic
        Whether the second derivative along the step bends it.
    momentum
        From 0 to 1: the damping holds the step to this multiple of the last one
        instead of to zero (SPRING). Worth it where the points are few and new at each
        step.
    form
        ``"primal"`` solves with a (P, P) matrix, ``"dual"`` with an (N, N) matrix,
        ``"matrix-free"`` through products with $J$; by default the smaller matrix, and
        none where the matrices need more than `memory_gib`.
    products
        Most products with $J$, and with its transpose, for a matrix-free step.
    memory_gib
        Most memory for the Jacobian and its normal matrix, in GiB.
    narrow
        Whether $J$ is computed in 32 bit, as `solve` with ``precision="mixed"`` has
        it. Rows, normal matrix and solve keep their 64 bits: a step is then the exact
        step of a matrix that is off by 1e-7, and what it is worth is still measured.

    Raises
    ------
    ValueError
        If a number is out of range; from `solve`, in 32-bit mode, and where there are
        fewer rows than unknowns without damping.

    References
    ----------
    Nielsen, IMM-REP-1999-05 (damping); Transtrum & Sethna, arXiv:1201.5885 (geodesic
    acceleration); Fan & Zeng, Appl. Math. Comput. (2013) (corrections); Walker & Ni,
    SIAM J. Numer. Anal. 49 (2011), 1715-1735 (their combinations); Guzmán-Cordero et
    al., NeurIPS 2025, arXiv:2505.12149 (dual form, SPRING).
    """

    steps: int = eqx.field(static=True, default=400)
    resample: int = eqx.field(static=True, default=_SEGMENT)
    points: int | None = eqx.field(static=True, default=None)
    oversampling: float = eqx.field(static=True, default=_OVERSAMPLING)
    patience: int = eqx.field(static=True, default=2)
    width: int = eqx.field(static=True, default=32)
    depth: int = eqx.field(static=True, default=2)
    activation: Activation = activations.sin
    scale: float = eqx.field(static=True, default=2.5)
    damping: float = eqx.field(static=True, default=1.0)
    scaled: bool = eqx.field(static=True, default=False)
    corrections: int = eqx.field(static=True, default=8)
    geodesic: bool = eqx.field(static=True, default=False)
    momentum: float = eqx.field(static=True, default=0.0)
    form: Form | None = eqx.field(static=True, default=None)
    products: int = eqx.field(static=True, default=300)
    memory_gib: float = eqx.field(static=True, default=2.0)
    narrow: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        least = {
            "steps": 1,
            "resample": 0,
            "patience": 1,
            "corrections": 0,
            "products": 1,
        }
        if self.points is not None:
            least["points"] = 1
        check_whole(self, **least)
        if not (is_number(self.damping) and 0 <= self.damping < math.inf):
            raise ValueError(
                f"`damping` takes a number of at least 0; got {self.damping!r}."
            )
        if not (is_number(self.momentum) and 0 <= self.momentum < 1):
            raise ValueError(
                f"`momentum` takes a number from 0 to below 1; got {self.momentum!r}."
            )
        for name in ("scale", "oversampling", "memory_gib"):
            value = getattr(self, name)
            if not (is_number(value) and 0 < value < math.inf):
                raise ValueError(f"`{name}` takes a positive number; got {value!r}.")
        if self.form not in (None, "primal", "dual", "matrix-free"):
            raise ValueError(
                '`form` takes "primal", "dual", "matrix-free" or `None`; got '
                f"{self.form!r}."
            )
        if self.form == "matrix-free" and self.narrow:
            raise ValueError(
                '`precision` = "mixed" is of the Jacobian, which `form` = '
                '"matrix-free" never forms; leave one of them out.'
            )
        if self.form == "matrix-free" and self.scaled:
            raise ValueError(
                "`scaled` damping needs the columns of the Jacobian, which `form` = "
                '"matrix-free" never forms; leave one of them out.'
            )

    @property
    def compiled(self) -> bool:
        # On a CPU the matrices are the work, and BLAS on the host is four times as
        # fast as XLA (see `_dense_solve`); anywhere else the steps are traced.
        return jax.default_backend() != "cpu"

    @property
    def name(self) -> str:
        return "levenberg-marquardt"

    def check(self, problem: Problem, field: Any) -> None:
        needs_64_bit("LevenbergMarquardt")

    def check_adaptive(self, balance: Any, sampler: Any) -> None:
        check_draws(self.resample, sampler)
        refuse_per_point(self, balance)
        if sampler is not None and sampler.keeps:
            raise ValueError(
                f"`points` = {type(sampler).__name__} adds points to those before, and "
                "`LevenbergMarquardt` starts anew with each draw; use "
                "`pinn.sampling.AdaptiveDistribution()`."
            )

    def mixed(self) -> "LevenbergMarquardt":
        return replace(self, narrow=True)

    def on_residual(self, scale: float) -> "LevenbergMarquardt":
        oversampling = max(self.oversampling, _OF_RESIDUAL)
        return replace(self, scale=scale, oversampling=oversampling)

    @property
    def most_steps(self) -> int:
        return self.steps

    def default_field(
        self, problem: Problem, shape: tuple[int, ...], *, key: PRNGKeyArray
    ) -> MLP:
        sizes = (self.width, self.depth)
        return first_network(
            problem, shape, *sizes, self.activation, self.scale, key=key
        )

    def number_of_points(self, field: Any) -> int:
        if self.points is not None:
            return self.points
        return max(_LEAST_POINTS, math.ceil(self.oversampling * parameters(field).size))

    def init(
        self, residuals: Residuals, field: Any, points: Points, *, key: PRNGKeyArray
    ) -> "State":
        points = on_device(points)
        batch = first_batch(residuals, points)
        if residuals.balance is not None or residuals.sampler is not None:
            batch = adapted(residuals, field, points, key)
        theta = parameters(field)
        rows = eqx.filter_eval_shape(residuals.rows, field, points).shape[0]
        if self.damping == 0 and rows < theta.size:
            raise ValueError(
                f"`damping` = 0 needs at least as many rows as unknowns; there are "
                f"{rows} rows for {theta.size} unknowns. Leave `damping` out, or ask "
                "for more `points`."
            )
        xp = jnp if self.compiled else np
        number = lambda value: xp.asarray(value, theta.dtype)
        return State(
            field=field,
            batch=batch,
            theta=xp.asarray(theta),
            last=xp.zeros_like(xp.asarray(theta)),
            damping=number(math.nan),
            growth=number(2.0),
            count=xp.asarray(0),
            loss=number(math.inf),
            ended=xp.asarray(False),
            failed=xp.asarray(False),
            form=self._form(rows, theta.size),
        )

    def step(
        self, residuals: Residuals, points: Points, state: "State"
    ) -> tuple["State", Any]:
        found = damped_step(self, state.form, state.batch.balanced(residuals), state)
        xp = jnp if self.compiled else np
        stands = found.loss > (1 - _STANDSTILL) * found.start
        new = replace(
            state,
            theta=found.theta,
            last=found.change,
            damping=found.damping,
            growth=found.growth,
            count=state.count + 1,
            loss=0.5 * found.loss,
            ended=stands | ~found.accepted,
            failed=~xp.isfinite(found.start),
        )
        return new, self._info(new, found)

    def _info(self, state: "State", found: Attempts) -> Any:
        if self.compiled:
            return state.loss
        return {"loss": float(state.loss), "damping": float(found.damping)}

    def _form(self, rows: int, unknowns: int) -> Form:
        if self.form is not None:
            return self.form
        small = min(rows, unknowns)
        numbers = rows * unknowns + 2 * small**2  # the matrix and one factorisation
        columns = self.scaled or self.narrow  # which only a matrix has
        if not columns and 8 * numbers > self.memory_gib * 2**30:
            return "matrix-free"
        return "primal" if unknowns <= rows else "dual"

    def done(self, state: "State") -> Any:
        segment = min(self.resample or _SEGMENT, self.steps)
        return (state.count >= segment) | state.ended | state.failed

    def field(self, state: "State") -> Any:
        return with_parameters(state.field, state.theta)

    def remember(self, plan: "Plan | None") -> Any:
        return None if plan is None else asdict(plan)

    def recall(
        self, problem: Problem, shape: tuple[int, ...], tol: float | None, memory: Any
    ) -> "Plan":
        return Plan(**memory)

    def refine(
        self, plan: "Plan | None", field: Any, evidence: Evidence, *, key: PRNGKeyArray
    ) -> tuple["Plan | None", Refinement | None]:
        plan = (plan or Plan()).after(evidence, self.patience)
        if evidence.fresh <= _RESIDUAL_TO_ERROR * evidence.target:
            return plan, None
        steps = plan.segments * (self.resample or _SEGMENT)
        if plan.ending or steps >= self.steps:
            return plan, None
        stream = 1 + plan.segments if self.resample else 1
        note = f"after {steps} steps"
        return plan, Refinement(field, self.number_of_points(field), note, stream)


@dataclass(frozen=True)
class Plan:
    """How the segments so far have gone.

    Attributes
    ----------
    segments
        Their number.
    fresh
        The least weighted residual on fresh points.
    waiting
        How many in turn have gained next to nothing.
    ending
        Why the iteration ends early, if it does.
    """

    segments: int = 0
    fresh: float = math.inf
    waiting: int = 0
    ending: str = ""

    def after(self, evidence: Evidence, patience: int) -> "Plan":
        gained = evidence.fresh < _LEAST_GAIN * self.fresh
        waiting = 0 if gained else self.waiting + 1
        return Plan(
            segments=self.segments + 1,
            fresh=min(self.fresh, evidence.fresh),
            waiting=waiting,
            ending="stalled" if waiting >= patience else "",
        )


class State(eqx.Module):
    """Everything that one step hands to the next: arrays of NumPy on the host."""

    field: Any
    batch: Batch
    theta: Any
    last: Any
    damping: Any
    growth: Any
    count: Any
    loss: Any
    ended: Any
    failed: Any
    form: Form = eqx.field(static=True)
