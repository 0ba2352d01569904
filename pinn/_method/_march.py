r"""The ordinary differential equation for the coefficients of modes, integrated.

With $y = N a + L g(t)$ and $Q$ the orthonormal functions, the coefficients follow the
projected rate, $\partial_\tau^k a = N^T P\, f(t, Q y, \dots)$ at the quadrature
points, with $\tau = (t - t_0)/(t_1 - t_0)$ and $f$ from the residual (`_rate.py`). An
equation of second order in time is a system for $(a, a')$.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from .._compiled import Compiled
from .._host import Hosted
from .._rate import Rate
from ._modes import Boundary, Modes

# Accepted steps of one compiled call, after which Ctrl-C is answered: a multiple of the
# three or five that make a panel of the solution.
STEPS = 90


class System(eqx.Module):
    """An evolution equation in the coefficients of modes.

    Attributes
    ----------
    rate
        The equation solved for the highest time derivative.
    boundary, modes
        The conditions, and what they are built into.
    times
        First and last time.
    checks
        Points that the projection does not see, and the derivatives of the orthonormal
        functions there.
    """

    rate: Rate
    boundary: Boundary
    modes: Modes
    times: Float[Array, " 2"]
    checks: tuple[Float[Array, "n dim"], tuple[Float[Array, "n r"], ...]]

    def __call__(self, tau: Any, state: Any, args: Any = None) -> Any:
        """The derivative in τ of the state ``(a,)`` or ``(a, a')``."""
        tau = jnp.asarray(tau)
        f = self._rate_at(tau, state, self.modes.x, self.modes.derivatives)
        projected = self.modes.project @ f
        return (*state[1:], jnp.ravel(projected.T) @ self.modes.null)

    def coefficients(self, tau: Any, state: Any) -> tuple[Array, ...]:
        """$y$, and for an equation of second order $y'$, ``(d, r)`` each."""
        lifts = [0.0] * len(state)
        if self.modes.lift.shape[1]:
            data = lambda tau: self.modes.lift @ self.boundary.data(self._time(tau))
            lifts = [data(tau)]
            if len(state) == 2:
                lifts.append(jax.jvp(data, (tau,), (jnp.ones_like(tau),))[1])
        r = self.modes.project.shape[0]
        return tuple(
            jnp.reshape(self.modes.null @ a + lift, (-1, r))
            for a, lift in zip(state, lifts, strict=True)
        )

    def defect(self, tau: Any, state: Any) -> tuple[Array, Array]:
        """How far the rate is from what the modes can follow, at the check points.

        Returns
        -------
        tuple
            Root mean squares of the difference and of the field.
        """
        x, derivatives = self.checks
        f = self._rate_at(tau, state, x, derivatives)
        readout = lambda tau, state: self.coefficients(tau, state)[-1]
        moved = (jnp.ones_like(tau), self(tau, state))
        change = jax.jvp(readout, (tau, state), moved)[1]
        values = derivatives[0] @ self.coefficients(tau, state)[0].T
        rms = lambda a: jnp.sqrt(jnp.mean(jnp.sum(a**2, axis=1)))
        return rms(f - derivatives[0] @ change.T), rms(values)

    def _time(self, tau: Any) -> Array:
        return self.times[0] + tau * (self.times[1] - self.times[0])

    def _rate_at(self, tau: Any, state: Any, x: Array, derivatives: Any) -> Array:
        """The highest derivative in τ at points, ``(n, d)``."""
        span, shape = self.times[1] - self.times[0], self.rate.shape
        indices = self.spatial
        jets = []
        for k, y in enumerate(self.coefficients(tau, state)):
            jet = {
                index: (derivatives[indices.index(index)] @ y.T).reshape(-1, *shape)
                / span**k
                for index in self.rate.indices[k]
            }
            jets.append(jet)
        t = self._time(tau)
        f = jax.vmap(lambda x, jets: self.rate(t, x, jets))(x, jets)
        return jnp.reshape(f, (len(x), -1)) * span**self.rate.order

    @property
    def spatial(self) -> tuple[tuple[int, ...], ...]:
        return spatial(self.rate)


def spatial(rate: Rate) -> tuple[tuple[int, ...], ...]:
    """The spatial derivatives that a rate needs, the value first."""
    found = {()}.union(*map(set, rate.indices))
    return tuple(sorted(found, key=lambda i: (len(i), i)))


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


class Passage(NamedTuple):
    """What is known at the ends of steps.

    Attributes
    ----------
    coefficients
        $y$ (see `System.coefficients`) and its derivatives in τ below the order of the
        equation, and one more: ``(n, d, r)`` each.
    defects, sizes
        See `System.defect`.
    """

    coefficients: tuple[Array, ...]
    defects: Array
    sizes: Array


def _advance(system, solver, begin, end, first, state, tolerance, scale):
    """Up to `STEPS` steps from one time towards another."""
    import diffrax

    controller = diffrax.PIDController(
        rtol=tolerance, atol=tolerance * scale, norm=_norm, pcoeff=0.3, icoeff=0.3
    )
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(system),
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


def _norm(state):
    return jnp.sqrt(sum(jnp.sum(a**2) for a in jax.tree.leaves(state)))


advance = Compiled(_advance)


@Hosted
def look(system: System, taus: Array, states: Any) -> Passage:
    """What is to be known at the ends of some steps, without compiling anything."""

    def at(tau, state):
        moved = (jnp.ones_like(tau), system(tau, state))
        y, change = jax.jvp(system.coefficients, (tau, state), moved)
        return Passage((*y, change[-1]), *system.defect(tau, state))

    return jax.vmap(at)(taus, states)


@Hosted
def slopes_of(system: System, tau: Array, state: Any) -> Array:
    """The Jacobian of the state's derivative, ``(q, q)`` with all its parts."""
    flat, unravel = ravel_pytree(state)
    f = lambda flat: ravel_pytree(system(tau, unravel(flat)))[0]
    return jax.vmap(lambda e: jax.jvp(f, (flat,), (e,))[1], out_axes=1)(
        jnp.eye(flat.size, dtype=flat.dtype)
    )
