"""Entries that an array has not: JAX reads the nearest one in their place."""

from typing import Any

import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from ._host import body_of, line_of

# With which JAX turns an index that counts from the end into one from the start.
_ON_INDICES = {
    "lt": np.less,
    "add": np.add,
    "select_n": lambda which, no, yes: yes if which else no,
    "convert_element_type": lambda index: index,
}


def missing_entry(closed: ClosedJaxpr) -> str | None:
    """What a traced function reads beyond the end of an axis, by a fixed index.

    An index that is in range becomes a slice, which is known to be right; only the
    others are left as a choice of where to start.
    """
    return _missing(closed.jaxpr)


def _missing(jaxpr: Jaxpr) -> str | None:
    known: dict[Any, Any] = {}
    for eqn in jaxpr.eqns:
        name = eqn.primitive.name
        values = [a.val if isinstance(a, Literal) else known.get(a) for a in eqn.invars]
        if name in _ON_INDICES and all(v is not None for v in values):
            known[eqn.outvars[0]] = _ON_INDICES[name](*values)
        if name == "dynamic_slice":
            operand: Any = eqn.invars[0].aval
            sizes = eqn.params["slice_sizes"]
            for length, size, start in zip(
                operand.shape, sizes, values[1:], strict=True
            ):
                if start is not None and not 0 <= start <= length - size:
                    return _said(eqn, int(start), length)
        body = body_of(eqn)
        found = None if body is None else _missing(body[0])
        if found is not None:
            return found
    return None


def _said(eqn: Any, start: int, length: int) -> str:
    index, line = start if start >= 0 else start - length, line_of(eqn)
    place = "" if line is None else f" ({line})"
    return f"entry {index} of an axis of length {length}{place}"
