"""The unknowns of a field as one vector, and the rows as a function of it."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from .._compiled import Compiled
from .._points import Points
from .._precision import arithmetic, fitting
from .._residuals import Residuals, trainable_leaves


def parameters(field: Any) -> Float[Array, " p"]:
    """All trainable numbers of a field, leaf after leaf."""
    flat, _ = ravel_pytree(eqx.filter(field, trainable_leaves(field)))
    return flat


def with_parameters(field: Any, theta: Any) -> Any:
    """The field whose trainable numbers are `theta`."""
    unknown, known = eqx.partition(field, trainable_leaves(field))
    flat, unravel = ravel_pytree(unknown)
    return eqx.combine(unravel(jnp.asarray(theta, flat.dtype)), known)


def choose(condition: Any, yes: Any, no: Any) -> Any:
    """Of two pytrees of equal structure, the first where the condition holds."""
    pick = lambda a, b: jnp.where(condition, a, b) if eqx.is_array(a) else a
    return jax.tree.map(pick, yes, no)


def rows_at(
    residuals: Residuals, field: Any, theta: Any, points: Points
) -> Float[Array, " rows"]:
    """The weighted rows of that field."""
    return residuals.rows(with_parameters(field, theta), points)


def linearise_at(
    residuals: Residuals,
    field: Any,
    theta: Any,
    points: Points,
    narrow: bool = False,
) -> tuple[Float[Array, " rows"], Float[Array, "rows p"]]:
    """The same with its derivatives, (N, P): where `narrow`, only these in 32 bit."""
    field = with_parameters(field, theta)
    if not narrow:
        return residuals.linearise(field, trainable_leaves(field), points)
    rows = residuals.rows(field, points)
    with arithmetic(32):
        residuals, field, points = fitting((residuals, field, points))
        _, matrix = residuals.linearise(field, trainable_leaves(field), points)
    return rows, matrix


rows_compiled = Compiled(rows_at)
linearise_compiled = Compiled(linearise_at, barriers=True)
