"""Trainable changes to other activations: slopes, ripples, blends."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from .._trigonometric import sine
from ._base import AbstractParameter, Number, Values, free
from ._rectifier import gelu, silu, softplus
from ._sigmoidal import tanh
from ._wave import sin


class AdaptiveSlope(eqx.Module):
    r"""An activation with a trainable slope; of the class of the activation.

    $$ \phi(x) = \psi(n\,a\,x) $$

    It starts as $\psi$, with $a = 1/n$. One instance for the network is called GAAF,
    one a layer L-LAAF, and one with as many slopes as neurons (`size`) N-LAAF. The
    effective learning rate of the slope grows like $n^2$; $n$ from 1 to 10 has been
    used.

    References
    ----------
    Jagtap, Kawaguchi, Karniadakis 2020, Adaptive activation functions accelerate
    convergence; Locally adaptive activation functions with slope recovery.
    """

    a: AbstractParameter
    activation: Callable[..., Any]
    n: float = eqx.field(static=True)

    def __init__(
        self,
        activation: Callable[..., Any] = tanh,
        n: float = 1.0,
        size: int | None = None,
        *,
        trainable: bool = True,
    ):
        slope = 1 / n
        self.a = free(slope if size is None else (slope,) * size, trainable)
        self.activation = activation
        self.n = n

    def __call__(self, x: Values) -> Values:
        return self.activation(self.n * self.a(x) * x)


def slope_recovery(slopes: Sequence[Float[Array, "..."]]) -> Float[Array, ""]:
    r"""Loss that rewards steep slopes, from the slopes $n a$ of each layer.

    $$ S = \Bigl(\frac1K \sum_k e^{\operatorname{mean} a_k}\Bigr)^{-1} $$

    References
    ----------
    Jagtap, Kawaguchi, Karniadakis 2020, Locally adaptive activation functions with
    slope recovery.
    """
    return 1 / jnp.mean(jnp.stack([jnp.exp(jnp.mean(a)) for a in slopes]))


class Rowdy(eqx.Module):
    r"""An activation with sines of rising frequency; of the class of the activation.

    $$ \phi(x) = \alpha_1 \psi(\omega_1 x)
       + \sum_{k=2}^{K} \alpha_k\,n \sin\bigl((k-1)\,n\,\omega_k x\bigr) $$

    It starts as $\psi$. A derivative of order $m$ multiplies the last term by
    $((K-1) n)^m$: keep both small.

    References
    ----------
    Jagtap, Shin, Kawaguchi, Karniadakis 2022, Deep Kronecker neural networks.
    """

    alpha: AbstractParameter
    omega: AbstractParameter
    activation: Callable[..., Any]
    n: float = eqx.field(static=True)

    def __init__(
        self,
        activation: Callable[..., Any] = tanh,
        terms: int = 3,
        n: float = 1.0,
        *,
        trainable: bool = True,
    ):
        self.alpha = free((1.0,) + (0.0,) * (terms - 1), trainable)
        self.omega = free((1.0,) * terms, trainable)
        self.activation = activation
        self.n = n

    def __call__(self, x: Values) -> Values:
        alpha, omega = self.alpha(x), self.omega(x)
        total = alpha[0] * self.activation(omega[0] * x)
        for k in range(1, alpha.shape[0]):
            total = total + alpha[k] * self.n * sine(k * self.n * omega[k] * x)
        return total


class ABU(eqx.Module):
    r"""Adaptive blend of activations; of the class of the least smooth one.

    $$ \phi(x) = \sum_k \operatorname{softmax}(c)_k\,\psi_k(s_k x) $$

    It starts almost as the second one, which by default is `tanh`. One candidate with a
    kink spoils the blend at any weight.

    References
    ----------
    Sütfeld et al. 2020, Adaptive blending units; Wang, Lu, Song, Huang 2023, Learning
    specialized activation functions for physics-informed neural networks.
    """

    c: AbstractParameter
    s: AbstractParameter
    activations: tuple[Callable[..., Any], ...]

    def __init__(
        self,
        activations: Sequence[Callable[..., Any]] = (sin, tanh, gelu, silu, softplus),
        c: Number | None = None,
        *,
        trainable: bool = True,
    ):
        count = len(activations)
        if c is None:
            c = tuple(4.0 if i == 1 else 0.0 for i in range(count))
        self.c = free(c, trainable)
        self.s = free((1.0,) * count, trainable)
        self.activations = tuple(activations)

    def __call__(self, x: Values) -> Values:
        c, s = self.c(x), self.s(x)
        weights = jnp.exp(c - jax.nn.logsumexp(c))
        total = weights[0] * self.activations[0](s[0] * x)
        for k in range(1, len(self.activations)):
            total = total + weights[k] * self.activations[k](s[k] * x)
        return total


class Mixture(eqx.Module):
    r"""Mixture of activations with weights that depend on the input.

    $$ \phi(x) = \sum_k g_k(x)\,\psi_k(x), \qquad
       g = \operatorname{softmax}(w x + b) $$

    Of the class of the least smooth activation. It starts almost as the first one, with
    weights that do not depend on the input.

    References
    ----------
    Jacobs, Jordan, Nowlan, Hinton 1991, Adaptive mixtures of local experts.
    """

    w: AbstractParameter
    b: AbstractParameter
    activations: tuple[Callable[..., Any], ...]

    def __init__(
        self,
        activations: Sequence[Callable[..., Any]] = (tanh, sin, silu),
        *,
        trainable: bool = True,
    ):
        count = len(activations)
        self.w = free((0.0,) * count, trainable)
        self.b = free((4.0,) + (0.0,) * (count - 1), trainable)
        self.activations = tuple(activations)

    def __call__(self, x: Values) -> Values:
        w, b = self.w(x), self.b(x)
        count = len(self.activations)
        gates = [w[k] * x + b[k] for k in range(count)]
        total = jnp.zeros_like(x)
        for k in range(count):
            # 1 / sum_i exp(gate_i - gate_k), where large differences are cut: there the
            # weight is 0 in every precision.
            ratio = jnp.ones_like(x)
            for i in range(count):
                if i != k:
                    difference = gates[i] - gates[k]
                    low = difference < 40
                    ratio = ratio + jnp.exp(jnp.where(low, difference, 40.0))
            total = total + self.activations[k](x) / ratio
        return total


class Blend(eqx.Module):
    r"""An activation blended with a closed form from the problem.

    $$ \phi(x) = (1 - \lambda)\,\psi(x) + \lambda\,f(x), \qquad
       \lambda = \sigma(\theta) $$

    `f` may be the initial condition, the source, or a factor of a separated solution;
    the class is the lower one of both.

    References
    ----------
    Abbasi, Andersen 2024, Physical activation functions (PAFs).
    """

    logit: AbstractParameter
    expression: Callable[..., Any]
    activation: Callable[..., Any]

    def __init__(
        self,
        expression: Callable[..., Any] = sin,
        activation: Callable[..., Any] = tanh,
        weight: float = 0.5,
        *,
        trainable: bool = True,
    ):
        if not 0 < weight < 1:
            raise ValueError(f"`weight` must be between 0 and 1; got {weight}.")
        self.logit = free(math.log(weight / (1 - weight)), trainable)
        self.expression = expression
        self.activation = activation

    def __call__(self, x: Values) -> Values:
        weight = lax.logistic(jnp.asarray(self.logit(x), x.dtype))
        return (1 - weight) * self.activation(x) + weight * self.expression(x)
