"""Evaluation by NumPy: the same numbers as from a compiled program."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import pinn
from pinn import activations as act
from pinn._host import Hosted, fold_in


def same(function, *arguments, rtol=1e-11):
    found = Hosted(function)(*arguments)
    expected = jax.jit(function)(*arguments)
    jax.tree.map(
        lambda a, b: assert_allclose(a, b, rtol=rtol, atol=1e-12), found, expected
    )
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert isinstance(a, np.ndarray)
        assert a.dtype == b.dtype
        assert a.shape == b.shape


X = jnp.asarray(np.random.default_rng(0).uniform(0.1, 0.9, (6, 4)))
FUNCTIONS = {
    "elementwise": lambda x: [
        f(x)
        for f in (
            *(jnp.sin, jnp.cos, jnp.tan, jnp.tanh, jnp.sinh, jnp.cosh, jnp.exp),
            *(jnp.log, jnp.log1p, jnp.expm1, jnp.sqrt, jnp.cbrt, jnp.arctan),
            *(jnp.arcsin, jnp.arccos, jnp.arcsinh, jnp.arctanh, jnp.floor, jnp.ceil),
            *(jnp.round, jnp.sign, jnp.abs, jnp.square, jax.lax.rsqrt, jnp.exp2),
            *(jax.nn.sigmoid, jax.scipy.special.erf, jax.nn.gelu, jax.lax.erf_inv),
        )
    ],
    "powers": lambda x: [x**2, x**7, x**-3, x**1.5, x**0, 2.0**x],
    "comparisons": lambda x: [
        x > 0.5,
        jnp.where(x > 0.5, x, -x),
        jnp.clip(x, 0.3, 0.6),
        jnp.maximum(x, 0.5),
        jnp.isfinite(x) & (x < 0.5) | ~(x == 0.1),
        jnp.sort(x),
        jnp.argsort(x),
        jnp.argmax(x, axis=0),
    ],
    "integers": lambda x: [
        (10 * x).astype(int) // 3,
        -(10 * x).astype(int) % 3,
        jax.lax.div((-10 * x).astype(int), 3),
        jnp.arange(4)[None] + (10 * x).astype(int),
    ],
    "places": lambda x: [
        x[0],
        x[:, 1],
        x[::2, ::-1],
        x[jnp.array([1, 3, 1])],
        x[jnp.array([1, 2]), jnp.array([0, 3])],
        jnp.take_along_axis(x, jnp.array([[0], [1], [2], [3], [0], [1]]), axis=1),
        x.at[2].set(0.0),
        x.at[:, jnp.array([0, 0])].add(1.0),
        jnp.take(x, 9, axis=0, mode="fill"),
        jax.lax.dynamic_slice(x, (4, 2), (3, 2)),
    ],
    "shapes": lambda x: [
        x.T,
        x.reshape(3, 8),
        x[:, None] * x[None],
        jnp.concatenate([x, x], axis=1),
        jnp.stack([x, x]),
        jnp.unstack(x, axis=1),
        jnp.pad(x, 1),
        jnp.split(x, 2),
        jnp.insert(x, 1, 0.5, axis=1),
        jnp.outer(x[0], x[1]),
        jnp.diag(x[0]),
        jnp.eye(3),
    ],
    "sums": lambda x: [
        x.sum(),
        x.mean(axis=0),
        x.prod(axis=1),
        x.max(),
        x.min(axis=0),
        jnp.cumsum(x, axis=1),
        jnp.linalg.norm(x, axis=1),
        (x > 0.5).any(axis=0),
        (x > 0.5).all(),
        jax.nn.logsumexp(x, axis=1),
    ],
    "products": lambda x: [
        x @ x.T,
        x @ x[0],
        jnp.einsum("ij,kj->ik", x, x),
        jax.vmap(jnp.outer)(x, x),
        jnp.einsum("nij,nj->ni", jax.vmap(jnp.outer)(x, x), x),
        jnp.linalg.solve(x[:4] + jnp.eye(4), x[0]),
    ],
    "control": lambda x: [
        jax.lax.cond(x[0, 0] > 0.5, lambda x: x, lambda x: -x, x),
        jax.lax.fori_loop(0, 3, lambda i, s: s * x, x),
        jax.lax.scan(lambda c, a: (c + a, c), x[0], x),
        jax.lax.while_loop(lambda s: s[0] < 3, lambda s: s + 1, x[0]),
    ],
    "derivatives": lambda x: [
        jax.vmap(jax.grad(lambda y: jnp.sum(jnp.tanh(y) ** 3)))(x),
        jax.vmap(jax.hessian(lambda y: jnp.prod(y) * jax.nn.softplus(y[0])))(x),
        jax.jvp(lambda y: y @ y.T, (x,), (x,)),
    ],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_operations(name):
    same(FUNCTIONS[name], X)


@pytest.mark.parametrize("implementation", ["threefry2x32", "rbg"])
def test_random_numbers_are_those_of_jax(implementation):
    def draw(key):
        one, other = jr.split(jr.fold_in(key, 3))
        words = jr.bits(one, (2, 3), jnp.uint64), jr.bits(one, (4,), jnp.uint8)
        return [jr.uniform(other, (5,)), *words]

    same(draw, jr.key(1, impl=implementation))


@pytest.mark.parametrize("implementation", ["threefry2x32", "rbg"])
def test_keys_are_folded_as_by_jax(implementation):
    key = jr.key(5, impl=implementation)
    found, expected = fold_in(key, 2**31 + 7), jr.fold_in(key, 2**31 + 7)
    assert found.dtype == expected.dtype
    assert (jr.key_data(found) == jr.key_data(expected)).all()


def test_single_precision_stays_single():
    same(lambda x: jnp.sin(x) @ x.T + 2.0, X.astype(jnp.float32), rtol=1e-5)


@pytest.mark.parametrize("name", ["tanh", "gelu", "mish", "snake", "softplus"])
def test_derivatives_of_networks(name, getkey):
    u = pinn.MLP(2, "scalar", 8, 2, act.get(name), key=getkey())
    x = jr.uniform(getkey(), (5, 2))
    found = Hosted(lambda u, x: jax.vmap(pinn.laplacian(u))(x))(u, x)
    assert_allclose(found, jax.vmap(pinn.laplacian(u))(x), rtol=1e-9)


def test_overflow_and_division_by_zero_are_values_not_warnings():
    found = Hosted(lambda x: [1 / x, jnp.exp(1e4 + x), jnp.log(x - 1.0)])(jnp.zeros(2))
    assert np.isinf(found[0]).all()
    assert np.isinf(found[1]).all()
    assert np.isnan(found[2]).all()


def test_what_is_no_array_comes_back(getkey):
    class Pair(eqx.Module):
        x: jax.Array
        name: str

    result = Hosted(lambda p: (Pair(2 * p.x, p.name), 3))(Pair(jnp.ones(2), "a"))
    assert result[0].name == "a"
    assert result[1] == 3
    assert_allclose(result[0].x, 2.0)


def test_a_function_is_traced_once_for_each_shape():
    traced = []

    def f(x):
        traced.append(x.shape)
        return x + 1.0

    hosted = Hosted(f)
    for x in (jnp.zeros(2), np.ones(2), jnp.zeros(3)):
        hosted(x)
    assert traced == [(2,), (3,)]


def test_a_trace_serves_no_other_precision_than_its_own():
    hosted = Hosted(lambda n: jnp.arange(n.shape[0]) / 3)
    counted = np.zeros(5, np.uint32)
    wide = hosted(counted)
    jax.config.update("jax_enable_x64", False)
    try:
        narrow = hosted(counted)
    finally:
        jax.config.update("jax_enable_x64", True)
    assert (wide.dtype, narrow.dtype) == (np.float64, np.float32)
    assert hosted(counted).dtype == np.float64


def test_arrays_of_keys_are_left_to_jax():
    both = Hosted(lambda key: jax.random.key_data(jnp.stack([key, key])))
    key = jax.random.key(3)
    assert_array_equal(both(key), np.stack([jax.random.key_data(key)] * 2))
