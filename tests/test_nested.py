"""Growth in blocks: a field that keeps the features and the points of smaller ones."""

import json

import equinox as eqx
import jax.random as jr
import numpy as np
import pytest
from helpers import PROBLEMS, problem_of, shape_of, unbalanced
from numpy.testing import assert_allclose, assert_array_equal

import pinn
from pinn import LeastSquares
from pinn._feature_rows import FeatureRows
from pinn._method import Block
from pinn._method._regularised import RegularisedQR
from pinn._points import PointSource

SIZES = (20, 27, 40)
# A scalar, a vector, an evolution.
NAMES = ("poisson_2d", "elasticity", "heat")


def field_of(problem, m):
    """The first m of forty features, the same for every m."""
    shape = shape_of(problem)
    size = "scalar" if shape == () else shape[0]
    network = pinn.RandomFeatures(
        problem.in_size, size, SIZES[-1], bounds=problem.bounds, key=jr.key(3)
    )
    return network.block(0, m)


def blocks_of(problem, field):
    """Fewer and fewer points, of numbers that do not go together."""
    source = PointSource(problem, None, key=jr.key(5))
    result = []
    for stream, size in enumerate(SIZES):
        n, conditions = [(70, 23), (31, 9), (17, 11)][stream]
        counts = {term.name: conditions for term in problem.terms} | {"equation": n}
        points = source.draw(counts, stream + 1)
        result.append(Block(field.readout.bias.size * (size + 1), points))
    return result


@pytest.mark.parametrize("name", NAMES)
def test_blocks_count_by_their_share_of_the_points(name):
    """The matrix is that of each block alone, times the root of its share."""
    problem = problem_of(name)
    residuals, field = unbalanced(problem), field_of(problem, SIZES[-1])
    blocks = blocks_of(problem, field)
    state = LeastSquares().enlarge(residuals, field, blocks, None, key=jr.key(0))
    c = np.random.default_rng(0).standard_normal(state.at.count)
    rows, matrices = [], []
    for block in blocks:
        alone = FeatureRows(residuals, field, block.points)
        share = np.sqrt(len(block.points["equation"].arguments[-1]) / 118)
        r, matrix = alone.linearise(c)
        rows.append(share * r)
        matrices.append(share * matrix)
    matrix = np.concatenate(matrices)
    assert_allclose(state.matrix, matrix, rtol=1e-9, atol=1e-11 * np.abs(matrix).max())
    assert_allclose(state.at.rows(c), np.concatenate(rows), rtol=1e-9, atol=1e-9)
    # And its factorisation solves what one of the whole does.
    cutoff = 1e-6
    right = np.random.default_rng(1).standard_normal(len(matrix))
    enlarged = LeastSquares(cutoff=cutoff).enlarge(
        residuals, field, blocks, None, key=jr.key(0)
    )
    fresh = RegularisedQR(matrix, cutoff)
    for expected, found in (
        (fresh.solve(right), enlarged.at.solve(right)),
        (fresh.solve_normal(c), enlarged.at.solve_normal(c)),
    ):
        assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("name", NAMES)
def test_the_state_does_not_depend_on_what_is_kept(name):
    """Built on the smaller field's, or from its features and points: the same bits."""
    problem = problem_of(name)
    residuals, field = unbalanced(problem), field_of(problem, SIZES[-1])
    blocks, method, kept = blocks_of(problem, field), LeastSquares(), None
    judge = blocks[0].points
    for i, m in enumerate(SIZES):
        part = field_of(problem, m)
        state = method.enlarge(residuals, part, blocks[: i + 1], kept, key=jr.key(0))
        state, _ = method.step(residuals, {}, state)
        kept, found = method.foundation(state), method.field(state)
        judged = kept.judge(found, judge)
    anew = method.enlarge(residuals, field, blocks, None, key=jr.key(0))
    anew, _ = method.step(residuals, {}, anew)
    assert_array_equal(state.c, anew.c)
    assert_array_equal(state.matrix, anew.matrix)
    assert state.stability == anew.stability
    for a, b in zip(judged, method.judge(residuals, found, judge), strict=True):
        assert_array_equal(a, b)


class Stop:
    """Ends a solve after the first record with a note that holds some text."""

    def __init__(self, text):
        self.text = text

    def __call__(self, record):
        if self.text in record.get("note", ""):
            raise StopIteration


def test_a_stopped_solve_goes_on_bit_for_bit(tmp_path):
    problem, folder = problem_of("poisson_2d"), tmp_path / "run"
    method = LeastSquares(features=60, largest=100, scale=3.0, nested=True)
    options = {"method": method, "tol": 1e-12}
    whole = pinn.solve(problem, key=jr.key(1), **options)
    assert [r["note"].rpartition("block of ")[2] for r in whole.history[1:]] == [
        "15",
        "19",
        "6",
    ]
    stop = [Stop("75 waves")]
    part = pinn.solve(
        problem, key=jr.key(1), **options, checkpoint=folder, callbacks=stop
    )
    assert part.result is pinn.Result.budget
    again = pinn.resume(folder, problem, method=method)
    assert again.report.points == whole.report.points
    assert eqx.tree_equal(again.field, whole.field)
    bare = lambda h: [{k: v for k, v in r.items() if k != "seconds"} for r in h]
    assert json.dumps(bare(again.history)) == json.dumps(bare(whole.history))
    assert whole.report.estimate > whole.report.relative_l2 / 3
    # The first features are those of the smaller fields.
    assert_array_equal(whole.field.weight[:75], part.field.weight[:75])


@pytest.mark.slow
@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("tol", [1e-3, 1e-6, 1e-9])
def test_reached_implies_three_times_the_tolerance(name, tol):
    """From forty features, of a scale that is not searched, so blocks are needed."""
    method = LeastSquares(
        features=40, scale=4.0, activation=pinn.activations.sin, nested=True
    )
    solution = pinn.solve(problem_of(name), method=method, tol=tol, key=jr.key(0))
    if solution.report.reached:
        assert solution.report.relative_l2 <= 3 * tol
    assert solution.report.estimate > solution.report.relative_l2 / 3
