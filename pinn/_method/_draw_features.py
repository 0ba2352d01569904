"""The features that `LeastSquares` draws: those of a trial, and for round holes more.

A solution around a round hole varies fast near the rim and slowly away from it, which
plain features serve badly: each hole gets features of the point reflected in its rim,
and the fundamental solution about its centre.
"""

from typing import Any

import equinox as eqx
import jax
import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray

from .. import activations
from .._domain import round_holes
from .._host import fold_in
from .._network import (
    Bumps,
    FeatureSets,
    InvertedFeatures,
    RandomFeatures,
    SingularFeatures,
    out_size_of,
    scaled_layer,
    zeros_of,
)
from .._problem import Problem
from .._types import Activation
from ._growth import Kind, Placed, Trial
from ._places import Places, bumps, choose_places, fronts

# Share of the features that go to all holes together.
_SHARE_OF_HOLES = 0.55
# Share of the features that are placed, where any are; the others are waves or ridges
# of a scale that suits so few of them.
_SHARE_OF_PLACED = 0.75
_BESIDE_PLACED = {Kind.waves: 8.0, Kind.ridges: 2.0}


def activation_of(chosen: Activation | None, kind: Kind) -> Activation:
    """The user's activation, or the one that goes with a kind of features."""
    if chosen is not None:
        return chosen
    return activations.sin if kind is Kind.waves else activations.tanh


def draw_features(
    problem: Problem,
    shape: tuple[int, ...],
    activation: Activation | None,
    trial: Trial,
    key: PRNGKeyArray,
    places: Places | None = None,
) -> Any:
    """A network with frozen features for a problem, its readout zero.

    Parameters
    ----------
    problem
        The problem.
    shape
        Of the field's values.
    activation
        The user's, or ``None`` for the one of the trial.
    trial
        What to draw.
    key
        Draws them.
    places
        Where a trial of placed features places them: see `places_for`.
        Without, a network of the same structure is drawn.
    """
    balls = round_holes(problem.domain)
    count = _not_in_holes(problem, trial)
    if trial.placed is None and not balls:
        return _random(problem, shape, activation, trial, count, key)
    if trial.placed is None:
        plain_key = fold_in(key, 1)
        sets = [_random(problem, (), activation, trial, count, plain_key)]
    else:
        sets = _placed(problem, activation, trial, places, key)
    if balls:
        sets += _around_holes(problem, activation, balls, _each_hole(trial, balls), key)
    out_size = out_size_of(shape)
    # Its shapes alone: a readout that is drawn would be compiled for each of them.
    network = eqx.filter_eval_shape(FeatureSets, sets, out_size, key=key)
    zeros = zeros_of(network.readout)
    return eqx.tree_at(lambda f: (f.sets, f.readout), network, (tuple(sets), zeros))


def with_block(field: Any, block: Any) -> RandomFeatures | None:
    """A field with the features of another after its own, for which the readout is
    zero; or ``None`` where they are not of one kind."""
    both = (field, block)
    if not all(isinstance(one, RandomFeatures) for one in both):
        return None
    if not eqx.tree_equal(field.activation, block.activation):
        return None
    weight, bias = (
        jax.device_put(np.concatenate([np.asarray(a), np.asarray(b)]))
        for a, b in ((field.weight, block.weight), (field.bias, block.bias))
    )
    readout = np.asarray(field.readout.weight)
    more = np.zeros((*readout.shape[:-1], block.size), readout.dtype)
    readout = jax.device_put(np.concatenate([readout, more], axis=-1))
    return eqx.tree_at(
        lambda f: (f.weight, f.bias, f.readout.weight), field, (weight, bias, readout)
    )


def placed_count(problem: Problem, trial: Trial) -> int:
    """How many features of a trial are at places."""
    if trial.placed is None:
        return 0
    return max(1, int(_SHARE_OF_PLACED * _not_in_holes(problem, trial)))


def _each_hole(trial: Trial, balls: list[Any]) -> int:
    return max(1, int(trial.count * _SHARE_OF_HOLES / len(balls)))


def _not_in_holes(problem: Problem, trial: Trial) -> int:
    balls = round_holes(problem.domain)
    own = len(balls) * _each_hole(trial, balls) if balls else 0
    return max(1, trial.count - own)


def _around_holes(problem, activation, balls, own, key) -> list[Any]:
    """Features for each hole, `own` of them, and its fundamental solution."""
    size, bounds = problem.in_size, problem.bounds
    sigma = activation_of(activation, Kind.ridges)
    centres = [np.asarray(centre).tolist() for centre, _ in balls]
    radii = [float(radius) for _, radius in balls]
    inverted_key, singular_key = (fold_in(key, i) for i in (2, 3))
    return [
        InvertedFeatures(
            size, own, centres, radii, sigma, bounds=bounds, key=inverted_key
        ),
        SingularFeatures(size, centres, radii, sigma, bounds=bounds, key=singular_key),
    ]


def places_for(
    problem: Problem,
    trial: Trial,
    guide: Any,
    candidates: tuple[Any, ...],
    key: PRNGKeyArray,
) -> Places:
    """Places for the features of a trial."""
    rng = generator(fold_in(key, 5))
    count = placed_count(problem, trial)
    return choose_places(problem, guide, candidates, count, rng)


def _placed(problem, activation, trial, places, key) -> list[Any]:
    """Features at places, and a few all over the domain beside them."""
    count = placed_count(problem, trial)
    if places is None:
        none = np.zeros((count, problem.in_size))
        places = Places(none, none, none)
    rng = generator(fold_in(key, 6))
    beside = max(1, _not_in_holes(problem, trial) - count)
    other = Trial(beside, (_BESIDE_PLACED[trial.kind],) * problem.in_size, trial.kind)
    plain = _random(problem, (), activation, other, beside, fold_in(key, 7))
    if trial.placed is Placed.bumps:
        return [Bumps(problem.bounds, *bumps(places, rng)), plain]
    steps = activation_of(activation, Kind.ridges)
    layer = [jax.device_put(a.astype(plain.bias.dtype)) for a in fronts(places, rng)]
    return [_with_layer(_blank(problem, (), steps, count, key), *layer), plain]


def _random(problem, shape, activation, trial, count, key) -> RandomFeatures:
    """`RandomFeatures`, drawn on the host and with a readout of zero."""
    sigma = activation_of(activation, trial.kind)
    network = _blank(problem, shape, sigma, count, key)
    dtype, size = network.bias.dtype, problem.in_size
    # By NumPy, seeded by the key: nothing is compiled for another number of features.
    rng = generator(key)
    weight = rng.uniform(-1.0, 1.0, (count, size)).astype(dtype)
    kink = rng.uniform(-1.0, 1.0, (count, size)).astype(dtype)
    scale = np.asarray(trial.scale, dtype)
    if trial.kind is Kind.waves:
        for axis in trial.periodic:
            # Whole numbers of waves, of which some always are not zero.
            numbers = np.rint(weight[:, axis] * (scale[axis] / np.pi + 1.0))
            weight[:, axis] = numbers * np.pi / scale[axis]
    weight, bias = scaled_layer(weight, kink, scale, trial.interaction)
    return _with_layer(network, weight, bias)


def generator(key: PRNGKeyArray) -> np.random.Generator:
    return np.random.default_rng(np.ravel(jax.device_get(jr.key_data(key))))


def _blank(problem, shape, activation, count, key) -> Any:
    """The structure of `RandomFeatures` with its shapes in the place of arrays."""
    size, bounds = problem.in_size, problem.bounds
    network = eqx.filter_eval_shape(
        lambda key: RandomFeatures(
            size, out_size_of(shape), count, activation, bounds=bounds, key=key
        ),
        key,
    )
    # The numbers of an activation that has any stay what they are.
    return eqx.tree_at(lambda f: f.activation, network, activation)


def _with_layer(network: Any, weight: Any, bias: Any) -> RandomFeatures:
    return eqx.tree_at(
        lambda f: (f.weight, f.bias, f.readout),
        network,
        (weight, bias, zeros_of(network.readout)),
    )
