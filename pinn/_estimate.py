"""An error estimate for any field: the correction that its own residual asks for."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from ._compiled import Compiled
from ._evolved_rows import derivatives_at
from ._feature_rows import AutodiffRows, FeatureRows, readout_rows
from ._method import Lack, LeastSquares
from ._mirrors import Mirror, Mirrored, shared_mirrors
from ._network import Corrected, Evolved
from ._points import Points, PointSource, on_device
from ._preflight._numbers import is_reverse_only
from ._residuals import Residuals

_FEATURES = 400
_STREAM = 1_000_000
# Finer scales are for fields with fronts: they are tried where the coarse ones leave
# more than this share of the residual, as long as each leaves less than the one before.
_SCALES, _FINER = (0.5, 1.0, 2.0, 4.0), (8.0, 16.0, 32.0, 64.0)
_UNEXPLAINED = 0.1
# A correction that leaves more of the residual explains next to nothing of it.
_NOTHING = 0.9
# Points of space, and halvings of the duration, at which two marches are compared.
_PLACES, _HALVINGS = 128, 30
# In more dimensions fields are not moved along the axes: nothing of that is measured.
_MOST_AXES = 3

# Of a residual rho and a stability sigma, the error is rho / sigma at most. On 14
# problems with known solutions, whose sigma was from 1 down to 4e-6, it was between
# 1/250 and 0.6 of that, alike for all sigma; where sigma is near 1 a change of the
# field by its own size changes the rows by half of it, about. An error is taken to be
# no less than a third of the most that was found.
_LEAST_ERROR, _WELL_POSED = 1 / 5, 1 / 2
# Below this share of the residual per change of the solution, one is told.
NEARLY_SINGULAR = 1e-3

# Rounding units by which a field's rows are wrong, relative to its size: a residual
# below says nothing.
_ROUNDING = 100
# Where sizes hardly help, how far the solution still is can be told no longer. In a
# corner with the square root of the distance, and in one with its power 2/3, errors
# were 2 to 6 times the difference of two sizes.
_LONGEST_TAIL = 4.0


def hidden_error(residual: float, stability: float) -> float:
    """How large a relative error a residual may hide.

    Parameters
    ----------
    residual
        The weighted residual on fresh points over the size of the field.
    stability
        The least residual of a change of the field, over the size of the change
        (`_method._stability`); infinite where it is not known.
    """
    hidden = residual
    if stability < _WELL_POSED:
        rounding = _ROUNDING * float(jnp.finfo(jnp.result_type(float)).eps)
        hidden = max(residual, rounding) * _WELL_POSED / stability
    return hidden


def least_error(residual: float, stability: float) -> float:
    """What the relative error is taken to be at least, up to 1."""
    return min(1.0, _LEAST_ERROR * hidden_error(residual, stability))


def still_to_come(ratio: float) -> float:
    r"""The error of a field over what it differs by from the one before, at least 1.

    Where each size leaves the share $\rho$ of the error of the one before, the fields
    of all later sizes differ by a geometric series, $\rho/(1 - \rho)$ times the last
    difference. That counts from a half on, as in a corner where the solution is
    singular.

    Parameters
    ----------
    ratio
        The residual of a size over that of the size before.
    """
    if not ratio < 1:
        return _LONGEST_TAIL
    return min(max(1.0, ratio / (1 - ratio)), _LONGEST_TAIL)


def error_of_zero(stability: float) -> float:
    """The relative error of the field that is zero and satisfies all rows.

    It is the solution, or, where another field leaves next to no rows, one of many: any
    multiple of that may be meant.
    """
    return 1.0 if stability < NEARLY_SINGULAR else 0.0


def lack(
    residuals: Residuals,
    field: Any,
    source: PointSource,
    judge: Points,
    key: PRNGKeyArray,
    *,
    moved: bool = True,
) -> Lack:
    r"""What a field lacks, by the correction that its residual asks for.

    The error satisfies $J e = -r$ to first order. It is solved for by least squares
    on fresh rows, in waves whose scale fits $r$ best, and its norm is taken, raised by
    the share of the residual that it leaves; or, where it explains next to nothing,
    what the residual may hide. Changes that break a symmetry which the field shares
    with its problem are left out (see `_mirrors`). The stability against moving the
    field is not measured where `moved` is false: a program has to be compiled for it.
    """
    problem = residuals.problem
    shape = jax.eval_shape(field, *_one(judge)).shape
    points = source.draw(source.counts(2 * _FEATURES), stream=_STREAM)
    change = rows = of_field = best_scale = math.nan
    left = share = math.inf
    mirrors = shared_mirrors(residuals, field, judge)
    stability = math.inf
    if moved:
        stability = _of_translations(residuals, field, judge, mirrors)
    trained = judged = None
    for scale in (*_SCALES, *_FINER):
        if scale in _FINER and (left < _UNEXPLAINED or share > left):
            break
        method = LeastSquares(scale=scale, features=_FEATURES, steps=1)
        features = method.default_field(problem, shape, key=key)
        for mirror in mirrors:
            features = Mirrored(features, mirror)
        corrected = Corrected(field, features)
        # All scales share the points, and the field there.
        trained = _at(trained, residuals, corrected, points)
        judged = at = _at(judged, residuals, corrected, judge)
        state, _ = method.step(residuals, points, method.start(trained))
        stability = min(stability, state.stability)
        none = np.zeros_like(state.c)
        base, values = at.values(none), at.values(state.c)
        before, after = (float(np.linalg.norm(at.rows(c))) for c in (none, state.c))
        size = float(np.linalg.norm(values))
        share = after / before if before > 0 else 0.0
        if share < left and size > 0:
            left, best_scale = share, scale
            change = float(np.linalg.norm(values - base)) / size
            rows = before / size * math.sqrt(len(values))
            of_field = size / math.sqrt(len(values))
    if math.isnan(change):
        error = error_of_zero(stability) if share == 0 else math.nan
        return Lack(error, stability=stability)
    # What the correction does not explain may be as large an error again.
    hidden = min(1.0, hidden_error(rows, stability))
    best = change / (1 - left) if left < _NOTHING else max(change, hidden)
    error = max(best, least_error(rows, stability))
    # Uniform weights up to 1 have a mean square of 1/3 for each coordinate.
    length = best_scale * math.sqrt(problem.in_size / 3)
    return Lack(error, best * of_field, length, stability)


def _at(
    before: FeatureRows | AutodiffRows | None,
    residuals: Residuals,
    field: Corrected,
    points: Points,
) -> FeatureRows | AutodiffRows:
    """The rows of a field, where those of another correction may be known."""
    if before is None:
        return readout_rows(residuals, field, points)
    return before.of(field)


def _of_translations(
    residuals: Residuals, field: Any, judge: Points, mirrors: list[Mirror]
) -> float:
    """The stability against moving the field along an axis of space.

    A front that hardly anything holds at its place is too steep for most features. Its
    symmetry may hold it.
    """
    dim, points = residuals.problem.domain.dim, on_device(judge)
    if dim > _MOST_AXES:
        return math.inf
    least = math.inf
    held = {mirror.axis for mirror in mirrors}
    for i, axis in enumerate(jnp.eye(dim, dtype=jnp.result_type(float))):
        if i in held:
            continue
        try:
            rows, values = _moved(residuals, field, points, axis)
        except (TypeError, NotImplementedError) as error:
            if not is_reverse_only(error):
                raise
            return math.inf
        change, size = float(jnp.linalg.norm(rows)), float(jnp.linalg.norm(values))
        if size > 0:
            least = min(least, change / size * math.sqrt(len(values)))
    return max(least, float(np.finfo(float).eps))


def _along(residuals: Residuals, field: Any, points: Points, axis: Any) -> Any:
    """What the rows and the values change by as the field moves."""

    def at(distance: Any) -> Any:
        moved = lambda *y: field(*y[:-1], y[-1] + distance * axis)
        values = jax.vmap(moved)(*points["equation"].arguments)
        return residuals.rows(moved, points), values

    zero = jnp.zeros((), axis.dtype)
    return jax.jvp(at, (zero,), (jnp.ones_like(zero),))[1]


_moved = Compiled(_along)


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
