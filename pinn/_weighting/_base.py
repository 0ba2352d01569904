"""What a balance is: weights of the terms that change while a method works."""

import abc
from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from .._checks import check_whole, is_number
from .._points import Points
from .._problem import Problem
from .._residuals import Residuals


class AbstractBalance(eqx.Module):
    r"""Weights $w$ of the terms, or of their rows, that change while a method works.

    What is minimised is $\tfrac12 \sum_\text{terms} \overline{w_i \rho_i^2}$, with a
    mean over the points and the rows $\rho$ of the default balance. `FirstOrder` calls
    `update` before its first step, every `every` steps, and where points are new; the
    methods that remember curvature do so where points are drawn, since the function
    they descend has to stay the same in between. All is traced: a state holds arrays
    only, of shapes that stay.

    Attributes
    ----------
    every
        Steps between two updates.
    per_point
        Whether a weight belongs to a point and outlives an update, so that the points
        have to stay.
    """

    every: eqx.AbstractVar[int]
    per_point: ClassVar[bool] = False

    def check(self, problem: Problem) -> None:
        """Raise `ValueError` if the balance cannot serve this problem."""

    @abc.abstractmethod
    def init(self, points: Points) -> Any:
        """The state before the first update."""

    @abc.abstractmethod
    def update(
        self, state: Any, residuals: Residuals, field: Any, points: Points
    ) -> Any:
        """The state for a field; `residuals` are those of the default balance."""

    @abc.abstractmethod
    def weights(self, state: Any) -> Mapping[str, Array]:
        """The weights by term, ``()`` or ``(n,)``; 1 for terms that are missing."""


class Averaged(eqx.Module):
    """Weights by term, and whether any has been found yet."""

    weights: dict[str, Array]
    first: Array


class AbstractAveraged(AbstractBalance):
    """Weights that make some size of the terms equal, as a moving average.

    The first ones are taken as they are, and one that is not finite is left out. What
    is made equal are the sizes without the fixed weights of the conditions, which so
    still multiply what they stand for.
    """

    memory: eqx.AbstractVar[float]
    largest: eqx.AbstractVar[float]

    def __check_init__(self):
        check_whole(self, every=1)
        check_memory(self.memory)
        check_positive(self, "largest")

    @abc.abstractmethod
    def sizes(
        self, residuals: Residuals, field: Any, points: Points
    ) -> Mapping[str, Array]:
        """What is to be equal, by term, ``()``; linear in the weights of the rows."""

    def init(self, points: Points) -> Averaged:
        one = jnp.ones((), jnp.result_type(float))
        return Averaged(dict.fromkeys(points, one), jnp.asarray(True))

    def update(
        self, state: Averaged, residuals: Residuals, field: Any, points: Points
    ) -> Averaged:
        own = own_weights(residuals.problem)
        found = self.sizes(residuals, field, points)
        sizes = {name: size / own[name] for name, size in found.items()}
        mean = sum(sizes.values(), jnp.zeros_like(next(iter(sizes.values()))))
        mean = mean / len(sizes)
        keep = jnp.where(state.first, 0.0, self.memory)

        def mixed(old: Array, size: Array) -> Array:
            wanted = jnp.clip(mean / size, 1 / self.largest, self.largest)
            new = keep * old + (1 - keep) * wanted
            return jnp.where(jnp.isfinite(new), new, old)

        weights = {
            name: mixed(state.weights[name], size) for name, size in sizes.items()
        }
        return Averaged(weights, jnp.asarray(False))

    def weights(self, state: Averaged) -> Mapping[str, Array]:
        return state.weights


def own_weights(problem: Problem) -> dict[str, float]:
    """The fixed weights that the conditions have been given, 1 by default."""
    return {term.name: term.weight or 1.0 for term in problem.terms}


def check_memory(memory: Any) -> None:
    if not is_number(memory) or not 0 <= memory < 1:
        raise ValueError(f"`memory` takes a number from 0 to below 1; got {memory!r}.")


def check_positive(balance: Any, *names: str) -> None:
    for name in names:
        value = getattr(balance, name)
        if not is_number(value) or not 0 < value < float("inf"):
            raise ValueError(f"`{name}` takes a positive number; got {value!r}.")
