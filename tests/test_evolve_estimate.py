"""How good marches say they are: layers at the first time, and what residuals do."""

import jax.numpy as jnp
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
from pinn import Dirichlet, Initial, Problem, dt, laplacian
from pinn._estimate import difference_in_time
from pinn._method import Evidence
from pinn._method._evolve_plan import _ending
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


@pytest.mark.parametrize("tolerance", [None, 1e-7])
def test_marches_that_are_compared_have_errors_in_time_of_their_own(tolerance):
    method = pinn.Evolve(tolerance=tolerance)
    plan = method.plan(pinn.problems.heat(), (), 1e-4)
    found = []
    for _ in range(3):
        found.append(method.worker(plan).tolerance)
        plan = plan.after(Evidence(1e-2, 1e-2, 1e-4))
    first = tolerance or 1e-5
    assert_allclose(found, [first, 0.1 * first, first], rtol=1e-12)


def found_with(*figures):
    """Residuals and estimates of fields in turn, where 1e-5 is asked for."""
    return [Evidence(fresh, estimate, 1e-5) for fresh, estimate in figures]


@pytest.mark.parametrize(
    ("found", "full", "ending"),
    [
        ([(1e-2, np.nan), (5e-3, 3e-4)], False, ""),
        ([(1e-2, np.nan), (5e-3, 9e-6)], False, "reached"),
        # The last has an error of 3e-4 / 10 / 10 if it has gained what was gained
        # before: another like it will tell.
        ([(2e-2, np.nan), (9e-3, 3e-4), (4e-3, 3e-5)], True, ""),
        ([(2e-2, np.nan), (9e-3, 3e-4), (4e-3, 9e-5)], True, "largest"),
        ([(2e-2, np.nan), (4e-3, 3e-4), (9e-3, 3e-5)], True, "largest"),
        ([(1e-2, np.nan)], True, ""),
        ([(1e-2, np.nan), (9e-3, 3e-4), (9e-3, 3e-4)], False, "stalled"),
    ],
)
def test_the_largest_features_are_drawn_once_more_where_they_may_do(
    found, full, ending
):
    assert _ending(found_with(*found), full, again=True) == ending
    without = _ending(found_with(*found), full, again=False)
    assert without == (ending or "largest" if full else ending)


@pytest.mark.slow
@pytest.mark.parametrize("tol", [1e-3, 1e-6])
def test_fields_that_share_all_but_their_steps_show_errors_in_time(tol):
    """A front of Fisher's equation, of Ablowitz and Zeppetella: waves follow it to the
    last digit, and both fields had the same error in time, seven times the estimate."""
    rate, begin = 400.0, 0.2
    k = np.sqrt(rate / 6)
    exact = lambda t, x: (1 + jnp.exp(k * (x[0] - begin - 5 * k * t))) ** -2.0

    def fisher(u, t, x):
        return dt(u)(t, x) - laplacian(u)(t, x) - rate * u(t, x) * (1 - u(t, x))

    conditions = [
        Dirichlet(ROD.boundary, exact),
        Initial(lambda x: exact(jnp.zeros(()), x)),
    ]
    problem = Problem(ROD, fisher, conditions, time=(0.0, 0.01), exact=exact)
    report = pinn.solve(problem, tol=tol, key=jr.key(0)).report
    assert report.reached
    assert report.relative_l2 / 3 <= report.estimate <= 30 * report.relative_l2


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
