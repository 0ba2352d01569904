"""Fields in space, by slices."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .._domain import AbstractDomain
from ._file import check_path, finished, several_axes
from ._grid import evaluate, usual_resolution
from ._panel import SOLUTION

_PAIRS = ((0, 1), (0, 2), (1, 2))


def slices(
    field: Callable[..., Any],
    domain: AbstractDomain,
    path: str | Path | None = None,
    *,
    through: Any = None,
    time: tuple[float, float] | None = None,
    at: float | None = None,
    title: str = "",
    component: int = 0,
    resolution: int | None = None,
    ax: Any = None,
) -> Any:
    """Draw three slices through a point of a field in three or more dimensions.

    Parameters
    ----------
    field, path, time, at, title, component, resolution
        See `figure`.
    domain
        In three dimensions or more; the slices are along the first three axes.
    through
        The point; the centre of the bounds by default.
    ax
        Three axes of matplotlib to draw in.

    Raises
    ------
    ValueError
        If the domain has less than three dimensions, `through` another number of
        coordinates, or `ax` is not three axes.
    """
    path = None if path is None else check_path(path)
    given = several_axes(ax, len(_PAIRS), "slices")
    if domain.dim < 3:
        raise ValueError(
            f"`domain` takes three dimensions or more for slices; got {domain.dim}. "
            "Use `figure`."
        )
    lower, upper = (np.asarray(b, float) for b in domain.bounds)
    centre = (lower + upper) / 2 if through is None else np.asarray(through, float)
    if centre.shape != lower.shape:
        raise ValueError(
            f"`through` takes a point of {domain.dim} coordinates; got {through!r}."
        )
    number = resolution or usual_resolution(domain)
    maps = []
    for i, j in _PAIRS:
        axes = [np.linspace(lower[k], upper[k], number) for k in (i, j)]
        first, second = np.meshgrid(*axes, indexing="ij")
        x = np.tile(centre, (first.size, 1))
        x[:, i], x[:, j] = first.ravel(), second.ravel()
        arguments: tuple[np.ndarray, ...] = (x,)
        if time is not None:
            arguments = (np.full(len(x), time[1] if at is None else at), x)
        table = evaluate(field, None, None, domain, arguments, component)["field"]
        maps.append(table.reshape(first.shape))
    fig, panels = _panels(given)
    low, high = float(np.nanmin(maps)), float(np.nanmax(maps))
    image = None
    for panel, (i, j), values in zip(panels, _PAIRS, maps, strict=True):
        image = panel.imshow(
            values.T,
            origin="lower",
            extent=(lower[i], upper[i], lower[j], upper[j]),
            cmap=SOLUTION,
            vmin=low,
            vmax=high,
        )
        (k,) = {0, 1, 2} - {i, j}
        panel.set_title(f"$x_{k} = {centre[k]:.4g}$", fontsize=10)
        panel.set_xlabel(f"$x_{i}$")
        panel.set_ylabel(f"$x_{j}$")
        panel.tick_params(labelsize=8)
    assert image is not None
    fig.colorbar(image, ax=panels, shrink=0.9)
    if title and given is None:
        fig.suptitle(title, fontsize=11)
    elif title:
        panels[1].set_title(f"{title}\n{panels[1].get_title()}", fontsize=10)
    return finished(fig, path)


def _panels(given: list[Any] | None) -> tuple[Any, list[Any]]:
    """The axes that were given with their figure, or those of a new one."""
    if given is not None:
        return given[0].figure, given
    from matplotlib.figure import Figure

    fig = Figure(figsize=(11, 3.4), layout="constrained")
    return fig, list(fig.subplots(1, len(_PAIRS)))
