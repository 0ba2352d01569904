"""Activations with numbers of their own are trained by the methods that move all."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import pinn

ADAPTIVE = {
    "global slope": lambda a: a.AdaptiveSlope(n=2.0),
    "slope per layer": lambda a: [a.AdaptiveSlope(), a.AdaptiveSlope()],
    "slope per neuron": lambda a: [a.AdaptiveSlope(size=4), a.AdaptiveSlope(size=4)],
    "rowdy": lambda a: a.Rowdy(),
    "blend": lambda a: a.ABU(),
    "staf": lambda a: a.STAF(),
    "rational": lambda a: a.Rational(),
    "spline": lambda a: a.BSpline(),
    "mixture": lambda a: a.Mixture(),
}
METHODS = {
    "adam": lambda: pinn.FirstOrder(optax.adam(1e-2), steps=50, points=64, resample=0),
    "levenberg-marquardt": lambda: pinn.LevenbergMarquardt(steps=10, points=64),
}


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ADAPTIVE)
def test_an_adaptive_activation_learns_with_the_weights(name, method):
    """Each layer its own numbers; and the fit is better than it was."""
    exact = lambda x: jnp.sin(6 * x[0])
    rod = pinn.Interval(0.0, 1.0)
    problem = pinn.Problem(rod, lambda u, x: u(x) - exact(x), [], exact=exact)
    key, activation = jax.random.key(1), ADAPTIVE[name](pinn.activations)
    u = pinn.MLP(1, "scalar", 4, 2, activation, bounds=problem.bounds, key=key)
    with jax.numpy_dtype_promotion("standard"):
        solution = pinn.solve(problem, u, METHODS[method](), key=key)
    before, after = (
        jax.tree.leaves(eqx.filter(v.activation, eqx.is_inexact_array))
        for v in (u, solution.field)
    )
    assert all(np.any(a != b) for a, b in zip(before, after, strict=True))
    x = jnp.linspace(0, 1, 101)[:, None]
    error = lambda v: pinn.metrics.relative_l2(jax.vmap(v)(x), jax.vmap(exact)(x))
    assert error(solution.field) < 0.9 * error(u)
