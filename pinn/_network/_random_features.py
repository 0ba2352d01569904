"""One hidden layer with random, frozen weights."""

from collections.abc import Iterator, Sequence
from typing import Any

import equinox as eqx
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .. import activations
from .._checks import check_key
from .._propagate import affine, compose, propagate
from .._types import Activation
from ._base import (
    Readout,
    Scaling,
    Size,
    check_activation,
    check_sizes,
    piece,
    scaled_layer,
    unit_layer,
)


class RandomFeatures(eqx.Module):
    r"""A network with one hidden layer whose weights are drawn once.

    $$ u(y) = W \, \sigma(A \hat y + b) + c, \qquad
       A_{ji} \sim \mathcal U(-s_i, s_i), $$

    where $y$ are all arguments in order, $\hat y \in [-1, 1]$ within `bounds`, and
    each plane $A_j\cdot\hat y + b_j = 0$ goes through a random point of the box. With
    $A, b$ frozen, a linear equation is a *linear* least-squares problem for the
    readout $(W, c)$, which `pinn.LeastSquares` solves.

    Parameters
    ----------
    in_size
        Number of coordinates in all arguments together: ``1 + dim`` for ``u(t, x)``.
    out_size
        Number of components of the field, or ``"scalar"``.
    num_features
        Number $m$ of hidden units.
    activation
        $\sigma$, elementwise; smooth enough for the equation.
    bounds
        Lower and upper limits of all arguments (``problem.bounds``), in the caller's
        units; ``[-1, 1]`` by default.
    scale
        $s$, dimensionless: largest weight per half width of the bounds, one number or
        one for each coordinate. 0.5 to 2 suits a solution with about one wave across
        the domain; it grows with the number of waves.
    interaction
        Most coordinates that four in five features depend on: each takes a set of one
        to so many. In many dimensions solutions are often close to sums of functions
        of few coordinates. ``None`` lets every feature depend on all.
    key
        Draws the weights.

    Raises
    ------
    ValueError
        If a size is not positive, or `bounds` or `scale` do not fit `in_size`.

    References
    ----------
    Dwivedi & Srinivasan, Neurocomputing 391 (2020), 96-118 (PIELM);
    Dong & Li, CMAME 387 (2021), 114129; Hashemi et al., Appl. Comput. Harmon. Anal.
    62 (2023), 310-330 (features of few coordinates).

    Examples
    --------
    >>> u = pinn.RandomFeatures(2, "scalar", 100, key=jax.random.key(0))
    >>> u.features(jnp.zeros(2)).shape
    (100,)
    """

    scaling: Scaling
    weight: Float[Array, "m in"]
    bias: Float[Array, " m"]
    readout: Readout
    activation: Activation

    def __init__(
        self,
        in_size: int,
        out_size: Size,
        num_features: int,
        activation: Activation = activations.tanh,
        *,
        bounds: Any | None = None,
        scale: float | Sequence[float] = 1.0,
        interaction: int | None = None,
        key: PRNGKeyArray,
    ):
        check_sizes(in_size=in_size, out_size=out_size, num_features=num_features)
        check_activation(activation)
        check_key(key)
        scales = [scale] * in_size if isinstance(scale, int | float) else list(scale)
        if interaction is not None and not 1 <= interaction <= in_size:
            raise ValueError(
                f"`interaction` takes a number of coordinates, 1 to {in_size}, or "
                f"None; got {interaction!r}."
            )
        if len(scales) != in_size or not all(s > 0 for s in scales):
            raise ValueError(
                "`scale` takes one positive number, or one for each of the "
                f"{in_size} coordinates; got {scale!r}."
            )
        hidden_key, readout_key = jr.split(key)
        self.scaling = Scaling(in_size, bounds)
        weight, kink = unit_layer(in_size, num_features, key=hidden_key)
        self.weight, self.bias = scaled_layer(weight, kink, scales, interaction)
        self.readout = Readout(num_features, out_size, key=readout_key)
        self.activation = activation

    def features(self, *arguments: Any) -> Float[Array, " m"]:
        """The values of the hidden units at one point."""
        return self.activation(affine(self.weight, self.scaling(*arguments), self.bias))

    @property
    def size(self) -> int:
        """Number of features."""
        return self.bias.shape[0]

    def block(self, start: int, size: int) -> "RandomFeatures":
        """The network with `size` of the features from `start`; those missing at the
        end are filled up with constant ones."""
        return eqx.tree_at(
            lambda f: (f.weight, f.bias, f.readout.weight),
            self,
            (
                piece(self.weight, start, size),
                piece(self.bias, start, size),
                piece(self.readout.weight, start, size, axis=-1),
            ),
        )

    def blocks(self, size: int) -> Iterator[tuple[np.ndarray, "RandomFeatures"]]:
        """Networks of one shape with `size` of the features each, and the columns of
        all features that theirs are (-1 for none)."""
        for start in range(0, self.size, size):
            columns = np.arange(start, start + size)
            columns = np.where(columns < self.size, columns, -1)
            yield columns, self.block(start, size)

    def __call__(self, *arguments: Any) -> Float[Array, "*d"]:
        return self.readout(self.features(*arguments))

    def propagate_jet(self, *operands: Any) -> Any:
        """The jet of the field."""
        h = affine(self.weight, propagate(self.scaling, *operands), self.bias)
        return propagate(self.readout, compose(self.activation, h))
