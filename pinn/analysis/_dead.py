"""Units that are dead: to the loss, or to the derivatives that an equation sees."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray

from .._checks import is_number
from .._compiled import Compiled
from .._equation import field_shape
from .._network import MLP, out_size_of
from .._problem import Problem
from ._axes import axes, colour
from ._layers import layer_outputs
from ._profile import named
from ._rows import check_count, check_problem, places_of

ORDERS = ("output", "first derivative", "second derivative")


@dataclass(frozen=True)
class DeadUnits:
    r"""Units whose output, or a derivative of it, is zero on every point.

    Attributes
    ----------
    size
        The largest absolute value over the points of the output of each unit, of its
        first and of its second derivatives in the inputs, layer by layer, ``(3, m)``.
    dead
        Whether that is zero, or below the tolerance times the layer's largest.
    """

    size: tuple[np.ndarray, ...]
    dead: tuple[np.ndarray, ...]

    @property
    def counts(self) -> np.ndarray:
        """Dead units of each layer by output, first and second derivative,
        ``(layers, 3)``."""
        return np.array([np.sum(d, axis=1) for d in self.dead])

    @property
    def share(self) -> np.ndarray:
        """The same over the number of all units, ``(3,)``, from 0 to 1."""
        return np.mean(np.concatenate(self.dead, axis=1), axis=1)

    def as_dict(self) -> dict[str, Any]:
        """Counts by layer, as numbers that JSON can hold."""
        return {
            name: self.counts[:, order].tolist() for order, name in enumerate(ORDERS)
        } | {"units": [d.shape[1] for d in self.dead]}

    def plot(self, ax: Any = None) -> Any:
        """Draw the share of dead units of each layer. Returns the figure."""
        (ax,) = axes(ax)
        places = np.arange(1, len(self.dead) + 1)
        for order, name in enumerate(ORDERS):
            shares = [np.mean(d[order]) for d in self.dead]
            ax.bar(
                places + 0.27 * (order - 1),
                shares,
                0.27,
                color=colour(order),
                label=name,
            )
        ax.set(xlabel="layer", ylabel="share of units at zero", ylim=(0, 1.05))
        ax.set_xticks(places)
        ax.legend(fontsize=8)
        return ax.figure


def dead_units(
    problem: Problem,
    field: Any,
    *,
    key: PRNGKeyArray,
    points: Any = None,
    tol: float = 0.0,
) -> DeadUnits:
    r"""Which units are zero at every point, and which have derivatives that are.

    An equation of order two sees a unit through its second derivatives in the inputs,

    $$ \max_i \max_{j,k} \bigl|\partial_j \partial_k h(x_i)\bigr|, $$

    so that a unit of ReLU is dead to it wherever its kink lies: a network of ReLU has
    no living unit, while its outputs look healthy. The derivatives are those of
    automatic differentiation, which drops what a kink adds.

    Parameters
    ----------
    problem
        Where the points come from.
    field
        Any network. What a product with weights reads, but for the first, is taken to
        be the output of a layer.
    key
        Draws the points.
    points
        As in `pinn.solve`; 200 by default.
    tol
        What counts as zero, relative to the largest of the layer, dimensionless.

    Raises
    ------
    ValueError
        If an argument is wrong, or the field shows no layers.
    """
    if not (is_number(tol) and 0 <= tol < 1):
        raise ValueError(f"`tol` takes a number from 0 to below 1; got {tol!r}.")
    return dead_at(field, places_of(problem, field, points, key), tol)


def dead_at(field: Any, places: tuple[Any, ...], tol: float = 0.0) -> DeadUnits:
    """The same at arguments that are there already."""
    sizes = [np.asarray(size) for size in _sizes(field, places)]
    # With no tolerance also where the largest is infinite; of a plane all second
    # derivatives are zero, and so is the largest.
    least = [tol * np.max(a, axis=1, keepdims=True) if tol else 0.0 for a in sizes]
    return DeadUnits(
        size=tuple(sizes),
        dead=tuple(a <= limit for a, limit in zip(sizes, least, strict=True)),
    )


def _sizes_of(field, arguments):
    def at(*point):
        y = jnp.concatenate([jnp.ravel(a) for a in point])
        shapes = [a.shape for a in point]

        def layers(y):
            parts, start = [], 0
            for shape in shapes:
                stop = start + int(np.prod(shape))
                parts.append(y[start:stop].reshape(shape))
                start = stop
            return layer_outputs(field, *parts)

        first = jax.jacfwd(layers)
        return layers(y), first(y), jax.jacfwd(first)(y)

    def largest(a):  # over the points and the directions: (n, m, ...) to (m,)
        return jnp.max(jnp.abs(a), axis=(0, *range(2, a.ndim)))

    orders = jax.vmap(at)(*arguments)
    return [
        jnp.stack([largest(a) for a in layer]) for layer in zip(*orders, strict=True)
    ]


_sizes = Compiled(_sizes_of)


@dataclass(frozen=True)
class DeadUnitGrowth:
    """How many units are dead at the start, by the size of the network.

    Attributes
    ----------
    activations
        Their names.
    widths, depths
        Sizes of the networks.
    share
        Mean share of dead units over the seeds, ``(activations, depths, widths, 3)``,
        by output, first and second derivative.
    """

    activations: tuple[str, ...]
    widths: tuple[int, ...]
    depths: tuple[int, ...]
    share: np.ndarray

    def plot(self, ax: Any = None, order: int = 0) -> Any:
        """Draw the share against the depth, a line for each width; `order` is 0 for
        the output, 1 and 2 for its derivatives. Returns the figure."""
        (ax,) = axes(ax)
        for i, name in enumerate(self.activations):
            for j, width in enumerate(self.widths):
                ax.plot(
                    self.depths,
                    self.share[i, :, j, order],
                    color=colour(i),
                    marker="osv^Dx"[j % 6],
                    label=f"{name}, width {width}",
                )
        ax.set(xlabel="depth", ylabel=f"share of units, {ORDERS[order]} zero")
        ax.set_ylim(-0.02, 1.02)
        ax.legend(fontsize=7)
        ax.grid(alpha=0.3)
        return ax.figure


def dead_unit_growth(
    problem: Problem,
    activations: Sequence[str | Callable[..., Any]],
    *,
    key: PRNGKeyArray,
    widths: Sequence[int] = (4, 16, 64),
    depths: Sequence[int] = (1, 2, 4, 8),
    seeds: int = 5,
    points: Any = None,
) -> DeadUnitGrowth:
    """The share of dead units of untrained networks, `MLP`, over depth and width.

    Parameters
    ----------
    problem
        Its domain is where the units are looked at.
    activations
        Names of the catalogue, or functions.
    key
        Draws points and networks.
    widths, depths
        Units of each hidden layer, and hidden layers.
    seeds
        Networks of each size.
    points
        As in `pinn.solve`; 200 by default.

    Raises
    ------
    ValueError
        If an argument is wrong.
    """
    check_problem(problem)
    check_count(seeds=seeds)
    pairs = [named(a) for a in activations]
    shape = field_shape(problem)
    share = np.zeros((len(pairs), len(depths), len(widths), 3))
    for i, (_, function) in enumerate(pairs):
        for j, depth in enumerate(depths):
            for k, width in enumerate(widths):
                shares = []
                for seed in range(seeds):
                    network = MLP(
                        problem.in_size,
                        out_size_of(shape),
                        width,
                        depth,
                        function,
                        bounds=problem.bounds,
                        key=jr.fold_in(key, seed),
                    )
                    found = dead_units(problem, network, key=key, points=points)
                    shares.append(found.share)
                share[i, j, k] = np.mean(shares, axis=0)
    names = tuple(name for name, _ in pairs)
    return DeadUnitGrowth(names, tuple(widths), tuple(depths), share)
