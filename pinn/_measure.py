"""The figures of a report that need the field: errors, residual, violation."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._compiled import Compiled
from ._condition import RowInput
from ._conserved import changes
from ._equation import jet_frame, residual_size
from ._evaluate import at_points
from ._evolved_rows import derivatives_at
from ._feature_rows import FeatureRows, serves
from ._host import Hosted
from ._method._fourier_rows import evolved_rows
from ._network import Evolved
from ._points import Points, on_device
from ._residuals import Residuals
from .metrics import max_error, relative_l2, root_mean_square


def measure(
    residuals: Residuals, field: Any, fresh: Points, many: RowInput
) -> dict[str, Any]:
    """The figures of a report that need the field.

    Parameters
    ----------
    residuals
        The rows, with the structure of their jets.
    field
        The field that was found.
    fresh
        Row inputs of every term, never seen before.
    many
        More row inputs of the equation, for the error.

    Returns
    -------
    dict
        ``relative_l2`` and ``max_error`` against the exact solution, ``None`` without
        one; ``residual_fresh``, the residual of the equation over the size of what
        cancels in it (root mean squares); ``condition_violation``, the largest root
        mean square of a condition's residual over that of the field. The residuals
        are divided by the size of their operators; all but ``max_error`` are
        dimensionless. ``conserved``, if the problem names such quantities, is the
        relative change of each.
    """
    exact = residuals.problem.exact
    if isinstance(field, Evolved):
        unit = np.ones(residuals.problem.in_size)
        (values,) = derivatives_at(field, many.arguments, ((),), unit)
        values = values.reshape(len(values), *field.coefficients.shape[2:-1])
        raw = _compared(jax.device_put(values), exact, on_device(many.arguments))
    else:
        raw = _errors(field, exact, on_device(many.arguments))
    raw = jax.device_get(raw)
    size = raw.pop("size")
    result: dict[str, Any] = {"relative_l2": None, "max_error": None}
    result.update({k: float(v) for k, v in raw.items()})
    if isinstance(field, Evolved):
        pairs = _sized(evolved_rows(residuals, field, fresh).parts())
    elif serves(residuals, field):
        # What the method has compiled serves here once more.
        at = FeatureRows(residuals, field, fresh)
        pairs = _sized(at.sizes(at.start()))
    else:
        order = dict(residuals.structure.orders)["equation"]
        frame, _ = jet_frame(residuals.problem, order)
        pairs = jax.device_get(_sizes(residuals, field, on_device(fresh), frame, order))
    rows, parts = pairs.pop("equation")
    result["residual_fresh"] = _ratio(rows, parts)
    result["condition_violation"] = max(
        (_ratio(rows, size) for rows, _ in pairs.values()), default=0.0
    )
    problem = residuals.problem
    result["conserved"] = changes(problem, field) if problem.conserved else None
    return result


def _sized(tables: dict[str, Any]) -> dict[str, tuple[float, float]]:
    return {name: (rms(rows), rms(parts)) for name, (rows, parts) in tables.items()}


def _measure_errors(field, exact, arguments):
    return _compare(at_points(field, arguments), exact, arguments)


def _compare(values, exact, arguments):
    result = {"size": root_mean_square(values)}
    if exact is not None:
        expected = jnp.asarray(jax.vmap(exact)(*arguments), values.dtype)
        expected = expected.reshape(values.shape)
        result["relative_l2"] = relative_l2(values, expected)
        result["max_error"] = max_error(values, expected)
    return result


def _measure_sizes(residuals, field, fresh, frame, order):
    problem = residuals.problem
    result = {
        name: (root_mean_square(rows), jnp.zeros(()))
        for name, rows in residuals.by_term(field, fresh).items()
    }
    rows, parts = residual_size(
        problem.equation, field, fresh["equation"], frame, order
    )
    scaled = lambda a: root_mean_square(residuals.factors["equation"][None, :] * a)
    result["equation"] = (scaled(rows), scaled(parts))
    return result


_errors = Hosted(_measure_errors, beyond=Compiled(_measure_errors))
_compared = Hosted(_compare, beyond=Compiled(_compare))
_sizes = Compiled(_measure_sizes)


def _ratio(a: Any, b: Any) -> float:
    if a == b == 0:  # the field is zero, and so it should be
        return 0.0
    with np.errstate(divide="ignore", invalid="ignore"):  # the field may be zero
        return float(np.divide(a, b))


def rms(values: np.ndarray) -> float:
    """Root mean square of the rows of a table, on the host."""
    return float(np.linalg.norm(values) / np.sqrt(len(values)))
