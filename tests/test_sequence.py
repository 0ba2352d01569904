"""Methods one after the other, and the choice where none is named."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
import pytest
from helpers import problem_of, refused

import pinn
from pinn import FirstOrder, LeastSquares, LevenbergMarquardt, Sequence
from pinn._choose import choose, settled
from pinn._equation import Structure

PROBLEM = problem_of("poisson_1d")
SHORT = LevenbergMarquardt(steps=10, resample=5)


def field(width=8):
    return pinn.MLP(1, "scalar", width, 1, bounds=PROBLEM.bounds, key=jr.key(1))


@pytest.mark.slow
def test_each_method_starts_from_the_best_of_those_before():
    adam = FirstOrder(optax.adam(1e-3), steps=5, points=30)
    method = Sequence([LeastSquares(), adam, SHORT])
    solution = pinn.solve(PROBLEM, field(), method, tol=1e-12, key=jr.key(0))
    notes = [record["note"] for record in solution.history]
    assert notes[:3] == ["start", "first-order", "levenberg-marquardt"]
    fresh = [record["fresh"] for record in solution.history]
    assert min(fresh) == fresh[-1] < 0.1 * fresh[0]
    assert solution.report.method == "least-squares, first-order, levenberg-marquardt"
    assert solution.report.unknowns == 25


def test_a_sequence_ends_when_the_tolerance_is_reached():
    method = Sequence([LeastSquares(), SHORT])
    solution = pinn.solve(PROBLEM, None, method, tol=1e-4, key=jr.key(0))
    assert solution.report.reached
    assert "levenberg-marquardt" not in [r["note"] for r in solution.history]


class Smooth(eqx.Module):
    """A network without a linear last layer."""

    weight: jax.Array

    def __call__(self, x):
        return jnp.tanh(jnp.sum(jnp.tanh(self.weight * x[0])))


AFFINE, NONLINEAR = Structure(True, True), Structure(True, False)


@pytest.mark.parametrize(
    ("given", "structure", "expected", "reason"),
    [
        (None, AFFINE, "least-squares", "affine"),
        (None, NONLINEAR, "least-squares", "Gauss-Newton"),
        (field(), AFFINE, "least-squares", "affine"),
        (Smooth(jnp.ones(4)), AFFINE, "levenberg-marquardt", "no linear last"),
        (Smooth(jnp.ones(5000)), AFFINE, "first-order", "5000 numbers"),
    ],
)
def test_the_choice_and_its_reason(given, structure, expected, reason):
    choice = settled(choose(None, given), structure)
    assert choice.method.name == expected
    assert reason in choice.reason


def test_a_method_that_was_asked_for_is_not_replaced():
    choice = settled(choose(LeastSquares(), None), NONLINEAR)
    assert isinstance(choice.method, LeastSquares)


def test_a_field_without_numbers_is_refused():
    with refused("`field` holds no arrays of numbers"):
        pinn.solve(PROBLEM, lambda x: jnp.sin(x[0]), key=jr.key(0))


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ([], "at least one"),
        (LeastSquares(), "takes a list"),
        ([LeastSquares], "such as"),
        (["adam"], "'adam'"),
    ],
)
def test_errors_name_the_argument(methods, message):
    with refused(f"`methods`.*{message}"):
        Sequence(methods)
