"""Conditions of every kind in every method, against closed forms."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import pinn
from pinn import Dirichlet, Initial, Neumann, Periodic, Problem, Robin, dt, dtt
from pinn.reference import method_of_lines

KEY = jr.key(0)
ROD = pinn.Interval(0.0, 1.0)


def heat(u, t, x):
    return dt(u)(t, x) - pinn.laplacian(u)(t, x)


def cooled():
    """A rod insulated at one end, that gives off heat at the other: u_n + h u = 0."""
    exact = lambda t, x: jnp.exp(-t) * jnp.cos(x[0])
    conditions = [
        Neumann(ROD.faces["left"], 0.0),
        Robin(ROD.faces["right"], float(np.tan(1.0)), 1.0, 0.0),
        Initial(lambda x: exact(0.0, x)),
    ]
    return Problem(ROD, heat, conditions, time=(0.0, 1.0), exact=exact)


def string():
    """A string that starts from rest in its shape, by its rate alone."""
    exact = lambda t, x: jnp.sin(jnp.pi * t) * jnp.sin(jnp.pi * x[0]) / jnp.pi
    conditions = [
        Dirichlet(ROD.boundary, 0.0),
        Initial(0.0, rate=lambda x: jnp.sin(jnp.pi * x[0])),
    ]
    residual = lambda u, t, x: dtt(u)(t, x) - pinn.laplacian(u)(t, x)
    return Problem(ROD, residual, conditions, time=(0.0, 1.0), exact=exact)


def ring():
    """Diffusion around a ring."""
    exact = lambda t, x: jnp.exp(-0.04 * jnp.pi**2 * t) * jnp.sin(2 * jnp.pi * x[0])
    residual = lambda u, t, x: dt(u)(t, x) - 0.01 * pinn.laplacian(u)(t, x)
    conditions = [Periodic(ROD), Initial(lambda x: exact(0.0, x))]
    return Problem(ROD, residual, conditions, time=(0.0, 1.0), exact=exact)


SLOW = pytest.mark.slow


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "method"),
    [
        pytest.param(cooled, pinn.Evolve(), marks=SLOW),
        pytest.param(cooled, pinn.LeastSquares(), marks=SLOW),
        (string, pinn.LeastSquares()),
        pytest.param(string, pinn.Evolve(), marks=SLOW),
        pytest.param(ring, pinn.LeastSquares(), marks=SLOW),
    ],
)
def test_frozen_features_reach_their_tolerance(make, method):
    report = pinn.solve(make(), method=method, tol=1e-7, key=KEY).report
    assert report.reached
    assert report.relative_l2 < 3e-7


@pytest.mark.slow
@pytest.mark.parametrize("make", [cooled, string, ring])
def test_all_parameters_are_trained_to_four_digits(make):
    problem = make()
    net = pinn.MLP(2, "scalar", 16, 1, bounds=problem.bounds, key=KEY)
    method = pinn.LevenbergMarquardt(steps=150)
    report = pinn.solve(problem, net, method, points=300, key=KEY).report
    assert report.relative_l2 < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("make", [cooled, string, ring])
def test_lines_agree_with_the_closed_form(make):
    problem = make()
    reference = method_of_lines(problem, 24)
    t, x = problem.equation.sample(400, key=KEY).arguments
    found = jax.vmap(reference)(t, x)
    exact = jax.vmap(problem.exact)(t, x)
    assert pinn.metrics.relative_l2(found, exact) < 1e-8


@pytest.mark.slow
def test_a_solve_converges_after_data_that_do_not_agree_in_a_corner():
    # u = Σ 4/(πk) sin(πkx) exp(-π²k²t) over odd k: 1 at the start, 0 at both ends.
    def exact(t, x):
        k = jnp.arange(1.0, 400.0, 2.0) * jnp.pi
        return jnp.sum(4 / k * jnp.sin(k * x[0]) * jnp.exp(-(k**2) * t))

    conditions = [Dirichlet(ROD.boundary, 0.0), Initial(1.0)]
    problem = Problem(ROD, heat, conditions, time=(0.0, 0.2), exact=exact)
    errors = []
    for features in (100, 400):
        method = pinn.LeastSquares(features=features, largest=features, scale=16.0)
        solution = pinn.solve(problem, method=method, key=KEY)
        found = {f.id: f for f in solution.report.preflight.findings}
        assert found["incompatible-corner"].severity == "warning"
        errors.append(solution.report.relative_l2)
    assert errors[1] < 0.2 * errors[0], errors
    assert errors[1] < 0.06, errors
