"""Transport around a ring."""

import math

import jax.numpy as jnp
from jaxtyping import Array

from .._condition import Initial
from .._domain import Interval
from .._operators import dt, partial
from .._periodic import Periodic
from .._problem import Problem
from .._types import FieldLike
from ._options import check_number


def advection(*, speed: float = 40.0, duration: float = 1.0) -> Problem:
    r"""The advection equation $u_t + c u_x = 0$ on a ring, with the solution known.

    On $(0, 2\pi)$, periodic, with $u(0, x) = \sin x$, so that $u = \sin(x - ct)$, for
    $t \in (0, T)$. All quantities are dimensionless.

    Parameters
    ----------
    speed
        $c$; 30 to 100 is usual for tests.
    duration
        $T > 0$.

    References
    ----------
    Krishnapriyan et al., NeurIPS 2021 (where a network fails from $c = 30$ on).
    """
    check_number("advection", "speed", speed)
    check_number("advection", "duration", duration, positive=True)
    ring = Interval(0.0, 2 * math.pi)

    def equation(u: FieldLike, t: Array, x: Array) -> Array:
        return dt(u)(t, x) + speed * partial(u, 0)(t, x)

    return Problem(
        ring,
        equation,
        [Periodic(ring), Initial(lambda x: jnp.sin(x[0]))],
        time=(0.0, duration),
        exact=lambda t, x: jnp.sin(x[0] - speed * t),
        name="advection",
    )
