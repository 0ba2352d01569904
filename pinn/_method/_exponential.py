r"""Exponential collocation for semilinear equations with a diagonal linear part.

On a panel of length h, $\dot u = \lambda u + g(\tau)$ for every mode. With g the
polynomial through its values at $p + 1$ Chebyshev points,

$$ u(c_i h) = e^{\lambda h c_i} u_0 + h \sum_j W_{ij}(\lambda h)\, g_j, \qquad
   W_{ij}(z) = \int_0^{c_i} e^{z (c_i - s)} \ell_j(s)\, ds, $$

which is exact in the linear part, however stiff. What is nonlinear, $g = g(u)$, is
found by iterating. So panels are as long as the nonlinear part allows, of order $p + 1$
and without a Jacobian.

References
----------
Hochbruck & Ostermann, Exponential integrators, Acta Numerica 19 (2010), 209-286, sec.
2.2 (exponential quadrature and collocation).
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

# Beyond this |z| the integrals follow by a recurrence, below by Gauss's quadrature.
_LARGE, _GAUSS = 40.0, 48
_MOST_ITERATIONS, _SLOW = 60, 0.75
_ROUNDING = 4e-15
_SHORTEST = 2.0**-40

# g at times (s,) and modes (s, *modes).
Source = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Panel(NamedTuple):
    """The solution on one panel.

    Attributes
    ----------
    end
        Its last time.
    table
        Chebyshev coefficients in time, ``(degree + 1, *modes)``.
    state
        At the end, ``(*modes)``.
    length
        That the next panel should have.
    """

    end: float
    table: np.ndarray
    state: np.ndarray
    length: float


class Exponential:
    """Integrates $u' = \\lambda u + g(\\tau, u)$, one panel after the other.

    Parameters
    ----------
    linear
        $\\lambda$, for each mode.
    source
        $g$ at several times and states.
    degree
        p, of the polynomials.
    norm
        Of an array of modes.
    tolerance
        What the highest coefficients of a panel may be, in that norm.
    """

    def __init__(
        self,
        linear: np.ndarray,
        source: Source,
        degree: int,
        norm: Callable[[np.ndarray], float],
        tolerance: float,
    ):
        self.linear, self.source, self.norm = linear, source, norm
        self.tolerance = tolerance
        self.nodes, self.to_chebyshev = _nodes(degree)
        self._weights: dict[float, tuple[np.ndarray, np.ndarray]] = {}

    def panel(self, tau: float, state: np.ndarray, length: float) -> Panel | None:
        """The panel from a time on, of at most a length; none if the shortest fails.

        Lengths are powers of two, for each of which the weights are found once.
        """
        while True:
            length = 2.0 ** np.floor(np.log2(min(length, 1.0 - tau) * (1 + 1e-9)))
            if length < _SHORTEST:
                return None
            values, quick = self._solve(tau, state, length)
            if values is not None:
                table = np.tensordot(self.to_chebyshev, values, axes=1)
                last, one = (self.norm(table[k]) for k in (-1, -2))
                error = max(last, 0.1 * one) / self.tolerance
                if error <= 1:
                    break
            length /= 2
        # Twice the length multiplies the highest coefficient by about 2^p.
        longer = quick and error < 2.0 ** (2 - len(self.nodes))
        end = tau + length
        return Panel(
            1.0 if 1.0 - end < 1e-14 else end,
            table,
            values[-1],
            length * (2 if longer else 1),
        )

    def _solve(
        self, tau: float, state: np.ndarray, length: float
    ) -> tuple[np.ndarray | None, bool]:
        """Values at the nodes, ``(degree + 1, *modes)``, and whether that was quick."""
        flow, weights = self._of(length)
        free = flow * state
        taus = tau + length * self.nodes
        values, before = free, np.inf
        floor = _ROUNDING * self.norm(state)
        for count in range(1, _MOST_ITERATIONS + 1):
            with np.errstate(all="ignore"):
                source = self.source(taus, values)
                new = free + np.einsum("ij...,j...->i...", weights, source)
                moved = max(self.norm(a) for a in new - values)
            if not np.isfinite(moved):
                return None, False
            values = new
            ratio = moved / before
            if moved <= floor or (
                count > 1
                and ratio < 1
                and (moved * ratio / (1 - ratio) <= 0.03 * self.tolerance)
            ):
                return values, count <= _MOST_ITERATIONS // 4
            if count > 3 and ratio > _SLOW:
                # As far as rounding lets it go.
                return (values, False) if moved <= 30 * floor else (None, False)
            before = moved
        return None, False

    def _of(self, length: float) -> tuple[np.ndarray, np.ndarray]:
        """$e^{\\lambda h c}$ and $h W$, ``(degree + 1, *modes)`` and with one more."""
        if length not in self._weights:
            z = length * self.linear.ravel()
            shape = self.linear.shape
            flow = np.exp(z * self.nodes[:, None])
            weights = length * integrals(z, self.nodes)
            self._weights[length] = (
                flow.reshape(-1, *shape),
                weights.reshape(*weights.shape[:2], *shape),
            )
            if len(self._weights) > 4:  # of lengths long past
                del self._weights[next(iter(self._weights))]
        return self._weights[length]


@functools.cache
def _nodes(degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Chebyshev points of [0, 1], and the matrix from values there to coefficients."""
    s = np.sin(np.pi * (2 * np.arange(degree + 1) - degree) / (2 * degree))
    chebyshev = np.polynomial.chebyshev.chebvander(s, degree)
    return (s + 1) / 2, np.linalg.inv(chebyshev)


def integrals(z: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """$W_{ij}(z)$ for many z, ``(i, j, z)``."""
    legendre = np.polynomial.legendre
    degree = len(nodes) - 1
    found = np.empty((len(nodes), degree + 1, len(z)), complex)
    small = np.abs(z) <= _LARGE

    gauss, weights = legendre.leggauss(_GAUSS)
    share = (1 + gauss) / 2
    basis = legendre.legvander(2 * nodes[:, None] * share - 1, degree)
    basis = basis * (weights / 2 * nodes[:, None])[..., None]
    rest = nodes[:, None] * (1 - share)
    for i in range(len(nodes)):
        grown = np.exp(z[small][:, None] * rest[i])
        found[i][:, small] = (grown @ basis[i]).T

    # I_{k+1} = I_{k-1} + (2 (2k+1) I_k - [P_{k+1} - P_{k-1}](c)) / z, from integrating
    # P'_{k+1} - P'_{k-1} = 2 (2k+1) P_k by parts; it is stable where |z| > 2k.
    w = z[~small]
    values = legendre.legvander(2 * nodes - 1, degree)
    grown = np.exp(w * nodes[:, None])
    terms = [(grown - 1) / w]
    terms.append((2 * terms[0] - (values[:, 1:2] + grown)) / w + 0 * w)
    for k in range(1, degree):
        jump = (values[:, k + 1] - values[:, k - 1])[:, None]
        terms.append(terms[k - 1] + (2 * (2 * k + 1) * terms[k] - jump) / w)
    found[:, :, ~small] = np.stack(terms, axis=1)
    inverse = np.linalg.inv(values)  # from values at the nodes to Legendre's basis
    return np.einsum("ikz,kj->ijz", found, inverse)
