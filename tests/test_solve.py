"""`solve`: tolerance in, honest estimate out; interrupted, refused, repeated."""

import json
import math
import subprocess
import sys
import textwrap

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from helpers import PROBLEMS, problem_of, refused, solution_of

import pinn
from pinn import (
    Dirichlet,
    FirstOrder,
    LeastSquares,
    PreflightError,
    Problem,
    Result,
    laplacian,
)

KEY = jr.key(0)
ROD = pinn.Interval(-1.0, 1.0)
SQUARE = pinn.Box([0.0, 0.0], [1.0, 1.0])


def solve(problem=None, *arguments, **options):
    """One problem for all tests that are not about the problem."""
    problem = problem_of("poisson_1d") if problem is None else problem
    return pinn.solve(problem, *arguments, **{"key": KEY, **options})


# The ten lines of the README.


def test_a_solution_that_is_zero_has_no_residual_and_no_error():
    """0 of 0 is nothing, not nan."""
    exact = lambda x: 0.0 * x[0]
    ends = [Dirichlet(ROD.boundary, 0.0)]
    problem = Problem(ROD, lambda u, x: laplacian(u)(x), ends, exact=exact)
    report = solve(problem, method=LeastSquares(features=20)).report
    assert report.residual_fresh == report.condition_violation == 0.0
    assert report.relative_l2 == report.max_error == 0.0


def test_a_field_of_another_shape_than_the_exact_solution_is_refused():
    problem = problem_of("poisson_1d")
    with refused(r"`field` has the shape \(3,\).*`exact`.*`out_size`"):
        solve(problem, pinn.MLP(1, 3, 4, 1, key=KEY))
    with refused(r"`field` takes an instance, `MLP\(...\)`"):
        solve(problem, pinn.MLP)


def test_the_ten_lines():
    square = pinn.Box([0.0, 0.0], [1.0, 1.0])

    def source(x):
        return 2 * jnp.pi**2 * jnp.sin(jnp.pi * x[0]) * jnp.sin(jnp.pi * x[1])

    def poisson(u, x):
        return -pinn.laplacian(u)(x) - source(x)

    problem = pinn.Problem(square, poisson, [pinn.Dirichlet(square.boundary, 0.0)])
    solution = pinn.solve(problem, tol=1e-8, key=jax.random.key(0))
    assert solution.result is Result.reached
    exact = lambda x: source(x) / (2 * jnp.pi**2)
    assert solution.error(exact) < 3e-8
    assert solution(jnp.array([0.5, 0.5])) == pytest.approx(1.0, abs=1e-7)
    assert solution.report.relative_l2 is None  # no exact solution was named
    assert "within the tolerance" in str(solution.report)


# "Reached" implies an error of no more than three times the tolerance.

QUICK = {("poisson_1d", 1e-6), ("disk", 1e-6)}


@pytest.mark.parametrize(
    ("name", "tol"),
    [
        pytest.param(name, tol, marks=[] if (name, tol) in QUICK else pytest.mark.slow)
        for name in PROBLEMS
        for tol in (1e-3, 1e-6, 1e-9)
    ],
)
def test_reached_implies_three_times_the_tolerance(name, tol):
    solution = solution_of(name, tol)
    report = solution.report
    assert report.reached == (report.estimate <= tol)
    assert report.reached == (solution.result is Result.reached)
    assert report.reached
    assert report.relative_l2 <= 3 * tol
    # On points of its own the error is the same.
    problem = problem_of(name)
    assert solution.error(problem.exact) == pytest.approx(report.relative_l2, rel=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("name", ["poisson_1d", "heat", "helmholtz", "nonlinear"])
def test_reached_is_honest_whatever_the_key(name, seed):
    solution = pinn.solve(problem_of(name), tol=1e-6, key=jr.key(seed))
    if solution.report.reached:
        assert solution.report.relative_l2 <= 3e-6


def test_what_cannot_be_reached_is_not_claimed():
    """A kink in the middle, for which few smooth features are no match."""
    kinked = lambda x: jnp.abs(x[0] - 0.1) ** 3
    problem = Problem(
        ROD,
        lambda u, x: laplacian(u)(x) - 6 * jnp.abs(x[0] - 0.1),
        [Dirichlet(ROD.boundary, kinked)],
        exact=kinked,
    )
    solution = solve(problem, method=LeastSquares(largest=150), tol=1e-11)
    assert not solution.report.reached
    assert solution.result in (Result.stalled, Result.largest)
    assert solution.report.estimate > 1e-11
    assert solution.report.estimate > solution.report.relative_l2 / 3


def test_a_problem_without_a_solution_is_not_solved():
    """-u'' = 1 with no flux through either end: nowhere for the source to go."""
    conditions = [pinn.Neumann(ROD.boundary, 0.0)]
    problem = Problem(ROD, lambda u, x: -laplacian(u)(x) - 1.0, conditions)
    solution = solve(problem, method=LeastSquares(largest=150), tol=1e-6)
    assert not solution.report.reached
    assert solution.report.estimate is None or solution.report.estimate > 1e-6


def test_the_solution_zero_is_found():
    problem = Problem(
        ROD, lambda u, x: -laplacian(u)(x), [Dirichlet(ROD.boundary, 0.0)]
    )
    solution = solve(problem, tol=1e-6)
    assert abs(float(solution(jnp.array([0.3])))) < 1e-12
    json.dumps(solution.report.as_dict(), allow_nan=False)


# The report.


@pytest.fixture(scope="module")
def solution():
    return solution_of("poisson_1d")


def test_the_report_is_plain_json_and_complete(solution):
    plain = json.loads(json.dumps(solution.report.as_dict(), allow_nan=False))
    names = [
        "problem",
        "method",
        "dim",
        "unknowns",
        "points",
        "relative_l2",
        "max_error",
        "estimate",
        "residual_fresh",
        "condition_violation",
        "tol",
        "reached",
        "compile_s",
        "run_s",
        "wall_s",
        "peak_memory_mib",
        "precision",
        "device",
        "seed",
        "versions",
        "preflight",
    ]
    assert set(names) <= set(plain)
    assert plain["preflight"]["ok"] is True
    assert plain["seed"] == 0
    assert plain["precision"] == 64
    assert plain["tol"] == 1e-6
    assert plain["dim"] == 1
    assert {"pinn", "jax", "jaxlib"} <= set(plain["versions"])


def test_the_figures_are_consistent(solution):
    report = solution.report
    assert 0 <= report.compile_s <= report.wall_s
    assert report.run_s == pytest.approx(report.wall_s - report.compile_s)
    assert report.residual_fresh < 1e-6
    assert report.condition_violation < 1e-6
    x = ROD.sample(2000, key=jr.key(9))
    error = jax.vmap(solution)(x) - jax.vmap(problem_of("poisson_1d").exact)(x)
    assert np.abs(error).max() < 3 * report.max_error + 1e-14
    assert solution.history[-1]["estimate"] >= 0


def test_the_report_prints_what_a_reader_looks_for(solution):
    text = str(solution.report)
    for word in ("estimated error", "error against exact", "compiling", "64-bit"):
        assert word in text
    assert str(Result.reached) in text
    assert all(str(result).endswith(".") for result in Result)


def test_a_solution_is_a_field(solution):
    x = ROD.sample(5, key=KEY)
    one = jnp.stack([solution(point) for point in x])
    np.testing.assert_allclose(jax.vmap(solution)(x), one, rtol=1e-9)
    second = jax.vmap(laplacian(solution))(x)
    exact = jax.vmap(laplacian(problem_of("poisson_1d").exact))(x)
    np.testing.assert_allclose(second, exact, rtol=1e-6, atol=1e-6)
    compiled = eqx.filter_jit(lambda s, x: jax.vmap(s)(x))(solution, x)
    np.testing.assert_allclose(compiled, one, rtol=1e-9)


def test_error_against_a_table(solution):
    x = np.linspace(-1, 1, 40)[:, None]
    values = np.asarray(jax.vmap(problem_of("poisson_1d").exact)(jnp.asarray(x)))
    assert solution.error((x, values)) < 1e-6
    assert solution.error((x, 2 * values)) == pytest.approx(0.5, rel=1e-6)
    with refused("`reference` has values of shape"):
        solution.error((x, values[:, None]))
    with refused(r"`reference` takes points of shape \(n, 1\)"):
        solution.error((x[:, 0], values))
    with refused("`reference` takes a field, or a pair"):
        solution.error(3.0)


def test_error_against_a_table_in_time():
    solution = solution_of("wave")
    t, x = np.linspace(0, 0.7, 20), np.linspace(0, 1, 20)[:, None]
    exact = jax.vmap(problem_of("wave").exact)(jnp.asarray(t), jnp.asarray(x))
    assert solution.error((np.column_stack([t, x]), np.asarray(exact))) < 1e-5


# The same again.


@pytest.mark.slow
def test_the_same_key_gives_the_same_solution(solution):
    again = solve(tol=1e-6)
    assert eqx.tree_equal(again.field, solution.field)
    assert again.report.estimate == solution.report.estimate
    assert [r["fresh"] for r in again.history] == [r["fresh"] for r in solution.history]
    other = solve(tol=1e-6, key=jr.key(4))
    assert not eqx.tree_equal(other.field, solution.field)


def test_old_keys_serve_as_well(solution):
    old = solve(tol=1e-6, key=jr.PRNGKey(0))
    assert eqx.tree_equal(old.field, solution.field)
    assert old.report.seed == 0


def test_numbers_of_points_and_weights_are_obeyed():
    # So few features that rounding is not what is compared.
    few = LeastSquares(
        features=10, largest=10, scale=3.0, activation=pinn.activations.tanh
    )
    options = {"method": few}
    seen = []
    solve(points={"equation": 123}, callbacks=[seen.append], **options)
    assert all(123 <= r["rows"] < 150 for r in seen if "rows" in r)
    heavy = solve(weighting={"dirichlet": 1e6}, **options)
    plain = solve(**options)
    assert heavy.report.condition_violation < 0.1 * plain.report.condition_violation


# Callbacks observe; interrupts keep the best.


def stop_at(n, error, only=lambda record: True):
    count = [0]

    def callback(record):
        count[0] += bool(only(record))
        if count[0] >= n and only(record):
            raise error

    return callback


def test_callbacks_observe_and_change_nothing(solution):
    records = []
    watched = solve(tol=1e-6, callbacks=[records.append, lambda r: None])
    assert eqx.tree_equal(watched.field, solution.field)
    notes = [r["note"] for r in records if "note" in r]
    assert notes == [r["note"] for r in watched.history]
    assert records[0]["preflight"].ok
    assert all("loss" in r for r in records[1:] if "note" not in r)
    seconds = [r["seconds"] for r in records[1:]]
    assert seconds == sorted(seconds)


SEGMENT = lambda record: "note" in record
STEP = lambda record: "loss" in record


@pytest.mark.parametrize("only", [STEP, SEGMENT], ids=["step", "segment"])
@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize(
    ("error", "result"),
    [
        (StopIteration, Result.budget),
        (KeyboardInterrupt, Result.interrupted),
    ],
)
def test_a_stop_in_a_callback_ends_with_the_best(n, only, error, result):
    ended = solve(tol=1e-12, callbacks=[stop_at(n, error, only)])
    assert ended.result is result
    assert len(ended.history) <= n
    assert math.isfinite(ended(jnp.array([0.3])))
    if ended.report.estimate is not None and ended.report.reached:
        assert ended.report.relative_l2 < 3e-12


@pytest.mark.parametrize(
    ("error", "result"),
    [(StopIteration, Result.budget), (KeyboardInterrupt, Result.interrupted)],
)
def test_training_that_is_stopped_keeps_the_best(error, result):
    method = FirstOrder(optax.sgd(1e-4), steps=10**6, points=20, width=6, depth=1)
    ended = solve(method=method, callbacks=[stop_at(4, error, STEP)])
    assert ended.result is result
    assert math.isfinite(ended.report.relative_l2)


def test_interrupted_says_so():
    ended = solve(callbacks=[stop_at(2, KeyboardInterrupt)])
    assert "Interrupted" in str(ended.report)


def test_any_other_error_of_a_callback_is_the_callers():
    with pytest.raises(ZeroDivisionError):
        solve(callbacks=[stop_at(2, ZeroDivisionError)])


def test_a_budget_of_time_ends_with_the_best():
    ended = solve(tol=1e-12, budget_s=1e-3)
    assert ended.result is Result.budget
    assert len(ended.history) == 1
    method = FirstOrder(optax.sgd(1e-4), steps=10**9, points=20, width=6, depth=1)
    ended = solve(method=method, budget_s=2.0)
    assert ended.result is Result.budget
    assert ended.report.wall_s < 20


def test_progress_goes_to_standard_error_only(capfd):
    solve(tol=1e-3, progress=True)
    captured = capfd.readouterr()
    assert captured.out == ""
    solve(tol=1e-3, progress=False)
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


# Refused, before anything is trained.


def test_a_preflight_error_stops_and_can_be_overridden():
    net = pinn.MLP(1, "scalar", 8, 1, pinn.activations.relu, key=KEY)
    seen = []
    with pytest.raises(PreflightError) as caught:
        solve(None, net, callbacks=[seen.append])
    assert seen == []
    assert caught.value.report.errors
    ids = {f.id for f in caught.value.report.errors}
    assert "vanishing-derivative" in ids
    solution = solve(None, net, allow=ids)
    assert solution.report.preflight.ok
    assert solution.report.relative_l2 > 0.1  # as the pre-flight said


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((3.0,), {}, "`problem` takes a `pinn.Problem`; got 3.0"),
        ((), {"method": "adam"}, r"`method`.*LeastSquares\(\).*'adam'"),
        ((), {"method": LeastSquares}, r"`method`.*`pinn.LeastSquares\(...\)`.*class"),
        ((), {"method": optax.adam(1.0)}, "`method` takes a method"),
        ((), {"tol": 0.0}, "`tol` takes a number between 0 and 1; got 0.0"),
        ((), {"tol": 2}, "`tol`.*2"),
        ((), {"tol": -1e-3}, "`tol`"),
        ((), {"tol": float("nan")}, "`tol`.*nan"),
        ((), {"tol": "small"}, "`tol`.*'small'"),
        ((), {"tol": 1e-16}, "`tol`=1e-16 is below.*at least 1e-14 can be reached"),
        ((), {"key": 0}, r"`key` takes a random key, `jax.random.key\(0\)`; got 0"),
        ((), {"key": None}, "`key` takes a random key"),
        ((), {"key": jnp.zeros(3)}, "`key` takes a random key"),
        ((), {"key": jr.split(KEY)}, "`key` takes a random key"),
        ((), {"budget_s": 0}, "`budget_s` takes a positive number; got 0"),
        ((), {"budget_s": -1.0}, "`budget_s`"),
        ((), {"budget_s": "1 s"}, "`budget_s`.*'1 s'"),
        ((), {"allow": "dead-residual"}, "`allow` takes a list of names"),
        ((), {"allow": ["dead"]}, "`allow` names the unknown finding 'dead'"),
        ((), {"allow": 3}, "`allow` takes a list"),
        ((), {"callbacks": [3]}, "`callbacks` takes functions of a record; got 3"),
        ((), {"callbacks": print}, "`callbacks`"),
        ((), {"points": "many"}, "`points` takes a number"),
        ((), {"points": {"rim": 3}}, "`points` names the term 'rim'"),
        ((), {"weighting": {"rim": 3}}, "`weighting` names the term 'rim'"),
        ((), {"field": 3.0}, "`field` takes a network"),
        (
            (),
            {"field": pinn.MLP(2, "scalar", 4, 1, key=KEY)},
            r"`field`.*takes 2 numbers.*got 1",
        ),
        (
            (),
            {"field": pinn.MLP(1, 2, 4, 1, key=KEY)},
            "`value` of `Dirichlet` has shape|field.*shape",
        ),
    ],
)
def test_wrong_arguments_are_refused_by_name(arguments, options, message):
    with refused(message) as caught:
        solve(*arguments, **options)
    first = str(caught.value).splitlines()[0]
    assert "`" in first


def test_a_wrong_residual_is_refused():
    bad = Problem(SQUARE, lambda u, x: pinn.hessian(u)(x), [])
    with refused(r"`residual` of the problem returns shape \(2, 2\)"):
        solve(bad)
    nothing = Problem(SQUARE, lambda u, x: None, [])
    with refused("returns nothing"):
        solve(nothing)
    shape = Problem(
        ROD,
        lambda u, x: laplacian(u)(x),
        [Dirichlet(ROD.boundary, lambda x: x)],
        exact=lambda x: x[0],
    )
    with refused(r"`value` of `Dirichlet` has shape \(1,\)"):
        solve(shape)


def test_a_residual_that_is_nan_is_stopped_with_its_point():
    singular = Problem(
        ROD,
        lambda u, x: laplacian(u)(x) - jnp.log(x[0]),
        [Dirichlet(ROD.boundary, 0.0)],
    )
    with pytest.raises(PreflightError, match=r"NaN or infinite .* x = \[-"):
        solve(singular)


# In 32 bit, which needs a process of its own.

PROGRAM = """
    import jax, jax.numpy as jnp, optax, pinn

    rod = pinn.Interval(0.0, 1.0)
    problem = pinn.Problem(
        rod,
        lambda u, x: -pinn.laplacian(u)(x) - jnp.pi**2 * jnp.sin(jnp.pi * x[0]),
        [pinn.Dirichlet(rod.boundary, 0.0)],
        exact=lambda x: jnp.sin(jnp.pi * x[0]),
    )
    try:
        pinn.solve(problem, tol=1e-9, key=jax.random.key(0))
    except ValueError as error:
        assert "`tol`=1e-09" in str(error), error
        assert 'jax.config.update("jax_enable_x64", True)' in str(error), error
    else:
        raise SystemExit("a tolerance of 1e-9 was accepted in 32 bit")
    solution = pinn.solve(problem, tol=1e-3, key=jax.random.key(0))
    assert solution.result is pinn.Result.reached, solution.result
    assert solution.report.relative_l2 < 3e-3, solution.report.relative_l2
    assert solution.report.precision == 32
    assert solution(jnp.array([0.5])).dtype == jnp.float32
    method = pinn.FirstOrder(optax.adam(1e-2), steps=200, points=50, width=8, depth=1)
    trained = pinn.solve(problem, method=method, key=jax.random.key(0))
    assert trained(jnp.array([0.5])).dtype == jnp.float32
    assert trained.report.relative_l2 < 1, trained.report.relative_l2
    assert not jax.config.jax_enable_x64
    print("done")
"""


@pytest.mark.slow
def test_32_bit():
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(PROGRAM)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout.strip() == "done"


@pytest.mark.slow
def test_a_problem_that_lacks_its_start_is_never_reported_as_solved():
    rod = pinn.Interval(0.0, 1.0)
    residual = lambda u, t, x: pinn.dt(u)(t, x) - pinn.laplacian(u)(t, x)
    problem = pinn.Problem(
        rod, residual, [pinn.Dirichlet(rod.boundary, 0.0)], time=(0.0, 1.0)
    )
    report = pinn.solve(problem, tol=1e-6, key=jax.random.key(0)).report
    assert report.reached is False
    assert "lacks a condition" in report.result
