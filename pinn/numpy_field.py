"""Networks evaluated by NumPy alone.

This file imports nothing else, so it can be copied to where there is no JAX. There

    from numpy_field import load
    u = load("u.npz")
    u(t, x)

evaluates what `pinn.export.to_numpy` made of a network and `NumpyField.save` wrote.
"""

import numpy as np


def _softplus(s):
    return np.logaddexp(0.0, s)


def _sigmoid(s):
    e = np.exp(-np.abs(s))  # of the two forms the one that does not overflow
    return np.where(s >= 0, 1.0, e) / (1.0 + e)


ACTIVATIONS = {
    "tanh": np.tanh,
    "scaled_tanh": lambda s: 1.7159 * np.tanh(2 * s / 3),
    "sigmoid": _sigmoid,
    "arctan": np.arctan,
    "asinh": np.arcsinh,
    "isru": lambda s: s / np.sqrt(1 + s**2),
    "softsign": lambda s: s / (1 + np.abs(s)),
    "sin": np.sin,
    "cos": np.cos,
    "sinc": np.sinc,
    "gaussian": lambda s: np.exp(-(s**2) / 2),
    "radial_gaussian": lambda s: np.exp(-(s**2)),
    "inverse_multiquadric": lambda s: 1 / np.sqrt(1 + s**2),
    "multiquadric": lambda s: np.sqrt(1 + s**2),
    "mexican_hat": lambda s: (1 - s**2) * np.exp(-(s**2) / 2),
    "silu": lambda s: s * _sigmoid(s),
    "quick_gelu": lambda s: s * _sigmoid(1.702 * s),
    "softplus": _softplus,
    "squareplus": lambda s: (s + np.sqrt(s**2 + 4)) / 2,
    "mish": lambda s: s * np.tanh(_softplus(s)),
    "lisht": lambda s: s * np.tanh(s),
    "bent_identity": lambda s: s + (np.sqrt(s**2 + 1) - 1) / 2,
    "relu": lambda s: np.maximum(s, 0.0),
}


class NumpyField:
    r"""A network of dense layers as a function of arrays of NumPy.

    $u = W h_L + c$, with $h_l = \sigma(A_l h_{l-1} + b_l)$ and $h_0$ all arguments in
    order, shifted by their `centre` and divided by their `half_width`.

    Parameters
    ----------
    layers
        Pairs of $A_l$, ``(m, previous)``, and $b_l$, ``(m,)``.
    readout
        $W$, ``(d, m)``, and $c$, ``(d,)``; without the axis of ``d`` for a scalar.
    centre, half_width
        Of each argument's coordinates, in order.
    activation
        The name of $\sigma$, one of `ACTIVATIONS`.
    """

    def __init__(self, layers, readout, centre, half_width, activation):
        self.layers = [tuple(np.asarray(a) for a in layer) for layer in layers]
        self.readout = tuple(np.asarray(a) for a in readout)
        self.centre, self.half_width = np.asarray(centre), np.asarray(half_width)
        self.activation = activation

    def __call__(self, *arguments):
        """Values at one point or at many.

        The last argument is space, ``(..., dim)``, those before are numbers ``(...)``;
        the result has the same leading axes.
        """
        *numbers, x = (np.asarray(a) for a in arguments)
        columns = [np.broadcast_to(a, x.shape[:-1])[..., None] for a in numbers]
        h = (np.concatenate([*columns, x], axis=-1) - self.centre) / self.half_width
        for weight, bias in self.layers:
            h = ACTIVATIONS[self.activation](h @ weight.T + bias)
        weight, bias = self.readout
        return h @ weight.T + bias

    def save(self, path):
        """Write a file, by custom ending in ``.npz``, that `load` reads back."""
        arrays = {
            "activation": np.asarray(self.activation),
            "centre": self.centre,
            "half_width": self.half_width,
            "readout_weight": self.readout[0],
            "readout_bias": self.readout[1],
        }
        for i, (weight, bias) in enumerate(self.layers):
            arrays |= {f"weight_{i}": weight, f"bias_{i}": bias}
        with open(path, "wb") as file:
            np.savez(file, **arrays)  # pyright: ignore


def load(path):
    """Read a `NumpyField` back; nothing in the file is executed."""
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    count = sum(name.startswith("weight_") for name in arrays)
    return NumpyField(
        [(arrays[f"weight_{i}"], arrays[f"bias_{i}"]) for i in range(count)],
        (arrays["readout_weight"], arrays["readout_bias"]),
        arrays["centre"],
        arrays["half_width"],
        str(arrays["activation"]),
    )
