"""Events: the times at which a quantity of a solution passes zero."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

import pinn
from pinn._crossings import crossings

CENTRE = jnp.array([0.5])


def decaying(t, x):
    return jnp.exp(-(jnp.pi**2) * t) * jnp.sin(jnp.pi * x[0])


def test_a_decay_passes_half_when_it_must():
    half = lambda t, u: u(CENTRE) - 0.5
    found = crossings(half, decaying, (0.0, 0.5), 50)
    np.testing.assert_allclose(found, [np.log(2) / np.pi**2], rtol=1e-13)


def test_all_zeros_are_found_in_order_also_where_the_grid_meets_them():
    swing = lambda t, x: jnp.cos(jnp.pi * t) * x[0]
    found = crossings(lambda t, u: u(CENTRE), swing, (0.0, 4.0), 9)
    np.testing.assert_allclose(found, [0.5, 1.5, 2.5, 3.5], atol=1e-13)
    assert crossings(lambda t, u: u(CENTRE) + 2, swing, (0.0, 4.0), 9).size == 0


def test_an_integral_may_be_the_quantity():
    x = jnp.linspace(0.0, 1.0, 201)[:, None]
    mean = lambda t, u: jnp.mean(jnp.array([u(p) for p in x[::20]])) - 0.1
    (found,) = crossings(mean, decaying, (0.0, 0.5), 20)
    table = [np.sin(np.pi * float(p[0])) for p in x[::20]]
    expected = np.log(np.mean(table) / 0.1) / np.pi**2
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match=r"`function` takes \(t, u\) to one number"):
        crossings(lambda t, u: jnp.ones(2), decaying, (0.0, 1.0), 5)
    still = SimpleNamespace(problem=pinn.problems.poisson())
    with pytest.raises(ValueError, match="`crossings` are times"):
        pinn.Solution.crossings(still, lambda t, u: u(CENTRE))
    moving = SimpleNamespace(problem=pinn.problems.heat())
    with pytest.raises(ValueError, match="`n` takes an integer of at least 2"):
        pinn.Solution.crossings(moving, lambda t, u: u(CENTRE), n=1)
