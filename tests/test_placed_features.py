"""Features of `LeastSquares` that are searched, placed, and reached by continuation."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import manufactured, residuals_of, some_points
from numpy.testing import assert_allclose

import pinn
from pinn import Dirichlet, LeastSquares, Problem, laplacian
from pinn._feature_rows import FeatureRows, fitted, slopes
from pinn._method._places import choose_places
from pinn._method._regularised import RegularisedQR
from pinn._network import Bumps, FeatureSets

KEY = jr.key(0)
ROD = pinn.Interval(-1.0, 1.0)
SQUARE = pinn.Box([0.0, 0.0], [2.0, 1.0])
BOUNDS = SQUARE.bounds


# The factorisation.


def test_without_damping_to_speak_of_it_is_least_squares():
    rng = np.random.default_rng(0)
    matrix, right = rng.standard_normal((90, 70)), rng.standard_normal(90)
    expected = np.linalg.lstsq(matrix, right)[0]
    assert_allclose(RegularisedQR(matrix, 1e-15).solve(right), expected, rtol=1e-10)


def test_the_damped_normal_equations_hold():
    """(A^T A + lambda^2 D) c = A^T b, with the squared lengths of the columns D."""
    rng = np.random.default_rng(1)
    matrix = rng.standard_normal((40, 25)) * np.logspace(-3, 3, 25)
    right, cutoff = rng.standard_normal(40), 0.03
    c = RegularisedQR(matrix, cutoff).solve(right)
    weight = cutoff**2 * 25 * np.sum(matrix**2, axis=0)
    left = matrix.T @ (matrix @ c) + weight * c
    assert_allclose(left, matrix.T @ right, rtol=1e-9)


def test_of_dependent_columns_the_small_solution_is_taken():
    rng = np.random.default_rng(2)
    half = rng.standard_normal((50, 10))
    half /= np.linalg.norm(half, axis=0)
    right = half @ np.ones(10)
    c = RegularisedQR(np.concatenate([half, half], axis=1), 1e-9).solve(right)
    assert_allclose(c, 0.5, rtol=1e-6)


def test_fewer_rows_than_columns_are_solved_exactly():
    rng = np.random.default_rng(3)
    matrix, right = rng.standard_normal((10, 30)), rng.standard_normal(10)
    c = RegularisedQR(matrix, 1e-14).solve(right)
    assert_allclose(matrix @ c, right, rtol=1e-8)


# Fields through their features.


def mixed_field():
    """Bumps and waves together, with a random readout."""
    rng = np.random.default_rng(4)
    bumps = Bumps(BOUNDS, rng.uniform(-1, 1, (30, 2)), rng.uniform(1, 3, 30))
    sine = pinn.activations.sin
    waves = pinn.RandomFeatures(2, "scalar", 20, sine, bounds=BOUNDS, key=KEY)
    return FeatureSets([bumps, waves], "scalar", key=jr.key(1))


def test_a_bump_is_a_gaussian_about_its_centre():
    bump = Bumps(BOUNDS, [[0.5, -0.5]], [3.0])
    # The centre in the caller's units is (1.5, 0.25), half widths are (1, 0.5).
    x = jnp.array([1.7, 0.2])
    expected = np.exp(-9 * (0.2**2 + 0.1**2))
    assert_allclose(bump.features(x), [expected], rtol=1e-12)


def test_slopes_are_the_gradient_in_the_units_asked_for():
    field, unit = mixed_field(), np.array([1.0, 0.5])
    x = SQUARE.sample(40, key=jr.key(2))
    values, gradient = slopes(field, (np.asarray(x),), unit)
    assert_allclose(values[:, 0], jax.vmap(field)(x), rtol=1e-12)
    expected = np.asarray(jax.vmap(jax.grad(field))(x)) * unit
    assert_allclose(gradient[:, 0], expected, rtol=1e-9, atol=1e-12)


def test_the_fitted_readout_is_found_again():
    field = mixed_field()
    other = eqx.tree_at(lambda f: f.readout, field, replace_fn=lambda r: zero(r))
    x = (np.asarray(SQUARE.sample(150, key=jr.key(3))),)
    solve = lambda matrix, right: RegularisedQR(matrix, 1e-16).solve(right)
    found = fitted(other, field, x, solve)
    fresh = SQUARE.sample(30, key=jr.key(4))
    assert_allclose(jax.vmap(found)(fresh), jax.vmap(field)(fresh), atol=1e-9)


def zero(tree):
    return jax.tree.map(jnp.zeros_like, tree)


def test_places_are_where_the_field_is_steep():
    """Of tanh(20 x) three places in four are within two widths of its front."""
    problem = Problem(ROD, lambda u, x: laplacian(u)(x), [])
    front = pinn.RandomFeatures(1, "scalar", 1, bounds=ROD.bounds, key=KEY)
    front = eqx.tree_at(
        lambda f: (f.weight, f.bias, f.readout.weight),
        front,
        (jnp.array([[20.0]]), jnp.zeros(1), jnp.ones(1)),
    )
    candidates = (np.linspace(-1, 1, 4000)[:, None],)
    rng = np.random.default_rng(5)
    places = choose_places(problem, front, candidates, 2000, rng)
    near = np.abs(places.z[:, 0]) < 0.1
    # tanh(2) = 0.96 of the 10/11 that follow the field, and 0.1 of the rest.
    assert np.mean(near) == pytest.approx(0.96 / 1.1 + 0.1 * 0.1 / 1.1, abs=0.03)
    assert_allclose(places.gradient, 20 / np.cosh(20 * places.z) ** 2, atol=1e-9)


# What the search finds.


def poisson_of(exact, domain=ROD, operator=None):
    operator = operator or (lambda u, x: -laplacian(u)(x))
    value = [Dirichlet(domain.boundary, exact)]
    return manufactured(domain, operator, exact, value, name="made")


@pytest.mark.parametrize(
    ("exact", "kind"),
    [
        (lambda x: jnp.sin(5 * x[0]) * jnp.exp(x[0]), "waves"),
        pytest.param(
            lambda x: jnp.tanh(40 * (x[0] - 0.3)),
            "ridges|fronts",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_features_suit_the_solution(exact, kind):
    method = LeastSquares(features=150, largest=700)
    solution = pinn.solve(poisson_of(exact), method=method, tol=1e-6, key=KEY)
    assert solution.report.reached
    assert solution.report.relative_l2 < 3e-6
    best = min(solution.history, key=lambda record: record["fresh"])
    assert any(word in best["note"] for word in kind.split("|"))


def test_an_activation_with_numbers_of_its_own_keeps_them():
    exact = lambda x: jnp.sin(3 * x[0])
    snake = pinn.activations.Snake(a=1.5)
    method = LeastSquares(features=60, largest=60, activation=snake)
    solution = pinn.solve(poisson_of(exact), method=method, key=KEY)
    assert solution.report.relative_l2 < 1e-6
    assert eqx.tree_equal(solution.field.activation, snake)


@pytest.mark.slow
@pytest.mark.parametrize(
    "exact",
    [
        lambda x: jnp.tanh(20 * (x[0] + x[1] - 1)),
        lambda x: jnp.exp(-200 * ((x[0] - 0.3) ** 2 + (x[1] - 0.6) ** 2)),
    ],
    ids=["layer", "peak"],
)
def test_layers_and_peaks_in_the_plane_to_eight_digits(exact):
    square = pinn.Box([0.0, 0.0], [1.0, 1.0])
    solution = pinn.solve(poisson_of(exact, square), tol=1e-8, key=KEY)
    assert solution.report.reached
    assert solution.report.relative_l2 < 1e-8


# Continuation.


def test_the_leading_derivatives_stay_and_all_else_is_scaled():
    exact = lambda x: jnp.sin(3 * x[0])
    cubic = lambda u, x: -laplacian(u)(x) + u(x) ** 3
    source = lambda x: cubic(exact, x)
    problem = Problem(
        ROD, lambda u, x: cubic(u, x) - source(x), [Dirichlet(ROD.boundary, exact)]
    )
    residuals = residuals_of(problem)
    field = pinn.RandomFeatures(1, "scalar", 12, bounds=ROD.bounds, key=KEY)
    points = some_points(problem, 20, conditions=4)
    at = FeatureRows(residuals, field, points)
    c, share = at.start(), 0.3
    x = jnp.asarray(points["equation"].arguments[0])
    scale = residuals.factors["equation"] / np.sqrt(20)
    second = scale * jax.vmap(lambda x: -laplacian(field)(x))(x)
    rest = scale * jax.vmap(lambda x: field(x) ** 3 - source(x))(x)
    assert_allclose(at.rows(c, share)[:20], second + share * rest, rtol=1e-9)
    assert_allclose(at.rows(c, share)[20:], at.rows(c)[20:])
    assert_allclose(at.rows(c, 1.0), at.rows(c))
    # The derivatives are those of the rows.
    _, matrix = at.linearise(c, share)
    step = 1e-6 * np.random.default_rng(6).standard_normal(c.size)
    change = (at.rows(c + step, share) - at.rows(c - step, share)) / 2
    assert_allclose(matrix @ step, change, rtol=1e-6, atol=1e-12)


@pytest.mark.slow
def test_continuation_finds_what_steps_from_zero_do_not():
    """0.04 u'' + u - u^3 = 0 from -1 to 1: at u = 0 Newton's step leads elsewhere."""
    width = 0.2
    exact = lambda x: jnp.tanh(x[0] / (np.sqrt(2) * width))
    double_well = lambda u, x: width**2 * laplacian(u)(x) + u(x) - u(x) ** 3
    problem = Problem(ROD, double_well, [Dirichlet(ROD.boundary, exact)], exact=exact)
    field = pinn.RandomFeatures(1, "scalar", 60, bounds=ROD.bounds, scale=4.0, key=KEY)
    field = eqx.tree_at(lambda f: f.readout, field, replace_fn=zero)
    error = lambda method: (
        pinn.solve(problem, field, method, key=KEY).report.relative_l2
    )
    assert error(LeastSquares()) > 0.5
    assert error(LeastSquares(continuation=True)) < 1e-4


@pytest.mark.slow
def test_a_placed_search_resumes_bit_for_bit(tmp_path):
    """A callback stops the solve within the first placed features."""
    problem = poisson_of(lambda x: jnp.tanh(40 * (x[0] - 0.3)))
    method = LeastSquares(features=60, largest=200)
    options = {"method": method, "tol": 1e-8, "key": KEY}
    whole = pinn.solve(problem, **options)
    placed = [i for i, r in enumerate(whole.history) if "most of them" in r["note"]]
    assert placed

    ended = []

    def stop(record):
        if "note" in record:
            ended.append(record)
        if len(ended) > placed[0]:
            raise KeyboardInterrupt

    folder = tmp_path / "kept"
    pinn.solve(problem, **options, callbacks=[stop], checkpoint=folder)
    again = pinn.resume(folder, problem, method=method)
    assert eqx.tree_equal(again.field, whole.field)
    assert [r["fresh"] for r in again.history] == [r["fresh"] for r in whole.history]
