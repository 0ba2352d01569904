"""First-order training: each step is the optimiser's, the best field is kept."""

import functools
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from helpers import problem_of, refused, some_points, unbalanced
from jax.flatten_util import ravel_pytree
from numpy.testing import assert_allclose, assert_array_equal

import pinn
from pinn import FirstOrder

PROBLEM = problem_of("poisson_1d")
RESIDUALS = unbalanced(PROBLEM)
KEY = jr.key(0)
POINTS = some_points(PROBLEM, 12, conditions=2)


@pytest.fixture(scope="module")
def field():
    return pinn.MLP(1, "scalar", 6, 1, bounds=PROBLEM.bounds, key=jr.key(2))


@functools.cache
def stepper(method):
    return eqx.filter_jit(lambda state: method.step(RESIDUALS, POINTS, state))


def train(method, field, n, key=KEY):
    """All states of n steps."""
    states = [method.init(RESIDUALS, field, POINTS, key=key)]
    for _ in range(n):
        states.append(stepper(method)(states[-1])[0])
    return states


def parameters(field):
    return ravel_pytree(eqx.filter(field, eqx.is_inexact_array))[0]


DESCENT = FirstOrder(optax.sgd(1e-4), steps=8, resample=0)


def test_a_step_of_gradient_descent_is_the_jacobian_times_the_rows(field):
    _before, after = train(DESCENT, field, 1)
    leaves = jax.tree.map(eqx.is_inexact_array, field)
    rows, matrix = jax.jit(lambda: RESIDUALS.linearise(field, leaves, POINTS))()
    expected = parameters(field) - 1e-4 * matrix.T @ rows
    assert_allclose(parameters(after.field), expected, rtol=1e-11, atol=1e-13)
    assert_allclose(after.loss, 0.5 * jnp.sum(rows**2), rtol=1e-12)


def test_small_steps_of_gradient_descent_never_increase_the_loss(field):
    losses = [float(state.loss) for state in train(DESCENT, field, 8)[1:]]
    assert losses == sorted(losses, reverse=True)


def test_any_optimiser_of_optax_is_the_one_that_steps(field):
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-3))
    method = FirstOrder(optimiser, resample=0)
    *_, last = train(method, field, 3)
    u = field
    state = optimiser.init(eqx.filter(u, eqx.is_inexact_array))
    gradient = eqx.filter_jit(eqx.filter_grad(lambda u: RESIDUALS.loss(u, POINTS)))
    for _ in range(3):
        # Optax itself relies on promotion.
        with jax.numpy_dtype_promotion("standard"):
            updates, state = optimiser.update(gradient(u), state)
        u = eqx.apply_updates(u, updates)
    assert_allclose(parameters(last.field), parameters(u), rtol=1e-10, atol=1e-12)


def test_the_best_field_is_kept_where_steps_are_too_long(field):
    wild = FirstOrder(optax.sgd(0.05), resample=0)
    states = train(wild, field, 30)
    losses = [float(state.loss) for state in states[1:]]
    assert max(losses[1:]) > losses[0]  # it does jump about
    best = wild.field(states[-1])
    loss = eqx.filter_jit(lambda u: RESIDUALS.loss(u, POINTS))
    assert_allclose(loss(best), np.nanmin(losses), rtol=1e-10)
    assert_allclose(states[-1].best_loss, np.nanmin(losses), rtol=1e-10)


def poisoned(after, until=10**9):
    """Gradient descent whose updates are NaN from some step on, until another."""
    plain = optax.sgd(1e-4)

    def update(updates, state, params=None):
        count, inner = state
        updates, inner = plain.update(updates, inner, params)
        bad = jnp.where((count >= after) & (count < until), jnp.nan, 1.0)
        return jax.tree.map(lambda u: bad * u, updates), (count + 1, inner)

    return optax.GradientTransformation(
        lambda params: (jnp.asarray(0), plain.init(params)), update
    )


def test_nan_that_stays_ends_the_training_with_the_best_field_before(field):
    method = FirstOrder(poisoned(after=3), resample=0)
    # The fourth update is NaN, the next step sees it, and ten returns take two each.
    states = train(method, field, 25)
    ended = [bool(method.done(state)) for state in states]
    assert ended == [False] * 25 + [True]
    best = method.field(states[-1])
    assert jnp.all(jnp.isfinite(parameters(best)))
    assert_array_equal(parameters(best), parameters(states[3].field))


def test_after_nan_it_goes_on_from_the_best_with_half_the_step(field):
    method = FirstOrder(poisoned(after=3, until=4), resample=0)
    states = train(method, field, 6)
    assert [int(s.returns) for s in states] == [0, 0, 0, 0, 0, 1, 1]
    best, after = parameters(states[3].field), parameters(states[6].field)
    assert_array_equal(parameters(states[5].field), best)
    # Before, the whole step from there would have been this.
    whole = parameters(
        train(FirstOrder(optax.sgd(1e-4), resample=0), field, 4)[-1].field
    )
    assert_allclose(after - best, 0.5 * (whole - best), rtol=1e-9, atol=1e-15)
    assert "once" in method.remark(states[-1])


def test_steps_that_blow_the_loss_up_are_shortened_until_it_falls(field):
    """Gradient descent with a thousand times the step that is stable."""
    wild = FirstOrder(optax.sgd(50.0), resample=0)
    *_, last = train(wild, field, 60)
    assert 0 < int(last.returns) <= 10
    assert not bool(last.failed)
    first = train(wild, field, 1)[-1].loss
    assert last.best_loss < first


@pytest.mark.slow
@pytest.mark.parametrize("until", [12, 10**9])
def test_solve_survives_nan_and_says_so(until):
    method = FirstOrder(poisoned(5, until), steps=50, points=20, width=6, depth=1)
    solution = pinn.solve(PROBLEM, method=method, key=jr.key(0))
    stays = until > 50
    assert (solution.result is pinn.Result.diverged) == stays
    assert jnp.isfinite(solution(jnp.array([0.3])))
    (remark,) = solution.report.remarks
    assert "went back to the best parameters" in remark
    assert solution.history[-1]["remark"] == remark
    assert remark in str(solution.report)


# The mean of the parameters.


def test_the_average_is_that_of_optax(field):
    method = FirstOrder(optax.sgd(1e-3), steps=20, resample=0, averaging=0.75)
    states = train(method, field, 12)
    average = parameters(states[0].field)
    for count, state in enumerate(states[1:]):
        share = max(0.25, 1 / (count + 1))
        average = optax.incremental_update(parameters(state.field), average, share)
    assert_allclose(ravel_pytree(states[-1].average)[0], average, rtol=1e-12)


def shaken(size):
    """Gradient descent that is pushed to one side of its way, and to the other."""
    plain = optax.sgd(1e-4)

    def update(updates, state, params=None):
        count, inner = state
        updates, inner = plain.update(updates, inner, params)
        push = jnp.where(count % 2 == 0, size, -size)
        push = jnp.where(count == 0, push / 2, push)
        return jax.tree.map(lambda u: u + push, updates), (count + 1, inner)

    return optax.GradientTransformation(
        lambda params: (jnp.asarray(0), plain.init(params)), update
    )


@pytest.mark.slow
def test_the_average_is_returned_where_its_loss_is_lower(field):
    """Around a field that has learnt, pushes to both sides cancel in the mean."""
    learn = FirstOrder(optax.adam(1e-2), steps=1000, resample=0)
    learnt = train(learn, field, 1000)[-1].best
    plain, mean = (
        train(FirstOrder(shaken(0.05), steps=100, resample=0, averaging=a), learnt, 100)
        for a in (0.0, 0.9)
    )
    assert_array_equal(parameters(plain[-1].field), parameters(mean[-1].field))
    loss = eqx.filter_jit(lambda u: RESIDUALS.loss(u, POINTS))
    assert_allclose(loss(mean[-1].best), mean[-1].best_loss, rtol=1e-10)
    assert_array_equal(ravel_pytree(mean[-1].average)[0], parameters(mean[-1].best))
    assert mean[-1].best_loss < plain[-1].best_loss < plain[-1].loss


# Every kind of transformation that the docs name: each lowers the loss in some steps.
TRANSFORMATIONS = {
    "schedule": optax.adam(optax.cosine_decay_schedule(1e-2, 30)),
    "clipping": optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-2)),
    "muon": optax.contrib.muon(1e-2),
}


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_transformations_of_optax_lower_the_loss(field, name):
    method = FirstOrder(TRANSFORMATIONS[name], steps=30, resample=0)
    states = train(method, field, 30)
    assert states[-1].best_loss < 0.9 * states[1].loss
    assert int(states[-1].returns) == 0


def test_points_are_drawn_anew_at_the_right_steps(field):
    method = FirstOrder(optax.sgd(1e-6), resample=2)
    states = train(method, field, 6)
    x = [np.asarray(s.batch.points["equation"].arguments[0]) for s in states]
    same = [np.array_equal(a, b) for a, b in itertools.pairwise(x)]
    # Step k + 1 uses the points of state k + 1; those of steps 3 and 5 are new.
    assert same == [True, True, False, True, False, True]
    assert all(a.shape == x[0].shape for a in x)
    assert all(np.all((a >= -1) & (a <= 1)) for a in x)
    ends = np.asarray(states[-1].batch.points["dirichlet"].arguments[0])
    assert set(np.unique(ends)) <= {-1.0, 1.0}
    kept = train(FirstOrder(optax.sgd(1e-6), resample=0), field, 6)
    assert_array_equal(kept[-1].batch.points["equation"].arguments[0], x[0])


def test_equal_keys_give_equal_runs_and_others_other_runs(field):
    method = FirstOrder(optax.adam(1e-3), resample=2)
    *_, one = train(method, field, 6, key=jr.key(3))
    *_, same = train(method, field, 6, key=jr.key(3))
    *_, other = train(method, field, 6, key=jr.key(4))
    assert eqx.tree_equal(one.field, same.field)
    assert not eqx.tree_equal(one.field, other.field)


TINY = FirstOrder(optax.adam(1e-2), steps=300, points=20, width=6, depth=1)


@pytest.fixture(scope="module")
def trained():
    records = []
    solution = pinn.solve(
        PROBLEM, method=TINY, key=jr.key(0), callbacks=[records.append]
    )
    return solution, records


def test_exactly_so_many_steps_in_few_calls(trained):
    _, records = trained
    steps = [r["steps"] for r in records if "steps" in r]
    assert sum(steps) == 300
    assert len(steps) < 60


def test_all_parameters_are_unknowns(trained):
    solution, _ = trained
    assert solution.report.unknowns == 6 + 6 + 6 + 1
    assert solution.report.method == "first-order"
    assert solution.result is pinn.Result.finished


def test_training_and_its_estimate_are_honest(trained):
    """Of a poor solution, the estimate is not far below the error."""
    solution, _ = trained
    assert solution.report.estimate is not None
    assert solution.report.estimate > solution.report.relative_l2 / 3


def test_solving_again_gives_the_same_bits(trained):
    solution, _ = trained
    again = pinn.solve(PROBLEM, method=TINY, key=jr.key(0))
    assert eqx.tree_equal(again.field, solution.field)


def test_a_given_field_is_trained_and_keeps_its_size(field):
    method = FirstOrder(optax.adam(1e-2), steps=50, points=20)
    solution = pinn.solve(PROBLEM, field, method, key=jr.key(0))
    assert jax.tree.structure(solution.field) == jax.tree.structure(field)
    assert not eqx.tree_equal(solution.field, field)


@pytest.mark.slow
def test_reaches_three_digits_on_poisson():
    method = FirstOrder(
        optax.adam(optax.cosine_decay_schedule(5e-3, 5000)),
        steps=5000,
        points=500,
        width=32,
        depth=2,
    )
    solution = pinn.solve(problem_of("poisson_2d"), method=method, key=jr.key(0))
    assert solution.report.relative_l2 < 5e-3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FirstOrder("adam"), r"`optimizer`.*`optax.adam\(1e-3\)`.*'adam'"),
        (lambda: FirstOrder(optax.adam), "`optimizer`"),
        (lambda: FirstOrder(optax.sgd(1.0), steps=0), "`steps`.*at least 1; got 0"),
        (lambda: FirstOrder(optax.sgd(1.0), steps=1.5), "`steps`.*1.5"),
        (lambda: FirstOrder(optax.sgd(1.0), resample=-1), "`resample`.*at least 0"),
        (lambda: FirstOrder(optax.sgd(1.0), points=0), "`points`"),
        (lambda: FirstOrder(optax.sgd(1.0), averaging=1.0), "`averaging`.*below 1"),
        (lambda: FirstOrder(optax.sgd(1.0), width=0), "`width"),
        (lambda: FirstOrder(optax.sgd(1.0), depth=0), "`depth`"),
        (lambda: FirstOrder(optax.sgd(1.0), activation="tanh"), "`activation`"),
    ],
)
def test_errors_name_the_argument(make, message):
    with refused(message):
        method = make()
        method.default_field(PROBLEM, (), key=jr.key(0))
