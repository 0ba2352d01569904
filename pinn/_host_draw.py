"""Points drawn on the host, where nothing is compiled."""

from collections.abc import Callable
from typing import Any

import jax
import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray

from ._domain import Sequence, draw, kronecker
from ._host import Hosted

# Points placed at a time: their arrays fit into the cache.
_BLOCK = 4096
# Candidates for each point, after which a set is left to JAX, which refuses an empty
# one and is fast where few are accepted.
_MOST = 64


def first_key() -> PRNGKeyArray:
    """A key that is always the same."""
    return jr.wrap_key_data(jax.device_put(np.zeros(2, np.uint32)), impl="threefry2x32")


def on_host(
    place: Callable[..., Any],
    cube_dim: int,
    n: int,
    *,
    key: PRNGKeyArray,
    sequence: Sequence = kronecker,
) -> Any:
    """`pinn._domain.draw` on the host: the same points to rounding, as NumPy arrays."""
    if n < 1:
        raise ValueError(f"`n` takes a number of points, at least 1; got {n}.")
    kept, found = [], 0
    size = min(max(n, 256), _BLOCK)
    for start in range(0, _MOST * max(n, 256), size):
        cube = _cube(key, sequence, cube_dim, np.asarray(start, np.uint32), size)
        values, keep = _placed(place, cube)
        chosen = slice(None) if keep is None else keep
        kept.append(jax.tree.map(lambda a, i=chosen: a[i], values))
        found += size if keep is None else int(np.count_nonzero(keep))
        if found >= n:
            return jax.tree.map(lambda *a: np.concatenate(a)[:n], *kept)
    return jax.device_get(draw(place, cube_dim, n, key=key, sequence=sequence))


@Hosted
def _cube(key, sequence, dim, start, count):
    return sequence(key, dim)(start, count)


@Hosted
def _placed(place, cube):
    return place(cube)
