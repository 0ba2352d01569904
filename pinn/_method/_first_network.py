"""The network that is trained where the user passes none, before any step."""

import math

import equinox as eqx
import jax.random as jr
from jaxtyping import PRNGKeyArray

from .._network import MLP, hidden_layer, out_size_of
from .._problem import Problem
from .._types import Activation


def first_network(
    problem: Problem,
    shape: tuple[int, ...],
    width: int,
    depth: int,
    activation: Activation,
    scale: float | None = None,
    *,
    key: PRNGKeyArray,
) -> MLP:
    """An `MLP` as it starts, or with a first layer of some `scale` in the domain.

    `scale` is the root mean square length of its vectors of weights. Second-order
    methods need it: Glorot's start has small weights, so that all units are nearly
    linear and alike, and the singular values of the Jacobian fall so fast that rounding
    leaves a third of them. It is the length that sets how fast a unit varies, also in
    many dimensions.
    """
    size, bounds = problem.in_size, problem.bounds
    network = MLP(
        size, out_size_of(shape), width, depth, activation, bounds=bounds, key=key
    )
    if scale is None:
        return network
    limit = scale * math.sqrt(3 / size)  # of weights that are uniform up to it
    first = hidden_layer(size, width, limit, key=jr.fold_in(key, 1))
    return eqx.tree_at(lambda u: (u.hidden[0].weight, u.hidden[0].bias), network, first)
