"""What constructors ask of their arguments, and lengths below which nothing counts."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, ArrayLike, Float


def real(x: Any) -> Float[Array, "..."]:
    """`x` as an array of the default float type."""
    dtype = jnp.result_type(float)
    if not concrete(x):
        return jnp.asarray(x, dtype)
    # Known numbers by NumPy: `jnp.asarray` compiles something for most of them.
    numbers = np.asarray(x)
    kinds = (jnp.floating, jnp.integer, np.bool_)
    if not any(jnp.issubdtype(numbers.dtype, kind) for kind in kinds):
        raise TypeError(f"real numbers are expected; got {x!r}")
    return jax.device_put(numbers.astype(dtype))


def reals(what: str) -> Callable[[Any], Float[Array, "..."]]:
    """`real` for an argument, which is named where it is none."""

    def convert(x: Any) -> Float[Array, "..."]:
        try:
            return real(x)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{what} takes real numbers; got {x!r}.") from error

    return convert


def concrete(tree: Any) -> bool:
    """Whether the values of all leaves are known, none of them a tracer."""
    return not any(isinstance(x, Tracer) for x in jax.tree.leaves(tree))


@contextlib.contextmanager
def on_host(region: Any) -> Iterator[None]:
    """Compute a number from known values, also while something else is traced.

    Raises
    ------
    ValueError
        If the values are not known, as those of an argument of a traced function.
    """
    if not concrete(region):
        raise ValueError(
            "`measure` is a number on the host, which is not known of a region that is "
            "traced, as by `jax.jit`, `jax.grad` or `jax.vmap`. Compute it outside, or "
            "use `extent`, which for a box or a ball is the same."
        )
    with jax.ensure_compile_time_eval():
        yield


def show(x: Any) -> str:
    """A short text for an array, its shape if its values are not known."""
    if isinstance(x, jax.Array | np.ndarray) and concrete(x):
        return np.array2string(np.asarray(x), separator=", ", threshold=8, precision=6)
    return str(getattr(x, "shape", x))


def check_point(x: Array, dim: int, name: str) -> None:
    """Refuse anything but one point of `dim` coordinates."""
    if x.shape != (dim,):
        raise ValueError(
            f"`x` takes one point of shape ({dim},); got {x.shape}. For many points "
            f"use `jax.vmap({name})`."
        )


def tolerance(
    bounds: tuple[Float[ArrayLike, " dim"], Float[ArrayLike, " dim"]],
) -> Float[Array, ""]:
    """A length that is nothing beside a shape, and much beside its rounding errors.

    It is the longest side of the bounding box times ε^0.4: 5e-7 in 64 bit, 2e-3
    in 32 bit, where a box may lie a hundred lengths from the origin.
    """
    xp = np if concrete(bounds) else jnp
    lower, upper = (xp.asarray(x) for x in bounds)
    length = xp.max(upper - lower) * float(jnp.finfo(lower.dtype).eps) ** 0.4
    return jax.device_put(length)


def norm(x: Float[Array, " dim"]) -> Float[Array, ""]:
    """Euclidean length, with gradient zero (not NaN) at zero."""
    square = jnp.sum(x**2)
    positive = square > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1.0)), 0.0)
