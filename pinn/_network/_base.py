"""What the networks of `pinn` share: how arguments enter and how values leave."""

import math
from typing import Any, Literal, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .._checks import is_whole
from .._propagate import affine
from .._types import Activation

Size: TypeAlias = int | Literal["scalar"]


_ALL_FROM, _ALL_EVERY = 4, 5


class Readout(eqx.Module):
    r"""The linear last layer, $u = W\varphi + b$, of a network.

    `weight` has the shape ``(d, m)`` and `bias` ``(d,)``; without the axis of ``d``
    where the field is a scalar.
    """

    weight: Float[Array, "*d m"]
    bias: Float[Array, "*d"]

    def __init__(self, num_features: int, out_size: Size, *, key: PRNGKeyArray):
        shape = () if out_size == "scalar" else (out_size,)
        dtype = jnp.result_type(float)
        scale = 1 / math.sqrt(num_features)
        self.weight = scale * jr.normal(key, (*shape, num_features), dtype)
        self.bias = jnp.zeros(shape, dtype)

    def __call__(self, features: Float[Array, " m"]) -> Float[Array, "*d"]:
        return affine(self.weight, features, self.bias)

    def propagate_jet(self, features: Any) -> Any:
        return affine(self.weight, features, self.bias)


class Scaling(eqx.Module):
    r"""The affine map of the bounds of all arguments to $[-1, 1]$.

    $\hat y_i = (y_i - c_i) / h_i$, with centre $c$ and half width $h$ of the bounds.
    The numbers are static, so they are never trained; subtracting the centre first
    keeps the digits of a domain that lies far from the origin.
    """

    centre: tuple[float, ...] = eqx.field(static=True)
    half_width: tuple[float, ...] = eqx.field(static=True)

    def __init__(self, in_size: int, bounds: Any | None):
        limits = ([-1.0] * in_size, [1.0] * in_size) if bounds is None else bounds
        lower, upper = ([float(b) for b in np.ravel(np.asarray(s))] for s in limits)
        if not len(lower) == len(upper) == in_size:
            raise ValueError(
                "`bounds` takes the lower and the upper limits of all arguments, "
                f"`in_size` = {in_size} numbers each; got {len(lower)} and "
                f"{len(upper)}. Use `problem.bounds`."
            )
        if not all(a < b for a, b in zip(lower, upper, strict=True)):
            raise ValueError(
                f"`bounds` takes lower < upper; got lower={lower}, upper={upper}."
            )
        pairs = list(zip(lower, upper, strict=True))
        self.centre = tuple((a + b) / 2 for a, b in pairs)
        self.half_width = tuple((b - a) / 2 for a, b in pairs)

    def __call__(self, *arguments: Any) -> Float[Array, " in"]:
        y = concatenate(*arguments)
        if y.shape != (len(self.centre),):
            raise ValueError(
                f"The network takes {len(self.centre)} numbers in all its arguments "
                f"(`in_size`); got {y.shape[0]}, from arguments of shapes "
                f"{[jnp.shape(a) for a in arguments]}. For many points use `jax.vmap`."
            )
        centre = jnp.asarray(self.centre, y.dtype)
        return (y - centre) / jnp.asarray(self.half_width, y.dtype)


def out_size_of(shape: tuple[int, ...]) -> Size:
    """The size of what a network returns that is a field of this shape."""
    return "scalar" if shape == () else shape[0]


def concatenate(*arguments: Any) -> Float[Array, " in"]:
    """All arguments, ravelled, in order: (t, x) becomes (t, x_0, x_1, ...)."""
    return jnp.concatenate([jnp.ravel(jnp.asarray(a)) for a in arguments])


def check_sizes(**sizes: Any) -> None:
    for name, size in sizes.items():
        if name == "out_size" and size == "scalar":
            continue
        if not is_whole(size) or size < 1:
            also = ' (or "scalar")' if name == "out_size" else ""
            raise ValueError(f"`{name}` takes a positive integer{also}; got {size!r}.")


def check_activation(activation: Activation) -> None:
    if isinstance(activation, type):
        raise ValueError(
            "`activation` takes an instance, "
            f"`pinn.activations.{activation.__name__}()`; got the class."
        )
    if not callable(activation):
        name = activation if isinstance(activation, str) else "tanh"
        raise ValueError(
            "`activation` takes a function such as `pinn.activations.tanh`; got "
            f"{activation!r}. By name: `pinn.activations.get({name!r})`."
        )


def unit_layer(
    in_size: int, width: int, *, key: PRNGKeyArray
) -> tuple[Float[Array, "m in"], Float[Array, "m in"]]:
    """Weights and kinks of a first layer, both uniform in [-1, 1]."""
    dtype = jnp.result_type(float)
    weight_key, kink_key = jr.split(key)
    weight = jr.uniform(weight_key, (width, in_size), dtype, -1.0, 1.0)
    return weight, jr.uniform(kink_key, (width, in_size), dtype, -1.0, 1.0)


def scaled_layer(
    weight: Any, kink: Any, scale: Any, interaction: int | None = None
) -> tuple[Array, Array]:
    r"""Weights within $[-s_i, s_i]$, and the biases that put the kinks where they are.

    The *kink* of a unit is the plane $w \cdot \hat y + b = 0$, where an activation
    such as tanh bends. With an `interaction` of q, units keep the weights of one to q
    coordinates; the sets take turns, so that all are served alike. Every fifth unit
    keeps all, so that what the others cannot represent does not stay unseen.
    """
    m, size = weight.shape
    if interaction is not None and interaction < size:
        weight = weight * _support(m, size, interaction).astype(weight.dtype)
    # NumPy where it can be: a new number of units then compiles nothing.
    xp = jnp if isinstance(weight, jax.Array) else np
    scale = xp.broadcast_to(xp.asarray(scale, weight.dtype), (size,))
    weight = weight * scale[None]
    # `device_put` copies; `jnp.asarray` would compile something for each shape.
    return jax.device_put(weight), jax.device_put(-xp.sum(weight * kink, axis=1))


def _support(m: int, size: int, interaction: int) -> np.ndarray:
    """Which coordinates each of m units depends on."""
    unit = np.arange(m)
    turn = unit // interaction
    stride = 1 + turn // size % max(1, size - 1)
    chosen = np.zeros((m, size), bool)
    for k in range(interaction):
        chosen[unit, (turn + k * stride) % size] |= k <= unit % interaction
    chosen[_ALL_FROM::_ALL_EVERY] = True
    return chosen


def zeros_of(shapes: Any) -> Any:
    """Arrays of zeros in place of shapes, with nothing to compile."""
    return jax.tree.map(lambda s: jax.device_put(np.zeros(s.shape, s.dtype)), shapes)


def piece(a: Any, start: int, size: int, axis: int = 0) -> Array:
    """`size` entries of an axis from `start`, filled up with zeros.

    By NumPy, where slices of any shape compile nothing.
    """
    a = np.asarray(a)
    some = np.take(a, range(start, min(start + size, a.shape[axis])), axis)
    missing = [(0, 0)] * a.ndim
    missing[axis] = (0, size - some.shape[axis])
    return jax.device_put(np.pad(some, missing))


def hidden_layer(
    in_size: int,
    width: int,
    scale: Any,
    *,
    key: PRNGKeyArray,
) -> tuple[Float[Array, "m in"], Float[Array, " m"]]:
    """A first layer of a scale, with kinks in random points of the box."""
    return scaled_layer(*unit_layer(in_size, width, key=key), scale)
