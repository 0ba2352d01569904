"""What quasi-Newton methods share: the loop, restarts, new points, the objective."""

import abc
import dataclasses
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from .._checks import check_whole, is_number
from .._network import MLP
from .._points import Points
from .._problem import Problem
from .._residuals import Residuals
from .._types import Activation
from ._batch import Batch, due, first_batch, rebalanced, resampled
from ._first_network import first_network
from ._options import check_draws, needs_64_bit, refuse_per_point
from ._parameters import choose, parameters, rows_at, with_parameters
from ._training import AbstractTraining

Objective = Literal["loss", "sqrt", "log"]

# Line searches in turn that may find nothing, each followed by a restart.
_PATIENCE = 2


class AbstractQuasiNewton(AbstractTraining):
    """Descent along a direction that past gradients have shaped, with a line search.

    A leaf says what it remembers (`start`), and how it goes on (`advance`). A balance
    is updated before the first step and where points are drawn: in between the function
    stays the same.
    """

    steps: eqx.AbstractVar[int]
    resample: eqx.AbstractVar[int]
    points: eqx.AbstractVar[int]
    width: eqx.AbstractVar[int]
    depth: eqx.AbstractVar[int]
    activation: eqx.AbstractVar[Activation]
    scale: eqx.AbstractVar[float]
    objective: eqx.AbstractVar[Objective]

    @abc.abstractmethod
    def start(self, theta: Float[Array, " p"]) -> Any:
        """What is remembered before any step."""

    @abc.abstractmethod
    def advance(
        self, memory: Any, theta: Any, value: Any, gradient: Any, function: Any
    ) -> tuple[Any, Any, Any, Any]:
        """One step: the new unknowns, value, gradient and memory."""

    @abc.abstractmethod
    def after_resampling(self, memory: Any, theta: Any) -> Any:
        """What may still be remembered when the points, so the function, are new."""

    @property
    def compiled(self) -> bool:
        return True

    @property
    def most_steps(self) -> int:
        return self.steps

    def default_field(
        self, problem: Problem, shape: tuple[int, ...], *, key: PRNGKeyArray
    ) -> MLP:
        sizes = (self.width, self.depth)
        return first_network(
            problem, shape, *sizes, self.activation, self.scale, key=key
        )

    def on_residual(self, scale: float) -> "AbstractQuasiNewton":
        return dataclasses.replace(self, scale=scale)

    def check(self, problem: Problem, field: Any) -> None:
        needs_64_bit(type(self).__name__)

    def number_of_points(self, field: Any) -> int:
        return self.points

    def check_adaptive(self, balance: Any, sampler: Any) -> None:
        check_draws(self.resample, sampler)
        refuse_per_point(self, balance)

    def init(
        self, residuals: Residuals, field: Any, points: Points, *, key: PRNGKeyArray
    ) -> "State":
        theta = parameters(field)
        infinite = jnp.asarray(jnp.inf, theta.dtype)
        return State(
            field=field,
            theta=theta,
            value=infinite,
            gradient=jnp.zeros_like(theta),
            memory=self.start(theta),
            batch=first_batch(residuals, points),
            key=key,
            count=jnp.asarray(0),
            idle=jnp.asarray(0),
            best=theta,
            best_loss=infinite,
            failed=jnp.asarray(False),
        )

    def step(
        self, residuals: Residuals, points: Points, state: "State"
    ) -> tuple["State", Any]:
        here = lambda: with_parameters(state.field, state.theta)
        batch = resampled(
            residuals, here(), state.batch, state.key, state.count, self.resample
        )
        new_points = due(state.count, self.resample)
        changed = new_points | (state.count == 0)
        batch = rebalanced(residuals, here(), batch, changed)
        descended, compared = batch.balanced(residuals), batch.plain(residuals)

        def loss_of(rows_of, theta):
            rows = rows_at(rows_of, state.field, theta, batch.points)
            return 0.5 * jnp.sum(rows**2)

        function = lambda theta: self._objective(loss_of(descended, theta))
        best_loss = state.best_loss
        if residuals.sampler is not None:
            # Losses on other points cannot be compared with it.
            best_loss = jax.lax.cond(
                new_points,
                lambda: loss_of(compared, state.best),
                lambda: best_loss,
            )
        value, gradient = jax.lax.cond(
            changed,
            lambda: jax.value_and_grad(function)(state.theta),
            lambda: (state.value, state.gradient),
        )
        memory = choose(
            new_points, self.after_resampling(state.memory, state.theta), state.memory
        )
        theta, new_value, new_gradient, memory = self.advance(
            memory, state.theta, value, gradient, function
        )
        moved = new_value < value  # false for NaN: such a step is not taken
        pick = lambda yes, no: jnp.where(moved, yes, no)
        value, theta = pick(new_value, value), pick(theta, state.theta)
        same = descended is compared
        loss = self._loss(value) if same else loss_of(compared, theta)
        better = loss < best_loss
        new = State(
            field=state.field,
            theta=theta,
            value=value,
            gradient=pick(new_gradient, gradient),
            memory=choose(moved, memory, self.start(theta)),
            batch=batch,
            key=state.key,
            count=state.count + 1,
            idle=jnp.where(moved, 0, state.idle + 1),
            best=jnp.where(better, theta, state.best),
            best_loss=jnp.where(better, loss, best_loss),
            failed=~jnp.isfinite(value),
        )
        return new, loss

    def _objective(self, loss: Any) -> Any:
        if self.objective == "loss":
            return loss
        return jnp.sqrt(loss) if self.objective == "sqrt" else jnp.log(loss)

    def _loss(self, value: Any) -> Any:
        if self.objective == "loss":
            return value
        return value**2 if self.objective == "sqrt" else jnp.exp(value)

    def done(self, state: "State") -> Array:
        stuck = state.idle >= _PATIENCE
        return (state.count >= self.steps) | stuck | state.failed

    def field(self, state: "State") -> Any:
        return with_parameters(state.field, state.best)


class State(eqx.Module):
    """Everything that one step hands to the next."""

    field: Any
    theta: Float[Array, " p"]
    value: Float[Array, ""]
    gradient: Float[Array, " p"]
    memory: Any
    batch: Batch
    key: PRNGKeyArray
    count: Int[Array, ""]
    idle: Int[Array, ""]
    best: Float[Array, " p"]
    best_loss: Float[Array, ""]
    failed: Array


def check_options(method: Any) -> None:
    check_whole(method, steps=1, resample=0, points=1)
    if not is_number(method.scale) or not 0 < method.scale < float("inf"):
        raise ValueError(f"`scale` takes a positive number; got {method.scale!r}.")
    if method.objective not in ("loss", "sqrt", "log"):
        raise ValueError(
            f'`objective` takes "loss", "sqrt" or "log"; got {method.objective!r}.'
        )
