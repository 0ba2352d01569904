"""Fields for what a frozen one lacks: nothing frozen moves, and digits are gained."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import problem_of, refused, residuals_of
from numpy.testing import assert_allclose
from test_checkpoint import assert_same_bits

import pinn
from pinn import LeastSquares, LevenbergMarquardt, Sequence, Stages
from pinn._estimate import lack
from pinn._feature_rows import AutodiffRows, FeatureRows
from pinn._method import Evidence, Lack
from pinn._method._parameters import parameters, with_parameters
from pinn._networks_written import describe, rebuilt
from pinn._points import FRESH, PointSource

PROBLEM = problem_of("poisson_1d")
TRAINED = LevenbergMarquardt(width=6, depth=1, steps=20, points=40)
FEATURES = LeastSquares(features=60, largest=60, scale=12.0)
STAGES = Stages([TRAINED, FEATURES])
EXACT = PROBLEM.exact


def network(width=6, key=1):
    return pinn.MLP(1, "scalar", width, 1, bounds=PROBLEM.bounds, key=jr.key(key))


def arrays_of(tree):
    return jax.tree.leaves(eqx.filter(tree, eqx.is_array))


@pytest.fixture(scope="module")
def solution():
    return pinn.solve(PROBLEM, method=STAGES, tol=1e-13, key=jr.key(0))


def test_a_second_stage_gains_digits(solution):
    x = PROBLEM.domain.sample(200, key=jr.key(1))
    error = lambda u: float(jnp.max(jnp.abs(jax.vmap(u)(x) - jax.vmap(EXACT)(x))))
    first, second = error(solution.field.base), error(solution.field)
    assert 10 * second < first, f"{first:.1e}, then {second:.1e}"
    trained = parameters(solution.field.base.field).size
    assert solution.report.unknowns == trained + 61


@pytest.mark.slow
def test_the_first_stage_is_that_of_the_method_alone_bit_for_bit(solution):
    alone = pinn.solve(PROBLEM, method=TRAINED, tol=1e-13, key=jr.key(0))
    for x, y in zip(
        arrays_of(solution.field.base), arrays_of(alone.field), strict=True
    ):
        np.testing.assert_array_equal(x, y)


def test_the_history_says_which_stage(solution):
    notes = [record["note"] for record in solution.history]
    assert notes[0] == "start"
    assert notes[-1].startswith("stage 2, least-squares for ")
    assert solution.report.method == "levenberg-marquardt, least-squares"


def test_a_file_says_what_it_is_made_of(solution):
    written = json.loads(json.dumps(describe(solution.field)))
    again = rebuilt(written, PROBLEM, ())
    assert jax.tree.structure(again) == jax.tree.structure(solution.field)


def test_only_the_correction_is_trained():
    u = pinn.Corrected(network(), network(4, key=2), 1e-3)
    theta = parameters(u)
    assert theta.size == parameters(u.correction).size
    moved = with_parameters(u, theta + 1.0)
    np.testing.assert_array_equal(parameters(moved), theta + 1.0)
    for x, y in zip(arrays_of(u.base), arrays_of(moved.base), strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("size", [1.0, 1e-3])
def test_the_sum_is_the_sum_with_all_its_derivatives(size):
    v, w, x = network(), network(key=2), jnp.array([0.3])
    u = pinn.Corrected(v, w, size)
    whole = lambda x: v(x) + size * w(x)
    for operator in (lambda u: u, pinn.laplacian, pinn.biharmonic):
        assert_allclose(operator(u)(x), operator(whole)(x), rtol=1e-12)


def rows_setting(n=30):
    source = PointSource(PROBLEM, None, key=jr.key(0))
    return residuals_of(PROBLEM), source.draw(source.counts(n))


def test_rows_in_the_readout_of_a_correction_are_those_of_the_field():
    """Also of one without blocks that corrects another."""
    residuals, points = rows_setting()
    once = pinn.Corrected(network(key=2), network())
    u = pinn.Corrected(network(key=3), once)
    fast, plain = FeatureRows(residuals, u, points), AutodiffRows(residuals, u, points)
    for a, b in zip(
        fast.linearise(fast.start()), plain.linearise(plain.start()), strict=True
    ):
        assert_allclose(a, b, atol=1e-12)


def test_an_exact_field_needs_no_correction():
    features = FEATURES.default_field(PROBLEM, (), key=jr.key(0))
    residuals, points = rows_setting(120)
    field = pinn.Corrected(EXACT, features)
    state = FEATURES.init(residuals, field, points, key=jr.key(0))
    state, _ = FEATURES.step(residuals, points, state)
    x = points["equation"].arguments[0]
    assert jnp.max(jnp.abs(jax.vmap(FEATURES.field(state).correction)(x))) < 1e-13


@pytest.mark.parametrize("waves", [1.0, 12.0])
def test_what_a_field_lacks_is_told_in_size_and_scale(waves):
    """Of 1e-3 sin(k pi x), whose weight is k pi; other waves fit it too."""
    missing = lambda x: 1e-3 * jnp.sin(waves * jnp.pi * x[0])
    field = lambda x: EXACT(x) + missing(x)
    source = PointSource(PROBLEM, None, key=jr.key(0))
    judge = source.draw(source.counts(400), FRESH)
    found = lack(residuals_of(PROBLEM), field, source, judge, jr.key(1))
    assert_allclose(found.size, 1e-3 / np.sqrt(2), rtol=1e-2)
    assert 1 / 5 < found.scale / (waves * np.pi) < 2


def stopped_in_the_second_stage(record):
    if record.get("note", "").startswith("stage 2"):
        raise StopIteration


def assert_goes_on(whole, folder, *given):
    options = {"tol": 1e-13, "key": jr.key(0), "checkpoint": folder}
    stop = [stopped_in_the_second_stage]
    part = pinn.solve(*given, **options, callbacks=stop)
    assert part.result is pinn.Result.budget
    assert_same_bits(pinn.resume(folder, *given), whole)


def test_a_solve_stopped_in_a_later_stage_goes_on_bit_for_bit(solution, tmp_path):
    assert_goes_on(solution, tmp_path / "run", PROBLEM, None, STAGES)


@pytest.mark.slow
@pytest.mark.parametrize("field", [None, network()])
def test_so_does_one_whose_stages_draw_anew(field, tmp_path):
    """Least squares first, where the field is its own, and then in any case."""
    first = TRAINED if field is not None else LeastSquares(features=8, largest=12)
    method = Stages([first, TRAINED, LeastSquares(features=20, largest=30)])
    whole = pinn.solve(PROBLEM, field, method, tol=1e-13, key=jr.key(0))
    assert_goes_on(whole, tmp_path / "run", PROBLEM, field, method)


WINDOW = pinn.Field(lambda x: 1 - x[0] ** 2)


def form(network):
    return WINDOW * network


def test_a_stage_starts_from_the_field_with_the_size_scale_and_form_of_what_it_lacks():
    field = form(network())
    method = Stages(
        [LevenbergMarquardt(steps=1), LevenbergMarquardt(width=60, depth=1)], form
    )
    stage = method.plan_of_given(PROBLEM, (), None)
    found = Lack(error=1e-3, size=1e-4, scale=7.0)
    origin = method.remember(stage)
    evidence = Evidence(1e-2, np.nan, 1e-9, lack=lambda: found, origin=origin)
    stage, refinement = method.refine(stage, field, evidence, key=jr.key(0))
    assert refinement is not None
    assert refinement.field.size == found.size
    x = PROBLEM.domain.sample(10, key=jr.key(1))
    values = jax.vmap(refinement.field)(x)
    np.testing.assert_array_equal(values, jax.vmap(field)(x))
    theta = parameters(refinement.field)
    moved = with_parameters(refinement.field, theta + 1.0)
    for end in (-1.0, 1.0):
        assert moved(jnp.array([end])) == field(jnp.array([end])) == 0
    layers = [a for a in arrays_of(refinement.field.correction) if a.shape == (60, 1)]
    assert_allclose(np.sqrt(np.mean(layers[0] ** 2)), found.scale, rtol=0.2)
    assert method.recall(PROBLEM, (), None, method.remember(stage)) == stage


@pytest.mark.slow
def test_a_field_that_satisfies_its_conditions_still_does_after_two_stages():
    ends = [EXACT(jnp.array([end])) for end in (-1.0, 1.0)]
    start = pinn.Field(lambda x: (1 - x[0]) / 2 * ends[0] + (1 + x[0]) / 2 * ends[1])
    method = Stages([TRAINED, TRAINED], form)
    field = start + form(network())
    solution = pinn.solve(PROBLEM, field, method, tol=1e-13, key=jr.key(0))
    assert isinstance(solution.field, pinn.Corrected)
    for end, value in zip((-1.0, 1.0), ends, strict=True):
        assert solution.field(jnp.array([end])) == value


@pytest.mark.parametrize(
    ("error", "estimate"),
    [(1e-10, np.nan), (1e-3, 1e-10), (np.nan, np.nan)],
    ids=["by what it lacks", "by its estimate", "unknown"],
)
def test_no_stage_follows_where_nothing_is_lacking(error, estimate):
    method = Stages([LevenbergMarquardt(steps=1), FEATURES])
    stage = method.plan_of_given(PROBLEM, (), None)
    evidence = Evidence(
        1e-2,
        estimate,
        1e-9,
        lack=lambda: Lack(error, error, 7.0),
        origin=method.remember(stage),
    )
    _, refinement = method.refine(stage, network(), evidence, key=jr.key(0))
    assert refinement is None


@pytest.mark.parametrize(
    ("methods", "form", "message"),
    [
        ([], None, "`methods` takes at least one"),
        ([pinn.Evolve()], None, "`methods` of `Stages`.*`Evolve` marches"),
        ([Stages([TRAINED])], None, "`methods` holds a `Stages`"),
        ([TRAINED], 2.0, "`form` takes a function of a network"),
    ],
)
def test_errors_name_the_argument(methods, form, message):
    with refused(message):
        Stages(methods, form)


def test_stages_inside_others_are_refused():
    with refused("`methods` holds a `Stages`.*as its first method"):
        Sequence([TRAINED, Stages([TRAINED])])
    with refused("`method` takes a method for space and time"):
        pinn.TimeWindows(Stages([TRAINED]))


@pytest.mark.parametrize(
    ("method", "form", "message"),
    [
        (TRAINED, lambda u: 2.0, "`form` has to make a field"),
        (TRAINED, lambda u: lambda x: u(x) * x, "`form` has to make a field.*(1,)"),
        (FEATURES, lambda u: 2.0 * pinn.Field(u), "`field` has no node `readout`"),
    ],
)
def test_a_form_that_does_not_suit_is_refused_before_anything_runs(
    method, form, message
):
    with refused(message):
        pinn.solve(PROBLEM, method=Stages([TRAINED, method], form), key=jr.key(0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.0, network()), "`base` of `Corrected`"),
        ((network(), 1.0), "`correction` of `Corrected`"),
        ((network(), network(), 0.0), "`size` of `Corrected`"),
    ],
)
def test_a_sum_of_what_is_no_field_is_refused(arguments, message):
    with refused(message):
        pinn.Corrected(*arguments)
    with refused("`field` of `Frozen`"):
        pinn.Frozen(1.0)
