r"""The rows of an affine problem for features and points that came in blocks.

A field that keeps the features and the points of a smaller one has the smaller one's
matrix in a corner of its own: what is evaluated and factorised there is kept, and only
the new columns and the new rows are worked out.

The points of each block are a quadrature of their own, for every term. A block counts
by its share of the equation's points, so the balance between the terms is the same at
every size; and when a block is added, all that is old is multiplied by one number,
which is what a factorisation can follow (`_enlarged_qr.py`).
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._feature_rows import FeatureRows, with_readout
from .._network import RandomFeatures
from .._points import Points, joined
from .._residuals import Residuals
from ._base import AbstractFoundation
from ._blas import blas_threads
from ._enlarged_qr import EnlargedQR


class NestedRows(AbstractFoundation):
    """The rows of one field, and their factorisation, from which those of a larger one
    are made.

    Rows are in the order of the blocks, and in each of the terms; columns in the order
    of `FeatureRows`.

    Parameters
    ----------
    residuals
        The rows, affine in the field.
    field
        The smallest field.
    points
        Its points.
    cutoff
        As in `RegularisedQR`.

    Attributes
    ----------
    count
        Number of unknowns.
    """

    def __init__(
        self,
        residuals: Residuals,
        field: RandomFeatures,
        points: Points,
        cutoff: float,
    ):
        at = FeatureRows(residuals, field, points)
        self.residuals, self.field, self.count = residuals, field, at.count
        self._points = (points,)
        self._constant, self._matrix = at.linearise(np.zeros(at.count))
        self._features = at.features()
        with _threads(self._matrix):
            self._system = EnlargedQR(self._matrix, cutoff)
        self._order = np.arange(at.count)
        self._judged: FeatureRows | None = None

    def enlarged(self, field: RandomFeatures, points: Points) -> "NestedRows":
        """The rows for a field whose first features are those of this one.

        Parameters
        ----------
        field
            The larger field.
        points
            The points that come with its other features.
        """
        old, new = self.field.size, field.size - self.field.size
        before = sum(map(_number, self._points))
        share = _number(points) / (before + _number(points))
        factor, scale = math.sqrt(1 - share), math.sqrt(share)

        at = FeatureRows(self.residuals, field, points)
        constant, below = at.linearise(np.zeros(at.count))
        block = FeatureRows(self.residuals, field.block(old, new), joined(self._points))
        _, above = block.linearise(np.zeros(block.count))
        rows, weight = _by_blocks(self.residuals, self._points)
        above = _columns(above, new)[rows, :, :new] * (factor * weight)[:, None, None]

        result = object.__new__(NestedRows)
        result.residuals, result.field, result.count = self.residuals, field, at.count
        result._points = (*self._points, points)
        result._constant = np.concatenate([factor * self._constant, scale * constant])
        result._matrix = np.concatenate(
            [
                _widened(factor * self._matrix, above, old),
                scale * below,
            ]
        )
        table = _widened(self._features, block.features()[:, None, :new], old)
        result._features = np.concatenate([table, at.features()])
        # Which columns the old ones and the new ones are.
        index = _columns(np.arange(at.count)[None], field.size)[0]
        kept = np.concatenate([index[:, :old], index[:, -1:]], axis=1).ravel()
        order = np.concatenate([kept[self._order], index[:, old:-1].ravel()])
        result._order = order
        with _threads(result._matrix):
            result._system = self._system.enlarged(
                above.reshape(len(above), -1), scale * below[:, order], factor
            )
        result._judged = self._judged
        return result

    def rows(self, c: np.ndarray) -> np.ndarray:
        """The weighted rows."""
        return self._constant + self._matrix @ c

    def linearise(self, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The weighted rows and their derivatives in `c`."""
        return self.rows(c), self._matrix

    def features(self) -> np.ndarray:
        """The features, and the constant, at the points of the equation."""
        return self._features

    def with_readout(self, c: np.ndarray) -> Any:
        """The field whose readout is `c`."""
        return with_readout(self.field, c.reshape(-1, self.field.size + 1))

    def solve(self, right: np.ndarray) -> np.ndarray:
        """As `RegularisedQR.solve`, of the rows' derivatives."""
        result = np.empty(self.count)
        result[self._order] = self._system.solve(right)
        return result

    def solve_normal(self, right: np.ndarray) -> np.ndarray:
        """As `RegularisedQR.solve_normal`."""
        result = np.empty(self.count)
        result[self._order] = self._system.solve_normal(right[self._order])
        return result

    def judge(self, field: Any, points: Points) -> tuple[np.ndarray, np.ndarray]:
        """The weighted rows and the values of the field at other points, which are the
        same for all sizes."""
        if self._judged is None:
            self._judged = FeatureRows(self.residuals, field, points)
        else:
            self._judged = self._judged.widened(field)
        c = self._judged.start()
        return self._judged.rows(c), self._judged.values(c)


def _threads(matrix: np.ndarray) -> Any:
    return blas_threads(matrix.size * matrix.shape[1])


def _number(points: Points) -> int:
    return len(points["equation"].arguments[-1])


def _columns(matrix: np.ndarray, features: int) -> np.ndarray:
    """Columns by component of the field, the constant last, (n, d, features + 1)."""
    return matrix.reshape(len(matrix), -1, features + 1)


def _widened(old: np.ndarray, new: np.ndarray, features: int) -> np.ndarray:
    """Columns of new features between those of the old ones and the constant."""
    table = _columns(old, features)
    parts = [table[..., :-1], new, table[..., -1:]]
    return np.concatenate(parts, axis=2).reshape(len(old), -1)


def _by_blocks(
    residuals: Residuals, blocks: Sequence[Points]
) -> tuple[np.ndarray, np.ndarray]:
    """From the rows at all points together, term by term, to those block by block:
    where each of them is, and what its weight is multiplied by."""
    names = [name for name, _ in residuals.structure.orders]
    lengths = np.array([[len(b[t].arguments[-1]) for t in names] for b in blocks])
    heights = lengths * [residuals.factors[t].size for t in names]
    total = sum(map(_number, blocks))
    starts = np.concatenate([[0], np.cumsum(heights.sum(axis=0))[:-1]])
    index, weight = [], []
    for i, block in enumerate(blocks):
        begin = starts + heights[:i].sum(axis=0)
        for t in range(len(names)):
            index.append(begin[t] + np.arange(heights[i, t]))
            squared = _number(block) / total * lengths[:, t].sum() / lengths[i, t]
            weight.append(np.full(heights[i, t], math.sqrt(squared)))
    return np.concatenate(index), np.concatenate(weight)
