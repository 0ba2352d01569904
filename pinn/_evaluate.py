"""The values of a field at many points."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._compiled import Compiled
from ._network import Evolved

# Numbers looked up together for some points. Larger arrays would be given back to the
# system each time, which costs more than the arithmetic.
_AT_ONCE = 2**18
# Points of a picture or a table that are computed together.
_BLOCK = 16_384


def mapped(function: Callable[..., Any], field: Any, arguments: tuple[Any, ...]) -> Any:
    """A function of one point at many, stacked along a leading axis. Traceable.

    A `field` of a march, which the function evaluates, looks up a table of numbers for
    each point, too many for all points at once.
    """
    if not isinstance(field, Evolved):
        return jax.vmap(function)(*arguments)
    some = max(1, _AT_ONCE // field.coefficients[0].size)
    return jax.lax.map(lambda a: function(*a), arguments, batch_size=some)


def at_points(field: Any, arguments: tuple[Any, ...]) -> Any:
    """Values ``(n, *d)`` of a field at many points. Traceable."""
    return mapped(field, field, arguments)


evaluated = Compiled(at_points)


def in_blocks(
    function: Callable[[tuple[Any, ...]], Any], arguments: Sequence[Any]
) -> Any:
    """A function of many points, computed for some of them at a time, on the host.

    All blocks have one size, the last filled up by its last point, so that one program
    serves; memory does not grow with the number of points.
    """
    dtype, n = jnp.result_type(float), len(arguments[-1])
    parts = []
    for start in range(0, n, _BLOCK):
        some = [np.asarray(a[start : start + _BLOCK], dtype) for a in arguments]
        missing = min(_BLOCK, n) - len(some[0])
        some = [np.concatenate([a, np.repeat(a[-1:], missing, 0)]) for a in some]
        parts.append(jax.device_get(function(tuple(map(jnp.asarray, some)))))
    return jax.tree.map(lambda *a: np.concatenate(a)[:n], *parts)
