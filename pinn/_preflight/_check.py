"""The check that runs before every solve."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from .._checks import check_key
from .._equation import TermJet, analyse
from .._points import Points
from .._problem import Problem
from .._required import required
from ._conditions import (
    contradiction_findings,
    meetings,
    missing_findings,
    uncovered_findings,
)
from ._corners import corner_findings, seam_findings
from ._draw import draw
from ._field import field_findings
from ._findings import (
    check_field,
    component_findings,
    locality_finding,
    order_finding,
    row_findings,
)
from ._numbers import (
    derivative_findings,
    exact_findings,
    is_reverse_only,
    points_findings,
    precision_findings,
    reverse_only_finding,
    unit_findings,
)
from ._numeric import (
    measure_derivatives,
    measure_exact,
    measure_meetings,
    measure_rows,
    measure_units,
)
from ._report import Report
from ._residual import residual_findings


@required(
    field="give a network, such as `pinn.MLP(problem.in_size, key=key)`.",
    key="write `pinn.preflight(problem, field, key=jax.random.key(0))`.",
)
def preflight(
    problem: Problem,
    field: Any,
    *,
    key: PRNGKeyArray,
    points: Points | None = None,
    jets: Mapping[str, TermJet] | None = None,
    tol: float | None = None,
    own: bool = False,
) -> Report:
    """Check, before any training, that a field can solve a problem.

    It finds the differential order of the residual from its local jet; whether the
    whole field, with every value that training can bring to it, and the residual have
    that many true derivatives, none of them identically zero; whether every term is
    finite and depends on the parameters; whether the conditions are complete and agree
    where they meet; and more (`IDENTIFIERS`).

    Parameters
    ----------
    problem
        The problem.
    field
        The network, a function of one point.
    key
        Draws points where none are given.
    points
        The row inputs that will be used.
    jets
        From an earlier analysis of the problem.
    tol
        The tolerance that will be asked for.
    own
        Whether the field is one that `solve` has chosen, with as many components as
        the problem seems to ask for.

    Returns
    -------
    Report
        With `ok` and `findings`; prints as a table.

    Raises
    ------
    ValueError
        If the field cannot be called at a point of the problem, or a residual or a
        value has the wrong shape.

    Examples
    --------
    >>> problem, key = pinn.problems.poisson(), jax.random.key(0)
    >>> u = pinn.MLP(2, "scalar", 8, 1, pinn.activations.relu, key=key)
    >>> report = pinn.preflight(problem, u, key=key)
    >>> report.ok
    False
    >>> [finding.id for finding in report.errors]
    ['vanishing-derivative', 'dead-residual']
    """
    check_field(problem, field)
    check_key(key)
    given = points is not None
    if points is None:
        points = draw(problem, key)
    shape = jax.eval_shape(field, *_one_point(points)).shape
    if jets is None:
        jets = analyse(problem, shape, points)
    findings = [order_finding(problem, shape, jets)]
    findings += component_findings(problem, shape, jets, own)
    try:
        rows = measure_rows(problem, field, points, jets)
        derivatives = measure_derivatives(problem, field, points)
    except (TypeError, NotImplementedError) as error:
        if not is_reverse_only(error):
            raise
        # Nothing else can be computed.
        return Report((*findings, reverse_only_finding()))
    findings += field_findings(problem, field, jets, points)
    findings += residual_findings(problem, shape, jets, points)
    findings += derivative_findings(derivatives)
    findings += row_findings(jets, rows, points)
    units = measure_units(problem, field, points)
    if units is not None:
        findings += unit_findings(problem, units)
    if given:
        findings += points_findings(field, points)
    findings += locality_finding(jets)
    findings += missing_findings(problem, jets)
    findings += uncovered_findings(problem, jets)
    met = meetings(problem, points)
    findings += contradiction_findings(met, measure_meetings(problem, points, met))
    findings += corner_findings(problem, shape, jets, points)
    findings += seam_findings(problem, shape)
    if problem.exact is not None:
        findings += exact_findings(measure_exact(problem, points, jets))
    findings += precision_findings(tol)
    return Report(tuple(findings))


def _one_point(points: Points) -> tuple[Any, ...]:
    return tuple(np.asarray(a[0]) for a in points["equation"].arguments)
