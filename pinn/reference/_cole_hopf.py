"""Burgers' equation on the line, by the transformation of Cole and Hopf."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._checks import is_number


def cole_hopf(
    potential: Callable[[Array], Array], viscosity: float, *, speed: float, n: int = 400
) -> Callable[[Float[Array, ""], Float[Array, " 1"]], Float[Array, ""]]:
    r"""The solution of $u_t + u u_x = \nu u_{xx}$ on the line, exact up to quadrature.

    From $u(0, x) = \Phi'(x)$,

    $$ u(t, x) = \frac{\int \Phi'(y)\, e^{-G(y)}\,dy}{\int e^{-G(y)}\,dy}, \qquad
       G(y) = \frac{\Phi(y)}{2\nu} + \frac{(x - y)^2}{4\nu t} . $$

    An odd periodic start vanishes at both ends of a period for all times, so this is
    also the solution on an interval with these values.

    Parameters
    ----------
    potential
        $\Phi$, a smooth function of one number; from $-\sin\pi x$ it is
        $\cos(\pi x)/\pi$.
    viscosity
        $\nu > 0$.
    speed
        A bound of $|\Phi'|$: it says how far away what arrives at $x$ came from.
    n
        Number of nodes of the trapezoidal rule, which converges exponentially here.

    Returns
    -------
    Callable
        A field ``u(t, x)`` for $t \ge 0$.

    References
    ----------
    Hopf, Communications on Pure and Applied Mathematics 3 (1950), 201-230; Cole,
    Quarterly of Applied Mathematics 9 (1951), 225-236.

    Examples
    --------
    >>> potential = lambda x: jnp.cos(jnp.pi * x) / jnp.pi  # of u(0, x) = -sin(pi x)
    >>> u = pinn.reference.cole_hopf(potential, 0.05, speed=1.0)
    >>> round(float(u(jnp.array(0.0), jnp.array([-0.5]))), 6)
    1.0
    >>> abs(float(u(jnp.array(0.7), jnp.array([0.0])))) < 1e-12
    True
    """
    for name, value in {"viscosity": viscosity, "speed": speed}.items():
        if not is_number(value) or not value > 0:
            raise ValueError(
                f"`{name}` of `cole_hopf` takes a positive number; got {value!r}."
            )
    fractions = np.linspace(-1.0, 1.0, n)
    slope = jax.vmap(jax.grad(potential))

    def u(t: Float[Array, ""], x: Float[Array, " 1"]) -> Float[Array, ""]:
        # y = x + 2 sqrt(νt) z. Beyond seven widths of the kernel nothing arrives.
        width = 2 * jnp.sqrt(viscosity * t)
        reach = 7.0 + speed * jnp.sqrt(t) / (2 * math.sqrt(viscosity))
        z = reach * jnp.asarray(fractions, x.dtype)
        y = x[0] + width * z
        weights = jax.nn.softmax(-(z**2) - jax.vmap(potential)(y) / (2 * viscosity))
        return weights @ slope(y)

    return u
