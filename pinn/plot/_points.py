"""Where collocation points are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ._file import finished, own_axes


def points(
    terms: Mapping[str, Any], path: str | Path | None = None, *, ax: Any = None
) -> Any:
    """Draw the points of each term.

    Parameters
    ----------
    terms
        For each name the points ``(n, dim)``, or the arguments of a field at them: a
        tuple ``(t, x)``, or a `pinn.RowInput`. The first two coordinates are drawn,
        time before space; one coordinate is drawn along a line for each term.
    path
        A file to write; none if ``None``.
    ax
        Axes of matplotlib to draw in.
    """
    tables = {name: _table(given) for name, given in terms.items()}
    fig, ax, path = own_axes(path, ax, (5, 4.2))
    names = ["$x_0$", "$x_1$"]
    for level, (name, (table, timed)) in enumerate(tables.items()):
        one = table.shape[1] == 1
        second = np.full(len(table), level) if one else table[:, 1]
        ax.plot(table[:, 0], second, ".", ms=3, label=f"{name} ({len(table)})")
        names = ["$x$", ""] if one else names
        if timed:
            names = ["$t$", "$x$" if table.shape[1] == 2 else "$x_0$"]
        elif not one:
            ax.set_aspect("equal")
    ax.set_xlabel(names[0])
    ax.set_ylabel(names[1])
    ax.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return finished(fig, path)


def _table(given: Any) -> tuple[np.ndarray, bool]:
    """All coordinates in columns, and whether the first is the time."""
    arguments = getattr(given, "arguments", given)
    if not isinstance(arguments, tuple):
        arguments = (arguments,)
    columns = [np.asarray(a, float).reshape(len(a), -1) for a in arguments]
    return np.concatenate(columns, axis=1), len(columns) > 1
