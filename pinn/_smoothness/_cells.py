"""Cells of a line, and what the fundamental theorem of calculus leaves on them."""

import dataclasses
from collections.abc import Callable

import numpy as np

SPLIT = 8  # children of a cell
_FAIL = 1e-9  # residual of a cell, relative to its scale
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(10)


@dataclasses.dataclass(frozen=True)
class Mesh:
    """Cells to start from; scales are taken within `core` of the `centre`."""

    lower: np.ndarray
    upper: np.ndarray
    core: float
    centre: float
    unit: float


def default_mesh(thresholds: set[float], reach: float = 1024.0) -> Mesh:
    """Fine around 0, coarse far away; no edge and no node meets a round number."""
    edges = [np.arange(-4, 4, 1 / 32)]
    for inner, outer, width in (
        (4, 16, 0.25),
        (16, 64, 2),
        (64, 256, 8),
        (256, 1024, 32),
    ):
        if outer <= reach:
            side = np.arange(inner, outer, width)
            edges = [-side[::-1] - width, *edges, side]
    starts = np.concatenate(edges)
    points = np.append(starts, -starts[0]) + 0.0371308
    lower, upper = points[:-1], points[1:]
    # Constants in the source are likely places, however far away.
    far = np.array(sorted(c for c in thresholds if 4 < abs(c) < 1e6)[:16])
    if far.size:
        lower = np.append(lower, far - 0.0171)
        upper = np.append(upper, far + 0.0137)
    return Mesh(lower, upper, core=4.0, centre=0.0, unit=1.0)


def interval_mesh(lower: float, upper: float) -> Mesh:
    """Even cells on an interval."""
    length = upper - lower
    edges = lower + length * np.linspace(0, 1, 258)
    # Even cells would have edges at round fractions: shift the inner ones.
    edges[1:-1] += 0.371308 * length / 258
    edges = np.delete(edges, -2)
    middle = 0.5 * (lower + upper)
    return Mesh(edges[:-1], edges[1:], core=length / 2, centre=middle, unit=length / 8)


@dataclasses.dataclass
class Cells:
    """Residuals `(levels, n)` of cells, and the scales they are measured by."""

    lower: np.ndarray
    upper: np.ndarray
    residual: np.ndarray
    below: np.ndarray  # max |g^(j-1)| in the cell
    above: np.ndarray  # width * max |g^(j)| in the cell

    def failing(self, floor: np.ndarray) -> np.ndarray:
        scale = np.maximum(np.maximum(self.below, self.above), floor[:, None])
        return np.abs(self.residual) > _FAIL * scale

    def score(self, floor: np.ndarray) -> np.ndarray:
        scale = np.maximum(np.maximum(self.below, self.above), floor[:, None])
        return np.abs(self.residual) / np.maximum(scale, 1e-300)


def residuals(g: Callable, lower: np.ndarray, upper: np.ndarray) -> Cells:
    width = upper - lower
    nodes = lower[:, None] + 0.5 * width[:, None] * (1 + _NODES)
    points = np.concatenate([lower[:, None], upper[:, None], nodes], axis=1)
    values = g(points.ravel()).reshape(-1, *points.shape)
    with np.errstate(all="ignore"):
        integral = 0.5 * width * (values[1:, :, 2:] @ _WEIGHTS)
        residual = values[:-1, :, 1] - values[:-1, :, 0] - integral
        sizes = np.abs(values).max(axis=2)
        return Cells(lower, upper, residual, sizes[:-1], width * sizes[1:])


def largest_of(cells: Cells, where: np.ndarray) -> np.ndarray:
    """The largest value of each derivative on the nodes."""
    width = (cells.upper - cells.lower)[where]
    sizes = np.vstack([cells.below[:1, where], cells.above[:, where] / width])
    return sizes.max(axis=1)


def split(g: Callable, cells: Cells, chosen: np.ndarray) -> Cells:
    """Cut the chosen cells into equal children."""
    lower, upper = cells.lower[chosen], cells.upper[chosen]
    if lower.size == 0:
        empty = np.zeros((cells.residual.shape[0], 0))
        return Cells(lower, upper, empty, empty, empty)
    edges = lower[:, None] + (upper - lower)[:, None] * np.arange(SPLIT + 1) / SPLIT
    edges[:, -1] = upper
    return residuals(g, edges[:, :-1].ravel(), edges[:, 1:].ravel())
