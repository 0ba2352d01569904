"""Terms that the tangent kernel lets converge at equal rates."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._checks import check_whole
from .._condition import RowInput
from .._points import Points
from .._residuals import Residuals, trainable_leaves
from ._base import AbstractAveraged

# Gradients of rows that are computed at once, of which each has the size of the field.
_CHUNK = 32


class TangentKernel(AbstractAveraged):
    r"""Weights from the traces of the diagonal blocks of the tangent kernel.

    $$ w_j = \frac{\tfrac1m \sum_{l=1}^m \kappa_l}{\kappa_j}, \qquad
       \kappa_j = \overline{\|\nabla_\theta \rho_i\|^2} = \frac{\operatorname{tr}
       J_j J_j^\top}{n_j}, $$

    for the rows $\rho_i$ of term $j$ and their Jacobian $J_j$: under gradient descent
    the mean eigenvalue of a block is the rate at which the residuals of its term fall.
    The Jacobian is not formed; the gradients of some rows are, a few at a time. The
    mean over the $m$ terms stands in place of the paper's sum. The rows are those
    without the fixed weights of the conditions: the residual of a condition of weight 9
    falls nine times as fast as the others.

    Parameters
    ----------
    every
        Steps between two updates.
    rows
        Most row inputs of a term whose gradients are taken, spread evenly over its
        points.
    memory
        Of the moving average of the weights, dimensionless, from 0 to below 1. The
        first update has none.
    largest
        Weights stay between this and its inverse, dimensionless.

    Raises
    ------
    ValueError
        If a number is out of range.

    References
    ----------
    Wang, Yu & Perdikaris, JCP 449 (2022), 110768, algorithm 1.
    """

    every: int = eqx.field(static=True, default=100)
    rows: int = eqx.field(static=True, default=256)
    memory: float = eqx.field(static=True, default=0.9)
    largest: float = eqx.field(static=True, default=1e4)

    def __check_init__(self):  # and that of the base, which Equinox calls too
        check_whole(self, rows=1)

    def sizes(
        self, residuals: Residuals, field: Any, points: Points
    ) -> Mapping[str, Array]:
        return mean_traces(residuals, field, points, self.rows)


def mean_traces(
    residuals: Residuals, field: Any, points: Points, most: int
) -> dict[str, Array]:
    r"""$\operatorname{tr} J J^\top / n$ of each term, from at most so many rows."""
    trainable, fixed = eqx.partition(field, trainable_leaves(field))
    result = {}
    for term in residuals.problem.terms:
        inputs = points[term.name]
        n = len(inputs.arguments[-1])
        some = np.linspace(0, n - 1, min(n, most)).round().astype(int)

        def squared_norm(row: RowInput, term=term) -> Array:
            at = lambda q: residuals.row(term, eqx.combine(q, fixed), row)
            value, pullback = jax.vjp(at, trainable)
            (gradients,) = jax.vmap(pullback)(jnp.eye(value.size, dtype=value.dtype))
            parts = [jnp.sum(g**2) for g in jax.tree.leaves(gradients)]
            return sum(parts, jnp.zeros((), value.dtype))

        chosen = jax.tree.map(lambda a, some=some: a[some], inputs)
        norms = jax.lax.map(squared_norm, chosen, batch_size=_CHUNK)
        weights = residuals.weight_of(term.name, n)[some]
        result[term.name] = jnp.sum(weights * norms) / jnp.sum(weights)
    return result
