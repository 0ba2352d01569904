"""The points of a step and the weights of their rows, changed on the device."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, PRNGKeyArray

from .._compiled import Compiled
from .._points import Points
from .._residuals import Residuals, length_of

# Candidates for adaptive points that are scored at once.
_CHUNK = 2048


class Batch(eqx.Module):
    """What the rows of a step are taken at.

    Attributes
    ----------
    points
        Row inputs of every term.
    active
        How many points of the equation count; ``None`` where all do.
    balance
        The state of the balance, if there is one.
    """

    points: Points
    active: Int[Array, ""] | None
    balance: Any

    def plain(self, residuals: Residuals) -> Residuals:
        """The rows under the default balance, by which fields are compared."""
        if self.active is None:
            return residuals
        n = length_of(self.points["equation"])
        share = n / self.active.astype(residuals.factors["equation"].dtype)
        counts = jnp.arange(n) < self.active
        return residuals.weighted({"equation": jnp.where(counts, share, 0.0)})

    def balanced(self, residuals: Residuals) -> Residuals:
        """The rows that are made small."""
        plain, balance = self.plain(residuals), residuals.balance
        return plain if balance is None else plain.weighted(self.weights(residuals))

    def weights(self, residuals: Residuals) -> dict[str, Array]:
        """The weights of the balance by term; none where there is no balance."""
        if residuals.balance is None:
            return {}
        return dict(residuals.balance.weights(self.balance))

    def mean_weights(self, residuals: Residuals) -> dict[str, float]:
        """Their means over the points, for reports."""
        return {k: float(jnp.mean(w)) for k, w in self.weights(residuals).items()}


def first_batch(residuals: Residuals, points: Points) -> Batch:
    """The batch before the first step."""
    sampler, balance = residuals.sampler, residuals.balance
    active = None
    if sampler is not None:
        active = jnp.asarray(sampler.start(length_of(points["equation"])))
    return Batch(points, active, None if balance is None else balance.init(points))


def due(count: Int[Array, ""], every: int) -> Array:
    """Whether the step after `count` others takes new points; never the first."""
    return (count % max(every, 1) == 0) & (count > 0) & (every > 0)


def resampled(
    residuals: Residuals,
    field: Any,
    batch: Batch,
    key: PRNGKeyArray,
    count: Int[Array, ""],
    every: int,
) -> Batch:
    """The batch with new points where they are due, as many as before: of every term
    but those whose points the user gave."""
    if every == 0:
        return batch
    of_step = lambda: jr.fold_in(key, count)
    return jax.lax.cond(
        due(count, every),
        lambda: redrawn(residuals, field, batch, of_step()),
        lambda: batch,
    )


def redrawn(residuals: Residuals, field: Any, batch: Batch, key: PRNGKeyArray) -> Batch:
    """The batch with new points of every term, but of those that were given."""
    sampler, points, active = residuals.sampler, {}, batch.active
    sequence = residuals.sequence
    for i, term in enumerate(residuals.problem.terms):
        old, of_term = batch.points[term.name], jr.fold_in(key, i)
        if term.name in residuals.given:
            points[term.name] = old
            continue
        sample = lambda n, key, term=term: term.sample(n, key=key, sequence=sequence)
        if sampler is None or term.name != "equation":
            points[term.name] = sample(length_of(old), of_term)
            continue

        def score(candidates: Any, term=term) -> Float[Array, " candidates"]:
            size = lambda row: jnp.linalg.norm(residuals.row(term, field, row))
            return jax.lax.map(size, candidates, batch_size=_CHUNK)

        points[term.name], active = sampler.draw(
            old, active, sample, score, key=of_term
        )
    return Batch(points, active, batch.balance)


def rebalanced(residuals: Residuals, field: Any, batch: Batch, when: Any) -> Batch:
    """The batch with new weights where `when` holds."""
    balance = residuals.balance
    if balance is None:
        return batch
    plain = batch.plain(residuals)
    update = lambda: balance.update(batch.balance, plain, field, batch.points)
    # Without a branch the compiler merges the rows of every step with those below.
    new = (
        update() if when is True else jax.lax.cond(when, update, lambda: batch.balance)
    )
    return Batch(batch.points, batch.active, new)


def _adapted(residuals: Residuals, field: Any, points: Points, key: Any) -> Batch:
    batch = first_batch(residuals, points)
    if residuals.sampler is not None:
        batch = redrawn(residuals, field, batch, key)
    return rebalanced(residuals, field, batch, True)


# For methods that start anew with each draw.
adapted = Compiled(_adapted)
