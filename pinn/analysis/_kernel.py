"""The tangent kernel of the residual rows: which parts of them training can reach."""

import math
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from .._compiled import Compiled
from .._points import Points
from .._problem import Problem
from .._residuals import Residuals, trainable_leaves
from ._axes import axes, colour
from ._rows import rows_of

ALL = "all"


@dataclass(frozen=True)
class TangentKernelSpectrum:
    r"""Eigenvalues of the tangent kernel $K = J J^\top$ of the rows.

    Under gradient flow the part of the rows along an eigenvector falls like
    $e^{-\lambda t}$: the spread of the eigenvalues is what makes training slow.

    Attributes
    ----------
    eigenvalues
        By term, and for ``"all"`` rows together: the first min(rows, parameters),
        falling. The others are zero.
    rows
        Number of rows, by the same names.
    """

    eigenvalues: dict[str, np.ndarray]
    rows: dict[str, int]

    @property
    def trace(self) -> dict[str, float]:
        """The sum of the eigenvalues."""
        return {k: float(np.sum(v)) for k, v in self.eigenvalues.items()}

    @property
    def condition(self) -> dict[str, float]:
        """The condition number of the Jacobian: the root of the largest of these
        eigenvalues over the smallest; infinite where that is rounding."""
        return {name: _condition(v) for name, v in self.eigenvalues.items()}

    @property
    def effective_rank(self) -> dict[str, float]:
        r"""$e^{H}$ with the entropy $H$ of $\lambda / \sum\lambda$: how many directions
        of the rows training sees, from 1 to their number."""
        return {name: _effective_rank(v) for name, v in self.eigenvalues.items()}

    def as_dict(self) -> dict[str, Any]:
        """The figures, as numbers that JSON can hold."""
        return {
            "rows": self.rows,
            "trace": self.trace,
            "condition": self.condition,
            "effective_rank": self.effective_rank,
        }

    def plot(self, ax: Any = None) -> Any:
        """Draw the eigenvalues of every term, falling. Returns the figure."""
        (ax,) = axes(ax)
        for i, (name, values) in enumerate(self.eigenvalues.items()):
            numbers = np.arange(1, len(values) + 1)
            positive = np.where(values > 0, values, np.nan)
            ax.loglog(numbers, positive, ".-", ms=3, color=colour(i), label=name)
        ax.set(xlabel="number", ylabel="eigenvalue of the tangent kernel")
        ax.legend(fontsize=8)
        ax.grid(alpha=0.3)
        return ax.figure


def tangent_kernel(
    problem: Problem,
    field: Any,
    *,
    key: PRNGKeyArray,
    points: Any = None,
    trainable: Any = None,
) -> TangentKernelSpectrum:
    r"""The spectrum of the tangent kernel of a problem's rows, together and by term.

    From the singular values of the Jacobian $J$ of the rows that a solve makes small,
    which keeps twice the digits of the eigenvalues of $K$.

    Parameters
    ----------
    problem
        The problem.
    field
        Any network.
    key
        Draws the points.
    points
        As in `pinn.solve`; 200 for the equation by default.
    trainable
        A tree like `field`, true at the leaves that are trained; all by default.

    Raises
    ------
    ValueError
        If an argument is wrong.

    References
    ----------
    Wang, Yu & Perdikaris, JCP 449 (2022), 110768; Roy & Vetterli, EUSIPCO 2007 (the
    effective rank).
    """
    residuals, train = rows_of(problem, field, points, key)
    trainable = trainable_leaves(field) if trainable is None else trainable
    return spectrum_of(residuals, field, trainable, train)


def spectrum_of(
    residuals: Residuals, field: Any, trainable: Any, train: Points
) -> TangentKernelSpectrum:
    """The same of rows that are there already."""
    matrix, sizes = _jacobian(residuals, field, trainable, train)
    matrix, start = np.asarray(matrix), 0
    parts = {ALL: matrix}
    for term in residuals.problem.terms:
        stop = start + len(sizes[term.name])
        parts[term.name], start = matrix[start:stop], stop
    squares = {
        name: np.linalg.svd(part, compute_uv=False) ** 2 for name, part in parts.items()
    }
    return TangentKernelSpectrum(squares, {k: len(part) for k, part in parts.items()})


def _condition(values: np.ndarray) -> float:
    root = np.sqrt(values)
    if not root[-1] > np.finfo(float).eps * root[0]:
        return math.inf
    return float(root[0] / root[-1])


def _effective_rank(values: np.ndarray) -> float:
    total = np.sum(values)
    if not total > 0:
        return 0.0
    share = values[values > 0] / total
    return float(np.exp(-np.sum(share * np.log(share))))


def _jacobian_of(residuals, field, trainable, points):
    _, matrix = residuals.linearise(field, trainable, points)
    by_term = residuals.by_term(field, points)
    return matrix, {name: jax.numpy.ravel(r) for name, r in by_term.items()}


_jacobian = Compiled(_jacobian_of)
