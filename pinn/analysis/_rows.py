"""The rows that every analysis reads: those that a solve makes small."""

from typing import Any

import jax
from jaxtyping import PRNGKeyArray

from .._arguments import check_key
from .._checks import is_whole
from .._equation import analyse, structure
from .._points import Points, PointSource, adaptive_of, on_device
from .._preflight import check_field
from .._problem import Problem, shape_of
from .._residuals import Residuals
from .._weighting import by_operator, weights_of

# Points of the equation where the caller names no number.
POINTS = 200


def rows_of(
    problem: Problem, field: Any, points: Any, key: PRNGKeyArray
) -> tuple[Residuals, Points]:
    """The rows of a problem under the default balance, and row inputs for them.

    Raises
    ------
    ValueError
        If an argument is wrong, before anything is compiled.
    """
    check_problem(problem)
    check_key(key)
    if adaptive_of(points) is not None:
        raise ValueError(
            "`points` follow the residual while a method works, and an analysis looks "
            "at one field; pass a number of points, or arrays."
        )
    source = PointSource(problem, points, key=key)
    check_field(problem, field)
    train = source.draw(source.counts(POINTS))
    jets = analyse(problem, shape_of(field, problem), train)
    factors = by_operator(problem, jets, weights_of(problem, None))
    return Residuals(problem, factors, structure(jets)), on_device(train)


def places_of(
    problem: Problem, field: Any, points: Any, key: PRNGKeyArray
) -> tuple[jax.Array, ...]:
    """The arguments of the field at points of the equation."""
    check_problem(problem)
    check_key(key)
    source = PointSource(problem, points, key=key)
    check_field(problem, field)
    return on_device(source.draw(source.counts(POINTS))["equation"].arguments)


def check_problem(problem: Any) -> None:
    if not isinstance(problem, Problem):
        raise ValueError(f"`problem` takes a `pinn.Problem`; got {problem!r}.")


def check_count(**counts: Any) -> None:
    """Refuse what is not a whole number of at least one."""
    for name, value in counts.items():
        if not is_whole(value) or value < 1:
            raise ValueError(
                f"`{name}` takes a whole number of at least 1; got {value!r}."
            )
