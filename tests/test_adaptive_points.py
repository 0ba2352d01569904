"""Points that follow the residual: where they are drawn, and which of them count."""

import dataclasses
import functools
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from helpers import hurried, problem_of, refused, some_points, unbalanced
from numpy.testing import assert_allclose, assert_array_equal

import pinn
from pinn._method._batch import first_batch, redrawn
from pinn._sampling import AdaptiveDistribution, AdaptiveRefinement


def line(n, key):
    """Candidates on the unit interval, and their row, which is the place."""
    return jr.uniform(key, (n,))


def steps_of(sampler, points, active, times, getkey):
    draw = jax.jit(lambda p, a, key: sampler.draw(p, a, line, lambda x: x**2, key=key))
    states = [(points, jnp.asarray(active))]
    for _ in range(times):
        states.append(draw(*states[-1], getkey()))
    return states


def test_a_distribution_has_the_density_of_the_paper(getkey):
    # p ∝ s / mean(s) + 1 with s = x^2: of many candidates the mean of x is
    # ∫ x (3 x^2 + 1) dx / 2 = 5/8, and one point of very many leaves the law as it is.
    sampler = AdaptiveDistribution(pool=50)
    _, (points, active) = steps_of(sampler, jnp.zeros(4000), 4000, 1, getkey)
    assert int(active) == 4000
    assert len(np.unique(points)) == 4000
    assert abs(float(jnp.mean(points)) - 5 / 8) < 0.02


def test_refinement_keeps_the_points_and_adds_so_many(getkey):
    sampler = AdaptiveRefinement(n=10, add=4, times=3)
    capacity = sampler.capacity(10)
    assert capacity == 22
    assert sampler.start(capacity) == 10
    states = steps_of(sampler, -jnp.ones(capacity), 10, 5, getkey)
    assert [int(active) for _, active in states] == [10, 14, 18, 22, 22, 22]
    for (old, active), (new, _) in itertools.pairwise(states):
        assert_array_equal(new[: int(active)], old[: int(active)])
    last, _ = states[-1]
    assert np.all(last[:10] == -1)
    # With c = 0 and k = 2 the density of the new ones is 5 x^4.
    assert float(jnp.mean(last[10:])) > 0.6


def test_scores_that_are_not_finite_never_stop_a_draw(getkey):
    sampler = AdaptiveDistribution()
    points, _ = sampler.draw(
        jnp.zeros(5), jnp.asarray(5), line, lambda x: jnp.nan * x, key=getkey()
    )
    assert np.all(np.isfinite(points))


@functools.cache
def refined():
    """A problem whose equation refines its points, and its field."""
    problem = problem_of("poisson_1d")
    sampler = AdaptiveRefinement(n=8, add=3, times=2, k=1.0)
    residuals = dataclasses.replace(unbalanced(problem), sampler=sampler)
    field = pinn.MLP(1, "scalar", 5, 1, bounds=problem.bounds, key=jr.key(0))
    points = some_points(problem, sampler.capacity(8), conditions=2)
    return residuals, field, points


def test_inactive_points_do_not_change_the_loss():
    residuals, field, points = refined()
    batch = first_batch(residuals, points)
    assert int(batch.active) == 8
    loss = lambda batch: hurried(
        lambda b: b.plain(residuals).loss(field, b.points), batch
    )
    first = {**points, "equation": jax.tree.map(lambda a: a[:8], points["equation"])}
    alone = hurried(lambda p: residuals.loss(field, p), first)
    assert_allclose(loss(batch), alone, rtol=1e-12)
    moved = eqx.tree_at(
        lambda b: b.points["equation"].arguments[0],
        batch,
        replace_fn=lambda x: x.at[8:].set(0.9),
    )
    assert_allclose(loss(moved), alone, rtol=1e-12)


def test_a_draw_leaves_points_that_were_given_and_takes_the_users_sequence():
    problem = problem_of("poisson_1d")
    points = some_points(problem, 8, conditions=2)
    batch = first_batch(unbalanced(problem), points)
    middle = lambda key, dim: lambda start, count: jnp.full((count, dim), 0.75)

    def drawn(**options):
        residuals = dataclasses.replace(unbalanced(problem), **options)
        new = redrawn(residuals, None, batch, jr.key(1)).points
        return {name: rows.arguments[0] for name, rows in new.items()}

    old = points["equation"].arguments[0]
    assert_array_equal(drawn(given=("equation",))["equation"], old)
    assert not np.any(np.isin(drawn(given=("dirichlet",))["equation"], old))
    # Three quarters of the way from -1 to 1.
    assert_allclose(drawn(sequence=middle)["equation"], 0.5, rtol=1e-12)


@pytest.mark.slow
def test_points_that_were_given_stay_through_a_solve():
    problem = problem_of("poisson_1d")
    points = {"equation": jnp.linspace(-0.9, 0.9, 12)[:, None]}
    points["dirichlet"] = jnp.array([[-1.0], [1.0]])
    adam = functools.partial(
        pinn.FirstOrder, optax.adam(1e-2), steps=30, width=5, depth=1
    )
    fields = [
        pinn.solve(problem, method=adam(resample=n), points=points, key=jr.key(0)).field
        for n in (0, 5)
    ]
    kept, drawn = (jax.tree.leaves(eqx.filter(f, eqx.is_array)) for f in fields)
    for a, b in zip(kept, drawn, strict=True):
        assert_allclose(a, b, rtol=1e-9)


@pytest.mark.slow
def test_refinement_in_the_loop_grows_as_stated():
    residuals, field, points = refined()
    method = pinn.FirstOrder(optax.adam(1e-3), resample=2)
    state = method.init(residuals, field, points, key=jr.key(0))
    step = eqx.filter_jit(lambda state: method.step(residuals, points, state)[0])
    states = [state]
    for _ in range(7):
        states.append(step(states[-1]))
    assert [int(s.batch.active) for s in states] == [8, 8, 8, 11, 11, 14, 14, 14]
    x = np.asarray(states[-1].batch.points["equation"].arguments[0])
    assert_array_equal(x[:8], points["equation"].arguments[0][:8])
    # The best field is compared on the points of the present.
    last = states[-1]
    known = last.batch.plain(residuals).loss(last.best, last.batch.points)
    assert_allclose(last.best_loss, known, rtol=1e-10)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AdaptiveDistribution(n=0), "`n` takes an integer of at least 1"),
        (lambda: AdaptiveDistribution(pool=0), "`pool` takes an integer"),
        (lambda: AdaptiveDistribution(k=-1), "`k` takes a number of at least 0"),
        (lambda: AdaptiveRefinement(add=0), "`add` takes an integer"),
        (lambda: AdaptiveRefinement(times=2.5), "`times` takes an integer.*2.5"),
        (lambda: AdaptiveRefinement(c=float("inf")), "`c` takes a number"),
    ],
)
def test_options_of_adaptive_points_are_checked(make, message):
    with refused(message):
        make()


ADAM = optax.adam(1e-3)


@pytest.mark.parametrize(
    ("points", "method", "message"),
    [
        (AdaptiveDistribution(), None, "`LeastSquares` draws its own"),
        (
            AdaptiveDistribution(),
            pinn.FirstOrder(ADAM, resample=0),
            "its `resample` is",
        ),
        (
            {"dirichlet": AdaptiveDistribution()},
            pinn.FirstOrder(ADAM),
            "`points` of 'dirichlet' follow no residual",
        ),
        (AdaptiveDistribution, pinn.FirstOrder(ADAM), "`points` takes a number"),
        (
            AdaptiveRefinement(),
            pinn.LevenbergMarquardt(),
            "starts anew with each draw.*AdaptiveDistribution",
        ),
    ],
)
def test_points_that_cannot_adapt_are_refused(points, method, message):
    with refused(message):
        problem = problem_of("poisson_1d")
        pinn.solve(problem, method=method, key=jr.key(0), points=points)


def test_levenberg_marquardt_draws_where_the_residual_is_large():
    residuals, field, points = refined()
    sampler = AdaptiveDistribution(k=4.0, c=0.0, pool=40)
    residuals = dataclasses.replace(residuals, sampler=sampler)
    method = pinn.LevenbergMarquardt()
    state = method.init(residuals, field, points, key=jr.key(0))
    size = jax.jit(lambda p: jnp.mean(jnp.abs(residuals.by_term(field, p)["equation"])))
    assert size(state.batch.points) > 1.2 * size(points)
