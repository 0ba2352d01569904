"""The outputs of the layers of any network, read from its trace.

A layer is taken to begin at a product of the point, or of what was computed from it,
with weights. What such a product reads, but for the first, is the output of the layer
before: for a multilayer perceptron the values of the activation. So a network of any
library can be looked into, and needs no hooks.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import Jaxpr, Literal

from .._host import bind, body_of, needed

_CALLS = {
    *("jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint"),
}
_PRODUCTS = {"dot_general", "conv_general_dilated"}


class _Seen(NamedTuple):
    """A value, and through how many products with weights the point has come to it;
    ``None`` where it does not depend on the point."""

    value: Any
    depth: int | None


def layer_outputs(field: Callable[..., Any], *arguments: Any) -> tuple[jax.Array, ...]:
    """The output of each hidden layer at one point, one array ``(m,)`` a layer.

    It can be differentiated and vectorised, as the field can.

    Raises
    ------
    ValueError
        If the field has no two products with weights one after the other.
    """
    closed = jax.make_jaxpr(field)(*arguments)
    outputs: list[jax.Array] = []
    _walk(closed.jaxpr, closed.consts, [_Seen(a, 0) for a in arguments], outputs)
    if not outputs:
        raise ValueError(
            "`field` shows no hidden layer: none of its products of values with "
            "weights reads what another has made. Layers inside a `jax.lax.scan` are "
            "not seen."
        )
    return tuple(jnp.ravel(a) for a in outputs)


def _walk(
    jaxpr: Jaxpr,
    consts: Sequence[Any],
    operands: Sequence[_Seen],
    outputs: list[jax.Array],
) -> list[_Seen]:
    known: dict[Any, _Seen] = {
        var: _Seen(value, None)
        for var, value in zip(jaxpr.constvars, consts, strict=True)
    }
    known.update(zip(jaxpr.invars, operands, strict=True))
    read = lambda var: _Seen(var.val, None) if isinstance(var, Literal) else known[var]
    for eqn in needed(jaxpr):
        inputs = [read(var) for var in eqn.invars]
        body = body_of(eqn) if eqn.primitive.name in _CALLS else None
        if body is not None:
            results = _walk(*body, inputs, outputs)
        else:
            values = bind(eqn, [seen.value for seen in inputs])
            depth = _depth(eqn, inputs, outputs)
            results = [_Seen(value, depth) for value in values]
        known.update(zip(eqn.outvars, results, strict=True))
    return [read(var) for var in jaxpr.outvars]


def _depth(eqn: Any, inputs: list[_Seen], outputs: list[jax.Array]) -> int | None:
    """The depth of the results; a product with weights shows the layer it reads."""
    depths = [seen.depth for seen in inputs if seen.depth is not None]
    if not depths:
        return None
    deepest = max(depths)
    if eqn.primitive.name not in _PRODUCTS or len(depths) > 1:
        return deepest
    (read,) = (seen.value for seen in inputs if seen.depth is not None)
    if deepest > 0 and not any(read is other for other in outputs):
        outputs.append(read)
    return deepest + 1
