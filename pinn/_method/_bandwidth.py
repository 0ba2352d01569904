"""How fine waves must be to follow data, for each axis of space."""

from typing import Any

import numpy as np

from .._problem import Problem
from ._windows import initial_values

# Points on a line, and lines along each axis.
_POINTS, _LINES = 129, 5
# Coefficients below this share of the largest are not followed.
_CUT = 1e-11
# A wave of frequency f per half width takes polynomials of a degree up to about 1.5 f,
# and some 10 more for eleven digits.
_DEGREES, _MORE = 1.5, 10


def bandwidth(problem: Problem, shape: Any, order: int) -> tuple[float, ...]:
    """The largest frequency in the initial data along each axis, per half width.

    From the decay of Chebyshev coefficients along a few lines through the domain; data
    that is not smooth there counts as one that is fully oscillating.
    """
    chebyshev = np.polynomial.chebyshev
    lower, upper = (np.asarray(b, float) for b in problem.domain.bounds)
    s = chebyshev.chebpts1(_POINTS)
    to_coefficients = np.linalg.inv(chebyshev.chebvander(s, _POINTS - 1))
    dim, rng = problem.domain.dim, np.random.default_rng(0)
    result = []
    for axis in range(dim):
        through = np.repeat(rng.uniform(-0.9, 0.9, (_LINES, 1, dim)), _POINTS, axis=1)
        through[:, :, axis] = s
        x = (lower + upper) / 2 + (upper - lower) / 2 * through
        values = initial_values(problem, shape, order, x.reshape(-1, dim), partly=True)
        degree = 0
        for table in values:
            lines = table.reshape(_LINES, _POINTS, -1)
            lines = lines[np.isfinite(lines).all(axis=(1, 2))]
            size = np.abs(to_coefficients @ lines).max(axis=(0, 2), initial=0.0)
            if size.max(initial=0.0) > 0:
                degree = max(degree, int(np.flatnonzero(size > _CUT * size.max())[-1]))
        result.append(max(0.0, (degree - _MORE) / _DEGREES))
    return tuple(result)
