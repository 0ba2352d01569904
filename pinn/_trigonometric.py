r"""Sine and cosine of many numbers, on a CPU several numbers at a time.

XLA computes them on a CPU by a call of the C library for each number in 64 bit, which
costs 10 ns, ten times what an exponential function does there. As polynomials they
cost 2 ns, and the waves of a network are most of what its rows cost.

They are primitives of JAX of their own that have the names of JAX's, so that whoever
reads a trace, checks included, takes them for what they are: with the same values and
derivatives, and on all other devices the same programs.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

# π/2 in four parts of 26 bits, and what is left of it. The parts times a whole number
# of as many bits are exact (Cody & Waite, Software Manual for the Elementary Functions,
# 1980), so no digits are lost next to the zeros of the functions.
_PARTS = tuple(
    float.fromhex(part)
    for part in (
        "0x1.921fb50000000p+0",
        "0x1.110b460000000p-26",
        "0x1.1a62630000000p-54",
        "0x1.8a2e030000000p-81",
        "0x1.c1cd129024e09p-107",
    )
)
_HALF_BITS = 2.0**26
# On [-π/4, π/4]: sin r = r + r³ S(r²), cos r = 1 - r²/2 + r⁴ C(r²), to 2^-58 (Sun
# Microsystems' fdlibm 5.3, k_sin.c and k_cos.c).
_SINE = (
    -1.66666666666666324348e-01,
    8.33333333332248946124e-03,
    -1.98412698298579493134e-04,
    2.75573137070700676789e-06,
    -2.50507602534068634195e-08,
    1.58969099521155010221e-10,
)
_COSINE = (
    4.16666666666666019037e-02,
    -1.38888888888741095749e-03,
    2.48015872894767294178e-05,
    -2.75573143513906633035e-07,
    2.08757232129817482790e-09,
    -1.13596475577881948265e-11,
)


def sine(x: Any) -> Any:
    r"""$\sin x$, to 1.5 units in the last place, 3 from $|x| = 10^6$ to $10^{12}$.

    Further out it loses digits that the rounding of $x$ has made worthless already, and
    stays in $[-1, 1]$.
    """
    return _primitives[0].bind(_real(x))


def cosine(x: Any) -> Any:
    r"""$\cos x$, as close as `sine`."""
    return _primitives[1].bind(_real(x))


def _real(x: Any) -> Any:
    return jnp.asarray(x, jnp.result_type(x, float))


def _polynomial(x: Any, quarter: int) -> Any:
    """The sine of `x` plus so many quarters of a turn."""
    k = jnp.round(x * (2 / math.pi))
    upper = jnp.round(k / _HALF_BITS) * _HALF_BITS
    lower, r = k - upper, x
    for part in _PARTS:
        r = r - upper * part
        r = r - lower * part
    r = jnp.clip(r, -0.8, 0.8)  # π/4 but for what is far out
    square = r * r
    odd = r + r * square * _horner(_SINE, square)
    half = 0.5 * square
    near = 1 - half
    even = near + ((1 - near) - half + square * square * _horner(_COSINE, square))
    k = k + quarter
    turn = k - 4 * jnp.floor(0.25 * k)  # 0 to 3 quarters
    value = jnp.where((turn == 1) | (turn == 3), even, odd)
    return jnp.where(turn >= 2, -value, value)


def _horner(coefficients: tuple[float, ...], z: Any) -> Any:
    return functools.reduce(lambda total, c: total * z + c, coefficients[::-1])


def _on_cpu(known: Callable[[Any], Any], quarter: int) -> Callable[[Any], Any]:
    def value(x):
        # In 32 bit XLA has polynomials of its own.
        return _polynomial(x, quarter) if x.dtype == jnp.float64 else known(x)

    return value


def _primitive(name: str, known: Callable[[Any], Any], quarter: int) -> Primitive:
    primitive = Primitive(name)
    primitive.def_impl(jax.jit(primitive.bind))
    primitive.def_abstract_eval(lambda x: x)
    batching.defvectorized(primitive)
    lower = functools.partial(mlir.lower_fun, multiple_results=False)
    mlir.register_lowering(primitive, lower(known))
    on_cpu = lower(_on_cpu(known, quarter))
    mlir.register_lowering(primitive, on_cpu, platform="cpu")
    return primitive


_primitives = _primitive("sin", lax.sin, 0), _primitive("cos", lax.cos, 1)
ad.defjvp(_primitives[0], lambda t, x: t * cosine(x))
ad.defjvp(_primitives[1], lambda t, x: -t * sine(x))
