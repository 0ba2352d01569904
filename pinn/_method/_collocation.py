r"""Implicit Runge-Kutta methods of high order, whose steps are panels of the solution.

Collocation at Radau's points: on a panel of length h the state is the polynomial that
has the value $y_0$ at its begin and satisfies $\dot y = F(\tau, y)$ at s points, of
which the last is its end,

$$ Y = 1 \otimes y_0 + h\, (A \otimes I)\, F(Y). $$

The method is stable for all decays, damps the fastest, and has order 2s - 1 at the ends
of panels and s + 1 in between, also for stiff systems. So few long panels take the
place of many steps. The equations are solved by Newton's method with the Jacobian J of
the panel's begin; with $A = T \Lambda T^{-1}$ each iteration is s independent systems
with $I - h\lambda_i J$, half of them the conjugates of the others. All of it runs on
the host, where nothing is compiled.

References
----------
Hairer & Wanner, Solving Ordinary Differential Equations II, IV.5 and IV.8.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ._blas import blas_threads, library

# Iterations that are worth while; beyond the second number the panel is shortened.
_MOST_ITERATIONS, _MANY = 12, 7
# The last correction may be so large against what the panel may err by.
_SOLVED = 0.1
# Corrections below this share of the state are rounding.
_ROUNDING = 1e-14
_SLOW = 0.7
# By how much a panel may be shortened, and be longer than the one before.
_SHORTER, _LONGER, _SAFETY = 0.1, 3.0, 0.8

_FACTOR_SOLVE = ("getrf", "getrs")

Function = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Tableau(NamedTuple):
    """Radau's method with s stages.

    Attributes
    ----------
    nodes
        $c$, in (0, 1], ``(s,)``.
    matrix
        $A$, ``(s, s)``.
    values
        $\\Lambda$: one of each pair of conjugate eigenvalues.
    left, right
        The rows of $T^{-1}$ and the columns of $T$ that belong to them; the latter are
        doubled for pairs, of which the real part is the sum.
    to_chebyshev
        From the values at 0 and at the nodes to coefficients of Chebyshev polynomials.
    """

    nodes: np.ndarray
    matrix: np.ndarray
    values: np.ndarray
    left: np.ndarray
    right: np.ndarray
    to_chebyshev: np.ndarray


@functools.cache
def tableau(stages: int) -> Tableau:
    """Radau's method with so many stages."""
    legendre, chebyshev = np.polynomial.legendre, np.polynomial.chebyshev
    # The zeros of P_s - P_{s-1} in [-1, 1], by Newton's method from the companion's.
    series = np.zeros(stages + 1)
    series[-2:] = -1.0, 1.0
    s = np.sort(legendre.legroots(series).real)
    slope = legendre.legder(series)
    for _ in range(3):
        s = s - legendre.legval(s, series) / legendre.legval(s, slope)
    s[-1] = 1.0
    # Integrals from -1 of the Legendre polynomials, at the nodes; [0, 1] is half of it.
    basis = np.eye(stages)
    integrals = legendre.legval(s, legendre.legint(basis, lbnd=-1)).T / 2
    matrix = np.linalg.solve(legendre.legvander(s, stages - 1).T, integrals.T).T
    values, right = np.linalg.eig(matrix)
    left = np.linalg.inv(right)
    keep = np.imag(values) >= 0
    twice = np.where(np.imag(values) > 0, 2.0, 1.0)
    return Tableau(
        (s + 1) / 2,
        matrix,
        values[keep],
        left[keep],
        (right * twice)[:, keep],
        np.linalg.inv(chebyshev.chebvander(np.concatenate([[-1.0], s]), stages)),
    )


class Panel(NamedTuple):
    """The solution on one panel.

    Attributes
    ----------
    taus, states
        The begin and the nodes, ``(s + 1,)`` and ``(s + 1, q)``.
    error
        The estimated error over what is allowed.
    length
        That the next panel should have.
    """

    taus: np.ndarray
    states: np.ndarray
    error: float
    length: float


class Collocation:
    """Integrates $y' = F(\\tau, y)$, one panel after the other.

    Parameters
    ----------
    function
        $F$ at many times and states, ``(n,)`` and ``(n, q)``.
    slopes
        The Jacobian at one time and state, ``(q, q)``.
    stages
        s, the degree of the polynomials.
    tolerance
        What a panel may err by: the norm of the last coefficients of its polynomial.
    constant
        The Jacobian where it is always the same, so that the function is
        $J y + g(\\tau)$; panels, but for the last, then have lengths $2^{-k}$, for each
        of which there is one factorisation.
    """

    def __init__(
        self,
        function: Function,
        slopes: Callable[[float, np.ndarray], np.ndarray],
        stages: int,
        tolerance: float,
        constant: np.ndarray | None = None,
    ):
        self.function, self.slopes, self.tolerance = function, slopes, tolerance
        self.tableau, self.constant = tableau(stages), constant
        self._factors: dict[float, Any] = {}

    def panel(self, tau: float, state: np.ndarray, length: float) -> Panel | None:
        """The panel from a time on, of at most a length; none if the shortest fails."""
        jacobian = self.constant
        if jacobian is None:
            jacobian = self.slopes(tau, state)
            if not np.isfinite(jacobian).all():
                return None
        shortest = 1e-13 * max(tau, 1e-3)
        while length > shortest:
            length = self._fitting(tau, length)
            taus, values, worth = self._solve(tau, state, length, jacobian)
            if values is None:
                length *= 0.5 if self.constant is not None else 0.3
                continue
            error = self._error(values)
            factor = _SAFETY * max(error, 1e-300) ** (-1 / (len(taus) - 1))
            factor = min(max(factor, _SHORTER), _LONGER, worth)
            if error <= 1:
                return Panel(taus, values, error, length * factor)
            length *= min(factor, 0.9)
        return None

    def _fitting(self, tau: float, length: float) -> float:
        """The length, or a power of two below it, up to the end at most."""
        left = 1.0 - tau
        if self.constant is None:
            # Not so that a sliver is left over.
            return left if length > 0.9 * left else min(length, 0.6 * left)
        # The end is no sum of few such powers where a window begins at any time.
        return left if length >= left else 2.0 ** np.floor(np.log2(length * (1 + 1e-9)))

    def _error(self, values: np.ndarray) -> float:
        """Of the highest coefficients; one may vanish by symmetry."""
        last = self.tableau.to_chebyshev[-2:] @ values
        sizes = np.linalg.norm(last, axis=1)
        return float(max(sizes[1], 0.1 * sizes[0]) / self.tolerance)

    def _solve(self, tau, state, length, jacobian):
        """Times and states of a panel, and by how much the next may be longer."""
        method = self.tableau
        taus = tau + length * np.concatenate([[0.0], method.nodes])
        taus[-1] = 1.0 if abs(taus[-1] - 1.0) < 1e-14 else taus[-1]
        solve = self._factored(length, jacobian)
        s, q = len(method.nodes), len(state)
        function = self.function
        if self.constant is not None:
            source = self.function(taus[1:], np.zeros((s, q)))
            function = lambda _, y: source + y @ jacobian.T
        y, before, worth = np.broadcast_to(state, (s, q)), np.inf, _LONGER
        size = np.linalg.norm(state)
        for count in range(1, _MOST_ITERATIONS + 1):
            rest = length * (method.matrix @ function(taus[1:], y)) - (y - state)
            change = solve(rest)
            y = y + change
            moved = float(np.linalg.norm(change, axis=1).max())
            if not np.isfinite(moved):
                return taus, None, worth
            ratio = moved / before if count > 1 else 0.0
            floor = _ROUNDING * max(size, float(np.linalg.norm(y[-1])))
            enough = _SOLVED * self.tolerance
            if moved <= floor or (
                count > 1 and ratio < 1 and moved * ratio / (1 - ratio) <= enough
            ):
                worth = 1.0 if count > _MANY else _LONGER
                return taus, np.concatenate([state[None], y]), worth
            if self.constant is not None and count > 2 and ratio > 0.5:
                # Rounding is all that is left.
                known = moved <= self.tolerance
                return taus, np.concatenate([state[None], y]) if known else None, worth
            if count > 2 and ratio > _SLOW:
                return taus, None, worth
            before = moved
        return taus, None, worth

    def _factored(self, length, jacobian) -> Callable[[np.ndarray], np.ndarray]:
        """Solves the linear systems of an iteration."""
        lapack, method = library("lapack"), self.tableau
        factors = self._factors.get(length)
        if factors is None:
            q = len(jacobian)
            factors = []
            with blas_threads(2 * q**3):
                for value in method.values:
                    value, kind = (value, "z") if value.imag else (value.real, "d")
                    matrix = np.eye(q) - length * value * jacobian
                    factor, back = (getattr(lapack, kind + n) for n in _FACTOR_SOLVE)
                    lu, pivots, _ = factor(matrix, overwrite_a=True)
                    factors.append((back, lu, pivots))
            if self.constant is not None:
                self._factors[length] = factors

        def solve(rest):
            result = np.zeros(rest.shape)
            rows = method.left @ rest
            with blas_threads(0):
                for (back, lu, pivots), row, column in zip(
                    factors, rows, method.right.T, strict=True
                ):
                    row = row if np.iscomplexobj(lu) else row.real
                    found, _ = back(lu, pivots, row)
                    result += (column[:, None] * found[None]).real
            return result

        return solve
