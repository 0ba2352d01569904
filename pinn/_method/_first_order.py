"""First-order training of all parameters, with any transformation of optax."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from .. import activations
from .._merge import merged
from .._network import MLP
from .._points import Points
from .._problem import Problem
from .._residuals import Residuals, trainable_leaves
from .._types import Activation
from ._base import AbstractMethod
from ._batch import Batch, due, first_batch, rebalanced, resampled
from ._options import check_draws, check_whole
from ._parameters import choose


class FirstOrder(AbstractMethod):
    r"""Gradient descent on the sum of squared rows, over all parameters.

    $$ \min_\theta \tfrac12 \sum_i \rho_i(\theta)^2, $$

    by any optimiser of optax, many steps to one compiled call, with new points drawn
    on the device every `resample` steps. It scales to large networks and needs no
    64-bit arithmetic, but reaches three to five digits where `LeastSquares` reaches
    ten. The parameters with the smallest loss so far are kept and returned: the loss
    under the default balance, also where a balance changes the weights of the descent.

    Parameters
    ----------
    optimizer
        A gradient transformation, such as ``optax.adam(1e-3)``.
    steps
        Number of steps.
    resample
        Steps between two draws of points; 0 keeps the first.
    points
        Points of the equation.
    width, depth, activation
        Of the `MLP` that is trained where the user passes no field.

    Raises
    ------
    ValueError
        If `optimizer` is no gradient transformation, or a number is out of range.

    References
    ----------
    Raissi, Perdikaris & Karniadakis, JCP 378 (2019), 686-707.
    """

    optimizer: optax.GradientTransformation = eqx.field(static=True)
    steps: int = eqx.field(static=True, default=10_000)
    resample: int = eqx.field(static=True, default=100)
    points: int = eqx.field(static=True, default=2000)
    width: int = eqx.field(static=True, default=64)
    depth: int = eqx.field(static=True, default=3)
    activation: Activation = activations.tanh

    def __check_init__(self):
        if not hasattr(self.optimizer, "init") or not hasattr(self.optimizer, "update"):
            raise ValueError(
                "`optimizer` takes a gradient transformation such as "
                f"`optax.adam(1e-3)`; got {self.optimizer!r}."
            )
        check_whole(self, steps=1, resample=0, points=1)

    @property
    def compiled(self) -> bool:
        return True

    @property
    def name(self) -> str:
        return "first-order"

    def default_field(
        self, problem: Problem, shape: tuple[int, ...], *, key: PRNGKeyArray
    ) -> MLP:
        out_size = "scalar" if shape == () else shape[0]
        return MLP(
            problem.in_size,
            out_size,
            self.width,
            self.depth,
            self.activation,
            bounds=problem.bounds,
            key=key,
        )

    def number_of_points(self, field: Any) -> int:
        return self.points

    def unknowns(self, field: Any) -> Any:
        return trainable_leaves(field)

    def check_adaptive(self, balance: Any, sampler: Any) -> None:
        check_draws(self.resample, sampler)
        if balance is not None and balance.per_point and self.resample > 0:
            raise ValueError(
                f"`weighting` = {type(balance).__name__} keeps a weight for each "
                "point, and `FirstOrder` draws new points every `resample` = "
                f"{self.resample} steps; pass it `resample=0`."
            )

    def init(
        self, residuals: Residuals, field: Any, points: Points, *, key: PRNGKeyArray
    ) -> "State":
        trainable = eqx.filter(field, trainable_leaves(field))
        infinite = jnp.asarray(jnp.inf, jnp.result_type(float))
        return State(
            field=field,
            optimizer=self.optimizer.init(trainable),
            batch=first_batch(residuals, points),
            key=key,
            count=jnp.asarray(0),
            loss=infinite,
            best=field,
            best_loss=infinite,
            failed=jnp.asarray(False),
        )

    def step(
        self, residuals: Residuals, points: Points, state: "State"
    ) -> tuple["State", Any]:
        trainable, fixed = eqx.partition(state.field, trainable_leaves(state.field))
        batch = resampled(
            residuals, state.field, state.batch, state.key, state.count, self.resample
        )
        new_points = due(state.count, self.resample)
        best_loss = state.best_loss
        if residuals.sampler is not None:
            # Losses on other points cannot be compared with it.
            best_loss = jax.lax.cond(
                new_points,
                lambda: batch.plain(residuals).loss(state.best, batch.points),
                lambda: best_loss,
            )
        if residuals.balance is not None:
            every = residuals.balance.every
            now = every == 1 or (state.count % every == 0) | new_points
            batch = rebalanced(residuals, state.field, batch, now)
        descended, compared = batch.balanced(residuals), batch.plain(residuals)

        def losses_of(parameters):
            u = eqx.combine(parameters, fixed)
            loss = compared.loss(u, batch.points)
            if descended is compared:
                return loss, loss
            return descended.loss(u, batch.points), loss

        # Whatever derivatives the residuals use, the network is computed once.
        (descent, loss), gradient = jax.value_and_grad(
            lambda q: merged(losses_of, q), has_aux=True
        )(trainable)
        # optax itself mixes types of numbers, which a user's settings may forbid.
        with jax.numpy_dtype_promotion("standard"):
            updates, optimizer = self.optimizer.update(
                gradient, state.optimizer, trainable
            )
        moved = eqx.combine(eqx.apply_updates(trainable, updates), fixed)
        better = loss < best_loss  # false for NaN, so NaN is never the best
        best = choose(better, state.field, state.best)
        state = State(
            field=moved,
            optimizer=optimizer,
            batch=batch,
            key=state.key,
            count=state.count + 1,
            loss=loss,
            best=best,
            best_loss=jnp.where(better, loss, best_loss),
            failed=~(jnp.isfinite(loss) & jnp.isfinite(descent)),
        )
        return state, loss

    def done(self, state: "State") -> Array:
        return (state.count >= self.steps) | state.failed

    def failed(self, state: "State") -> bool:
        return bool(state.failed)

    def field(self, state: "State") -> Any:
        return state.best

    def weights(self, residuals: Residuals, state: "State") -> dict[str, float]:
        return state.batch.mean_weights(residuals)


class State(eqx.Module):
    """Everything that one step hands to the next."""

    field: Any
    optimizer: Any
    batch: Batch
    key: PRNGKeyArray
    count: Int[Array, ""]
    loss: Float[Array, ""]
    best: Any
    best_loss: Float[Array, ""]
    failed: Array
