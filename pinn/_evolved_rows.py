"""Rows of a problem for a field of a march, on the host.

Where features of space have a readout that is polynomial in time, the derivatives of
the field at a point are products of theirs, so the rows follow from them as in
`_feature_rows.py`. Each march ends with panels and windows of its own; here nothing is
compiled for them.
"""

import abc
import itertools
import math
from typing import Any

import jax
import numpy as np

from ._domain import real
from ._equation import unit_frame
from ._feature_rows import FeatureRows, Index, indices_up_to, localise, sides, tables
from ._host import Hosted
from ._network import Evolved
from ._points import Points
from ._residuals import Residuals


class AbstractEvolvedRows(abc.ABC):
    """What is known of a problem's rows for one field of a march."""

    @abc.abstractmethod
    def judged(self) -> tuple[np.ndarray, np.ndarray]:
        """See `AbstractMethod.judge`."""

    @abc.abstractmethod
    def parts(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """See `FeatureRows.sizes`."""


class EvolvedRows(FeatureRows, AbstractEvolvedRows):
    """The rows of a problem for one field of a march on any features.

    Parameters
    ----------
    residuals
        The rows, of a problem whose residual looks at the field at its own point.
    field
        The field.
    points
        Row inputs of every term.
    """

    _localised = staticmethod(Hosted(localise))

    def __init__(self, residuals: Residuals, field: Evolved, points: Points):
        self.residuals, self.field, self.points = residuals, field, points
        problem = residuals.problem
        self.shape = field.coefficients.shape[2:-1]
        self._components = int(np.prod(self.shape))
        self._indices = {
            name: indices_up_to(problem.in_size, order)
            for name, order in residuals.structure.orders
        }
        frame = unit_frame(problem)
        self._frame = real(frame)
        self._unit = 1 / np.diag(frame)
        self.count = math.prod(field.coefficients.shape[2:])
        self._known: dict[str, dict[Index, np.ndarray]] = {}
        self._structure()

    def start(self) -> np.ndarray:
        return np.zeros(self.count)  # the field is all that it is

    def judged(self) -> tuple[np.ndarray, np.ndarray]:
        values = self.values(self.start())
        return self.rows(self.start()), values.reshape(len(values), *self.shape)

    def parts(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        return self.sizes(self.start())

    def _jet(self, name: str, index: Index, c: np.ndarray) -> np.ndarray:
        needed = self._needed[name]
        arguments = self.points[name].arguments
        if name not in self._known:
            found = [np.zeros(())] * len(needed)
            for sign, where in sides(self.points[name]):
                there = derivatives_at(self.field, where, tuple(needed), self._unit)
                found = [a + sign * b for a, b in zip(found, there, strict=True)]
            self._known[name] = dict(zip(needed, found, strict=True))
        if index not in needed:
            return np.zeros((len(arguments[-1]), self._components))
        return self._known[name][index]


def derivatives_at(
    field: Evolved,
    arguments: tuple[Any, ...],
    indices: tuple[Index, ...],
    unit: np.ndarray,
) -> list[np.ndarray]:
    """Derivatives of a field of a march at many points, ``(n, d)`` each.

    Parameters
    ----------
    field
        The field.
    arguments
        Times and points of space.
    indices
        The axes along which derivatives are taken, sorted, time being the first.
    unit
        Of time and of each axis of space, in which they are taken.
    """
    t, x = (np.asarray(a, float) for a in arguments)
    coefficients = np.asarray(field.coefficients)
    panel = panel_of(field, t)
    window = np.asarray(field.windows)[panel]
    size, m = coefficients.shape[1], coefficients.shape[-1] - 1
    components = int(np.prod(coefficients.shape[2:-1]))
    in_space = sorted({tuple(i - 1 for i in a if i > 0) for a in indices} | {()})
    in_time = sorted({a.count(0) for a in indices})
    basis = {k: in_panel(field, t, panel, k) for k in in_time}
    result = [np.zeros((len(t), components)) for _ in indices]
    for one in np.unique(window).tolist():
        network = field.of_window(one)
        inside = np.flatnonzero(window == one)
        # By panel, so that each is a product of matrices.
        inside = inside[np.argsort(panel[inside], kind="stable")]
        features = np.zeros((len(in_space), len(inside), m + 1))
        scale = jax.device_put(unit[1:])
        for rows, columns, table in tables(
            network, (x[inside],), scale, tuple(in_space)
        ):
            features[:, rows, columns] = table
        features[in_space.index(()), :, m] = 1.0
        borders = np.flatnonzero(np.diff(panel[inside], prepend=-1, append=-1))
        for begin, end in itertools.pairwise(borders):
            some = inside[begin:end]
            which = panel[some[0]]
            table = coefficients[which].reshape(size, -1)
            per_time = {
                k: (unit[0] ** k * basis[k][some] @ table).reshape(
                    len(some), components, m + 1
                )
                for k in in_time
            }
            for place, index in enumerate(indices):
                space = in_space.index(tuple(i - 1 for i in index if i > 0))
                result[place][some] = np.einsum(
                    "ndj,nj->nd", per_time[index.count(0)], features[space, begin:end]
                )
    return result


def panel_of(field: Evolved, t: np.ndarray) -> np.ndarray:
    """The panel of each time; the first and the last go on beyond the ends."""
    return np.searchsorted(np.asarray(field.edges)[1:-1], t, side="right")


def in_panel(
    field: Evolved, t: np.ndarray, panel: np.ndarray, order: int
) -> np.ndarray:
    """Derivatives in time of the polynomials of panels, ``(n, degree + 1)``."""
    scales = np.asarray(field.scales)[panel]
    s = (t - np.asarray(field.centres)[panel]) * scales
    unit = np.eye(field.coefficients.shape[1])
    chebyshev = np.polynomial.chebyshev
    derived = chebyshev.chebder(unit, order) if order else unit
    values = chebyshev.chebvander(s, len(derived) - 1) @ derived
    return values * scales[:, None] ** order
