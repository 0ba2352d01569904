"""Checks that many arguments need."""

import difflib
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def check_whole(thing: Any, **least: int) -> None:
    """Raise `ValueError` where an option is no integer, or less than its bound."""
    for name, bound in least.items():
        value = getattr(thing, name)
        if not is_whole(value) or value < bound:
            raise ValueError(
                f"`{name}` takes an integer of at least {bound}; got {value!r}."
            )


def check_key(key: Any) -> None:
    if isinstance(key, jax.Array) and is_typed(key):
        one = key.shape == ()
    else:  # the raw keys of older programs
        one = isinstance(key, jax.Array) and key.shape == (2,) and key.dtype == "uint32"
    if not one:
        raise ValueError(f"`key` takes a random key, `jax.random.key(0)`; got {key!r}.")


def is_typed(key: Array) -> bool:
    return jnp.issubdtype(key.dtype, jax.dtypes.prng_key)


def nearest(name: str, known: Iterable[str]) -> str:
    """' Did you mean ...?', or nothing if no name is near."""
    name, known = str(name), list(known)
    close = difflib.get_close_matches(name, known, n=1)
    close = close or [other for other in known if len(name) > 2 and name in other]
    return f" Did you mean {close[0]!r}?" if close else ""


def nearest_three(name: str, known: Iterable[str]) -> str:
    """The names that a long list has near this one, or its first three."""
    known = list(known)
    close = difflib.get_close_matches(str(name), known, n=3, cutoff=0.5)
    return ", ".join(close or known[:3])
