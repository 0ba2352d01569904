r"""Kinks and wrong derivatives of a black box, by the fundamental theorem of calculus.

For a function $g$ with automatic derivatives $g', g'', \dots$, level $j$ looks at

$$ R_j = g^{(j-1)}(b) - g^{(j-1)}(a) - \int_a^b g^{(j)} $$

by Gauss-Legendre quadrature. On a cell $[a, b]$ that shrinks around a point, $R_j$
stays constant if $g^{(j-1)}$ jumps there (the mass of a delta that automatic
differentiation drops), falls like the width if $g^{(j)}$ is a wrong derivative, and
vanishes otherwise.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from ._cells import Cells, Mesh, largest_of, residuals, split
from ._result import Break, derivative_name
from ._search import localise, switches

_JUMP = 1e-6  # jumps below this fraction of the scale are not counted


@dataclasses.dataclass
class Finding:
    """What was found on one line."""

    breaks: list[Break]
    wrong_from: int | None
    vanishes_from: int | None
    hazards: list[str]
    undefined: str | None


def examine(
    g: Callable[[np.ndarray], np.ndarray],
    levels: int,
    mesh: Mesh,
    probes: set[float],
    seed: int = 0,
    decisions: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Finding:
    """Examine a function of one variable, given with its derivatives up to `levels`.

    `decisions` are numbers at whose zeros the function may break; it is examined there
    in any case, though it may oscillate so much that a kink would drown elsewhere.
    """
    rng = np.random.default_rng(seed)
    cells = residuals(g, mesh.lower, mesh.upper)
    middle = 0.5 * (cells.lower + cells.upper)
    core = np.abs(middle - mesh.centre) <= mesh.core
    finite = np.isfinite(cells.residual).min(axis=0)
    hazards: list[str] = []
    if not finite[core].all():
        bad = middle[core & ~finite]
        where = f"between {bad.min():.3g} and {bad.max():.3g}"
        undefined = f"The function or a derivative is not finite {where}."
        return Finding([], None, None, hazards, undefined)
    floor = cells.below[:, core].max(axis=1)
    failing = cells.failing(floor) & finite
    children = split(g, cells, failing.any(axis=0))
    wrong_from = _wrong_level(g, children, floor, mesh, rng)
    top = levels if wrong_from is None else wrong_from
    largest = largest_of(cells, core)
    places = localise(g, children, floor, mesh, top, largest)
    if decisions is not None:
        known = switches(decisions, mesh, rng)
        apart = np.abs(known[:, None] - places) > 1e-6 * mesh.unit
        places = np.sort(np.append(places, known[apart.all(axis=1)]))
    vanishes_from = _vanishing(largest)
    breaks = _autopsy(g, places, cells, floor, mesh, top)

    classes = [b.derivative for b in breaks]
    known = min(classes, default=levels) if wrong_from is None else wrong_from - 1
    known = min([known, *classes])
    if wrong_from is None:
        hazards += _isolated(g, sorted(probes), min(known, levels - 1), floor, mesh)
    return Finding(breaks, wrong_from, vanishes_from, hazards, None)


def _vanishing(largest: np.ndarray) -> int | None:
    """The lowest order whose derivative is zero on all nodes."""
    for k, size in enumerate(largest):
        if size <= 1e-12 * (largest[:k].max() if k else 1.0):
            return k
    return None


def _wrong_level(
    g: Callable,
    children: Cells,
    floor: np.ndarray,
    mesh: Mesh,
    rng: np.random.Generator,
) -> int | None:
    """The lowest level whose derivative is wrong on a set of positive measure."""
    failing = children.failing(floor)
    score = children.score(floor)
    near = np.abs(children.lower - mesh.centre) <= 4 * mesh.core
    widths = mesh.unit * 2.0 ** np.array([-10, -12, -14, -16])
    points, owners = [], []
    for level in range(floor.size):
        index = np.flatnonzero(failing[level] & near)
        if index.size > 24:
            worst = index[np.argsort(-score[level, index])[:8]]
            index = np.concatenate([worst, rng.choice(index, 16, replace=False)])
        spread = children.upper[index] - children.lower[index]
        points.append(
            children.lower[index] + spread * rng.uniform(0.3, 0.7, index.size)
        )
        owners += [level] * index.size
    x, owner = np.concatenate(points), np.array(owners, int)
    if x.size == 0:
        return None
    lower = (x[:, None] - 0.5 * widths).ravel()
    upper = (x[:, None] + 0.5 * widths).ravel()
    cells = residuals(g, lower, upper)
    shape = (floor.size, x.size, widths.size)
    residual = cells.residual.reshape(shape)
    below = cells.below.reshape(shape)
    above = cells.above.reshape(shape)
    for level in range(floor.size):
        mine = owner == level
        with np.errstate(all="ignore"):
            rate = residual[level, mine] / widths
            typical = np.abs(np.median(rate, axis=1))
            steady = np.ptp(rate, axis=1) < 0.1 * typical
            noise = 1e4 * np.finfo(float).eps * below[level, mine].max(axis=1)
            loud = np.abs(residual[level, mine]).min(axis=1) > noise
            size = (above[level, mine] / widths).max(axis=1)
            loud &= typical > 1e-7 * np.maximum(size, floor[level])
        if (steady & loud).sum() >= 2:
            return level + 1
    return None


def _autopsy(
    g: Callable,
    places: np.ndarray,
    mesh_cells: Cells,
    floor: np.ndarray,
    mesh: Mesh,
    top: int,
) -> list[Break]:
    """Tell jumps from steep places, noise, and jumps of higher derivatives."""
    if places.size == 0:
        return []
    widths = mesh.unit * 2.0 ** -np.arange(8.0, 25.0, 2.0)
    # Five cells around the point, and four beside it: noise does not care which.
    starts = np.array([-0.13, -0.31, -0.52, -0.68, -0.86, 0.61, 1.37, -1.59, -2.41])
    inside = 5
    lower = places[:, None, None] + widths[:, None] * starts
    upper = lower + widths[:, None]
    cells = residuals(g, lower.ravel(), upper.ravel())
    residual = cells.residual.reshape(-1, *lower.shape)
    below = cells.below.reshape(residual.shape)
    middle = 0.5 * (mesh_cells.lower + mesh_cells.upper)
    breaks = []
    for i, x in enumerate(places):
        close = np.abs(middle - x) <= np.maximum(mesh.unit, np.abs(x) / 8)
        local = np.where(close, mesh_cells.below, 0.0)
        local = np.where(np.isfinite(local), local, 0.0).max(axis=1)
        for level in range(top):
            near = residual[level, i, :, :inside]
            beside = np.abs(residual[level, i, :, inside:]).max(axis=1)
            size = np.abs(near).mean(axis=1)[-5:]
            if not np.isfinite(size).all():
                breaks.append(Break(_tidy(x, mesh), level, float("nan")))
                break
            scale = max(local[level], 0.1 * floor[level])
            noise = 1e3 * np.finfo(float).eps * below[level, i, -5:].max()
            if size.min() <= max(_JUMP * scale, noise):
                continue
            rate = np.polyfit(np.log(widths[-5:]), np.log(size), 1)[0]
            isolated = np.median(beside[-5:] / size) < 0.1
            if rate < 0.15 and isolated:
                jump = float(near[-5:].mean())
                breaks.append(Break(_tidy(x, mesh), level, jump))
                break
    return breaks


def _tidy(x: float, mesh: Mesh) -> float:
    """The place without digits that the search does not resolve."""
    return float(np.round(x, 8 - int(np.floor(np.log10(mesh.unit))))) + 0.0


def _isolated(
    g: Callable, spots: list[float], known: int, floor: np.ndarray, mesh: Mesh
) -> list[str]:
    """Points where a derivative is undefined, or outside its one-sided limits."""
    if not spots:
        return []
    x = np.array(spots)
    # On two scales: a narrow feature needs the small one, cancellation the large one.
    steps = mesh.unit * 2.0 ** np.array([[-9], [-22]]) * np.array([1, 2, 3, -1, -2, -3])
    steps = np.append(steps.ravel(), 0.0)
    values = g((x[:, None] + steps).ravel()).reshape(-1, x.size, steps.size)
    hazards = []
    for i, place in enumerate(x):
        for k in range(min(known + 1, values.shape[0] - 1)):
            beside, here = values[k, i, :-1].reshape(2, 2, 3), values[k, i, -1]
            if not np.isfinite(beside).all():
                break
            limits = beside @ np.array([3.0, -3.0, 1.0])
            scale = max(np.abs(beside).max(), floor[k])
            slack = 1e-3 * scale + 10 * np.ptp(beside, axis=2).max(axis=1)
            low, high = limits.min(axis=1) - slack, limits.max(axis=1) + slack
            if ((low <= here) & (here <= high)).any():
                continue
            what = "is wrong" if np.isfinite(here) else "is not finite"
            hazards.append(
                f"Automatic {derivative_name(k)} {what} at the single point "
                f"{place:.5g}."
            )
            break
    return hazards
