"""One operation, as JAX performs it."""

import contextlib
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from ._trace import bind


def plain(value: Any) -> Any:
    """An array of NumPy; keys of random numbers stay what they are."""
    if isinstance(value, jax.Array):
        if jax.dtypes.issubdtype(value.dtype, jax.dtypes.extended):
            return value
        return np.asarray(value)
    return value


def by_jax(eqn: Any) -> Callable[..., Any]:
    def run(*inputs):
        with on_cpu():
            return [plain(a) for a in bind(eqn, inputs)]

    return run


@contextlib.contextmanager
def on_cpu():
    """Operations of JAX run on the CPU, where the numbers are."""
    with jax.default_device(jax.local_devices(backend="cpu")[0]):
        yield
