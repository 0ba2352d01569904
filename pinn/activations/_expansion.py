"""Sums of basis functions with trainable coefficients."""

import math
from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._trigonometric import cosine, sine
from ._base import AbstractParameter, Number, Values, free


def _terms(name: str, value: Number, trainable: bool) -> AbstractParameter:
    coefficients = free(value, trainable)
    if len(np.shape(value)) != 1:
        raise ValueError(f"`{name}` must be a sequence of numbers; got {value!r}.")
    return coefficients


class HermitePolynomial(eqx.Module):
    r"""Polynomial in normalised Hermite polynomials; analytic.

    $$ \phi(x) = \sum_n c_n h_n(x), \qquad h_{n+1} =
       \frac{x\,h_n - \sqrt n\,h_{n-1}}{\sqrt{n+1}} $$

    Derivatives beyond the degree vanish: see `_polynomial.py`.

    References
    ----------
    Lokhande et al. 2020, Generating accurate pseudo-labels via Hermite polynomials.
    """

    c: AbstractParameter

    def __init__(self, c: Number = (0.0, 1.0, 0.5, 0.25), *, trainable: bool = True):
        self.c = _terms("c", c, trainable)

    def __call__(self, x: Values) -> Values:
        c = self.c(x)
        lower, h = jnp.zeros_like(x), jnp.ones_like(x)
        total = c[0] * h
        for n in range(1, c.shape[0]):
            lower, h = h, (x * h - math.sqrt(n - 1) * lower) / math.sqrt(n)
            total = total + c[n] * h
        return total


class HermiteFunction(eqx.Module):
    r"""Hermite function, an oscillation under a Gaussian; analytic.

    $$ \phi(x) = \frac{H_n(x)\,e^{-x^2/2}}{\sqrt{2^n n! \sqrt\pi}} $$

    References
    ----------
    Classical.
    """

    n: int = eqx.field(static=True, default=3)

    def __check_init__(self):
        if self.n < 0:
            raise ValueError(f"`n` must not be negative; got {self.n}.")

    def __call__(self, x: Values) -> Values:
        lower, h = jnp.zeros_like(x), math.pi**-0.25 * jnp.exp(-0.5 * x**2)
        for n in range(1, self.n + 1):
            step = math.sqrt(2 / n) * x * h - math.sqrt((n - 1) / n) * lower
            lower, h = h, step
        return h


class ChebyshevTanh(eqx.Module):
    r"""Chebyshev polynomials of a hyperbolic tangent; analytic.

    $$ \phi(x) = \sum_n c_n T_n(\tanh x) $$

    By recurrence: $\cos(n \arccos \tanh x)$ has no derivatives far out. It starts as
    `tanh`; up to eight terms have been used.

    References
    ----------
    SS et al. 2024, Chebyshev polynomial-based Kolmogorov-Arnold networks.
    """

    c: AbstractParameter

    def __init__(self, c: Number = (0.0, 1.0, 0.0, 0.0), *, trainable: bool = True):
        self.c = _terms("c", c, trainable)

    def __call__(self, x: Values) -> Values:
        c = self.c(x)
        s = jnp.tanh(x)
        lower, upper = jnp.ones_like(x), s
        total = c[0] * lower
        for n in range(1, c.shape[0]):
            total = total + c[n] * upper
            lower, upper = upper, 2 * s * upper - lower
        return total


class STAF(eqx.Module):
    r"""Sinusoidal trainable activation function; analytic.

    $$ \phi(x) = \sum_{i=1}^{\tau} C_i \sin(\Omega_i x + \Phi_i) $$

    It starts as a sine. A derivative of order $k$ grows by $\Omega^k$: for differential
    equations keep frequencies below about 5.

    References
    ----------
    Morsali et al. 2025, STAF: sinusoidal trainable activation functions.
    """

    c: AbstractParameter
    omega: AbstractParameter
    phi: AbstractParameter

    def __init__(
        self,
        c: Number = (1.0, 0.0, 0.0, 0.0, 0.0),
        omega: Number = (1.0, 2.0, 3.0, 4.0, 5.0),
        phi: Number = (0.0, 0.0, 0.0, 0.0, 0.0),
        *,
        trainable: bool = True,
    ):
        if not np.shape(c) == np.shape(omega) == np.shape(phi):
            raise ValueError("`c`, `omega` and `phi` must have the same length.")
        self.c = _terms("c", c, trainable)
        self.omega = _terms("omega", omega, trainable)
        self.phi = _terms("phi", phi, trainable)

    def __call__(self, x: Values) -> Values:
        c, omega, phi = self.c(x), self.omega(x), self.phi(x)
        total = c[0] * sine(omega[0] * x + phi[0])
        for i in range(1, c.shape[0]):
            total = total + c[i] * sine(omega[i] * x + phi[i])
        return total


class Fourier(eqx.Module):
    r"""Trigonometric polynomial; analytic.

    $$ \phi(x) = \sum_{k=0}^{K} a_k \cos(k\omega x) + b_k \sin(k\omega x) $$

    It starts as a sine.

    References
    ----------
    Classical.
    """

    a: AbstractParameter
    b: AbstractParameter
    omega: float = eqx.field(static=True)

    def __init__(
        self,
        a: Number = (0.0, 0.0, 0.0, 0.0),
        b: Number = (0.0, 1.0, 0.0, 0.0),
        omega: float = 1.0,
        *,
        trainable: bool = True,
    ):
        if np.shape(a) != np.shape(b):
            raise ValueError("`a` and `b` must have the same length.")
        self.a = _terms("a", a, trainable)
        self.b = _terms("b", b, trainable)
        self.omega = omega

    def __call__(self, x: Values) -> Values:
        a, b = self.a(x), self.b(x)
        total = jnp.zeros_like(x) + a[0]
        for k in range(1, a.shape[0]):
            angle = k * self.omega * x
            total = total + a[k] * cosine(angle) + b[k] * sine(angle)
        return total


class ENN(eqx.Module):
    r"""Expressive neural network: a cosine series of the normalised input; analytic.

    $$ \phi(x) = \sum_q F_q \cos\Bigl(\frac{q\pi}{2} (\tanh x + 1)\Bigr) $$

    Inputs are brought to $[-1, 1]$ by `tanh`; clipping them would leave $C^1$. It
    starts as the cosine series of the identity, hence near `tanh`.

    References
    ----------
    Martinez-Gost, Pérez-Neira, Lagunas 2024, ENN: a neural network with DCT adaptive
    activation functions.
    """

    coefficients: AbstractParameter

    def __init__(
        self, coefficients: Number | None = None, *, n: int = 8, trainable: bool = True
    ):
        if coefficients is None:
            odd = [-8 / (q * math.pi) ** 2 if q % 2 else 0.0 for q in range(n)]
            coefficients = tuple(odd)
        self.coefficients = _terms("coefficients", coefficients, trainable)

    def __call__(self, x: Values) -> Values:
        c = self.coefficients(x)
        angle = 0.5 * math.pi * (jnp.tanh(x) + 1)
        total = jnp.zeros_like(x) + c[0]
        for q in range(1, c.shape[0]):
            total = total + c[q] * cosine(q * angle)
        return total


def _polynomial(c: Sequence[float] | Float[Array, " n"], x: Values) -> Values:
    total = jnp.zeros_like(x)
    for i in range(len(c) - 1, -1, -1):
        total = total * x + c[i]
    return total


class Rational(eqx.Module):
    r"""Rational function whose denominator has no root; analytic.

    $$ \phi(x) = \frac{a_0 + a_1 x + a_2 x^2 + a_3 x^3}{1 + (b_1 x + b_2 x^2)^2} $$

    It starts within 1e-2 of `tanh` on $[-4, 4]$, as a least-squares fit.

    References
    ----------
    Boullé, Nakatsukasa, Townsend 2020, Rational neural networks (with another
    denominator: see `RationalQuotient`).
    """

    a: AbstractParameter
    b: AbstractParameter

    def __init__(
        self,
        a: Number = (0.0, 0.98393790, 0.0, 0.04118017),
        b: Number = (0.58710553, 0.0),
        *,
        trainable: bool = True,
    ):
        self.a = _terms("a", a, trainable)
        self.b = _terms("b", b, trainable)

    def __call__(self, x: Values) -> Values:
        b = self.b(x)
        q = x * _polynomial(b, x)
        return _polynomial(self.a(x), x) / (1 + q**2)


class RationalQuotient(eqx.Module):
    r"""Quotient of polynomials of degree 3 and 2; analytic while $Q$ has no real root.

    $$ \phi(x) = \frac{P_3(x)}{Q_2(x)} $$

    The usual start imitates ReLU. Nothing keeps training away from a pole: prefer
    `Rational`.

    References
    ----------
    Boullé, Nakatsukasa, Townsend 2020, Rational neural networks.
    """

    a: AbstractParameter
    b: AbstractParameter

    def __init__(
        self,
        a: Number = (0.0218, 0.5, 1.5957, 1.1915),
        b: Number = (1.0, 0.0, 2.383),
        *,
        trainable: bool = True,
    ):
        self.a = _terms("a", a, trainable)
        self.b = _terms("b", b, trainable)

    def __call__(self, x: Values) -> Values:
        return _polynomial(self.a(x), x) / _polynomial(self.b(x), x)


class PAU(eqx.Module):
    r"""Padé activation unit; $C^0$, because of the absolute values that avoid poles.

    $$ \phi(x) = \frac{\sum_i a_i x^i}{1 + \sum_j |b_j x^j|} \text{ ("a")}, \qquad
       \frac{\sum_i a_i x^i}{1 + |\sum_j b_j x^j|} \text{ ("b")} $$

    Here it starts near `tanh`. `Rational` avoids poles smoothly.

    References
    ----------
    Molina, Schramowski, Kersting 2020, Padé activation units.
    """

    a: AbstractParameter
    b: AbstractParameter
    version: str = eqx.field(static=True)

    def __init__(
        self,
        a: Number = (0.0, 1.0332444, 0.0, 0.03401912),
        b: Number = (0.09991226, 0.30527659),
        version: str = "a",
        *,
        trainable: bool = True,
    ):
        if version not in ("a", "b"):
            raise ValueError(f'`version` must be "a" or "b"; got {version!r}.')
        self.a = _terms("a", a, trainable)
        self.b = _terms("b", b, trainable)
        self.version = version

    def __call__(self, x: Values) -> Values:
        b = self.b(x)
        if self.version == "b":
            below = jnp.abs(x * _polynomial(b, x))
        else:
            below = jnp.abs(x) * _polynomial(jnp.abs(b), jnp.abs(x))
        return _polynomial(self.a(x), x) / (1 + below)


class BSpline(eqx.Module):
    r"""Spline of degree $p$ on a uniform grid, linear outside; $C^{p-1}$.

    $$ \phi(x) = \sum_i c_i B_i^p(x) $$

    The coefficients sit on equidistant points between `lower` and `upper`, which are
    the Greville points of the splines; they go on linearly to both sides, so that
    inputs may leave the grid without a loss of smoothness. It starts with the values of
    `tanh`. An equation of order $k$ wants a degree of at least $k + 1$.

    References
    ----------
    Bohra et al. 2020, Learning activation functions in deep (spline) neural networks;
    Liu et al. 2024, KAN: Kolmogorov-Arnold networks.
    """

    c: AbstractParameter
    degree: int = eqx.field(static=True)
    lower: float = eqx.field(static=True)
    upper: float = eqx.field(static=True)

    def __init__(
        self,
        c: Number | None = None,
        degree: int = 3,
        lower: float = -3.5,
        upper: float = 3.5,
        *,
        n: int = 8,
        trainable: bool = True,
    ):
        if degree < 1 or not lower < upper:
            raise ValueError(
                "`BSpline` takes a `degree` of at least 1 and `lower` below `upper`; "
                f"got {degree}, {lower} and {upper}."
            )
        if c is None:
            step = (upper - lower) / (n - 1)
            c = tuple(math.tanh(lower + i * step) for i in range(n))
        self.c = _terms("c", c, trainable)
        self.degree = degree
        self.lower = lower
        self.upper = upper

    def __call__(self, x: Values) -> Values:
        c = self.c(x)
        n = len(c)
        u = (x - self.lower) * ((n - 1) / (self.upper - self.lower))
        total = c[0] + (c[1] - c[0]) * u
        for i in range(1, n - 1):
            bend = c[i + 1] - 2 * c[i] + c[i - 1]
            total = total + bend * self._ramp(u - i)
        return total

    def _ramp(self, v: Values) -> Values:
        """A rounded corner: 0 on the left, `v` on the right, a spline between."""
        p = self.degree
        half = 0.5 * (p - 1)
        # Left of the end the powers stay small; right of it nothing is left to cancel.
        y = jnp.where(v < half, v, half) + half
        total = jnp.zeros_like(v)
        for m in range(p):
            term = jnp.where(y > m, y - m, 0.0) ** p
            total = total + (-1) ** m * math.comb(p - 1, m) / math.factorial(p) * term
        return total + jnp.where(v < half, 0.0, v - half)
