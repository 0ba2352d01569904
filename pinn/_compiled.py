"""Functions compiled ahead of time, so that compilation and running are timed apart."""

import collections
import time
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax

from ._precision import bits

_MOST_KEPT = 16


class Compiled:
    """A function compiled once for each structure and shape of its arguments.

    Behaves like `equinox.filter_jit`, under the highest matrix-product precision (a
    GPU never drops to TF32 by accident), and adds the seconds it spends in tracing
    and compiling to `seconds`.

    Parameters
    ----------
    function
        A pure function of pytrees; what is not an array is static.
    """

    def __init__(self, function: Callable[..., Any]):
        self._jitted: Any = eqx.filter_jit(function)
        self._executables: collections.OrderedDict[Any, Any] = collections.OrderedDict()
        self.seconds = 0.0

    def __call__(self, *arguments: Any) -> Any:
        dynamic, static = eqx.partition(arguments, eqx.is_array)
        leaves, structure = jax.tree.flatten(dynamic)
        static_leaves, static_structure = jax.tree.flatten(static)
        shapes = tuple((leaf.shape, leaf.dtype) for leaf in leaves)
        # A function without arrays among its arguments may still make some.
        key = (bits(), structure, shapes, static_structure, tuple(static_leaves))
        executable = self._executables.get(key)
        if executable is None:
            start = time.perf_counter()
            executable = self.lower(*arguments).compile()
            self.seconds += time.perf_counter() - start
            # A long program solves many problems; it should not keep them all.
            if len(self._executables) >= _MOST_KEPT:
                self._executables.popitem(last=False)
            self._executables[key] = executable
        self._executables.move_to_end(key)
        return executable(*arguments)

    def lower(self, *arguments: Any) -> Any:
        """The program for these arguments, before it is compiled."""
        with jax.default_matmul_precision("highest"):
            return self._jitted.lower(*arguments)
