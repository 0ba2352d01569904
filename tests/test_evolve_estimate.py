"""How good marches say they are: layers at the first time, and what residuals do."""

import jax.random as jr
import numpy as np
import pytest
from evolutions import (
    disagreeing,
    disk_with_a_hole,
    early_chaos,
    error_by_table,
    error_with_layer,
)
from numpy.testing import assert_allclose

import pinn
from pinn._estimate import difference_in_time
from pinn._method._panels import Panels

ROD = pinn.Interval(0.0, 1.0)
LAYER = 2.0**-12


def constant_in_space(tables):
    """A field that is the same everywhere, from its polynomials in time."""
    network = pinn.RandomFeatures(1, "scalar", 1, key=jr.key(0))
    panels = Panels(network, (1.0, 3.0), (), 2)
    for end, polynomial in tables:
        table = np.zeros((3, 1, 2))
        table[: len(polynomial), 0, 1] = polynomial
        panels.add(end, table)
    return panels.field()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_marches_that_differ_by_a_constant_are_that_far_apart(count):
    tables = lambda value: [((i + 1) / count, [value]) for i in range(count)]
    two, three = (constant_in_space(tables(value)) for value in (2.0, 3.0))
    x = np.linspace(0.0, 1.0, 5)[:, None]
    assert_allclose(difference_in_time(two, three, x, (1.0, 3.0)), 0.5, rtol=1e-12)


def test_a_layer_at_the_first_time_is_seen():
    """A difference of 1 - t/s until t = s has the norm sqrt(s/3)."""
    field = constant_in_space([(LAYER, [1.0]), (1.0, [1.0])])
    other = constant_in_space([(LAYER, [1.5, -0.5]), (1.0, [1.0])])
    x = np.linspace(0.0, 1.0, 5)[:, None]
    found = difference_in_time(field, other, x, (1.0, 3.0))
    # The trapezoidal rule takes a convex function for more than it is.
    assert np.sqrt(LAYER / 3) <= found <= 1.3 * np.sqrt(LAYER / 3)


@pytest.mark.slow
@pytest.mark.parametrize("tol", [1e-3, 1e-5])
def test_the_estimate_sees_the_layer_of_data_that_disagrees(tol):
    solution = pinn.solve(disagreeing(), method=pinn.Evolve(), tol=tol, key=jr.key(0))
    error = error_with_layer(solution)
    assert solution.report.reached
    assert error <= solution.report.estimate <= 20 * error


@pytest.mark.slow
def test_heat_around_a_hole_agrees_with_finite_elements():
    """Those of degree four on these triangles are 3e-6 away from finer ones."""
    pytest.importorskip("skfem")
    problem = disk_with_a_hole()
    solution = pinn.solve(problem, method=pinn.Evolve(), tol=1e-5, key=jr.key(0))
    elements = pinn.reference.finite_elements(problem, 24, degree=4, estimate=False)
    error = solution.error(elements)
    assert error <= 1e-5
    assert error <= solution.report.estimate <= 30 * error


@pytest.mark.slow
def test_chaos_agrees_with_its_table_while_it_can_be_foretold():
    solution = pinn.solve(early_chaos(), tol=1e-5, key=jr.key(0))
    assert error_by_table(solution) <= 1e-5


@pytest.mark.slow
def test_features_are_placed_where_waves_come_close_to_a_front():
    problem = pinn.problems.burgers(viscosity=0.1 / np.pi)
    solution = pinn.solve(problem, method=pinn.Evolve(), tol=1e-5, key=jr.key(0))
    assert solution.report.reached
    assert solution.report.relative_l2 <= 1e-5
