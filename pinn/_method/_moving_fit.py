"""The parameters at the initial time: data and conditions fitted by all of them."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from .._host import Hosted
from .._residuals import is_linear_capable, readout_leaves, trainable_leaves
from ._moving_rows import MovingRows, misfit_of, misfit_slopes_of
from ._settle import Settled, settle

# Of the tolerance of a step.
_SHARE = 0.1
_JACOBIANS = 60
# Singular values of the readout's columns below this share are dropped. A smaller
# readout would do for the data, but leaves inner parameters with nothing to move.
_CUT = 1e-11


def fit(rows: MovingRows, t: float, tolerance: float) -> Settled:
    """Fit the initial data to a relative tolerance, or as far as the steps get.

    The readout, where there is one, by linear least squares first; then all parameters
    by Gauss-Newton steps.
    """
    time = jnp.asarray(t)
    misfit = lambda theta: jax.device_get(misfit_of(rows, jnp.asarray(theta), time))
    slopes = lambda theta: jax.device_get(
        misfit_slopes_of(rows, jnp.asarray(theta), time)
    )
    theta = np.array(rows.start)
    allowed = _SHARE * tolerance * float(np.linalg.norm(_data(rows, np.asarray(t))))
    if is_linear_capable(rows.network):
        chosen = _readout_columns(rows.network)
        matrix = slopes(theta)[:, chosen]
        step, *_ = np.linalg.lstsq(matrix, -misfit(theta), rcond=_CUT)
        theta[chosen] += step
    with np.errstate(all="ignore"):
        return settle(
            lambda q: (None, misfit(q)), slopes, theta, allowed, jacobians=_JACOBIANS
        )


@Hosted
def _data(rows, t):
    """What the field that is zero leaves of the initial data: all of it."""
    zero = lambda x: jnp.zeros(rows.rate.shape, x.dtype)
    return jnp.concatenate([held.rows(zero, t) for held in rows.initial])


def _readout_columns(network: Any) -> np.ndarray:
    """Where the numbers of the readout are among all parameters."""
    chosen = readout_leaves(network)
    marks = jax.tree.map(
        lambda a, yes: np.full(a.shape, float(yes)),
        eqx.filter(network, trainable_leaves(network)),
        eqx.filter(chosen, trainable_leaves(network)),
    )
    return np.asarray(ravel_pytree(marks)[0]) > 0
