"""Times that wait until the equation holds at those before."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._checks import check_whole, is_number, is_whole
from .._points import Points
from .._problem import Problem
from .._residuals import Residuals
from ._base import AbstractBalance


class Causal(AbstractBalance):
    r"""Rows of the equation that count once it holds at the times before them.

    The interval of time is cut into slabs of equal length; with $L_l$ the mean of the
    squared rows in slab $l$, those in slab $k$ have the weight

    $$ w_k = \exp \left( -\frac{\epsilon}{U^2} \sum_{l<k} L_l \right), $$

    where $U^2$, the mean square of the field and of all rows, makes $\epsilon$
    dimensionless. $\epsilon$ grows through a schedule: it is the first at which some
    slab still waits, $\min_k w_k < \delta$, or the last. (The paper never goes back to
    a smaller one; read from the residuals, it needs no memory, and falls where the
    residuals rise.)

    Parameters
    ----------
    slabs
        Number of slabs, at least 2.
    epsilons
        The schedule of $\epsilon$, increasing and positive, dimensionless.
    delta
        $\delta$, between 0 and 1, dimensionless.
    every
        Steps between two updates.

    Raises
    ------
    ValueError
        If a number is out of range; from `solve`, if the problem has no time.

    References
    ----------
    Wang, Sankaran & Perdikaris, Comput. Methods Appl. Mech. Engrg. 421 (2024), 116813,
    algorithm 1.
    """

    slabs: int = eqx.field(static=True, default=32)
    epsilons: tuple[float, ...] = eqx.field(
        static=True, default=(0.1, 1.0, 10.0, 100.0, 1e3), converter=tuple
    )
    delta: float = eqx.field(static=True, default=0.99)
    every: int = eqx.field(static=True, default=1)

    def __check_init__(self):
        if not is_whole(self.slabs) or self.slabs < 2:
            raise ValueError(
                f"`slabs` takes an integer of at least 2; got {self.slabs!r}."
            )
        e = self.epsilons
        numbers = bool(e) and all(is_number(x) and 0 < x < float("inf") for x in e)
        if not numbers or list(e) != sorted(set(e)):
            raise ValueError(
                f"`epsilons` takes positive numbers that increase; got {e!r}."
            )
        if not is_number(self.delta) or not 0 < self.delta < 1:
            raise ValueError(
                f"`delta` takes a number between 0 and 1; got {self.delta!r}."
            )
        check_whole(self, every=1)

    def check(self, problem: Problem) -> None:
        if problem.time is None:
            raise ValueError(
                "`weighting` = Causal needs a problem with a time; use "
                "`pinn.weighting.GradientNorm()`, or give `Problem(..., time=(t0, "
                "t1))`."
            )

    def init(self, points: Points) -> Float[Array, " n"]:
        return jnp.ones_like(points["equation"].arguments[0])

    def update(
        self, state: Any, residuals: Residuals, field: Any, points: Points
    ) -> Float[Array, " n"]:
        arguments = points["equation"].arguments
        squares = residuals.squares(field, points)
        n = len(squares["equation"])
        values = jax.vmap(field)(*arguments)
        size = jnp.sum(values**2) / n
        for of_term in squares.values():
            size = size + jnp.mean(of_term)
        slab = self.slab_of(residuals.problem, arguments[0])
        each = jax.nn.one_hot(slab, self.slabs, dtype=squares["equation"].dtype)
        count = residuals.weight_of("equation", n) @ each
        # A slab without points holds nothing up.
        losses = (squares["equation"] @ each) / jnp.where(count > 0, count, 1.0)
        weights = self.slab_weights(losses / jnp.where(size > 0, size, 1.0))[slab]
        return jnp.where(jnp.all(jnp.isfinite(weights)), weights, state)

    def weights(self, state: Any) -> Mapping[str, Array]:
        return {"equation": state}

    def slab_of(self, problem: Problem, t: Float[Array, " n"]) -> Array:
        assert problem.time is not None
        start, stop = problem.time
        slab = jnp.floor(self.slabs * (t - start) / (stop - start)).astype(int)
        return jnp.clip(slab, 0, self.slabs - 1)

    def slab_weights(self, losses: Float[Array, " slabs"]) -> Float[Array, " slabs"]:
        """The weights for given relative losses $L / U^2$ of the slabs."""
        earlier = jnp.concatenate([jnp.zeros(1, losses.dtype), jnp.cumsum(losses)[:-1]])
        epsilons = jnp.asarray(self.epsilons, losses.dtype)
        waits = jnp.exp(-epsilons * earlier[-1]) < self.delta
        index = jnp.where(jnp.any(waits), jnp.argmax(waits), len(self.epsilons) - 1)
        return jnp.exp(-epsilons[index] * earlier)
