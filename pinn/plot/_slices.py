"""Fields in space, by slices."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .._domain import AbstractDomain
from ._file import check_path, finished
from ._grid import evaluate
from ._panel import SOLUTION

_RESOLUTION = 121
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

    Raises
    ------
    ValueError
        If the domain has less than three dimensions, or `through` another number of
        coordinates.
    """
    path = None if path is None else check_path(path)
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
    from matplotlib.figure import Figure

    number = resolution or _RESOLUTION
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
    fig = Figure(figsize=(11, 3.4), layout="constrained")
    panels = fig.subplots(1, 3)
    low, high = float(np.nanmin(maps)), float(np.nanmax(maps))
    image = None
    for ax, (i, j), values in zip(panels, _PAIRS, maps, strict=True):
        image = ax.imshow(
            values.T,
            origin="lower",
            extent=(lower[i], upper[i], lower[j], upper[j]),
            cmap=SOLUTION,
            vmin=low,
            vmax=high,
        )
        (k,) = {0, 1, 2} - {i, j}
        ax.set_title(f"$x_{k} = {centre[k]:.4g}$", fontsize=10)
        ax.set_xlabel(f"$x_{i}$")
        ax.set_ylabel(f"$x_{j}$")
    assert image is not None
    fig.colorbar(image, ax=list(panels), shrink=0.9)
    if title:
        fig.suptitle(title, fontsize=11)
    return finished(fig, path)
