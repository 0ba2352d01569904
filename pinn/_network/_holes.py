"""Features that suit a domain with round holes."""

from collections.abc import Iterator, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .. import activations
from .._types import Activation
from ._base import Readout, Scaling, Size, piece, scaled_layer

# Features in time that multiply each singular solution.
_IN_TIME = 16


class InvertedFeatures(eqx.Module):
    r"""Random features of the point reflected in spheres.

    $$ \varphi_{kj}(x) = \sigma(A_{kj} \cdot z_k + b_{kj}), \qquad
       z_k = r_k\, \frac{x - c_k}{|x - c_k|^2}, $$

    are smooth outside the ball of radius $r_k$ about $c_k$ and vary fast only near its
    rim, as solutions do around a hole: harmonic functions outside a ball are harmonic
    functions inside it of the reflected point (Kelvin's transform). Arguments before
    space, such as the time, are scaled and put before $z_k$.

    Parameters
    ----------
    in_size
        Number of coordinates in all arguments together.
    num_features
        Number of features for each ball.
    centres, radii
        $c_k$ and $r_k$ of all balls, in the caller's unit of length.
    activation
        $\sigma$.
    bounds
        Lower and upper limits of all arguments.
    key
        Draws the weights.
    """

    scaling: Scaling
    weight: Float[Array, "balls m in"]
    bias: Float[Array, "balls m"]
    activation: Activation
    centres: tuple[tuple[float, ...], ...] = eqx.field(static=True)
    radii: tuple[float, ...] = eqx.field(static=True)

    def __init__(
        self,
        in_size: int,
        num_features: int,
        centres: Sequence[Sequence[float]],
        radii: Sequence[float],
        activation: Activation = activations.tanh,
        *,
        bounds: Any,
        key: PRNGKeyArray,
    ):
        self.scaling = Scaling(in_size, bounds)
        self.weight, self.bias = _layers(in_size, num_features, len(radii), key)
        self.activation = activation
        self.centres, self.radii = _static(centres, radii)

    @property
    def size(self) -> int:
        return self.bias.size

    def features(self, *arguments: Any) -> Float[Array, " m"]:
        before, d, radii = _split(self, arguments)
        z = radii[:, None] * d / jnp.sum(d**2, axis=1, keepdims=True)
        first = jnp.broadcast_to(before[None], (z.shape[0], before.size))
        y = jnp.concatenate([first, z], axis=1)
        s = jnp.einsum("kmi,ki->km", self.weight, y) + self.bias
        return jnp.ravel(self.activation(s))

    def blocks(self, size: int) -> Iterator[tuple[np.ndarray, "InvertedFeatures"]]:
        balls, m = self.bias.shape
        each = max(1, size // balls)
        columns = np.arange(balls * m).reshape(balls, m)
        for start in range(0, m, each):
            some = [piece(a, start, each, axis=1) for a in (self.weight, self.bias)]
            block = eqx.tree_at(lambda f: (f.weight, f.bias), self, tuple(some))
            missing = max(0, start + each - m)
            # What fills the block up belongs to no column.
            here = np.pad(
                columns[:, start : start + each],
                [(0, 0), (0, missing)],
                constant_values=-1,
            )
            yield here.ravel(), block


class SingularFeatures(eqx.Module):
    r"""The fundamental solution of the Laplacian about the centres of balls.

    $\log(|x - c_k|/r_k)$ in two dimensions of space, $(r_k/|x - c_k|)^{dim-2}$ in
    more; multiplied by random features of the arguments before space, if there are
    any. See `InvertedFeatures` for the parameters.
    """

    scaling: Scaling
    weight: Float[Array, "balls m before"]
    bias: Float[Array, "balls m"]
    activation: Activation
    centres: tuple[tuple[float, ...], ...] = eqx.field(static=True)
    radii: tuple[float, ...] = eqx.field(static=True)

    def __init__(
        self,
        in_size: int,
        centres: Sequence[Sequence[float]],
        radii: Sequence[float],
        activation: Activation = activations.tanh,
        *,
        bounds: Any,
        key: PRNGKeyArray,
    ):
        self.scaling = Scaling(in_size, bounds)
        self.centres, self.radii = _static(centres, radii)
        before = in_size - len(self.centres[0])
        count = 1 if before == 0 else _IN_TIME
        self.weight, self.bias = _layers(before, count, len(radii), key)
        self.activation = activation

    @property
    def size(self) -> int:
        return self.bias.size

    def features(self, *arguments: Any) -> Float[Array, " m"]:
        before, d, radii = _split(self, arguments)
        squared = jnp.sum(d**2, axis=1) / radii**2
        dim = d.shape[1]
        s = 0.5 * jnp.log(squared) if dim == 2 else squared ** (1 - dim / 2)
        if before.size == 0:
            return s
        factor = self.activation(self.weight @ before + self.bias)
        return jnp.ravel(s[:, None] * factor)


class FeatureSets(eqx.Module):
    """A network whose features come from several sets, with one linear readout.

    Parameters
    ----------
    sets
        Modules with `features(*arguments)` and their number `size`.
    out_size
        Number of components of the field, or ``"scalar"``.
    key
        Draws the readout.
    """

    sets: tuple[Any, ...]
    readout: Readout

    def __init__(self, sets: Sequence[Any], out_size: Size, *, key: PRNGKeyArray):
        self.sets = tuple(sets)
        count = sum(one.size for one in self.sets)
        self.readout = Readout(count, out_size, key=key)

    @property
    def activation(self) -> Activation:
        return self.sets[0].activation

    def features(self, *arguments: Any) -> Float[Array, " m"]:
        return jnp.concatenate([one.features(*arguments) for one in self.sets])

    def blocks(self, size: int) -> Iterator[tuple[np.ndarray, Any]]:
        start = 0
        for one in self.sets:
            for columns, block in blocks(one, size):
                yield np.where(columns < 0, -1, columns + start), block
            start += one.size

    def __call__(self, *arguments: Any) -> Float[Array, "*d"]:
        return self.readout(self.features(*arguments))


def blocks(one: Any, size: int) -> Iterator[tuple[np.ndarray, Any]]:
    """Sets of about `size` features each, of one shape, with the columns they fill.

    The last is filled up with features that belong to no column (-1), so that a
    function compiled for one block serves all, whatever the number of features.
    """
    if hasattr(one, "blocks"):
        yield from one.blocks(size)
    else:
        yield np.arange(one.size), one


def _layers(in_size: int, count: int, balls: int, key: PRNGKeyArray) -> tuple:
    """One first layer for each ball, drawn on the host so that nothing is compiled."""
    rng = np.random.default_rng(np.ravel(jax.device_get(jr.key_data(key))))
    dtype = jnp.result_type(float)
    shape = (balls * count, in_size)
    weight, kink = (rng.uniform(-1.0, 1.0, shape).astype(dtype) for _ in range(2))
    weight, bias = scaled_layer(weight, kink, np.ones(in_size, dtype))
    return weight.reshape(balls, count, in_size), bias.reshape(balls, count)


def _static(centres: Any, radii: Any) -> tuple[tuple, tuple[float, ...]]:
    points = tuple(tuple(float(c) for c in centre) for centre in centres)
    return points, tuple(float(r) for r in radii)


def _split(one: Any, arguments: tuple[Any, ...]) -> tuple[Array, Array, Array]:
    """The scaled arguments before space, the vectors from the centres, the radii."""
    x = jnp.asarray(arguments[-1])
    centres = jnp.asarray(one.centres, x.dtype)
    before = one.scaling(*arguments)[: -centres.shape[1]]
    return before, x[None] - centres, jnp.asarray(one.radii, x.dtype)
