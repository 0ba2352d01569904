"""An evolution problem within one window of time, in the time of a reference window.

Windows then differ in arrays only: what is compiled for one of them serves the next.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ._condition import (
    AbstractCondition,
    Dirichlet,
    Initial,
    Neumann,
    Robin,
    RowInput,
)
from ._domain import AbstractPart
from ._network import Retimed, Window
from ._operators import dt
from ._periodic import Periodic
from ._problem import Problem
from ._types import FieldLike


def in_window(
    problem: Problem, window: Window, before: tuple[Any, Window] | None
) -> Problem:
    """The problem of one window, as a function of the time of its reference.

    Parameters
    ----------
    problem
        With a time and an `Initial`.
    window
        Of the problem's time.
    before
        The field of the window before, in the time of the reference, and that window:
        what it ends with are the initial data. Those of the problem if ``None``.
    """
    # Quantities that are conserved are so over the whole time.
    exact = problem.exact
    return Problem(
        problem.domain,
        _Equation(problem.residual, window),
        [
            _placed(condition, term.name, window, before)
            for term, condition in zip(
                problem.terms[1:], problem.conditions, strict=True
            )
        ],
        time=window.reference,
        exact=None if exact is None else Retimed(exact, window.time_at),
        name=problem.name,
    )


def _placed(
    condition: AbstractCondition,
    name: str,
    window: Window,
    before: tuple[Any, Window] | None,
) -> AbstractCondition:
    if isinstance(condition, Initial):
        return _begun(condition, window, before)
    if isinstance(condition, Periodic):  # the same at all times
        return condition
    if isinstance(condition, Dirichlet | Neumann | Robin):
        for part in ("value", "a", "b"):
            value = getattr(condition, part, None)
            if callable(value):
                condition = eqx.tree_at(
                    lambda c, part=part: getattr(c, part),
                    condition,
                    Retimed(value, window.time_at),
                )
        return condition
    return _Placed(condition.where, name, condition.weight, condition, window)


def _begun(
    condition: Initial, window: Window, before: tuple[Any, Window] | None
) -> Initial:
    if before is None:
        value, rate = condition.value, condition.rate
        if rate is not None:
            rate = _FirstRate(rate, window)
    else:
        value = _Ended(*before, window, condition.component, rate=False)
        rate = None
        if condition.rate is not None:
            rate = _Ended(*before, window, condition.component, rate=True)
    return Initial(
        value,
        rate,
        name=condition.name,
        weight=condition.weight,
        component=condition.component,
    )


class _Equation(eqx.Module):
    residual: Any
    window: Window

    def __call__(self, u: FieldLike, s: Any, x: Any) -> Any:
        return self.residual(_near(u, self.window, s), self.window.time_at(s), x)


class _Placed(AbstractCondition):
    """Any condition, given its field and its points in time."""

    where: AbstractPart | None
    name: str | None = eqx.field(static=True)
    weight: float | None = eqx.field(static=True)
    condition: AbstractCondition
    window: Window

    def residual(self, u: FieldLike, row: RowInput) -> Any:
        s, x = row.arguments
        inside = row._replace(arguments=(self.window.time_at(s), x))
        return self.condition.residual(_near(u, self.window, s), inside)


class _FirstRate(eqx.Module):
    """The initial rate that is given, in the time of the reference."""

    rate: Any
    window: Window

    def __call__(self, x: Any) -> Any:
        rate: Any = self.rate(x) if callable(self.rate) else self.rate
        return self.window.speed(x.dtype) * rate


class _Ended(eqx.Module):
    """What the window before has ended with, a field or its rate, as initial data."""

    field: Any
    window: Window
    following: Window
    component: int | None = eqx.field(static=True)
    rate: bool = eqx.field(static=True)

    def __call__(self, x: Any) -> Any:
        end = np.asarray(self.window.reference[1], x.dtype)
        if self.rate:
            slope: Any = dt(self.field)(end, x)
            value = slope * (self.following.speed(x.dtype) / self.window.speed(x.dtype))
        else:
            value = self.field(end, x)
        return value if self.component is None else value[self.component]


class _Near(eqx.Module):
    r"""The time of the reference, $s + (t - t(s)) / \dot t$, about one $s$.

    At $t = t(s)$ it is $s$ to the last bit, so a residual that looks at its field at
    its own point still does.
    """

    window: Window
    s: Any

    def __call__(self, t: Any) -> Any:
        s = jnp.asarray(self.s)
        return s + (t - self.window.time_at(s)) / self.window.speed(s.dtype)


def _near(u: FieldLike, window: Window, s: Any) -> FieldLike:
    return Retimed(u, _Near(window, s))
