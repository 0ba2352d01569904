"""Marches that were stopped go on to the same bits."""

import equinox as eqx
import jax
import jax.random as jr
import numpy as np
import pytest

import pinn


def front():
    """A front that features are placed at, again and again."""
    problem = pinn.problems.burgers(viscosity=0.03)
    method = pinn.Evolve(features=60, largest=90, placing=True, tolerance=1e-5)
    return problem, method, 1e-12


def chaos():
    """Waves on a periodic box."""
    problem = pinn.problems.kuramoto_sivashinsky()
    short = pinn.Problem(
        problem.domain, problem.residual, problem.conditions, time=(0.0, 0.05)
    )
    return short, pinn.Evolve(), 1e-8


class Stop:
    """Ends a solve in a segment, while its time runs, or when it has ended."""

    def __init__(self, segment, during):
        self.segment, self.during, self.ended = segment, during, 0

    def __call__(self, record):
        self.ended += "note" in record
        if self.during and self.ended == self.segment and record.get("time", 0) > 0:
            raise StopIteration
        if not self.during and self.ended == self.segment + 1:
            raise StopIteration


@pytest.mark.slow
@pytest.mark.parametrize("segment", [0, 1])
@pytest.mark.parametrize("during", [True, False], ids=["during", "after"])
@pytest.mark.parametrize("case", [front, chaos])
def test_march_is_resumed_to_the_same_bits(case, during, segment, tmp_path, whole):
    problem, method, tol = case()
    part = pinn.solve(
        problem,
        method=method,
        tol=tol,
        key=jr.key(0),
        checkpoint=tmp_path / "run",
        callbacks=[Stop(segment, during)],
    )
    again = pinn.resume(tmp_path / "run", problem, method=method)
    expected = whole(case)
    assert part.result is pinn.Result.budget
    assert again.result is expected.result
    assert again.report.estimate == expected.report.estimate
    fields = (eqx.filter(s.field, eqx.is_array) for s in (again, expected))
    for a, b in zip(*map(jax.tree.leaves, fields), strict=True):
        assert np.array_equal(a, b)


@pytest.fixture(scope="module")
def whole():
    """The same solves without an interruption, each made once."""
    known = {}

    def of(case):
        if case not in known:
            problem, method, tol = case()
            known[case] = pinn.solve(problem, method=method, tol=tol, key=jr.key(0))
        return known[case]

    return of


@pytest.mark.slow
def test_front_takes_features_of_several_windows(whole):
    """Without which the test above would show little."""
    windows = jax.tree.leaves(eqx.filter(whole(front).field.space, eqx.is_array))
    assert len(windows[0]) > 1
