"""How far one set of values is from another."""

import jax.numpy as jnp
from jaxtyping import Array, Float

# Errors are measured on at least so many fresh points of a domain.
ERROR_POINTS = 10_000


def relative_l2(values: Float[Array, "n *d"], reference: Float[Array, "n *d"]) -> Array:
    r"""$\|u - v\|_2 / \|v\|_2$ over points, dimensionless.

    Where the reference is zero everywhere this is infinite, or 0 if both are.

    Examples
    --------
    >>> float(pinn.metrics.relative_l2(jnp.array([3.0, 4.5]), jnp.array([3.0, 4.0])))
    0.1
    """
    error, size = root_mean_square(values - reference), root_mean_square(reference)
    return jnp.where(error == 0, 0.0, error / jnp.where(error == 0, 1.0, size))


def max_error(values: Float[Array, "n *d"], reference: Float[Array, "n *d"]) -> Array:
    r"""$\max |u - v|$ over points and components, in the unit of the field."""
    return jnp.max(jnp.abs(values - reference))


def root_mean_square(values: Float[Array, "n *d"]) -> Array:
    r"""$(\frac1n \sum_i |u_i|^2)^{1/2}$, in the unit of the field.

    Scaled by the largest value first, so that nothing over- or underflows.
    """
    largest = jnp.max(jnp.abs(values))
    scale = jnp.where((largest > 0) & jnp.isfinite(largest), largest, 1.0)
    return scale * jnp.sqrt(jnp.sum((values / scale) ** 2) / values.shape[0])
