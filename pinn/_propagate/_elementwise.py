"""Derivatives of functions of one number, all from one evaluation where that can be."""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .._trigonometric import cosine, sine

Derivatives = list[Any]  # from the first on; None where one is zero


def _of_value(slope: Callable[[Any], Any], polynomial: tuple[float, ...]):
    r"""Derivatives of a function with $y' = p(y)$, a polynomial.

    Then $y^{(k)} = q_k(y)\, y'$ with $q_1 = 1$ and $q_{k+1} = q_k' p + q_k p'$.
    """
    p = np.polynomial.Polynomial(polynomial)

    def rule(x: Any, y: Any, order: int) -> Derivatives:
        first = slope(y)
        result, q = [first], np.polynomial.Polynomial([1.0])
        for _ in range(order - 1):
            q = q.deriv() * p + q * p.deriv()
            result.append(_horner(q.coef, y) * first)
        return result

    return rule


def _horner(coefficients: np.ndarray, y: Any) -> Any:
    # Even and odd polynomials in powers of y², as σ'' and σ''' of tanh are.
    step = 2 if not coefficients[(len(coefficients) - 2) :: -2].any() else 1
    used = coefficients[(len(coefficients) - 1) % step :: step]
    power = y * y if step == 2 else y
    result: Any = float(used[-1])
    for c in used[-2::-1]:
        result = result * power
        result = result + float(c) if c != 0 else result
    return result * y if step == 2 and len(coefficients) % 2 == 0 else result


def _alternating(other: Callable[[Any], Any]):
    """Of the hyperbolic sine and cosine, each the slope of the other."""

    def rule(x: Any, y: Any, order: int) -> Derivatives:
        slope = other(x)
        return [(slope, y)[k % 2] for k in range(order)]

    return rule


def _sine(x: Any, y: Any, order: int) -> Derivatives:
    other = cosine(x)
    return [(other, -y, -other, y)[k % 4] for k in range(order)]


def _cosine(x: Any, y: Any, order: int) -> Derivatives:
    other = sine(x)
    return [(-other, -y, other, y)[k % 4] for k in range(order)]


def _exponential(rate: float):
    def rule(x: Any, y: Any, order: int) -> Derivatives:
        return [y if rate == 1 else rate**k * y for k in range(1, order + 1)]

    return rule


def power(p: float, x: Any, order: int) -> Derivatives:
    """Derivatives of x^p; those of a whole power p >= 0 end."""
    result: Derivatives = []
    factor = 1.0
    for k in range(1, order + 1):
        factor *= p - k + 1
        left = p - k
        if factor == 0:
            result.append(None)
        elif left == 0:
            result.append(jnp.full_like(x, factor))
        elif left == int(left):
            result.append(factor * lax.integer_pow(x, int(left)))
        else:
            result.append(factor * x**left)
    return result


def _half_power(p: float):
    """Of the square root and its reciprocal: powers of the value, over x."""

    def rule(x: Any, y: Any, order: int) -> Derivatives:
        result, term = [], y
        inverse = 1 / x
        for k in range(1, order + 1):
            term = (p - k + 1) * term * inverse
            result.append(term)
        return result

    return rule


def _logarithm(offset: float):
    def rule(x: Any, y: Any, order: int) -> Derivatives:
        inverse = 1 / (x + offset if offset else x)
        result, term = [], inverse
        for k in range(1, order + 1):
            result.append(term)
            term = -k * term * inverse
        return result

    return rule


def _error_function(sign: float):
    """Hermite polynomials times a Gaussian."""

    def rule(x: Any, y: Any, order: int) -> Derivatives:
        first = sign * 2 / math.sqrt(math.pi) * lax.exp(-x * x)
        result, q = [first], np.polynomial.Polynomial([1.0])
        for _ in range(order - 1):
            q = q.deriv() - 2 * np.polynomial.Polynomial([0.0, 1.0]) * q
            result.append(_horner(q.coef, x) * first)
        return result

    return rule


CLOSED: dict[str, Callable[[Any, Any, int], Derivatives]] = {
    "tanh": _of_value(lambda y: 1 - y * y, (1.0, 0.0, -1.0)),
    "logistic": _of_value(lambda y: y * (1 - y), (0.0, 1.0, -1.0)),
    "tan": _of_value(lambda y: 1 + y * y, (1.0, 0.0, 1.0)),
    "sin": _sine,
    "cos": _cosine,
    "sinh": _alternating(lax.cosh),
    "cosh": _alternating(lax.sinh),
    "exp": _exponential(1.0),
    "expm1": lambda x, y, order: [lax.exp(x)] * order,
    "exp2": _exponential(math.log(2.0)),
    "log": _logarithm(0.0),
    "log1p": _logarithm(1.0),
    "sqrt": _half_power(0.5),
    "rsqrt": _half_power(-0.5),
    "erf": _error_function(1.0),
    "erfc": _error_function(-1.0),
    "square": lambda x, y, order: power(2, x, order),
}
# In place of the operation itself, where a function of the same value is faster.
FASTER: dict[str, Callable[[Any], Any]] = {"sin": sine, "cos": cosine}
# Those without a closed form here are differentiated one number at a time, which costs
# little beside the matrix products.
UNARY = {
    *("asin", "acos", "atan", "asinh", "acosh", "atanh", "cbrt", "erf_inv"),
    *("lgamma", "digamma", "bessel_i0e", "bessel_i1e"),
}


def derivatives(f: Callable[[Any], Any], x: Any, order: int) -> Derivatives:
    """Derivatives of an elementwise function, by forward differentiation."""
    result, g = [], f
    for _ in range(order):
        g = functools.partial(_slope, g)
        result.append(g(x))
    return result


def _slope(f: Callable[[Any], Any], x: Any) -> Any:
    return jax.jvp(f, (x,), (jnp.ones_like(x),))[1]
