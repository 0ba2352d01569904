"""Fields as labelled arrays."""

from collections.abc import Callable, Mapping
from typing import Any

from .._domain import AbstractDomain
from .._version import __version__
from ._grid import coordinates, tabulate


def to_xarray(
    field: Callable[..., Any],
    domain: AbstractDomain,
    grid: int | Mapping[str, Any] | None = None,
    *,
    time: tuple[float, float] | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Any:
    """Tabulate a field on a grid, as a data set of xarray.

    Parameters
    ----------
    field
        ``u(x)``, or ``u(t, x)`` with `time`.
    domain
        The region of space, of one to three dimensions.
    grid
        Points along each axis of space, or a mapping from ``t``, ``x``, ``y`` and
        ``z`` to arrays; what is missing gets equal distances.
    time
        First and last time.
    attributes
        Numbers and texts that go with the data.

    Returns
    -------
    xarray.Dataset
        The variable ``u``, NaN outside of the domain, with the dimensions ``t``, ``x``,
        ``y``, ``z`` as far as there are, and ``component`` for a vector field.

    Raises
    ------
    ImportError
        If xarray is not installed.
    ValueError
        If `grid` is of another kind.
    """
    try:
        import xarray  # pyright: ignore
    except ImportError as error:
        raise ImportError(
            "`to_xarray` needs the library xarray: `pip install 'pinn[xarray]'`."
        ) from error
    axes = coordinates(domain, grid, time)
    values = tabulate(field, domain, axes)
    names = [*axes, "component"][: values.ndim]
    found = {"pinn_version": __version__, **(attributes or {})}
    # Files have no place for what is unknown.
    found = {name: value for name, value in found.items() if value is not None}
    return xarray.Dataset({"u": (names, values)}, coords=axes, attrs=found)
