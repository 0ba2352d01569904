"""Families of finite smoothness with parameters."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jax import lax
from jaxtyping import PRNGKeyArray

from .._trigonometric import sine
from ._base import AbstractParameter, Number, Values, free, positive
from ._piecewise import relu


class ReLUPower(eqx.Module):
    r"""Power of the rectified linear unit, also called RePU; $C^{k-1}$.

    $$ \phi(x) = \max(0, x)^k $$

    Take $k$ at least one above the order of the equation, and at most three layers: no
    initialisation keeps deep networks of it stable.

    References
    ----------
    E, Yu 2018, The deep Ritz method; Li, Tang, Yu 2020, RePU.
    """

    k: int = eqx.field(static=True, default=3)

    def __check_init__(self):
        if self.k < 1:
            raise ValueError(f"`k` must be at least 1; got {self.k}.")

    def __call__(self, x: Values) -> Values:
        return relu(x) ** self.k


class LeakyReLU(eqx.Module):
    r"""Leaky ReLU with a slope; $C^0$, piecewise linear.

    $$ \phi(x) = x \text{ for } x > 0, \qquad a x \text{ otherwise} $$

    The default, trainable from 1/4, is called PReLU.

    References
    ----------
    He et al. 2015, Delving deep into rectifiers.
    """

    a: AbstractParameter

    def __init__(self, a: Number = 0.25, *, trainable: bool = True):
        self.a = free(a, trainable)

    def __call__(self, x: Values) -> Values:
        return jnp.where(x > 0, x, self.a(x) * x)


class RReLU(eqx.Module):
    r"""Leaky ReLU with a random slope; $C^0$, piecewise linear.

    $$ \phi(x) = x \text{ for } x > 0, \qquad a x \text{ otherwise} $$

    With a `key`, $a$ is uniform between `lower` and `upper`, one for each entry;
    without one it is their mean. `RReLUPaper` divides by a uniform number instead.

    References
    ----------
    Xu et al. 2015, Empirical evaluation of rectified activations in convolutional
    network.
    """

    lower: float = eqx.field(static=True, default=1 / 8)
    upper: float = eqx.field(static=True, default=1 / 3)

    def __call__(self, x: Values, *, key: PRNGKeyArray | None = None) -> Values:
        if key is None:
            slope = 0.5 * (self.lower + self.upper)
        else:
            slope = jr.uniform(key, x.shape, x.dtype, self.lower, self.upper)
        return jnp.where(x > 0, x, slope * x)


class RReLUPaper(eqx.Module):
    r"""Leaky ReLU with the inverse of a random number as slope; $C^0$.

    $$ \phi(x) = x \text{ for } x > 0, \qquad x / a \text{ otherwise} $$

    With a `key`, $a$ is uniform between `lower` and `upper`, one for each entry;
    without one it is their mean. `RReLU` is what libraries made of it.

    References
    ----------
    Xu et al. 2015, Empirical evaluation of rectified activations in convolutional
    network.
    """

    lower: float = eqx.field(static=True, default=3.0)
    upper: float = eqx.field(static=True, default=8.0)

    def __call__(self, x: Values, *, key: PRNGKeyArray | None = None) -> Values:
        if key is None:
            return jnp.where(x > 0, x, x / (0.5 * (self.lower + self.upper)))
        a = jr.uniform(key, x.shape, x.dtype, self.lower, self.upper)
        return jnp.where(x > 0, x, x / a)


class SShapedReLU(eqx.Module):
    r"""S-shaped ReLU; $C^0$, piecewise linear.

    $$ \phi(x) = \begin{cases}
        t_r + a_r (x - t_r), & x \ge t_r \\
        x, & t_l < x < t_r \\
        t_l + a_l (x - t_l), & x \le t_l \end{cases} $$

    References
    ----------
    Jin et al. 2016, Deep learning with S-shaped rectified linear activation units.
    """

    t_left: AbstractParameter
    a_left: AbstractParameter
    t_right: AbstractParameter
    a_right: AbstractParameter

    def __init__(
        self,
        t_left: Number = 0.0,
        a_left: Number = 0.2,
        t_right: Number = 1.0,
        a_right: Number = 0.5,
        *,
        trainable: bool = True,
    ):
        self.t_left = free(t_left, trainable)
        self.a_left = free(a_left, trainable)
        self.t_right = free(t_right, trainable)
        self.a_right = free(a_right, trainable)

    def __call__(self, x: Values) -> Values:
        left, right = self.t_left(x), self.t_right(x)
        high = right + self.a_right(x) * (x - right)
        low = left + self.a_left(x) * (x - left)
        return jnp.where(x >= right, high, jnp.where(x <= left, low, x))


class ELU(eqx.Module):
    r"""Exponential linear unit with a factor; $C^0$ unless $\alpha = 1$.

    $$ \phi(x) = x \text{ for } x > 0, \qquad \alpha (e^x - 1) \text{ otherwise} $$

    Trainable, it starts as $C^1$ and is $C^0$ after the first step: see `PELU`.

    References
    ----------
    Clevert, Unterthiner, Hochreiter 2016, Exponential linear units.
    """

    alpha: AbstractParameter

    def __init__(self, alpha: Number = 1.0, *, trainable: bool = True):
        self.alpha = free(alpha, trainable)

    def __call__(self, x: Values) -> Values:
        low = jnp.expm1(jnp.where(x > 0, 0.0, x))
        return jnp.where(x > 0, x, self.alpha(x) * low)


class CELU(eqx.Module):
    r"""Continuously differentiable exponential linear unit; $C^1$ for every $\alpha$.

    $$ \phi(x) = x \text{ for } x > 0, \qquad
       \alpha (e^{x/\alpha} - 1) \text{ otherwise} $$

    References
    ----------
    Barron 2017, Continuously differentiable exponential linear units.
    """

    alpha: AbstractParameter

    def __init__(self, alpha: Number = 1.0, *, trainable: bool = False):
        self.alpha = positive("alpha", alpha, trainable)

    def __call__(self, x: Values) -> Values:
        alpha = self.alpha(x)
        low = jnp.expm1(jnp.where(x > 0, 0.0, x) / alpha)
        return jnp.where(x > 0, x, alpha * low)


class PELU(eqx.Module):
    r"""Parametric exponential linear unit; $C^1$ for all $a, b > 0$.

    $$ \phi(x) = \frac{a}{b} x \text{ for } x > 0, \qquad
       a (e^{x/b} - 1) \text{ otherwise} $$

    References
    ----------
    Trottier et al. 2017, Parametric exponential linear unit.
    """

    a: AbstractParameter
    b: AbstractParameter

    def __init__(self, a: Number = 1.0, b: Number = 1.0, *, trainable: bool = True):
        self.a = positive("a", a, trainable)
        self.b = positive("b", b, trainable)

    def __call__(self, x: Values) -> Values:
        a, b = self.a(x), self.b(x)
        low = jnp.expm1(jnp.where(x > 0, 0.0, x) / b)
        return a * jnp.where(x > 0, x / b, low)


class SmeLU(eqx.Module):
    r"""Smooth ReLU, a quadratic between two lines; $C^1$.

    $$ \phi(x) = \frac{(x + \beta)^2}{4\beta} \text{ for } |x| < \beta, \qquad
       \max(0, x) \text{ otherwise} $$

    References
    ----------
    Shamir, Lin, Coviello 2020, Smooth activations and reproducibility in deep networks.
    """

    beta: AbstractParameter

    def __init__(self, beta: Number = 1.0, *, trainable: bool = False):
        self.beta = positive("beta", beta, trainable)

    def __call__(self, x: Values) -> Values:
        beta = self.beta(x)
        low = jnp.where(x > -beta, x + beta, 0.0)
        return jnp.where(x >= beta, x, low**2 / (4 * beta))


class ISRLU(eqx.Module):
    r"""Inverse square root linear unit; $C^2$.

    $$ \phi(x) = x \text{ for } x > 0, \qquad
       \frac{x}{\sqrt{1 + \alpha x^2}} \text{ otherwise} $$

    References
    ----------
    Carlile et al. 2017, Improving deep learning by inverse square root linear units.
    """

    alpha: AbstractParameter

    def __init__(self, alpha: Number = 1.0, *, trainable: bool = False):
        self.alpha = positive("alpha", alpha, trainable)

    def __call__(self, x: Values) -> Values:
        low = jnp.where(x > 0, 0.0, x)
        return x * lax.rsqrt(1 + self.alpha(x) * low**2)


class Finer(eqx.Module):
    r"""Sine of a frequency that grows outwards; $C^1$.

    $$ \phi(x) = \sin\bigl(\omega (|x| + 1) x\bigr) $$

    References
    ----------
    Liu et al. 2024, FINER: flexible spectral-bias tuning in implicit neural
    representation.
    """

    omega: AbstractParameter

    def __init__(self, omega: Number = 1.0, *, trainable: bool = False):
        self.omega = positive("omega", omega, trainable)

    def __call__(self, x: Values) -> Values:
        return sine(self.omega(x) * (jnp.abs(x) + 1) * x)


class Nipuna(eqx.Module):
    r"""NIPUNA; $C^0$, its slope jumps by 1/2 at 0.

    $$ \phi(x) = \max\bigl(x, x\,\sigma(\beta x)\bigr) $$

    References
    ----------
    Madhu et al. 2023, NIPUNA: a novel optimizer activation function.
    """

    beta: AbstractParameter

    def __init__(self, beta: Number = 1.0, *, trainable: bool = True):
        self.beta = positive("beta", beta, trainable)

    def __call__(self, x: Values) -> Values:
        return jnp.where(x > 0, x, x * lax.logistic(self.beta(x) * x))


class SGT(eqx.Module):
    r"""Scaled gamma tanh; $C^0$ in general, and its slope may be infinite at 0.

    $$ \phi(x) = \tanh(y), \qquad
       y = -a |x|^\alpha \text{ for } x < 0, \quad b x^\beta \text{ otherwise} $$

    "Gamma" is the correction by a power as in photography. It starts as `tanh`.

    References
    ----------
    Khagi, Kwon 2022, A novel scaled-gamma-tanh (SGT) activation function.
    """

    a: AbstractParameter
    b: AbstractParameter
    alpha: AbstractParameter
    beta: AbstractParameter

    def __init__(
        self,
        a: Number = 1.0,
        b: Number = 1.0,
        alpha: Number = 1.0,
        beta: Number = 1.0,
        *,
        trainable: bool = True,
    ):
        self.a = positive("a", a, trainable)
        self.b = positive("b", b, trainable)
        self.alpha = positive("alpha", alpha, trainable)
        self.beta = positive("beta", beta, trainable)

    def __call__(self, x: Values) -> Values:
        tiny = 1e-9  # keeps the derivatives at 0 finite
        right = x > tiny
        left = x < -tiny
        logarithm = jnp.log(jnp.where(right, x, jnp.where(left, -x, tiny)))
        power = jnp.where(x > 0, self.beta(x), self.alpha(x)) - 1
        scale = jnp.where(x > 0, self.b(x), self.a(x))
        return jnp.tanh(scale * x * jnp.exp(power * logarithm))
