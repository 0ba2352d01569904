"""Outputs and gradients layer by layer: do they vanish or explode?"""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import keystr, tree_flatten_with_path
from jaxtyping import PRNGKeyArray

from .._compiled import Compiled
from .._problem import Problem
from .._residuals import trainable_leaves
from ._axes import axes, colour
from ._layers import layer_outputs
from ._rows import rows_of


@dataclass(frozen=True)
class LayerStatistics:
    r"""What flows through a network in both directions.

    Attributes
    ----------
    outputs
        Of each hidden layer the values of its units at all points, ``(n, m)``.
    gradients
        The derivatives of the loss in the parameters of each node of the field that has
        some, by its name, ``(p,)``.
    """

    outputs: tuple[np.ndarray, ...]
    gradients: dict[str, np.ndarray]

    @property
    def output_spread(self) -> np.ndarray:
        """Standard deviation of the outputs of each hidden layer."""
        return np.array([np.std(a) for a in self.outputs])

    @property
    def gradient_spread(self) -> dict[str, float]:
        """Root mean square of the derivatives of each node."""
        return {k: float(np.sqrt(np.mean(g**2))) for k, g in self.gradients.items()}

    def as_dict(self) -> dict[str, Any]:
        """The spreads, as numbers that JSON can hold."""
        return {
            "output_spread": self.output_spread.tolist(),
            "gradient_spread": self.gradient_spread,
        }

    def plot(self, ax: Any = None, after: "LayerStatistics | None" = None) -> Any:
        """Draw the histograms of the outputs above those of the gradients.

        On `ax` only the spread of the gradients is drawn, node by node. `after` is
        drawn over it, filled: the same network when it has been trained. Returns the
        figure.
        """
        shown = (
            [("start", self)] if after is None else [("start", self), ("end", after)]
        )
        if ax is not None:
            for i, (label, each) in enumerate(shown):
                spread = each.gradient_spread
                ax.semilogy(list(spread), list(spread.values()), "o-", label=label)
                ax.lines[-1].set_color(colour(i))
            ax.set_ylabel("spread of the gradient")
            ax.tick_params(axis="x", labelrotation=30)
            ax.legend(fontsize=8)
            return ax.figure
        columns = max(len(self.outputs), len(self.gradients))
        panels = axes(None, 2, columns, width=2.6, height=2.4)
        above, below = panels[:columns], panels[columns:]
        for i, panel in enumerate(above[: len(self.outputs)]):
            parts = [(label, each.outputs[i].ravel()) for label, each in shown]
            _histogram(panel, f"outputs of layer {i + 1}", parts)
        for name, panel in zip(self.gradients, below, strict=False):
            parts = [(label, each.gradients[name]) for label, each in shown]
            _histogram(panel, f"gradient, {name}", parts)
        for panel in panels:
            if not panel.patches:
                panel.remove()
        above[0].legend(fontsize=8)
        return above[0].figure


def _histogram(ax: Any, title: str, parts: list[tuple[str, np.ndarray]]) -> None:
    finite = [(label, values[np.isfinite(values)]) for label, values in parts]
    together = np.concatenate([values for _, values in finite])
    bins = int(np.clip(np.sqrt(together.size), 8, 40))
    edges = np.histogram_bin_edges(together, bins)
    for i, (label, values) in enumerate(finite):
        kind = "step" if i == 0 and len(parts) > 1 else "stepfilled"
        share = np.full(values.size, 1 / max(values.size, 1))
        ax.hist(
            values,
            edges,
            weights=share,
            histtype=kind,
            color=colour(i),
            alpha=0.7,
            label=label,
        )
    ax.set_title(title, fontsize=8)
    ax.tick_params(labelsize=7)


def layer_statistics(
    problem: Problem, field: Any, *, key: PRNGKeyArray, points: Any = None
) -> LayerStatistics:
    """The outputs of every layer, and the gradient of the loss in its parameters.

    Parameters
    ----------
    problem
        The problem whose rows make the loss.
    field
        Any network; see `dead_units` for what counts as a layer.
    key
        Draws the points.
    points
        As in `pinn.solve`; 200 for the equation by default.

    Raises
    ------
    ValueError
        If an argument is wrong, or the field shows no layers.

    References
    ----------
    Glorot & Bengio, AISTATS 2010 (histograms of outputs and gradients).
    """
    residuals, train = rows_of(problem, field, points, key)
    outputs = _outputs(field, train["equation"].arguments)
    gradient = _gradient(residuals, field, train)
    return LayerStatistics(
        outputs=tuple(np.asarray(a) for a in outputs),
        gradients={name: np.asarray(g) for name, g in by_node(gradient).items()},
    )


def by_node(tree: Any) -> dict[str, jax.Array]:
    """The arrays of a tree, those of one node in one vector, by the node's name."""
    parts: dict[str, list[jax.Array]] = {}
    for path, leaf in tree_flatten_with_path(tree)[0]:
        node = path[:-1] if len(path) > 1 else path
        parts.setdefault(keystr(node).lstrip("."), []).append(jnp.ravel(leaf))
    return {name: jnp.concatenate(leaves) for name, leaves in parts.items()}


def _gradient_of(residuals, field, points):
    unknown, fixed = eqx.partition(field, trainable_leaves(field))
    return jax.grad(lambda q: residuals.loss(eqx.combine(q, fixed), points))(unknown)


def _outputs_of(field, arguments):
    return jax.vmap(lambda *a: layer_outputs(field, *a))(*arguments)


_gradient = Compiled(_gradient_of)
_outputs = Compiled(_outputs_of)
