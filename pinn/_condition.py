"""Conditions: what a solution satisfies besides the equation, one kind a term."""

import abc
import inspect
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from ._checks import is_whole
from ._domain import AbstractPart, real
from ._operators import dt, grad, jacobian
from ._types import FieldLike


class RowInput(NamedTuple):
    """What one row of a term is computed from: a point, and what belongs to it.

    `arguments` are the arguments of the field, ``(x,)`` or ``(t, x)``; `normal` is the
    outward unit normal of the problem's domain, ``(dim,)``, or ``None`` inside;
    `partner` is the point ``(dim,)`` that a periodic condition identifies with `x`. A
    residual with a partner is that of the jump of the field from one to the other, so
    without it the same residual is a function of the field's jet at one point.
    """

    arguments: tuple[Array, ...]
    normal: Array | None = None
    partner: Array | None = None

    @property
    def alone(self) -> "RowInput":
        """The row input without its partner."""
        return self._replace(partner=None)


class AbstractCondition(eqx.Module):
    """A condition of a problem: where it holds, and its residual there.

    Attributes
    ----------
    where
        The part of the boundary, or ``None`` for the whole domain at the initial time.
    name
        The name of its term in reports; by default that of the part.
    weight
        Weight of its squared residual relative to the default balance, dimensionless
        and positive; ``None`` is 1.
    """

    where: eqx.AbstractVar[AbstractPart | None]
    name: eqx.AbstractVar[str | None]
    weight: eqx.AbstractVar[float | None]

    @abc.abstractmethod
    def residual(self, u: FieldLike, row: RowInput) -> Any:
        """The residual of the field `u` at one row input: zero where it holds."""

    @property
    def kind(self) -> str:
        """What the condition is called where it has no other name."""
        return type(self).__name__.lower()

    @property
    def parts(self) -> tuple[AbstractPart, ...]:
        """All parts of the boundary that have this condition."""
        return () if self.where is None else (self.where,)


class Dirichlet(AbstractCondition):
    r"""The value of the field on a part of the boundary, $u = g$.

    Parameters
    ----------
    where
        The part: ``domain.boundary``, ``domain.faces["left"]``, ...
    value
        $g$ in the unit of the field: a number, an array of the field's shape, or a
        function of the field's own arguments, ``lambda t, x: ...`` for ``u(t, x)``.
    name, weight
        See `AbstractCondition`.
    component
        Index of the only component of a vector field it holds for.

    Examples
    --------
    >>> square = pinn.Box([0.0, 0.0], [1.0, 1.0])
    >>> wall = pinn.Dirichlet(square.faces["left"], lambda x: x[1] ** 2)
    >>> row = pinn.RowInput((jnp.array([0.0, 0.5]),))
    >>> float(wall.residual(lambda x: x[0] + 1.0, row))
    0.75
    """

    where: AbstractPart | None
    value: Any
    name: str | None = eqx.field(static=True)
    weight: float | None = eqx.field(static=True)
    component: int | None = eqx.field(static=True)

    def __init__(
        self,
        where: AbstractPart,
        value: Any,
        *,
        name: str | None = None,
        weight: float | None = None,
        component: int | None = None,
    ):
        _check("Dirichlet", where, weight, component)
        self.where, self.value = where, _as_value("Dirichlet", value)
        self.name, self.weight, self.component = name, weight, component

    def residual(self, u: FieldLike, row: RowInput) -> Array:
        v = component_of(u, self.component)(*row.arguments)
        return v - _evaluate("Dirichlet", self.value, row.arguments, v)


class Neumann(AbstractCondition):
    r"""The outward normal derivative on a boundary, $\partial u/\partial n = g$.

    $n$ is the outward unit normal of the problem's domain: on the rim of a hole it
    points into the hole. `value` is in the unit of the field per unit of length; see
    `Dirichlet` for the arguments.

    Examples
    --------
    >>> rod = pinn.Interval(0.0, 1.0)
    >>> insulated = pinn.Neumann(rod.faces["right"], 0.0)
    >>> row = pinn.RowInput((jnp.array([1.0]),), normal=jnp.array([1.0]))
    >>> float(insulated.residual(lambda x: x[0] ** 2, row))
    2.0
    """

    where: AbstractPart | None
    value: Any
    name: str | None = eqx.field(static=True)
    weight: float | None = eqx.field(static=True)
    component: int | None = eqx.field(static=True)

    def __init__(
        self,
        where: AbstractPart,
        value: Any,
        *,
        name: str | None = None,
        weight: float | None = None,
        component: int | None = None,
    ):
        _check("Neumann", where, weight, component)
        self.where, self.value = where, _as_value("Neumann", value)
        self.name, self.weight, self.component = name, weight, component

    def residual(self, u: FieldLike, row: RowInput) -> Array:
        flux = _normal_derivative(component_of(u, self.component), row)
        return flux - _evaluate("Neumann", self.value, row.arguments, flux)


class Robin(AbstractCondition):
    r"""A mixed condition on a boundary, $a u + b\,\partial u/\partial n = g$.

    `a`, `b` and `value` are numbers, arrays or functions of the field's arguments; the
    units of the three parts agree. See `Dirichlet` and `Neumann`.

    Examples
    --------
    >>> rod = pinn.Interval(0.0, 1.0)
    >>> cooled = pinn.Robin(rod.faces["right"], 3.0, 1.0, 0.0)  # 3 u + du/dn = 0
    >>> row = pinn.RowInput((jnp.array([1.0]),), normal=jnp.array([1.0]))
    >>> float(cooled.residual(lambda x: x[0] ** 2, row))
    5.0
    """

    where: AbstractPart | None
    a: Any
    b: Any
    value: Any
    name: str | None = eqx.field(static=True)
    weight: float | None = eqx.field(static=True)
    component: int | None = eqx.field(static=True)

    def __init__(
        self,
        where: AbstractPart,
        a: Any,
        b: Any,
        value: Any,
        *,
        name: str | None = None,
        weight: float | None = None,
        component: int | None = None,
    ):
        _check("Robin", where, weight, component)
        self.where = where
        self.a, self.b = _as_value("Robin", a), _as_value("Robin", b)
        self.value = _as_value("Robin", value)
        self.name, self.weight, self.component = name, weight, component

    def residual(self, u: FieldLike, row: RowInput) -> Array:
        v = component_of(u, self.component)
        value, flux = v(*row.arguments), _normal_derivative(v, row)
        a, b, g = (
            _evaluate("Robin", f, row.arguments, value)
            for f in (self.a, self.b, self.value)
        )
        return a * value + b * flux - g


class Initial(AbstractCondition):
    r"""The field at the initial time, $u(t_0, x) = u_0(x)$.

    Parameters
    ----------
    value
        $u_0$: a number, an array, or a function of *space only*, ``lambda x: ...``.
    rate
        $\partial_t u(t_0, x)$, the same way, for an equation of second order in time.
    name, weight, component
        See `Dirichlet`.

    Examples
    --------
    >>> start = pinn.Initial(lambda x: jnp.sin(x[0]))
    >>> row = pinn.RowInput((jnp.array(0.0), jnp.array([2.0])))
    >>> float(start.residual(lambda t, x: jnp.sin(x[0] - t), row))
    0.0
    """

    where: AbstractPart | None
    value: Any
    rate: Any
    name: str | None = eqx.field(static=True)
    weight: float | None = eqx.field(static=True)
    component: int | None = eqx.field(static=True)

    def __init__(
        self,
        value: Any,
        rate: Any = None,
        *,
        name: str | None = None,
        weight: float | None = None,
        component: int | None = None,
    ):
        check_weight("Initial", weight, component)
        self.where = None
        self.value = _as_value("Initial", value)
        self.rate = None if rate is None else _as_value("Initial", rate)
        self.name, self.weight, self.component = name, weight, component

    def residual(self, u: FieldLike, row: RowInput) -> Any:
        v = component_of(u, self.component)
        value = v(*row.arguments)
        r = value - _evaluate("Initial", self.value, row.arguments[-1:], value)
        if self.rate is None:
            return r
        rate = dt(v)(*row.arguments)
        s = rate - _evaluate("Initial", self.rate, row.arguments[-1:], rate)
        return {"value": r, "rate": s}


class Condition(AbstractCondition):
    """Any condition on a part of the boundary, given by its residual.

    Parameters
    ----------
    where
        The part of the boundary.
    residual
        ``residual(u, *arguments)``, zero where the condition holds; if it declares the
        keyword ``normal`` it is given the outward unit normal, ``(dim,)``.
    name, weight
        See `AbstractCondition`.

    Examples
    --------
    >>> square = pinn.Box([0.0, 0.0], [1.0, 1.0])
    >>> def radiation(u, x, normal):
    ...     return pinn.normal_derivative(u, normal)(x) + u(x) ** 4
    >>> condition = pinn.Condition(square.faces["top"], radiation)
    """

    where: AbstractPart | None
    function: Callable[..., Any]
    name: str | None = eqx.field(static=True)
    weight: float | None = eqx.field(static=True)

    def __init__(
        self,
        where: AbstractPart,
        residual: Callable[..., Any],
        *,
        name: str | None = None,
        weight: float | None = None,
    ):
        _check("Condition", where, weight)
        if not callable(residual):
            raise ValueError(
                "`Condition(where, residual)` takes a function "
                f"`residual(u, *arguments)`; got {residual!r}."
            )
        self.where, self.function = where, residual
        self.name, self.weight = name, weight

    def residual(self, u: FieldLike, row: RowInput) -> Any:
        if "normal" in inspect.signature(self.function).parameters:
            return self.function(u, *row.arguments, normal=row.normal)
        return self.function(u, *row.arguments)


def _normal_derivative(u: FieldLike, row: RowInput) -> Array:
    assert row.normal is not None
    if jax.eval_shape(u, *row.arguments).shape == ():
        return grad(u)(*row.arguments) @ row.normal
    return jacobian(u)(*row.arguments) @ row.normal


def component_of(u: FieldLike, index: int | None) -> FieldLike:
    if index is None:
        return lambda *arguments: jnp.asarray(u(*arguments))

    def component(*arguments: Array) -> Array:
        value = jnp.asarray(u(*arguments))
        if value.ndim == 0 or not -value.shape[0] <= index < value.shape[0]:
            raise ValueError(
                f"`component` of a condition is {index}, counted from 0; the field has "
                f"shape {value.shape} at one point."
            )
        return value[index]

    return component


def _evaluate(kind: str, value: Any, arguments: tuple, like: Array) -> Array:
    """The datum at one point; a single number serves every component."""
    if not callable(value):
        datum = jnp.asarray(value, like.dtype)
        if datum.shape == ():
            return jnp.broadcast_to(datum, like.shape)
    else:
        datum = jnp.asarray(value(*arguments))
        datum = datum.astype(jnp.promote_types(datum.dtype, like.dtype))
    if datum.shape != like.shape:
        raise ValueError(
            f"`value` of `{kind}` has shape {datum.shape} at one point, but the field "
            f"has shape {like.shape} there. Return one entry per component, or name "
            "the `component` it is meant for."
        )
    return datum


def _as_value(kind: str, value: Any) -> Any:
    if callable(value):
        return value
    try:
        return real(value)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`value` of `{kind}` takes a number, an array, or a function of the "
            f"field's arguments; got {value!r}."
        ) from error


def _check(kind: str, where: Any, weight: Any, component: Any = None) -> None:
    if not isinstance(where, AbstractPart):
        raise ValueError(
            f"`where` of `{kind}` takes a part of a boundary, such as "
            f"`domain.boundary` or `domain.faces['left']`; got {where!r}."
        )
    check_weight(kind, weight, component)


def check_weight(kind: str, weight: Any, component: Any = None) -> None:
    if component is not None and not is_whole(component):
        raise ValueError(
            f"`component` of `{kind}` takes an integer; got {component!r}."
        )
    if weight is None:
        return
    if not isinstance(weight, int | float) or not 0 < weight < math.inf:
        raise ValueError(
            f"`weight` of `{kind}` takes a finite positive number; got {weight!r}."
        )
