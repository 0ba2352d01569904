"""Activations with their derivatives."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._smoothness import smoothness
from ._file import check_path, finished, several_axes


def derivatives(
    functions: Mapping[str, Callable[..., Any]],
    path: str | Path | None = None,
    *,
    ax: Any = None,
) -> Any:
    """Draw functions of one number with their first three derivatives.

    Kinks that `pinn.smoothness` finds are marked; what automatic differentiation drops
    there is not drawn.

    Parameters
    ----------
    functions
        Activations, by the names they are to have.
    path
        A file to write; none if ``None``.
    ax
        Axes of matplotlib to draw in, four for each function.

    Raises
    ------
    ValueError
        If `ax` has another number of axes, or `path` cannot be written.
    """
    path = None if path is None else check_path(path)
    rows = len(functions)
    given = several_axes(ax, 4 * rows, "the derivatives of these functions")
    if given is None:
        from matplotlib.figure import Figure

        fig = Figure(figsize=(11, 2.4 * rows), layout="constrained")
        axes = fig.subplots(rows, 4, squeeze=False, sharex=True)
    else:
        fig, axes = given[0].figure, np.reshape(np.array(given, object), (rows, 4))
    # An odd offset, so that no point meets a kink.
    s = np.linspace(-5, 5, 2001) + 1e-7
    for row, (name, f) in zip(axes, functions.items(), strict=True):
        kinks = [k for k in smoothness(f).kinks if abs(k) <= 5]
        gaps = np.searchsorted(s, kinks)
        for order, ax in enumerate(row):
            values = np.asarray(jax.vmap(f)(jnp.asarray(s)), float)
            ax.plot(np.insert(s, gaps, np.nan), np.insert(values, gaps, np.nan))
            for k in kinks:
                ax.axvline(k, color="crimson", lw=0.8, ls="--")
            ax.set_title(f"{name}{chr(39) * order}", fontsize=10)
            ax.grid(alpha=0.3)
            f = jax.grad(f)
    return finished(fig, path)
