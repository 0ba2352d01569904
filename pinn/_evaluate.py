"""The values of a field at many points."""

from collections.abc import Callable
from typing import Any

import jax

from ._compiled import Compiled
from ._network import Evolved

# Numbers looked up together for some points. Larger arrays would be given back to the
# system each time, which costs more than the arithmetic.
_AT_ONCE = 2**18


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
