"""The loss on a plane through the parameters."""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax import lax
from jaxtyping import PRNGKeyArray

from .._checks import is_number
from .._compiled import Compiled
from .._problem import Problem
from .._residuals import trainable_leaves
from ._axes import MAP, axes
from ._rows import check_count, rows_of

# Losses computed at once.
_CHUNK = 16


@dataclass(frozen=True)
class LossLandscape:
    r"""The loss $L(\theta + \alpha\,\delta + \beta\,\eta)$.

    Attributes
    ----------
    steps
        The values of $\alpha$ and of $\beta$, ``(n,)``, dimensionless.
    loss
        ``(n, n)``, the first axis for $\alpha$.
    directions
        $\delta$ and $\eta$, trees like the trainable part of the field.
    """

    steps: np.ndarray
    loss: np.ndarray
    directions: tuple[Any, Any]

    def plot(self, ax: Any = None) -> Any:
        """Draw level lines of the logarithm of the loss. Returns the figure."""
        (ax,) = axes(ax)
        positive = np.where(self.loss > 0, self.loss, np.nan)
        heights = np.log10(positive)
        image = ax.contourf(self.steps, self.steps, heights.T, 24, cmap=MAP)
        ax.plot(0, 0, "w+", ms=10)
        ax.set(xlabel=r"$\alpha$", ylabel=r"$\beta$", aspect="equal")
        ax.figure.colorbar(image, ax=ax, label=r"$\log_{10}$ loss", shrink=0.9)
        return ax.figure


def loss_landscape(
    problem: Problem,
    field: Any,
    *,
    key: PRNGKeyArray,
    points: Any = None,
    radius: float = 1.0,
    n: int = 25,
) -> LossLandscape:
    r"""The loss on a random plane, scaled to the weights filter by filter.

    A random direction $d$ is drawn for every array of the field; then each filter (the
    weights that enter one unit, a row of the array; a vector as a whole) is scaled to
    the length of the filter that it is added to,

    $$ \delta_{ij} = \frac{d_{ij}}{\|d_{ij}\|} \|\theta_{ij}\|, $$

    so that plots of networks whose weights differ in scale can be compared.

    Parameters
    ----------
    problem
        The problem whose rows make the loss.
    field
        Any network.
    key
        Draws points and directions.
    points
        As in `pinn.solve`; 200 for the equation by default.
    radius
        Largest $|\alpha|$, dimensionless: at 1 weights and directions are as long.
    n
        Values of $\alpha$ and $\beta$; odd, so that the field itself is among them.

    Raises
    ------
    ValueError
        If an argument is wrong.

    References
    ----------
    Li, Xu, Taylor, Studer & Goldstein, NeurIPS 2018.
    """
    check_count(n=n)
    if n % 2 == 0:
        raise ValueError(f"`n` takes an odd number, so that 0 is among them; got {n}.")
    if not (is_number(radius) and 0 < radius < np.inf):
        raise ValueError(f"`radius` takes a positive number; got {radius!r}.")
    residuals, train = rows_of(problem, field, points, key)
    first, second = (filter_normalised(field, key=jr.fold_in(key, i)) for i in (1, 2))
    steps = np.linspace(-radius, radius, n)
    grid = jnp.asarray(np.stack(np.meshgrid(steps, steps, indexing="ij"), -1))
    losses = _losses(residuals, field, first, second, train, grid.reshape(-1, 2))
    return LossLandscape(steps, np.asarray(losses).reshape(n, n), (first, second))


def filter_normalised(field: Any, *, key: PRNGKeyArray) -> Any:
    """A random direction with the length of the field's own weights in each filter."""
    trainable = eqx.filter(field, trainable_leaves(field))
    leaves, structure = jax.tree.flatten(trainable)
    return jax.tree.unflatten(
        structure,
        [_direction(leaf, jr.fold_in(key, i)) for i, leaf in enumerate(leaves)],
    )


def _direction(weight: Any, key: PRNGKeyArray) -> Any:
    random = jr.normal(key, weight.shape, weight.dtype)
    rows = (weight.shape[0], -1) if weight.ndim > 1 else (1, -1)
    d, w = random.reshape(rows), weight.reshape(rows)
    length = lambda a: jnp.linalg.norm(a, axis=1, keepdims=True)
    return (d / length(d) * length(w)).reshape(weight.shape)


def _losses_at(residuals, field, first, second, points, places):
    unknown, fixed = eqx.partition(field, trainable_leaves(field))

    def loss(place):
        a, b = place[0], place[1]
        moved = jax.tree.map(
            lambda t, d, e: t + a.astype(t.dtype) * d + b.astype(t.dtype) * e,
            unknown,
            first,
            second,
        )
        return residuals.loss(eqx.combine(moved, fixed), points)

    return lax.map(loss, places, batch_size=_CHUNK)


_losses = Compiled(_losses_at)
