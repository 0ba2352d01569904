"""Functions compiled ahead of time, so that compilation and running are timed apart."""

import collections
import functools
import time
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax

from ._precision import bits

_MOST_KEPT = 16
# On a CPU, XLA takes optimisation barriers out before it fuses; without that pass they
# stand until the machine code.
_BARRIERS_STAND = {"xla_disable_hlo_passes": "cse_barrier_expander"}


class Compiled:
    """A function compiled once for each structure and shape of its arguments.

    Behaves like `equinox.filter_jit`, under the highest matrix-product precision (a
    GPU never drops to TF32 by accident), and adds the seconds it spends in tracing
    and compiling to `seconds`.

    Parameters
    ----------
    function
        A pure function of pytrees; what is not an array is static.
    barriers
        Whether optimisation barriers in it are to hold on a CPU too.
    """

    def __init__(self, function: Callable[..., Any], *, barriers: bool = False):
        self._function, self._barriers = function, barriers
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

    @functools.cached_property
    def _jitted(self) -> Any:
        # Not before the first call: `import pinn` starts no backend.
        stand = self._barriers and jax.default_backend() == "cpu"
        options: Any = {"compiler_options": _BARRIERS_STAND} if stand else {}
        return eqx.filter_jit(self._function, **options)

    def lower(self, *arguments: Any) -> Any:
        """The program for these arguments, before it is compiled."""
        with jax.default_matmul_precision("highest"):
            return self._jitted.lower(*arguments)
