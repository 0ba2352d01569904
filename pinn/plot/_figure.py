"""A field with its error and its residual."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .._domain import AbstractDomain
from ._file import check_path, finished
from ._grid import Grid, evaluate
from ._panel import ERROR, RESIDUAL, SOLUTION, draw_panel

_SNAPSHOTS = 5


def figure(
    field: Callable[..., Any],
    domain: AbstractDomain,
    path: str | Path | None = None,
    *,
    time: tuple[float, float] | None = None,
    at: float | None = None,
    times: Any = None,
    exact: Callable[..., Any] | None = None,
    residual: Callable[..., Any] | None = None,
    title: str = "",
    component: int = 0,
    resolution: int | None = None,
    ax: Any = None,
) -> Any:
    """Draw a field, its error and its residual side by side.

    One coordinate gives lines; two give maps on the true shape, holes left out, with
    equal axes. Space against time is a map too, with snapshots beside it. Of three and
    more coordinates a slice through the centre along the first two axes is drawn.

    Parameters
    ----------
    field
        ``u(x)``, or ``u(t, x)`` with `time`.
    domain
        The region of space.
    path
        A file to write, PNG, PDF or SVG; none if ``None``.
    time
        First and last time.
    at
        The time of the picture of a field in two and more dimensions of space; the
        last by default.
    times
        Times of snapshots: beside the map of one dimension of space, where they are
        five by default; in more dimensions they are drawn in a row, with one scale, in
        place of the picture at one time.
    exact
        The exact solution; without it the error is not drawn.
    residual
        The residual of the equation, a function like `field`.
    title
        Written above.
    component
        Of a vector field, the component to draw.
    resolution
        Points along the longer axis; by default 121, and 301 where the domain does
        not fill its bounds, so that a rim looks round.
    ax
        Axes of matplotlib to draw the field alone in, without error and residual.

    Returns
    -------
    matplotlib.figure.Figure
        It belongs to no window; `figure.savefig` writes it again.

    Raises
    ------
    ValueError
        If `path` cannot be written or `times` do not fit, before anything is computed.
    """
    path = None if path is None else check_path(path)
    times = _check_times(times, time)
    if times is not None and domain.dim > 1 and ax is None:
        return _row(field, domain, path, time, times, title, component, resolution)
    grid = Grid(domain, time, at, resolution)
    if ax is not None:
        exact = residual = None
    arrays = evaluate(field, exact, residual, domain, grid.arguments, component)
    arrays = {name: values.reshape(grid.shape) for name, values in arrays.items()}
    panels = [("solution $u$", SOLUTION, arrays["field"], False)]
    if exact is not None:
        panels.append((r"error $|u - u_\mathrm{exact}|$", ERROR, arrays["error"], True))
    if residual is not None:
        panels.append(("|residual|", RESIDUAL, arrays["residual"], True))
    caption = ", ".join(text for text in (title, grid.caption) if text)
    if ax is not None:
        draw_panel(ax.figure, ax, grid, caption or "solution $u$", *panels[0][1:])
        return finished(ax.figure, path)
    from matplotlib.figure import Figure

    snapshots = time is not None and domain.dim == 1
    width, height = grid.panel_size
    count = len(panels) + snapshots
    # Four in a row would be too flat to read where pictures are small.
    rows, columns = (2, 2) if count == 4 else (1, count)
    fig = Figure(figsize=(width * columns, height * rows), layout="constrained")
    axes = list(np.ravel(fig.subplots(rows, columns)))
    if snapshots:
        assert time is not None
        own = np.linspace(*time, _SNAPSHOTS) if times is None else times
        _draw_snapshots(axes.pop(1), grid, arrays["field"], own)
    for axes_of_one, panel in zip(axes, panels, strict=True):
        draw_panel(fig, axes_of_one, grid, *panel)
    if caption:
        fig.suptitle(caption, fontsize=11)
    return finished(fig, path)


def _check_times(times, time):
    if times is None:
        return None
    if time is None:
        raise ValueError("`times` needs a field with a time; this one has none.")
    found = np.atleast_1d(np.asarray(times, float))
    if found.ndim != 1 or not len(found) or not (np.diff(found) > 0).all():
        raise ValueError(f"`times` takes increasing numbers; got {times!r}.")
    if found[0] < time[0] or found[-1] > time[1]:
        raise ValueError(
            f"`times` takes times from {time[0]:g} to {time[1]:g}; got {times!r}."
        )
    return found


def _draw_snapshots(ax, grid, values, times):
    """Lines over space at some times, from the rows of a map of space and time."""
    from matplotlib import colormaps

    t, x = grid.axes
    # One third of the scale is left out, where lines would be too bright to see.
    colours = colormaps[SOLUTION](np.linspace(0, 0.85, len(times)))
    for moment, colour in zip(times, colours, strict=True):
        row = [np.interp(moment, t, column) for column in values.T]
        ax.plot(x, row, color=colour, label=f"$t = {moment:.3g}$")
    ax.set_title("snapshots", fontsize=10)
    ax.set_xlabel(grid.labels[1])
    ax.tick_params(labelsize=8)
    # Beside the lines, as a scale is beside a map, so that it never hides one.
    beside: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1, 1)}
    ax.legend(fontsize=7, frameon=False, **beside)
    ax.grid(alpha=0.3)


def _row(field, domain, path, time, times, title, component, resolution):
    """Maps at several times side by side, with one scale."""
    from matplotlib.figure import Figure

    grids = [Grid(domain, time, float(moment), resolution) for moment in times]
    tables = [
        evaluate(field, None, None, domain, g.arguments, component)["field"]
        for g in grids
    ]
    limits = (float(np.nanmin(tables)), float(np.nanmax(tables)))
    width, height = grids[0].panel_size
    fig = Figure(figsize=(0.85 * width * len(grids), height), layout="constrained")
    axes = np.ravel(fig.subplots(1, len(grids), sharey=True))
    for ax, grid, table in zip(axes, grids, tables, strict=True):
        last = ax is axes[-1]
        draw_panel(
            fig,
            ax,
            grid,
            grid.caption,
            SOLUTION,
            table.reshape(grid.shape),
            False,
            limits,
        )
        if not last:
            ax.images[0].colorbar.remove()
    if title:
        fig.suptitle(title, fontsize=11)
    return finished(fig, path)
