"""Features that are felt near one point only."""

from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._base import Scaling, piece


class Bumps(eqx.Module):
    r"""Gaussians about given centres, each with a width of its own.

    $$ \varphi_j(y) = \exp(-s_j^2 |\hat y - c_j|^2), $$

    where $y$ are all arguments in order and $\hat y \in [-1, 1]$ within `bounds`. Where
    a solution has a peak, a few of them do what thousands of plane waves or ridges
    would be needed for.

    Parameters
    ----------
    bounds
        Lower and upper limits of all arguments, in the caller's units.
    centres
        $c_j$, dimensionless, ``(m, in)``.
    steepness
        $s_j > 0$, dimensionless, ``(m,)``.

    References
    ----------
    Fasshauer, Meshfree Approximation Methods with MATLAB (2007), ch. 2 and 16
    (Gaussians of variable width).
    """

    scaling: Scaling
    centres: Float[Array, "m in"]
    steepness: Float[Array, " m"]

    def __init__(self, bounds: Any, centres: Any, steepness: Any):
        dtype = jnp.result_type(float)
        self.scaling = Scaling(np.shape(centres)[1], bounds)
        self.centres = jnp.asarray(centres, dtype)
        self.steepness = jnp.asarray(steepness, dtype)

    @property
    def size(self) -> int:
        return self.steepness.shape[0]

    def features(self, *arguments: Any) -> Float[Array, " m"]:
        away = self.scaling(*arguments)[None, :] - self.centres
        return jnp.exp(-(self.steepness**2) * jnp.sum(away**2, axis=1))

    def blocks(self, size: int) -> Iterator[tuple[np.ndarray, "Bumps"]]:
        """Sets of one shape with `size` of the features each, and their columns."""
        for start in range(0, self.size, size):
            some = [piece(a, start, size) for a in (self.centres, self.steepness)]
            columns = np.arange(start, start + size)
            yield (
                np.where(columns < self.size, columns, -1),
                eqx.tree_at(lambda f: (f.centres, f.steepness), self, tuple(some)),
            )
