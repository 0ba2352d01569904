"""The algebra of fields: functions of one point that can be added and multiplied."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from .._propagate import interpret, propagate


class Field(eqx.Module):
    r"""A function of one point with pointwise algebra.

    Wraps any function $u$ of the arguments of a field, ordered from slow to fast
    with space last, so that fields combine as in the formula:
    ``divergence(k * grad(u))``, ``(u - v) ** 2``, ``-laplacian(u) + u``. The other
    operand may be a number, an array, or any function of the same arguments.

    Every differential operator of `pinn` accepts any function and returns a `Field`.

    Parameters
    ----------
    function
        Called as ``function(x)``, ``function(t, x)``, ... at one point; returns a
        scalar of shape ``()`` or a vector of shape ``(d,)``.

    Examples
    --------
    >>> bump = pinn.Field(lambda x: 1 - x[0] ** 2)
    >>> u = bump * jnp.cos + 3.0
    >>> u(jnp.array([0.0])).tolist()
    [4.0]
    """

    function: Callable[..., Any]

    # An array or a number of NumPy on the left leaves the operation to the field,
    # instead of making an array of as many fields.
    __array_ufunc__ = None

    def __call__(self, *arguments: Any) -> Array:
        return self.function(*arguments)

    def propagate_jet(self, *operands: Any) -> Any:
        """The jet of the field, see `pinn._jet`."""
        return propagate(self.function, *operands)

    def __add__(self, other: Any) -> "Field":
        return Field(_Pointwise(jnp.add, (self, other)))

    def __radd__(self, other: Any) -> "Field":
        return Field(_Pointwise(jnp.add, (other, self)))

    def __sub__(self, other: Any) -> "Field":
        return Field(_Pointwise(jnp.subtract, (self, other)))

    def __rsub__(self, other: Any) -> "Field":
        return Field(_Pointwise(jnp.subtract, (other, self)))

    def __mul__(self, other: Any) -> "Field":
        return Field(_Pointwise(multiply, (self, other)))

    def __rmul__(self, other: Any) -> "Field":
        return Field(_Pointwise(multiply, (other, self)))

    def __truediv__(self, other: Any) -> "Field":
        return Field(_Pointwise(jnp.divide, (self, other)))

    def __rtruediv__(self, other: Any) -> "Field":
        return Field(_Pointwise(jnp.divide, (other, self)))

    def __pow__(self, exponent: Any) -> "Field":
        if isinstance(exponent, int):  # exact derivatives at zero
            return Field(_Power(self, exponent))
        return Field(_Pointwise(jnp.power, (self, exponent)))

    def __rpow__(self, base: Any) -> "Field":
        return Field(_Pointwise(jnp.power, (base, self)))

    def __neg__(self) -> "Field":
        return Field(_Pointwise(jnp.negative, (self,)))

    def __getitem__(self, index: Any) -> "Field":
        return Field(_Component(self, index))


class _Pointwise(eqx.Module):
    operation: Callable[..., Array] = eqx.field(static=True)
    operands: tuple[Any, ...]

    def __call__(self, *arguments: Any) -> Array:
        return self.operation(*(_value(f, arguments) for f in self.operands))

    def propagate_jet(self, *operands: Any) -> Any:
        jets = [propagate(f, *operands) if callable(f) else f for f in self.operands]
        return interpret(self.operation, *jets)


class _Power(eqx.Module):
    base: Field
    exponent: int = eqx.field(static=True)

    def __call__(self, *arguments: Any) -> Array:
        return self.base(*arguments) ** self.exponent

    def propagate_jet(self, *operands: Any) -> Any:
        return interpret(lambda u: u**self.exponent, propagate(self.base, *operands))


class _Component(eqx.Module):
    of: Field
    index: Any = eqx.field(static=True)

    def __call__(self, *arguments: Any) -> Array:
        return self.of(*arguments)[self.index]

    def propagate_jet(self, *operands: Any) -> Any:
        return interpret(lambda u: u[self.index], propagate(self.of, *operands))


def _value(operand: Any, arguments: tuple[Any, ...]) -> Any:
    return operand(*arguments) if callable(operand) else operand


def multiply(a: Any, b: Any) -> Array:
    """The product of two values; a scalar multiplies a vector componentwise."""
    a, b = jnp.asarray(a), jnp.asarray(b)
    rank = max(a.ndim, b.ndim)
    # A scalar field times a vector field, `k * grad(u)`; written out because rank
    # promotion may be forbidden by the user's settings.
    a = a.reshape(a.shape + (1,) * (rank - a.ndim)) if a.ndim == 0 else a
    b = b.reshape(b.shape + (1,) * (rank - b.ndim)) if b.ndim == 0 else b
    return a * b


def multiplied(field: Any) -> list[tuple[Any, Any]]:
    """Both orders of the factors of a product; empty for what is none."""
    product = field.function if isinstance(field, Field) else None
    if not isinstance(product, _Pointwise) or product.operation is not multiply:
        return []
    a, b = product.operands
    return [(a, b), (b, a)]
