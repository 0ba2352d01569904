r"""The ordinary differential equation for the coefficients of modes, integrated.

With $y = N a + L g(t)$ and $Q$ the orthonormal functions, the coefficients follow the
projected rate, $\partial_\tau^k a = N^T P\, f(t, Q y, \dots)$ at the quadrature
points, with $\tau = (t - t_0)/(t_1 - t_0)$ and $f$ from the residual (`_rate.py`). An
equation of second order in time is a system for $(a, a')$. What is not handed to
diffrax is evaluated on the host, where nothing is compiled.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._host import Hosted
from .._rate import Rate
from ._modes import Boundary, Modes


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
    times: Float[np.ndarray, " 2"]
    checks: tuple[Float[np.ndarray, "n dim"], tuple[Float[np.ndarray, "n r"], ...]]

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

    def defect(self, tau: Any, state: Any, change: Any) -> tuple[Array, Array]:
        """How far the rate is from what the modes can follow, at the check points.

        Parameters
        ----------
        tau, state
            The time and the state.
        change
            The rate in τ of the last of the coefficients.

        Returns
        -------
        tuple
            Root mean squares of the difference and of the field.
        """
        x, derivatives = self.checks
        f = self._rate_at(tau, state, x, derivatives)
        values = derivatives[0] @ self.coefficients(tau, state)[0].T
        rms = lambda a: jnp.sqrt(jnp.mean(jnp.sum(a**2, axis=1)))
        return rms(f - derivatives[0] @ change.T), rms(values)

    def _time(self, tau: Any) -> Array:
        return self.times[0] + tau * (self.times[1] - self.times[0])

    def _rate_at(self, tau: Any, state: Any, x: Any, derivatives: Any) -> Array:
        """The highest derivative in τ at points, ``(n, d)``."""
        t, span = self._time(tau), self.times[1] - self.times[0]
        jets = self._jets(tau, state, derivatives)
        f = jax.vmap(lambda x, jets: self.rate(t, x, jets))(x, jets)
        return jnp.reshape(f, (len(x), -1)) * span**self.rate.order

    def _jets(self, tau: Any, state: Any, derivatives: Any) -> list[dict[Any, Array]]:
        """The derivatives in space that the rate needs, in the caller's units."""
        span, shape = self.times[1] - self.times[0], self.rate.shape
        return [
            {
                index: (derivatives[self.spatial.index(index)] @ y.T).reshape(
                    -1, *shape
                )
                / span**k
                for index in self.rate.indices[k]
            }
            for k, y in enumerate(self.coefficients(tau, state))
        ]

    def local_slopes(self, tau: Any, state: Any) -> list[dict[Any, Array]]:
        """What the rate in τ changes by with the derivatives of the field in space,
        and with those of its rate in τ, at each quadrature point, ``(n, d, d)``."""
        t, span = self._time(tau), self.times[1] - self.times[0]
        jets = self._jets(tau, state, self.modes.derivatives)
        slopes = jax.vmap(jax.jacfwd(lambda jets, x: self.rate(t, x, jets)))(
            jets, self.modes.x
        )
        d = self.modes.null.shape[0] // self.modes.project.shape[0]
        return [
            {
                index: jnp.reshape(slope, (-1, d, d)) * span ** (self.rate.order - k)
                for index, slope in part.items()
            }
            for k, part in enumerate(slopes)
        ]

    @property
    def spatial(self) -> tuple[tuple[int, ...], ...]:
        return spatial(self.rate)


def spatial(rate: Rate) -> tuple[tuple[int, ...], ...]:
    """The spatial derivatives that a rate needs, the value first."""
    found = {()}.union(*map(set, rate.indices))
    return tuple(sorted(found, key=lambda i: (len(i), i)))


class Passage(NamedTuple):
    """What is known at some times of the march.

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


@Hosted
def look(system: System, taus: Array, states: Any) -> Passage:
    """What is to be known at some times, without compiling anything."""

    def at(tau, state):
        moved = (jnp.ones_like(tau), system(tau, state))
        y, change = jax.jvp(system.coefficients, (tau, state), moved)
        return Passage((*y, change[-1]), *system.defect(tau, state, change[-1]))

    return jax.vmap(at)(taus, states)


@Hosted
def coefficients_of(system: System, taus: Array, states: Any) -> tuple[Array, ...]:
    """$y$ at some times, and $y'$ for an equation of second order, ``(n, d, r)``."""
    return jax.vmap(system.coefficients)(taus, states)


@Hosted
def _slope(system, taus, states):
    return jax.vmap(system)(taus, states)


def slope_of(system: System, taus: np.ndarray, states: np.ndarray) -> np.ndarray:
    """The derivative in τ of states with all their parts in one row, ``(n, q)``."""
    parts = tuple(np.split(states, system.rate.order, axis=1))
    return np.concatenate(_slope(system, np.asarray(taus), parts), axis=1)


def slopes_of(system: System, tau: Any, state: np.ndarray) -> np.ndarray:
    """The Jacobian of that derivative at one time and state, ``(q, q)``.

    The rate is differentiated in a handful of numbers per point; the rest is products
    of matrices.
    """
    modes, rate = system.modes, system.rate
    parts = tuple(np.split(np.asarray(state), rate.order))
    local = _local_slopes(system, np.asarray(tau, float), parts)
    null, project = np.asarray(modes.null), np.asarray(modes.project)
    r, q = project.shape[0], null.shape[1]
    d = null.shape[0] // r
    blocks = []
    for slopes in local:  # one for the field, one for its rate
        block = np.zeros((d, r, d, r))
        for i in range(d):
            for j in range(d):
                table = np.zeros((project.shape[1], r))
                for index, slope in slopes.items():
                    derivative = modes.derivatives[system.spatial.index(index)]
                    table += slope[:, i, j, None] * np.asarray(derivative)
                block[i, :, j] = project @ table
        blocks.append(null.T @ block.reshape(d * r, d * r) @ null)
    below = np.concatenate(blocks, axis=1)
    if rate.order == 1:
        return below
    above = np.concatenate([np.zeros((q, q)), np.eye(q)], axis=1)
    return np.concatenate([above, below])


@Hosted
def _local_slopes(system, tau, state):
    """What the rate changes by with the derivatives at each point, ``(n, d, d)``."""
    return system.local_slopes(tau, state)
