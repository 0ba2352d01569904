"""Newton's method for sparse systems of equations."""

from collections.abc import Callable
from typing import Any

import numpy as np

_ITERATIONS = 50
_HALVINGS = 12
_ENOUGH = 1e-12  # correction, relative to the solution
_ROUNDING = 1e-8  # a correction that is this small and grows again is rounding


def newton(
    linearised: Callable[[float, np.ndarray], tuple[np.ndarray, Any]],
    start: np.ndarray,
) -> tuple[np.ndarray, str | None]:
    """Solve ``f(y) = 0``, with steps halved until the residual falls.

    Parameters
    ----------
    linearised
        ``linearised(0.0, y)`` is f and its derivative, a sparse matrix.
    start
        Where the iteration begins.

    Returns
    -------
    The solution, and why there is none if the iteration failed.
    """
    from scipy.sparse.linalg import splu

    y, last = start, np.inf
    f, matrix = linearised(0.0, y)
    for _ in range(_ITERATIONS):
        step = -splu(matrix.tocsc()).solve(f)
        size, whole = _norm(step), _norm(y + step)
        if not np.isfinite(size):
            return y, "Newton's method met a singular system."
        if size <= _ENOUGH * whole or (last <= _ROUNDING * whole and size >= last / 2):
            return y + step, None
        for halving in range(_HALVINGS):
            new = y + 0.5**halving * step
            f_new, matrix_new = linearised(0.0, new)
            if _norm(f_new) < _norm(f):
                break
        else:
            # The residual is rounding, or there is no way down.
            if size <= _ROUNDING * whole:
                return y + step, None
            return y, "Newton's method made no progress."
        y, f, matrix, last = new, f_new, matrix_new, size if halving == 0 else np.inf
    return y, f"Newton's method took more than {_ITERATIONS} iterations."


def _norm(y: np.ndarray) -> float:
    """Euclidean length; infinite where the numbers are not finite or overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        size = float(np.sqrt(np.sum(y**2)))
    return size if np.isfinite(size) else np.inf
