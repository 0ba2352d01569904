"""How good marches say they are: layers at the first time, and what residuals do."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from jax.scipy.special import erfc
from numpy.testing import assert_allclose

import pinn
from pinn import Dirichlet, Initial, Problem, dt, laplacian
from pinn._estimate import difference_in_time
from pinn._evolved_rows import derivatives_at
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


def disagreeing():
    """One inside at the start, and zero on the boundary."""
    heat = lambda u, t, x: dt(u)(t, x) - laplacian(u)(t, x)
    conditions = [Dirichlet(ROD.boundary, 0.0), Initial(1.0)]
    return Problem(ROD, heat, conditions, time=(0.0, 0.1))


def error_with_layer(solution):
    """By Gauss's rule between the times 2^-k and around the ends of the rod, against
    the images of the start in these."""
    nodes, weights = np.polynomial.legendre.leggauss(8)

    def graded(stop, count):
        edges = stop * np.append(0.0, 0.5 ** np.arange(count, -1, -1.0))
        half = np.diff(edges)[:, None] / 2
        return (edges[:-1, None] + half * (1 + nodes)).ravel(), (half * weights).ravel()

    (t, of_t), (x, of_x) = graded(0.1, 28), graded(0.5, 12)
    t, x = (a.ravel() for a in np.meshgrid(t, x, indexing="ij"))
    u = derivatives_at(solution.field, (t, x[:, None]), ((),), np.ones(2))[0][:, 0]
    wave = lambda k, x: erfc((k + x) / np.sqrt(4 * t))
    exact = 1 - sum((-1) ** k * (wave(k, x) + wave(k, 1 - x)) for k in range(4))
    norm = lambda a: np.sqrt(np.outer(of_t, of_x).ravel() @ np.asarray(a) ** 2)
    return norm(u - exact) / norm(exact)


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
    centre, radius = jnp.array([0.3, 0.0]), 0.25
    domain = pinn.Disk([0.0, 0.0], 1.0) - pinn.Disk(centre, radius)

    def start(x):  # it agrees with the rims, and so does its Laplacian
        w = (jnp.sum((x - centre) ** 2) - radius**2) * (1 - jnp.sum(x**2))
        return 8 * w**3

    heat = lambda u, t, x: dt(u)(t, x) - laplacian(u)(t, x)
    conditions = [Dirichlet(domain.boundary, 0.0), Initial(start)]
    problem = Problem(domain, heat, conditions, time=(0.0, 0.1))
    solution = pinn.solve(problem, method=pinn.Evolve(), tol=1e-5, key=jr.key(0))
    elements = pinn.reference.finite_elements(problem, 24, degree=4, estimate=False)
    error = solution.error(elements)
    assert error <= 1e-5
    assert error <= solution.report.estimate <= 30 * error


@pytest.mark.slow
def test_chaos_agrees_with_its_table_while_it_can_be_foretold():
    problem = pinn.problems.kuramoto_sivashinsky()
    early = Problem(
        problem.domain, problem.residual, problem.conditions, time=(0.0, 0.5)
    )
    solution = pinn.solve(early, tol=1e-5, key=jr.key(0))
    points, values = pinn.problems.kuramoto_sivashinsky_reference()
    some = points[:, 0] <= 0.5
    t, x = jnp.asarray(points[some, 0]), jnp.asarray(points[some, 1:])
    error = jnp.linalg.norm(jax.vmap(solution)(t, x) - values[some])
    assert error <= 1e-5 * np.linalg.norm(values[some])


@pytest.mark.slow
def test_features_are_placed_where_waves_come_close_to_a_front():
    problem = pinn.problems.burgers(viscosity=0.1 / np.pi)
    solution = pinn.solve(problem, method=pinn.Evolve(), tol=1e-5, key=jr.key(0))
    assert solution.report.reached
    assert solution.report.relative_l2 <= 1e-5
