r"""Updates of the inverse Hessian from Broyden's class, with self-scaling.

With the step $s$, the change $y$ of the gradient and $H$ the inverse Hessian before,

$$ H_+ = \frac1\tau \Big[ H - \frac{H y y^T H}{y^T H y} + \phi\, v v^T \Big]
         + \frac{s s^T}{y^T s}, \qquad
   v = \sqrt{y^T H y} \Big( \frac{s}{y^T s} - \frac{H y}{y^T H y} \Big). $$

Any $\tau$ and $\phi$ satisfy the secant equation $H_+ y = s$; with
$\tau = \phi = 1$ is BFGS.
*Self-scaling* shrinks the curvature that earlier steps have left, $\tau < 1$, where it
is larger than that along the step; without it BFGS needs many steps to unlearn it.

References
----------
Al-Baali, J. Optim. Theory Appl. 96 (1998), 533-553; Urbán, Stefanou & Pons, JCP 523
(2025), 113656, eqs. 11 (self-scaled BFGS) and 13 to 23 (SSBroyden), numbered as in
arXiv:2405.04230; Kiyani et al., arXiv:2501.16371.
"""

from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array, Float

Update = Literal["broyden", "bfgs", "plain-bfgs"]
UPDATES = ("broyden", "bfgs", "plain-bfgs")

# The update needs a = b h - 1 > 0, which rounding may deny.
_LEAST = 1e-12


def updated(
    inverse: Float[Array, "p p"],
    step: Float[Array, " p"],
    change: Float[Array, " p"],
    curvature: Float[Array, ""],
    update: Update,
) -> Float[Array, "p p"]:
    """The inverse Hessian after a step.

    Parameters
    ----------
    inverse
        $H$.
    step, change
        $s$ and $y$, with $y^T s > 0$.
    curvature
        $s^T H^{-1} s$, which is $-\\alpha\\, g^T s$ after a step of length $\\alpha$
        along $-H g$.
    update
        ``"broyden"``: the member of Broyden's class and the scaling of Al-Baali that
        Urbán et al. call SSBroyden; ``"bfgs"``: BFGS with self-scaling;
        ``"plain-bfgs"``.
    """
    ys = change @ step
    hy = inverse @ change
    yhy = change @ hy
    b, h = curvature / ys, yhy / ys
    tau, phi = _coefficients(b, h, step.size, update)
    v = step / ys - hy / yhy
    rank = phi * yhy * jnp.outer(v, v) - jnp.outer(hy, hy) / yhy
    return (inverse + rank) / tau + jnp.outer(step, step) / ys


def _coefficients(b, h, n, update):
    """Scaling and member of the class, from b = sBs/ys and h = yHy/ys."""
    one = jnp.ones_like(b)
    if update == "plain-bfgs":
        return one, one
    least = jnp.minimum(one, 1 / b)
    if update == "bfgs":
        return least, one
    a = jnp.maximum(b * h - 1, _LEAST)
    c = jnp.sqrt(a / (1 + a))
    rho = jnp.minimum(one, h * (1 - c))
    theta = jnp.clip((1 - b) / b, (rho - 1) / a, 1 / rho)
    sigma = 1 + theta * a
    spread = sigma ** (-1 / max(n - 1, 1))
    tau = jnp.where(
        theta > 0,
        least * jnp.minimum(spread, 1 / jnp.where(theta > 0, theta, one)),
        jnp.minimum(least * spread, sigma),
    )
    return tau, (1 - theta) / sigma
