"""Files and axes that pictures go to."""

from pathlib import Path
from typing import Any

import numpy as np

from .._paths import check_folder

FORMATS = (".png", ".pdf", ".svg")
_DPI = 120


def check_path(path: Any, formats: tuple[str, ...] = FORMATS, sep: str = ", ") -> Path:
    """A path that a figure, or a film, can be written to.

    Raises
    ------
    ValueError
        If its ending is none of the formats, or its folder cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in formats:
        raise ValueError(
            f"`path` takes a file ending in {sep.join(formats)}; got '{path}'."
        )
    if path.is_dir():
        raise ValueError(f"`path`: '{path}' is a folder; name a file in it.")
    check_folder("path", path)
    return path


def own_axes(path: Any, ax: Any, size: tuple[float, float]) -> tuple[Any, Any, Any]:
    """The figure, the axes and the checked path of a picture.

    The axes are those that were given, or the only ones of a new figure, which belongs
    to no window.
    """
    path = None if path is None else check_path(path)
    if ax is not None:
        return ax.figure, ax, path
    from matplotlib.figure import Figure

    fig = Figure(figsize=size, layout="constrained")
    return fig, fig.subplots(), path


def several_axes(ax: Any, count: int, of_what: str) -> list[Any] | None:
    """The axes that were given for a picture of several panels, if there are any.

    Raises
    ------
    ValueError
        If they are more or less than `count`.
    """
    if ax is None:
        return None
    given = list(np.ravel(np.asarray(ax, dtype=object)))
    if len(given) != count:
        raise ValueError(f"`ax` takes {count} axes for {of_what}; got {len(given)}.")
    return given


def finished(fig: Any, path: str | Path | None) -> Any:
    """The figure, written if there is a path."""
    if path is not None:
        fig.savefig(path, dpi=_DPI)
    return fig
