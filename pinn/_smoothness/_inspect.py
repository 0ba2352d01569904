"""Reading the operations of a traced function.

A function made of analytic operations only is analytic: no sample is needed. Everything
else is a suspicion, never a verdict: a smooth function such as `softplus` is often
written with `max` and `abs`.
"""

import dataclasses
import math
from typing import Any

import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from .._host import body_of, line_of

_ENTIRE = {
    *("exp", "exp2", "expm1", "tanh", "logistic", "sin", "cos", "sinh", "cosh"),
    *("erf", "erfc", "atan", "asinh"),
}
_LINEAR = {
    *("neg", "reduce_sum", "cumsum", "broadcast_in_dim", "reshape", "squeeze"),
    *("transpose", "concatenate", "slice", "pad", "copy", "copy_p", "rev", "stack"),
    *("expand_dims", "split", "unstack", "real", "reduce_window_sum"),
}
# Linear where the places do not depend on the argument.
_INDEXED = {"gather", "scatter", "scatter-add", "dynamic_slice", "dynamic_update_slice"}
_BILINEAR = {"mul", "dot_general", "conv_general_dilated"}
_NESTED = {"jit", "pjit", "closed_call", "core_call", "remat", "checkpoint", "remat2"}
_RULES = {
    *("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr", "stop_gradient"),
    *("pure_callback", "io_callback", "reduce_precision", "custom_lin"),
}
_COMPARISONS = {"lt", "le", "gt", "ge", "eq", "ne", "max", "min", "clamp"}


@dataclasses.dataclass
class Inspection:
    """What the operations say.

    `suspects` are operations that may break the class or lie about a derivative, with
    their place in the source; `degree` is that of a polynomial, or infinite;
    `thresholds` are constants that the argument is compared with.
    """

    suspects: list[str] = dataclasses.field(default_factory=list)
    thresholds: set[float] = dataclasses.field(default_factory=set)
    degree: float = 0
    narrow: bool = False
    random: bool = False
    callback: bool = False

    @property
    def analytic(self) -> bool:
        return not (self.suspects or self.narrow or self.callback)


@dataclasses.dataclass(frozen=True)
class _Fact:
    """What is known of a variable.

    `depends` is 2 on the argument, 1 on parameters only, 0 on nothing; `sign` is 2 for
    positive, 1 for not negative, -2 for negative, 0 for unknown.
    """

    depends: int = 0
    sign: int = 0
    degree: float = 0


def inspect_jaxpr(closed: ClosedJaxpr, roles: list[int]) -> Inspection:
    """Walk through the operations; `roles`: 2 for arguments, 1 for parameters."""
    found = Inspection()
    facts = [_Fact(role, 0, 1 if role == 2 else 0) for role in roles]
    outputs = _walk(closed.jaxpr, closed.consts, facts, found)
    found.degree = max((out.degree for out in outputs), default=0)
    return found


def _constant(value: Any) -> _Fact:
    try:
        value = np.asarray(value)
    except TypeError:
        return _Fact()
    if value.dtype.kind not in "fiu" or value.size == 0 or np.isnan(value).any():
        return _Fact()
    low, high = value.min(), value.max()
    sign = 2 if low > 0 else 1 if low >= 0 else -2 if high < 0 else 0
    return _Fact(0, sign, 0)


def _walk(
    jaxpr: Jaxpr, consts: Any, facts: list[_Fact], found: Inspection
) -> list[_Fact]:
    known = dict(zip(jaxpr.constvars, map(_constant, consts), strict=True))
    known |= dict(zip(jaxpr.invars, facts, strict=True))

    def fact(var: Any) -> _Fact:
        return _constant(var.val) if isinstance(var, Literal) else known[var]

    for eqn in jaxpr.eqns:
        inputs = [fact(var) for var in eqn.invars]
        name = eqn.primitive.name
        body = body_of(eqn) if name in _NESTED else None
        if body is not None:
            outputs = _walk(*body, inputs, found)
        else:
            outputs = [_apply(eqn, name, inputs, found)] * len(eqn.outvars)
        known |= dict(zip(eqn.outvars, outputs, strict=True))
    return [fact(var) for var in jaxpr.outvars]


def _apply(eqn: Any, name: str, inputs: list[_Fact], found: Inspection) -> _Fact:
    depends = max((i.depends for i in inputs), default=0)
    found.random |= name.startswith(("random_", "threefry"))
    found.callback |= "callback" in name
    if depends == 2 and name in _COMPARISONS:
        for var in eqn.invars:
            if isinstance(var, Literal) and np.ndim(var.val) == 0:
                found.thresholds.add(float(var.val))
    if depends == 0 or (depends == 1 and name not in _RULES):
        return _Fact(depends, _sign(eqn, name, inputs), 0)
    if name == "convert_element_type":
        old, new = eqn.invars[0].aval.dtype, np.dtype(eqn.params["new_dtype"])
        if old.kind == "f" and new.kind == "f":
            found.narrow |= new.itemsize < old.itemsize
            return inputs[0]
        if new.kind in "fc" and old.kind in "fc":
            return inputs[0]
    degree = _degree(eqn, name, inputs)
    if degree is None:
        found.suspects.append(_describe(eqn, name))
        degree = math.inf
    return _Fact(depends, _sign(eqn, name, inputs), degree)


def _degree(eqn: Any, name: str, inputs: list[_Fact]) -> float | None:
    """The degree of an analytic operation as a polynomial; `None` if it may break."""
    degrees = [i.degree for i in inputs]
    signs = [i.sign for i in inputs]
    constant = all(d == 0 for d in degrees)
    if name in {"add", "sub", "add_any"} or name in _LINEAR:
        return max(degrees)
    if name in _BILINEAR:
        return sum(degrees)
    if name in _ENTIRE:
        return 0 if constant else math.inf
    if name == "square":
        return 2 * degrees[0]
    if name == "integer_pow":
        power = eqn.params["y"]
        if power >= 0:
            return power * degrees[0]
        return math.inf if abs(signs[0]) == 2 else None
    if name == "div" and abs(signs[1]) == 2:
        return degrees[0] if degrees[1] == 0 else math.inf
    if name in {"sqrt", "rsqrt", "log"} and signs[0] == 2:
        return math.inf
    if name == "select_n" and inputs[0].depends < 2:
        return max(degrees[1:])
    if name in _INDEXED and all(
        i.depends < 2
        for i, var in zip(inputs, eqn.invars, strict=True)
        if var.aval.dtype.kind in "iub"
    ):
        return max(degrees)
    if name == "log1p" and signs[0] >= 1:
        return math.inf
    if name == "pow" and signs[0] == 2:
        return math.inf
    return None


def _sign(eqn: Any, name: str, inputs: list[_Fact]) -> int:
    signs = [i.sign for i in inputs]
    if name in {"exp", "exp2", "logistic", "erfc", "cosh"}:
        return 2
    if name in {"square", "integer_pow"}:
        power = eqn.params.get("y", 2)
        if signs[0] == 2 or (signs[0] == -2 and power % 2 == 0):
            return 2
        return 1 if power > 0 and (power % 2 == 0 or signs[0] == 1) else 0
    if name in {"sqrt", "rsqrt", "log1p", "tanh", "expm1", "sinh", "atan", "asinh"}:
        return max(signs[0], 0)
    if name == "erf":
        return max(signs[0], 0)
    if name == "pow":
        return 2 if signs[0] == 2 else 0
    if name == "abs":
        return 1
    if name == "neg":
        return -2 if signs[0] == 2 else 2 if signs[0] == -2 else 0
    if name in {"add", "add_any", "sub"}:
        a, b = signs[0], signs[1]
        if name == "sub":
            b = {2: -2, -2: 2}.get(b, 0)
        if min(a, b) >= 1:
            return max(a, b)
        return -2 if a == b == -2 else 0
    if name in {"mul", "div"}:
        a, b = signs
        if abs(a) == 2 and abs(b) == 2:
            return 2 if a == b else -2
        return 1 if min(a, b) >= 1 else 0
    if name == "max":
        return max(signs)
    if name in _LINEAR or name == "convert_element_type":
        return min(signs) if min(signs) >= 1 else -2 if max(signs) == -2 else 0
    return 0


def _describe(eqn: Any, name: str) -> str:
    label = eqn.params.get("name")
    what = f"{name} {label}" if isinstance(label, str) else name
    line = line_of(eqn)
    return what if line is None else f"{what} ({line})"
