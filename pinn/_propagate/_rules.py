"""For each operation, how a jet goes through it.

Every rule is called with the operation, one of the jets (for its algebra), the inputs
and the function that performs it; it returns a jet, or a constant, for each result.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from .._jet import AbstractJet, Map, value_of
from ._elementwise import CLOSED, FASTER, UNARY, derivatives, power

Rule = Callable[[Any, AbstractJet, Sequence[Any], Map], Sequence[Any]]


def rule_of(eqn: Any) -> Rule:
    """The rule of an operation; a warning where nothing better is known."""
    name = eqn.primitive.name
    rule = RULES.get(name)
    if rule is not None:
        return rule
    if "callback" in name:
        raise ValueError(
            f"The field calls a foreign program (`{name}`), which JAX cannot "
            'differentiate. Use `laplacian(u, method="finite-difference")`.'
        )
    warnings.warn(
        f"`{name}` has no rule for jets; this operation is differentiated again and "
        "again instead, which is exact and slower.",
        stacklevel=2,
    )
    return _nested


def _floating(a: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(value_of(a)), jnp.inexact)


def _of_floats(inputs: Sequence[Any], f: Map) -> tuple[list[Any], Map]:
    """The floating-point inputs, and `f` as a function of these alone."""
    where = [i for i, a in enumerate(inputs) if _floating(a)]

    def of_floats(*floats):
        filled = [value_of(a) for a in inputs]
        for i, a in zip(where, floats, strict=True):
            filled[i] = a
        return f(*filled)

    return [inputs[i] for i in where], of_floats


def _linear(eqn: Any, jet: AbstractJet, inputs: Sequence[Any], f: Map):
    floats, of_floats = _of_floats(inputs, f)
    return jet.linear(of_floats, floats)


def _sum(eqn: Any, jet: AbstractJet, inputs: Sequence[Any], f: Map):
    a, b = inputs
    sign = -1 if eqn.primitive.name == "sub" else 1
    if isinstance(a, AbstractJet) and isinstance(b, AbstractJet):
        return jet.linear(f, inputs)
    # A constant leaves the coefficients alone, but may give them its shape.
    (value,) = f(value_of(a), value_of(b))
    shape = jnp.shape(value)
    factor = sign if isinstance(b, AbstractJet) else 1

    def keep(s):
        s = s if factor == 1 else -s
        return (s if s.shape == shape else jnp.broadcast_to(s, shape),)

    return jet.linear(keep, [jet], [value])


def _bilinear(eqn: Any, jet: AbstractJet, inputs: Sequence[Any], f: Map):
    return [jet.bilinear(f, *inputs)]


def _dot(eqn: Any, jet: AbstractJet, inputs: Sequence[Any], f: Map):
    (left, right), batch = eqn.params["dimension_numbers"]
    a, b = inputs
    # A matrix times a vector is turned round, W h into h Wᵀ, see `affine`.
    if value_of(b).ndim == len(right) and not batch[0] and not isinstance(a, type(jet)):
        dimensions = ((right, left), batch)
        turned = lambda s, w: [
            lax.dot_general(s, w, dimensions, **{k: eqn.params[k] for k in _DOT})
        ]
        return jet.linear(lambda s: turned(s, a), [b])
    return [jet.bilinear(f, a, b)]


_DOT = ("precision", "preferred_element_type")


def _divide(eqn: Any, jet: AbstractJet, inputs: Sequence[Any], f: Map):
    a, b = inputs
    (value,) = f(value_of(a), value_of(b))
    if not isinstance(b, AbstractJet):
        return jet.linear(lambda s: f(s, b), [a], [value])
    return [jet.divide(value, a, b)]


def _closed(rule: Callable[[Any, Any, int], list[Any]]) -> Rule:
    def apply(eqn: Any, jet: AbstractJet, inputs: Sequence[Any], f: Map):
        faster = FASTER.get(eqn.primitive.name)
        value = f(jet.value)[0] if faster is None else faster(jet.value)
        return [jet.compose(value, rule(jet.value, value, jet.order))]

    return apply


def _unary(eqn: Any, jet: AbstractJet, inputs: Sequence[Any], f: Map):
    (value,) = f(jet.value)
    slopes = derivatives(lambda x: f(x)[0], jet.value, jet.order)
    return [jet.compose(value, slopes)]


def _integer_power(eqn: Any, jet: AbstractJet, inputs: Sequence[Any], f: Map):
    (value,) = f(jet.value)
    return [jet.compose(value, power(eqn.params["y"], jet.value, jet.order))]


def _power(eqn: Any, jet: AbstractJet, inputs: Sequence[Any], f: Map):
    base, exponent = inputs
    if isinstance(exponent, AbstractJet) or not isinstance(base, AbstractJet):
        return _nested(eqn, jet, inputs, f)
    (value,) = f(base.value, exponent)
    slopes = derivatives(lambda x: f(x, exponent)[0], base.value, jet.order)
    return [base.compose(value, slopes)]


def _constant(eqn: Any, jet: AbstractJet, inputs: Sequence[Any], f: Map):
    return f(*(value_of(a) for a in inputs))


def _flat(eqn: Any, jet: AbstractJet, inputs: Sequence[Any], f: Map):
    """Operations that are linear piece by piece: JAX knows which piece."""
    floats, of_floats = _of_floats(inputs, f)
    values = [value_of(a) for a in floats]
    results = of_floats(*values)
    where = [i for i, r in enumerate(results) if _floating(r)]

    def push(*tangents):
        slopes = jax.jvp(lambda *v: tuple(of_floats(*v)), tuple(values), tangents)[1]
        return [slopes[i] for i in where]

    jets = jet.linear(push, floats, [results[i] for i in where])
    return _placed(results, where, jets)


def _nested(eqn: Any, jet: AbstractJet, inputs: Sequence[Any], f: Map):
    """By differentiating the operation again and again, along each direction."""
    floats, of_floats = _of_floats(inputs, f)
    results = of_floats(*(value_of(a) for a in floats))
    where = [i for i, r in enumerate(results) if _floating(r)]

    def smooth(*values):
        out = of_floats(*values)
        return [out[i] for i in where]

    push = _backward if "custom_vjp" in eqn.primitive.name else _forward
    return _placed(results, where, jet.nested(smooth, floats, push))


def _placed(results: Sequence[Any], where: list[int], jets: list[Any]) -> list[Any]:
    placed = list(results)
    for i, a in zip(where, jets, strict=True):
        placed[i] = a
    return placed


def _forward(f: Map, values: Sequence[Any], tangents: Sequence[Any]) -> Sequence[Any]:
    return jax.jvp(lambda *v: list(f(*v)), tuple(values), tuple(tangents))[1]


def _backward(f: Map, values: Sequence[Any], tangents: Sequence[Any]) -> Sequence[Any]:
    """The same from reverse mode alone, which is all that `jax.custom_vjp` has: the
    pullback is linear, and its pullback is the derivative."""
    results, pullback = jax.vjp(lambda *v: list(f(*v)), *values)
    zeros = jax.tree.map(jnp.zeros_like, results)
    _, forward = jax.vjp(pullback, zeros)
    return forward(tuple(tangents))[0]


_LINEAR = {
    *("neg", "reduce_sum", "cumsum", "broadcast_in_dim", "reshape", "squeeze", "rev"),
    *("transpose", "concatenate", "slice", "pad", "copy", "copy_p", "expand_dims"),
    *("split", "unstack", "stack", "add_any", "select_n", "reduce_window_sum", "mean"),
    *("convert_element_type", "real", "imag", "reduce_precision", "dynamic_slice"),
    *("tile", "reduce_mean"),
}
_FLAT = {
    *("max", "min", "abs", "clamp", "rem", "sort", "reduce_max", "reduce_min", "top_k"),
    *("cummax", "cummin", "gather", "scatter", "scatter-add", "scatter_add"),
    *("dynamic_update_slice", "select_and_gather_add", "scatter-sub"),
    *("optimization_barrier",),
}
_CONSTANT = {"floor", "ceil", "round", "sign", "stop_gradient", "nextafter", "iota"}
_NESTED = {
    *("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr", "atan2"),
    *("reduce_prod", "cumprod", "cumlogsumexp", "logsumexp", "igamma", "igammac"),
    *("cholesky", "triangular_solve", "lu", "qr", "eigh", "eig", "svd", "householder"),
    *("householder_product", "custom_linear_solve", "regularized_incomplete_beta"),
    *("polygamma", "zeta", "fft", "schur", "tridiagonal_solve", "geqrf"),
}

RULES: dict[str, Rule] = {
    **dict.fromkeys(_LINEAR, _linear),
    **dict.fromkeys(("add", "sub"), _sum),
    **dict.fromkeys(("mul", "conv_general_dilated"), _bilinear),
    "dot_general": _dot,
    "div": _divide,
    **{name: _closed(rule) for name, rule in CLOSED.items()},
    **dict.fromkeys(UNARY, _unary),
    "integer_pow": _integer_power,
    "pow": _power,
    **dict.fromkeys(_CONSTANT, _constant),
    **dict.fromkeys(_FLAT, _flat),
    **dict.fromkeys(_NESTED, _nested),
}
