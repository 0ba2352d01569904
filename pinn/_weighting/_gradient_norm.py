"""Terms whose gradients have equal norms."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from .._points import Points
from .._residuals import Residuals, trainable_leaves
from ._base import AbstractAveraged


class GradientNorm(AbstractAveraged):
    r"""Weights that give the gradients of all terms the same norm.

    $$ w_j = \frac{\tfrac1m \sum_{l=1}^m \|\nabla_\theta L_l\|}{\|\nabla_\theta L_j\|},
       \qquad w \leftarrow \alpha w + (1 - \alpha) w_\text{new}, $$

    for the losses $L_j$ of the $m$ terms. One update costs a gradient of each term.
    The mean stands in place of the paper's sum, so that terms in balance have weight
    1. The losses are those without the fixed weights of the conditions: a condition of
    weight 9 has a gradient nine times as long as the others.

    Parameters
    ----------
    every
        Steps between two updates.
    memory
        $\alpha$ of the moving average, dimensionless, from 0 to below 1. The first
        update has none.
    largest
        Weights stay between this and its inverse, dimensionless: the gradient of a
        condition that holds vanishes.

    Raises
    ------
    ValueError
        If a number is out of range.

    References
    ----------
    Wang, Teng & Perdikaris, SIAM J. Sci. Comput. 43 (2021), A3055; Wang, Sankaran,
    Wang & Perdikaris, arXiv:2308.08468, algorithm 1.
    """

    every: int = eqx.field(static=True, default=100)
    memory: float = eqx.field(static=True, default=0.9)
    largest: float = eqx.field(static=True, default=1e4)

    def sizes(
        self, residuals: Residuals, field: Any, points: Points
    ) -> Mapping[str, Array]:
        return gradient_norms(residuals, field, points)


def gradient_norms(
    residuals: Residuals, field: Any, points: Points
) -> dict[str, Array]:
    """The norm of the gradient of each term's loss in all unknowns, ``()``."""
    trainable, fixed = eqx.partition(field, trainable_leaves(field))

    def losses(parameters: Any) -> Array:
        squares = residuals.squares(eqx.combine(parameters, fixed), points)
        return jnp.stack([0.5 * jnp.mean(s) for s in squares.values()])

    values, pullback = jax.vjp(losses, trainable)
    (gradients,) = jax.vmap(pullback)(jnp.eye(len(values), dtype=values.dtype))
    parts = [
        jnp.sum(g.reshape(len(values), -1) ** 2, axis=1)
        for g in jax.tree.leaves(gradients)
    ]
    norms = jnp.sqrt(sum(parts, jnp.zeros_like(values)))
    return {term.name: norms[i] for i, term in enumerate(residuals.problem.terms)}
