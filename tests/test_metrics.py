"""Norms of values: homogeneous, safe from over- and underflow, exact on few numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from pinn.metrics import max_error, relative_l2, root_mean_square

U = jnp.array([3.0, -4.0, 0.0])
V = jnp.array([3.0, -1.0, 4.0])


def test_values_by_hand():
    assert_allclose(root_mean_square(U), np.sqrt(25 / 3))
    assert_allclose(relative_l2(U, V), 5 / np.sqrt(26))
    assert_allclose(max_error(U, V), 4.0)


def test_vectors_count_by_point():
    pairs = jnp.array([[3.0, 4.0], [0.0, 0.0]])
    assert_allclose(root_mean_square(pairs), np.sqrt(25 / 2))
    assert_allclose(relative_l2(2 * pairs, pairs), 1.0)
    assert_allclose(max_error(2 * pairs, pairs), 4.0)


@pytest.mark.parametrize("unit", [1e-300, 1e-6, 1e6, 1e300])
def test_homogeneous_in_every_unit(unit):
    assert_allclose(root_mean_square(unit * U) / unit, root_mean_square(U), rtol=1e-14)
    assert_allclose(relative_l2(unit * U, unit * V), relative_l2(U, V), rtol=1e-14)
    assert_allclose(max_error(unit * U, unit * V) / unit, 4.0, rtol=1e-14)


def test_zero_is_itself_and_no_reference():
    zero = jnp.zeros(3)
    assert root_mean_square(zero) == 0.0
    assert relative_l2(U, U) == 0.0
    assert jnp.isinf(relative_l2(U, zero))
    assert relative_l2(zero, zero) == 0.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_not_hidden(bad):
    values = U.at[1].set(bad)
    assert not jnp.isfinite(root_mean_square(values))
    assert not jnp.isfinite(relative_l2(values, V))
    assert not jnp.isfinite(max_error(values, V))


def test_survives_jit_and_keeps_single_precision():
    u, v = U.astype(jnp.float32), V.astype(jnp.float32)
    for f in (relative_l2, max_error):
        assert jax.jit(f)(u, v).dtype == jnp.float32
    assert_allclose(jax.jit(relative_l2)(u, v), relative_l2(U, V), rtol=1e-6)


def test_gradient_of_the_error():
    slope = jax.grad(lambda s: relative_l2(s * V, V))(jnp.asarray(3.0))
    assert_allclose(slope, 1.0, rtol=1e-12)
