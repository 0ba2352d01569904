"""Sequences of points in the unit cube."""

import functools

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, UInt

from .._domain import Stream, uniform
from .._domain._stream import Index, unit

_SOBOL_BITS = 20


def latin_hypercube(key: PRNGKeyArray, dim: int) -> Stream:
    """Latin hypercubes: in each coordinate one point in each of `count` equal parts.

    Every call of the stream is one hypercube, independent of the others. Where points
    are rejected, those that are left are uniform but no longer stratified.

    Parameters
    ----------
    key
        Random key.
    dim
        Dimension of the cube, at least zero.

    Returns
    -------
    Stream
        ``stream(start, count)``.

    References
    ----------
    McKay, Beckman & Conover, Technometrics 21 (1979), 239-245.
    """

    def stream(start: Index, count: int) -> Float[Array, "count dim"]:
        inside = uniform(key, dim)(start, count)
        fresh = jr.fold_in(key, jnp.asarray(start).astype(jnp.uint32))
        keys = jr.split(jr.fold_in(fresh, 1), dim)
        rank = jax.vmap(lambda k: jr.permutation(k, count), out_axes=1)(keys)
        points = (rank.astype(inside.dtype) + inside) / count
        return jnp.minimum(points, 1 - jnp.finfo(points.dtype).epsneg)

    return stream


def sobol(key: PRNGKeyArray, dim: int) -> Stream:
    r"""Sobol' points, scrambled: nets in base two, best at $n$ a power of two.

    The direction numbers are those of Joe and Kuo, read from `scipy.stats.qmc` when
    traced. The scrambling is Matoušek's: a random linear map of the binary digits and
    a random shift, which leave a net a net and make each point alone uniform.
    Traceable; after $2^{20}$ points it starts again.

    Parameters
    ----------
    key
        Random key, for the scrambling.
    dim
        Dimension of the cube, at least zero.

    Returns
    -------
    Stream
        ``stream(start, count)``.

    References
    ----------
    Joe & Kuo, SIAM J. Sci. Comput. 30 (2008), 2635-2654;
    Matoušek, J. Complexity 14 (1998), 527-556.
    """

    def stream(start: Index, count: int) -> Float[Array, "count dim"]:
        shift_key, scramble_key = jr.split(key)
        directions = _scramble(jnp.asarray(_sobol_directions(dim)), scramble_key)
        index = jnp.asarray(start).astype(jnp.uint32)
        index = index + jnp.arange(count, dtype=jnp.uint32)
        gray = index ^ (index >> 1)

        points = jr.bits(shift_key, (dim,), jnp.uint32)[None, :]
        points = jnp.broadcast_to(points, (count, dim))
        for bit in range(_SOBOL_BITS):
            chosen = (gray >> bit) & 1 == 1
            points = points ^ jnp.where(chosen[:, None], directions[bit][None, :], 0)
        return unit(points)

    return stream


@functools.cache
def _sobol_directions(dim: int) -> np.ndarray:
    """Direction numbers ``(bits, dim)``, the first digit in the highest bit.

    In the order of Gray's code, the points before and at 2^k differ by direction k.
    """
    if dim == 0:
        return np.zeros((_SOBOL_BITS, 0), np.uint32)
    from scipy.stats import qmc

    engine = qmc.Sobol(dim, scramble=False, bits=30)
    directions = []
    for bit in range(_SOBOL_BITS):
        engine.reset()
        if bit > 0:
            engine.fast_forward(2**bit - 1)
        before, at = engine.random(2)
        digits = [(x * 2**32).astype(np.uint32) for x in (before, at)]
        directions.append(digits[0] ^ digits[1])
    return np.stack(directions)


def _scramble(
    directions: UInt[Array, "bits dim"], key: PRNGKeyArray
) -> UInt[Array, "bits dim"]:
    """Apply a random lower triangular binary matrix to the digits of each column."""
    dim = directions.shape[1]
    place = jnp.arange(31, -1, -1, dtype=jnp.uint32)
    digits = (directions[:, :, None] >> place[None, None, :]) & 1
    mix = jr.bernoulli(key, 0.5, (dim, 32, 32))
    mix = jnp.tril(mix, -1) | jnp.eye(32, dtype=bool)[None, :, :]
    mixed = jnp.einsum(
        "dij,bdj->bdi", mix.astype(jnp.float32), digits.astype(jnp.float32)
    )
    mixed = mixed.astype(jnp.uint32) & 1  # sums of at most 32 ones: exact
    return jnp.sum(mixed << place[None, None, :], axis=-1, dtype=jnp.uint32)
