"""Checks of what `solve` is given, before anything is compiled."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ._checks import is_number, precision


def check_tolerance(tol: Any) -> None:
    if tol is None:
        return
    if not is_number(tol) or not 0 < tol < 1:
        raise ValueError(f"`tol` takes a number between 0 and 1; got {tol!r}.")
    if precision() == 32 and tol < 1e-5:
        raise ValueError(
            f"`tol`={tol:g} needs 64-bit numbers; in 32 bit at least 1e-5 can be "
            'reached. Write `jax.config.update("jax_enable_x64", True)` after '
            "importing jax."
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
