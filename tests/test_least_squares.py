"""Least squares: exact in the span of the features, whatever the units."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import (
    heat,
    manufactured,
    problem_of,
    refused,
    residuals_of,
    solution_of,
    some_points,
    unbalanced,
)
from numpy.testing import assert_allclose

import pinn
from pinn import Dirichlet, LeastSquares, Problem, laplacian
from pinn._network import Readout

SQUARE = pinn.Box([0.0, 0.0], [1.0, 1.0])
METHOD = LeastSquares()


def settle(residuals, field, points, method=METHOD):
    """The inner loop: steps until the method is done."""
    state = method.init(residuals, field, points, key=jr.key(0))
    count = 0
    while not method.done(state):
        state, _ = method.step(residuals, points, state)
        count += 1
    return method.field(state), count


def within_span(operator, conditions, field, *, time=None, domain=SQUARE):
    """A problem that some readout on the features of a field solves exactly."""
    return manufactured(
        domain, operator, field, conditions(field), time=time, name="in the span"
    )


class Polynomials(eqx.Module):
    """Harmonic and other polynomials of degree two, and a readout."""

    readout: Readout

    def features(self, x):
        a, b = x
        return jnp.stack([a, b, a * b, a**2, b**2])

    def __call__(self, x):
        return self.readout(self.features(x))


def test_exact_for_a_polynomial_in_the_span():
    exact = lambda x: 3 * x[0] ** 2 - x[1] ** 2 + 2 * x[0] * x[1] - 5 * x[0] + 7
    problem = Problem(
        SQUARE,
        lambda u, x: -laplacian(u)(x) + 4.0,
        [Dirichlet(SQUARE.boundary, exact)],
        exact=exact,
    )
    field = Polynomials(Readout(5, "scalar", key=jr.key(0)))
    points = {t.name: t.sample(30, key=jr.key(1)) for t in problem.terms}
    found, _steps = settle(unbalanced(problem), field, points)
    assert_allclose(found.readout.weight, [-5.0, 0.0, 2.0, 3.0, -1.0], atol=1e-12)
    assert_allclose(found.readout.bias, 7.0, rtol=1e-13)


@pytest.mark.parametrize("components", ["scalar", 2])
def test_exact_for_a_network_in_the_span(components):
    """Twenty features; the solution is the same network with another readout."""
    exact = pinn.RandomFeatures(2, components, 20, scale=2.0, key=jr.key(0))
    value = lambda u: [Dirichlet(SQUARE.boundary, lambda x: u(x))]
    problem = within_span(lambda u, x: -laplacian(u)(x), value, exact)
    field = eqx.tree_at(lambda u: u.readout, exact, replace_fn=lambda r: zero(r))
    points = {t.name: t.sample(80, key=jr.key(1)) for t in problem.terms}
    found, _ = settle(unbalanced(problem), field, points)
    x = SQUARE.sample(50, key=jr.key(2))
    assert_allclose(jax.vmap(found)(x), jax.vmap(exact)(x), atol=1e-9)


def zero(tree):
    return jax.tree.map(jnp.zeros_like, tree)


def test_the_rest_is_orthogonal_to_all_derivatives():
    """Where the solution is not in the span: the normal equations hold."""
    problem = problem_of("poisson_2d")
    residuals = unbalanced(problem)
    field = pinn.RandomFeatures(2, "scalar", 15, key=jr.key(0))
    points = some_points(problem, 60, conditions=30)
    method = LeastSquares()
    state = method.init(residuals, field, points, key=jr.key(0))
    matrix, before, start = (np.array(a) for a in (state.matrix, state.rows, state.c))
    state, _info = method.step(residuals, points, state)
    rest = before + matrix @ (state.c - start)
    lengths = np.linalg.norm(matrix, axis=0)
    lengths = np.where(lengths > 0, lengths, 1.0)
    assert np.abs(matrix.T @ rest / lengths).max() < 1e-9 * np.linalg.norm(before)
    assert np.linalg.norm(rest) < np.linalg.norm(before)


def test_an_affine_problem_is_not_iterated():
    problem = problem_of("poisson_2d")
    field = pinn.RandomFeatures(
        2, "scalar", 60, bounds=problem.bounds, scale=1.5, key=jr.key(0)
    )
    points = {t.name: t.sample(150, key=jr.key(1)) for t in problem.terms}
    found, steps = settle(residuals_of(problem), field, points)
    assert steps <= 2  # the second mends what rounding spoilt
    x = SQUARE.sample(100, key=jr.key(2))
    error = jax.vmap(found)(x) - jax.vmap(problem.exact)(x)
    assert np.abs(error).max() < 1e-2


def test_gauss_newton_converges_quadratically_in_the_span():
    """-Laplace u + u^3 = f with u in the span: the last steps square the error."""
    exact = pinn.RandomFeatures(2, "scalar", 15, scale=1.5, key=jr.key(3))
    value = lambda u: [Dirichlet(SQUARE.boundary, lambda x: u(x))]
    problem = within_span(lambda u, x: -laplacian(u)(x) + u(x) ** 3, value, exact)
    residuals = unbalanced(problem)
    points = {t.name: t.sample(60, key=jr.key(1)) for t in problem.terms}
    field = eqx.tree_at(lambda u: u.readout, exact, replace_fn=zero)
    state = METHOD.init(residuals, field, points, key=jr.key(0))
    losses = [0.5 * float(np.sum(np.square(state.rows)))]
    while not METHOD.done(state):
        state, info = METHOD.step(residuals, points, state)
        losses.append(float(info["loss"]))
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 1e-24 * losses[0]
    assert len(losses) <= 10


@pytest.mark.slow
def test_nonlinear_problem_to_eight_digits():
    solution = solution_of("nonlinear", 1e-6)
    assert solution.report.relative_l2 < 1e-8
    assert "nonlinear" in solution.report.reason


UNITS = {
    "millimetres": {"length": 1e-3, "shift": 0.1},
    "kilometres": {"length": 1e3, "shift": 1e5},
    "large": {"amplitude": 1e6},
    "small": {"amplitude": 1e-6},
    "all": {"length": 1e-3, "shift": 0.1, "amplitude": 1e6},
}


def error_in_units(name, tol=1e-9, **options):
    problem = pinn.problems.get(name, **options)
    return pinn.solve(problem, tol=tol, key=jr.key(0)).report


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "units"),
    [
        ("poisson", "all"),
        *(
            pytest.param(name, units, marks=pytest.mark.slow)
            for name in ("poisson", "heat")
            for units in UNITS
            if (name, units) != ("poisson", "all")
        ),
    ],
)
def test_the_error_does_not_depend_on_units(name, units):
    plain, other = error_in_units(name), error_in_units(name, **UNITS[units])
    assert other.reached == plain.reached
    assert other.relative_l2 < 10 * max(plain.relative_l2, 1e-12)
    assert other.unknowns == plain.unknowns


@pytest.mark.slow
def test_a_given_field_is_never_resized():
    field = pinn.RandomFeatures(
        2, "scalar", 150, bounds=([0.0, 0.0], [1.0, 1.0]), scale=1.5, key=jr.key(1)
    )
    solution = pinn.solve(problem_of("poisson_2d"), field, tol=1e-12, key=jr.key(0))
    assert solution.report.unknowns == 151
    assert len(solution.history) == 1
    assert eqx.tree_equal(solution.field.weight, field.weight)
    assert solution.report.relative_l2 < 1e-4
    # Estimated by the correction that its residual asks for.
    assert solution.report.estimate > solution.report.relative_l2 / 3
    assert solution.report.estimate < 100 * solution.report.relative_l2
    assert solution.result is pinn.Result.not_reached


class Sines(eqx.Module):
    """A user's own module, with a linear layer of Equinox for a readout."""

    frequency: jax.Array
    readout: eqx.nn.Linear

    def __call__(self, t, x):
        return self.readout(jnp.sin(self.frequency @ jnp.append(t, x) + 0.3))


@pytest.mark.slow
def test_a_module_of_the_user_with_a_readout_is_served():
    net = Sines(
        2.0 * jr.normal(jr.key(0), (80, 2)), eqx.nn.Linear(80, "scalar", key=jr.key(1))
    )
    solution = pinn.solve(heat(), net, key=jr.key(0))
    assert eqx.tree_equal(solution.field.frequency, net.frequency)
    assert solution.report.unknowns == 81
    assert solution.report.relative_l2 < 1e-3


def zeroed(field):
    """The field with a readout of zeros."""
    return eqx.tree_at(
        lambda f: f.readout, field, jax.tree.map(jnp.zeros_like, field.readout)
    )


def test_an_equation_that_stands_still_at_zero_is_moved_from_elsewhere():
    """No small change of u = 0 moves |u'|^2 = 9; the check does not call it dead."""
    rod = pinn.Interval(0.0, 1.0)
    residual = lambda u, x: pinn.grad(u)(x)[0] ** 2 - 9.0
    problem = Problem(rod, residual, [Dirichlet(rod.faces["left"], 0.0)])
    network = pinn.RandomFeatures(1, "scalar", 20, bounds=problem.bounds, key=jr.key(0))
    field = zeroed(network)
    assert pinn.preflight(problem, field, key=jr.key(0)).ok
    points = some_points(problem, 60)
    state = METHOD.init(residuals_of(problem), field, points, key=jr.key(0))
    assert np.any(state.matrix[:60])


def test_a_start_where_rows_overflow_is_given_up_for_zero():
    rod = pinn.Interval(0.0, 1.0)
    residual = lambda u, x: laplacian(u)(x) - jnp.sinh(u(x)) - 1.0
    problem = Problem(rod, residual, [Dirichlet(rod.boundary, 0.0)])
    field = pinn.RandomFeatures(1, "scalar", 20, bounds=problem.bounds, key=jr.key(0))
    far = eqx.tree_at(lambda f: f.readout.bias, field, jnp.asarray(1e4))
    points, residuals = some_points(problem, 60), residuals_of(problem)
    found, _ = settle(residuals, far, points)
    left, before = (
        jnp.linalg.norm(residuals.rows(u, points)) for u in (found, zeroed(field))
    )
    assert left < before


def test_a_field_without_a_readout_is_refused_with_the_way_out():
    with refused("`field` has no node `readout`.*`pinn.FirstOrder"):
        field = lambda x: jnp.sin(x[0]) * x[1]
        pinn.solve(problem_of("poisson_2d"), field, METHOD, key=jr.key(0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": 0}, "`features` takes a positive integer; got 0"),
        ({"features": 2.5}, "`features`.*2.5"),
        ({"features": True}, "`features`"),
        ({"largest": -1}, "`largest`"),
        ({"steps": 0}, "`steps`"),
        ({"oversampling": 0.5}, "`oversampling` takes at least 1.*0.5"),
        ({"scale": 0.0}, "`scale`"),
        ({"scale": (1.0, -1.0)}, "`scale`"),
        ({"scale": (1.0, 2.0, 3.0)}, "`scale`"),
        ({"cutoff": -1.0}, "`cutoff`"),
        ({"activation": "tanh"}, "`activation`"),
    ],
)
def test_errors_name_the_argument(options, message):
    with refused(message):
        LeastSquares(**options).default_field(
            problem_of("poisson_2d"), (), key=jr.key(0)
        )
