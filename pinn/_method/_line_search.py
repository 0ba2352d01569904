r"""A line search to a point where the strong Wolfe conditions hold.

$$ f(\theta + \alpha d) \le f(\theta) + c_1 \alpha\, g^T d, \qquad
   |g(\theta + \alpha d)^T d| \le c_2 |g^T d|. $$

The second makes $y^T s > 0$ for the next quasi-Newton update.

One loop brackets and then narrows the bracket, so that the function and its gradient
stand once in what is compiled: a residual with second derivatives takes seconds to
compile, and a search in several phases holds it several times.

References
----------
Nocedal & Wright, Numerical Optimization, algorithms 3.5 and 3.6.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

SUFFICIENT_DECREASE, CURVATURE = 1e-4, 0.9
_MOST_EVALUATIONS = 25
# Where no bracket is known, the next length over the last.
_GROWTH = 2.0
# A new length keeps this share of the bracket between itself and either end.
_MARGIN = 0.1


class Found(NamedTuple):
    """The end of a line search.

    Attributes
    ----------
    step
        $s = \\alpha d$.
    value, gradient
        Of the function there.
    length
        $\\alpha$.
    """

    step: Float[Array, " p"]
    value: Float[Array, ""]
    gradient: Float[Array, " p"]
    length: Float[Array, ""]


def wolfe(
    function: Callable[[Any], Any],
    theta: Float[Array, " p"],
    value: Float[Array, ""],
    gradient: Float[Array, " p"],
    direction: Float[Array, " p"],
) -> Found:
    """Go along a descent direction, from a length of 1, until the conditions hold.

    Parameters
    ----------
    function
        $f$, of a vector.
    theta, value, gradient
        Where the search starts, and $f$ and its gradient there.
    direction
        $d$ with $g^T d < 0$.

    Returns
    -------
    Found
        Where no such point was found, the best that was.
    """
    slope = gradient @ direction
    along = lambda length: theta + length * direction
    zero = jnp.zeros_like(value)

    def unfinished(search: _Search) -> Array:
        return ~search.done & (search.tries < _MOST_EVALUATIONS)

    def narrowed(search: _Search) -> _Search:
        value_here, gradient_here = jax.value_and_grad(function)(along(search.length))
        here = _End(search.length, value_here, gradient_here @ direction)
        enough = value + SUFFICIENT_DECREASE * here.length * slope
        best, far = search.best, search.far
        # False for numbers that are not finite: such a length is too long.
        better = (here.value <= enough) & (here.value < best.value)
        better = better & jnp.all(jnp.isfinite(gradient_here))
        done = better & (jnp.abs(here.slope) <= CURVATURE * jnp.abs(slope))
        # The minimum lies between the better of two ends and the side its slope is to.
        behind = here.slope * (here.length - best.length) >= 0
        pick = lambda condition, yes, no: jax.tree.map(
            lambda a, b: jnp.where(condition, a, b), yes, no
        )
        far = pick(better, pick(behind, best, far), here)
        best = pick(better, here, best)
        return _Search(
            best=best,
            far=far,
            gradient=jnp.where(better, gradient_here, search.gradient),
            length=jnp.where(
                jnp.isinf(far.length), _GROWTH * here.length, _between(best, far)
            ),
            done=done,
            tries=search.tries + 1,
        )

    found = jax.lax.while_loop(
        unfinished,
        narrowed,
        _Search(
            best=_End(zero, value, slope),
            far=_End(zero + jnp.inf, zero, zero),
            gradient=gradient,
            length=zero + 1,
            done=jnp.asarray(False),
            tries=jnp.asarray(0),
        ),
    )
    length = found.best.length
    return Found(length * direction, found.best.value, found.gradient, length)


class _End(NamedTuple):
    """One end of a bracket: its length, the value there, the slope along d."""

    length: Float[Array, ""]
    value: Float[Array, ""]
    slope: Float[Array, ""]


class _Search(NamedTuple):
    """The bracket from its better end, whose gradient is kept, to the far one."""

    best: _End
    far: _End  # of infinite length while there is none
    gradient: Float[Array, " p"]
    length: Float[Array, ""]  # the next to be tried
    done: Array
    tries: Array


def _between(a: _End, b: _End) -> Array:
    """The minimum of the cubic through both ends, or the middle if it has none."""
    width = b.length - a.length
    secant = (b.value - a.value) / width
    middle = a.slope + b.slope - 3 * secant
    root = jnp.sqrt(middle**2 - a.slope * b.slope) * jnp.sign(width)
    share = (root + middle - a.slope) / (b.slope - a.slope + 2 * root)
    share = jnp.where(jnp.isfinite(share), share, 0.5)
    return a.length + width * jnp.clip(share, _MARGIN, 1 - _MARGIN)
