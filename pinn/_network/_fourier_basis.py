"""Sines and cosines that have the period of a box."""

import math
from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from .._trigonometric import sine
from ._base import Readout, piece, zeros_of


class FourierBasis(eqx.Module):
    r"""A network whose features are the waves that have the period of a box.

    $$ \varphi_j(x) = \sin\Bigl(2\pi \sum_i k_{ji}\, \frac{x_i - a_i}{L_i}
       + \theta_j\Bigr), \qquad \theta_j \in \{0, \pi/2\}, $$

    with whole numbers $k_{ji}$. They are orthogonal, and whatever is smooth and
    periodic is represented with an error that falls exponentially.

    Parameters
    ----------
    lower, upper
        Corners of the box, in the caller's unit of length.
    waves
        $k$, one row for each pair of a cosine and a sine, ``(pairs, dim)``.
    components
        Shape of a value.
    """

    waves: Int[Array, "m dim"]
    phases: Float[Array, " m"]
    readout: Readout
    lower: tuple[float, ...] = eqx.field(static=True)
    widths: tuple[float, ...] = eqx.field(static=True)

    def __init__(self, lower: Any, upper: Any, waves: np.ndarray, components: Any = ()):
        self.lower = tuple(float(a) for a in np.ravel(lower))
        ends = (float(b) for b in np.ravel(upper))
        self.widths = tuple(b - a for a, b in zip(self.lower, ends, strict=True))
        dtype = jnp.result_type(float)
        both = np.concatenate([waves, waves]).astype(np.int32)
        quarter = np.repeat([math.pi / 2, 0.0], len(waves)).astype(dtype)
        self.waves, self.phases = jax.device_put(both), jax.device_put(quarter)
        size = components[0] if components else "scalar"
        readout = eqx.filter_eval_shape(
            lambda key: Readout(len(both), size, key=key), jax.random.key(0)
        )
        self.readout = zeros_of(readout)

    def features(self, *arguments: Any) -> Float[Array, " m"]:
        (x,) = arguments
        x = jnp.asarray(x)
        share = (x - jnp.asarray(self.lower, x.dtype)) / jnp.asarray(
            self.widths, x.dtype
        )
        waves = self.waves.astype(x.dtype)
        return sine(2 * math.pi * (waves @ share) + self.phases)

    @property
    def size(self) -> int:
        return self.phases.shape[0]

    def blocks(self, size: int) -> Iterator[tuple[np.ndarray, "FourierBasis"]]:
        """Bases of one shape with `size` of the features each, and their columns."""
        for start in range(0, self.size, size):
            columns = np.arange(start, start + size)
            yield (
                np.where(columns < self.size, columns, -1),
                eqx.tree_at(
                    lambda f: (f.waves, f.phases, f.readout.weight),
                    self,
                    (
                        piece(self.waves, start, size),
                        piece(self.phases, start, size),
                        piece(self.readout.weight, start, size, axis=-1),
                    ),
                ),
            )

    def __call__(self, *arguments: Any) -> Float[Array, "*d"]:
        return self.readout(self.features(*arguments))
