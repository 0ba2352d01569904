"""Fields in the files of ParaView and other programs for pictures in space."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .._domain import AbstractDomain
from .._paths import check_folder
from ._grid import at_points, coordinates

_CELLS = {1: "line", 2: "quad", 3: "hexahedron"}
# Corners of a cell in the order of VTK.
_CORNERS = {
    1: [(0,), (1,)],
    2: [(0, 0), (1, 0), (1, 1), (0, 1)],
    3: [
        *((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)),
        *((0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)),
    ],
}


def to_paraview(
    field: Callable[..., Any],
    domain: AbstractDomain,
    path: str | Path,
    grid: int | Mapping[str, Any] | None = None,
    *,
    time: tuple[float, float] | None = None,
) -> None:
    """Write a field on a grid to a file of VTK or XDMF.

    The cells of the grid that lie in the domain are written, lines, quadrilaterals or
    hexahedra; a rim that is not along the axes becomes a staircase of one cell.

    Parameters
    ----------
    field, domain, grid, time
        See `to_xarray`.
    path
        A file ending in ``.vtu`` or ``.vtk`` for a field without time, in ``.xdmf``
        for one in time; all times are in the one file, which is text.

    Raises
    ------
    ImportError
        If meshio is not installed.
    ValueError
        If `path` has another ending or cannot be written, or no cell is in the domain.
    """
    path = Path(path)
    allowed = (".xdmf",) if time is not None else (".vtu", ".vtk")
    if path.suffix.lower() not in allowed:
        raise ValueError(
            f"`path` takes a file ending in {', '.join(allowed)} for a field "
            f"{'with' if time is not None else 'without'} a time; got '{path}'."
        )
    check_folder("path", path)
    try:
        import meshio  # pyright: ignore
    except ImportError as error:
        raise ImportError(
            "`to_paraview` needs the library meshio: `pip install 'pinn[paraview]'`."
        ) from error
    axes = coordinates(domain, grid, time)
    times = axes.pop("t", None)
    points, cells = _cells(domain, list(axes.values()))
    blocks: Any = [(_CELLS[domain.dim], cells)]
    padded = np.zeros((len(points), 3))
    padded[:, : domain.dim] = points
    # A node on the rim may be outside by rounding, and belongs to cells inside.
    at = lambda *arguments: at_points(field, None, (*arguments, points))
    if times is None:
        mesh = meshio.Mesh(padded, blocks, point_data={"u": at()})
        mesh.write(path)
        return
    with meshio.xdmf.TimeSeriesWriter(path, data_format="XML") as writer:
        writer.write_points_cells(padded, blocks)
        for t in times:
            values = at(np.full(len(points), t))
            writer.write_data(t, point_data={"u": values})


def _cells(domain, axes):
    """The nodes of the cells that lie in the domain, and the cells."""
    grid = np.meshgrid(*axes, indexing="ij")
    points = np.stack([a.ravel() for a in grid], axis=1)
    ones = at_points(lambda x: 1.0 + 0 * x[0], domain, (points,))
    inside = ~np.isnan(ones)
    numbers = np.arange(len(points)).reshape(grid[0].shape)
    counts = [len(axis) - 1 for axis in axes]
    corners = [
        numbers[tuple(slice(c, c + n) for c, n in zip(corner, counts, strict=True))]
        for corner in _CORNERS[domain.dim]
    ]
    cells = np.stack([c.ravel() for c in corners], axis=1)
    cells = cells[inside[cells].all(axis=1)]
    if not len(cells):
        raise ValueError("`grid` has no cell inside the domain; give more points.")
    used, cells = np.unique(cells, return_inverse=True)
    return points[used], cells.reshape(-1, len(corners))
