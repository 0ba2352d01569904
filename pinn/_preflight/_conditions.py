"""Findings on the conditions: are there enough, and do they agree where they meet?"""

import itertools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._condition import Dirichlet, Initial
from .._domain import AbstractBox, AbstractPart
from .._equation import TermJet
from .._host import Hosted
from .._points import Points
from .._problem import Problem, Term
from ._draw import rows_of_part
from ._numeric import Meeting
from ._report import Finding

GAP = 1e-3  # of the largest value, between conditions that are to agree
_MOST_CORNERS = 8  # coordinates of a box whose corners are all looked at
_UNSEEN = 0.01  # of the boundary's points, below which nothing is said to be missing


def missing_findings(problem: Problem, jets: Mapping[str, TermJet]) -> list[Finding]:
    """Whether the problem has the conditions that its equation calls for."""
    equation = jets["equation"]
    kinds = {condition.kind for condition in problem.conditions}
    if problem.time is not None and equation.orders[0] > 0 and "initial" not in kinds:
        return [
            Finding(
                "missing-condition",
                "warning",
                "the equation has a time derivative, but no initial value is given.",
                "Add `pinn.Initial(value)`.",
            )
        ]
    if not problem.conditions and equation.order > 0:
        return [
            Finding(
                "missing-condition",
                "warning",
                "no condition is given; a differential equation alone has many "
                "solutions.",
                "Add, for example, `pinn.Dirichlet(domain.boundary, 0.0)`.",
            )
        ]
    return []


def uncovered_findings(problem: Problem, jets: Mapping[str, TermJet]) -> list[Finding]:
    """Whether each part of the boundary has a condition, for order 2 and more."""
    parts = [part for c in problem.conditions for part in c.parts]
    if jets["equation"].orders[-1] < 2 or not parts:
        return []
    boundary = problem.domain.boundary
    whole, given = boundary.measure, sum(part.measure for part in parts)
    if abs(given - whole) < 1e-3 * whole:
        return []
    x = rows_of_part(boundary, 1024)
    covered = np.any([_covers(part, x, _tolerance(problem)) for part in parts], axis=0)
    share = float(np.mean(~covered))
    if share < _UNSEEN:
        return []
    place = point_text((x[~covered][0],))
    return [
        Finding(
            "uncovered-boundary",
            "warning",
            f"{share:.0%} of the boundary has no condition, such as {place}; an "
            "equation of second order needs one on every part.",
            "Add a `pinn.Dirichlet`, `pinn.Neumann` or `pinn.Robin` there.",
        )
    ]


def meetings(problem: Problem, points: Points) -> tuple[Meeting, ...]:
    """Points where two conditions give the value of the same component."""
    named = [
        (term, condition)
        for term, condition in zip(problem.terms[1:], problem.conditions, strict=True)
        if isinstance(condition, Dirichlet | Initial)
    ]
    found = []
    for (a, one), (b, other) in itertools.combinations(named, 2):
        if None not in (one.component, other.component):
            if one.component != other.component:
                continue
        elif one.component is not other.component:
            continue
        if isinstance(one, Initial) and isinstance(other, Initial):
            found += _all_of(a, b, points[a.name].arguments, True)
        elif isinstance(one, Initial) or isinstance(other, Initial):
            continue  # see `_corners.py`
        else:
            found += _where_both_hold(problem, a, b, points)
    return tuple(found)


def _all_of(a: Term, b: Term, arguments: Any, everywhere: bool) -> list[Meeting]:
    points = tuple(np.asarray(part) for part in arguments)
    return [Meeting(a.name, b.name, points, everywhere)]


def _where_both_hold(
    problem: Problem, a: Term, b: Term, points: Points
) -> list[Meeting]:
    """Corners of a box that belong to both parts, and points of one on the other."""
    assert isinstance(a.region, AbstractPart)
    assert isinstance(b.region, AbstractPart)
    arguments = points[a.name].arguments
    first = [np.asarray(part)[:256] for part in arguments]
    number = len(first[0])
    lower, upper = (np.asarray(s, float) for s in problem.domain.bounds)
    corners = np.zeros((0, len(lower)))
    if isinstance(problem.domain, AbstractBox) and len(lower) <= _MOST_CORNERS:
        corners = np.array(list(itertools.product(*zip(lower, upper, strict=True))))
    x = np.concatenate([first[-1], corners])
    x = x.astype(jnp.result_type(float))
    tol = _tolerance(problem)
    both = _covers(a.region, x, tol) & _covers(b.region, x, tol)
    found = []
    for chosen, everywhere in ((slice(0, number), True), (slice(number, None), False)):
        here = x[chosen][both[chosen]]
        if len(here) == 0:
            continue
        times = [np.resize(part, len(here)) for part in first[:-1]]
        found.append(Meeting(a.name, b.name, (*times, here), everywhere))
    return found


@Hosted
def _covers(part, x, tol):
    return jax.vmap(lambda y: part.covers(y, tol))(x)


def contradiction_findings(
    met: tuple[Meeting, ...], data: list[dict[str, np.ndarray]]
) -> list[Finding]:
    """Conditions of one time that give different values at the same points."""
    texts, severity = [], "warning"
    for meeting, values in zip(met, data, strict=True):
        size = float(np.max(np.abs(values["size"]), initial=0.0))
        gap = values["gap"]
        worst = int(np.argmax(gap))
        largest = float(gap[worst])
        if largest <= GAP * max(size, largest):
            continue
        place = point_text(tuple(part[worst] for part in meeting.points))
        texts.append(
            f"`{meeting.first}` and `{meeting.second}` differ by {largest:.3g} "
            f"at {place}"
        )
        if meeting.everywhere:
            severity = "error"
    if not texts:
        return []
    why = (
        "no field can satisfy both."
        if severity == "error"
        else "the solution jumps there, and a smooth field approaches it slowly."
    )
    return [
        Finding(
            "contradictory-conditions",
            severity,  # type: ignore[arg-type]
            f"{'; '.join(texts)}: {why}",
            "Make the data agree where they meet, or expect a large error there.",
        )
    ]


def _tolerance(problem: Problem) -> np.ndarray:
    lower, upper = (np.asarray(s, float) for s in problem.domain.bounds)
    digits = 1e-9 if jnp.result_type(float) == jnp.float64 else 1e-5
    size = np.max(np.abs(upper - lower) + np.abs(lower) + np.abs(upper))
    return np.asarray(digits * size, jnp.result_type(float))


def point_text(arguments: tuple[Any, ...]) -> str:
    names = ("x",) if len(arguments) == 1 else ("t", "x")
    parts = [
        f"{name} = {np.array2string(np.asarray(value), precision=4)}"
        for name, value in zip(names, arguments, strict=True)
    ]
    return ", ".join(parts)
