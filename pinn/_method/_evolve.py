"""Frozen features of space whose readout moves in time."""

import dataclasses
import math
from typing import Any

import equinox as eqx
import jax
import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray

from .._checks import is_number, is_whole
from .._host import fold_in
from .._network import Evolved, begun
from .._points import Points
from .._precision import bits
from .._problem import Problem
from .._rate import rate_of
from .._residuals import Residuals
from .._seam import periodic_axes
from ._bandwidth import bandwidth
from ._base import TARGET, AbstractMethod, Evidence, Refinement
from ._collocation import Collocation
from ._draw_features import draw_features
from ._evolve_plan import Plan, Trial, placed
from ._evolve_state import State
from ._fourier_march import march_of, sizes_of, template
from ._fourier_plan import FourierPlan, is_periodic_box
from ._fourier_rows import evolved_rows, of_waves
from ._march import System, coefficients_of, look, slope_of, slopes_of
from ._options import needs_64_bit
from ._panels import Panels
from ._pieces import march
from ._windows import (
    first_window,
    initial_values,
    next_window,
    space_of,
)

# Share of the target that the integrator is given for each panel or step.
_SHARE, _LEAST_TOLERANCE = 0.1, 1e-12
# Share of that which every second field is given. Fields that are drawn anew have
# nothing in common but their errors in time, which would not show in what they differ
# by. The degree makes a tenth of the error cost a sixth more panels.
_TIGHTER = 0.1
# The rate that features cannot follow, over the size of the field and the time that is
# left, above which they are of no use; and its growth that asks for others.
_HOPELESS, _WORSE = 0.1, 10.0
_SHORTEST_WINDOW = 1 / 32
# The largest decay times the duration beyond which explicit steps are too many.
_STIFF = 3000.0
_FIRST_LENGTH = 1 / 16
# Unknowns beyond which the panels of a nonlinear equation cost more than steps.
_LARGE = 1500
# The degree in time of the panels.
DEGREE = 15
_TOLERANCE = _SHARE * TARGET
INTEGRATORS = (None, "collocation", "explicit", "implicit", "imex")


class Evolve(AbstractMethod):
    r"""The readout of frozen features of space, integrated in time.

    $$ u(t, x) = \sum_j c_j(t)\, \varphi_j(x), \qquad
       \dot c = \Phi^+ f(t, x, u, \nabla u, \dots), $$

    where $f$ is the residual solved for $u_t$, which is found from its jet, and
    $\Phi^+$ the least-squares projection onto the features. These are made orthonormal,
    by an SVD that drops singular values below `cut` of the largest, and to meet the
    boundary conditions, by projection onto their null space. Collocation at Radau's
    points integrates: on panels of time, as long as the tolerance allows, $c$ is a
    polynomial of degree 15 that satisfies the equation at 15 times. For stiff equations
    and others that takes few panels; all of it runs on the host, where nothing is
    compiled. An equation of second order in time is a system for $c$ and $\dot c$.

    The features are sines of random waves, as fine as the initial data along each axis,
    whose frequency and number grow until the estimated error meets the tolerance. Where
    this does not help, they are ridges of tanh along the level lines of the solution,
    as steep as it is, beside a few waves; they are placed anew, and the solution is
    projected onto them, whenever they can no longer follow it.

    On a box that is periodic along all axes, and for an equation of first order in
    time, the features are the sines and cosines with its period, and exponential
    collocation integrates them: exactly in what is linear with constant coefficients.

    Parameters
    ----------
    features
        Number of features; by default 200 in one dimension of space and 400 in more.
    largest
        Most features; 1200 by default. On a periodic box the most waves, each a sine
        and a cosine, four times as many in more than one coordinate.
    cut
        Combinations of features whose singular value is below this share of the
        largest are dropped, dimensionless.
    tolerance
        Of a panel or a step of the integrator, relative to the size of the initial
        data; by default a tenth of the tolerance of the solve. Every second field that
        is drawn is given a tenth of it, so that errors in time are seen.
    placing
        Place features by the solution from the start, without trying waves alone.
    integrator
        ``"collocation"``; or a method of diffrax: ``"explicit"`` (Dormand and Prince,
        order eight), ``"implicit"`` (Kvaerno, order five) or ``"imex"`` (Kennedy and
        Carpenter, order five: the equation linearised where a leg begins is implicit).
        By default collocation; with more than 1500 unknowns of a nonlinear equation a
        step is cheaper than a panel, and the explicit or, where the Jacobian at the
        begin of the window decays fast, the implicit method is taken.

    Raises
    ------
    ValueError
        From `solve`, if the residual has no time derivative or is not affine in the
        highest one, if initial data is missing, or if a condition on the boundary
        cannot be built into the features.

    References
    ----------
    Du & Zaki, Phys. Rev. E 104 (2021), 045303; Hairer & Wanner, Solving Ordinary
    Differential Equations II, IV.5 and IV.8; Kvaerno, BIT 44 (2004), 489-502; Kennedy &
    Carpenter, Appl. Numer. Math. 44 (2003), 139-181;
    Hochbruck & Ostermann, Acta Numerica 19 (2010), 209-286.
    """

    features: int | None = eqx.field(static=True, default=None)
    largest: int = eqx.field(static=True, default=1200)
    cut: float = eqx.field(static=True, default=1e-12)
    tolerance: float | None = eqx.field(static=True, default=None)
    placing: bool = eqx.field(static=True, default=False)
    integrator: str | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        for name in ("features", "largest"):
            value = getattr(self, name)
            if value is not None and not (is_whole(value) and value >= 1):
                raise ValueError(f"`{name}` takes a positive integer; got {value!r}.")
        if not (is_number(self.cut) and 0 < self.cut < 1):
            raise ValueError(
                "`cut` takes a share of the largest singular value, between 0 and 1; "
                f"got {self.cut!r}."
            )
        if self.integrator not in INTEGRATORS:
            raise ValueError(
                f"`integrator` takes {', '.join(map(repr, INTEGRATORS[1:]))}, or none "
                f"for the one that suits; got {self.integrator!r}."
            )

    @property
    def compiled(self) -> bool:
        return False

    @property
    def measures_gain(self) -> bool:
        return True

    @property
    def name(self) -> str:
        return "evolve"

    @staticmethod
    def marches_waves(problem: Problem) -> bool:
        """Whether a problem is an evolution that is marched in Fourier waves."""
        if problem.time is None or bits() == 32 or not is_periodic_box(problem):
            return False
        try:
            return rate_of(problem).order == 1
        except Exception:  # whatever the user's function raises is said later
            return False

    def check(self, problem: Problem, field: Any) -> None:
        if not isinstance(field, Evolved):
            raise ValueError(
                "`field`: `Evolve` draws features of space alone, whose readout moves "
                "in time; leave `field` out, or use `pinn.LeastSquares()`."
            )

    def default_field(
        self, problem: Problem, shape: tuple[int, ...], *, key: PRNGKeyArray
    ) -> Any:
        plan = self.plan(problem, shape, None)
        if isinstance(plan, FourierPlan):
            return template(plan)
        rate = rate_of(problem, shape)
        centre = np.mean([np.asarray(b) for b in problem.domain.bounds], axis=0)
        initial_values(problem, shape, rate.order, centre[None])
        return self._draw(plan.next(), problem, shape, key)

    def _draw(
        self, trial: Trial | None, problem: Problem, shape: tuple[int, ...], key: Any
    ) -> Evolved:
        """A field that stays at zero, on the features of a trial."""
        assert trial is not None
        assert problem.time is not None
        if self.placing:  # of the structure that the march comes to
            of_space = placed(trial.of_space.count, problem.domain.dim)
        else:
            axes = periodic_axes(problem, shape)
            of_space = dataclasses.replace(trial.of_space, periodic=axes)
        network = draw_features(space_of(problem), (), None, of_space, key)
        return Panels(network, problem.time, shape, DEGREE).field()

    def number_of_points(self, field: Any) -> int:
        m = field.coefficients.shape[-1]
        return max(512, -(-3 * m // 512) * 512)

    def unknowns(self, field: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf is field.coefficients, field)

    def worker(self, plan: Plan | FourierPlan | None) -> AbstractMethod:
        if plan is None:
            return self
        if isinstance(plan, FourierPlan):
            return march_of(plan)
        tolerance = self.tolerance or max(_LEAST_TOLERANCE, _SHARE * plan.target)
        if len(plan.found) % 2 == 1:
            tolerance *= _TIGHTER
        method = dataclasses.replace(self, tolerance=tolerance)
        trial = plan.next()
        if trial is not None and trial.windows:
            method = dataclasses.replace(method, placing=True)
        return method

    def init(
        self, residuals: Residuals, field: Any, points: Points, *, key: PRNGKeyArray
    ) -> State:
        needs_64_bit("Evolve")
        window, state = first_window(
            residuals, field, points, self.cut, self.placing, key
        )
        system, whole = window.system, np.concatenate(state)
        size = float(np.linalg.norm(state[0]))
        if size == 0:  # all of the solution comes from sources and conditions
            size = float(np.linalg.norm(slope_of(system, np.zeros(1), whole[None])))
        time = residuals.problem.time
        assert time is not None
        return State(
            window=window,
            panels=Panels(window.network, time, system.rate.shape, DEGREE),
            integrator=self._integrator(residuals, system, 0.0, whole, size or 1.0),
            size=size or 1.0,
            tau=0.0,
            state=state,
            length=_FIRST_LENGTH,
            key=key,
        )

    def _integrator(
        self, residuals: Residuals, system: System, tau: float, state: Any, size: float
    ) -> Any:
        """What suits the equation linearised where a window begins."""
        if self.integrator not in (None, "collocation"):
            return self.integrator
        jacobian = slopes_of(system, tau, state)
        affine = residuals.structure.affine
        if self.integrator is None and not affine and len(state) > _LARGE:
            values = np.linalg.eigvals(jacobian)
            return "implicit" if -values.real.min() > _STIFF else "explicit"
        constant = affine and all(
            np.allclose(
                slopes_of(system, later, state),
                jacobian,
                rtol=0,
                atol=1e-12 * np.abs(jacobian).max(),
            )
            for later in (0.381966, 1.0)
        )
        return Collocation(
            lambda taus, states: slope_of(system, taus, states),
            lambda tau, state: slopes_of(system, tau, state),
            DEGREE,
            (self.tolerance or _TOLERANCE) * size,
            jacobian if constant else None,
        )

    def step(
        self, residuals: Residuals, points: Points, state: State
    ) -> tuple[State, dict[str, Any]]:
        """Some panels, and other features where these fail."""
        window, system = state.window, state.window.system
        pieces, length, failed = march(
            system,
            state.integrator,
            state.tau,
            state.state,
            state.length,
            self.tolerance or _TOLERANCE,
            state.size,
        )
        tau, now, start = state.tau, state.state, state.start
        turn, seen, defect = False, None, math.nan
        for piece in pieces:
            # Where features are placed, the defect is watched all along.
            which = slice(None) if self.placing else slice(-1, None)
            seen = look(
                system, piece.taus[which], tuple(a[which] for a in piece.states)
            )
            defects = seen.defects / np.maximum(seen.sizes, 1e-300)
            start = float(defects[0]) if start is None else start
            last = len(piece.taus) - 1
            if self.placing:
                worse = (defects > _WORSE * start) & (
                    piece.taus > state.begin + _SHORTEST_WINDOW
                )
                turn = bool(worse[1:].any()) and piece.taus[-1] < 1
                last = 1 + int(np.argmax(worse[1:])) if turn else last
            table, tau = piece.table(system, DEGREE), float(piece.taus[last])
            if last < len(piece.taus) - 1:
                whole = piece.taus[-1] - piece.taus[0]
                table = begun(table, (tau - piece.taus[0]) / whole)
            state.panels.add(tau, window.readout(table))
            now = tuple(a[last] for a in piece.states)
            defect = float(defects[last if self.placing else -1])
            if turn:
                break
        new = dataclasses.replace(
            state,
            tau=tau,
            state=now,
            length=length,
            start=start,
            failed=failed and not turn,
            hopeless=not self.placing and defect > _HOPELESS,
        )
        if turn:
            y = coefficients_of(system, np.asarray([tau]), tuple(a[None] for a in now))
            new = self._turned(residuals, new, [a[0] for a in y])
        return new, {"loss": 0.5 * defect**2, "time": new.tau}

    def _turned(self, residuals: Residuals, state: State, y: list[Any]) -> State:
        """Go on with features placed by the solution of now."""
        window, own = next_window(
            residuals.problem,
            state.window,
            tuple(y),
            self.cut,
            fold_in(state.key, len(state.panels.networks)),
        )
        state.panels.turn(window.network)
        integrator = self._integrator(
            residuals, window.system, state.tau, np.concatenate(own), state.size
        )
        return dataclasses.replace(
            state,
            window=window,
            integrator=integrator,
            state=own,
            begin=state.tau,
            start=None,
        )

    def done(self, state: State) -> bool:
        return state.tau >= 1 or state.failed or state.hopeless

    def failed(self, state: State) -> bool:
        return state.failed

    def remark(self, state: State) -> str:
        start, stop = state.panels.time
        t = start + (stop - start) * state.tau
        if state.failed:
            return (
                f"the integrator could go no further than t = {t:.6g}; from there on "
                "the field stays as it is"
            )
        if state.hopeless:
            return (
                f"the features of this segment could not follow the solution; it was "
                f"given up at t = {t:.6g}, and from there on its field stays as it is"
            )
        return ""

    def field(self, state: State) -> Any:
        return state.panels.field()

    def judge(
        self, residuals: Residuals, field: Any, points: Points
    ) -> tuple[np.ndarray, np.ndarray]:
        return evolved_rows(residuals, field, points).judged()

    def plan(
        self, problem: Problem, shape: tuple[int, ...], tol: float | None
    ) -> Plan | FourierPlan:
        target = TARGET if tol is None else tol
        if is_periodic_box(problem) and rate_of(problem, shape).order == 1:
            return FourierPlan(problem, shape, self.largest, target)
        finest = bandwidth(problem, shape, rate_of(problem, shape).order)
        return Plan(problem, shape, self.features, self.largest, target, finest)

    def remember(self, plan: Plan | FourierPlan | None) -> Any:
        if plan is None:
            return None
        return {"found": [(e.fresh, e.estimate, e.target) for e in plan.found]}

    def origin(self, memory: Any, field: Any) -> Any:
        if memory is None:
            return None
        if of_waves(field):
            return {**memory, "sizes": sizes_of(field)}
        windows = jax.tree.leaves(eqx.filter(field.space, eqx.is_array))[0].shape[0]
        return {**memory, "sizes": (len(field.windows), windows)}

    def recall(
        self, problem: Problem, shape: tuple[int, ...], tol: float | None, memory: Any
    ) -> Plan | FourierPlan:
        found = tuple(Evidence(*numbers) for numbers in memory["found"])
        sizes = memory.get("sizes")
        return dataclasses.replace(
            self.plan(problem, shape, tol),
            found=found,
            sizes=None if sizes is None else tuple(sizes),
        )

    def template(self, problem: Problem, shape: tuple[int, ...], plan: Any) -> Any:
        if isinstance(plan, FourierPlan):
            return template(plan)
        field = self._draw(plan.next(), problem, shape, jr.key(0))
        return field if plan.sizes is None else field.resized(*plan.sizes)

    def refine(
        self, plan: Any, field: Any, evidence: Evidence, *, key: PRNGKeyArray
    ) -> tuple[Any, Refinement | None]:
        if plan is None:
            return None, None
        plan = plan.after(evidence.figures())
        trial = plan.next()
        if trial is None:
            return plan, None
        if isinstance(plan, FourierPlan):
            field = template(plan)
        else:
            field = self._draw(trial, plan.problem, plan.shape, key)
        stream = 1 + len(plan.found)
        points = self.number_of_points(field)
        return plan, Refinement(field, points, str(trial), stream)
