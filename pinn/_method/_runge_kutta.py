"""diffrax's methods for the coefficients of modes: explicit, implicit, and both."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._compiled import Compiled
from .._domain import real
from ._march import System, slopes_of

# Accepted steps of one compiled call, after which Ctrl-C is answered: a multiple of the
# three or five that make a panel of the solution.
STEPS = 90


class Leg(NamedTuple):
    """Accepted steps of the integrator.

    Attributes
    ----------
    taus, states
        At the ends of steps, the start first; those beyond `steps` are void.
    steps
        Number of steps.
    failed
        Whether it could go no further.
    """

    taus: Array
    states: Any
    steps: Array
    failed: Array


def advance(
    system: System,
    integrator: str,
    tau: float,
    state: tuple[np.ndarray, ...],
    first: float,
    tolerance: float,
    scale: float,
) -> Leg:
    """Up to `STEPS` steps from one time on.

    Parameters
    ----------
    system
        What is integrated.
    integrator
        ``"explicit"``, ``"implicit"`` or ``"imex"``.
    tau, state
        The begin.
    first
        The length of the first step.
    tolerance, scale
        Of a step, relative to the state and to `scale`.
    """
    linear = None
    if integrator == "imex":
        linear = real(slopes_of(system, tau, np.concatenate(state)))
    return jax.device_get(
        _advance(
            jax.tree.map(_as_argument, system),
            integrator,
            linear,
            real(tau),
            real(1.0),
            real(min(first, 1.0 - tau)),
            jax.tree.map(real, state),
            real(tolerance),
            real(scale),
        )
    )


def _steps(system, integrator, linear, begin, end, first, state, tolerance, scale):
    import diffrax

    solver = {
        "explicit": diffrax.Dopri8,
        "implicit": diffrax.Kvaerno5,
        "imex": diffrax.KenCarp5,
    }[integrator]()
    term: Any = diffrax.ODETerm(system)
    if linear is not None:
        sizes = [part.size for part in state]

        def stiff(tau, state, args):
            moved = linear @ jnp.concatenate(state)
            return tuple(jnp.split(moved, np.cumsum(sizes)[:-1]))

        def rest(tau, state, args):
            whole = system(tau, state)
            return jax.tree.map(jnp.subtract, whole, stiff(tau, state, args))

        term = diffrax.MultiTerm(diffrax.ODETerm(rest), diffrax.ODETerm(stiff))
    controller = diffrax.PIDController(
        rtol=tolerance, atol=tolerance * scale, norm=_norm, pcoeff=0.3, icoeff=0.3
    )
    solution = diffrax.diffeqsolve(
        term,
        solver,
        begin,
        end,
        first,
        state,
        saveat=diffrax.SaveAt(t0=True, steps=True),
        stepsize_controller=controller,
        max_steps=STEPS,
        throw=False,
        adjoint=diffrax.ForwardMode(),
    )
    taus = jnp.asarray(solution.ts)
    count = jnp.sum(jnp.isfinite(taus)) - 1
    full = solution.result == diffrax.RESULTS.max_steps_reached
    failed = ~full & (solution.result != diffrax.RESULTS.successful)
    return Leg(taus, solution.ys, count, failed)


def _as_argument(leaf: Any) -> Any:
    # Arrays of NumPy would be constants of the program.
    return jax.device_put(leaf) if isinstance(leaf, np.ndarray) else leaf


def _norm(state):
    return jnp.sqrt(sum(jnp.sum(a**2) for a in jax.tree.leaves(state)))


_advance = Compiled(_steps)
