r"""Gauss-Newton steps that change parameters no more than a tolerance asks for.

The singular values of a network's Jacobian fall to rounding, and a step along the
weakest of them leaves the range of the linear model at once. So each step is the one of
Tikhonov whose linear model leaves as much as is allowed, and not less (the discrepancy
principle; for Newton's method Hanke, Inverse Problems 13 (1997), 79-95),

$$ \delta = -(M^T M + \lambda)^{-1} M^T r, \qquad \|r + M \delta\| = a. $$

With $a$ the tolerance, the step is the least that does; where that is too far, $a$ is a
share of $\|r\|$, so that the way is made in several steps.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ._blas import blas_threads

# What a step aims at, as shares of the rows; the next where a step was too far.
_AIMS = (0.0, 0.1, 0.3, 0.6)
# Below the tolerance, so that the true rows come below it too.
_BELOW = 0.7
# Rows that fall by less than this share ask for a new Jacobian.
_SLOW, _GAIN = 0.3, 0.5
_MOST_STEPS = 40
# Singular values below this share of the largest are rounding.
_ROUNDING = 1e-14
_HALVINGS, _PRECISE = 60, 0.05


class Linearised:
    """Rows' derivatives, factorised."""

    def __init__(self, matrix: np.ndarray):
        from scipy.linalg import svd

        with blas_threads(4 * matrix.size * matrix.shape[1]):
            u, s, v = svd(matrix, full_matrices=False, check_finite=False)
        r = int(np.sum(s > _ROUNDING * s[0]))
        self._u, self._s, self._v = u[:, :r], s[:r], v[:r]

    def step(self, rows: np.ndarray, aim: float) -> tuple[np.ndarray, float, float]:
        """The step that leaves as much as `aim`, what it leaves, and the least that
        any would."""
        c = self._u.T @ rows
        total, c2 = rows @ rows, c**2
        least = max(total - c2.sum(), 0.0)
        square = max(aim**2, 1.2 * least)
        if square >= total:
            square = (total + least) / 2
        s2 = self._s**2
        left = lambda damping: least + np.sum(c2 * (damping / (s2 + damping)) ** 2)
        low, high = np.log(_ROUNDING**2 * s2[0]), np.log(1e4 * s2[0])
        for _ in range(_HALVINGS):
            if high - low < _PRECISE:
                break
            middle = (low + high) / 2
            low, high = (
                (low, middle) if left(np.exp(middle)) > square else (middle, high)
            )
        damping = np.exp(low)
        step = -self._v.T @ (c * self._s / (s2 + damping))
        return step, float(np.sqrt(left(damping))), float(np.sqrt(least))


class Settled(NamedTuple):
    """Where the steps have come to.

    Attributes
    ----------
    theta
        The parameters.
    more
        What was computed beside the rows there.
    misfit
        The norm of the rows.
    settled
        Whether this is what was allowed, or about the least that there is.
    linearised
        The last factorisation, if any.
    """

    theta: np.ndarray
    more: Any
    misfit: float
    settled: bool
    linearised: Linearised | None


def settle(
    rows: Callable[[np.ndarray], tuple[Any, np.ndarray]],
    slopes: Callable[[np.ndarray], np.ndarray],
    theta: np.ndarray,
    allowed: float,
    linearised: Linearised | None = None,
    jacobians: int = 6,
) -> Settled:
    """Change parameters until the norm of the rows is as small as is allowed.

    Parameters
    ----------
    rows
        Of parameters: anything else, and the rows.
    slopes
        Their derivatives.
    theta
        To start from.
    allowed
        The norm that is.
    linearised
        An earlier factorisation; as long as it serves, no other is made.
    jacobians
        Most factorisations.
    """
    more, r = rows(theta)
    size, least, fresh, aim = float(np.linalg.norm(r)), 0.0, False, 0
    for _ in range(_MOST_STEPS):
        if not size > allowed:
            break
        if linearised is None:
            if jacobians == 0:
                break
            linearised, fresh = Linearised(slopes(theta)), True
            jacobians -= 1
        target = max(_BELOW * allowed, _AIMS[aim] * size)
        step, left, least = linearised.step(r, target)
        if fresh and least > _BELOW * size:
            break
        next_more, next_r = rows(theta + step)
        next_size = float(np.linalg.norm(next_r))
        if next_size < max(_GAIN * size, min(0.9 * size, 1.2 * left)):
            slow = next_size > max(_SLOW * size, 2 * left)
            theta, more, r, size = theta + step, next_more, next_r, next_size
            fresh = False
            if slow:
                linearised = None
        elif not fresh:
            linearised = None
        else:
            aim += 1
            if aim == len(_AIMS):
                break
    # False for a norm that is not a number.
    settled = size <= 3 * max(allowed, least)
    return Settled(theta, more, size, settled, linearised)
