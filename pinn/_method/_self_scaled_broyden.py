"""Self-scaled Broyden and BFGS steps for all parameters of a network."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .. import activations
from .._types import Activation
from ._line_search import wolfe
from ._quasi_newton import AbstractQuasiNewton, Objective, check_options
from ._self_scaled import UPDATES, Update, updated


class SelfScaledBroyden(AbstractQuasiNewton):
    r"""Quasi-Newton steps with a self-scaled inverse Hessian and strong Wolfe searches.

    $$ \theta_+ = \theta - \alpha H g $$

    with $H$ (P, P) from Broyden's class, whose older part is scaled down where it
    overestimates the curvature (`_self_scaled`). One step costs one or two gradients
    and 6 P² operations, so it serves up to some thousands of parameters and any
    number of points. When points are drawn anew the gradient is, but $H$ is kept; it
    starts again from the identity where a line search finds nothing.

    Parameters
    ----------
    steps
        Most steps.
    resample
        Steps between two draws of points; 0 keeps the first.
    points
        Points of the equation.
    width, depth, activation
        Of the `MLP` that is trained where the user passes no field.
    scale
        Root mean square length of the vectors of weights of its first layer, per half
        width of the domain, dimensionless.
    objective
        What is minimised: ``"loss"``, half the sum of squared rows, or its ``"sqrt"``
        or ``"log"``, which have the same minima and are nearer to quadratic far from
        them.
    update
        ``"broyden"`` (SSBroyden), ``"bfgs"`` (self-scaled) or ``"plain-bfgs"``.

    Raises
    ------
    ValueError
        If a number is out of range; from `solve`, in 32-bit mode.

    References
    ----------
    Urbán, Stefanou & Pons, JCP 523 (2025), 113656; Kiyani et al., arXiv:2501.16371.
    """

    steps: int = eqx.field(static=True, default=3000)
    resample: int = eqx.field(static=True, default=500)
    points: int = eqx.field(static=True, default=2000)
    width: int = eqx.field(static=True, default=32)
    depth: int = eqx.field(static=True, default=2)
    activation: Activation = activations.tanh
    scale: float = eqx.field(static=True, default=2.5)
    objective: Objective = eqx.field(static=True, default="loss")
    update: Update = eqx.field(static=True, default="broyden")

    def __check_init__(self):
        check_options(self)
        if self.update not in UPDATES:
            raise ValueError(f"`update` takes one of {UPDATES}; got {self.update!r}.")

    @property
    def name(self) -> str:
        return "self-scaled-broyden"

    def start(self, theta: Float[Array, " p"]) -> "Memory":
        return Memory(jnp.eye(theta.size, dtype=theta.dtype), jnp.asarray(True))

    def after_resampling(self, memory: "Memory", theta: Any) -> "Memory":
        return memory

    def advance(
        self, memory: "Memory", theta: Any, value: Any, gradient: Any, function: Any
    ) -> tuple[Any, Any, Any, "Memory"]:
        direction = -(memory.inverse @ gradient)
        # The identity knows no length: the first step is one of length 1 at most.
        size = jnp.sqrt(gradient @ gradient)
        short = direction / jnp.maximum(size, 1.0)
        downhill = (direction @ gradient < 0) & ~memory.first
        direction = jnp.where(
            downhill, direction, jnp.where(memory.first, short, -gradient)
        )
        found = wolfe(function, theta, value, gradient, direction)
        step, change = found.step, found.gradient - gradient
        ys = step @ change
        # Before the first update the identity is given the curvature along the step.
        first = ys / (change @ change)
        inverse = jnp.where(memory.first, first * memory.inverse, memory.inverse)
        curvature = jnp.where(
            memory.first, step @ step / first, -found.length * (gradient @ step)
        )
        inverse = jax.lax.cond(
            (ys > 0) & jnp.isfinite(ys) & (downhill | memory.first),
            lambda: updated(inverse, step, change, curvature, self.update),
            lambda: memory.inverse,
        )
        memory = Memory(inverse, jnp.asarray(False))
        return theta + step, found.value, found.gradient, memory


class Memory(eqx.Module):
    """The inverse Hessian, and whether no step has shaped it yet."""

    inverse: Float[Array, "p p"]
    first: Array
