"""A random start whose first layer is wide enough for second-order methods."""

import math

import equinox as eqx
import jax.random as jr
from jaxtyping import PRNGKeyArray

from .._network import MLP, hidden_layer
from .._problem import Problem
from .._types import Activation


def wide_network(
    problem: Problem,
    shape: tuple[int, ...],
    width: int,
    depth: int,
    activation: Activation,
    scale: float,
    *,
    key: PRNGKeyArray,
) -> MLP:
    """An `MLP` whose first layer has weights of some size, and kinks in the domain.

    `scale` is the root mean square length of the vectors of weights.

    Glorot's start has small weights, so that all units are nearly linear and alike:
    the singular values of the Jacobian fall so fast that rounding leaves a third of
    them. It is the length that sets how fast a unit varies, also in many dimensions.
    """
    out_size = "scalar" if shape == () else shape[0]
    size, bounds = problem.in_size, problem.bounds
    network = MLP(size, out_size, width, depth, activation, bounds=bounds, key=key)
    limit = scale * math.sqrt(3 / size)  # of weights that are uniform up to it
    first = hidden_layer(size, width, limit, key=jr.fold_in(key, 1))
    return eqx.tree_at(lambda u: (u.hidden[0].weight, u.hidden[0].bias), network, first)
