"""Finite elements on a mesh as one system of equations for all unknowns."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .._problem import Problem
from . import _finite_elements_form as form
from ._finite_elements_form import Flux, Value, WeakForm
from ._finite_elements_mesh import Triangles
from ._finite_elements_sides import conditions_of, sides_of


class Quadrature(NamedTuple):
    """Points of integration in elements, or on their sides.

    Attributes
    ----------
    shapes
        The value and the two derivatives of each shape function at each point,
        ``(elements, 3 points, functions)``.
    points, weights
        ``(elements points, 2)`` and ``(elements, points)``.
    dofs
        The shape functions of each element, ``(elements, functions)``.
    normals
        Outward, ``(elements points, 2)``; ``None`` inside.
    """

    shapes: np.ndarray
    points: np.ndarray
    weights: np.ndarray
    dofs: np.ndarray
    normals: np.ndarray | None

    def of(self, y: np.ndarray) -> np.ndarray:
        """Values and derivatives of ``y`` (n, e) at all points, (points, e, 3)."""
        c = self.shapes @ y[self.dofs]
        count, unknowns = self.weights.shape[1], y.shape[1]
        c = c.reshape(-1, count, 3, unknowns)
        return np.moveaxis(c, 2, 3).reshape(-1, unknowns, 3)

    def tested(self, densities: np.ndarray, n: int) -> np.ndarray:
        """Integrals of densities (points, e, 3) with each shape function, (n, e)."""
        elements, count = self.weights.shape
        weighted = densities.reshape(elements, count, -1, 3)
        weighted = weighted * self.weights[:, :, None, None]
        weighted = np.moveaxis(weighted, 3, 2).reshape(elements, 3 * count, -1)
        local = np.swapaxes(self.shapes, 1, 2) @ weighted
        total = np.zeros((n, densities.shape[1]))
        np.add.at(total, self.dofs.ravel(), local.reshape(-1, densities.shape[1]))
        return total

    def matrix(self, slopes: np.ndarray, n: int) -> Any:
        """The sparse matrix of slopes (points, e, 3, e, 3), of size n e."""
        from scipy.sparse import coo_array

        elements, count = self.weights.shape
        unknowns = slopes.shape[1]
        parts = slopes.reshape(elements, count, unknowns, 3, unknowns, 3)
        parts = parts * self.weights[:, :, None, None, None, None]
        functions = self.shapes.reshape(elements, count, 3, -1)
        back = np.swapaxes(self.shapes, 1, 2)
        rows, columns, data = [], [], []
        i, j = np.broadcast_arrays(self.dofs[:, :, None], self.dofs[:, None, :])
        for k in range(unknowns):
            for m in range(unknowns):
                block = parts[:, :, k, :, m, :]
                if not block.any():
                    continue
                local = back @ (block @ functions).reshape(elements, 3 * count, -1)
                rows.append((i * unknowns + k).ravel())
                columns.append((j * unknowns + m).ravel())
                data.append(local.ravel())
        if not data:
            return coo_array((n * unknowns, n * unknowns)).tocsr()
        places = (np.concatenate(rows), np.concatenate(columns))
        shape = (n * unknowns, n * unknowns)
        return coo_array((np.concatenate(data), places), shape=shape).tocsr()


class Side(NamedTuple):
    """A part of the boundary on which the same conditions hold."""

    quadrature: Quadrature
    fluxes: tuple[Flux, ...]


class Held(NamedTuple):
    """Values that a condition holds at nodes.

    Of what it asks for at each of its nodes, `where` says which entries count, and
    `unknowns` the unknowns that they are for.
    """

    value: Value
    nodes: np.ndarray
    where: np.ndarray
    unknowns: np.ndarray


class System:
    r"""$M \dot y = f(t, y)$, or $0 = f(y)$, for the unknowns at all nodes.

    The rows of values that conditions hold are $0 = g(t) - y$.

    Attributes
    ----------
    weak
        The equation.
    basis
        Of skfem.
    nodes
        Places of the nodes, ``(n, 2)``.
    fixed
        The unknowns that conditions hold.
    """

    def __init__(self, problem: Problem, weak: WeakForm, mesh: Triangles, degree: int):
        import skfem  # pyright: ignore

        elements = (
            skfem.ElementTriP1,
            skfem.ElementTriP2,
            skfem.ElementTriP3,
            skfem.ElementTriP4,
        )
        element = elements[degree - 1]()
        order = 2 * degree + (degree > 1)  # curved sides take one more
        self.weak = weak
        self.basis: Any = skfem.Basis(mesh.mesh, element, intorder=order)
        self.nodes = np.ascontiguousarray(self.basis.doflocs.T)
        self.inside = _quadrature(self.basis)
        self.sides: list[Side] = []
        self.held: list[Held] = []
        held = np.zeros((len(self.nodes), weak.components), bool)
        for terms, facets in sides_of(problem, mesh):
            side = skfem.FacetBasis(mesh.mesh, element, facets=facets, intorder=order)
            quadrature = _quadrature(side)
            fluxes, values = conditions_of(
                problem, weak, terms, quadrature.points, quadrature.normals
            )
            self.sides.append(Side(quadrature, fluxes))
            nodes = np.unique(self.basis.get_dofs(facets=facets).flatten())
            for value in values:
                components = np.array(value.components)
                # At a corner the condition that comes first holds.
                where = ~held[nodes[:, None], components]
                unknowns = nodes[:, None] * weak.unknowns + components
                self.held.append(Held(value, nodes, where, unknowns[where]))
                held[nodes[:, None], components] = True
        places = [
            level * weak.components + one.unknowns
            for one in self.held
            for level in range(weak.levels)
        ]
        self.fixed = np.concatenate([np.zeros(0, int), *places])
        self._free = np.ones(self.size)
        self._free[self.fixed] = 0.0

    @property
    def size(self) -> int:
        return len(self.nodes) * self.weak.unknowns

    @property
    def kinds(self) -> np.ndarray:
        """The number of the unknown function that each unknown is a value of."""
        return np.tile(np.arange(self.weak.unknowns), len(self.nodes))

    def slope(self, t: float, y: np.ndarray) -> np.ndarray:
        """$f$."""
        table, here = y.reshape(len(self.nodes), -1), self.inside
        densities = form.inside(self.weak, t, here.points, here.of(table))
        total = here.tested(densities, len(table))
        for model, here, rows in self._on_sides(table):
            total += here.tested(form.boundary(model, t, *rows), len(table))
        return self._with_fixed(t, y, total)

    def linearised(self, t: float, y: np.ndarray) -> tuple[np.ndarray, Any]:
        r"""$f$ and $\partial f/\partial y$, a sparse matrix."""
        from scipy.sparse import diags_array

        table, here = y.reshape(len(self.nodes), -1), self.inside
        rows = (here.points, here.of(table))
        densities, slopes = form.inside_sloped(self.weak, t, *rows)
        total = here.tested(densities, len(table))
        matrix = here.matrix(slopes, len(table))
        for model, here, rows in self._on_sides(table):
            densities, slopes = form.boundary_sloped(model, t, *rows)
            total += here.tested(densities, len(table))
            matrix = matrix + here.matrix(slopes, len(table))
        matrix = diags_array(self._free) @ matrix - diags_array(1.0 - self._free)
        return self._with_fixed(t, y, total), matrix

    def _with_fixed(self, t, y, total):
        f = total.ravel()
        f[self.fixed] = self.fixed_values(t) - y[self.fixed]
        return f

    def mass(self) -> Any:
        """$M$, without the rows of values that are held."""
        from scipy.sparse import diags_array

        slopes = np.zeros((self.inside.weights.size, *(self.weak.unknowns, 3) * 2))
        for k in range(self.weak.unknowns):
            slopes[:, k, 0, k, 0] = 1.0
        return diags_array(self._free) @ self.inside.matrix(slopes, len(self.nodes))

    def fixed_values(self, t: float) -> np.ndarray:
        """What conditions hold the `fixed` unknowns at."""
        wanted = [np.zeros(0)]
        for held in self.held:
            # One table of values, and one of rates for a second order in time.
            function = form.values if self.weak.levels == 1 else form.values_with_rates
            made = function(held.value, t, self.nodes[held.nodes])
            wanted += [table[held.where] for table in made]
        return np.concatenate(wanted)

    def _on_sides(self, table: np.ndarray) -> Iterator[tuple[Any, Quadrature, Any]]:
        for here, fluxes in self.sides:
            rows = (here.points, here.normals, here.of(table))
            yield (self.weak, fluxes), here, rows


def _quadrature(basis: Any) -> Quadrature:
    """From a basis of skfem, whose tables end in (elements, points)."""
    tables = []
    for (function,) in basis.basis:
        value = np.broadcast_to(np.asarray(function), basis.dx.shape)
        gradient = np.broadcast_to(function.grad, (2, *basis.dx.shape))
        tables.append(np.concatenate([value[None], gradient]))
    shapes = np.stack(tables)  # (functions, 3, elements, points)
    elements, count = basis.dx.shape
    shapes = shapes.transpose(2, 3, 1, 0).reshape(elements, 3 * count, -1)
    flat = lambda a: np.ascontiguousarray(np.asarray(a).reshape(2, -1).T)
    normals = getattr(basis, "normals", None)
    return Quadrature(
        shapes,
        flat(basis.global_coordinates()),
        np.asarray(basis.dx),
        np.ascontiguousarray(basis.element_dofs.T),
        None if normals is None else flat(normals),
    )
