"""Rows of a problem for a field of Fourier coefficients, on the host.

The derivatives of such a field are known in closed form; so nothing is differentiated
and nothing compiled, however many waves there are.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._condition import Initial, RowInput
from .._equation import ravelled
from .._evolved_rows import AbstractEvolvedRows, EvolvedRows, in_panel, panel_of
from .._host import Hosted
from .._network import Evolved, FourierBasis
from .._periodic import Periodic
from .._points import Points
from .._rate import Index, local_field, rate_of
from .._residuals import Residuals

# Points at which all coefficients are worked out at once.
_CHUNK = 128


def of_waves(field: Any) -> bool:
    """Whether a field is one of Fourier coefficients that move in time."""
    return isinstance(field, Evolved) and isinstance(field.space, FourierBasis)


def evolved_rows(
    residuals: Residuals, field: Evolved, points: Points
) -> AbstractEvolvedRows:
    """The rows of a problem for a field of a march, whatever its features."""
    rows_of = FourierRows if of_waves(field) else EvolvedRows
    return rows_of(residuals, field, points)


class FourierRows(AbstractEvolvedRows):
    """The rows of an equation of first order in time on a periodic box.

    Parameters
    ----------
    residuals
        The rows.
    field
        See `of_waves`.
    points
        Row inputs of every term.
    """

    def __init__(self, residuals: Residuals, field: Evolved, points: Points):
        self.residuals, self.field, self.points = residuals, field, points
        self.shape = field.coefficients.shape[2:-1]
        rate = rate_of(residuals.problem, self.shape)
        self._tables: dict[str, tuple[tuple[dict[Index, np.ndarray], ...], Any]] = {}
        problem = residuals.problem
        for term, condition in zip(
            problem.terms, (None, *problem.conditions), strict=True
        ):
            wanted = _wanted(condition, rate)
            rows = points[term.name]
            jets = self._jets(rows.arguments, wanted)
            if rows.partner is not None:
                there = (*rows.arguments[:-1], rows.partner)
                other = self._jets(there, wanted)
                jets = jax.tree.map(np.subtract, jets, other)
            self._tables[term.name] = (jets, jax.tree.map(np.asarray, rows.alone))

    def values(self) -> np.ndarray:
        """The field where the equation holds, ``(n, d)``."""
        jets, rows = self._tables["equation"]
        value = jets[0].get(())
        if value is None:
            value = self._jets(rows.arguments, (((),),))[0][()]
        return value.reshape(len(value), -1)

    def judged(self) -> tuple[np.ndarray, np.ndarray]:
        parts = [
            rows.ravel() / math.sqrt(len(rows)) for rows, _ in self.parts().values()
        ]
        return np.concatenate(parts), self.values()

    def parts(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        return {
            term.name: _sizes(
                term, self.residuals.factors[term.name], *self._tables[term.name][::-1]
            )
            for term in self.residuals.problem.terms
        }

    def _jets(
        self, arguments: Any, wanted: tuple[tuple[Index, ...], ...]
    ) -> tuple[dict[Index, np.ndarray], ...]:
        """Derivatives ``(n, *shape)``: for each order in time those in space."""
        t, x = (np.asarray(a, float) for a in arguments)
        field, basis = self.field, self.field.space
        panel = panel_of(field, t)
        tables, waves = np.asarray(field.coefficients), np.asarray(basis.waves)[0]
        angular = 2 * np.pi * waves / np.asarray(basis.widths)
        angles = (x - np.asarray(basis.lower)) @ angular.T + np.asarray(basis.phases)[0]
        found = tuple(
            {i: np.zeros((len(t), *self.shape)) for i in indices} for indices in wanted
        )
        for m, indices in enumerate(wanted):
            in_time = in_panel(field, t, panel, m)
            for which in np.unique(panel):
                members = np.flatnonzero(panel == which)
                for start in range(0, len(members), _CHUNK):
                    some = members[start : start + _CHUNK]
                    c = np.tensordot(in_time[some], tables[which], axes=1)
                    for index in indices:
                        phi = np.sin(angles[some] + len(index) * np.pi / 2)
                        for axis in index:
                            phi = phi * angular[:, axis]
                        value = np.einsum("p...m,pm->p...", c[..., :-1], phi)
                        if index == ():
                            value = value + c[..., -1]
                        found[m][index][some] = value
        return found


def _wanted(condition: Any, rate: Any) -> tuple[tuple[Index, ...], ...]:
    """The derivatives that a term needs, for each order in time."""
    if condition is None:
        return (rate.indices[0], ((),))
    if isinstance(condition, Periodic):
        return (tuple((condition.axis,) * k for k in range(condition.order or 1)),)
    assert isinstance(condition, Initial)
    return (((),),)


@Hosted
def _sizes(term, factor, rows, jets):
    def at(row: RowInput, jets: Any):
        def residual(jets):
            t, x = row.arguments
            return factor * ravelled(term, local_field(t, x, jets), row)

        value, pullback = jax.vjp(residual, jets)
        (slopes,) = jax.vmap(pullback)(jnp.eye(value.size, dtype=value.dtype))
        parts = jax.tree.map(
            lambda g, c: jnp.sum(jnp.abs(g * c), axis=tuple(range(1, g.ndim))),
            slopes,
            jets,
        )
        return value, sum(jax.tree.leaves(parts))

    return jax.vmap(at)(rows, jets)
