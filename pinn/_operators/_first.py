"""Operators of first order, and repeated derivatives along one axis."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from .._types import FieldLike
from ._field import Field
from ._named import Named, check_point, check_time, in_space, named, shape_at
from ._seed import FEW, axes, axis, in_time, taylor


def grad(u: FieldLike) -> Field:
    r"""The gradient $\nabla u$ of a scalar field, $(\nabla u)_i = \partial_i u$.

    Parameters
    ----------
    u
        A scalar field, ``u(x)`` or ``u(t, x)``: any function that JAX can
        differentiate.

    Returns
    -------
    Field
        Of shape ``(dim,)``, in the unit of `u` per unit of length.

    Raises
    ------
    ValueError
        If `u` is a vector field (its derivative is `jacobian`), or if it is given
        many points at once, or an integer point.

    Examples
    --------
    >>> u = lambda x: x[0] ** 2 * x[1]
    >>> pinn.grad(u)(jnp.array([1.0, 3.0])).tolist()
    [6.0, 1.0]
    """
    return Field(Gradient(named("grad", u)))


def jacobian(v: FieldLike) -> Field:
    r"""The Jacobian $J_{ij} = \partial v_i / \partial x_j$ of a vector field.

    Returns a field of shape ``(d, dim)``. Raises `ValueError` on a scalar field.

    Examples
    --------
    >>> v = lambda x: jnp.stack([x[0] * x[1], x[1] ** 2])
    >>> pinn.jacobian(v)(jnp.array([1.0, 3.0])).tolist()
    [[3.0, 1.0], [0.0, 6.0]]
    """
    return Field(_Jacobian(named("jacobian", v)))


def partial(u: FieldLike, *axes: int) -> Field:
    r"""The partial derivative $\partial_i \partial_j \cdots u$ along axes of space.

    ``partial(u, 0)`` is $u_x$, ``partial(u, 0, 0)`` is $u_{xx}$, ``partial(u, 0, 1)``
    is $u_{xy}$; componentwise on vector fields.

    Raises
    ------
    ValueError
        If no axis is given, or an axis is not one of the space.

    Examples
    --------
    >>> u = lambda x: x[0] ** 2 * x[1]
    >>> float(pinn.partial(u, 0, 1)(jnp.array([1.0, 3.0])))
    2.0
    """
    if not axes or not all(isinstance(i, int) for i in axes):
        raise ValueError(
            "`partial(u, i, j, ...)` takes the axes of space as integers, at least "
            f"one; got {axes!r}. For the derivative in time use `dt`."
        )
    result: Any = named("partial", u)
    # Derivatives along one axis are one Taylor polynomial; mixed ones are nested.
    for i in dict.fromkeys(axes):
        result = _Along(result, i, axes.count(i))
    return Field(result)


def dt(u: FieldLike) -> Field:
    r"""The time derivative $\partial_t u$ of ``u(t, x)``, componentwise.

    Examples
    --------
    >>> u = lambda t, x: t**2 * x[0]
    >>> float(pinn.dt(u)(3.0, jnp.array([2.0])))
    12.0
    """
    return Field(_InTime(named("dt", u), 1))


def dtt(u: FieldLike) -> Field:
    r"""The second time derivative $\partial_{tt} u$ of ``u(t, x)``, componentwise.

    Examples
    --------
    >>> u = lambda t, x: t**2 * x[0]
    >>> float(pinn.dtt(u)(3.0, jnp.array([2.0])))
    4.0
    """
    return Field(_InTime(named("dtt", u), 2))


class Gradient(eqx.Module):
    u: Named

    def __call__(self, *arguments: Any) -> Array:
        check_point("grad", arguments)
        shape, x = shape_at(self.u, arguments), arguments[-1]
        if shape != ():
            raise ValueError(
                "`grad(u)` takes a scalar field, of shape (); got one of shape "
                f"{shape}. For a vector field use `jacobian(u)` or `grad` of a "
                "component."
            )
        if x.shape[0] <= FEW:
            # The first part of what `laplacian` computes: both together cost the
            # Laplacian alone.
            return jnp.stack(taylor(self.u, arguments, axes(x), 1).coefficients[0])
        return jax.grad(in_space(self.u, arguments))(x)


class _Jacobian(eqx.Module):
    v: Named

    def __call__(self, *arguments: Any) -> Array:
        check_point("jacobian", arguments)
        shape = shape_at(self.v, arguments)
        if len(shape) != 1:
            raise ValueError(
                "`jacobian(v)` takes a vector field, of shape (d,); got one of shape "
                f"{shape}. For a scalar field use `grad(v)`."
            )
        return derivatives(self.v, arguments)


def derivatives(v: Callable[..., Any], arguments: tuple[Any, ...]) -> Array:
    """All first derivatives in space along a new last axis."""
    x = arguments[-1]
    first = taylor(v, arguments, axes(x), 1).coefficients[0]
    if isinstance(first, tuple):
        return jnp.stack(first, axis=-1)
    return jnp.moveaxis(first, 0, -1)


class _Along(eqx.Module):
    """Derivatives along one axis of space."""

    u: Callable[..., Any]
    axis: int = eqx.field(static=True)
    order: int = eqx.field(static=True)

    def __call__(self, *arguments: Any) -> Array:
        check_point("partial", arguments)
        x = arguments[-1]
        dim = x.shape[0]
        if not 0 <= self.axis < dim:
            raise ValueError(
                f"`partial(u, {self.axis})`: the space has the axes 0 to {dim - 1}; "
                f"got {self.axis}."
            )
        direction = (axis(x, self.axis),)
        return taylor(self.u, arguments, direction, self.order).coefficients[-1][0]


class _InTime(eqx.Module):
    u: Named
    order: int = eqx.field(static=True)

    def __call__(self, *arguments: Any) -> Array:
        check_point("dt", arguments)
        check_time("dt", arguments)
        return in_time(self.u, arguments, self.order).coefficients[-1][0]
