r"""Modes of space: combinations of frozen features, orthonormal, that meet conditions.

The features at the quadrature points have $\sqrt w \Phi = U S V^T$; singular values
below a share of the largest are cut, and $Q = \Phi V S^{-1}$ are orthonormal. A
condition that is affine in the field is $B y + g(t) = 0$ in their coefficients $y$, so
$y = N a - B^+ g(t)$: the columns of $N$ span the null space of $B$, and the *modes*
$Q N$ meet the homogeneous conditions, as closely as the cut allows.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._condition import Initial, RowInput
from .._equation import ravelled
from .._feature_rows import tables
from .._host import Hosted
from .._points import Points
from .._problem import Term
from .._rate import Index, indices_of, local_field
from .._residuals import Residuals
from ._blas import blas_threads

# Singular values of the conditions below this share of the largest bind nothing.
_BOUND = 1e-9
# Jumps of all features that are rounding, over their size.
_MET = 1e-11
# Sizes are rounded up to a multiple, so that other features trace nothing anew.
_BLOCK = 32


class Boundary(eqx.Module):
    """The conditions on the boundary, and the points where they are to hold.

    Attributes
    ----------
    terms
        The conditions.
    factors
        What their residuals are multiplied with, ``(k,)`` each.
    inputs
        Points and normals; the times among them are not used.
    indices
        The spatial derivatives that enter each condition.
    matrices
        What the residuals change by with these, ``(n, k, d, indices)`` each.
    homogeneous
        Whether all of them hold for the field that is zero, at all times.
    shape
        Of the field.
    """

    terms: tuple[Term, ...]
    # Each condition has sizes of its own, so they have no names.
    factors: tuple[Float[np.ndarray, " _"], ...]
    inputs: tuple[RowInput, ...]
    indices: tuple[tuple[Index, ...], ...] = eqx.field(static=True)
    matrices: tuple[Float[np.ndarray, "_ _ _ _"], ...]
    homogeneous: bool = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)

    def data(self, t: Float[Array, ""]) -> Float[Array, " b"]:
        r"""$g(t)$: the residuals of the field that is zero."""
        parts = [jnp.zeros(0, jnp.result_type(float))]
        for term, factor, inputs in zip(
            self.terms, self.factors, self.inputs, strict=True
        ):
            at = lambda x, normal, term=term, factor=factor: (
                factor * ravelled(term, self._zero, RowInput((t, x), normal))
            )
            parts.append(jnp.ravel(jax.vmap(at)(inputs.arguments[-1], inputs.normal)))
        return jnp.concatenate(parts)

    def _zero(self, *arguments: Any) -> Array:
        return jnp.zeros(self.shape, jnp.result_type(float))


class Modes(eqx.Module):
    """Orthonormal combinations of features, and those that meet the conditions.

    Attributes
    ----------
    x
        Quadrature points.
    derivatives
        Of the orthonormal functions there, for each spatial index, ``(n, r)``.
    project
        From values at the points to coefficients $y$ of the best approximation.
    null
        $N$, for all components of the field together.
    lift
        $-B^+$; no columns where the conditions are homogeneous.
    """

    x: Float[np.ndarray, "n dim"]
    derivatives: tuple[Float[np.ndarray, "n r"], ...]
    project: Float[np.ndarray, "r n"]
    null: Float[np.ndarray, "dr q"]
    lift: Float[np.ndarray, "dr b"]


def boundary_of(
    residuals: Residuals, points: Points, shape: tuple[int, ...]
) -> Boundary:
    """The conditions on the boundary of an evolution.

    Raises
    ------
    ValueError
        If one is not affine in the field, has coefficients that change in time, or
        holds time derivatives.
    """
    problem = residuals.problem
    assert problem.time is not None
    orders, dim = dict(residuals.structure.orders), problem.domain.dim
    times = np.linspace(*problem.time, 5)[1:]
    found: list[tuple[Any, ...]] = []
    homogeneous = True
    for term, condition in zip(problem.terms[1:], problem.conditions, strict=True):
        if isinstance(condition, Initial):
            continue
        x, normal, partner = _distinct(points[term.name])
        factor = residuals.factors[term.name]
        order = orders[term.name]
        indices = [i for k in range(order + 1) for i in indices_of(dim, k)]
        rng = np.random.default_rng(0)
        probes = []
        for t in times:
            inputs: Any = _row_input(np.full(len(x), t), x, normal)
            jets = [
                [rng.standard_normal((len(x), *shape)) for _ in indices]
                for _ in range(order + 1)
            ]
            probes.append(_linearised(term, factor, inputs, jets, tuple(indices)))
        (_, first), (_, second) = probes[:2]
        if any(g.any() for same in first[1:] for g in same):
            raise ValueError(
                f"`conditions`: {term.name!r} holds a time derivative, which `Evolve` "
                "cannot build into its features. Use `pinn.LeastSquares()`."
            )
        matrix = np.stack(first[0], axis=-1)
        changed = np.abs(matrix - np.stack(second[0], axis=-1)).max()
        if not changed <= 1e-8 * np.abs(matrix).max():
            raise ValueError(
                f"`conditions`: {term.name!r} is not affine in the field with "
                "coefficients that stay the same in time, so `Evolve` cannot build it "
                "into its features. Use `pinn.LeastSquares()`."
            )
        homogeneous &= not any(value.any() for value, _ in probes)
        entering = [a for a in range(len(indices)) if matrix[..., a].any()]
        found.append(
            (
                term,
                np.asarray(factor),
                _row_input(np.zeros(len(x)), x, normal, partner),
                tuple(indices[a] for a in entering),
                matrix[..., entering],
            )
        )
    columns: Any = tuple(zip(*found, strict=True)) if found else ((),) * 5
    terms, factors, inputs, indices, matrices = columns
    return Boundary(terms, factors, inputs, indices, matrices, homogeneous, shape)


def make_modes(
    network: Any,
    indices: tuple[Index, ...],
    boundary: Boundary,
    x: np.ndarray,
    weights: np.ndarray,
    components: int,
    cut: float,
) -> tuple[Modes, np.ndarray]:
    """Orthonormalise the features of a network, and build the conditions in.

    Returns
    -------
    tuple
        The modes; and $V S^{-1}$, from $y$ to the readout of the features, the constant
        last, ``(m + 1, r)``.

    Raises
    ------
    ValueError
        If the conditions leave no features over.
    """
    values = derivatives_of(network, x, indices)
    root = np.sqrt(weights)
    matrix = root[:, None] * values[0]
    with blas_threads(matrix.size * matrix.shape[1]):
        u, s, v = np.linalg.svd(matrix, full_matrices=False)
        r = int(np.sum(s > cut * s[0]))
        transform = v[:r].T / s[:r]
        tables_of_modes = [table @ transform for table in values]
        null, lift = _constrained(network, boundary, transform, components)
    if null.shape[1] == 0:
        raise ValueError(
            f"`features` = {network.readout.weight.shape[-1]} are too few: none are "
            "left over when the conditions are met. Give `Evolve` more."
        )
    height = -(-r // _BLOCK) * _BLOCK
    width = components * height
    fill = lambda a, *shape: np.pad(
        a, [(0, n - k) for k, n in zip(a.shape, shape, strict=True)]
    )

    def by_component(a, width):
        a = a.reshape(components, r, a.shape[-1])
        return fill(a, components, height, width).reshape(components * height, width)

    modes = Modes(
        x=x,
        derivatives=tuple(fill(t, len(x), height) for t in tables_of_modes),
        project=fill(u[:, :r].T * root, height, len(x)),
        null=by_component(null, width),
        lift=by_component(lift, lift.shape[1]),
    )
    return modes, np.pad(transform, [(0, 0), (0, height - r)])


def derivatives_of(
    network: Any, x: np.ndarray, indices: tuple[Index, ...]
) -> list[np.ndarray]:
    """Derivatives of all features and of the constant at points, ``(n, m + 1)``."""
    m = network.readout.weight.shape[-1]
    unit = jax.device_put(np.ones(x.shape[1]))
    result = np.zeros((len(indices), len(x), m + 1))
    for rows, columns, table in tables(network, (x,), unit, indices):
        result[:, rows, columns] = table
    result[indices.index(()), :, m] = 1.0
    return list(result)


def _constrained(
    network: Any, boundary: Boundary, transform: np.ndarray, components: int
) -> tuple[np.ndarray, np.ndarray]:
    """$N$ and $-B^+$."""
    r = transform.shape[1]
    rows = [np.zeros((0, components * r))]
    for inputs, indices, matrix in zip(
        boundary.inputs, boundary.indices, boundary.matrices, strict=True
    ):
        n, k, _, _ = matrix.shape
        needed = ((), *(i for i in indices if i != ()))
        at = derivatives_of(network, np.asarray(inputs.arguments[-1]), needed)
        if inputs.partner is not None:
            size = [np.max(np.abs(table)) for table in at]
            there = derivatives_of(network, np.asarray(inputs.partner), needed)
            at = [a - b for a, b in zip(at, there, strict=True)]
            jumps = [np.max(np.abs(table)) for table in at]
            if all(j <= _MET * s for j, s in zip(jumps, size, strict=True)):
                continue  # the features themselves are periodic
        own = np.zeros((n, k, components, r))
        for a, index in enumerate(indices):
            table = at[needed.index(index)] @ transform
            own += np.asarray(matrix)[..., a, None] * table[:, None, None, :]
        rows.append(own.reshape(n * k, components * r))
    b = np.concatenate(rows)
    if not len(b):
        return np.eye(components * r), np.zeros((components * r, 0))
    u, s, v = np.linalg.svd(b)
    rank = int(np.sum(s > _BOUND * s[0]))
    lift = -v[:rank].T @ (u[:, :rank].T / s[:rank, None])
    return v[rank:].T, lift[:, : 0 if boundary.homogeneous else None]


def _row_input(t: Any, x: Any, normal: Any, partner: Any = None) -> RowInput:
    return RowInput((t, x), normal, partner)


def _distinct(inputs: RowInput) -> tuple[np.ndarray, Any, Any]:
    """The points in space, each once: in one dimension there are but two."""
    x = np.asarray(inputs.arguments[-1])
    _, first = np.unique(x, axis=0, return_index=True)
    some = lambda a: None if a is None else np.asarray(a)[first]
    return x[first], some(inputs.normal), some(inputs.partner)


@Hosted
def _linearised(term, factor, inputs, jets, indices):
    """The residual of the field that is zero, and its derivatives in random jets."""

    def at(row, jets):
        def residual(jets):
            tables = [dict(zip(indices, cs, strict=True)) for cs in jets]
            t, x = row.arguments
            field = local_field(t, x, tables)
            return factor * ravelled(term, field, row)

        zero = jax.tree.map(jnp.zeros_like, jets)
        jacobian = jax.jacrev(residual)(jets)
        flat = jax.tree.map(lambda g: g.reshape(g.shape[0], -1), jacobian)
        return residual(zero), flat

    return jax.vmap(at)(inputs, jets)
