"""Regular grids in a domain."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._domain import AbstractDomain


def grid(domain: AbstractDomain, n: int) -> Float[Array, "m dim"]:
    """About `n` points of a regular grid: the centres of equal, nearly cubic cells.

    The cells tile the bounding box, and the centres in the domain are kept, so their
    number differs from `n`. Worked out on the host: it cannot be traced.

    Parameters
    ----------
    domain
        Where.
    n
        Number of points aimed at, at least one.

    Returns
    -------
    Array
        The points, the last coordinate running fastest.

    Raises
    ------
    ValueError
        If `n` is less than one, or so small that no centre is in the domain.
    """
    if n < 1:
        raise ValueError(f"`n` takes a number of points, at least 1; got {n}.")
    lower, upper = (np.asarray(x) for x in domain.bounds)
    sides = (upper - lower).astype(float)
    spacing = (domain.measure / n) ** (1 / domain.dim)
    if np.prod(sides / spacing) > 1e9:
        raise ValueError(
            f"`n` takes a number of points whose grid over the bounding box is no "
            f"larger than 1e9; got {n} in {domain.dim} dimensions. Use `sample`."
        )
    counts = np.maximum(1, np.rint(sides / spacing).astype(int))
    axes = [
        low + side * (np.arange(count) + 0.5) / count
        for low, side, count in zip(lower, sides, counts, strict=True)
    ]
    mesh = np.meshgrid(*axes, indexing="ij")
    points = jnp.asarray(
        np.stack([x.ravel() for x in mesh], axis=1), dtype=jnp.result_type(float)
    )
    points = points[np.asarray(jax.vmap(domain.contains)(points))]
    if points.shape[0] == 0:
        raise ValueError(
            f"`n` takes a number of points large enough for the grid to meet "
            f"{domain.describe()}; got {n}."
        )
    return points
