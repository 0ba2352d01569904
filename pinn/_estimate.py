"""An error estimate for any field: the correction that its own residual asks for."""

import math
from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from ._evolved_rows import derivatives_at
from ._feature_rows import readout_rows
from ._method import LeastSquares
from ._network import Evolved, blocks
from ._points import Points, PointSource
from ._residuals import Residuals

_FEATURES = 400
_STREAM = 1_000_000
_SCALES = (0.5, 1.0, 2.0, 4.0)
# Points of space, and halvings of the duration, at which two marches are compared.
_PLACES, _HALVINGS = 128, 30


class Corrected(eqx.Module):
    """A field plus a correction; only the readout of the correction is unknown."""

    base: Any
    correction: Any

    @property
    def readout(self) -> Any:
        return self.correction.readout

    def features(self, *arguments: Any) -> Any:
        return self.correction.features(*arguments)

    def offset(self, *arguments: Any) -> Any:
        return self.base(*arguments)

    def blocks(self, size: int) -> Iterator[tuple[np.ndarray, Any]]:
        return blocks(self.correction, size)

    def __call__(self, *arguments: Any) -> Any:
        return self.base(*arguments) + self.correction(*arguments)


def correction(
    residuals: Residuals,
    field: Any,
    source: PointSource,
    judge: Points,
    key: PRNGKeyArray,
) -> float:
    r"""Estimate the relative L2 error of a field from its residual.

    The error satisfies $J e = -r$ to first order. It is solved for by least squares
    on fresh rows, in features whose scale fits $r$ best, and its norm over that of the
    field is returned, raised by the share of the residual that it leaves.

    Returns
    -------
    float
        Dimensionless; ``nan`` where the field is zero.
    """
    problem = residuals.problem
    shape = jax.eval_shape(field, *_one(judge)).shape
    points = source.draw(source.counts(2 * _FEATURES), stream=_STREAM)
    best, left = math.nan, math.inf
    for scale in _SCALES:
        method = LeastSquares(scale=scale, features=_FEATURES, steps=1)
        features = method.default_field(problem, shape, key=key)
        corrected = Corrected(field, features)
        state = method.init(residuals, corrected, points, key=key)
        state, _ = method.step(residuals, points, state)
        at = readout_rows(residuals, corrected, judge)
        none = np.zeros_like(state.c)
        base, values = at.values(none), at.values(state.c)
        before, after = (float(np.linalg.norm(at.rows(c))) for c in (none, state.c))
        size = float(np.linalg.norm(values))
        share = after / before if before > 0 else 0.0
        if share < left and size > 0:
            left = share
            change = float(np.linalg.norm(values - base)) / size
            rows = before / size * math.sqrt(len(values))
            # What the correction does not explain may be as large an error again;
            # where it explains next to nothing, only the rows themselves are left.
            best = change / (1 - share) if share < 0.9 else max(change, rows)
    return best


def _one(points: Points) -> tuple[Any, ...]:
    return tuple(jnp.asarray(a[0]) for a in points["equation"].arguments)


def difference_in_time(
    field: Evolved, other: Evolved, x: np.ndarray, time: tuple[float, float]
) -> float:
    r"""How far two marches are apart, relative to the first, from the first time on.

    $(\int \|u - v\|^2 dt / \int \|u\|^2 dt)^{1/2}$ by the trapezoidal rule, at the
    first time and where $2^{-k}$ of the duration has passed. Initial data that
    disagrees with a condition makes a layer so short that points spread evenly over
    space and time miss it.

    Parameters
    ----------
    field, other
        The marches.
    x
        Points spread over space, ``(n, dim)``; the first of them are used.
    time
        First and last.
    """
    start, stop = time
    passed = np.append(0.0, 0.5 ** np.arange(_HALVINGS, -1, -1.0))
    x = np.asarray(x[:_PLACES])
    arguments = (
        np.repeat(start + (stop - start) * passed, len(x)),
        np.tile(x, (len(passed), 1)),
    )
    unit = np.ones(1 + x.shape[1])
    u, v = (derivatives_at(f, arguments, ((),), unit)[0] for f in (field, other))
    squares = lambda a: np.sum(a.reshape(len(passed), -1) ** 2, axis=1)
    apart, size = (float(np.trapezoid(squares(a), passed)) for a in (u - v, u))
    return math.sqrt(apart / size) if size > 0 else 0.0
