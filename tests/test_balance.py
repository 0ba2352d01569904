"""Weights that change while a method works: what each balance promises, in the loop."""

import dataclasses
import functools
import json

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from helpers import heat, hurried, problem_of, refused, some_points, unbalanced
from jax.flatten_util import ravel_pytree
from numpy.testing import assert_allclose, assert_array_equal
from test_checkpoint import assert_same_bits

import pinn
from pinn import FirstOrder, LevenbergMarquardt, SelfScaledBroyden
from pinn._kept import (
    _points_read,
    _points_written,
    _weighting_read,
    _weighting_written,
)
from pinn._sampling import AdaptiveDistribution, AdaptiveRefinement
from pinn._weighting import Causal, GradientNorm, ResidualAttention, TangentKernel

PROBLEM = problem_of("neumann")
RESIDUALS = unbalanced(PROBLEM)
POINTS = some_points(PROBLEM, 12, conditions=5)
FIELD = pinn.MLP(2, "scalar", 5, 1, bounds=PROBLEM.bounds, key=jr.key(2))
ROD = problem_of("poisson_1d")
SMALL = pinn.MLP(1, "scalar", 6, 1, bounds=ROD.bounds, key=jr.key(2))


def once(balance, residuals=RESIDUALS, field=FIELD, points=POINTS):
    """The weights after one update, and the state."""

    def update():
        state = balance.update(balance.init(points), residuals, field, points)
        return state, dict(balance.weights(state))

    return hurried(update)


def times(factor):
    """The field with all its parameters multiplied."""
    scaled = lambda a: factor * a if eqx.is_inexact_array(a) else a
    return jax.tree.map(scaled, FIELD)


def jacobian_of(residuals, field, points):
    leaves = jax.tree.map(eqx.is_inexact_array, field)
    return hurried(lambda: residuals.linearise(field, leaves, points))


@functools.cache
def dense():
    """Rows and Jacobian by term, of the rows without the mean: sqrt(n) times."""
    rows, matrix = (np.asarray(a) for a in jacobian_of(RESIDUALS, FIELD, POINTS))
    result, start = {}, 0
    for term in PROBLEM.terms:
        n = len(POINTS[term.name].arguments[-1])
        here = slice(start, start + n)
        result[term.name] = rows[here] * n**0.5, matrix[here] * n**0.5
        start += n
    return result


def test_weights_multiply_the_squared_rows():
    per_point = jnp.linspace(0.5, 2.0, 12)
    weights = {"equation": per_point, "outflow": jnp.asarray(9.0)}
    weighted = RESIDUALS.weighted(weights).weighted({"outflow": jnp.asarray(4.0)})
    plain = {name: rows**2 for name, (rows, _) in dense().items()}
    found = hurried(lambda: weighted.squares(FIELD, POINTS))
    assert_allclose(found["equation"], per_point * plain["equation"], rtol=1e-10)
    assert_allclose(found["outflow"], 36 * plain["outflow"], rtol=1e-10)
    assert_allclose(found["symmetry"], plain["symmetry"], rtol=1e-10)
    rows, matrix = jacobian_of(weighted, FIELD, POINTS)
    assert_allclose(rows, hurried(lambda: weighted.rows(FIELD, POINTS)), rtol=1e-12)
    mean = sum(float(jnp.mean(s)) for s in found.values())
    assert_allclose(rows @ rows, mean, rtol=1e-12)
    root = jnp.sqrt(per_point / 12)
    assert_allclose(matrix[:12], root[:, None] * dense()["equation"][1], rtol=1e-9)


def test_gradients_have_equal_norms_after_one_update():
    _, weights = once(GradientNorm(memory=0.5))
    norms = {
        name: float(weights[name] * np.linalg.norm(matrix.T @ rows) / len(rows))
        for name, (rows, matrix) in dense().items()
    }
    assert_allclose(list(norms.values()), norms["equation"], rtol=1e-10)
    # They are scaled so that the mean of the norms stays.
    plain = [np.linalg.norm(m.T @ r) / len(r) for r, m in dense().values()]
    assert_allclose(norms["equation"], np.mean(plain), rtol=1e-10)


def test_traces_are_those_of_the_dense_tangent_kernel():
    _, weights = once(TangentKernel())
    traces = {n: np.trace(m @ m.T) / len(m) for n, (_, m) in dense().items()}
    mean = np.mean(list(traces.values()))
    for name, trace in traces.items():
        assert_allclose(weights[name], mean / trace, rtol=1e-10)
    # Of three rows only, spread over the points.
    _, few = once(TangentKernel(rows=3))
    matrix = dense()["equation"][1][[0, 6, 11]]
    ratio = few["equation"] / few["symmetry"]
    other = dense()["symmetry"][1][[0, 2, 4]]
    assert_allclose(ratio, np.sum(other**2) / np.sum(matrix**2), rtol=1e-10)


@pytest.mark.parametrize("balance", [GradientNorm(), TangentKernel()])
def test_fixed_weights_of_conditions_still_multiply(balance):
    """The balance is that of the problem without them, beside which they stand."""
    heavy = [
        dataclasses.replace(c, weight=9.0) if c.name == "symmetry" else c
        for c in PROBLEM.conditions
    ]
    problem = dataclasses.replace(PROBLEM, conditions=heavy)
    factors = {**RESIDUALS.factors, "symmetry": 3 * RESIDUALS.factors["symmetry"]}
    residuals = dataclasses.replace(RESIDUALS, problem=problem, factors=factors)
    _, plain = once(balance)
    _, weighted = once(balance, residuals)
    for name, weight in plain.items():
        assert_allclose(weighted[name], weight, rtol=1e-10)


def test_the_average_forgets_at_the_stated_rate():
    balance = GradientNorm(memory=0.75)
    state, first = once(balance)
    other = times(1.5)
    again = hurried(lambda: balance.update(state, RESIDUALS, other, POINTS).weights)
    _, fresh = once(balance, field=other)
    for name in first:
        assert_allclose(again[name], 0.75 * first[name] + 0.25 * fresh[name])


def test_a_term_that_holds_exactly_has_a_finite_weight():
    """Its gradient is zero; and what is not a number changes nothing."""
    balance = GradientNorm(largest=100.0)
    _, weights = once(balance, field=times(0.0))
    assert float(weights["symmetry"]) == 100.0
    for balance in (GradientNorm(), ResidualAttention()):
        _, weights = once(balance, field=times(jnp.nan))
        for weight in weights.values():
            assert_array_equal(weight, jnp.ones_like(weight))


# Causal weights.


def test_causal_weights_have_the_closed_form_and_fall_with_time():
    balance = Causal(slabs=4, epsilons=(2.0,))
    losses = jnp.array([0.1, 0.0, 0.7, 5.0])
    weights = balance.slab_weights(losses)
    assert_allclose(weights, np.exp(-2 * np.array([0.0, 0.1, 0.1, 0.8])), rtol=1e-14)
    assert np.all(np.diff(weights) <= 0)
    nothing_before = balance.slab_weights(jnp.array([0.0, 0.0, 0.0, 3.0]))
    assert_array_equal(nothing_before, jnp.ones(4))


def test_epsilon_is_the_first_under_which_a_slab_waits():
    balance = Causal(slabs=2, epsilons=(1.0, 10.0, 100.0), delta=0.99)
    weight = lambda loss: float(balance.slab_weights(jnp.array([loss, 0.0]))[1])
    for loss, epsilon in ((1.0, 1.0), (0.011, 1.0), (0.009, 10.0), (1e-9, 100.0)):
        assert_allclose(weight(loss), np.exp(-epsilon * loss), rtol=1e-12)


def test_causal_weights_of_a_field_come_from_its_slabs():
    problem = heat()
    residuals = unbalanced(problem)
    points = some_points(problem, 60, conditions=6)
    field = pinn.MLP(2, "scalar", 5, 1, key=jr.key(1))
    balance = Causal(slabs=3, epsilons=(0.5,))
    _, weights = once(balance, residuals, field, points)
    squares = hurried(lambda: residuals.squares(field, points))
    t, x = points["equation"].arguments
    slab = np.floor(np.asarray(t) / 0.5 * 3).astype(int)
    values = hurried(lambda: jax.vmap(field)(t, x))
    size = sum(float(jnp.mean(s)) for s in squares.values()) + float(
        jnp.mean(values**2)
    )
    of_slab = [np.mean(np.asarray(squares["equation"])[slab == k]) for k in range(3)]
    expected = np.exp(-0.5 / size * np.array([0, of_slab[0], of_slab[0] + of_slab[1]]))
    assert set(weights) == {"equation"}
    assert_allclose(weights["equation"], expected[slab], rtol=1e-10)


def test_attention_follows_the_residual_of_each_point():
    _, weights = once(ResidualAttention(memory=0.0))
    for name, (rows, _) in dense().items():
        share = np.abs(rows) / np.max(np.abs(rows))
        assert_allclose(weights[name], share**2, rtol=1e-9, atol=1e-15)
    _, slow = once(ResidualAttention(memory=0.9))
    share = np.sqrt(weights["equation"])
    assert_allclose(slow["equation"], (0.9 + 0.1 * share) ** 2, rtol=1e-10)


# In the loop.


class Fixed(pinn.weighting.AbstractBalance):
    """A balance that always gives the same: it must act as fixed weights do."""

    every: int = eqx.field(static=True, default=3)

    def init(self, points):
        return jnp.asarray(1.0)

    def update(self, state, residuals, field, points):
        return jnp.asarray(4.0)

    def weights(self, state):
        return {"dirichlet": state}


TRAINED = {
    "first-order": FirstOrder(
        optax.adam(1e-2), steps=30, resample=10, points=12, width=5, depth=1
    ),
    "broyden": SelfScaledBroyden(steps=12, resample=5, points=12, width=5, depth=1),
    "levenberg-marquardt": LevenbergMarquardt(steps=4, points=20, width=5, depth=1),
}


@pytest.mark.parametrize(
    "name",
    [
        "first-order",
        "levenberg-marquardt",
        pytest.param("broyden", marks=pytest.mark.slow),
    ],
)
def test_a_constant_balance_is_a_fixed_weight(name):
    """The states of the descent agree; fields are compared under the default balance,
    so the best may be another."""
    method = TRAINED[name]
    run = functools.partial(states_of, method, SMALL, 4)
    moving = run(balance=Fixed())
    fixed = run(weights={"dirichlet": jnp.asarray(4.0)})
    assert_allclose(moving, fixed, rtol=1e-9, atol=1e-12)


def states_of(method, field, steps, balance=None, weights=None):
    plain = unbalanced(ROD)
    residuals = dataclasses.replace(plain, balance=balance, weights=weights or {})
    points = some_points(ROD, 12, conditions=2)
    state = method.init(residuals, field, points, key=jr.key(0))
    step = lambda state: method.step(residuals, points, state)[0]
    step = eqx.filter_jit(step) if method.compiled else step
    for _ in range(steps):
        state = step(state)
    if hasattr(state, "theta"):
        return state.theta
    return ravel_pytree(eqx.filter(state.field, eqx.is_inexact_array))[0]


RESUMED = {
    "gradient-norm": (ROD, GradientNorm(every=7), 30),
    "causal": (problem_of("heat"), Causal(slabs=4), AdaptiveRefinement(n=30, add=5)),
    "attention": (ROD, ResidualAttention(), 30),
    "distribution": (ROD, GradientNorm(), AdaptiveDistribution(n=30)),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("gradient-norm", marks=pytest.mark.slow),
        pytest.param("causal", marks=pytest.mark.slow),
        pytest.param("attention", marks=pytest.mark.slow),
        pytest.param("distribution", marks=pytest.mark.slow),
    ],
)
def test_a_stopped_solve_goes_on_bit_for_bit(name, tmp_path):
    problem, balance, points = RESUMED[name]
    resample = 0 if balance.per_point else 20
    method = FirstOrder(
        optax.adam(1e-2), steps=200, resample=resample, width=5, depth=1
    )
    seen = []

    def stop(record):
        seen.append(record)
        if len(seen) > 3:
            raise StopIteration

    options = {
        "method": method,
        "key": jr.key(1),
        "weighting": balance,
        "points": points,
    }
    whole = pinn.solve(problem, **options)
    weights = whole.history[-1]["weights"]
    assert weights
    assert all(0 < w < np.inf for w in weights.values())
    folder = tmp_path / "run"
    part = pinn.solve(
        problem, **options, checkpoint=folder, every=0.0, callbacks=[stop]
    )
    assert part.result is pinn.Result.budget
    assert_same_bits(pinn.resume(folder, problem, method=method), whole)


def through_json(thing):
    return json.loads(json.dumps(thing))


def test_a_checkpoint_gives_back_what_is_ours_and_asks_for_what_is_yours():
    ours = (
        GradientNorm(memory=0.5),
        TangentKernel(rows=7),
        Causal(epsilons=(1.0, 2.0)),
        ResidualAttention(every=3),
        {"equation": 2.0},
        None,
    )
    for weighting in ours:
        kept = through_json(_weighting_written(weighting))
        assert _weighting_read(kept, None) == weighting
    for points in (AdaptiveDistribution(k=2.0), AdaptiveRefinement(add=7)):
        kept, arrays = _points_written({"equation": points, "left": 3})
        found = _points_read(through_json(kept), arrays, None)
        assert found == {"equation": points, "left": 3}
    kept = through_json(_weighting_written(Fixed()))
    assert _weighting_read(kept, Fixed()) == Fixed()
    for given in (None, Fixed(every=4), GradientNorm()):
        with refused(r"`weighting` is needed: .*Fixed\(3,\)"):
            _weighting_read(kept, given)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["levenberg-marquardt", "broyden"])
def test_methods_with_curvature_show_the_last_weights(name):
    solution = pinn.solve(
        ROD, method=TRAINED[name], key=jr.key(0), weighting=GradientNorm()
    )
    weights = solution.history[-1]["weights"]
    assert set(weights) == {"equation", "dirichlet"}
    assert weights["equation"] != weights["dirichlet"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GradientNorm(every=0), "`every` takes an integer of at least 1"),
        (lambda: GradientNorm(memory=1.0), "`memory` takes a number from 0 to below 1"),
        (lambda: GradientNorm(largest=0), "`largest` takes a positive number; got 0"),
        (lambda: TangentKernel(rows=0), "`rows` takes an integer of at least 1"),
        (lambda: TangentKernel(memory=-0.1), "`memory`"),
        (lambda: Causal(slabs=1), "`slabs` takes an integer of at least 2; got 1"),
        (lambda: Causal(epsilons=(1.0, 1.0)), "`epsilons` takes positive numbers"),
        (lambda: Causal(epsilons=()), "`epsilons`"),
        (lambda: Causal(delta=1.0), "`delta` takes a number between 0 and 1"),
        (lambda: ResidualAttention(memory="long"), "`memory`.*'long'"),
    ],
)
def test_options_out_of_range_are_refused(make, message):
    with refused(message):
        make()


@pytest.mark.parametrize(
    ("weighting", "method", "message"),
    [
        (Causal(), TRAINED["first-order"], "Causal needs a problem with a time"),
        (GradientNorm, TRAINED["first-order"], "`weighting` takes .*GradientNorm()"),
        (GradientNorm(), None, "`LeastSquares` cannot follow; pass a mapping"),
        (
            GradientNorm(),
            pinn.Sequence([TRAINED["first-order"], pinn.LeastSquares()]),
            "`LeastSquares` cannot follow",
        ),
        (
            ResidualAttention(),
            TRAINED["first-order"],
            "a weight for each point.*`resample=0`",
        ),
        (ResidualAttention(), TRAINED["broyden"], "changes its weights at each step"),
        (ResidualAttention(), TRAINED["levenberg-marquardt"], "at each step"),
    ],
)
def test_a_balance_that_cannot_serve_is_refused(weighting, method, message):
    with refused(message):
        pinn.solve(ROD, method=method, key=jr.key(0), weighting=weighting)
