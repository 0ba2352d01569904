"""Families of smooth functions with a width, a slope or a frequency."""

import equinox as eqx
import jax.numpy as jnp
from jax import lax

from .._trigonometric import cosine, sine
from ._base import AbstractParameter, Number, Values, fold, free, positive
from ._rectifier import softplus
from ._wave import sinc


class Sin(eqx.Module):
    r"""Sine with a frequency; analytic.

    $$ \phi(x) = \sin(\omega x) $$

    A derivative of order $k$ grows by $\omega^k$ in each layer: for differential
    equations start with $\omega$ from 1 to 10, not with the 30 of images.

    References
    ----------
    Sitzmann et al. 2020, Implicit neural representations with periodic activation
    functions.
    """

    omega: AbstractParameter

    def __init__(self, omega: Number = 30.0, *, trainable: bool = False):
        self.omega = positive("omega", omega, trainable)

    def __call__(self, x: Values) -> Values:
        return sine(self.omega(x) * x)


class Sinc(eqx.Module):
    r"""Cardinal sine with a bandwidth; analytic.

    $$ \phi(x) = \frac{\sin \pi\omega x}{\pi\omega x} $$

    References
    ----------
    Saratchandran et al. 2024, A sampling theory perspective on activations for
    implicit neural representations.
    """

    omega: AbstractParameter

    def __init__(self, omega: Number = 1.0, *, trainable: bool = True):
        self.omega = positive("omega", omega, trainable)

    def __call__(self, x: Values) -> Values:
        return sinc(self.omega(x) * x)


class Gaussian(eqx.Module):
    r"""Gaussian with a width; analytic.

    $$ \phi(x) = e^{-x^2 / (2 s^2)} $$

    Widths from 0.05 to 1 have been used for inputs in $[-1, 1]$.

    References
    ----------
    Ramasinghe, Lucey 2022, Beyond periodicity.
    """

    s: AbstractParameter

    def __init__(self, s: Number = 1.0, *, trainable: bool = True):
        self.s = positive("s", s, trainable)

    def __call__(self, x: Values) -> Values:
        return jnp.exp(-0.5 * (x / self.s(x)) ** 2)


class Gabor(eqx.Module):
    r"""Real Gabor wavelet; analytic.

    $$ \phi(x) = \cos(\omega x)\,e^{-(s x)^2} $$

    WIRE is the complex one, $e^{i \omega x - |s x|^2}$ with $\omega = 20$ and $s = 10$
    for images. Here $\omega = s = 1$ suits inputs of unit size.

    References
    ----------
    Saragadam et al. 2023, WIRE: wavelet implicit neural representations.
    """

    omega: AbstractParameter
    s: AbstractParameter

    def __init__(self, omega: Number = 1.0, s: Number = 1.0, *, trainable: bool = True):
        self.omega = free(omega, trainable)
        self.s = positive("s", s, trainable)

    def __call__(self, x: Values) -> Values:
        return cosine(self.omega(x) * x) * jnp.exp(-((self.s(x) * x) ** 2))


class Snake(eqx.Module):
    r"""Snake, a ramp with ripples; analytic.

    $$ \phi(x) = x + \frac{\sin^2(a x)}{a} $$

    The paper takes $a$ from 5 to 50 for periodic data.

    References
    ----------
    Ziyin, Hartwig, Ueda 2020, Neural networks fail to learn periodic functions and how
    to fix it.
    """

    a: AbstractParameter

    def __init__(self, a: Number = 1.0, *, trainable: bool = True):
        self.a = positive("a", a, trainable)

    def __call__(self, x: Values) -> Values:
        a = self.a(x)
        return x + sine(a * x) ** 2 / a


class Swish(eqx.Module):
    r"""Swish, which is `silu` for $\beta = 1$; analytic.

    $$ \phi(x) = x\,\sigma(\beta x) $$

    Keep $\beta$ in $[0.1, 10]$: towards 0 it is linear, towards infinity a ReLU.

    References
    ----------
    Ramachandran, Zoph, Le 2017, Searching for activation functions.
    """

    beta: AbstractParameter

    def __init__(self, beta: Number = 1.0, *, trainable: bool = True):
        self.beta = positive("beta", beta, trainable)

    def __call__(self, x: Values) -> Values:
        return x * lax.logistic(self.beta(x) * x)


class Softplus(eqx.Module):
    r"""Softplus with a slope; analytic.

    $$ \phi(x) = \frac{\ln(1 + e^{\beta x})}{\beta} $$

    References
    ----------
    Dugas et al. 2001, Incorporating second-order functional knowledge for better
    option pricing.
    """

    beta: AbstractParameter

    def __init__(self, beta: Number = 1.0, *, trainable: bool = True):
        self.beta = positive("beta", beta, trainable)

    def __call__(self, x: Values) -> Values:
        beta = self.beta(x)
        return softplus(beta * x) / beta


class Squareplus(eqx.Module):
    r"""Squareplus with a roundness; analytic.

    $$ \phi(x) = \tfrac12 \bigl(x + \sqrt{x^2 + b}\bigr) $$

    References
    ----------
    Barron 2021, Squareplus: a softplus-like algebraic rectifier.
    """

    b: AbstractParameter

    def __init__(self, b: Number = 4.0, *, trainable: bool = False):
        self.b = positive("b", b, trainable)

    def __call__(self, x: Values) -> Values:
        right, y = fold(x)
        b = self.b(x)
        return jnp.where(right, x, 0.0) + 0.5 * b / (jnp.sqrt(y**2 + b) - y)


class ISRU(eqx.Module):
    r"""Inverse square root unit; analytic.

    $$ \phi(x) = \frac{x}{\sqrt{1 + \alpha x^2}} $$

    References
    ----------
    Carlile et al. 2017, Improving deep learning by inverse square root linear units.
    """

    alpha: AbstractParameter

    def __init__(self, alpha: Number = 1.0, *, trainable: bool = False):
        self.alpha = positive("alpha", alpha, trainable)

    def __call__(self, x: Values) -> Values:
        return x * lax.rsqrt(1 + self.alpha(x) * x**2)


class AdaptiveSigmoid(eqx.Module):
    r"""Sigmoid with a slope and a place; analytic.

    $$ \phi(x) = \sigma\bigl(k (x - \theta)\bigr) $$

    Both numbers repeat what the weights before it already do.

    References
    ----------
    Folklore.
    """

    k: AbstractParameter
    theta: AbstractParameter

    def __init__(self, k: Number = 1.0, theta: Number = 0.0, *, trainable: bool = True):
        self.k = positive("k", k, trainable)
        self.theta = free(theta, trainable)

    def __call__(self, x: Values) -> Values:
        return lax.logistic(self.k(x) * (x - self.theta(x)))


class Stan(eqx.Module):
    r"""Self-scalable hyperbolic tangent; analytic.

    $$ \phi(x) = \tanh x + \beta x \tanh x $$

    References
    ----------
    Gnanasambandam et al. 2023, Self-scalable tanh (Stan).
    """

    beta: AbstractParameter

    def __init__(self, beta: Number = 0.0, *, trainable: bool = True):
        self.beta = free(beta, trainable)

    def __call__(self, x: Values) -> Values:
        return (1 + self.beta(x) * x) * jnp.tanh(x)


class Wavelet(eqx.Module):
    r"""Sum of a sine and a cosine; analytic.

    $$ \phi(x) = \omega_1 \sin x + \omega_2 \cos x $$

    Both numbers repeat what the weights behind it already do.

    References
    ----------
    Zhao, Ding, Prakash 2024, PINNsFormer.
    """

    omega1: AbstractParameter
    omega2: AbstractParameter

    def __init__(
        self, omega1: Number = 1.0, omega2: Number = 1.0, *, trainable: bool = True
    ):
        self.omega1 = free(omega1, trainable)
        self.omega2 = free(omega2, trainable)

    def __call__(self, x: Values) -> Values:
        return self.omega1(x) * sine(x) + self.omega2(x) * cosine(x)
