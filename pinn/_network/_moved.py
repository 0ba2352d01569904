"""A network of space whose parameters move in time."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from ._evolved import hermite

# Nodes of a panel: with a value and a rate at each, its polynomials have degree seven.
NODES = 4
_DEGREE = 2 * NODES - 1
# Panels are filled up to a multiple, so that like fields have the same structure.
_BLOCK = 16


class Moved(eqx.Module):
    r"""A field $u(t, x) = U(\theta(t), x)$, between known times interpolated.

    At the *nodes* $t_k$ parameters $\theta_k$ and rates $\eta_k$ are known. On each
    *panel*, four nodes long, the field is the polynomial of degree seven in time with

    $$ u(t_k, x) = U(\theta_k, x), \qquad
       u_t(t_k, x) = \partial_\theta U(\theta_k, x)\, \eta_k, $$

    so it is interpolated as a function, and it does not matter by which way parameters
    have come from one node to the next.

    Attributes
    ----------
    space
        The network, with a leading axis of the nodes on all that is trainable.
    slopes
        $\eta$, like the trainable arrays of `space`.
    edges
        Where panels begin, increasing, and where the last ends, in the caller's unit
        of time.
    table
        What the values and then the rates at the nodes of each panel are multiplied
        with for the Chebyshev coefficients in its time.
    """

    space: Any
    slopes: Any
    edges: Float[Array, " edges"]
    table: Float[Array, "panels degree data"]

    def __call__(self, t: Any, x: Float[Array, " dim"]) -> Float[Array, "*d"]:
        panel = self._panel(t)
        first, last = self.edges[panel], self.edges[panel + 1]
        s = (2 * jnp.asarray(t) - first - last) / (last - first)
        chebyshev = [jnp.ones_like(s), s]
        for _ in range(2, _DEGREE + 1):
            chebyshev.append(2 * s * chebyshev[-1] - chebyshev[-2])
        weights = jnp.stack(chebyshev) @ self.table[panel]
        moving, known = eqx.partition(self.space, eqx.is_inexact_array)
        nodes = (NODES - 1) * panel + jnp.arange(NODES, dtype=jnp.int32)
        some = lambda tree: jax.tree.map(lambda a: a[nodes], tree)

        def at(theta, eta):
            return jax.jvp(lambda q: eqx.combine(q, known)(x), (theta,), (eta,))

        values, rates = jax.vmap(at)(some(moving), some(self.slopes))
        return jnp.tensordot(weights, jnp.concatenate([values, rates]), axes=1)

    def resized(self, panels: int) -> "Moved":
        """A field of the same structure with so many panels, to be filled with
        numbers."""
        nodes = (NODES - 1) * panels + 1
        of_length = lambda n, tree: jax.tree.map(
            lambda a: jnp.zeros((n, *a.shape[1:]), a.dtype), tree
        )
        moving, known = eqx.partition(self.space, eqx.is_inexact_array)
        return Moved(
            eqx.combine(of_length(nodes, moving), known),
            of_length(nodes, self.slopes),
            of_length(panels + 1, self.edges),
            of_length(panels, self.table),
        )

    def network(self, node: int = 0) -> Any:
        """The network of space at one node."""
        moving, known = eqx.partition(self.space, eqx.is_inexact_array)
        return eqx.combine(jax.tree.map(lambda a: a[node], moving), known)

    def _panel(self, t: Any) -> Any:
        if len(self.table) == 1:
            return jnp.zeros((), jnp.int32)
        inner = jax.lax.stop_gradient(self.edges[1:-1])
        return jnp.sum(jax.lax.stop_gradient(t) >= inner, dtype=jnp.int32)


def moved(
    network: Any,
    times: Sequence[float],
    thetas: Sequence[Any],
    etas: Sequence[Any],
    end: float,
) -> Moved:
    """The field through some nodes; from the last on to `end` it stays as it is.

    Parameters
    ----------
    network
        The network of space.
    times
        Of the nodes, increasing.
    thetas, etas
        Its trainable numbers there, as `jax.flatten_util.ravel_pytree` has them, and
        their rates.
    end
        The last time of the problem.
    """
    # Positions of the nodes of all panels, a node for each border.
    at, step = np.asarray(times, float), NODES - 1
    chosen: list[int] = [0]
    edges, tables = [at[0]], []
    for start in range(0, len(at) - 1, step):
        some = list(range(start, min(start + step, len(at) - 1) + 1))
        edges.append(at[some[-1]])
        tables.append(_table(at[some]))
        chosen += [*some[1:], *[some[-1]] * (NODES - len(some))]
    if edges[-1] < end:
        edges.append(end)
        tables.append(_held())
        chosen += [chosen[-1]] * step
    # The start of a march has one panel, whatever it becomes.
    missing = -len(tables) % _BLOCK if len(at) > 1 else 0
    edges += [edges[-1] + (end - at[0]) * (i + 1) for i in range(missing)]
    tables += [_held()] * missing
    chosen += [chosen[-1]] * step * missing
    moving, known = eqx.partition(network, eqx.is_inexact_array)
    unravel = jax.vmap(ravel_pytree(moving)[1])
    of = lambda rows: unravel(jnp.asarray(np.stack(rows)[chosen]))
    return Moved(
        eqx.combine(of(thetas), known),
        of(etas),
        jnp.asarray(np.asarray(edges)),
        jnp.asarray(np.stack(tables)),
    )


def _table(times: np.ndarray) -> np.ndarray:
    """From values and rates at a panel's times to Chebyshev coefficients."""
    n = len(times)
    unit, none = np.eye(n), np.zeros((n, n))
    found = hermite(times, [np.hstack([unit, none]), np.hstack([none, unit])])
    table = np.zeros((_DEGREE + 1, 2, NODES))
    table[: 2 * n, :, :n] = found[: 2 * n].reshape(2 * n, 2, n)
    return table.reshape(_DEGREE + 1, 2 * NODES)


def _held() -> np.ndarray:
    """The panel that stays at the value of its first node."""
    table = np.zeros((_DEGREE + 1, 2 * NODES))
    table[0, 0] = 1.0
    return table
