"""What operators are handed: a field, and one point."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from .._called import check_order
from .._propagate import propagate
from .._types import FieldLike


class Named(eqx.Module):
    """A field that knows which operator it was handed to, for error messages."""

    operator: str = eqx.field(static=True)
    field: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Array:
        return jnp.asarray(self.field(*arguments))

    def propagate_jet(self, *operands: Any) -> Any:
        return propagate(self.field, *operands)


def named(operator: str, u: FieldLike, letter: str = "u") -> Named:
    if not callable(u):
        raise ValueError(
            f"`{operator}({letter})` takes a field, a function of one point; got "
            f"{type(u).__name__}. Write `{operator}({letter})(x)`, not "
            f"`{operator}({letter}(x))`."
        )
    return Named(operator, u)


def check_point(operator: str, arguments: tuple[Any, ...]) -> None:
    if not arguments:
        raise ValueError(f"`{operator}(u)` takes a point, `{operator}(u)(x)`.")
    check_order(f"{operator}(u)", arguments)
    x = arguments[-1]
    shape = jnp.shape(x)
    if len(shape) != 1:
        way_out = (
            f"for many points use `jax.vmap({operator}(u))`"
            if len(shape) > 1
            else "also in one dimension, `jnp.array([0.5])`"
        )
        raise ValueError(
            f"`{operator}(u)` takes one point `x` of shape `(dim,)`; got {shape}; "
            f"{way_out}."
        )
    if not jnp.issubdtype(jnp.result_type(x), jnp.inexact):
        raise ValueError(
            f"`{operator}(u)` takes a point of floating-point numbers; got "
            f"{jnp.result_type(x)}. Write `x.astype(float)`."
        )


def check_time(operator: str, arguments: tuple[Any, ...]) -> Array:
    """The time among the arguments, as an array."""
    if len(arguments) < 2:
        raise ValueError(
            f"`{operator}(u)` differentiates the argument before the last, the time of "
            "`u(t, x)`; got a field of space only. Give the problem a `time`."
        )
    t = jnp.asarray(arguments[-2])
    if t.shape != () or not jnp.issubdtype(t.dtype, jnp.inexact):
        raise ValueError(
            f"`{operator}(u)` takes one time `t`, a floating-point scalar; got shape "
            f"{t.shape} of {t.dtype}. For many points use `jax.vmap({operator}(u))`."
        )
    return t


def shape_at(u: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[int, ...]:
    """The shape of a field's values; nothing is computed."""
    return jax.eval_shape(u, *arguments).shape


def in_space(u: Callable[..., Any], arguments: tuple[Any, ...]) -> Callable[..., Any]:
    return lambda x: u(*arguments[:-1], x)
