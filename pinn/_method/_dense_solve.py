r"""Damped least squares with a Jacobian that fits into memory.

For rows in $\mathbb R^N$, a Jacobian $J$ (N, P), column weights $D$ and damping
$\lambda$, everything that a Levenberg-Marquardt step needs is one linear map,

$$ S(y) = (J^T J + \lambda D)^{-1} J^T y
        = D^{-1} J^T (J D^{-1} J^T + \lambda)^{-1} y, $$

the *primal* form, with a (P, P) matrix, and the *dual* one, with (N, N) (Woodbury's
identity). Both are used in the variables $D^{1/2} \delta$, in which $D$ is the
identity.

On the host the products and factorisations are those of BLAS and LAPACK through SciPy:
OpenBLAS forms $J^T J$ of (2400, 1185) in 24 ms where XLA takes 100 ms on the same two
cores. On a device the same lines are traced.
"""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ._blas import library
from ._control import branch

# Below this damping, in rounding units of the trace of the normal matrix, the normal
# equations have lost the digits that the damping leaves: a QR factorisation of the
# rows, three times the work, keeps them.
_NORMAL_UNITS = 2.0
# And below this one a QR factorisation has lost them too.
_LEAST_UNITS = 100.0


class Factor(eqx.Module):
    """The triangle $R$ with $R^T R = A^T A + \\lambda$ (or $A A^T + \\lambda$)."""

    triangle: Any
    damping: Any
    by_rows: Any  # whether it comes from a QR factorisation of the rows


class DenseSystem:
    """The linearised rows at one field, ready for any damping.

    Parameters
    ----------
    matrix
        $J$, (N, P), already in the scaled variables.
    dual
        Whether the (N, N) form is used.
    host
        Whether to use SciPy on the host.
    """

    def __init__(self, matrix: Any, dual: bool, host: bool):
        self.matrix, self.dual, self.host = matrix, dual, host
        if not host:
            _ = self._trace  # here, and not within a loop that is traced

    @functools.cached_property
    def gram(self) -> Any:
        """$J^T J$, or $J J^T$ in the dual form; on the host its upper triangle only.

        Steps that factorise the rows do without it.
        """
        a = self.matrix if self.dual else self.matrix.T
        return _syrk(a) if self.host else a @ a.T

    @property
    def least_damping(self) -> Any:
        """The smallest damping that makes any difference to the steps."""
        unit = np.finfo(self.matrix.dtype).eps
        return (_LEAST_UNITS * unit) ** 2 * self._trace

    @functools.cached_property
    def _trace(self) -> Any:
        if not self.host:
            return jnp.trace(self.gram)
        entries = np.ravel(self.matrix, order="K")
        return np.asarray(entries @ entries)

    def product(self, step: Any) -> Any:
        return self.matrix @ step

    def factor(self, damping: Any) -> Factor:
        unit = np.finfo(self.matrix.dtype).eps
        by_rows = damping < _NORMAL_UNITS * unit * self._trace
        triangle = branch(
            self.host,
            by_rows,
            lambda value: self._from_rows(value),
            lambda value: self._from_gram(value),
            damping,
        )
        return Factor(triangle, damping, by_rows)

    def solve(self, factor: Factor, rows: Any) -> Any:
        """$S(y)$; not a number where the factorisation failed."""
        # Solving with R^T R squares the condition of R; where the digits matter, one
        # refinement by the rows themselves mends that (the corrected seminormal
        # equations; Björck 1987).
        if self.dual:
            right, rest = rows, self._dual_rest
        else:
            right, rest = self._pull(rows), self._primal_rest
        found = branch(
            self.host,
            factor.by_rows,
            lambda x: x + self._backward(factor, rest(factor, rows, x)),
            lambda x: x,
            self._backward(factor, right),
        )
        return self._pull(found) if self.dual else found

    def _primal_rest(self, factor: Factor, rows: Any, step: Any) -> Any:
        return self._pull(rows - self.product(step)) - factor.damping * step

    def _dual_rest(self, factor: Factor, rows: Any, z: Any) -> Any:
        return rows - self.product(self._pull(z)) - factor.damping * z

    def _pull(self, rows: Any) -> Any:
        return self.matrix.T @ rows

    def _from_gram(self, damping: Any) -> Any:
        n = self.gram.shape[0]
        if not self.host:
            return jnp.linalg.cholesky(
                self.gram + damping * jnp.eye(n, dtype=self.gram.dtype)
            ).T
        shifted = self.gram.copy(order="F")
        shifted[np.diag_indices(n)] += damping
        triangle, info = library("lapack").dpotrf(
            shifted, lower=0, clean=0, overwrite_a=1
        )
        return triangle if info == 0 else np.full_like(triangle, np.nan)

    def _from_rows(self, damping: Any) -> Any:
        xp = np if self.host else jnp
        a = self.matrix.T if self.dual else self.matrix
        n = a.shape[1]
        below = xp.sqrt(damping) * xp.eye(n, dtype=a.dtype)
        stacked = xp.concatenate([a, below])
        if not self.host:
            return jnp.linalg.qr(stacked, mode="r")
        from scipy.linalg import qr

        triangle: Any = qr(stacked, mode="r", overwrite_a=True, check_finite=False)[0]
        return np.asfortranarray(triangle[:n])

    def _backward(self, factor: Factor, right: Any) -> Any:
        """$(R^T R)^{-1}$ times a vector."""
        if not self.host:
            return jax.scipy.linalg.cho_solve((factor.triangle, False), right)
        result, _ = library("lapack").dpotrs(factor.triangle, right, lower=0)
        return result


def _syrk(a: np.ndarray) -> np.ndarray:
    """The upper triangle of $A A^T$, in Fortran's order."""
    blas = library("blas")
    if a.flags.f_contiguous:
        return blas.dsyrk(1.0, a, lower=0)
    return blas.dsyrk(1.0, a.T, trans=1, lower=0)
