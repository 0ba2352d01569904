"""Computing once what a program writes several times, before it is differentiated.

A compiler merges equal operations, but not their derivatives: the residual
``dt(u) - laplacian(u) + u**3`` writes the network down three times, and in reverse mode
each of them would be run backwards on its own.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.core import Tracer
from jax.extend.core import Jaxpr, Literal

from ._host import bind, body_of

_OPENED = {"jit", "pjit", "closed_call", "core_call"}
_LARGEST = 4096  # numbers of a constant that is compared by value


def merged(function: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a function of arrays, each different operation performed once."""
    closed, shapes = jax.make_jaxpr(function, return_shape=True)(*arguments)
    leaves = jax.tree.leaves(arguments)
    results = _Merge().walk(closed.jaxpr, closed.consts, leaves)
    return jax.tree.unflatten(jax.tree.structure(shapes), results)


class _Merge:
    """Values by the operation that made them; equal ones are the same object."""

    def __init__(self) -> None:
        self.known: dict[Any, Any] = {}
        self.alive: list[Any] = []  # so that no `id` is given away again

    def walk(
        self, jaxpr: Jaxpr, consts: Sequence[Any], arguments: Sequence[Any]
    ) -> list[Any]:
        env = dict(zip(jaxpr.constvars, map(self.constant, consts), strict=True))
        env.update(zip(jaxpr.invars, arguments, strict=True))
        read = lambda v: self.constant(v.val) if isinstance(v, Literal) else env[v]
        for eqn in jaxpr.eqns:
            inputs = [read(v) for v in eqn.invars]
            env.update(zip(eqn.outvars, self.apply(eqn, inputs), strict=True))
        return [read(v) for v in jaxpr.outvars]

    def apply(self, eqn: Any, inputs: list[Any]) -> Sequence[Any]:
        body = body_of(eqn) if eqn.primitive.name in _OPENED else None
        if body is not None:
            return self.walk(*body, inputs)
        key = self.key(eqn, inputs)
        if key is None:
            return bind(eqn, inputs)
        if key not in self.known:
            self.alive += inputs
            self.known[key] = bind(eqn, inputs)
        return self.known[key]

    def key(self, eqn: Any, inputs: list[Any]) -> Any:
        """What tells an operation from others, or ``None`` where nothing does."""
        if eqn.effects:
            return None
        parameters = tuple(sorted(eqn.params.items()))
        try:
            hash(parameters)
        except TypeError:
            return None
        return eqn.primitive.name, parameters, tuple(map(id, inputs))

    def constant(self, value: Any) -> Any:
        """One object for all equal constants that are not large."""
        if isinstance(value, Tracer) or np.size(value) > _LARGEST:
            return value
        try:
            array = np.asarray(value)
        except TypeError:  # a random key
            return value
        weak = getattr(value, "weak_type", not hasattr(value, "dtype"))
        key = (array.dtype, array.shape, array.tobytes(), bool(weak))
        return self.known.setdefault(key, value)
