"""The grids that fields are tabulated on."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from .._compiled import Compiled
from .._domain import AbstractDomain
from .._evaluate import in_blocks, mapped

SPACE = ("x", "y", "z")
_DEFAULT = {1: 201, 2: 101, 3: 41}
_TIMES = 21


def coordinates(
    domain: AbstractDomain, grid: Any, time: tuple[float, float] | None
) -> dict[str, np.ndarray]:
    """One array for each coordinate, by its name: t, x, y, z.

    Raises
    ------
    ValueError
        If `grid` is neither a number nor a mapping from these names to arrays.
    """
    if domain.dim > len(SPACE):
        raise ValueError(
            f"`field` has {domain.dim} coordinates of space; tables take up to three. "
            "Evaluate it at points of your own by `jax.vmap`."
        )
    lower, upper = (np.asarray(b, float) for b in domain.bounds)
    limits = {} if time is None else {"t": time}
    names = SPACE[: domain.dim]
    limits |= dict(zip(names, zip(lower, upper, strict=True), strict=True))
    number = _DEFAULT[domain.dim]
    given = {}
    if isinstance(grid, Mapping):
        given = {name: np.asarray(a, float) for name, a in grid.items()}
        if not set(given) <= set(limits) or any(a.ndim != 1 for a in given.values()):
            raise ValueError(
                f"`grid` takes one array for each of {', '.join(limits)}, a number of "
                f"points, or None; got {dict(grid)!r}."
            )
    elif isinstance(grid, int | np.integer) and grid > 1:
        number = int(grid)
    elif grid is not None:
        raise ValueError(
            "`grid` takes a number of points along each axis, at least two, or a "
            f"mapping from {', '.join(limits)} to arrays; got {grid!r}."
        )
    return {
        name: given[name]
        if name in given
        else np.linspace(*ends, _TIMES if name == "t" else number)
        for name, ends in limits.items()
    }


def tabulate(
    field: Any, domain: AbstractDomain, axes: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Values on the grid, NaN outside of the domain; components come last."""
    arrays = np.meshgrid(*axes.values(), indexing="ij")
    shape = arrays[0].shape
    columns = [a.ravel() for a in arrays]
    x = np.stack(columns[-domain.dim :], axis=1)
    values = at_points(field, domain, (*columns[: -domain.dim], x))
    return values.reshape(*shape, *values.shape[1:])


def at_points(field: Any, domain: AbstractDomain | None, arguments: Any) -> np.ndarray:
    """Values at many points, in blocks; NaN outside of the domain, if one is given."""
    return in_blocks(lambda some: _values(field, domain, *some), arguments)


def _masked(field, domain, *arguments):
    def one(*point):
        value = jnp.asarray(field(*point))
        if domain is None:
            return value
        return jnp.where(domain.contains(point[-1]), value, jnp.nan)

    return mapped(one, field, arguments)


_values = Compiled(_masked)
