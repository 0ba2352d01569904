"""Curves of a solve and of studies: history, convergence, spectra."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ._file import check_path, finished, own_axes

_FEW = 6  # sizes that have a tick each


def history(records: Any, path: str | Path | None = None, *, ax: Any = None) -> Any:
    """Draw the residual and the estimated error of each segment of a solve, and the
    loss of each term beside them.

    Parameters
    ----------
    records
        ``solution.history``.
    path
        A file to write; none if ``None``.
    ax
        Axes of matplotlib to draw residual and estimate alone in.
    """
    path = None if path is None else check_path(path)
    losses = _losses(records)
    beside = None
    if ax is None:
        from matplotlib.figure import Figure

        fig = Figure(figsize=(9 if losses else 5, 3.4), layout="constrained")
        ax, *others = np.ravel(fig.subplots(1, 2 if losses else 1))
        beside = others[0] if others else None
    numbers = range(1, len(records) + 1)
    ax.semilogy(numbers, [r["fresh"] for r in records], "o-", label="fresh residual")
    estimates = [r["estimate"] for r in records]
    if any(math.isfinite(e) for e in estimates):
        ax.semilogy(numbers, estimates, "s--", label="estimated error")
    ax.xaxis.get_major_locator().set_params(integer=True)
    _finish_axes(ax, "segment", "")
    if beside is not None:
        for name, values in losses.items():
            beside.semilogy(numbers, values, ".-", label=name)
        beside.xaxis.get_major_locator().set_params(integer=True)
        _finish_axes(beside, "segment", "loss of each term")
    return finished(ax.figure, path)


def _losses(records: Any) -> dict[str, list[float]]:
    """The loss of each term in every record; zeros cannot be drawn and are left out."""
    names = dict.fromkeys(name for r in records for name in r.get("terms", {}))
    found = {
        name: [r.get("terms", {}).get(name, math.nan) for r in records]
        for name in names
    }
    return {k: v for k, v in found.items() if any(loss > 0 for loss in v)}


def convergence(
    sizes: Any,
    errors: Mapping[str, Any],
    path: str | Path | None = None,
    *,
    label: str = "unknowns",
    orders: Any = (),
    ax: Any = None,
) -> Any:
    """Draw errors against sizes, both logarithmic, with slopes to compare with.

    Parameters
    ----------
    sizes
        Positive numbers: unknowns, points, seconds.
    errors
        For each name as many errors.
    path
        A file to write; none if ``None``.
    label
        What the sizes are.
    orders
        Powers of one over the size that are drawn as thin lines.
    ax
        Axes of matplotlib to draw in.

    Raises
    ------
    ValueError
        If an error has another length than `sizes`.
    """
    x = np.asarray(sizes, float)
    for name, values in errors.items():
        if len(values) != len(x):
            raise ValueError(
                f"`errors[{name!r}]` takes {len(x)} numbers, one for each of `sizes`; "
                f"got {len(values)}."
            )
    fig, ax, path = own_axes(path, ax, (5, 3.6))
    for name, values in errors.items():
        ax.loglog(x, values, "o-", label=name)
    top = max((max(values) for values in errors.values()), default=1.0)
    for order in orders:
        ax.loglog(x, top * (x / x[0]) ** -order, ":", color="0.5", lw=1)
        ax.annotate(
            f"$-{order:g}$", (x[-1], top * (x[-1] / x[0]) ** -order), fontsize=8
        )
    if len(x) <= _FEW:
        # Less than a decade has hardly a tick of its own, or too many.
        ax.set_xticks(x, [f"{size:.4g}" for size in x])
        ax.set_xticks([], minor=True)
    _finish_axes(ax, label, "error")
    return finished(fig, path)


def spectrum(
    values: Mapping[str, Any], path: str | Path | None = None, *, ax: Any = None
) -> Any:
    """Draw the sizes of eigenvalues or singular values, the largest first.

    Parameters
    ----------
    values
        For each name an array of numbers, real or complex.
    path
        A file to write; none if ``None``.
    ax
        Axes of matplotlib to draw in.
    """
    fig, ax, path = own_axes(path, ax, (5, 3.6))
    for name, numbers in values.items():
        sizes = np.sort(np.abs(np.ravel(np.asarray(numbers))))[::-1]
        ax.semilogy(np.arange(1, len(sizes) + 1), sizes, ".-", ms=3, label=name)
    _finish_axes(ax, "number", "size")
    return finished(fig, path)


def _finish_axes(ax, across, up):
    ax.set_xlabel(across)
    ax.set_ylabel(up)
    ax.legend(fontsize=8)
    ax.grid(alpha=0.3)
