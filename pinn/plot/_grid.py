"""The points of a picture, and fields at them."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._compiled import Compiled
from .._domain import AbstractBox, AbstractDomain
from .._evaluate import in_blocks, mapped

_FULL, _ROUND = 121, 301  # points along the longer axis; more so that a rim looks round


def usual_resolution(domain: AbstractDomain) -> int:
    """Points along the longer axis of a picture where no number was asked for."""
    return _FULL if isinstance(domain, AbstractBox) else _ROUND


class Grid:
    """The points of a picture, and which of them are in the domain."""

    def __init__(
        self,
        domain: AbstractDomain,
        time: tuple[float, float] | None,
        at: float | None,
        resolution: int | None,
    ):
        resolution = resolution or usual_resolution(domain)
        lower, upper = (np.asarray(b, float) for b in domain.bounds)
        dim = domain.dim
        self.caption = ""
        self.is_line = time is None and dim == 1
        if self.is_line:
            self.axes = [np.linspace(lower[0], upper[0], 4 * resolution)]
            self.labels = ["$x$"]
            x = self.axes[0][:, None]
            self.arguments: tuple[np.ndarray, ...] = (x,)
            self.shape: tuple[int, ...] = (len(x),)
        elif dim == 1:
            assert time is not None
            t = np.linspace(time[0], time[1], resolution)
            x = np.linspace(lower[0], upper[0], resolution)
            self.axes, self.labels = [t, x], ["$t$", "$x$"]
            first, second = np.meshgrid(t, x, indexing="ij")
            self.arguments = (first.ravel(), second.ravel()[:, None])
            self.shape = first.shape
        else:
            spans = upper[:2] - lower[:2]
            numbers = np.maximum(2, np.round(resolution * spans / spans.max())).astype(
                int
            )
            self.axes = [
                np.linspace(a, b, int(n))
                for a, b, n in zip(lower[:2], upper[:2], numbers, strict=True)
            ]
            self.labels = ["$x_0$", "$x_1$"]
            first, second = np.meshgrid(*self.axes, indexing="ij")
            x = np.tile((lower + upper) / 2, (first.size, 1))
            x[:, 0], x[:, 1] = first.ravel(), second.ravel()
            self.shape = first.shape
            captions = []
            if dim > 2:
                captions.append("slice through the centre")
            if time is not None:
                moment = time[1] if at is None else at
                captions.append(f"$t = {moment:.4g}$")
                self.arguments = (np.full(len(x), moment), x)
            else:
                self.arguments = (x,)
            self.caption = ", ".join(captions)
        self.equal = not self.is_line and dim > 1
        self.domain = domain

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Edges of the picture: half a step beyond the outer points."""
        (x, y), (dx, dy) = self.axes, (a[1] - a[0] for a in self.axes)
        return (
            float(x[0] - dx / 2),
            float(x[-1] + dx / 2),
            float(y[0] - dy / 2),
            float(y[-1] + dy / 2),
        )

    @property
    def panel_size(self) -> tuple[float, float]:
        if not self.equal:
            return 4.2, 3.4
        spans = [axis[-1] - axis[0] for axis in self.axes]
        ratio = float(np.clip(spans[1] / spans[0], 0.4, 2.0))
        return 4.2, 0.9 + 3.1 * ratio


def evaluate(
    field: Callable[..., Any],
    exact: Callable[..., Any] | None,
    residual: Callable[..., Any] | None,
    domain: AbstractDomain,
    arguments: tuple[np.ndarray, ...],
    component: int | None,
) -> dict[str, np.ndarray]:
    """Field, error and residual at many points, NaN outside of the domain.

    A `component` of ``None`` keeps all components of the field, along a last axis.
    """
    table = in_blocks(
        lambda some: _at_points(field, exact, residual, domain, some, component),
        arguments,
    )
    inside = table.pop("inside")
    for values in table.values():
        values[~inside] = np.nan
    return table


def _values_at_points(field, exact, residual, domain, arguments, component):
    def one(*point):
        value = jnp.asarray(field(*point))
        pick = lambda v: jnp.ravel(jnp.asarray(v))
        if component is not None:
            pick = lambda v: jnp.ravel(jnp.asarray(v))[component]
        result = {"field": pick(value), "inside": domain.contains(point[-1])}
        if exact is not None:
            result["error"] = jnp.abs(pick(value) - pick(exact(*point)))
        if residual is not None:
            leaves = jax.tree.leaves(residual(*point))
            squares = [jnp.sum(jnp.ravel(jnp.asarray(leaf)) ** 2) for leaf in leaves]
            result["residual"] = jnp.sqrt(sum(squares[1:], squares[0]))
        return result

    return mapped(one, field, arguments)


_at_points = Compiled(_values_at_points)
