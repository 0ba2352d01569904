"""Places where a function of one variable may break: candidates, not verdicts."""

from collections.abc import Callable

import numpy as np

from ._cells import SPLIT, Cells, Mesh, largest_of, split

_MOST_SWITCHES = 24


def localise(
    g: Callable,
    cells: Cells,
    floor: np.ndarray,
    mesh: Mesh,
    top: int,
    largest: np.ndarray,
) -> np.ndarray:
    """Follow failing cells down to points; returns candidates, not verdicts.

    `largest` is updated with what is met on the way, which may be too narrow for the
    first nodes.
    """
    found: list[float] = []
    for step in range(14):
        failing = cells.failing(floor)[:top]
        if step > 0:
            # A cell that is as small as it gets is a candidate.
            middle = 0.5 * (cells.lower + cells.upper)
            smallest = np.maximum(2.0**-30 * mesh.unit, 16 * np.spacing(np.abs(middle)))
            done = (cells.upper - cells.lower) <= smallest * SPLIT
            found += list(middle[done & failing.any(axis=0)])
            failing = failing & ~done
        chosen = _follow(cells, failing, cells.score(floor), mesh)
        if not chosen.any():
            break
        cells = split(g, cells, chosen)
        finite = np.isfinite(cells.residual).min(axis=0)
        if finite.any():
            np.maximum(largest, largest_of(cells, finite), out=largest)
        cells.residual[:, ~finite] = np.inf
    places: list[float] = []
    for x in sorted(found):
        if not places or x - places[-1] > 1e-6 * mesh.unit:
            places.append(x)
    return np.array(places)


def _follow(
    cells: Cells, failing: np.ndarray, score: np.ndarray, mesh: Mesh
) -> np.ndarray:
    """Which cells to cut next: per level a quota near the centre and farther away.

    Each parent first sends its worst child, then its second, so that a few bad cells do
    not crowd out the others.
    """
    chosen = np.zeros(cells.lower.size, bool)
    distance = np.abs(0.5 * (cells.lower + cells.upper) - mesh.centre) / mesh.core
    region = np.searchsorted([1.0, 4.0], distance)
    parent = np.arange(cells.lower.size) // SPLIT
    for level in range(failing.shape[0]):
        for zone, quota in enumerate((16, 8, 8)):
            index = np.flatnonzero(failing[level] & (region == zone))
            if index.size <= quota:
                chosen[index] = True
                continue
            order = index[np.lexsort((-score[level, index], parent[index]))]
            _, first = np.unique(parent[order], return_index=True)
            sizes = np.diff(np.append(first, order.size))
            rank = np.arange(order.size) - np.repeat(first, sizes)
            best = np.lexsort((-score[level, order], rank))
            chosen[order[best[:quota]]] = True
    return chosen


def switches(
    decisions: Callable[[np.ndarray], np.ndarray], mesh: Mesh, rng: np.random.Generator
) -> np.ndarray:
    """Places where a decision changes its sign, to the last digits; not too many."""
    width = (mesh.upper - mesh.lower)[:, None]
    t = np.sort((mesh.lower[:, None] + width * np.arange(12) / 12).ravel())
    low, column = np.nonzero(np.diff(np.signbit(decisions(t)), axis=0))
    if low.size > _MOST_SWITCHES:
        # The nearest ones, and some of the others.
        order = np.argsort(np.abs(t[low] - mesh.centre))
        rest = rng.choice(order[_MOST_SWITCHES // 2 :], _MOST_SWITCHES // 2, False)
        chosen = np.append(order[: _MOST_SWITCHES // 2], rest)
        low, column = low[chosen], column[chosen]
    lower, upper = t[low], t[low + 1]
    share = np.linspace(0, 1, 33)
    for _ in range(11):
        if lower.size == 0:
            break
        fine = lower[:, None] + (upper - lower)[:, None] * share
        sign = np.signbit(decisions(fine.ravel()))
        sign = sign.reshape(*fine.shape, -1)[np.arange(lower.size), :, column]
        first = np.argmax(sign[:, 1:] != sign[:, :1], axis=1)
        rows = np.arange(lower.size)
        lower, upper = fine[rows, first], fine[rows, first + 1]
    middle = np.sort(0.5 * (lower + upper))
    if middle.size == 0:
        return middle
    return middle[np.append(True, np.diff(middle) > 1e-6 * mesh.unit)]
