"""Levenberg-Marquardt: one map in three forms, and what its steps must do."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import problem_of, refused, some_points, unbalanced
from numpy.testing import assert_allclose

import pinn
from pinn import Evidence, LevenbergMarquardt
from pinn._method._anderson import Anderson
from pinn._method._damped_step import damped_step
from pinn._method._dense_solve import DenseSystem
from pinn._method._matrix_free import MatrixFreeSystem
from pinn._method._parameters import (
    linearise_compiled,
    parameters,
    rows_compiled,
    with_parameters,
)

PROBLEM = problem_of("poisson_1d")
RESIDUALS = unbalanced(PROBLEM)
NONLINEAR = unbalanced(problem_of("nonlinear"))


class Traced(LevenbergMarquardt):
    """The same steps, traced as they are on a GPU."""

    @property
    def compiled(self):
        return True


@pytest.fixture(scope="module")
def field():
    return pinn.MLP(1, "scalar", 6, 1, bounds=PROBLEM.bounds, key=jr.key(2))


@pytest.fixture(scope="module")
def points():
    return some_points(PROBLEM, 30, conditions=2)


def linearised(field, points):
    theta = parameters(field)
    rows, matrix = linearise_compiled(RESIDUALS, field, theta, points)
    return np.asarray(rows), np.asarray(matrix)


def damped_solution(matrix, rows, damping):
    """From the definition, by a QR factorisation of the stacked rows."""
    p = matrix.shape[1]
    stacked = np.concatenate([matrix, np.sqrt(damping) * np.eye(p)])
    right = np.concatenate([rows, np.zeros(p)])
    return np.linalg.lstsq(stacked, right, rcond=None)[0]


@pytest.mark.parametrize("host", [True, False])
@pytest.mark.parametrize("dual", [True, False])
@pytest.mark.parametrize("damping", [1e-2, 1e-6])
def test_primal_and_dual_are_the_damped_solution(field, points, dual, host, damping):
    rows, matrix = linearised(field, points)
    wrap = np.asarray if host else jnp.asarray
    system = DenseSystem(wrap(matrix), dual, host)
    found = system.solve(system.factor(damping), wrap(rows))
    expected = damped_solution(matrix, rows, damping)
    assert_allclose(found, expected, rtol=1e-7, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("host", [True, False])
@pytest.mark.parametrize("dual", [True, False])
def test_digits_that_the_normal_equations_lose_come_from_the_rows(dual, host):
    """Columns of sizes from 1 to 1e-7, damping of 1e-14 times the largest squared."""
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(rng.standard_normal((30, 8)))
    v, _ = np.linalg.qr(rng.standard_normal((8, 8)))
    sizes = np.logspace(0, -7, 8)
    matrix = (q * sizes) @ v.T
    matrix = matrix.T if dual else matrix
    rows = matrix @ np.ones(matrix.shape[1])
    wrap = np.asarray if host else jnp.asarray
    system = DenseSystem(wrap(np.ascontiguousarray(matrix)), dual, host)
    damping = 1e-17
    factor = system.factor(damping)
    assert bool(factor.by_rows)
    found = system.solve(factor, wrap(rows))
    expected = damped_solution(matrix, rows, damping)
    assert_allclose(found, expected, atol=1e-6)


def test_matrix_free_is_the_damped_solution(field, points):
    rows, matrix = linearised(field, points)
    theta = parameters(field)
    system = MatrixFreeSystem(RESIDUALS, field, theta, points, 200, True)
    found = system.solve(system.factor(1e-3), rows)
    expected = damped_solution(matrix, rows, 1e-3)
    assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())
    assert_allclose(system.product(found), matrix @ found, rtol=1e-9, atol=1e-12)


def one_step(method, field, points, residuals=RESIDUALS):
    state = method.init(residuals, field, points, key=jr.key(0))
    after, _ = method.step(residuals, points, state)
    return state, after


@pytest.mark.parametrize(
    "options",
    [{}, {"form": "dual", "scaled": True}, {"geodesic": True, "momentum": 0.5}],
)
def test_traced_steps_are_the_steps_on_the_host(field, points, options):
    _, host = one_step(LevenbergMarquardt(**options), field, points)
    traced = Traced(**options)
    state = traced.init(RESIDUALS, field, points, key=jr.key(0))
    step = eqx.filter_jit(lambda state: traced.step(RESIDUALS, points, state))
    device, _ = step(state)
    assert_allclose(device.loss, host.loss, rtol=1e-8)
    assert_allclose(device.theta, host.theta, rtol=1e-6, atol=1e-7)
    assert_allclose(device.damping, host.damping, rtol=1e-6)


def test_all_forms_take_the_same_step(field, points):
    _, primal = one_step(LevenbergMarquardt(form="primal"), field, points)
    _, dual = one_step(LevenbergMarquardt(form="dual"), field, points)
    _, free = one_step(LevenbergMarquardt(form="matrix-free"), field, points)
    assert_allclose(dual.theta, primal.theta, atol=1e-9)
    assert_allclose(free.theta, primal.theta, atol=1e-5)


class Line(eqx.Module):
    """A field that is affine in its unknowns: so are the rows."""

    c: jax.Array

    def __call__(self, x):
        return jnp.sum(self.c * x[0] ** jnp.arange(6.0))


def test_affine_rows_take_one_step_as_the_damping_vanishes():
    field = Line(jnp.ones(6))
    points = some_points(PROBLEM, 30, conditions=2)
    linearise = jax.jit(lambda u: RESIDUALS.linearise(u, Line(True), points))
    rows, matrix = (np.asarray(a) for a in linearise(field))
    best = 1.0 + np.linalg.lstsq(matrix, -rows, rcond=None)[0]
    errors = []
    for damping in (1e-4, 1e-6, 1e-8, 0.0):
        method = LevenbergMarquardt(damping=damping, corrections=0)
        _, after = one_step(method, field, points)
        errors.append(np.abs(after.theta - best).max())
    assert errors[1] < 0.05 * errors[0]
    assert errors[2] < 0.05 * errors[1]
    assert errors[3] < 1e-9


def test_the_gain_ratio_of_affine_rows_is_one():
    """So the damping falls by the most that a step may lower it."""
    field, points = Line(jnp.ones(6)), some_points(PROBLEM, 30, conditions=2)
    method = LevenbergMarquardt(corrections=0)
    state = method.init(RESIDUALS, field, points, key=jr.key(0))
    found = damped_step(method, "primal", RESIDUALS, state)
    assert_allclose(found.damping, found.start / 3, rtol=1e-6)


def test_the_loss_never_grows_and_the_damping_follows(field):
    problem = problem_of("nonlinear")
    points = some_points(problem, 40, conditions=20)
    field = pinn.MLP(2, "scalar", 5, 2, bounds=problem.bounds, key=jr.key(0))
    method = LevenbergMarquardt(steps=12, damping=1e-6)
    state = method.init(NONLINEAR, field, points, key=jr.key(0))
    losses = []
    while not method.done(state):
        state, info = method.step(NONLINEAR, points, state)
        losses.append(info["loss"])
    assert losses == sorted(losses, reverse=True)
    rows = rows_compiled(NONLINEAR, field, jnp.asarray(state.theta), state.batch.points)
    assert_allclose(0.5 * np.sum(np.square(rows)), losses[-1], rtol=1e-12)
    assert losses[-1] < 1e-2 * losses[0]


def test_corrections_bring_the_rows_to_the_linear_model(field, points):
    """At equal damping the loss after a step is nearer to the predicted one."""
    rows, matrix = linearised(field, points)
    start = rows @ rows
    change = damped_solution(matrix, -rows, 1e-2 * start)
    aim = rows + matrix @ change
    misses = []
    for corrections in (0, 3, 10):
        method = LevenbergMarquardt(corrections=corrections, damping=1e-2)
        state = method.init(RESIDUALS, field, points, key=jr.key(0))
        found = damped_step(method, "primal", RESIDUALS, state)
        after = rows_compiled(
            RESIDUALS, field, jnp.asarray(found.theta), state.batch.points
        )
        misses.append(np.linalg.norm(after - aim))
    assert misses[1] < misses[0]
    assert misses[2] <= misses[1] * (1 + 1e-12)


def test_parameters_go_there_and_back(field):
    theta = parameters(field)
    assert eqx.tree_equal(with_parameters(field, theta), field)


@pytest.mark.parametrize(
    "form",
    [
        pytest.param("primal", marks=pytest.mark.slow),
        pytest.param("dual", marks=pytest.mark.slow),
        pytest.param("matrix-free", marks=pytest.mark.slow),
    ],
)
def test_solve_reaches_its_tolerance(form):
    method = LevenbergMarquardt(width=10, depth=1, form=form, steps=100)
    solution = pinn.solve(PROBLEM, method=method, tol=2e-5, key=jr.key(0))
    assert solution.report.reached
    assert solution.report.relative_l2 < 2e-5
    assert solution.report.unknowns == 10 + 10 + 10 + 1


@pytest.mark.parametrize("dim", [1, 2, 10])
def test_weight_vectors_start_with_the_length_asked_for(dim):
    """Whatever the dimension: the mean of so many squares is within 3 % of its own."""
    method = LevenbergMarquardt(width=10_000, depth=1, scale=1.5)
    field = method.default_field(pinn.problems.poisson(dim=dim), (), key=jr.key(0))
    squares = jnp.sum(field.hidden[0].weight ** 2, axis=1)
    assert_allclose(jnp.sqrt(jnp.mean(squares)), 1.5, rtol=0.015)


@pytest.mark.slow
def test_ten_dimensions_with_all_parameters_trained():
    problem = pinn.problems.poisson(dim=10, frequency=0.5)
    method = LevenbergMarquardt()
    solution = pinn.solve(problem, method=method, tol=1e-5, key=jr.key(0))
    assert solution.report.reached
    assert solution.report.relative_l2 < 1e-5


@pytest.mark.slow
def test_eight_digits_of_poisson_from_a_random_start():
    method = LevenbergMarquardt()
    problem = problem_of("poisson_2d")
    solution = pinn.solve(problem, method=method, tol=1e-8, key=jr.key(0))
    assert solution.report.unknowns == 1185
    assert solution.report.relative_l2 < 1e-8


@pytest.mark.parametrize("patience", [1, 3])
def test_as_many_draws_without_a_gain_end_it_as_patience_says(patience):
    """Every second draw gains; then none does any more."""
    method, plan = LevenbergMarquardt(patience=patience, points=10), None
    gaining = [1.0, 2.0, 0.5, 2.0, 0.25] if patience > 1 else [1.0, 0.5, 0.25]
    for fresh in gaining + [0.24] * patience:
        assert plan is None or not plan.ending
        found = Evidence(fresh, np.nan, target=1e-9)
        plan, refinement = method.refine(plan, None, found, key=jr.key(0))
    assert plan.ending == "stalled"
    assert refinement is None
    memory = method.remember(plan)  # what a checkpoint keeps
    assert method.recall(PROBLEM, (), None, memory) == plan


def test_without_damping_rows_must_suffice(field):
    method = LevenbergMarquardt(damping=0.0, points=2)
    with refused("`damping` = 0 needs.*18 rows for 19 unknowns"):
        pinn.solve(PROBLEM, field, method, key=jr.key(0))


def test_32_bit_numbers_are_refused_with_the_line_that_ends_it(field):
    jax.config.update("jax_enable_x64", False)
    try:
        with refused("`LevenbergMarquardt` needs 64-bit.*jax_enable_x64"):
            LevenbergMarquardt().check(PROBLEM, field)
    finally:
        jax.config.update("jax_enable_x64", True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "`steps` takes an integer of at least 1; got 0"),
        ({"resample": -1}, "`resample`"),
        ({"points": 0}, "`points`"),
        ({"corrections": 1.5}, "`corrections`.*1.5"),
        ({"patience": 0}, "`patience`.*0"),
        ({"damping": -1.0}, "`damping`.*at least 0"),
        ({"momentum": 1.0}, "`momentum`.*below 1"),
        ({"scale": 0.0}, "`scale`"),
        ({"memory_gib": 0}, "`memory_gib`"),
        ({"form": "gram"}, "`form` takes.*'gram'"),
        ({"form": "matrix-free", "scaled": True}, "`scaled`.*`form`"),
    ],
)
def test_errors_name_the_argument(options, message):
    with refused(message):
        LevenbergMarquardt(**options)


@pytest.mark.parametrize("xp", [np, jnp])
def test_anderson_ends_a_linear_iteration_after_as_many_steps_as_eigenvalues(xp):
    """As GMRES does: the minimal polynomial of the matrix is of that degree."""
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(rng.standard_normal((20, 20)))
    matrix = (q * np.repeat([1.0, 0.5, 0.2, 0.01], 5)) @ q.T
    best = rng.standard_normal(20)
    plain = x = xp.zeros(20)
    memory = Anderson.start(xp, x, 4)
    for count in range(5):
        plain = plain - matrix @ (plain - best)
        memory = memory.after(xp, count, x, xp.asarray(matrix @ (np.asarray(x) - best)))
        x = memory.next
    assert_allclose(x, best, atol=1e-10)
    assert np.abs(plain - best).max() > 0.1


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="XLA for a CPU")
def test_activations_are_not_computed_for_every_entry_of_the_jacobian(field, points):
    """XLA fuses them into the outer products unless the barrier between them stands."""
    arguments = (RESIDUALS, field, parameters(field), points)
    program = linearise_compiled.lower(*arguments).compile()
    assert "opt-barrier" in program.compiled.as_text()
