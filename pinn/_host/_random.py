"""Keys of random numbers on the host: the numbers that JAX would give.

JAX compiles a program for each key that is made of another and for each shape of random
bits; the hash behind them is a few operations on integers.

References
----------
Salmon, Moraes, Dror & Shaw, Parallel random numbers: as easy as 1, 2, 3, SC 2011.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.random as jr
import numpy as np
from jax.core import Tracer
from jaxtyping import PRNGKeyArray

from ._bind import by_jax

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = np.uint32(0x1BD11BDA)


def fold_in(key: PRNGKeyArray, data: int) -> PRNGKeyArray:
    """`jax.random.fold_in` of a number that is known, with nothing to compile."""
    words = _words(key)
    if words is None:
        return jr.fold_in(key, data)
    return _key(key, np.stack(_threefry(words, np.uint32(0), np.uint32(data))))


def _words(key: Any) -> np.ndarray | None:
    """The two words of a key that is hashed as here; `None` of any other."""
    if key.shape != ():
        return None
    if not jax.dtypes.issubdtype(key.dtype, jax.dtypes.prng_key):
        return None
    if str(jr.key_impl(key)) != "threefry2x32":
        return None
    words = jr.key_data(key)  # traced within a trace, even those of a known key
    return None if isinstance(words, Tracer) else np.asarray(words)


def _key(like: Any, words: np.ndarray) -> Any:
    return jr.wrap_key_data(jax.device_put(words), impl=jr.key_impl(like))


def _threefry(key: np.ndarray, high: Any, low: Any) -> tuple[Any, Any]:
    """Threefry-2x32 with 20 rounds of pairs of words."""
    words = (key[0], key[1], key[0] ^ key[1] ^ _PARITY)
    with np.errstate(over="ignore"):  # integers overflow as they should
        a, b = high + words[0], low + words[1]
        for i in range(5):
            for by in _ROTATIONS[i % 2]:
                a = a + b
                b = ((b << np.uint32(by)) | (b >> np.uint32(32 - by))) ^ a
            a = a + words[(i + 1) % 3]
            b = b + words[(i + 2) % 3] + np.uint32(i + 1)
    return a, b


def _counts(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    index = np.arange(math.prod(shape), dtype=np.uint64).reshape(shape)
    return (index >> np.uint64(32)).astype(np.uint32), index.astype(np.uint32)


def _hosted(function: Callable[..., Any]) -> Callable[[Any], Callable[..., Any]]:
    """A rule that leaves keys of another kind to JAX."""

    def rule(eqn):
        config: Any = jax.config
        if not config.jax_threefry_partitionable:  # the numbers are others then
            return by_jax(eqn)

        def run(key, *rest):
            words = _words(key)
            if words is None:
                return by_jax(eqn)(key, *rest)
            return function(eqn, key, words, *rest)

        return run

    return rule


def _fold_in(eqn, key, words, data):
    return _key(key, np.stack(_threefry(words, np.uint32(0), np.uint32(data))))


def _split(eqn, key, words):
    return _key(key, np.stack(_threefry(words, *_counts(eqn.params["shape"])), -1))


def _bits(eqn, key, words):
    high, low = _threefry(words, *_counts(eqn.params["shape"]))
    width = eqn.params["bit_width"]
    if width == 64:
        return (high.astype(np.uint64) << np.uint64(32)) | low
    return (high ^ low).astype(f"uint{width}")


RANDOM = {
    "random_bits": _hosted(_bits),
    "random_fold_in": _hosted(_fold_in),
    "random_split": _hosted(_split),
}
