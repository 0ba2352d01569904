"""Quasi-Newton: the secant equation, n steps on a quadratic, the Wolfe conditions."""

import functools
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import problem_of, refused, some_points, unbalanced
from numpy.testing import assert_allclose

import pinn
from pinn import LBFGS, SelfScaledBroyden
from pinn._method._line_search import (
    CURVATURE,
    SUFFICIENT_DECREASE,
    _between,
    _End,
    wolfe,
)
from pinn._method._parameters import parameters
from pinn._method._self_scaled import UPDATES, updated

PROBLEM = problem_of("poisson_1d")
RESIDUALS = unbalanced(PROBLEM)
POINTS = some_points(PROBLEM, 20, conditions=2)


def definite(n, key, spread=4.0):
    """A random symmetric matrix with eigenvalues from 1 to 10^spread."""
    q, _ = jnp.linalg.qr(jr.normal(key, (n, n)))
    return (q * jnp.logspace(0, spread, n)[None, :]) @ q.T


@pytest.mark.parametrize("update", UPDATES)
def test_the_secant_equation_holds_and_the_inverse_stays_definite(update, getkey):
    n = 7
    inverse, hessian = definite(n, getkey(), 2.0), definite(n, getkey(), 2.0)
    step = jr.normal(getkey(), (n,))
    change = hessian @ step
    curvature = step @ jnp.linalg.solve(inverse, step)
    after = updated(inverse, step, change, curvature, update)
    assert_allclose(after @ change, step, rtol=1e-8, atol=1e-9)
    assert_allclose(after, after.T, rtol=1e-8, atol=1e-8)
    assert jnp.min(jnp.linalg.eigvalsh(after)) > 0


def test_plain_bfgs_is_the_formula_of_the_textbook(getkey):
    n = 5
    inverse, step = definite(n, getkey(), 1.0), jr.normal(getkey(), (n,))
    change = definite(n, getkey(), 1.0) @ step
    ys = change @ step
    project = jnp.eye(n) - jnp.outer(step, change) / ys
    expected = project @ inverse @ project.T + jnp.outer(step, step) / ys
    found = updated(inverse, step, change, jnp.ones(()), "plain-bfgs")
    assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("update", UPDATES)
def test_a_quadratic_ends_in_n_steps_with_exact_line_searches(update, getkey):
    """Of every member of Broyden's class, scaled or not (Oren & Luenberger 1974)."""
    n = 6
    hessian, x = definite(n, getkey(), 2.0), jr.normal(getkey(), (n,))
    inverse, gradient = jnp.eye(n), hessian @ x
    sizes = [float(jnp.linalg.norm(gradient))]
    for _ in range(n):
        direction = -inverse @ gradient
        length = -(gradient @ direction) / (direction @ hessian @ direction)
        step = length * direction
        change = hessian @ step
        curvature = -length * (gradient @ step)
        inverse = updated(inverse, step, change, curvature, update)
        x, gradient = x + step, gradient + change
        sizes.append(float(jnp.linalg.norm(gradient)))
    assert sizes[-1] < 1e-9 * sizes[0]
    assert sizes[-2] > 1e-6 * sizes[0]  # and not sooner


def rosenbrock(x):
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_strong_wolfe_conditions_hold_where_the_search_ends(size, getkey):
    @jax.jit
    def search(x):
        value, gradient = jax.value_and_grad(rosenbrock)(x)
        direction = -size * gradient
        found = wolfe(rosenbrock, x, value, gradient, direction)
        return value, gradient @ direction, found, direction

    for _ in range(5):
        x = jr.normal(getkey(), (4,))
        value, slope, found, direction = search(x)
        assert found.value <= value + SUFFICIENT_DECREASE * found.length * slope
        assert jnp.abs(found.gradient @ direction) <= CURVATURE * jnp.abs(slope)
        assert_allclose(found.step, found.length * direction, rtol=1e-12)
        assert_allclose(found.value, rosenbrock(x + found.step), rtol=1e-12)


def test_a_length_beyond_where_the_function_is_defined_is_too_long():
    barrier = lambda x: jnp.sum(-jnp.log(1 - x) - 2 * x)  # NaN from 1 on
    x, direction = jnp.zeros(1), jnp.ones(1) * 40.0
    value, gradient = jax.value_and_grad(barrier)(x)
    found = wolfe(barrier, x, value, gradient, direction)
    slope = gradient @ direction
    assert found.value <= value + SUFFICIENT_DECREASE * found.length * slope
    assert jnp.abs(found.gradient @ direction) <= CURVATURE * jnp.abs(slope)


def test_a_search_that_finds_nothing_stays_where_it_is():
    x = jnp.ones(3)
    value, gradient = jax.value_and_grad(rosenbrock)(x + 1)
    found = wolfe(rosenbrock, x + 1, value, gradient, gradient)  # uphill
    assert jnp.all(found.step == 0)
    assert found.value == value
    assert jnp.all(found.gradient == gradient)


def test_between_two_ends_the_minimum_of_a_cubic_is_found():
    cubic = lambda a: (a - 0.7) ** 2 * (a + 2.0)  # with a minimum of 0 at 0.7
    end = lambda a: _End(jnp.asarray(a), cubic(jnp.asarray(a)), jax.grad(cubic)(a))
    for ends in ((0.0, 1.0), (1.0, 0.0), (0.5, 2.0)):
        assert_allclose(_between(end(ends[0]), end(ends[1])), 0.7, rtol=1e-12)


METHODS = {
    "broyden": SelfScaledBroyden(resample=0),
    "log": SelfScaledBroyden(resample=0, objective="log", update="bfgs"),
    "lbfgs": LBFGS(resample=0),
    "resampled": SelfScaledBroyden(resample=3),
}


@functools.cache
def stepper(name):
    method = METHODS[name]
    return eqx.filter_jit(lambda state: method.step(RESIDUALS, POINTS, state))


def states(name, n):
    field = pinn.MLP(1, "scalar", 6, 1, bounds=PROBLEM.bounds, key=jr.key(2))
    result = [METHODS[name].init(RESIDUALS, field, POINTS, key=jr.key(0))]
    for _ in range(n):
        result.append(stepper(name)(result[-1])[0])
    return result


@pytest.mark.parametrize(
    "name", ["broyden", pytest.param("lbfgs", marks=pytest.mark.slow)]
)
def test_the_loss_never_grows_on_fixed_points(name):
    _, *found = states(name, 30)
    values = [float(state.value) for state in found]
    assert values == sorted(values, reverse=True)
    last = found[-1]
    field = METHODS[name].field(last)
    loss = eqx.filter_jit(lambda u: RESIDUALS.loss(u, POINTS))
    assert_allclose(loss(field), last.best_loss, rtol=1e-9)


def test_new_points_are_taken_when_they_are_due_and_the_memory_is_kept():
    all_states = states("resampled", 5)
    x = [np.asarray(s.batch.points["equation"].arguments[0]) for s in all_states]
    same = [np.array_equal(a, b) for a, b in itertools.pairwise(x)]
    assert same == [True, True, True, False, True]
    assert not np.array_equal(all_states[4].memory.inverse, np.eye(19))


@pytest.mark.slow
def test_the_unit_of_the_field_changes_nothing_but_itself():
    """With the logarithm of the loss: rows times 2^10 move it by a constant."""
    method = METHODS["log"]
    large = eqx.tree_at(
        lambda r: r.factors, RESIDUALS, replace_fn=lambda f: scaled(f, 1024.0)
    )
    field = pinn.MLP(1, "scalar", 6, 1, bounds=PROBLEM.bounds, key=jr.key(2))
    ends = []
    for residuals in (RESIDUALS, large):
        step = eqx.filter_jit(lambda s, r=residuals: method.step(r, POINTS, s)[0])
        state = method.init(residuals, field, POINTS, key=jr.key(0))
        for _ in range(5):
            state = step(state)
        ends.append(state.theta)
    assert_allclose(ends[1], ends[0], rtol=1e-6, atol=1e-8)


def scaled(tree, factor):
    return jax.tree.map(lambda a: factor * a, tree)


@pytest.mark.parametrize(
    ("method", "error"),
    [
        pytest.param(
            SelfScaledBroyden(steps=400, points=60, width=8, depth=1),
            1e-4,
            marks=pytest.mark.slow,
        ),
        pytest.param(
            LBFGS(steps=400, points=60, width=8, depth=1), 3e-2, marks=pytest.mark.slow
        ),
    ],
)
def test_solve_reaches_the_digits_of_the_method(method, error):
    solution = pinn.solve(PROBLEM, method=method, key=jr.key(0))
    assert solution.report.relative_l2 < error
    assert solution.report.method == method.name
    assert solution.report.unknowns == parameters(solution.field).size == 25


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SelfScaledBroyden(steps=0), "`steps` takes.*at least 1; got 0"),
        (lambda: SelfScaledBroyden(update="dfp"), "`update` takes.*'dfp'"),
        (lambda: SelfScaledBroyden(objective="square"), "`objective`.*'square'"),
        (lambda: LBFGS(memory=0), "`memory` takes.*at least 1; got 0"),
        (lambda: LBFGS(points=1.5), "`points`.*1.5"),
        (lambda: LBFGS(scale=-1.0), "`scale`"),
    ],
)
def test_errors_name_the_argument(make, message):
    with refused(message):
        make()
