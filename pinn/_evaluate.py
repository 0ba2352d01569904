"""The values of a field at many points."""

from typing import Any

import jax

from ._compiled import Compiled
from ._network import Evolved

# Points at which a field of a march is evaluated together.
_AT_ONCE = 256


def at_points(field: Any, arguments: tuple[Any, ...]) -> Any:
    """Values ``(n, *d)`` at points that are stacked along a leading axis. Traceable.

    A field of a march looks up a table of numbers for each point, too many for all
    points at once.
    """
    if not isinstance(field, Evolved):
        return jax.vmap(field)(*arguments)
    return jax.lax.map(lambda a: field(*a), arguments, batch_size=_AT_ONCE)


evaluated = Compiled(at_points)
