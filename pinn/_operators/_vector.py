"""Operators of vector analysis and mechanics."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from .._jet import contract
from .._types import FieldLike
from ._field import Field, multiplied
from ._first import Gradient, derivatives
from ._named import Named, check_point, check_time, named, shape_at
from ._seed import axes, laplace, moving, taylor

Direction = Any  # an array (dim,), or a function of the point that returns one


def divergence(v: FieldLike) -> Field:
    r"""The divergence $\nabla\cdot v = \sum_j \partial_j v_j$ of a vector field.

    On a field of shape ``(dim, dim)`` row by row, $\sum_j \partial_j v_{ij}$. The flux
    ``divergence(k * grad(u))`` costs as much as the Laplacian of `u` and the gradient
    of `k`.

    Raises
    ------
    ValueError
        If the last axis of `v` does not have one entry per coordinate.

    Examples
    --------
    >>> k = lambda x: 1 + x[0]
    >>> u = lambda x: x[0] ** 2
    >>> flux = k * pinn.grad(u)
    >>> float(pinn.divergence(flux)(jnp.array([2.0, 0.0])))  # (2 x + 2 x^2)' = 2 + 4 x
    10.0
    """
    return Field(_Divergence(named("divergence", v)))


def curl(v: FieldLike) -> Field:
    r"""The curl $\nabla \times v$ of a vector field.

    In two dimensions the number $\partial_0 v_1 - \partial_1 v_0$, in three the vector
    $(\partial_1 v_2 - \partial_2 v_1,\; \partial_2 v_0 - \partial_0 v_2,\;
    \partial_0 v_1 - \partial_1 v_0)$.

    Raises
    ------
    ValueError
        If `v` is not a vector field of two components in two dimensions, or of three
        in three.

    Examples
    --------
    >>> turning = lambda x: jnp.stack([-x[1], x[0]])
    >>> float(pinn.curl(turning)(jnp.array([0.3, 0.4])))
    2.0
    """
    return Field(_Curl(named("curl", v, "v")))


def strain(v: FieldLike) -> Field:
    r"""The strain rate $\varepsilon_{ij} = (\partial_j v_i + \partial_i v_j)/2$.

    Of a velocity, or the small strain of a displacement; a field of shape
    ``(dim, dim)``, whose `divergence` goes row by row.

    Raises
    ------
    ValueError
        If `v` does not have one component per coordinate.
    """
    return Field(_Strain(named("strain", v, "v")))


def directional(u: FieldLike, v: Direction) -> Field:
    r"""The derivative $D_v u = v \cdot \nabla u$ along a direction, componentwise.

    Parameters
    ----------
    u
        A scalar or vector field.
    v
        The direction, of shape ``(dim,)``: an array, or a function of the same
        arguments. It is not normalised. One direction costs one more evaluation of
        `u`, in any number of dimensions.

    Raises
    ------
    ValueError
        If `v` does not have one entry per coordinate.
    """
    return Field(_Directional(named("directional", u), v))


def normal_derivative(u: FieldLike, n: Direction) -> Field:
    r"""The normal derivative $\partial_n u = n \cdot \nabla u$, componentwise.

    `n` is the unit normal, ``(dim,)``: an array, such as the ``normal`` of a
    condition, or a function of the point. It is taken as it is. Raises `ValueError` if
    its shape is another.

    Examples
    --------
    >>> u = lambda x: x[0] ** 2 + x[1]
    >>> float(pinn.normal_derivative(u, jnp.array([0.0, 1.0]))(jnp.array([5.0, 1.0])))
    1.0
    """
    return Field(_Directional(named("normal_derivative", u), n))


def advect(v: Direction, u: FieldLike) -> Field:
    r"""The advection $v \cdot \nabla u$ of a field `u` by a velocity `v`.

    Componentwise on a vector field, so ``advect(v, v)`` is $(v\cdot\nabla) v$. The
    velocity is a field of shape ``(dim,)``, or an array. Raises `ValueError` if its
    shape is another.

    Examples
    --------
    >>> v = lambda x: jnp.stack([x[1], -x[0]])
    >>> u = lambda x: x[0] ** 2 + x[1] ** 2  # constant along v
    >>> float(pinn.advect(v, u)(jnp.array([0.3, 0.4])))
    0.0
    """
    return Field(_Directional(named("advect", u), v))


def material_derivative(v: Direction, u: FieldLike) -> Field:
    r"""The material derivative $\partial_t u + v\cdot\nabla u$ of ``u(t, x)``.

    The derivative along the path of a particle of velocity `v`: one direction in time
    and space, one more evaluation of `u`. Componentwise on a vector field. Raises
    `ValueError` if `v` does not have the shape ``(dim,)`` or `u` has no time.
    """
    return Field(_Material(named("material_derivative", u), v))


class _Divergence(eqx.Module):
    v: Named

    def __call__(self, *arguments: Any) -> Array:
        check_point("divergence", arguments)
        x, shape = arguments[-1], shape_at(self.v, arguments)
        if len(shape) not in (1, 2) or shape[-1] != x.shape[0]:
            raise ValueError(
                "`divergence(v)` takes a vector field with one component per "
                f"coordinate, of shape {x.shape}; got one of shape {shape}."
            )
        factor, gradient = _flux(self.v.field)
        if gradient is None or _shape(factor, arguments) != ():
            rows = derivatives(self.v, arguments)
            return jnp.trace(rows, axis1=-2, axis2=-1)
        u = laplace(gradient.u, arguments, axes(x))
        if factor is None:
            return u.second
        if not callable(factor):
            return factor * u.second
        k = taylor(factor, arguments, axes(x), 1)
        cross = contract(lambda a, b: (a * b,), k.coefficients[0], u.first)
        return k.value * u.second + cross


def _shape(factor: Any, arguments: tuple[Any, ...]) -> tuple[int, ...]:
    if factor is None:
        return ()
    return shape_at(factor, arguments) if callable(factor) else jnp.shape(factor)


def _flux(v: Any) -> tuple[Any, Gradient | None]:
    """The parts `k` and `grad(u)` of a flux that was written `k * grad(u)`."""
    while isinstance(v, Field) and isinstance(v.function, Field):
        v = v.function
    if isinstance(v, Field) and isinstance(v.function, Gradient):
        return None, v.function
    for one, other in multiplied(v):
        whole, gradient = _flux(other)
        if gradient is not None and whole is None:
            return one, gradient
    return None, None


class _Curl(eqx.Module):
    v: Named

    def __call__(self, *arguments: Any) -> Array:
        check_point("curl", arguments)
        dim, shape = arguments[-1].shape[0], shape_at(self.v, arguments)
        if dim not in (2, 3) or shape != (dim,):
            raise ValueError(
                "`curl(v)` takes a vector field of shape (2,) in two dimensions or "
                f"(3,) in three; got one of shape {shape} in {dim} dimension(s)."
                + (" For a scalar field use `grad`." if shape == () else "")
            )
        j = derivatives(self.v, arguments)
        turn = lambda a, b: j[b, a] - j[a, b]
        if dim == 2:
            return turn(0, 1)
        return jnp.stack([turn(1, 2), turn(2, 0), turn(0, 1)])


class _Strain(eqx.Module):
    v: Named

    def __call__(self, *arguments: Any) -> Array:
        check_point("strain", arguments)
        x, shape = arguments[-1], shape_at(self.v, arguments)
        if shape != x.shape:
            raise ValueError(
                "`strain(v)` takes a vector field with one component per coordinate, "
                f"of shape {x.shape}; got one of shape {shape}."
            )
        j = derivatives(self.v, arguments)
        return (j + j.T) / 2


class _Directional(eqx.Module):
    u: Named
    v: Any

    def __call__(self, *arguments: Any) -> Array:
        check_point(self.u.operator, arguments)
        v = direction(self.u.operator, self.v, arguments)
        return taylor(self.u, arguments, (v,), 1).coefficients[0][0]


class _Material(eqx.Module):
    u: Named
    v: Any

    def __call__(self, *arguments: Any) -> Array:
        check_point("material_derivative", arguments)
        check_time("material_derivative", arguments)
        v = direction("material_derivative", self.v, arguments)
        return moving(self.u, arguments, v)


def direction(operator: str, v: Direction, arguments: tuple[Any, ...]) -> Array:
    """The value of a direction at the point, checked."""
    x = arguments[-1]
    value = jnp.asarray(v(*arguments) if callable(v) else v)
    if value.shape != x.shape:
        raise ValueError(
            f"`{operator}` takes a direction with one entry per coordinate, of shape "
            f"{x.shape}; got one of shape {value.shape}."
        )
    return value.astype(x.dtype)
