"""L-BFGS steps for all parameters of a network."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from .. import activations
from .._checks import check_whole
from .._types import Activation
from ._line_search import wolfe
from ._quasi_newton import AbstractQuasiNewton, Objective, check_options


class LBFGS(AbstractQuasiNewton):
    """The limited-memory BFGS method of `optax`, with a strong Wolfe search.

    One step costs one or two gradients and a few products with the last `memory`
    steps: it serves any number of parameters, and gains less from each step than
    `SelfScaledBroyden`. It starts again when points are drawn anew.

    Parameters
    ----------
    steps, resample, points, width, depth, activation, scale, objective
        As in `SelfScaledBroyden`.
    memory
        Number of steps that are remembered.

    Raises
    ------
    ValueError
        If a number is out of range; from `solve`, in 32-bit mode.

    References
    ----------
    Liu & Nocedal, Mathematical Programming 45 (1989), 503-528.
    """

    steps: int = eqx.field(static=True, default=5000)
    resample: int = eqx.field(static=True, default=1000)
    points: int = eqx.field(static=True, default=2000)
    width: int = eqx.field(static=True, default=32)
    depth: int = eqx.field(static=True, default=2)
    activation: Activation = activations.tanh
    scale: float = eqx.field(static=True, default=2.5)
    objective: Objective = eqx.field(static=True, default="loss")
    memory: int = eqx.field(static=True, default=30)

    def __check_init__(self):
        check_options(self)
        check_whole(self, memory=1)

    @property
    def name(self) -> str:
        return "lbfgs"

    @property
    def _memory(self) -> optax.GradientTransformation:
        return optax.scale_by_lbfgs(memory_size=self.memory)

    def start(self, theta: Float[Array, " p"]) -> Any:
        return self._memory.init(theta)

    def after_resampling(self, memory: Any, theta: Any) -> Any:
        return self.start(theta)

    def advance(
        self, memory: Any, theta: Any, value: Any, gradient: Any, function: Any
    ) -> tuple[Any, Any, Any, Any]:
        # optax itself mixes types of numbers, which a user's settings may forbid.
        with jax.numpy_dtype_promotion("standard"):
            ascent, memory = self._memory.update(gradient, memory, theta)
        found = wolfe(function, theta, value, gradient, -jnp.asarray(ascent))
        return theta + found.step, found.value, found.gradient, memory
