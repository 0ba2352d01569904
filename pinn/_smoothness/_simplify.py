"""Repeated operations removed from a traced function.

Each nested derivative repeats most of what the one below has computed. Left alone, the
number of operations doubles with every order, and so does the time to compile them.
"""

from typing import Any, no_type_check

import jax
import numpy as np
from jax.core import Tracer
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal, Var

from .._host import apply, bind, needed

_INLINED = {"jit", "pjit", "closed_call", "core_call"}


def evaluate(closed: ClosedJaxpr, *arguments: Any) -> list[Any]:
    """Evaluate as `jax.core.eval_jaxpr` does, each distinct operation once."""
    return _run(closed.jaxpr, closed.consts, arguments, {}, [])


def _run(
    jaxpr: Jaxpr, consts: Any, arguments: Any, memo: dict[Any, Any], alive: list[Any]
) -> list[Any]:
    values: dict[Var, Any] = dict(
        zip(jaxpr.constvars, map(_plain, consts), strict=True)
    )
    values |= dict(zip(jaxpr.invars, arguments, strict=True))

    read = lambda var: var.val if isinstance(var, Literal) else values[var]
    for eqn in needed(jaxpr):
        inputs = [read(var) for var in eqn.invars]
        name = eqn.primitive.name
        if name in _INLINED and "jaxpr" in eqn.params:
            inner = eqn.params["jaxpr"]
            outputs = _run(inner.jaxpr, inner.consts, inputs, memo, alive)
        elif (
            name in ("mul", "select_n")
            and (short := _short(name, inputs, eqn)) is not None
        ):
            outputs = [short]
        else:
            key = _key(eqn, inputs)
            if key is None or key not in memo:
                known = not any(isinstance(value, Tracer) for value in inputs)
                outputs = (apply if known else bind)(eqn, inputs)
                # Keys hold the `id` of inputs, which must not be collected meanwhile.
                alive += [inputs]
                if key is not None:
                    memo[key] = outputs
            else:
                outputs = memo[key]
        values |= dict(zip(eqn.outvars, outputs, strict=True))
    return [read(var) for var in jaxpr.outvars]


@no_type_check  # called for every operation, where a checker of types would count
def _key(eqn: Any, inputs: list[Any]) -> Any:
    """What makes two operations the same; `None` if that cannot be told."""
    if eqn.effects:
        return None
    names = tuple(
        id(value)
        if isinstance(value, Tracer) or (number := _number(value)) is None
        else (str(var.aval), number)
        for var, value in zip(eqn.invars, inputs, strict=True)
    )
    if eqn.primitive.name in {"mul", "add", "add_any"}:
        names = tuple(sorted(names, key=str))
    try:
        key = (eqn.primitive, names, tuple(sorted(eqn.params.items())))
        hash(key)
    except TypeError:
        return None
    return key


def _plain(value: Any) -> Any:
    """Known scalars as NumPy numbers, whose value is at hand."""
    if isinstance(value, jax.Array) and not isinstance(value, Tracer):
        extended = jax.dtypes.issubdtype(value.dtype, jax.dtypes.extended)
        if value.ndim == 0 and not extended:
            return np.asarray(value)[()]
    return value


@no_type_check
def _number(value: Any) -> float | None:
    """The value of a known scalar."""
    if isinstance(value, np.number | np.bool_ | float | int):
        return float(value) if np.isrealobj(value) else None
    return None


@no_type_check
def _short(name: str, inputs: list[Any], eqn: Any) -> Any:
    """The result of an operation that known numbers make trivial, or `None`."""
    if all(isinstance(value, Tracer) for value in inputs):
        return None
    if name == "mul":
        a, b = map(_number, inputs)
        if a is not None and b is not None and eqn.outvars[0].aval.dtype == float:
            return np.float64(a * b)
        same = eqn.invars[0].aval.shape == eqn.invars[1].aval.shape
        if same and 1.0 in (a, b):
            return inputs[1] if a == 1.0 else inputs[0]
    elif name == "select_n" and eqn.outvars[0].aval.shape == ():
        numbers = {_number(value) for value in inputs[1:]}
        if len(numbers) == 1 and None not in numbers:
            return inputs[1]
    return None


def simplify(function: Any, *examples: Any) -> ClosedJaxpr:
    """Trace a function of arrays and remove repeated operations."""
    traced = jax.make_jaxpr(function)(*examples)
    return jax.make_jaxpr(lambda *arguments: evaluate(traced, *arguments))(*examples)
