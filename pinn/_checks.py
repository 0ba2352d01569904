"""Checks that many arguments need."""

from typing import Any

import jax.numpy as jnp


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def precision() -> int:
    """Bits of a number in this program, 32 or 64."""
    return 64 if jnp.result_type(float) == jnp.float64 else 32
