"""Vector fields in the plane."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .._domain import AbstractDomain
from ._file import finished, own_axes
from ._grid import Grid, evaluate
from ._panel import SOLUTION, draw_panel


def streamlines(
    field: Callable[..., Any],
    domain: AbstractDomain,
    path: str | Path | None = None,
    *,
    time: tuple[float, float] | None = None,
    at: float | None = None,
    title: str = "",
    resolution: int | None = None,
    ax: Any = None,
) -> Any:
    """Draw the streamlines of a vector field in the plane over a map of its size.

    Parameters
    ----------
    field
        ``v(x)`` or ``v(t, x)``; its first two components are the vector.
    domain
        In two dimensions.
    path, time, at, title, resolution, ax
        See `figure`.

    Raises
    ------
    ValueError
        If the field has less than two components, or the domain other than two
        dimensions.
    """
    if domain.dim != 2:
        raise ValueError(
            f"`domain` takes two dimensions for streamlines; got {domain.dim}."
        )
    grid = Grid(domain, time, at, resolution)
    table = evaluate(field, None, None, domain, grid.arguments, None)["field"]
    if table.shape[1] < 2:
        raise ValueError("`field` takes two components for streamlines; got one.")
    fig, ax, path = own_axes(path, ax, grid.panel_size)
    first, second = (table[:, i].reshape(grid.shape) for i in (0, 1))
    caption = ", ".join(text for text in (title, grid.caption) if text)
    size = np.hypot(first, second)
    draw_panel(fig, ax, grid, caption or "$|u|$", SOLUTION, size, False)
    x, y = grid.axes
    ax.streamplot(x, y, first.T, second.T, color="white", linewidth=0.7, arrowsize=0.7)
    left, right, bottom, top = grid.extent
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)
    return finished(fig, path)
