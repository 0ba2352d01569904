"""Viscous Burgers' equation."""

import math

import jax.numpy as jnp
from jaxtyping import Array

from .._condition import Dirichlet, Initial
from .._domain import Interval
from .._operators import dt, laplacian, partial
from .._problem import Problem
from .._types import FieldLike
from ..reference import cole_hopf
from ._options import check_number


def burgers(*, viscosity: float = 0.01 / math.pi, duration: float = 1.0) -> Problem:
    r"""Burgers' equation $u_t + u u_x = \nu u_{xx}$, whose front steepens.

    On $(-1, 1)$ with $u = 0$ at the ends and $u(0, x) = -\sin \pi x$, for
    $t \in (0, T)$. At $t = 1/\pi$ a front of width $\sim\nu$ has formed at $x = 0$. The
    exact solution is that of Cole and Hopf. All quantities are dimensionless.

    Parameters
    ----------
    viscosity
        $\nu > 0$; ``0.01 / pi`` is the usual test.
    duration
        $T > 0$.

    References
    ----------
    Basdevant et al., Computers & Fluids 14 (1986), 23-41.
    """
    check_number("burgers", "viscosity", viscosity, positive=True)
    check_number("burgers", "duration", duration, positive=True)
    interval = Interval(-1.0, 1.0)

    def equation(u: FieldLike, t: Array, x: Array) -> Array:
        u_t, u_x, u_xx = dt(u), partial(u, 0), laplacian(u)
        return u_t(t, x) + u(t, x) * u_x(t, x) - viscosity * u_xx(t, x)

    return Problem(
        interval,
        equation,
        [
            Dirichlet(interval.boundary, 0.0),
            Initial(lambda x: -jnp.sin(jnp.pi * x[0])),
        ],
        time=(0.0, duration),
        exact=cole_hopf(lambda y: jnp.cos(jnp.pi * y) / jnp.pi, viscosity, speed=1.0),
        name="burgers",
    )
