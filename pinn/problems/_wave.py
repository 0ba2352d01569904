"""A vibrating string."""

import jax.numpy as jnp
from jaxtyping import Array

from .._condition import Dirichlet, Initial
from .._domain import Interval
from .._operators import dtt, laplacian
from .._problem import Problem
from .._types import FieldLike
from ._options import check_number


def wave(*, duration: float = 1.0) -> Problem:
    r"""The wave equation $u_{tt} = 4 u_{xx}$ of a string, with the solution known.

    On $(0, 1)$ with $u = 0$ at the ends and two modes,
    $u = \sin \pi x \cos 2\pi t + \tfrac12 \sin 4\pi x \cos 8\pi t$, for
    $t \in (0, T)$. All quantities are dimensionless.

    Parameters
    ----------
    duration
        $T > 0$; one period is 1.

    References
    ----------
    Case `Wave1d-C` of Hao et al., PINNacle, NeurIPS 2024 (Datasets & Benchmarks).
    """
    check_number("wave", "duration", duration, positive=True)
    string = Interval(0.0, 1.0)

    def exact(t: Array, x: Array) -> Array:
        slow = jnp.sin(jnp.pi * x[0]) * jnp.cos(2 * jnp.pi * t)
        fast = jnp.sin(4 * jnp.pi * x[0]) * jnp.cos(8 * jnp.pi * t)
        return slow + fast / 2

    def equation(u: FieldLike, t: Array, x: Array) -> Array:
        return dtt(u)(t, x) - 4.0 * laplacian(u)(t, x)

    start = Initial(lambda x: exact(jnp.zeros((), x.dtype), x), rate=0.0)
    return Problem(
        string,
        equation,
        [Dirichlet(string.boundary, 0.0), start],
        time=(0.0, duration),
        exact=exact,
        name="wave",
    )
