"""The Kuramoto-Sivashinsky equation on a ring."""

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._condition import Initial
from .._domain import Interval
from .._operators import dt, partial
from .._periodic import Periodic
from .._problem import Problem
from .._types import FieldLike
from ._tables import table


def kuramoto_sivashinsky() -> Problem:
    r"""The Kuramoto-Sivashinsky equation, whose solution becomes chaotic.

    $$ u_t + \tfrac{100}{16} u u_x + \tfrac{100}{16^2} u_{xx}
       + \tfrac{100}{16^4} u_{xxxx} = 0 $$

    on $(0, 2\pi)$, periodic, with $u(0, x) = \cos x\,(1 + \sin x)$, for
    $t \in (0, 1)$. The fastest mode grows as $e^{25 t}$, and all errors with it. All
    quantities are dimensionless. There is no closed form; see
    `kuramoto_sivashinsky_reference`.

    References
    ----------
    Case `KS` of Hao et al., PINNacle, NeurIPS 2024 (Datasets & Benchmarks).
    """
    ring = Interval(0.0, 2 * math.pi)

    def equation(u: FieldLike, t: Array, x: Array) -> Array:
        u_x, u_xx, u_xxxx = (partial(u, *(0,) * k) for k in (1, 2, 4))
        return (
            dt(u)(t, x)
            + 100 / 16 * u(t, x) * u_x(t, x)
            + 100 / 16**2 * u_xx(t, x)
            + 100 / 16**4 * u_xxxx(t, x)
        )

    start = Initial(lambda x: jnp.cos(x[0]) * (1 + jnp.sin(x[0])))
    return Problem(
        ring,
        equation,
        [Periodic(ring), start],
        time=(0.0, 1.0),
        name="kuramoto-sivashinsky",
    )


def kuramoto_sivashinsky_reference() -> tuple[np.ndarray, np.ndarray]:
    """Points ``(5248, 2)`` and values of a spectral solution, made for `pinn`.

    With 192 waves and 80 000 steps; it lies 2.3e-10 (relative L2) from one with 144
    waves and half as many steps.
    """
    return table("kuramoto_sivashinsky", 0.0, 2 * math.pi)
