"""When a quantity of a solution in time is zero."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

# Of the duration, how exactly a time is found.
_EXACT = 1e-14


def crossings(
    function: Callable[..., Any], field: Any, time: tuple[float, float], n: int
) -> np.ndarray:
    """The times at which ``function(t, u)`` changes sign, in order.

    Raises
    ------
    ValueError
        If the function does not return one number.
    """
    from scipy.optimize import brentq

    def value(t):
        return jnp.asarray(function(t, lambda x: field(t, x)))

    dtype = jnp.result_type(float)
    shape = jax.eval_shape(value, jax.ShapeDtypeStruct((), dtype)).shape
    if shape != ():
        raise ValueError(
            "`function` takes (t, u) to one number, whose zeros are wanted; got the "
            f"shape {shape}."
        )
    at: Any = jax.jit(value)
    times = np.linspace(*time, n)
    values = np.array([float(at(jnp.asarray(t, dtype))) for t in times])
    found = list(times[values == 0])
    for k in np.flatnonzero(values[:-1] * values[1:] < 0):
        one = lambda t: float(at(jnp.asarray(t, dtype)))
        span = _EXACT * (time[1] - time[0])
        found.append(brentq(one, times[k], times[k + 1], xtol=span))
    return np.sort(np.asarray(found, float))
