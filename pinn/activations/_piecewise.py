"""Piecewise functions: of low smoothness, kept for comparison and to be recognised.

A piecewise linear function has a second derivative of 0 almost everywhere: networks of
it cannot solve an equation of second order, however small their loss.
"""

import math

import jax.numpy as jnp

from .._trigonometric import sine
from ._base import Values


def relu(x: Values) -> Values:
    r"""Rectified linear unit; $C^0$, piecewise linear. Not for differential equations.

    $$ \phi(x) = \max(0, x) $$

    References
    ----------
    Nair, Hinton 2010, Rectified linear units improve restricted Boltzmann machines.
    """
    return jnp.where(x > 0, x, 0.0)


def relu2(x: Values) -> Values:
    r"""Square of the rectified linear unit; $C^1$.

    $$ \phi(x) = \max(0, x)^2 $$

    References
    ----------
    So et al. 2021, Primer: searching for efficient transformers.
    """
    return relu(x) ** 2


def relu3(x: Values) -> Values:
    r"""Cube of the rectified linear unit; $C^2$.

    $$ \phi(x) = \max(0, x)^3 $$

    References
    ----------
    E, Yu 2018, The deep Ritz method.
    """
    return relu(x) ** 3


def relu4(x: Values) -> Values:
    r"""Fourth power of the rectified linear unit; $C^3$.

    $$ \phi(x) = \max(0, x)^4 $$

    References
    ----------
    Li, Tang, Yu 2020, Better approximations of high dimensional smooth functions by
    deep neural networks with rectified power units.
    """
    return relu(x) ** 4


def relu6(x: Values) -> Values:
    r"""Rectified linear unit cut at 6; $C^0$, piecewise linear.

    $$ \phi(x) = \min\bigl(\max(0, x), 6\bigr) $$

    References
    ----------
    Krizhevsky 2010, Convolutional deep belief networks on CIFAR-10.
    """
    return jnp.where(x > 6, 6.0, relu(x))


def leaky_relu(x: Values) -> Values:
    r"""Leaky rectified linear unit; $C^0$, piecewise linear. It is not a smooth ReLU.

    $$ \phi(x) = x \text{ for } x > 0, \qquad 0.01\,x \text{ otherwise} $$

    References
    ----------
    Maas, Hannun, Ng 2013, Rectifier nonlinearities improve neural network acoustic
    models.
    """
    return jnp.where(x > 0, x, 0.01 * x)


def absolute(x: Values) -> Values:
    r"""Absolute value; $C^0$, piecewise linear.

    $$ \phi(x) = |x| $$

    References
    ----------
    Classical.
    """
    return jnp.abs(x)


def hard_tanh(x: Values) -> Values:
    r"""Identity cut at $\pm 1$; $C^0$, piecewise linear.

    $$ \phi(x) = \max\bigl(-1, \min(1, x)\bigr) $$

    References
    ----------
    Collobert 2004, Large scale machine learning.
    """
    return jnp.where(x > 1, 1.0, jnp.where(x < -1, -1.0, x))


def hard_sigmoid(x: Values) -> Values:
    r"""Piecewise linear sigmoid of slope 1/6; $C^0$.

    $$ \phi(x) = \min\bigl(\max(0, x + 3), 6\bigr) / 6 $$

    The rivals under the same name are `hard_sigmoid_fifth` and `hard_sigmoid_half`.

    References
    ----------
    Howard et al. 2019, Searching for MobileNetV3.
    """
    return relu6(x + 3) / 6


def hard_sigmoid_fifth(x: Values) -> Values:
    r"""Piecewise linear sigmoid of slope 1/5; $C^0$.

    $$ \phi(x) = \max\bigl(0, \min(1, x/5 + 1/2)\bigr) $$

    References
    ----------
    Gulcehre et al. 2016, Noisy activation functions.
    """
    return 0.5 * hard_tanh(x * 0.4) + 0.5


def hard_sigmoid_half(x: Values) -> Values:
    r"""Piecewise linear sigmoid of slope 1/2; $C^0$.

    $$ \phi(x) = \max\bigl(0, \min(1, (x + 1)/2)\bigr) $$

    References
    ----------
    Courbariaux, Bengio, David 2015, BinaryConnect.
    """
    return 0.5 * hard_tanh(x) + 0.5


def hard_swish(x: Values) -> Values:
    r"""Piecewise quadratic swish; $C^0$, its slope jumps by $-1/2$ at $\pm 3$.

    $$ \phi(x) = x \min\bigl(\max(0, x + 3), 6\bigr) / 6 $$

    References
    ----------
    Howard et al. 2019, Searching for MobileNetV3.
    """
    return x * hard_sigmoid(x)


def elu(x: Values) -> Values:
    r"""Exponential linear unit; $C^1$, its second derivative jumps by $-1$ at 0.

    $$ \phi(x) = x \text{ for } x > 0, \qquad e^x - 1 \text{ otherwise} $$

    With a factor other than 1 it is only $C^0$: see `ELU`, and `PELU` for a trainable
    one of class $C^1$.

    References
    ----------
    Clevert, Unterthiner, Hochreiter 2016, Exponential linear units.
    """
    return jnp.where(x > 0, x, jnp.expm1(jnp.where(x > 0, 0.0, x)))


def selu(x: Values) -> Values:
    r"""Scaled exponential linear unit; $C^0$, its slope jumps by $-0.707$ at 0.

    $$ \phi(x) = \lambda x \text{ for } x > 0, \qquad
       \lambda \alpha (e^x - 1) \text{ otherwise} $$

    with $\lambda = 1.0507$ and $\alpha = 1.6733$.

    References
    ----------
    Klambauer et al. 2017, Self-normalizing neural networks.
    """
    slope, alpha = 1.0507009873554805, 1.6732632423543772
    low = alpha * jnp.expm1(jnp.where(x > 0, 0.0, x))
    return slope * jnp.where(x > 0, x, low)


def mscale_srelu(x: Values) -> Values:
    r"""Product of two ramps, with support $[0, 1]$; $C^0$.

    $$ \phi(x) = x_+ (1 - x)_+ $$

    Its authors write "sReLU", a name that also means three other functions.

    References
    ----------
    Cai, Xu 2019, Multi-scale deep neural networks for solving high dimensional PDEs;
    Liu, Cai, Xu 2020, Multi-scale deep neural network.
    """
    return relu(x) * relu(1 - x)


def mscale_phi(x: Values) -> Values:
    r"""Quadratic B-spline on the knots 0, 1, 2, 3; $C^1$.

    $$ \phi(x) = x_+^2 - 3 (x-1)_+^2 + 3 (x-2)_+^2 - (x-3)_+^2 $$

    References
    ----------
    Liu, Cai, Xu 2020, Multi-scale deep neural network for solving Poisson-Boltzmann
    equation in complex domains.
    """
    # Written with the bound 3, so that nothing is left to cancel far to the right.
    y = jnp.where(x < 3, x, 3.0)
    return relu2(y) - 3 * relu2(y - 1) + 3 * relu2(y - 2)


def s2relu(x: Values) -> Values:
    r"""Sine times two ramps, with support $[0, 1]$; $C^1$.

    $$ \phi(x) = \sin(2\pi x)\,x_+ (1 - x)_+ $$

    References
    ----------
    Li, Xu, Zhang 2020, A multi-scale DNN algorithm for nonlinear elliptic equations
    with multiple scales.
    """
    return sine(2 * math.pi * x) * mscale_srelu(x)


def step(x: Values) -> Values:
    r"""Step; discontinuous, with derivative 0.

    $$ \phi(x) = 1 \text{ for } x \ge 0, \qquad 0 \text{ otherwise} $$

    References
    ----------
    McCulloch, Pitts 1943, A logical calculus of the ideas immanent in nervous activity.
    """
    return jnp.where(x >= 0, jnp.ones_like(x), 0.0)


def sign(x: Values) -> Values:
    r"""Sign; discontinuous, with derivative 0.

    $$ \phi(x) = \operatorname{sign} x $$

    References
    ----------
    Rosenblatt 1958, The perceptron.
    """
    return jnp.sign(x)


def sawtooth(x: Values) -> Values:
    r"""Sawtooth of period 1; discontinuous at every integer.

    $$ \phi(x) = x - \lfloor x \rfloor $$

    References
    ----------
    Classical.
    """
    return x - jnp.floor(x)
