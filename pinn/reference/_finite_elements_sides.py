"""Which conditions hold on which sides of a mesh, and for which components."""

import collections
from typing import Any

import jax
import numpy as np

from .._condition import Initial, RowInput
from .._domain import AbstractPart
from .._equation import order_bound
from .._host import Hosted
from .._problem import Problem, Term
from .._rate import sensitivities
from ._finite_elements_form import Flux, Value, WeakForm
from ._finite_elements_mesh import Triangles

_PROBES = 8
_JET = [(), (0,), (1,)]


def sides_of(
    problem: Problem, mesh: Triangles
) -> list[tuple[tuple[Term, ...], np.ndarray]]:
    """The boundary facets, sorted by the conditions that hold there."""
    lower, upper = (np.asarray(b) for b in problem.domain.bounds)
    tolerance = np.asarray(1e-6 * np.max(upper - lower))
    terms, covered = [], []
    for condition, term in zip(problem.conditions, problem.terms[1:], strict=True):
        if not isinstance(condition, Initial):
            terms.append(term)
            covered.append(_covered(term.region, mesh.middles, tolerance))
    groups = collections.defaultdict(list)
    for facet, *here in zip(mesh.facets, *covered, strict=True):
        groups[tuple(here)].append(facet)
    return [
        (
            tuple(t for t, here in zip(terms, which, strict=True) if here),
            np.array(facets),
        )
        for which, facets in groups.items()
    ]


@Hosted
def _covered(part: AbstractPart, points, tolerance):
    return jax.vmap(part.covers, (0, None))(points, tolerance)


def conditions_of(
    problem: Problem,
    weak: WeakForm,
    terms: tuple[Term, ...],
    points: np.ndarray,
    normals: np.ndarray | None,
) -> tuple[tuple[Flux, ...], tuple[Value, ...]]:
    """Sort the conditions on one side into those of fluxes and those of values.

    Raises
    ------
    ValueError
        If a component has not exactly one condition there, or a condition is of
        another kind: not affine in what it is solved for, or with other derivatives
        than the first in space.
    """
    fluxes, values, taken = [], [], collections.Counter()
    for term in terms:
        of_flux, components = _kind(problem, weak, term, points, normals, taken)
        taken.update(components)
        kind = Flux if of_flux else Value
        (fluxes if of_flux else values).append(kind(term, components, weak.shape))
    for component in range(weak.components):
        if taken[component] != 1:
            of = f" for component {component} of the field" if weak.shape else ""
            place = np.array2string(points[0], precision=3, separator=", ")
            raise ValueError(
                f"`conditions` has {taken[component]} at the boundary near {place}"
                f"{of}; an equation of second order takes one everywhere on it. Add or "
                "remove a condition such as `Dirichlet` or `Neumann`."
            )
    return tuple(fluxes), tuple(values)


def _kind(problem, weak, term, points, normals, taken):
    """Whether a condition is one of fluxes, and the components it is solved for."""
    what = f"`conditions` has {term.name!r}, "
    if order_bound(problem, term, weak.shape) > 1:
        raise ValueError(
            f"{what}with derivatives beyond the first; finite elements take the field "
            "and its gradient there. Use `pinn.solve`."
        )
    some = np.linspace(0, len(points) - 1, _PROBES).astype(int)
    x, normal = points[some], normals[some]
    moment = () if problem.time is None else (np.full(_PROBES, np.mean(problem.time)),)
    rows: Any = RowInput((*moment, x), normal)  # type: ignore[arg-type]
    known = [_JET] if problem.time is None else [_JET, [()]]
    rng = np.random.default_rng(0)
    lower, upper = (np.asarray(b) for b in problem.domain.bounds)
    unit = np.pi / np.max(upper - lower)
    found, largest = [], 0.0
    for _ in range(2):
        jets = [
            [rng.standard_normal((_PROBES, *weak.shape)) for _ in same]
            for same in known
        ]
        (value, along, across), *rates = sensitivities(term, rows, jets, known)
        flux = along * normal[:, :1, None] + across * normal[:, 1:, None]
        found.append((value, unit * flux))
        largest = float(max(np.max(np.abs(value)), unit * np.max(np.abs(flux))))
        if any(np.max(np.abs(rate)) > 0 for same in rates for rate in same):
            raise ValueError(
                f"{what}with a derivative in time; finite elements take the field and "
                "its gradient there. Use `pinn.solve`."
            )
        if not largest > 0:
            raise ValueError(f"{what}which does not depend on the field.")
    of_flux = bool(np.max(np.abs(found[0][1])) > 1e-10 * largest)
    one, other = (pair[int(of_flux)] for pair in found)
    if np.max(np.abs(one - other)) > 1e-8 * largest:
        unknown = "the normal derivative" if of_flux else "the field"
        raise ValueError(
            f"{what}which is not affine in {unknown}, which is solved for from it. Use "
            "`pinn.solve`."
        )
    sizes = np.max(np.abs(one), axis=0)
    components = []
    for row in sizes:
        free = [j for j, size in enumerate(row) if size > 1e-10 * max(row)]
        count = lambda j: taken[j] + (j in components)
        components.append(min(free or [0], key=lambda j: (count(j), -row[j])))
    rest = np.delete(sizes, components, axis=1)
    if not (sizes.max(axis=1) > 0).all() or (rest > 1e-10 * sizes.max()).any():
        raise ValueError(
            f"{what}whose equations cannot be solved for as many components of the "
            "field. Give a condition for each component."
        )
    return of_flux, tuple(components)
