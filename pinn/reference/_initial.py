"""Where a march in time starts: the initial conditions at points."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._compiled import Compiled
from .._condition import Initial, RowInput
from .._problem import Problem
from .._rate import Rate, local_field


def initial_values(
    problem: Problem, rate: Rate, points: Float[Array, "n dim"]
) -> Float[Array, "m n d"]:
    """Initial values, and rates for second order in time, at many points."""
    begin = jnp.asarray(problem.time[0])  # type: ignore[index]
    components = math.prod(rate.shape)
    given: list[list[Any]] = [[None] * components for _ in range(rate.order)]
    for condition, term in zip(problem.conditions, problem.terms[1:], strict=True):
        if not isinstance(condition, Initial):
            continue
        if (condition.rate is not None) != (rate.order == 2):
            what = "no `rate`" if condition.rate is None else "a `rate`"
            raise ValueError(
                f"`conditions` has an `Initial` with {what}, and the equation is of "
                f"order {rate.order} in time: `rate` is the initial u_t, which an "
                "equation with u_tt needs and one without does not take."
            )
        found = _initial(term, rate, begin, points)
        which = range(components)
        which = which if condition.component is None else [which[condition.component]]
        for table, values in zip(given, found, strict=True):
            for j, column in zip(which, values.T, strict=True):
                if table[j] is not None:
                    raise ValueError(
                        "`conditions` has two `Initial` for one component of the "
                        "field; one is needed for each."
                    )
                table[j] = column
    for j, column in enumerate(given[0]):
        if column is None:
            of = f" for component {j} of the field" if rate.shape else ""
            raise ValueError(
                f"`conditions` has no `Initial`{of}; the march starts from it. Add "
                "`Initial(lambda x: ...)`."
            )
    return jnp.stack([jnp.stack(columns, axis=-1) for columns in given])


def _initial_values(term, rate, begin, points):
    """What an initial condition sets: minus its residual for the field zero."""

    def at(x):
        zero = local_field(begin, x, ({(): jnp.zeros(rate.shape, x.dtype)},))
        residual = term.residual(zero, RowInput((begin, x)))
        parts = (
            [residual[k] for k in ("value", "rate")] if rate.order == 2 else residual
        )
        return [-jnp.ravel(part) for part in jax.tree.leaves(parts)]

    return jax.vmap(at)(points)


_initial = Compiled(_initial_values)
