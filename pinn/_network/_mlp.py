"""The multilayer perceptron."""

import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from .. import activations
from .._checks import check_key
from .._propagate import affine, compose, propagate
from .._types import Activation
from ._base import Readout, Scaling, Size, check_activation, check_sizes, hidden_layer


class _Layer(eqx.Module):
    weight: Float[Array, "m previous"]
    bias: Float[Array, " m"]

    def __call__(self, h: Float[Array, " previous"]) -> Float[Array, " m"]:
        return affine(self.weight, h, self.bias)

    def propagate_jet(self, h: Any) -> Any:
        return affine(self.weight, h, self.bias)


class MLP(eqx.Module):
    r"""A fully connected network with a smooth activation.

    $$ h_0 = \hat y, \qquad h_l = \sigma(A_l h_{l-1} + b_l), \qquad
       u(y) = W h_L + c, $$

    where $y$ are all arguments in order and $\hat y \in [-1, 1]$ within `bounds`.
    Hidden layers start with Glorot-uniform weights; the kinks of the first lie inside
    the bounds, so no unit starts out of reach of the domain.

    Parameters
    ----------
    in_size
        Number of coordinates in all arguments together: ``1 + dim`` for ``u(t, x)``.
    out_size
        Number of components of the field, or ``"scalar"``.
    width_size
        Number of units of each hidden layer.
    depth
        Number $L \ge 1$ of hidden layers.
    activation
        $\sigma$, elementwise; tanh by default, smooth of every order. A list of one for
        each hidden layer gives trainable ones numbers of their own, layer by layer.
    bounds
        Lower and upper limits of all arguments (``problem.bounds``), in the caller's
        units; ``[-1, 1]`` by default.
    key
        Draws the weights.

    Raises
    ------
    ValueError
        If a size is not positive, `bounds` do not fit `in_size`, or there are more or
        fewer activations than hidden layers.

    Examples
    --------
    >>> key, activation = jax.random.key(0), pinn.activations.tanh
    >>> u = pinn.MLP(2, 3, 16, 2, activation, key=key)  # u(t, x), three components
    >>> u(jnp.array(0.5), jnp.array([1.0])).shape
    (3,)
    """

    scaling: Scaling
    hidden: tuple[_Layer, ...]
    readout: Readout
    activation: Activation | tuple[Activation, ...]

    def __init__(
        self,
        in_size: int,
        out_size: Size,
        width_size: int,
        depth: int,
        activation: Activation
        | list[Activation]
        | tuple[Activation, ...] = activations.tanh,
        *,
        bounds: Any | None = None,
        key: PRNGKeyArray,
    ):
        check_sizes(
            in_size=in_size, out_size=out_size, width_size=width_size, depth=depth
        )
        if isinstance(activation, list | tuple):
            activation = tuple(activation)
            if len(activation) != depth:
                raise ValueError(
                    "`activation` takes a function, or one for each of the `depth` = "
                    f"{depth} hidden layers; got {len(activation)}."
                )
        for one in activation if isinstance(activation, tuple) else (activation,):
            check_activation(one)
        check_key(key)
        first_key, readout_key, *keys = jr.split(key, depth + 1)
        self.scaling = Scaling(in_size, bounds)
        # Glorot's variance, on inputs that fill [-1, 1] (variance 1/3, hence the 3).
        first_scale = math.sqrt(3 * 6 / (in_size + width_size))
        layers = [
            _Layer(*hidden_layer(in_size, width_size, first_scale, key=first_key))
        ]
        limit = math.sqrt(6 / (2 * width_size))
        dtype = jnp.result_type(float)
        for layer_key in keys:
            weight = jr.uniform(
                layer_key, (width_size, width_size), dtype, -limit, limit
            )
            layers.append(_Layer(weight, jnp.zeros(width_size, dtype)))
        self.hidden = tuple(layers)
        self.readout = Readout(width_size, out_size, key=readout_key)
        self.activation = activation

    @property
    def _activations(self) -> tuple[Activation, ...]:
        if isinstance(self.activation, tuple):
            return self.activation
        return (self.activation,) * len(self.hidden)

    def features(self, *arguments: Any) -> Float[Array, " m"]:
        """The values of the last hidden layer at one point."""
        h = self.scaling(*arguments)
        for layer, activation in zip(self.hidden, self._activations, strict=True):
            h = activation(layer(h))
        return h

    def __call__(self, *arguments: Any) -> Float[Array, "*d"]:
        return self.readout(self.features(*arguments))

    def propagate_jet(self, *operands: Any) -> Any:
        """The jet of the field, layer by layer."""
        h = propagate(self.scaling, *operands)
        for layer, activation in zip(self.hidden, self._activations, strict=True):
            h = compose(activation, propagate(layer, h))
        return propagate(self.readout, h)
