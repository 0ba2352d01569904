"""Where the analyses draw; matplotlib is imported here, inside the function."""

from typing import Any

# Orange, blue, green, ...: told apart with every kind of colour vision (Okabe & Ito).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
MAP = "viridis"


def axes(
    ax: Any, rows: int = 1, columns: int = 1, *, width: float = 4.2, height: float = 3.2
) -> list[Any]:
    """The caller's axes alone, or those of a new figure, row by row.

    The figure belongs to no window, so that no display is needed.
    """
    if ax is not None:
        return [ax]
    from matplotlib.figure import Figure

    size = (width * columns, height * rows)
    figure = Figure(figsize=size, layout="constrained")
    return list(figure.subplots(rows, columns, squeeze=False).ravel())


def colour(i: int) -> str:
    return COLOURS[i % len(COLOURS)]


def shades(values: Any) -> Any:
    """The colours of values from 0 to 1."""
    from matplotlib import colormaps

    return colormaps[MAP](values)
