"""Networks of `pinn` as the arguments they were made with, and made again from them.

A file holds arrays and JSON, no code: what a network is made of stands in its
description, its arrays are put in afterwards.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from . import activations
from ._network import (
    MLP,
    Corrected,
    Evolved,
    FeatureSets,
    InvertedFeatures,
    RandomFeatures,
    SingularFeatures,
    out_size_of,
)
from ._problem import Problem

_PARTS = "base", "correction"  # of a sum of two networks


def describe(field: Any) -> dict[str, Any] | None:
    """The constructor's arguments of a network of `pinn`, if they can be written."""
    if type(field) is Evolved:
        space = describe(_window(field.space, 0))
        if space is None:
            return None
        windows = jax.tree.leaves(eqx.filter(field.space, eqx.is_array))[0].shape[0]
        panels, size = field.coefficients.shape[:2]
        numbers = {"panels": panels, "windows": windows, "degree": size - 1}
        return {"class": "Evolved", "space": space, **numbers}
    if type(field) is Corrected:
        parts = describe(field.base.field), describe(field.correction)
        if None in parts:
            return None
        names = dict(zip(_PARTS, parts, strict=True))
        return {"class": "Corrected", **names, "size": field.size}
    if type(field) is FeatureSets:
        sets = [describe(one) for one in field.sets]
        return None if None in sets else {"class": "FeatureSets", "sets": sets}
    activation = getattr(field, "activation", None)
    name = getattr(activation, "__name__", "")
    if not name or getattr(activations, name, None) is not activation:
        return None
    return _described(field, name)


def _described(field: Any, activation: str) -> dict[str, Any] | None:
    kind = type(field)
    if kind not in (MLP, RandomFeatures, InvertedFeatures, SingularFeatures):
        return None
    middle, half = field.scaling.centre, field.scaling.half_width
    bounds = [
        [c - h for c, h in zip(middle, half, strict=True)],
        [c + h for c, h in zip(middle, half, strict=True)],
    ]
    result = {"class": kind.__name__, "activation": activation, "bounds": bounds}
    if kind is MLP:
        hidden = field.hidden
        return result | {"size": hidden[0].bias.size, "depth": len(hidden)}
    if kind is RandomFeatures:
        return result | {"size": field.bias.size}
    balls = {"centres": field.centres, "radii": field.radii}
    return result | balls | {"size": field.bias.shape[1]}


def rebuilt(network: Any, problem: Problem, shape: tuple[int, ...]) -> Any:
    """A network of that description, with any numbers.

    Raises
    ------
    ValueError
        If there is no description.
    """
    if network is None:
        raise ValueError(
            "`field` is needed: the solution's network is not one of `pinn` with an "
            "activation of its catalogue, and a file holds no code."
        )
    if network["class"] == "Corrected":
        part = lambda name: rebuilt(network[name], problem, shape)
        return Corrected(part("base"), part("correction"), network["size"])
    if network["class"] == "Evolved":
        return _evolved(network, problem, shape)
    return _made(network, problem.in_size, shape)


def _made(network: Any, size: int, shape: tuple[int, ...]) -> Any:
    out_size, key = out_size_of(shape), jr.key(0)
    if network["class"] == "FeatureSets":
        sets = [_made(one, size, ()) for one in network["sets"]]
        return FeatureSets(sets, out_size, key=key)
    activation = activations.get(network["activation"])
    rest = {"bounds": network["bounds"], "key": key}
    if network["class"] == "MLP":
        depth = network["depth"]
        return MLP(size, out_size, network["size"], depth, activation, **rest)
    if network["class"] == "RandomFeatures":
        return RandomFeatures(size, out_size, network["size"], activation, **rest)
    balls = network["centres"], network["radii"]
    if network["class"] == "SingularFeatures":
        return SingularFeatures(size, *balls, activation, **rest)
    return InvertedFeatures(size, network["size"], *balls, activation, **rest)


def _evolved(network: Any, problem: Problem, shape: tuple[int, ...]) -> Evolved:
    space = _made(network["space"], problem.domain.dim, ())
    size = space.readout.weight.shape[-1] + 1
    stacked = jax.tree.map(lambda a: a[None] if eqx.is_array(a) else a, space)
    zeros = jnp.zeros((1, network["degree"] + 1, *shape, size))
    one = jnp.zeros(1)
    field = Evolved(stacked, jnp.zeros(2), one, one, zeros, jnp.zeros(1, jnp.int32))
    return field.resized(network["panels"], network["windows"])


def _window(space: Any, which: int) -> Any:
    arrays, rest = eqx.partition(space, eqx.is_array)
    return eqx.combine(jax.tree.map(lambda a: a[which], arrays), rest)
