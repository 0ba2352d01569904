"""First-order training of all parameters, with any transformation of optax."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from .. import activations
from .._checks import check_whole, is_number
from .._merge import merged
from .._network import MLP
from .._points import Points
from .._problem import Problem
from .._residuals import Residuals, trainable_leaves
from .._types import Activation
from ._batch import Batch, due, first_batch, rebalanced, resampled
from ._first_network import first_network
from ._options import check_draws
from ._parameters import choose
from ._training import AbstractTraining

# A loss so many times that of the best parameters has diverged.
_BLOWN_UP = 1e6
# Returns to the best parameters, each halving the steps, before training ends.
_MOST_RETURNS = 10
# Steps between two looks at the loss of averaged parameters.
_LOOK = 100


class FirstOrder(AbstractTraining):
    r"""Gradient descent on the sum of squared rows, over all parameters.

    $$ \min_\theta \tfrac12 \sum_i \rho_i(\theta)^2, $$

    by any optimiser of optax, many steps to one compiled call, with new points drawn
    on the device every `resample` steps. It scales to large networks and needs no
    64-bit arithmetic, but reaches three to five digits where `LeastSquares` reaches
    ten. The parameters with the smallest loss so far are kept and returned: the loss
    under the default balance, also where a balance changes the weights of the descent.

    Where the loss is no longer finite, or a million times that of the best, training
    goes back to the best parameters, with the optimiser as it was there, and takes
    steps half as long; the report says how often. After ten times it ends.

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
    averaging
        0, or the share of the mean of the parameters that a step keeps: 0.999 averages
        over about the last 1000 steps, and evenly over fewer at the start
        (dimensionless). Every 100 steps, and at the end, the mean is a candidate for
        the best parameters. Steps are not changed by it.

    Raises
    ------
    ValueError
        If `optimizer` is no gradient transformation, or a number is out of range.

    References
    ----------
    Raissi, Perdikaris & Karniadakis, JCP 378 (2019), 686-707; Polyak & Juditsky, SIAM
    J. Control Optim. 30 (1992), 838-855 (averaging).
    """

    optimizer: optax.GradientTransformation = eqx.field(static=True)
    steps: int = eqx.field(static=True, default=10_000)
    resample: int = eqx.field(static=True, default=100)
    points: int = eqx.field(static=True, default=2000)
    width: int = eqx.field(static=True, default=64)
    depth: int = eqx.field(static=True, default=3)
    activation: Activation = activations.tanh
    averaging: float = eqx.field(static=True, default=0.0)

    def __check_init__(self):
        if not hasattr(self.optimizer, "init") or not hasattr(self.optimizer, "update"):
            raise ValueError(
                "`optimizer` takes a gradient transformation such as "
                f"`optax.adam(1e-3)`; got {self.optimizer!r}."
            )
        check_whole(self, steps=1, resample=0, points=1)
        if not (is_number(self.averaging) and 0 <= self.averaging < 1):
            raise ValueError(
                f"`averaging` takes a number from 0 to below 1; got {self.averaging!r}."
            )

    @property
    def compiled(self) -> bool:
        return True

    @property
    def name(self) -> str:
        return "first-order"

    @property
    def most_steps(self) -> int:
        return self.steps

    def default_field(
        self, problem: Problem, shape: tuple[int, ...], *, key: PRNGKeyArray
    ) -> MLP:
        sizes = (self.width, self.depth)
        return first_network(problem, shape, *sizes, self.activation, key=key)

    def number_of_points(self, field: Any) -> int:
        return self.points

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
            best_optimizer=self.optimizer.init(trainable),
            average=trainable if self.averaging > 0 else None,
            returns=jnp.asarray(0),
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
        shorter = jnp.exp2(-state.returns.astype(loss.dtype))
        updates = jax.tree.map(lambda u: shorter.astype(u.dtype) * u, updates)
        moved = eqx.apply_updates(trainable, updates)
        better = loss < best_loss  # false for NaN, so NaN is never the best
        best = choose(better, state.field, state.best)
        best_loss = jnp.where(better, loss, best_loss)
        best_optimizer = choose(better, state.optimizer, state.best_optimizer)
        finite = jnp.isfinite(loss) & jnp.isfinite(descent)
        lost = ~(finite & (loss <= _BLOWN_UP * best_loss))
        back = eqx.filter(best, trainable_leaves(best))
        moved = choose(lost, back, moved)
        average = state.average
        if self.averaging > 0:
            # A plain mean, until it is over as many steps as the averaging lasts.
            share = jnp.maximum(1 - self.averaging, 1 / (state.count + 1.0))
            average = jax.tree.map(
                lambda a, b: a + share.astype(a.dtype) * (b - a), average, moved
            )
            average = choose(lost, back, average)
            looked = (state.count + 1) % _LOOK == 0
            average_loss = jax.lax.cond(
                looked | (state.count + 1 >= self.steps),
                lambda: compared.loss(eqx.combine(average, fixed), batch.points),
                lambda: jnp.full_like(loss, jnp.inf),
            )
            better = average_loss < best_loss
            best = choose(better, eqx.combine(average, fixed), best)
            best_loss = jnp.where(better, average_loss, best_loss)
        returns = jnp.where(lost, state.returns + 1, state.returns)
        hopeless = (returns > _MOST_RETURNS) | jnp.isinf(best_loss)
        state = State(
            field=eqx.combine(moved, fixed),
            optimizer=_taken_back(lost, best_optimizer, optimizer),
            batch=batch,
            key=state.key,
            count=state.count + 1,
            loss=loss,
            best=best,
            best_loss=best_loss,
            best_optimizer=best_optimizer,
            average=average,
            returns=returns,
            failed=lost & hopeless,
        )
        return state, loss

    def done(self, state: "State") -> Array:
        return (state.count >= self.steps) | state.failed

    def remark(self, state: "State") -> str:
        returns = int(state.returns)
        if returns == 0:
            return ""
        times = "once" if returns == 1 else f"{returns} times"
        return (
            "the loss was not finite, or had blown up: went back to the best "
            f"parameters {times}, with half the step each time"
        )

    def field(self, state: "State") -> Any:
        return state.best


def _taken_back(lost: Array, best: Any, latest: Any) -> Any:
    """The optimiser's numbers at the best parameters, but its counts as they are: a
    schedule goes on."""
    pick = lambda a, b: jnp.where(lost, a, b) if eqx.is_inexact_array(b) else b
    return jax.tree.map(pick, best, latest)


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
    best_optimizer: Any
    average: Any
    returns: Int[Array, ""]
    failed: Array
