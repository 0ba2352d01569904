"""Problems that are nearly singular: what their residuals tell, and what is said."""

import dataclasses

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import residuals_of

import pinn
from pinn._estimate import hidden_error, lack, least_error, still_to_come
from pinn._mirrors import Mirrored, shared_mirrors
from pinn._points import FRESH, PointSource


def resonant(delta):
    """u'' + pi^2 (1 + delta) u = f: a distance from the first eigenvalue."""
    rod = pinn.Interval(0.0, 1.0)
    k2 = np.pi**2 * (1 + delta)
    residual = lambda u, x: pinn.laplacian(u)(x) + k2 * u(x) - x[0]
    return pinn.Problem(rod, residual, [pinn.Dirichlet(rod.boundary, 0.0)])


def stability_of(problem):
    method = pinn.LeastSquares(features=30, scale=2.0)
    field = method.default_field(problem, (), key=jr.key(0))
    source = PointSource(problem, None, key=jr.key(0))
    points = source.draw(source.counts(80))
    residuals = residuals_of(problem)
    state = method.init(residuals, field, points, key=jr.key(0))
    state, _ = method.step(residuals, points, state)
    return method.stability(state)


@pytest.mark.parametrize("delta", [1e-2, 1e-5])
def test_near_a_resonance_the_residual_of_its_mode_is_the_distance(delta):
    """Of sin(pi x) it is delta pi^2, divided by the operator's size pi^2 (2 + delta);
    with its neighbours a little less."""
    exact = delta / (2 + delta)
    assert 0.5 * exact < stability_of(resonant(delta)) < 1.05 * exact


def test_what_a_residual_hides_grows_as_the_problem_nears_a_singular_one():
    assert hidden_error(1e-8, np.inf) == hidden_error(1e-8, 0.5) == 1e-8
    assert hidden_error(1e-8, 1e-6) == pytest.approx(1e-2 / 2)
    assert least_error(1e-8, 1e-16) == 1.0
    # Rows are known to rounding only, even if the residual seems to be smaller.
    assert least_error(1e-30, 1e-16) == 1.0
    assert least_error(1e-8, np.inf) == pytest.approx(2e-9)


def front(viscosity, place):
    """A steady front of Burgers' equation whose place the boundary hardly holds."""
    return lambda x: -jnp.tanh((x[0] - place) / (2 * viscosity))


def steady_burgers(viscosity):
    rod = pinn.Interval(-1.0, 1.0)
    residual = lambda u, x: (
        u(x) * pinn.partial(u, 0)(x) - viscosity * pinn.laplacian(u)(x)
    )
    exact = front(viscosity, 0.0)
    return pinn.Problem(rod, residual, [pinn.Dirichlet(rod.boundary, exact)])


@pytest.mark.slow
def test_a_front_in_the_wrong_place_is_seen():
    """It solves the equation exactly, and violates its conditions by 1e-7; the error
    is 0.05."""
    problem, field = steady_burgers(0.06), front(0.06, 0.02)
    source = PointSource(problem, None, key=jr.key(0))
    judge = source.draw(source.counts(400), FRESH)
    x = judge["equation"].arguments[0]
    values, exact = (jax.vmap(f)(x) for f in (field, front(0.06, 0.0)))
    error = float(jnp.linalg.norm(values - exact) / jnp.linalg.norm(exact))
    residuals = residuals_of(problem)
    rows = jnp.linalg.norm(residuals.rows(field, judge))
    assert rows < 1e-6 < 1e-2 < error
    found = lack(residuals, field, source, judge, jr.key(1))
    assert found.stability < 1e-5
    assert error / 3 < found.error


def test_a_solution_of_such_a_problem_says_so():
    problem = dataclasses.replace(resonant(1e-6), name="resonant")
    method = pinn.LeastSquares(features=40, largest=40, scale=2.0)
    solution = pinn.solve(problem, method=method, key=jr.key(0))
    (remark,) = solution.report.remarks
    assert "nearly singular" in remark
    assert solution.history[-1]["stability"] == pytest.approx(5e-7, rel=0.5)


def judged(problem, n=400):
    source = PointSource(problem, None, key=jr.key(0))
    return residuals_of(problem), source, source.draw(source.counts(n), FRESH)


def moved_by(place):
    """Steady fronts whose data is that of one a little beside the middle."""
    data = pinn.Dirichlet(steady_burgers(0.06).domain.boundary, front(0.06, place))
    return dataclasses.replace(steady_burgers(0.06), conditions=[data])


@pytest.mark.parametrize(
    ("problem", "field", "odd"),
    [
        (steady_burgers(0.06), front(0.06, 0.0), [True]),
        (steady_burgers(0.06), front(0.06, 1e-6), []),  # the field leans
        (moved_by(1e-3), front(0.06, 0.0), []),  # the data leans, by 1e-9
        (resonant(0.5), lambda x: jnp.sin(jnp.pi * x[0]), []),  # the source leans
    ],
)
def test_a_symmetry_counts_where_field_and_problem_have_it(problem, field, odd):
    residuals, _, judge = judged(problem, 100)
    mirrors = shared_mirrors(residuals, field, judge)
    assert [mirror.odd for mirror in mirrors] == odd


def test_each_axis_has_a_symmetry_of_its_own():
    square = pinn.Box([0.0, 0.0], [1.0, 2.0])
    source = lambda x: jnp.sin(jnp.pi * x[0]) * jnp.sin(jnp.pi * x[1])
    residual = lambda u, x: pinn.laplacian(u)(x) + u(x) ** 3 - source(x)
    problem = pinn.Problem(square, residual, [pinn.Dirichlet(square.boundary, 0.0)])
    residuals, _, judge = judged(problem, 100)
    # A cube is odd where the field is, and the source is odd along the second axis.
    mirrors = shared_mirrors(residuals, source, judge)
    assert [(m.axis, m.odd) for m in mirrors] == [(0, False), (1, True)]
    assert [m.centre for m in mirrors] == [0.5, 1.0]


def test_mirrored_features_have_the_symmetry_in_blocks_too():
    problem = steady_burgers(0.06)
    residuals, _, judge = judged(problem, 100)
    (mirror,) = shared_mirrors(residuals, front(0.06, 0.0), judge)
    network = pinn.RandomFeatures(1, "scalar", 7, key=jr.key(0))
    features = Mirrored(network, mirror)
    parts = list(features.blocks(4))

    @jax.jit
    def at(x):
        return features.features(x), [block.features(x) for _, block in parts]

    x = jnp.asarray([0.3])
    (here, in_blocks), (there, _) = at(x), at(-x)
    np.testing.assert_allclose(here, -there, rtol=1e-13)
    for (columns, _), some in zip(parts, in_blocks, strict=True):
        real = columns >= 0
        np.testing.assert_allclose(some[real], here[columns[real]], rtol=1e-13)


def test_an_odd_front_is_told_the_error_of_its_odd_part():
    """The place of the front, which hardly anything holds, is none of its errors."""
    problem = steady_burgers(0.06)
    wrong = lambda x: 1e-6 * jnp.sin(2 * jnp.pi * x[0])
    field = lambda x: front(0.06, 0.0)(x) + wrong(x)
    residuals, source, judge = judged(problem)
    x = judge["equation"].arguments[0]
    norm = lambda f: float(jnp.linalg.norm(jax.vmap(f)(x)))
    error = norm(wrong) / norm(front(0.06, 0.0))
    found = lack(residuals, field, source, judge, jr.key(1))
    estimate, stability = found.error, found.stability
    assert stability > 1e-3
    assert error / 3 < estimate < 10 * error


@pytest.mark.parametrize("ratio", [0.55, 0.7, 0.79])
def test_the_last_difference_tells_the_error_of_a_geometric_sequence(ratio):
    """u_n = 1 - ratio^n tends to 1."""
    before, last = 1 - ratio**5, 1 - ratio**6
    assert (last - before) * still_to_come(ratio) == pytest.approx(1 - last)


def test_a_fast_sequence_is_judged_by_its_last_difference_alone():
    assert still_to_come(0.1) == still_to_come(0.5) == 1.0
    assert still_to_come(1.0) == still_to_come(np.nan) > 1.0


@pytest.mark.parametrize(("share", "estimate"), [(1.0, 1.0), (0.5, 0.0)])
def test_zero_is_a_solution_only_where_no_eigenfunction_is_one(share, estimate):
    """u'' + share pi^2 u = 0 with u = 0 at the ends has sin(pi x) for a share of 1."""
    rod = pinn.Interval(0.0, 1.0)
    residual = lambda u, x: pinn.laplacian(u)(x) + share * np.pi**2 * u(x)
    problem = pinn.Problem(rod, residual, [pinn.Dirichlet(rod.boundary, 0.0)])
    network = pinn.RandomFeatures(1, "scalar", 40, bounds=problem.bounds, key=jr.key(0))
    report = pinn.solve(problem, network, tol=1e-6, key=jr.key(0)).report
    assert (report.estimate, report.reached) == (estimate, estimate == 0.0)
    assert report.residual_fresh == 0.0
    assert any("do not determine" in text for text in report.remarks) == (share == 1.0)


@pytest.mark.slow
def test_a_corner_with_the_root_of_the_distance_is_not_taken_for_solved():
    """Where Dirichlet's condition meets Neumann's, u = r^(1/2) sin(phi/2)."""
    half = pinn.Box([-1.0, 0.0], [1.0, 1.0])
    right = pinn.Box([0.0, -1.0], [1.0, 0.0]).faces["top"]
    left = pinn.Box([-1.0, -1.0], [0.0, 0.0]).faces["top"]
    rest = half.faces["left"] | half.faces["right"] | half.faces["top"]

    def exact(x):
        return (x @ x + 1e-300) ** 0.25 * jnp.sin(jnp.arctan2(x[1], x[0]) / 2)

    problem = pinn.Problem(
        half,
        lambda u, x: pinn.laplacian(u)(x),
        [
            pinn.Dirichlet(right, 0.0),
            pinn.Neumann(left, 0.0),
            pinn.Dirichlet(rest, exact),
        ],
        exact=exact,
    )
    report = pinn.solve(problem, tol=3e-2, key=jr.key(0)).report
    assert report.relative_l2 <= 3 * report.estimate
