r"""Dense linear least squares whose columns may be as good as dependent.

Many smooth features on one domain are dependent to rounding: the singular values of
their matrix fall exponentially. Among the coefficients that fit equally well the
smallest are wanted, since large ones cancel and lose digits. With columns of unit
length, so that the sizes of the features do not matter, the solution minimises

$$ \|A c - b\|^2 + \lambda^2 \|c\|^2, \qquad \lambda = \epsilon \sqrt m, $$

where $\epsilon$ is about the rounding unit and $\sqrt m$ the size of $A$ with its $m$
columns. First $A = Q R$, then the triangle is stacked on $\lambda I$ and reduced again,
which costs a third of the first step (LAPACK's `geqrf` and `tpqrt`). Compared with an
SVD that drops the singular values below $\epsilon$ (`gelsd`) this takes a third to half
of the time, and the residuals left are five times smaller.
"""

import numpy as np

from ._blas import library

# Columns that LAPACK reduces together.
_BLOCK = 64


class RegularisedQR:
    """A factorised matrix, ready for any right-hand side.

    Always in 64 bit: NumPy has it, whatever the precision of the program.

    Parameters
    ----------
    matrix
        $A$, (n, m), of any shape.
    cutoff
        $\\epsilon$, dimensionless; 0 for none.
    """

    def __init__(self, matrix: np.ndarray, cutoff: float):
        lapack = library("lapack")
        n, m = matrix.shape
        length = np.linalg.norm(matrix, axis=0)
        self._length = np.where(length > 0, length, 1.0)
        scaled = np.zeros((max(n, m), m), order="F")
        np.divide(matrix, self._length, out=scaled[:n])
        self._rows, self._columns = scaled.shape[0], m
        self._q, self._tau, _, info = lapack.dgeqrf(
            scaled, lwork=_BLOCK * m, overwrite_a=1
        )
        damping = np.zeros((m, m), order="F")
        np.fill_diagonal(damping, cutoff * np.sqrt(m))
        self._r, self._v, self._t, more = lapack.dtpqrt(
            m, min(_BLOCK, m), np.triu(self._q[:m]), damping, overwrite_b=1
        )
        if info or more:
            raise np.linalg.LinAlgError("LAPACK refused a matrix")

    def solve(self, right: np.ndarray) -> np.ndarray:
        """The coefficients, in the caller's lengths of the columns."""
        lapack = library("lapack")
        b = np.zeros((self._rows, 1), order="F")
        b[: len(right), 0] = right
        b, _, _ = lapack.dormqr(
            "L", "T", self._q, self._tau, b, lwork=_BLOCK, overwrite_c=1
        )
        below = np.zeros((self._columns, 1), order="F")
        top, _, _ = lapack.dtpmqrt(
            self._columns,
            self._v,
            self._t,
            np.asfortranarray(b[: self._columns]),
            below,
            side="L",
            trans="T",
        )
        solution, info = lapack.dtrtrs(self._r, top[:, 0])
        if info:
            raise np.linalg.LinAlgError("the matrix has lost a column")
        return solution / self._length

    def solve_normal(self, right: np.ndarray) -> np.ndarray:
        """$(A^T A + \\lambda^2)^{-1}$ times a vector, in the same lengths."""
        lapack = library("lapack")
        half, first = lapack.dtrtrs(self._r, right / self._length, trans=1)
        solution, second = lapack.dtrtrs(self._r, half)
        if first or second:
            raise np.linalg.LinAlgError("the matrix has lost a column")
        return solution / self._length
