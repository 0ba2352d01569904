"""The march of Fourier coefficients: panels, and more waves where they are needed."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from .._network import Evolved, FourierBasis
from .._points import Points
from .._problem import Problem
from .._rate import rate_of
from .._residuals import Residuals
from ._base import AbstractMethod
from ._exponential import Exponential
from ._fourier import Waves, wave_numbers
from ._fourier_plan import FourierPlan, FourierTrial
from ._options import needs_64_bit
from ._panels import Panels
from ._windows import initial_values

DEGREE = 15
_FIRST_LENGTH = 1 / 16
# The upper third of the waves may hold so much, over what a panel may err by.
_TAIL = 1.0
# Panels from one look at the clock and the keyboard to the next.
_PANELS = 8


@dataclass(frozen=True)
class State:
    """How far the march has come, in the time τ from 0 to 1.

    Attributes
    ----------
    waves
        The waves of now, and the equation in their coefficients.
    integrator
        Of them.
    start
        The initial field, a function of points.
    tau, u, length
        The time, the coefficients there, and the length of the next panel.
    size
        Of the initial field, which errors are measured against.
    ends, tables
        Of the panels so far: the end, the waves and the coefficients in time.
    failed
        Whether it could go no further.
    short
        The first time at which there were too few waves, if there was one.
    """

    waves: Waves
    integrator: Exponential
    start: Callable[[np.ndarray], np.ndarray]
    tau: float
    u: np.ndarray
    length: float
    size: float
    panels: tuple[tuple[float, Waves, np.ndarray], ...] = ()
    failed: bool = False
    short: float | None = None


class FourierMarch(AbstractMethod):
    """What `Evolve` does on a periodic box; see `_exponential.py` and `_fourier.py`."""

    trial: FourierTrial = eqx.field(static=True)

    @property
    def compiled(self) -> bool:
        return False

    @property
    def name(self) -> str:
        return "evolve"

    def default_field(
        self, problem: Problem, shape: tuple[int, ...], *, key: PRNGKeyArray
    ) -> Any:
        return field_of(problem, shape, self.trial.first)

    def number_of_points(self, field: Any) -> int:
        return 512

    def unknowns(self, field: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf is field.coefficients, field)

    def init(
        self, residuals: Residuals, field: Any, points: Points, *, key: PRNGKeyArray
    ) -> State:
        needs_64_bit("Evolve")
        problem = residuals.problem
        shape = field.coefficients.shape[2:-1]
        rate = rate_of(problem, shape)
        start = lambda x: initial_values(problem, shape, 1, x)[0]
        waves = Waves(rate, problem, self.trial.first)
        u = waves.start(start)
        size = waves.norm(u)
        if size == 0:  # all of the solution comes from sources
            size = waves.norm(waves.source(np.zeros(1), u[None])[0]) or 1.0
        while waves.highest < self.trial.largest and (
            waves.tail(u) > _TAIL * self.trial.tolerance * size
        ):
            waves = Waves(rate, problem, self._more(waves))
            u = waves.start(start)
        waves.linearise(u)
        integrator = self._integrator(waves, size)
        return State(waves, integrator, start, 0.0, u, _FIRST_LENGTH, size)

    def _more(self, waves: Waves) -> int:
        return min(2 * waves.highest, self.trial.largest)

    def _integrator(self, waves: Waves, size: float) -> Exponential:
        tolerance = self.trial.tolerance * size
        return Exponential(waves.linear, waves.source, DEGREE, waves.norm, tolerance)

    def step(
        self, residuals: Residuals, points: Points, state: State
    ) -> tuple[State, dict[str, Any]]:
        """Some panels."""
        for _ in range(_PANELS):
            if self.done(state):
                break
            state = self._panel(state)
        return state, {"loss": float("nan"), "time": state.tau}

    def _panel(self, state: State) -> State:
        waves = state.waves
        allowed = _TAIL * self.trial.tolerance * state.size
        # The solution may have grown.
        allowed = max(allowed, 1e-15 * waves.norm(state.u))
        panel = state.integrator.panel(state.tau, state.u, state.length)
        if panel is None:
            return dataclasses.replace(state, failed=True)
        few = waves.tail(panel.state) > allowed
        if few and waves.highest < self.trial.largest:
            return self._with_more(state)
        short = state.short
        if few and short is None:
            short = state.tau
        return dataclasses.replace(
            state,
            tau=panel.end,
            u=panel.state,
            length=panel.length,
            panels=(*state.panels, (panel.end, waves, panel.table)),
            short=short,
        )

    def _with_more(self, state: State) -> State:
        """The same time with twice as many waves."""
        old = state.waves
        waves = Waves(old.rate, old.problem, self._more(old))
        u = waves.start(state.start) if state.tau == 0 else old.moved_to(waves, state.u)
        waves.take(old.slopes)
        return dataclasses.replace(
            state, waves=waves, u=u, integrator=self._integrator(waves, state.size)
        )

    def done(self, state: State) -> bool:
        return state.tau >= 1 or state.failed

    def failed(self, state: State) -> bool:
        return state.failed

    def remark(self, state: State) -> str:
        begin, end = state.waves.time
        said = []
        if state.short is not None:
            t = begin + (end - begin) * state.short
            said.append(
                f"from t = {t:.6g} on {state.waves.highest} waves along an axis were "
                "fewer than the tolerance asks for"
            )
        if state.failed:
            t = begin + (end - begin) * state.tau
            said.append(
                f"the integrator could go no further than t = {t:.6g}; from there on "
                "the field stays as it is"
            )
        return "; ".join(said)

    def field(self, state: State) -> Any:
        # In the waves of the last panels, which are the most.
        waves = state.waves
        problem, shape = waves.problem, waves.rate.shape
        panels = _panels(problem, shape, waves.highest)
        for end, own, table in state.panels:
            if own is not waves:
                table = own.moved_to(waves, table)
            both = [np.real(waves.twice * table), -np.imag(waves.twice * table)]
            constant = np.zeros((*table.shape[:-1], 1))
            panels.add(end, np.concatenate([*both, constant], -1))
        return panels.field()


def field_of(
    problem: Problem, shape: tuple[int, ...], highest: int, sizes: Any = None
) -> Evolved:
    """A field that stays at zero."""
    field = _panels(problem, shape, highest).field()
    return field if sizes is None else field.resized(*sizes)


def _panels(problem: Problem, shape: tuple[int, ...], highest: int) -> Panels:
    assert problem.time is not None
    waves = wave_numbers(problem.domain.dim, highest)
    basis = FourierBasis(*problem.domain.bounds, waves)
    return Panels(basis, problem.time, shape, DEGREE)


def march_of(plan: FourierPlan) -> FourierMarch:
    """The march of the trial that is next."""
    trial = plan.next()
    if trial is None:  # of a solve that has ended
        trial = FourierTrial(4, 4, plan.target)
    return FourierMarch(trial)


def template(plan: FourierPlan) -> Evolved:
    """A field of the structure of one that was integrated under the plan."""
    if plan.sizes is None:
        return field_of(plan.problem, plan.shape, march_of(plan).trial.first)
    *sizes, highest = plan.sizes
    return field_of(plan.problem, plan.shape, highest, sizes)


def sizes_of(field: Evolved) -> tuple[int, ...]:
    """See `FourierPlan`."""
    return len(field.windows), 1, int(np.max(np.abs(np.asarray(field.space.waves))))
