"""Pushing a jet through any function, one operation of its trace after the other."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Jaxpr, Literal

from .._host import bind, body_of, needed
from .._jet import AbstractJet
from ._control import CONTROL
from ._rules import rule_of


def propagate(field: Callable[..., Any], *operands: Any) -> Any:
    """The jet of a field at arguments that are arrays or jets.

    By its own method `propagate_jet` where it has one, else by reading its trace.
    """
    if not any(isinstance(a, AbstractJet) for a in operands):
        return field(*operands)
    # Of its own class: in a class derived from it the call may be another.
    if "propagate_jet" in vars(type(field)):
        return field.propagate_jet(*operands)  # pyright: ignore
    return interpret(field, *operands)


def interpret(function: Callable[..., Any], *operands: Any) -> Any:
    """The jet of any function that JAX can trace, at arrays or jets."""
    if not any(isinstance(a, AbstractJet) for a in operands):
        return function(*operands)
    values = [a.value if isinstance(a, AbstractJet) else a for a in operands]
    closed = jax.make_jaxpr(lambda *v: jnp.asarray(function(*v)))(*values)
    (result,) = walk(closed.jaxpr, closed.consts, operands)
    return result


def walk(jaxpr: Jaxpr, consts: Sequence[Any], operands: Sequence[Any]) -> list[Any]:
    """The results of a trace, jets where they depend on one."""
    known: dict[Any, Any] = dict(zip(jaxpr.constvars, consts, strict=True))
    known.update(zip(jaxpr.invars, operands, strict=True))

    def read(var: Any) -> Any:
        return var.val if isinstance(var, Literal) else known[var]

    for eqn in needed(jaxpr):
        inputs = [read(var) for var in eqn.invars]
        known.update(zip(eqn.outvars, apply(eqn, inputs), strict=True))
    return [read(var) for var in jaxpr.outvars]


def apply(eqn: Any, inputs: Sequence[Any]) -> Sequence[Any]:
    """One operation, on arrays and jets."""
    jets = [a for a in inputs if isinstance(a, AbstractJet)]
    body = body_of(eqn) if eqn.primitive.name in _CALLS else None
    if body is not None:
        return walk(*body, inputs)
    values = [a.value if isinstance(a, AbstractJet) else a for a in inputs]
    if not jets or not any(
        jnp.issubdtype(var.aval.dtype, jnp.inexact) for var in eqn.outvars
    ):
        return bind(eqn, values)
    if eqn.primitive.name in CONTROL:
        return CONTROL[eqn.primitive.name](walk, eqn, jets, inputs)
    return rule_of(eqn)(eqn, jets[0], inputs, lambda *v: bind(eqn, v))


# What only wraps a trace. Functions with a derivative rule of their own are not among
# them: that rule is the derivative.
_CALLS = {
    *("jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint"),
    *("custom_lin",),
}
