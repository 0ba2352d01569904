"""Weights of points that remember where the residual was large."""

from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from .._checks import check_whole
from .._points import Points
from .._residuals import Residuals
from ._base import AbstractBalance, check_memory


class ResidualAttention(AbstractBalance):
    r"""Self-adaptive weights, one for each point, that follow its residual.

    $$ \lambda_i \leftarrow \gamma \lambda_i + (1 - \gamma)
       \frac{|\rho_i|}{\max_j |\rho_j|}, \qquad w_i = \lambda_i^2, $$

    in each term for itself, from $\lambda_i = 1$. It serves where self-adaptive
    weights trained by gradient ascent (McClenny & Braga-Neto) do, and is preferred to
    them because it cannot run away: these grow without bound while a residual is not
    zero and need an optimiser and a learning rate of their own, whereas $\lambda$ stays
    between 0 and 1 and has no unit. (The paper's second constant $\eta$, here
    $1 - \gamma$, multiplies all weights alike.)

    A weight belongs to a point, so the points have to stay: it is for
    ``FirstOrder(..., resample=0)``.

    Parameters
    ----------
    memory
        $\gamma$, dimensionless, from 0 to below 1.
    every
        Steps between two updates.

    Raises
    ------
    ValueError
        If a number is out of range; from `solve`, if the points do not stay.

    References
    ----------
    Anagnostopoulos, Toscano, Stergiopulos & Karniadakis, Comput. Methods Appl. Mech.
    Engrg. 421 (2024), 116805, eq. 7; McClenny & Braga-Neto, JCP 474 (2023), 111722.
    """

    memory: float = eqx.field(static=True, default=0.999)
    every: int = eqx.field(static=True, default=1)
    per_point: ClassVar[bool] = True

    def __check_init__(self):
        check_whole(self, every=1)
        check_memory(self.memory)

    def init(self, points: Points) -> dict[str, Array]:
        one = lambda inputs: jnp.ones_like(inputs.arguments[-1][:, 0])
        return {name: one(inputs) for name, inputs in points.items()}

    def update(
        self,
        state: dict[str, Array],
        residuals: Residuals,
        field: Any,
        points: Points,
    ) -> dict[str, Array]:
        def moved(old: Array, squares: Array) -> Array:
            largest = jnp.max(squares)
            share = jnp.sqrt(squares / jnp.where(largest > 0, largest, 1.0))
            new = self.memory * old + (1 - self.memory) * share
            return jnp.where(jnp.isfinite(largest) & (largest > 0), new, old)

        return jax.tree.map(moved, state, residuals.squares(field, points))

    def weights(self, state: dict[str, Array]) -> Mapping[str, Array]:
        return {name: size**2 for name, size in state.items()}
