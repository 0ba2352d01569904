"""A traced function as a flat graph of operations, and what is known of its values.

Calls of compiled functions are opened, so that every operation stands in one list. The
graph can be cut anywhere and the pieces evaluated on their own.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from .._host import bind, body_of
from .._smoothness._inspect import (
    Inspection,
    _apply,
    _constant,
    _describe,
    _Fact,
)

_OPENED = {"jit", "pjit", "closed_call", "core_call", "remat", "checkpoint", "remat2"}
_ENTRYWISE = {
    *("exp", "exp2", "expm1", "tanh", "logistic", "sin", "cos", "tan", "sinh"),
    *("cosh", "erf", "erfc", "erf_inv", "atan", "asinh", "asin", "acos", "acosh"),
    *("atanh", "atan2", "neg", "add", "sub", "mul", "div", "rem", "max", "min"),
    *("abs", "sign", "floor", "ceil", "round", "select_n", "lt", "le", "gt", "ge"),
    *("eq", "ne", "and", "or", "not", "xor", "convert_element_type", "integer_pow"),
    *("pow", "sqrt", "rsqrt", "cbrt", "log", "log1p", "square", "clamp"),
    *("stop_gradient", "is_finite", "nextafter", "lgamma", "digamma"),
    *("reduce_precision", "copy", "copy_p", "add_any", "real", "imag", "complex"),
    *("conj",),
}
_CUSTOM = {"custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr"}
# Operations that move numbers and change none.
_MOVING = {
    *("broadcast_in_dim", "reshape", "squeeze", "transpose", "concatenate", "slice"),
    *("pad", "rev", "stack", "split", "expand_dims", "unstack", "copy", "copy_p"),
    *("gather", "dynamic_slice"),
}


@dataclasses.dataclass
class Operation:
    """One operation: the numbers of the values it reads and of those it makes."""

    eqn: Any
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    suspect: str | None = None

    @property
    def name(self) -> str:
        return self.eqn.primitive.name


class Graph:
    """A traced function, flat.

    Parameters
    ----------
    closed
        The traced function.
    roles
        For each argument 2 for what is varied, 1 for parameters, 0 for the rest.
    """

    def __init__(self, closed: ClosedJaxpr, roles: Sequence[int]):
        self.operations: list[Operation] = []
        self.shapes: list[tuple[int, ...]] = []
        self.facts: list[Any] = []
        self.constants: dict[int, Any] = {}
        self.maker: dict[int, int] = {}
        self.inspection = Inspection()
        self.inputs = [
            self._new(var.aval.shape, _Fact(role, 0, 1 if role == 2 else 0))
            for var, role in zip(closed.jaxpr.invars, roles, strict=True)
        ]
        self._caller: Any = None
        self._known: dict[Any, Any] = {}
        self.outputs = self._open(closed.jaxpr, closed.consts, self.inputs)
        self.users: dict[int, list[int]] = {}
        for i, operation in enumerate(self.operations):
            for value in operation.inputs:
                self.users.setdefault(value, []).append(i)

    def role(self, value: int) -> int:
        return self.facts[value].depends

    @property
    def degree(self) -> float:
        """The degree as a polynomial in what is varied; infinite if it is none."""
        return max((self.facts[v].degree for v in self.outputs), default=0)

    @property
    def suspects(self) -> list[int]:
        return [i for i, op in enumerate(self.operations) if op.suspect is not None]

    def _new(self, shape: tuple[int, ...], fact: Any) -> int:
        self.shapes.append(tuple(shape))
        self.facts.append(fact)
        return len(self.shapes) - 1

    def _constant(self, value: Any) -> int:
        small = np.size(value) <= 64 and not isinstance(value, Tracer)
        small = small and np.asarray(value).dtype.kind != "O"
        same: Any = id(value)
        if small:
            array = np.asarray(value)
            weak = bool(getattr(value, "weak_type", False))
            same = (array.shape, str(array.dtype), weak, array.tobytes())
        if same not in self._known:
            self._known[same] = self._new_constant(value)
        return self._known[same]

    def _new_constant(self, value: Any) -> int:
        number = self._new(np.shape(value), _constant(value))
        self.constants[number] = value
        return number

    def _open(self, jaxpr: Jaxpr, consts: Any, arguments: Sequence[int]) -> list[int]:
        known = dict(zip(jaxpr.invars, arguments, strict=True))
        for var, value in zip(jaxpr.constvars, consts, strict=True):
            known[var] = self._constant(value)

        def number(var: Any) -> int:
            return self._constant(var.val) if isinstance(var, Literal) else known[var]

        for eqn in jaxpr.eqns:
            inputs = tuple(number(var) for var in eqn.invars)
            body = body_of(eqn) if eqn.primitive.name in _OPENED else None
            if body is not None:
                before = self._caller
                # The body of a function of JAX is traced once and keeps the line of
                # its first call; the line of this call is the right one.
                if before is None and _of_jax(eqn.params.get("name", "")):
                    self._caller = eqn
                outputs = self._open(*body, inputs)
                self._caller = before
            else:
                outputs = self._apply(eqn, inputs)
            known |= dict(zip(eqn.outvars, outputs, strict=True))
        return [number(var) for var in jaxpr.outvars]

    def _apply(self, eqn: Any, inputs: tuple[int, ...]) -> tuple[int, ...]:
        name = eqn.primitive.name
        # A field that is called twice at one point is one function of its units.
        same: Any = (eqn.primitive, inputs, tuple(sorted(eqn.params.items())))
        try:
            if not eqn.effects and same in self._known:
                return self._known[same]
        except TypeError:  # not hashable
            same = None
        facts = [self.facts[v] for v in inputs]
        before = len(self.inspection.suspects)
        fact = _apply(eqn, name, facts, self.inspection)
        outputs = tuple(self._new(var.aval.shape, fact) for var in eqn.outvars)
        operation = Operation(eqn, inputs, outputs)
        if len(self.inspection.suspects) > before:
            operation.suspect = self._place(eqn)
        for output in outputs:
            self.maker[output] = len(self.operations)
        self.operations.append(operation)
        if same is not None and not eqn.effects:
            self._known[same] = outputs
        return outputs

    def _place(self, eqn: Any) -> str:
        """The name of an operation, with its line in the source where that is known."""
        own = eqn.params.get("name")
        if self._caller is None:
            return _describe(eqn, eqn.primitive.name)
        called = self._caller.params["name"].lstrip("_")
        what = _describe(self._caller, "")
        line = what[what.index("(") :] if "(" in what else ""
        name = own if isinstance(own, str) else eqn.primitive.name
        return f"`{called}` {line}".rstrip() if name != called else f"`{name}` {line}"

    def needed(self, outputs: Sequence[int], known: set[int]) -> list[int]:
        """The operations that make some values out of known ones, in order."""
        wanted, found = list(outputs), set()
        seen = set(known)
        while wanted:
            value = wanted.pop()
            if value in seen or value not in self.maker:
                continue
            seen.add(value)
            index = self.maker[value]
            found.add(index)
            wanted += self.operations[index].inputs
        return sorted(found)

    def function(
        self, known: Sequence[int], outputs: Sequence[int]
    ) -> Callable[..., list[Any]]:
        """The piece of the graph between known values and outputs."""
        order = self.needed(outputs, set(known))

        def piece(*values: Any) -> list[Any]:
            env = dict(zip(known, values, strict=True))

            def read(number: int) -> Any:
                return env[number] if number in env else self.constants[number]

            for index in order:
                operation = self.operations[index]
                made = bind(operation.eqn, [read(v) for v in operation.inputs])
                env |= dict(zip(operation.outputs, made, strict=True))
            return [read(v) for v in outputs]

        return piece


def entrywise(eqn: Any) -> bool:
    """Whether an operation acts on each entry of its arrays alone."""
    name = eqn.primitive.name
    if name in _ENTRYWISE:
        return True
    if name in _CUSTOM or name in _OPENED:
        body = body_of(eqn)
        return body is not None and all(
            entrywise(e) or _spreads_a_number(e) for e in body[0].eqns
        )
    return False


def _spreads_a_number(eqn: Any) -> bool:
    return (
        eqn.primitive.name == "broadcast_in_dim"
        and math.prod(eqn.invars[0].aval.shape) == 1
    )


def _of_jax(name: str) -> bool:
    plain = name.lstrip("_")
    return any(hasattr(module, plain) for module in (jnp, jnp.linalg, jax.nn, jax.lax))


def moves(operation: Operation) -> bool:
    return operation.name in _MOVING
