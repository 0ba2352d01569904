"""A field on frozen features of space whose readout is a piecewise polynomial of time."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

# Degree of the polynomial on each panel: values and rates at four times.
DEGREE = 7


class Evolved(eqx.Module):
    r"""A field $u(t, x) = \sum_j c_j(t)\, \varphi_j(x) + c_0(t)$ on features of space.

    On each *panel* of time every $c_j$ is a polynomial of degree seven,

    $$ c_j(t) = \sum_k C_{kj}\, T_k(s), \qquad s \in [-1, 1], $$

    in Chebyshev polynomials of the time on that panel; value and rate agree where two
    panels meet. The features may be others from one *window* of panels to the next.

    Parameters
    ----------
    features
        A network of space, whose ``features(x)`` are used, with a leading axis of the
        windows on all its arrays.
    edges
        Where panels begin, increasing, and where the last ends, in the caller's unit
        of time.
    coefficients
        $C$, with the constant $c_0$ as the last column.
    windows
        The window of each panel.
    """

    space: Any
    edges: Float[Array, " edges"]
    coefficients: Float[Array, "panels degree *d m"]
    windows: Int[Array, " panels"]

    def features(self, *arguments: Any) -> Float[Array, " m"]:
        """The features at one point, those of its window."""
        t, x = arguments
        return self._space(self._panel(t)).features(x)

    def readout_at(self, t: Float[Array, ""]) -> Float[Array, "*d m"]:
        """$c(t)$, with the constant as the last column."""
        panel = self._panel(t)
        start, stop = self.edges[panel], self.edges[panel + 1]
        s = (2 * t - start - stop) / (stop - start)
        table = self.coefficients[panel]
        before, here = jnp.ones_like(s), s
        total = table[0] * before + table[1] * here
        for k in range(2, table.shape[0]):
            before, here = here, 2 * s * here - before
            total = total + table[k] * here
        return total

    def __call__(self, t: Any, x: Float[Array, " dim"]) -> Float[Array, "*d"]:
        t = jnp.asarray(t)
        c = self.readout_at(t)
        return c[..., :-1] @ self.features(t, x) + c[..., -1]

    def _panel(self, t: Any) -> Int[Array, ""]:
        # At the border of two panels both serve alike.
        inner = jax.lax.stop_gradient(self.edges[1:-1])
        return jnp.sum(jax.lax.stop_gradient(t) >= inner, dtype=self.windows.dtype)

    def _space(self, panel: Any) -> Any:
        arrays, rest = eqx.partition(self.space, eqx.is_array)
        arrays = jax.tree.map(lambda a: a[self.windows[panel]], arrays)
        return eqx.combine(arrays, rest)


def hermite(nodes: np.ndarray, values: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Chebyshev coefficients of the polynomial with given values and rates.

    Parameters
    ----------
    nodes
        Up to four increasing times ``(k,)``; the panel runs from the first to the last.
    values, rates
        At these, ``(k, ...)``.

    Returns
    -------
    ndarray
        ``(DEGREE + 1, ...)``, zero from 2k on.
    """
    chebyshev = np.polynomial.chebyshev
    k, half = len(nodes), (nodes[-1] - nodes[0]) / 2
    s = (nodes - nodes[0]) / half - 1
    unit = np.eye(2 * k)
    slopes = np.stack([chebyshev.chebval(s, chebyshev.chebder(e)) for e in unit], 1)
    matrix = np.concatenate([chebyshev.chebvander(s, 2 * k - 1), slopes])
    right = np.concatenate([values, half * rates]).reshape(2 * k, -1)
    result = np.zeros((DEGREE + 1, right.shape[1]))
    result[: 2 * k] = np.linalg.solve(matrix, right)
    return result.reshape(DEGREE + 1, *values.shape[1:])
