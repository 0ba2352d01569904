"""Quantities that an evolution conserves, integrated over its domain."""

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from ._compiled import Compiled
from ._domain import kronecker
from ._problem import Problem

# Nodes of Gauss along each axis of the unit cube, and quasi-random points else.
_NODES = {1: 256, 2: 48, 3: 20}
_POINTS = 2**15
_TIMES = 17  # of a report


def integrals(
    problem: Problem, field: Any, times: Any
) -> dict[str, Float[np.ndarray, "n ..."]]:
    """The integrals over the domain of the densities that the problem names.

    Returns
    -------
    dict
        For each name an array with one row for each time.
    """
    points, weights = _quadrature(problem)
    rows = [_integrated(problem, field, t, points, weights) for t in _as_times(times)]
    return {
        name: np.stack([np.asarray(row[name][0]) for row in rows])
        for name in problem.conserved
    }


def changes(problem: Problem, field: Any) -> dict[str, float]:
    """By how much each integral changes, at most, over the time of the problem.

    Relative to the largest integral of the size of the density, which is not zero where
    parts of it cancel.
    """
    assert problem.time is not None
    points, weights = _quadrature(problem)
    times = _as_times(np.linspace(*problem.time, _TIMES))
    rows = [_integrated(problem, field, t, points, weights) for t in times]
    found = {}
    for name in problem.conserved:
        totals, sizes = (
            np.stack([np.asarray(r[name][i]) for r in rows]) for i in (0, 1)
        )
        change, size = np.max(np.abs(totals - totals[:1])), np.max(sizes)
        found[name] = float(change / size) if size > 0 else float(change)
    return found


def _as_times(times: Any) -> Float[np.ndarray, " n"]:
    return np.atleast_1d(np.asarray(times, jnp.result_type(float)))


def _quadrature(problem: Problem) -> tuple[Array, Array]:
    """Points of the domain and their weights.

    The map of the unit cube to a domain preserves measure. Where it reaches nothing
    else, Gauss's rule on the cube serves the domain; it is exact to rounding for smooth
    densities on boxes and discs.
    """
    domain, dtype = problem.domain, jnp.result_type(float)
    count = _NODES.get(domain.cube_dim)
    if count is not None:
        nodes, weights = np.polynomial.legendre.leggauss(count)
        axes = np.meshgrid(*[(nodes + 1) / 2] * domain.cube_dim, indexing="ij")
        cube = jnp.asarray(np.stack([a.ravel() for a in axes], axis=1), dtype)
        points, keep = domain.place(cube)
        if keep is None:
            each = np.meshgrid(*[weights / 2] * domain.cube_dim, indexing="ij")
            product = math.prod(np.ravel(a) for a in each)
            return points, jnp.asarray(domain.measure * product, dtype)
    points = domain.sample(_POINTS, key=jr.key(0), sequence=kronecker)
    return points, jnp.full(_POINTS, domain.measure / _POINTS, dtype)


def _integrate(problem, field, t, points, weights):
    def densities(x):
        return {
            name: jnp.asarray(density(field, t, x))
            for name, density in problem.conserved.items()
        }

    table: Mapping[str, Array] = jax.vmap(densities)(points)
    total = lambda q: jnp.tensordot(weights, q, 1)
    return {name: (total(q), total(jnp.abs(q))) for name, q in table.items()}


_integrated = Compiled(_integrate)
