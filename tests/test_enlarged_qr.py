"""A factorisation that grows agrees with that of the final matrix."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pinn._method import _enlarged_qr
from pinn._method._blas import library
from pinn._method._enlarged_qr import EnlargedQR
from pinn._method._regularised import RegularisedQR

# Rows and columns after each block; with fewer rows than columns, too, and with blocks
# of columns that are wider than those that LAPACK reduces together.
SHAPES = {
    "tall": [(40, 20), (60, 30), (95, 45)],
    "more columns than LAPACK's block": [(200, 90), (300, 160)],
    "few new rows": [(50, 20), (51, 40), (53, 41)],
    "few columns": [(3, 1), (5, 2), (9, 3)],
    "more columns than rows": [(10, 25), (18, 30), (20, 60)],
}


def grown(matrix, shapes, cutoff, factors=None):
    """The factorisation of a matrix, block by block."""
    (n, m), *later = shapes
    factors = [1.0] * len(later) if factors is None else factors
    # What is old is multiplied by every later factor.
    rest = np.prod(factors)
    system = EnlargedQR(matrix[:n, :m] / rest, cutoff)
    for (rows, columns), factor in zip(later, factors, strict=True):
        rest /= factor
        above = matrix[:n, m:columns] / rest
        below = matrix[n:rows, :columns] / rest
        system = system.enlarged(above, below, factor)
        n, m = rows, columns
    return system


@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
def test_the_triangle_is_that_of_the_whole_matrix(shapes):
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal(shapes[-1]) * np.logspace(-3, 3, shapes[-1][1])
    r = grown(matrix, shapes, 1e-16).triangle
    assert_allclose(r, np.triu(r))
    gram = matrix.T @ matrix
    size = np.sqrt(np.diag(gram))
    assert_allclose(
        r.T @ r / np.outer(size, size), gram / np.outer(size, size), atol=1e-14
    )
    n, m = matrix.shape
    if n >= m:
        expected = np.linalg.qr(matrix, mode="r")
        assert_allclose(np.abs(r), np.abs(expected), rtol=1e-7, atol=1e-12 * size.max())


@pytest.mark.parametrize("rank", [None, 12])
@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
def test_solutions_are_those_of_a_fresh_factorisation(shapes, rank):
    """Of columns that depend on each other, too: the damping is that of the whole."""
    rng = np.random.default_rng(1)
    n, m = shapes[-1]
    matrix = rng.standard_normal((n, m))
    if rank is not None:
        matrix = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, m))
    right, normal = rng.standard_normal(n), rng.standard_normal(m)
    factors = [0.8] * (len(shapes) - 1)
    # What rounding changes is divided by the square of the damping.
    system = grown(matrix, shapes, 1e-3, factors)
    fresh = RegularisedQR(matrix, 1e-3)
    expected = fresh.solve(right)
    assert_allclose(system.solve(right), expected, atol=1e-9 * np.abs(expected).max())
    expected = fresh.solve_normal(normal)
    size = np.abs(expected).max()
    assert_allclose(system.solve_normal(normal), expected, atol=1e-9 * size)


def test_what_is_enlarged_stays_as_it_is():
    rng = np.random.default_rng(2)
    matrix, right = rng.standard_normal((60, 30)), rng.standard_normal(40)
    small = EnlargedQR(matrix[:40, :20], 1e-15)
    before = small.solve(right)
    small.enlarged(matrix[:40, 20:], matrix[40:])
    np.testing.assert_array_equal(small.solve(right), before)


class Counted:
    """LAPACK, with the operations that its reductions take: four for each entry that a
    reflection has and each column that it goes through."""

    def __init__(self):
        self.operations = 0

    def __getattr__(self, name):
        routine = getattr(library("lapack"), name)

        def counted(*arguments, **options):
            self.operations += OPERATIONS.get(name, lambda *a: 0)(*arguments)
            return routine(*arguments, **options)

        return counted


def triangular(n, m):
    """Of m reflections, the entries of which shrink from n to n - m."""
    return sum(4 * (n - j) * (m - j) for j in range(m))


OPERATIONS = {
    "dgeqrf": lambda a: triangular(*a.shape),
    "dormqr": lambda side, t, q, tau, c: (
        4 * c.shape[1] * sum(len(q) - j for j in range(q.shape[1]))
    ),
    "dtpqrt": lambda corner, block, a, b: sum(
        4 * (len(b) + 1) * (b.shape[1] - j) for j in range(b.shape[1])
    ),
    "dtpmqrt": lambda corner, v, t, a, b: 4 * (len(v) + 1) * v.shape[1] * b.shape[1],
}


def test_growing_takes_as_many_operations_as_the_final_size(monkeypatch):
    """Up to the damping, which each size reduces anew, and a row of each triangle."""
    rng = np.random.default_rng(3)
    shapes = [(round(2.1 * m), m) for m in (40, 60, 90, 135, 200)]
    matrix = rng.standard_normal(shapes[-1])
    lapack = Counted()
    monkeypatch.setattr(_enlarged_qr, "library", lambda name: lapack)
    grown(matrix, shapes, 1e-15)
    assert lapack.operations == pytest.approx(triangular(*matrix.shape), rel=0.01)
    anew = sum(triangular(*shape) for shape in shapes)
    assert lapack.operations < 0.75 * anew
