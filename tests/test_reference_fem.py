"""Finite elements: proven orders, any residual, every condition, holes, and time."""

import functools
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import refused

import pinn
from pinn import Dirichlet, Initial, Neumann, Problem, Robin, dt, dtt, grad, laplacian
from pinn.reference import finite_elements
from pinn.reference._finite_elements_mesh import triangles
from pinn.reference._newton import newton
from pinn.reference._radau import radau

pytest.importorskip("skfem")

DISK = pinn.Disk([0.0, 0.0], 1.0)
HOLE = pinn.Disk([0.2, 0.0], 0.3)
RING = DISK - HOLE
SQUARE = pinn.Box([0.0, 0.0], [1.0, 1.0])


def error(u, exact, problem, n=1000):
    points = problem.equation.sample(n, key=jax.random.key(1)).arguments
    values = jax.vmap(u)(*points)
    return float(pinn.metrics.relative_l2(values, jax.vmap(exact)(*points)))


def orders(problem, exact, numbers, **options):
    errors = np.array(
        [
            error(
                finite_elements(problem, n, estimate=False, **options), exact, problem
            )
            for n in numbers
        ]
    )
    steps = np.log(np.array(numbers[1:]) / np.array(numbers[:-1]))
    return errors, np.log(errors[:-1] / errors[1:]) / steps


# Meshes.


@pytest.mark.parametrize(
    ("domain", "area"),
    [
        (pinn.Box([0.0, 0.0], [2.0, 1.0]) - pinn.Disk([2.0, 1.0], 0.5), 2 - np.pi / 16),
        (pinn.Box([0.0, 0.0], [2.0, 1.0]) | pinn.Box([0.0, 0.0], [1.0, 2.0]), 3.0),
    ],
    ids=["bitten corner", "L"],
)
def test_triangles_fill_the_domain_and_are_well_shaped(domain, area):
    import skfem

    mesh = triangles(domain, 0.2, curved=True).mesh
    basis = skfem.Basis(mesh, skfem.ElementTriP2(), intorder=4)
    assert basis.dx.min() > 0
    assert basis.dx.sum() == pytest.approx(area, rel=2e-4)
    a, b, c = (mesh.p[:, mesh.t[i]] for i in range(3))
    sides = [np.linalg.norm(p - q, axis=0) for p, q in ((b, c), (c, a), (a, b))]
    x, y, z = sides
    # Twice the ratio of the radii of the inner and the outer circle; one for equal
    # sides.
    quality = (y + z - x) * (z + x - y) * (x + y - z) / (x * y * z)
    assert quality.min() > 0.4
    assert quality.mean() > 0.85


def test_boundary_nodes_lie_on_the_boundary():
    mesh = triangles(RING, 0.3, curved=True).mesh
    nodes = mesh.dofs.get_facet_dofs(mesh.boundary_facets()).flatten()
    distance = jax.vmap(RING.signed_distance)(jnp.asarray(mesh.doflocs[:, nodes].T))
    assert np.max(np.abs(distance)) < 1e-9


# Stationary problems.


@functools.cache
def general():
    """A nonlinear equation with variable coefficients, and two kinds of conditions."""
    exact = lambda x: jnp.sin(2 * x[0] + 1) * jnp.exp(x[1])

    def operator(u, x):
        flux = lambda y: (1 + y[0] ** 2) * grad(u)(y)
        return -pinn.divergence(flux)(x) + u(x) ** 3 + x[1] * grad(u)(x)[0]

    return exact, Problem(
        RING,
        lambda u, x: operator(u, x) - operator(exact, x),
        [
            Dirichlet(HOLE.boundary, exact),
            Robin(
                DISK.boundary,
                2.0,
                1.0,
                lambda x: 2 * exact(x) + grad(exact)(x) @ x,
            ),
        ],
    )


@functools.cache
def linear():
    exact = lambda x: jnp.exp(x[0]) * jnp.sin(2 * x[1])
    equation = lambda u, x: laplacian(u)(x) + 3 * exact(x)
    return exact, Problem(RING, equation, [Dirichlet(RING.boundary, exact)])


def test_the_error_falls_with_the_power_that_is_proven():
    exact, problem = linear()
    errors, found = orders(problem, exact, (8, 18), degree=2)
    assert found[-1] > 2.5, (errors, found)  # coarse; see the study below


@pytest.mark.slow
@pytest.mark.parametrize(("degree", "order"), [(1, 2), (2, 3), (3, 4), (4, 4)])
def test_orders_in_their_asymptotic_range(degree, order):
    exact, problem = general()
    errors, found = orders(problem, exact, (12, 24, 48), degree=degree)
    assert found[-1] > order - 0.2, (errors, found)


@pytest.mark.slow
def test_polynomials_of_the_degree_are_met_to_rounding():
    """A system, coupled through values and mixed derivatives, with three conditions."""
    exact = lambda x: jnp.stack([x[0] * x[1], x[0] ** 2 - x[1]])

    def operator(u, x):
        second = laplacian(u)(x) + x[0] * pinn.partial(u, 0, 1)(x)
        return second + jnp.flip(u(x)) * jnp.array([1.0, -2.0])

    faces = SQUARE.faces
    slope = lambda x: jnp.stack([x[1], 2 * x[0]])
    problem = Problem(
        SQUARE,
        lambda u, x: operator(u, x) - operator(exact, x),
        [
            Neumann(faces["right"], slope),
            Dirichlet(faces["left"] | faces["bottom"], exact),
            Dirichlet(faces["top"], lambda x: x[0], component=0),
            Neumann(faces["top"], -1.0, component=1),
        ],
    )
    u = finite_elements(problem, 3, degree=2, estimate=False)
    assert error(u, exact, problem) < 1e-11
    x = jnp.array([0.3, 0.6])
    np.testing.assert_allclose(
        jax.jacfwd(u)(x), jax.jacfwd(exact)(x), rtol=1e-10, atol=1e-10
    )


@pytest.mark.slow
def test_the_estimate_bounds_the_error():
    exact, problem = linear()
    u = finite_elements(problem, 8, degree=2)
    true = error(u, exact, problem)
    assert true <= u.error <= 30 * true


# Evolutions.


def bessel(z):
    """J_0 by its series, for arguments up to five."""
    total, part = 0.0, 1.0
    for m in range(1, 25):
        total, part = total + part, -part * (z / 2) ** 2 / m**2
    return total


ROOT = 2.404825557695773  # the first zero of J_0, Abramowitz & Stegun, table 9.5


@functools.cache
def cooling():
    shape = lambda x: bessel(ROOT * jnp.sqrt(jnp.sum(x**2) + 1e-30))
    exact = lambda t, x: jnp.exp(-0.2 * ROOT**2 * t) * shape(x)
    heat = lambda u, t, x: dt(u)(t, x) - 0.2 * laplacian(u)(t, x)
    conditions = [Dirichlet(DISK.boundary, 0.0), Initial(shape)]
    return exact, Problem(DISK, heat, conditions, time=(0.0, 1.0))


@pytest.mark.slow
def test_heat_on_a_disc_through_the_method_of_lines():
    exact, problem = cooling()
    u = pinn.reference.method_of_lines(problem, 6, rtol=1e-4, estimate=False)
    assert u.time == (0.0, 1.0)
    assert error(u, exact, problem) < 1e-3
    assert jnp.isnan(u(1.1, jnp.zeros(2)))
    assert jnp.isnan(u(0.5, jnp.array([2.0, 2.0])))


@pytest.mark.slow
def test_heat_to_seven_digits():
    exact, problem = cooling()
    u = finite_elements(problem)
    true = error(u, exact, problem)
    assert true < 5e-7
    assert true <= u.error <= 100 * true


@pytest.mark.slow
def test_a_wave_with_data_that_move():
    exact = lambda t, x: jnp.cos(2 * t) * jnp.sin(jnp.sqrt(2.0) * (x[0] + x[1]))
    wave = lambda u, t, x: dtt(u)(t, x) - laplacian(u)(t, x)
    start = lambda x: exact(0.0, x)
    problem = Problem(
        RING,
        wave,
        [Dirichlet(RING.boundary, exact), Initial(start, lambda x: 0 * x[0])],
        time=(0.0, 2.0),
    )
    u = finite_elements(problem, 12, estimate=False)
    assert error(u, exact, problem) < 1e-4


def test_radau_has_order_five_with_equations_without_a_derivative():
    """y' = z, 0 = z + y - sin t: y is the solution of y' + y = sin t."""
    from scipy.sparse import csr_array

    mass = csr_array(np.diag([1.0, 0.0]))
    slope = lambda t, y: np.array([y[1], np.sin(t) - y[0] - y[1]])
    jacobian = lambda t, y: csr_array([[0.0, 1.0], [-1.0, -1.0]])
    exact = lambda t: (np.sin(t) - np.cos(t) + np.exp(-t)) / 2
    errors, steps = [], []
    for rtol in (1e-6, 1e-9):
        times, values, failure = radau(
            slope,
            jacobian,
            mass,
            np.zeros(2),
            (0.0, 10.0),
            rtol=rtol,
            kinds=np.array([0, 1]),
        )
        assert failure is None
        errors.append(np.max(np.abs(values[:, 0] - exact(times))))
        steps.append(len(times))
    assert errors[1] < 1e-8
    order = np.log(errors[0] / errors[1]) / np.log(steps[1] / steps[0])
    assert order > 4.5, (errors, steps)


# Refused.


def poisson(domain, conditions, **options):
    equation = options.pop("equation", lambda u, x: laplacian(u)(x) + 1.0)
    return Problem(domain, equation, conditions, **options)


@pytest.mark.parametrize(
    ("problem", "options", "message"),
    [
        (
            poisson(pinn.Interval(0.0, 1.0), []),
            {},
            "`problem` takes a domain in two dimensions",
        ),
        (poisson(DISK, [Dirichlet(DISK.boundary, 0.0)]), {"degree": 5}, "`degree`"),
        (poisson(DISK, [Dirichlet(DISK.boundary, 0.0)]), {"n": 1}, "`n` takes"),
        (
            poisson(RING, [Dirichlet(DISK.boundary, 0.0)]),
            {"n": 5},
            "`conditions` has 0 at the boundary near",
        ),
        (
            poisson(
                DISK,
                [Dirichlet(DISK.boundary, 0.0), Neumann(DISK.boundary, 0.0)],
            ),
            {"n": 5},
            "`conditions` has 2 at the boundary near",
        ),
        (
            poisson(
                DISK,
                [Dirichlet(DISK.boundary, 0.0)],
                equation=lambda u, x: pinn.biharmonic(u)(x) - 1.0,
            ),
            {},
            "of order 4 in space",
        ),
        (
            poisson(
                DISK,
                [Dirichlet(DISK.boundary, 0.0)],
                equation=lambda u, x: (
                    (1 + jnp.sum(grad(u)(x) ** 2)) * laplacian(u)(x) - 1.0
                ),
            ),
            {},
            "do not depend on the gradient",
        ),
        (
            poisson(
                DISK,
                [Dirichlet(DISK.boundary, 0.0)],
                equation=lambda u, x: laplacian(u)(x) ** 2 - 1.0,
            ),
            {},
            "not affine in the second derivatives",
        ),
        (
            poisson(
                DISK,
                [pinn.Condition(DISK.boundary, lambda u, x: u(x) ** 2 - 1.0)],
            ),
            {"n": 5},
            "not affine in the field",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_it_does_not_take_is_refused(problem, options, message):
    with refused(message):
        finite_elements(problem, **options)


def test_the_method_of_lines_sends_its_options_for_boxes_back():
    _, problem = cooling()
    with refused("`order` and `solver` are for boxes"):
        pinn.reference.method_of_lines(problem, order=4)


def test_a_missing_library_is_named_with_its_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "skfem", None)
    with pytest.raises(ImportError, match=r"pip install 'pinn\[fem\]'"):
        finite_elements(poisson(DISK, [Dirichlet(DISK.boundary, 0.0)]))


def test_newton_says_where_there_is_no_solution():
    from scipy.sparse import csr_array

    squared = lambda t, y: (y**2 + 1, csr_array([[2 * y[0]]]))
    _, why = newton(squared, np.array([0.7]))
    assert why is not None
    y, why = newton(lambda t, y: (y**2 - 4, csr_array([[2 * y[0]]])), np.array([9.0]))
    assert why is None
    assert y[0] == pytest.approx(2.0, rel=1e-14)


@pytest.mark.slow
def test_a_problem_without_solution_says_so():
    equation = lambda u, x: laplacian(u)(x) + 10 * jnp.exp(u(x))
    problem = poisson(DISK, [Dirichlet(DISK.boundary, 0.0)], equation=equation)
    with pytest.warns(RuntimeWarning, match="Newton's method"):
        u = finite_elements(problem, 6, degree=1)
    assert u.error == np.inf
