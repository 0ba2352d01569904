"""A field in a file, whose ending says of which kind."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .._domain import AbstractDomain
from .._paths import check_folder
from ._compiled_file import to_compiled
from ._numpy import to_numpy
from ._paraview import to_paraview
from ._xarray import to_xarray

FORMATS = (".nc", ".vtu", ".vtk", ".xdmf", ".npz", ".jax")


def write(
    field: Callable[..., Any],
    domain: AbstractDomain,
    path: str | Path,
    grid: int | Mapping[str, Any] | None = None,
    *,
    time: tuple[float, float] | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Write a field to a file for another program.

    Parameters
    ----------
    field, domain, grid, time, attributes
        See `to_xarray`.
    path
        Ending in ``.nc`` for NetCDF; ``.vtu``, ``.vtk`` or ``.xdmf`` for ParaView;
        ``.npz`` for `to_numpy`; ``.jax`` for `to_compiled`. A file of that name is
        replaced.

    Raises
    ------
    ImportError
        If a library is missing that the kind of file needs.
    ValueError
        If `path` has another ending or cannot be written, before anything is computed.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in FORMATS:
        raise ValueError(
            f"`path` takes a file ending in {', '.join(FORMATS)}; got '{path}'."
        )
    check_folder("path", path)
    if kind == ".nc":
        table = to_xarray(field, domain, grid, time=time, attributes=attributes)
        table.to_netcdf(path, engine="scipy")
    elif kind == ".npz":
        to_numpy(field).save(path)
    elif kind == ".jax":
        path.write_bytes(to_compiled(field, domain.dim, time=time is not None))
    else:
        to_paraview(field, domain, path, grid, time=time)
