"""An upper bound of a residual's order, by an activation that counts."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ._types import FieldLike


def count_derivatives(run: Callable[[FieldLike], Any], shape: tuple[int, ...]) -> int:
    """How often a function differentiates the field of a shape that it is handed.

    Every time its k-th derivative is differentiated the field notes k + 1; this holds
    for any nesting of forward and reverse mode. Derivatives that are formed and not
    used, as in a Hessian of which only the trace enters, count too.
    """
    seen = [0]

    @functools.cache
    def derivative(k: int) -> Callable[[Array], Array]:
        @jax.custom_jvp
        def f(s):
            return jnp.sin(s + k)

        @f.defjvp
        def rule(primals, tangents):
            seen[0] = max(seen[0], k + 1)
            return derivative(k)(*primals), derivative(k + 1)(*primals) * tangents[0]

        return f

    def u(*arguments):
        s = sum(jnp.sum(a) for a in arguments)
        return jnp.broadcast_to(derivative(0)(jnp.asarray(s)), shape)

    run(u)
    return seen[0]
