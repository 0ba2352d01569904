"""Triangles on a plane domain, curved along its boundary.

Boundaries are traced along the pieces that they are made of, and divided from corner to
corner; the points inside come from a triangular lattice, graded towards short arcs and
relaxed as a net of springs (Persson & Strang, SIAM Review 46 (2004), 329-345).
"""

import dataclasses
import itertools
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._domain import AbstractDomain, AbstractPart, Pieces, part_of
from .._host import Hosted

_TRACED = 2000  # points of each piece that its breaks are searched between
_BEND = 0.35  # radians that the normal turns from one node to the next, at most
_GRADE = 0.25  # growth of the spacing per length
_SECTIONS = 64  # of the gap that an end lies in, again and again
_STEPS = 40  # of the springs
_ATTEMPTS = 3  # with half the spacing each, until all boundary edges are there
_MOST_LATTICE = 4_000_000


class Chord(NamedTuple):
    """An edge of the boundary: its two nodes, and its middle on the true curve."""

    ends: tuple[int, int]
    middle: np.ndarray


class Triangles(NamedTuple):
    """A mesh of skfem, with the facets of its boundary.

    `facets` are the numbers of the facets on the boundary, `middles` their middles on
    the true curve, ``(k, 2)``.
    """

    mesh: Any
    facets: np.ndarray
    middles: np.ndarray


def triangles(domain: AbstractDomain, spacing: float, *, curved: bool) -> Triangles:
    """Divide a plane domain into triangles.

    Parameters
    ----------
    domain
        In two dimensions; every piece of its boundary is a curve.
    spacing
        The longest sides, in the caller's unit of length; about.
    curved
        Whether triangles at the boundary have one curved side, a parabola through
        three points of the boundary.

    Raises
    ------
    ValueError
        If the boundary is not found again among the edges of the triangles, as where
        it nearly touches itself.
    """
    import skfem  # pyright: ignore

    for attempt in range(_ATTEMPTS):
        nodes, chords, spacings = _boundary(domain, spacing / 2**attempt)
        points, cells = _fill(domain, nodes, spacings, spacing / 2**attempt)
        vertices, triangles = map(np.ascontiguousarray, (points.T, cells.T))
        mesh: Any = skfem.MeshTri(vertices, triangles)
        facets = mesh.boundary_facets()
        found = {tuple(sorted(map(int, mesh.facets[:, f]))): f for f in facets}
        wanted = {tuple(sorted(chord.ends)): chord.middle for chord in chords}
        if found.keys() == wanted.keys():
            break
    else:
        raise ValueError(
            f"`problem` has the domain {domain.describe()}, whose boundary is not met "
            f"by triangles with sides of {spacing:.3g}: it nearly touches itself, or "
            "is too fine. Give more elements, `n`."
        )
    middles = np.array([wanted[ends] for ends in found])
    numbers = np.array(list(found.values()))
    if not curved:
        return Triangles(mesh, numbers, middles)
    quadratic: Any = skfem.MeshTri2.from_mesh(mesh)
    places = quadratic.doflocs.copy()
    places[:, quadratic.dofs.facet_dofs[0, numbers]] = middles.T
    return Triangles(dataclasses.replace(quadratic, doflocs=places), numbers, middles)


def _boundary(domain, spacing):
    """Nodes on the boundary, the chords between them, and the spacing at each node."""
    nodes: list[np.ndarray] = []
    chords: list[Chord] = []
    spacings: list[float] = []
    for curve in _curves(domain):
        for start, stop, closed in _runs(curve):
            inner = np.linspace(start, stop, 200)
            normals = curve(inner)[1]
            turns = np.sum(normals[1:] * normals[:-1], axis=1)
            bend = float(np.sum(np.arccos(np.clip(turns, -1.0, 1.0))))
            length = (stop - start) * curve.extent
            count = max(
                int(np.ceil(max(length / spacing, bend / _BEND))), 1 + 2 * closed
            )
            s = np.linspace(start, stop, 2 * count + 1)
            points = curve(s)[0]
            here = length / count
            numbers = []
            for point in points[::2][: count + (not closed)]:
                number = _known(nodes, point, 1e-3 * here)
                if number == len(nodes):
                    nodes.append(point)
                    spacings.append(here)
                spacings[number] = min(spacings[number], here)
                numbers.append(number)
            if closed:
                numbers.append(numbers[0])
            pairs = itertools.pairwise(numbers)
            chords += [
                Chord(pair, middle)
                for pair, middle in zip(pairs, points[1::2], strict=True)
            ]
    # Corners are met to twelve digits; along a straight side nodes must be in line
    # exactly, or a triangulation leaves some out.
    unit = max(float(np.ptp(nodes)), spacing)
    table = np.round(np.array(nodes) / unit, 10) * unit
    return table, chords, np.array(spacings)


def _known(nodes, point, tolerance):
    """The number of a node at a point, or that which a new one gets."""
    if nodes:
        away = np.linalg.norm(np.array(nodes) - point, axis=1)
        nearest = int(np.argmin(away))
        if away[nearest] <= tolerance:
            return nearest
    return len(nodes)


class _Curve(eqx.Module):
    """A piece of the boundary as a curve, without what earlier pieces cover."""

    piece: AbstractPart
    earlier: tuple[AbstractPart, ...]
    tolerance: np.ndarray

    @property
    def extent(self) -> float:
        return float(self.piece.extent)

    def __call__(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Points, outward normals and which points count, at numbers modulo one."""
        return _placed(self, np.mod(s, 1.0)[:, None])


@Hosted
def _placed(curve, cube):
    points, normals, keep = curve.piece.place(cube)
    keep = jnp.ones(len(cube), bool) if keep is None else keep
    for piece in curve.earlier:
        keep = keep & ~jax.vmap(piece.covers, (0, None))(points, curve.tolerance)
    return points, normals, keep


def _curves(domain: AbstractDomain) -> list[_Curve]:
    whole = part_of(Pieces(domain.pieces), domain)
    pieces = whole.parts if isinstance(whole, Pieces) else (whole,)
    apart = not isinstance(whole, Pieces) or whole.disjoint
    lower, upper = (np.asarray(b) for b in domain.bounds)
    tolerance = np.asarray(1e-7 * np.max(upper - lower))
    return [
        _Curve(piece, () if apart else pieces[:i], tolerance)
        for i, piece in enumerate(pieces)
    ]


def _runs(curve: _Curve) -> list[tuple[float, float, bool]]:
    """Where a piece runs without a corner or a gap: from, to, and whether it closes.

    The parameter is the coordinate of the cube; it may run beyond one, and starts again
    there.
    """
    s = (np.arange(_TRACED) + 0.5) / _TRACED
    _, _, keep = curve(s)
    after = np.roll(s, -1)
    joined = keep & np.roll(keep, -1) & _joined(curve, s, after)
    if joined.all():
        return [(0.0, 1.0, True)]
    lasts = np.flatnonzero(keep & ~joined)
    firsts = np.flatnonzero(keep & ~np.roll(joined, 1))
    starts = _ends(curve, s[firsts], -1 / _TRACED)
    stops = _ends(curve, s[lasts], 1 / _TRACED)
    runs = []
    for first, start in zip(firsts, starts, strict=True):
        stop = stops[np.searchsorted(lasts, first) % len(lasts)]
        runs.append((start, stop + (stop < start), False))
    return runs


def _ends(curve: _Curve, inside: np.ndarray, width: float) -> np.ndarray:
    """The ends of runs, between parameters on them and others `width` away."""
    fractions = np.linspace(0, 1, _SECTIONS + 1)[1:]
    known = np.repeat(inside, _SECTIONS)
    low = np.zeros_like(inside)
    while abs(width) > 1e-12:
        here = (inside + low)[:, None] + width * fractions
        same = curve(here.ravel())[2] & _joined(curve, known, here.ravel())
        count = np.argmin(
            np.append(same.reshape(here.shape), np.zeros((len(low), 1), bool), 1), 1
        )
        low += width * count / _SECTIONS
        width /= _SECTIONS
    return inside + low


def _joined(curve: _Curve, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Whether the curve runs on from one parameter to another close by."""
    (x, normal, _), (y, other, _) = curve(a), curve(b)
    gap = np.abs((b - a + 0.5) % 1.0 - 0.5) * curve.extent
    near = np.linalg.norm(x - y, axis=1) <= 1.01 * gap + 1e-12 * curve.extent
    return near & (np.sum(normal * other, axis=1) > 0.9)


@Hosted
def _distances(domain, points):
    return jax.vmap(domain.signed_distance)(points)


def _fill(domain, nodes, spacings, spacing):
    """Points, those of the boundary first, and triangles between them."""
    from scipy.spatial import Delaunay

    size = _Size(nodes, spacings, spacing)
    lower, upper = nodes.min(axis=0), nodes.max(axis=0)
    finest = max(
        float(spacings.min()),
        float(np.sqrt(np.prod(upper - lower) / _MOST_LATTICE)),
    )
    inner = _lattice(lower, upper, finest)
    rng = np.random.default_rng(0)
    depth = _distances(domain, inner)
    inner, depth = inner[depth < -0.5 * finest], depth[depth < -0.5 * finest]
    wanted = size(inner)
    # Every point of the lattice has the area finest²; one in (h/finest)² is kept.
    keep = (rng.uniform(size=len(inner)) * wanted**2 < finest**2 * (1 + 1e-9)) & (
        depth < -0.5 * wanted
    )
    inner = inner[keep]
    for _ in range(_STEPS):
        points = np.concatenate([nodes, inner])
        cells = _inside(domain, points, Delaunay(points).simplices)
        moved = inner + _springs(points, cells, size)[len(nodes) :]
        stays = _distances(domain, moved) < -0.35 * size(moved)
        inner = np.where(stays[:, None], moved, inner)
    points = np.concatenate([nodes, inner])
    cells = _inside(domain, points, Delaunay(points).simplices)
    used, cells = np.unique(cells, return_inverse=True)
    return points[used], cells.reshape(-1, 3)


def _lattice(lower, upper, h):
    x = np.arange(lower[0], upper[0] + h, h)
    y = np.arange(lower[1], upper[1] + h, h * np.sqrt(3) / 2)
    x, y = np.meshgrid(x, y)
    x[1::2] += h / 2
    return np.stack([x.ravel(), y.ravel()], axis=1)


def _inside(domain, points, cells):
    """The triangles of a triangulation that lie in the domain."""
    a, b, c = (points[cells[:, i]] for i in range(3))
    (ux, uy), (vx, vy) = (b - a).T, (c - a).T
    area = np.abs(ux * vy - uy * vx)
    longest = np.max(
        [np.sum((p - q) ** 2, axis=1) for p, q in ((a, b), (b, c), (c, a))], 0
    )
    inside = _distances(domain, (a + b + c) / 3) < 0
    return cells[inside & (area > 1e-3 * longest)]


def _springs(points, cells, size):
    """How far each point is pushed by edges that are shorter than they should be."""
    edges = np.unique(
        np.sort(cells[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)), axis=0
    )
    along = points[edges[:, 0]] - points[edges[:, 1]]
    length = np.linalg.norm(along, axis=1)
    wanted = size(points[edges].mean(axis=1))
    wanted = 1.2 * wanted * np.sqrt(np.sum(length**2) / np.sum(wanted**2))
    force = along * (np.maximum(wanted - length, 0.0) / length)[:, None]
    push = np.zeros_like(points)
    np.add.at(push, edges[:, 0], force)
    np.add.at(push, edges[:, 1], -force)
    return 0.2 * push


class _Size:
    """The length that edges should have at points of the domain."""

    def __init__(self, nodes, spacings, spacing):
        from scipy.spatial import KDTree

        self._largest, self._trees = spacing, []
        for here in np.unique(np.round(spacings, 12)):
            if here < 0.99 * spacing:
                close = np.isclose(spacings, here, rtol=1e-6, atol=1e-11)
                self._trees.append((here, KDTree(nodes[close])))

    def __call__(self, points):
        h = np.full(len(points), self._largest)
        for here, tree in self._trees:
            h = np.minimum(h, here + _GRADE * tree.query(points)[0])
        return h
