"""Letters for axes, and aliases for the functions that appear everywhere.

Axes: ``n`` points, ``dim`` coordinates of space, ``d`` components of a field,
``m`` features, ``p`` unknowns, ``k`` components of a residual.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from jaxtyping import Array

# A field takes one point, its arguments ordered from slow to fast with space last
# (`u(x)`, `u(t, x)`), and returns a scalar `()` or a vector `(d,)`.
FieldLike: TypeAlias = Callable[..., Any]
Activation: TypeAlias = Callable[[Array], Array]
