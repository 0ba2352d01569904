"""Networks as functions of NumPy."""

from typing import Any

import numpy as np

from .. import activations
from .._network import MLP, RandomFeatures
from ..numpy_field import ACTIVATIONS, NumpyField


def to_numpy(field: Any) -> NumpyField:
    """A network as a function that needs NumPy alone.

    Parameters
    ----------
    field
        An `MLP` or `RandomFeatures` of `pinn` with an activation of
        `pinn.numpy_field.ACTIVATIONS`.

    Returns
    -------
    NumpyField
        A callable for one point or arrays of points; `NumpyField.save` writes it, and
        `pinn.numpy_field.load` reads it back, also where there is no JAX.

    Raises
    ------
    ValueError
        If the field is another one, or its activation has no form in NumPy.
    """
    if isinstance(field, MLP):
        layers = [(layer.weight, layer.bias) for layer in field.hidden]
    elif isinstance(field, RandomFeatures):
        layers = [(field.weight, field.bias)]
    else:
        raise ValueError(
            "`field` takes an `MLP` or `RandomFeatures` here; got "
            f"{type(field).__name__}. `to_compiled` takes any field."
        )
    name = getattr(field.activation, "__name__", "")
    if name not in ACTIVATIONS or getattr(activations, name) is not field.activation:
        raise ValueError(
            f"`field` has the activation {name or field.activation!r}, which has no "
            f"form in NumPy here; there is {', '.join(ACTIVATIONS)}. `to_compiled` "
            "takes any field."
        )
    arrays = [tuple(np.asarray(a) for a in layer) for layer in layers]
    readout = (np.asarray(field.readout.weight), np.asarray(field.readout.bias))
    scaling = field.scaling
    return NumpyField(arrays, readout, scaling.centre, scaling.half_width, name)
