"""Values of finite elements anywhere, as a function that JAX can transform."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ._finite_elements_system import System

_MOST_CELLS = 256  # along an axis, of the grid that triangles are looked up in
_OUTSIDE = 0.25  # of a triangle's height: as far as a curved side may reach
_NEWTON = 6


class Elements(eqx.Module):
    r"""The shape functions of all triangles, found by the place.

    Attributes
    ----------
    cells
        For each cell of a grid the triangles that meet it, ``-1`` for none.
    origin, width
        Of the grid: its lower corner and the sides of a cell.
    corners
        ``(triangles, 3, 2)``.
    bulge
        By how much the middles of the sides lie off, ``(triangles, 3, 2)``.
    dofs
        The nodes of each triangle.
    powers, table
        The shape functions are combinations of monomials of these powers.
    """

    cells: Int[Array, "across up k"]
    origin: Float[Array, " 2"]
    width: Float[Array, " 2"]
    corners: Float[Array, "m 3 2"]
    bulge: Float[Array, "m 3 2"]
    dofs: Int[Array, "m b"]
    powers: tuple[tuple[int, int], ...] = eqx.field(static=True)
    table: Float[Array, "b b"]

    def __init__(self, system: System, degree: int):
        mesh = system.basis.mesh
        corners = np.moveaxis(mesh.p[:, mesh.t[:3]], 0, -1).transpose(1, 0, 2)
        self.corners = jnp.asarray(corners)
        bulge = np.zeros_like(corners)
        if mesh.doflocs.shape[1] > mesh.nvertices:
            middles = mesh.doflocs[:, mesh.dofs.element_dofs[3:6]]
            middles = np.moveaxis(middles, 0, -1).transpose(1, 0, 2)
            bulge = middles - (corners + np.roll(corners, -1, axis=1)) / 2
        self.bulge = jnp.asarray(bulge)
        self.dofs = jnp.asarray(system.basis.element_dofs.T)
        self.powers = tuple((i, k - i) for k in range(degree + 1) for i in range(k + 1))
        places = np.asarray(system.basis.elem.doflocs)
        monomials = np.stack(
            [places[:, 0] ** i * places[:, 1] ** j for i, j in self.powers]
        )
        self.table = jnp.asarray(np.linalg.inv(monomials))
        self.cells, self.origin, self.width = map(jnp.asarray, _grid(corners, bulge))

    def at(self, x: Float[Array, " 2"]) -> tuple[Int[Array, " b"], Float[Array, " b"]]:
        """The nodes that a value at a point is made of, and their weights.

        Weights are NaN outside.
        """
        place = jax.lax.stop_gradient(x)
        cell = jnp.floor((place - self.origin) / self.width).astype(int)
        cell = jnp.clip(cell, 0, jnp.asarray(self.cells.shape[:2]) - 1)
        candidates = self.cells[cell[0], cell[1]]
        depths = jnp.min(jax.vmap(self._barycentric, (0, None))(candidates, place), 1)
        depths = jnp.where(candidates >= 0, depths, -jnp.inf)
        best = jnp.argmax(depths)
        triangle = candidates[best]
        xi = self._local(triangle, x)
        monomials = jnp.stack([xi[0] ** i * xi[1] ** j for i, j in self.powers])
        outside = depths[best] < -_OUTSIDE
        weights = jnp.where(outside, jnp.nan, self.table @ monomials)
        return self.dofs[triangle], weights

    def _barycentric(self, triangle, x):
        a, b, c = self.corners[triangle]
        xi = _solve(b - a, c - a, x - a)
        return jnp.stack([1 - xi[0] - xi[1], xi[0], xi[1]])

    def _local(self, triangle, x):
        """The point of the reference triangle that is mapped to x."""
        a, b, c = self.corners[triangle]
        bulge = self.bulge[triangle]

        def place(xi):
            s, t = xi
            r = 1 - s - t
            sides = 4 * jnp.stack([r * s, s * t, t * r])
            return a + s * (b - a) + t * (c - a) + sides @ bulge

        xi = _solve(b - a, c - a, x - a)
        for _ in range(_NEWTON):
            slope = jax.jacfwd(place)(xi)
            xi = xi - _solve(slope[:, 0], slope[:, 1], place(xi) - x)
        return xi


def _solve(first: Any, second: Any, right: Any) -> Any:
    """Two equations with two unknowns, by columns."""
    determinant = first[0] * second[1] - first[1] * second[0]
    one = right[0] * second[1] - right[1] * second[0]
    other = first[0] * right[1] - first[1] * right[0]
    return jnp.stack([one, other]) / determinant


def _grid(corners: np.ndarray, bulge: np.ndarray) -> tuple[Any, Any, Any]:
    """A grid of cells, and the triangles whose bounding boxes meet each."""
    lower, upper = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    lows = corners.min(axis=1) - np.abs(bulge).max(axis=1)
    highs = corners.max(axis=1) + np.abs(bulge).max(axis=1)
    finest = np.median(highs - lows, axis=0)
    counts = np.clip(np.ceil((upper - lower) / finest), 1, _MOST_CELLS).astype(int)
    width = (upper - lower) / counts
    first = np.clip(np.floor((lows - lower) / width), 0, counts - 1).astype(int)
    last = np.clip(np.floor((highs - lower) / width), 0, counts - 1).astype(int)
    found: dict[tuple[int, int], list[int]] = {}
    for triangle, (low, high) in enumerate(zip(first, last, strict=True)):
        for i in range(low[0], high[0] + 1):
            for j in range(low[1], high[1] + 1):
                found.setdefault((i, j), []).append(triangle)
    most = max(map(len, found.values()))
    cells = np.full((*counts, most), -1)
    for (i, j), triangles in found.items():
        cells[i, j, : len(triangles)] = triangles
    return cells, lower, width
