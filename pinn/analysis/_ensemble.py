"""Networks that are trained side by side, one for each seed, in one program."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from jax import lax
from jaxtyping import PRNGKeyArray

from .._compiled import Compiled
from .._method import FirstOrder
from .._points import Points
from .._problem import Problem
from .._residuals import Residuals
from ._rows import POINTS, check_count, rows_of


def small_adam(
    activation: Callable[..., Any],
    *,
    steps: int = 2000,
    width: int = 16,
    depth: int = 2,
    points: int = POINTS,
) -> FirstOrder:
    """The training that activations are compared by: Adam on a small `MLP`, at rates
    that fall from 0.01 to zero along a cosine, on points that stay."""
    rate = optax.cosine_decay_schedule(1e-2, steps)
    return FirstOrder(
        optax.adam(rate),
        steps=steps,
        # New points would have to be drawn at every step, once steps are vectorised.
        resample=0,
        points=points,
        width=width,
        depth=depth,
        activation=activation,
    )


class Ensemble(eqx.Module):
    """Networks under training; every array has a leading axis of seeds.

    Attributes
    ----------
    residuals, points
        What all are trained on.
    states
        Of the method.
    """

    method: FirstOrder
    residuals: Residuals
    points: Points
    states: Any

    @property
    def fields(self) -> Any:
        """The best fields so far, stacked."""
        return self.method.field(self.states)

    def advance(self, steps: int) -> "Ensemble":
        """The ensemble so many steps later."""
        states = _advance(
            self.method, self.residuals, self.points, self.states, jnp.asarray(steps)
        )
        return Ensemble(self.method, self.residuals, self.points, states)


def begin(
    method: FirstOrder,
    residuals: Residuals,
    points: Points,
    shape: tuple[int, ...],
    *,
    seeds: int,
    key: PRNGKeyArray,
) -> Ensemble:
    """Networks of the method's own, one for each seed, before the first step."""
    keys = [jr.fold_in(key, seed) for seed in range(seeds)]
    # One after the other: the bounds of a problem cannot be traced.
    fields = stack(
        [method.default_field(residuals.problem, shape, key=k) for k in keys]
    )
    states = _begin(method, residuals, points, fields, jnp.stack(keys))
    return Ensemble(method, residuals, points, states)


def training(
    problem: Problem,
    field: Any,
    method: FirstOrder,
    *,
    key: PRNGKeyArray,
    points: Any = None,
    every: int | None = None,
) -> Iterator[tuple[int, Any]]:
    """The best field so far while a method trains it, from the start to the end.

    There is no pre-flight check, so that what training makes of a wrong network can be
    looked at too.

    Parameters
    ----------
    problem
        The problem.
    field
        What training starts from.
    method
        The training.
    key
        Draws the points.
    points
        As in `pinn.solve`; 200 for the equation by default.
    every
        Steps between two looks; by default only the ends are shown.

    Returns
    -------
    Iterator
        Pairs of the number of steps and the field after them.

    Raises
    ------
    ValueError
        If an argument is wrong.
    """
    every = method.steps if every is None else every
    check_count(every=every)
    residuals, train = rows_of(problem, field, points, key)

    def looks():
        yield 0, field
        states = _begin(method, residuals, train, stack([field]), key[None])
        ensemble, done = Ensemble(method, residuals, train, states), 0
        while done < method.steps:
            count = min(every, method.steps - done)
            ensemble, done = ensemble.advance(count), done + count
            yield done, member(ensemble.fields, 0)

    return looks()


def stack(trees: Sequence[Any]) -> Any:
    """Trees of equal structure as one, whose arrays have a leading axis."""
    pile = lambda *leaves: jnp.stack(leaves) if eqx.is_array(leaves[0]) else leaves[0]
    return jax.tree.map(pile, *trees)


def member(stacked: Any, seed: int) -> Any:
    """One of stacked trees."""
    return jax.tree.map(lambda a: a[seed] if eqx.is_array(a) else a, stacked)


def _begin_all(method, residuals, points, fields, keys):
    init = lambda field, key: method.init(residuals, field, points, key=key)
    return eqx.filter_vmap(init)(fields, keys)


def _advance_all(method, residuals, points, states, steps):
    dynamic, static = eqx.partition(states, eqx.is_array)
    step = lambda state: method.step(residuals, points, state)[0]

    def one(_, dynamic):
        new = eqx.filter_vmap(step)(eqx.combine(dynamic, static))
        return eqx.filter(new, eqx.is_array)

    return eqx.combine(lax.fori_loop(0, steps, one, dynamic), static)


_begin = Compiled(_begin_all)
_advance = Compiled(_advance_all)
