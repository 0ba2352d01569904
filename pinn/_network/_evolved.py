"""A field on frozen features of space whose readout is piecewise polynomial in time."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int


class Evolved(eqx.Module):
    r"""A field $u(t, x) = \sum_j c_j(t)\, \varphi_j(x) + c_0(t)$ on features of space.

    On each *panel* of time every $c_j$ is a polynomial,

    $$ c_j(t) = \sum_k C_{kj}\, T_k(s), \qquad s \in [-1, 1], $$

    in Chebyshev polynomials of the time on that panel; values agree where two panels
    meet, rates to the tolerance of the march. The features may be others from one
    *window* of panels to the next.

    Attributes
    ----------
    space
        A network of space, whose ``features(x)`` are used, with a leading axis of the
        windows on all its arrays.
    edges
        Where panels begin, increasing, and where the last ends, in the caller's unit
        of time.
    centres, scales
        The middle of each panel, and one over half its duration.
    coefficients
        $C$, with the constant $c_0$ as the last column.
    windows
        The window of each panel.
    """

    space: Any
    edges: Float[Array, " edges"]
    centres: Float[Array, " panels"]
    scales: Float[Array, " panels"]
    coefficients: Float[Array, "panels degree *d m"]
    windows: Int[Array, " panels"]

    def features(self, *arguments: Any) -> Float[Array, " m"]:
        """The features at one point, those of its window."""
        t, x = arguments
        return self._space(self._panel(t)).features(x)

    def readout_at(self, t: Float[Array, ""]) -> Float[Array, "*d m"]:
        """$c(t)$, with the constant as the last column."""
        panel = self._panel(t)
        s = (t - self.centres[panel]) * self.scales[panel]
        table = self.coefficients[panel]
        return jnp.tensordot(_chebyshev(s, table.shape[0]), table, axes=1)

    def __call__(self, t: Any, x: Float[Array, " dim"]) -> Float[Array, "*d"]:
        t = jnp.asarray(t)
        c = self.readout_at(t)
        return c[..., :-1] @ self.features(t, x) + c[..., -1]

    def of_window(self, window: int) -> Any:
        """The network of space in one window, taken on the host."""
        arrays, rest = eqx.partition(self.space, eqx.is_array)
        own = jax.tree.map(lambda a: jax.device_put(np.asarray(a)[window]), arrays)
        return eqx.combine(own, rest)

    def resized(self, panels: int, windows: int) -> "Evolved":
        """A field of the same structure with other numbers of panels and windows, to
        be filled with numbers."""

        def of_length(tree, n):
            return jax.tree.map(
                lambda a: (
                    jnp.zeros((n, *a.shape[1:]), a.dtype) if eqx.is_array(a) else a
                ),
                tree,
            )

        return Evolved(
            of_length(self.space, windows),
            of_length(self.edges, panels + 1),
            *of_length(
                (self.centres, self.scales, self.coefficients, self.windows), panels
            ),
        )

    def _panel(self, t: Any) -> Any:
        if len(self.windows) == 1:
            return 0
        # At the border of two panels both serve alike.
        inner = jax.lax.stop_gradient(self.edges[1:-1])
        return jnp.sum(jax.lax.stop_gradient(t) >= inner, dtype=self.windows.dtype)

    def _space(self, panel: Any) -> Any:
        arrays, rest = eqx.partition(self.space, eqx.is_array)
        one = jax.tree.leaves(arrays)[0].shape[0] == 1
        window = 0 if one else self.windows[panel]
        arrays = jax.tree.map(lambda a: a[window], arrays)
        return eqx.combine(arrays, rest)


def _chebyshev(s: Array, count: int) -> Float[Array, " count"]:
    """The first Chebyshev polynomials, twice as many by each few operations:
    $T_{n+k} = 2 T_n T_k - T_{n-k}$."""
    found = jnp.stack([jnp.ones_like(s), s])
    while len(found) < count:
        more = 2 * found[-1] * found[1:] - found[-2::-1]
        found = jnp.concatenate([found, more])
    return found[:count]


def hermite(
    nodes: np.ndarray, derivatives: Sequence[np.ndarray], degree: int | None = None
) -> np.ndarray:
    """Chebyshev coefficients of the polynomial with given derivatives at some times.

    Parameters
    ----------
    nodes
        Increasing times ``(k,)``; the panel runs from the first to the last.
    derivatives
        The values there, the first derivatives, and so on: p arrays ``(k, ...)``.
    degree
        Of the result, at least p k - 1, its default.

    Returns
    -------
    ndarray
        ``(degree + 1, ...)``, zero from p k on.
    """
    chebyshev = np.polynomial.chebyshev
    half = (nodes[-1] - nodes[0]) / 2
    s = (nodes - nodes[0]) / half - 1
    size = len(nodes) * len(derivatives)
    rows, right = [], []
    for order, values in enumerate(derivatives):
        basis = chebyshev.chebder(np.eye(size), order, axis=0)
        rows.append(chebyshev.chebval(s, basis).T)
        right.append(half**order * values.reshape(len(nodes), -1))
    found = np.linalg.solve(np.concatenate(rows), np.concatenate(right))
    result = np.zeros(((size - 1 if degree is None else degree) + 1, found.shape[1]))
    result[:size] = found
    return result.reshape(len(result), *derivatives[0].shape[1:])


def begun(table: np.ndarray, share: float) -> np.ndarray:
    """The coefficients of a polynomial on the first part of its panel.

    Parameters
    ----------
    table
        Chebyshev coefficients ``(degree + 1, ...)`` on the whole.
    share
        The duration of the part over that of the whole, dimensionless.
    """
    chebyshev = np.polynomial.chebyshev
    s = chebyshev.chebpts1(len(table))
    inside = chebyshev.chebvander(share * (s + 1) - 1, len(table) - 1)
    own = chebyshev.chebvander(s, len(table) - 1)
    return np.tensordot(np.linalg.solve(own, inside), table, axes=1)
