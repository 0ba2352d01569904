r"""A factorisation that grows with its matrix.

From $A = Q R$ to that of

$$ \begin{pmatrix} \theta A & B \\ C & D \end{pmatrix}, $$

with new columns, new rows and a common factor on what is old. Nothing of the old matrix
is needed but $Q$, as the reflections it was made by, and $R$:

1. the new columns go through the reflections so far, $Q^T B$;
2. $\theta R$ is stacked on $C$ and reduced, and the top of $Q^T B$ goes along with $D$;
3. what is left below in the new columns is reduced on its own.

Each entry below the diagonal is reduced once, with the columns on its right, as in one
factorisation of the final matrix, so growing in blocks takes as many operations. Only
the damping (`_regularised.py`) is reduced anew for each size, since it has to be last.

Golub & Van Loan, Matrix Computations, 6.5 (rows and columns one at a time); LAPACK's
`tpqrt` (blocks).
"""

from typing import NamedTuple

import numpy as np

from ._blas import library
from ._regularised import DampedTriangle, lengths

# Columns that LAPACK reduces together.
_BLOCK = 64


class _Stage(NamedTuple):
    """The reflections that one block of rows and columns brought.

    `rows` is the number of new rows; `v`, `t` reduce them against the triangle so far
    (``None`` for the first block); `q`, `tau` what is left below in the new columns.
    """

    rows: int
    v: np.ndarray | None
    t: np.ndarray | None
    q: np.ndarray
    tau: np.ndarray


class EnlargedQR:
    """A factorised matrix that can be enlarged.

    In 64 bit, as `RegularisedQR`. It is not changed by what is made of it.

    Parameters
    ----------
    matrix
        $A$, (n, m), of any shape.
    cutoff
        As in `RegularisedQR`.

    Attributes
    ----------
    triangle
        $R$ before the damping, (m, m).
    """

    def __init__(self, matrix: np.ndarray, cutoff: float):
        q, tau = _factorised(np.asfortranarray(matrix))
        stage = _Stage(len(matrix), None, None, q, tau)
        self._set((stage,), np.triu(q[: matrix.shape[1]]), cutoff)

    def _set(
        self, stages: tuple[_Stage, ...], triangle: np.ndarray, cutoff: float
    ) -> None:
        self._stages, self.triangle, self._cutoff = stages, triangle, cutoff
        length = lengths(triangle)
        self._damped = DampedTriangle(triangle / length, length, cutoff)

    def enlarged(
        self, above: np.ndarray, below: np.ndarray, factor: float = 1.0
    ) -> "EnlargedQR":
        r"""The factorisation of the matrix with a block more.

        Parameters
        ----------
        above
            $B$, the new columns in the old rows, (n, p).
        below
            $(C, D)$, the new rows, (q, m + p).
        factor
            $\theta$, dimensionless.
        """
        lapack = library("lapack")
        m, p = len(self.triangle), above.shape[1]
        top, rest = self._transformed(above)
        left = np.asfortranarray(below[:, :m])
        triangle, v, t, info = lapack.dtpqrt(
            0, min(_BLOCK, m), factor * self.triangle, left, overwrite_b=1
        )
        if info:
            raise np.linalg.LinAlgError("LAPACK refused a matrix")
        top, new = _reduced(v, t, top, below[:, m:])
        q, tau = _factorised(np.concatenate([rest, new]))
        whole = np.zeros((m + p, m + p), order="F")
        whole[:m, :m], whole[:m, m:] = np.triu(triangle), top
        whole[m:, m:] = np.triu(q[:p])
        result = object.__new__(EnlargedQR)
        stage = _Stage(len(below), v, t, q, tau)
        result._set((*self._stages, stage), whole, self._cutoff)
        return result

    def solve(self, right: np.ndarray) -> np.ndarray:
        """The coefficients of the damped least squares, (m,)."""
        top, _ = self._transformed(right[:, None])
        return self._damped.solve(top)

    def solve_normal(self, right: np.ndarray) -> np.ndarray:
        r"""$(A^T A + \lambda^2)^{-1}$ times a vector."""
        return self._damped.solve_normal(right)

    def _transformed(self, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """$Q^T$ times columns: the part that goes with the triangle, and the rest."""
        top = rest = np.zeros((0, columns.shape[1]))
        start = 0
        for stage in self._stages:
            new = columns[start : start + stage.rows]
            start += stage.rows
            if stage.v is not None and stage.t is not None:
                top, new = _reduced(stage.v, stage.t, top, new)
            low = np.zeros((len(stage.q), columns.shape[1]), order="F")
            low[: len(rest)] = rest
            low[len(rest) : len(rest) + len(new)] = new
            low, _, _ = library("lapack").dormqr(
                "L",
                "T",
                stage.q,
                stage.tau,
                low,
                lwork=_BLOCK * low.shape[1],
                overwrite_c=1,
            )
            p = stage.q.shape[1]
            top, rest = np.concatenate([top, low[:p]]), low[p:]
        return top, rest


def _factorised(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The reflections of a matrix, with rows of zeros where it has too few."""
    n, m = matrix.shape
    tall = np.zeros((max(n, m), m), order="F")
    tall[:n] = matrix
    q, tau, _, info = library("lapack").dgeqrf(tall, lwork=_BLOCK * m, overwrite_a=1)
    if info:
        raise np.linalg.LinAlgError("LAPACK refused a matrix")
    return q, tau


def _reduced(
    v: np.ndarray, t: np.ndarray, top: np.ndarray, new: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Columns through the reflections that reduced new rows against a triangle."""
    top, new, _ = library("lapack").dtpmqrt(
        0, v, t, np.asfortranarray(top), np.asfortranarray(new), side="L", trans="T"
    )
    return top, new
