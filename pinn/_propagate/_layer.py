"""The two steps of a network: an affine map and an activation."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Jaxpr, Literal
from jaxtyping import Array

from .._host import body_of, needed
from .._jet import AbstractJet, TaylorJet
from ._elementwise import CLOSED, UNARY
from ._interpret import interpret, walk


def affine(weight: Array, h: Any, bias: Array) -> Any:
    """W h + b, of an array or a jet.

    Written as h Wᵀ: for many points this is a product of plain matrices whose result
    has the points first, as its argument has. Over W h it saves a third of a step.
    """
    if not isinstance(h, AbstractJet):
        return h @ weight.T + bias
    return h.linear(lambda s: (s @ weight.T,), [h])[0].shift(bias)


def compose(activation: Callable[[Any], Any], h: Any) -> Any:
    r"""$\sigma(h)$ of an array or a jet.

    If the activation acts on each number alone, all its derivatives come from one
    evaluation, shared by all directions: that of the jet $(h, 1, 0, \dots)$, whose
    coefficients are $\sigma', \sigma'', \dots$ at $h$, in closed form where the
    activation is one operation (tanh, sine).
    """
    if not isinstance(h, AbstractJet):
        return activation(h)
    closed = jax.make_jaxpr(activation)(h.value)
    if not _acts_on_each(closed.jaxpr):
        return interpret(activation, h)
    seed = ((jnp.ones_like(h.value),), *(None,) * (h.order - 1))
    (result,) = walk(closed.jaxpr, closed.consts, [TaylorJet(h.value, seed)])
    if not isinstance(result, TaylorJet):
        return result
    slopes = [None if c is None else c[0] for c in result.coefficients]
    return h.compose(result.value, slopes)


_EACH = {
    *("add", "sub", "mul", "div", "neg", "integer_pow", "pow", "max", "min", "abs"),
    *("select_n", "clamp", "convert_element_type", "sign", "floor", "ceil", "round"),
    *("lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not", "xor", "is_finite"),
    *("stop_gradient", "copy", "rem", "add_any", "atan2", "logaddexp"),
    *CLOSED,
    *UNARY,
}


def _acts_on_each(jaxpr: Jaxpr) -> bool:
    """Whether every operation acts on each number of the only argument alone."""
    if len(jaxpr.invars) != 1:
        return False
    return _each(jaxpr, (True,)) == [True]


def _each(jaxpr: Jaxpr, depends: tuple[bool, ...]) -> list[bool] | None:
    """Which results depend on the argument; ``None`` if one mixes its numbers."""
    shape = next(_shape(v) for v, d in zip(jaxpr.invars, depends, strict=True) if d)
    known = {v for v, d in zip(jaxpr.invars, depends, strict=True) if d}
    for eqn in needed(jaxpr):
        inputs = tuple(not isinstance(v, Literal) and v in known for v in eqn.invars)
        if not any(inputs):
            continue
        called = eqn.primitive.name in {"jit", "pjit", "closed_call"}
        body = body_of(eqn) if called else None
        if body is not None:
            outputs = _each(body[0], inputs)
            if outputs is None:
                return None
        elif eqn.primitive.name in _EACH:
            outputs = [True] * len(eqn.outvars)
        else:
            return None
        results = [v for v, d in zip(eqn.outvars, outputs, strict=True) if d]
        if any(_shape(v) != shape for v in results):
            return None
        known.update(results)
    return [not isinstance(v, Literal) and v in known for v in jaxpr.outvars]


def _shape(var: Any) -> tuple[int, ...]:
    return var.aval.shape
