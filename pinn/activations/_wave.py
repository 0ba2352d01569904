"""Functions that oscillate, and functions that live near 0."""

import math

import jax.numpy as jnp
from jax import lax

from .._trigonometric import cosine, sine
from ._base import Values


def sin(x: Values) -> Values:
    r"""Sine; analytic.

    $$ \phi(x) = \sin x $$

    See `Sin` for a frequency.

    References
    ----------
    Sitzmann et al. 2020, Implicit neural representations with periodic activation
    functions.
    """
    return sine(x)


def cos(x: Values) -> Values:
    r"""Cosine; analytic.

    $$ \phi(x) = \cos x $$

    References
    ----------
    Rahimi, Recht 2007, Random features for large-scale kernel machines.
    """
    return cosine(x)


def sinc(x: Values) -> Values:
    r"""Cardinal sine; analytic.

    $$ \phi(x) = \frac{\sin \pi x}{\pi x}, \qquad \phi(0) = 1 $$

    References
    ----------
    Saratchandran et al. 2024, A sampling theory perspective on activations for
    implicit neural representations.
    """
    y = math.pi * x
    near = y**2 < 1
    # A division repaired at 0 alone keeps wrong derivatives beside it, hence a series.
    z = jnp.where(near, y, 0.0) ** 2
    series = jnp.zeros_like(x)
    for k in range(12, -1, -1):
        series = series * z + (-1) ** k / math.factorial(2 * k + 1)
    y = jnp.where(near, 1.0, y)
    return jnp.where(near, series, sine(y) / y)


def gaussian(x: Values) -> Values:
    r"""Gaussian of standard deviation 1; analytic.

    $$ \phi(x) = e^{-x^2/2} $$

    See `Gaussian` for a width, and `radial_gaussian` for the definition without 1/2.

    References
    ----------
    Ramasinghe, Lucey 2022, Beyond periodicity.
    """
    return jnp.exp(-0.5 * x**2)


def radial_gaussian(x: Values) -> Values:
    r"""Gaussian as radial basis function; analytic.

    $$ \phi(x) = e^{-x^2} $$

    References
    ----------
    Broomhead, Lowe 1988, Multivariable functional interpolation and adaptive networks.
    """
    return jnp.exp(-(x**2))


def inverse_multiquadric(x: Values) -> Values:
    r"""Inverse multiquadric; analytic.

    $$ \phi(x) = \frac{1}{\sqrt{1 + x^2}} $$

    References
    ----------
    Hardy 1971, Multiquadric equations of topography and other irregular surfaces.
    """
    return lax.rsqrt(1 + x**2)


def mexican_hat(x: Values) -> Values:
    r"""Negative second derivative of a Gaussian; analytic.

    $$ \phi(x) = (1 - x^2)\,e^{-x^2/2} $$

    References
    ----------
    Zhang, Benveniste 1992, Wavelet networks.
    """
    return (1 - x**2) * jnp.exp(-0.5 * x**2)


def morlet(x: Values) -> Values:
    r"""Real Morlet wavelet; analytic.

    $$ \phi(x) = \cos(1.75\,x)\,e^{-x^2/2} $$

    References
    ----------
    Uddin et al. 2023, Wavelets based physics informed neural networks.
    """
    return cosine(1.75 * x) * jnp.exp(-0.5 * x**2)


def expsin(x: Values) -> Values:
    r"""Exponential of a sine; analytic.

    $$ \phi(x) = e^{-\sin x} $$

    References
    ----------
    Ramasinghe, Lucey 2022, Beyond periodicity.
    """
    return jnp.exp(-sine(x))


def growing_cosine(x: Values) -> Values:
    r"""Growing cosine unit; analytic.

    $$ \phi(x) = x \cos x $$

    References
    ----------
    Noel et al. 2021, Growing cosine unit.
    """
    return x * cosine(x)


def bump(x: Values) -> Values:
    r"""Bump with compact support; $C^\infty$ and not analytic.

    $$ \phi(x) = e^{-1/(1 - x^2)} \text{ for } |x| < 1, \qquad 0 \text{ otherwise} $$

    It is exactly 0 outside: scale the inputs so that points fall inside.

    References
    ----------
    Classical.
    """
    # Where the value is below 2e-35 it is set to 0: powers of 1 / (1 - x^2) overflow.
    inside = x**2 < 1 - 1 / 80
    y = jnp.where(inside, x, 0.0)
    return jnp.where(inside, jnp.exp(-1 / (1 - y**2)), 0.0)


def laplacian(x: Values) -> Values:
    r"""Laplacian kernel; $C^0$, its slope jumps by $-2$ at 0.

    $$ \phi(x) = e^{-|x|} $$

    Not the differential operator, which is `pinn.laplacian`.

    References
    ----------
    Ramasinghe, Lucey 2022, Beyond periodicity.
    """
    return jnp.exp(-jnp.abs(x))


def wendland_c2(x: Values) -> Values:
    r"""Wendland's function of class $C^2$, with support $[-1, 1]$.

    $$ \phi(x) = (1 - r)_+^3 (3r + 1), \qquad r = |x| $$

    References
    ----------
    Wendland 1995, Piecewise polynomial, positive definite and compactly supported
    radial functions of minimal degree.
    """
    r = jnp.abs(jnp.where(x**2 < 1, x, 1.0))
    return (1 - r) ** 3 * (3 * r + 1)


def wendland_c4(x: Values) -> Values:
    r"""Wendland's function of class $C^4$, with support $[-1, 1]$.

    $$ \phi(x) = (1 - r)_+^5 (8r^2 + 5r + 1), \qquad r = |x| $$

    References
    ----------
    Wendland 1995, Piecewise polynomial, positive definite and compactly supported
    radial functions of minimal degree.
    """
    r = jnp.abs(jnp.where(x**2 < 1, x, 1.0))
    return (1 - r) ** 5 * (8 * r**2 + 5 * r + 1)
