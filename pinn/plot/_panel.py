"""One panel: a line or a map with its scale."""

from typing import Any

import numpy as np

from ._grid import Grid

# Maps that are read alike by everybody, the colour-blind too.
SOLUTION, ERROR, RESIDUAL = "viridis", "magma", "cividis"
BLUE = "#20639b"


def draw_panel(
    fig: Any,
    ax: Any,
    grid: Grid,
    title: str,
    colours: str,
    values: np.ndarray,
    logarithmic: bool,
    limits: tuple[float, float] | None = None,
) -> Any:
    """Draw values on a grid as a line or a map; returns what was drawn."""
    ax.set_title(title, fontsize=10)
    ax.set_xlabel(grid.labels[0])
    if grid.is_line:
        ax.tick_params(labelsize=8)
        (line,) = ax.plot(grid.axes[0], values, color=BLUE)
        if logarithmic and np.nanmax(values) > 0:
            ax.set_yscale("log")
        ax.grid(alpha=0.3)
        return line
    from matplotlib.colors import LogNorm, Normalize

    ax.set_ylabel(grid.labels[1])
    ax.tick_params(labelsize=8)
    norm: Any = None if limits is None else Normalize(*limits)
    if logarithmic:
        finite = values[np.isfinite(values) & (values > 0)]
        if finite.size:
            top = float(finite.max())
            # A few points where the error crosses zero should not set the scale.
            bottom = float(np.clip(np.quantile(finite, 0.02), 1e-6 * top, 0.5 * top))
            norm = LogNorm(bottom, top)
            values = np.maximum(values, bottom)  # zeros have a colour too
    # A hole's rim stays sharp where nothing is interpolated across it.
    whole = np.isfinite(values).all()
    image = ax.imshow(
        values.T,
        origin="lower",
        extent=grid.extent,
        aspect="equal" if grid.equal else "auto",
        interpolation="bilinear" if whole else "nearest",
        cmap=colours,
        norm=norm,
    )
    # As high as the map, whatever the shape of the domain.
    scale = ax.inset_axes([1.03, 0.0, 0.05, 1.0], label="<colorbar>")
    bar = fig.colorbar(image, cax=scale)
    bar.ax.tick_params(labelsize=8)
    return image
