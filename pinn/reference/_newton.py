"""Newton's method for sparse systems of equations."""

from collections.abc import Callable
from typing import Any

import numpy as np

_ITERATIONS = 50
_HALVINGS = 12
_ENOUGH = 1e-12  # correction, relative to the solution
_ROUNDING = 1e-8  # a correction that is this small and grows again is rounding


def newton(
    residual: Callable[[float, np.ndarray], np.ndarray],
    jacobian: Callable[[float, np.ndarray], Any],
    start: np.ndarray,
) -> tuple[np.ndarray, str | None]:
    """Solve ``residual(0, y) = 0``, with steps halved until the residual falls.

    Returns
    -------
    The solution, and why there is none if the iteration failed.
    """
    from scipy.sparse.linalg import splu

    y, f = start, residual(0.0, start)
    last = np.inf
    for _ in range(_ITERATIONS):
        step = -splu(jacobian(0.0, y).tocsc()).solve(f)
        size = float(np.linalg.norm(step))
        if not np.isfinite(size):
            return y, "Newton's method met a singular system."
        whole = float(np.linalg.norm(y + step))
        if size <= _ENOUGH * whole or (last <= _ROUNDING * whole and size >= last / 2):
            return y + step, None
        share = 1.0
        for _ in range(_HALVINGS):
            new = y + share * step
            f_new = residual(0.0, new)
            if np.linalg.norm(f_new) < np.linalg.norm(f):
                break
            share /= 2
        else:
            # The residual is rounding, or there is no way down.
            if size <= _ROUNDING * whole:
                return y + step, None
            return y, "Newton's method made no progress."
        y, f, last = new, f_new, size if share == 1.0 else np.inf
    return y, f"Newton's method took more than {_ITERATIONS} iterations."
