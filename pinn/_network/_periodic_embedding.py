"""A network made periodic by what it is given in the place of a coordinate."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._checks import is_whole
from .._propagate import interpret, propagate
from .._trigonometric import cosine, sine
from ._base import Readout, Scaling
from ._holes import blocks


class PeriodicEmbedding(eqx.Module):
    r"""Any network of `pinn`, periodic in some coordinates of space.

    In the place of a coordinate $x_i$ with the width $L_i$ the network is given
    $\cos(2\pi x_i/L_i)$ and $\sin(2\pi x_i/L_i)$; all others scaled to $[-1, 1]$. So
    the field and all its derivatives agree on the two faces, and a `Periodic` condition
    holds whatever the parameters are. It suits data that is smooth across the seam.

    Parameters
    ----------
    network
        A network of as many numbers as there are coordinates, and one more for each
        periodic one, with its own `bounds` left out.
    bounds
        Lower and upper limits of all arguments, time before space
        (``problem.bounds``), in the caller's units.
    axes
        The axes of space it is periodic in.

    Raises
    ------
    ValueError
        If `axes` are not axes of space, or `network` takes another number of numbers.

    References
    ----------
    Dong & Ni, Journal of Computational Physics 435 (2021), 110242.
    """

    network: Any
    scaling: Scaling
    axes: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, network: Any, bounds: Any, axes: Sequence[int] = (0,)):
        size = np.size(bounds[0])
        self.network, self.scaling = network, Scaling(size, bounds)
        self.axes = tuple(axes)
        whole = all(is_whole(axis) and 0 <= axis < size for axis in self.axes)
        if not whole or len(set(self.axes)) != len(self.axes) or not self.axes:
            raise ValueError(
                "`axes` of `PeriodicEmbedding` takes axes of space, each once, such as "
                f"`(0,)`; got {axes!r}."
            )
        own = getattr(network, "scaling", None)
        if own is not None and len(own.centre) != size + len(self.axes):
            raise ValueError(
                f"`network` of `PeriodicEmbedding` takes {size + len(self.axes)} "
                f"numbers here, {size} coordinates and one more for each periodic one; "
                f"got one with `in_size` = {len(own.centre)}."
            )

    @property
    def readout(self) -> Readout:
        return self.network.readout

    def embedded(self, *arguments: Any) -> Float[Array, " in"]:
        """What the network is given in the place of all arguments."""
        y = self.scaling(*arguments)
        before = y.shape[0] - jnp.size(arguments[-1])
        places = np.array([before + axis for axis in self.axes])
        others = np.setdiff1d(np.arange(y.shape[0]), places)
        angles = math.pi * y[places]
        return jnp.concatenate([y[others], cosine(angles), sine(angles)])

    def features(self, *arguments: Any) -> Float[Array, " m"]:
        return self.network.features(self.embedded(*arguments))

    def blocks(self, size: int) -> Iterator[tuple[np.ndarray, "PeriodicEmbedding"]]:
        """Parts of the features, with their columns; see `RandomFeatures.blocks`."""
        if not hasattr(self.network, "blocks"):
            yield np.arange(self.readout.weight.shape[-1]), self
            return
        for columns, block in blocks(self.network, size):
            yield columns, eqx.tree_at(lambda f: f.network, self, block)

    def __call__(self, *arguments: Any) -> Float[Array, "*d"]:
        return self.network(self.embedded(*arguments))

    def propagate_jet(self, *operands: Any) -> Any:
        """The jet of the field: of the embedding, then of the network."""
        return propagate(self.network, interpret(self.embedded, *operands))
