"""Sequences fill the cube evenly; grids and score-led draws do what they say."""

import functools

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import kstest, qmc

from pinn._domain import Box, Disk, Interval
from pinn._sampling import (
    grid,
    kronecker,
    latin_hypercube,
    residual_adaptive,
    sobol,
    uniform,
)
from pinn._sampling._sequences import _sobol_directions

SEQUENCES = [uniform, kronecker, latin_hypercube, sobol]


@functools.partial(jax.jit, static_argnums=(0, 2, 4))
def points(sequence, key, dim, start, count):
    return sequence(key, dim)(start, count)


every_sequence = pytest.mark.parametrize("sequence", SEQUENCES)


@every_sequence
def test_coordinates_are_uniform_and_strictly_inside(sequence, getkey):
    x = np.asarray(points(sequence, getkey(), 3, 0, 3000))
    assert x.shape == (3000, 3)
    assert np.all((x > 0) & (x < 1))
    for column in x.T:
        assert kstest(column, "uniform").pvalue > 1e-4


@every_sequence
def test_each_point_alone_is_uniform_over_the_keys(sequence):
    keys = jr.split(jr.key(0), 1000)
    x = jax.jit(jax.vmap(lambda key: sequence(key, 2)(5, 2)))(keys)
    assert kstest(np.asarray(x[:, 0, 0]), "uniform").pvalue > 1e-4
    assert kstest(np.asarray(x[:, 1, 1]), "uniform").pvalue > 1e-4


@every_sequence
def test_start_may_be_traced(sequence, getkey):
    key = getkey()
    traced = points(sequence, key, 2, jnp.uint32(40), 10)
    assert_allclose(traced, sequence(key, 2)(40, 10), rtol=1e-12)
    assert sequence(getkey(), 0)(0, 5).shape == (5, 0)


@pytest.mark.parametrize("sequence", [kronecker, sobol])
def test_a_longer_run_begins_like_a_shorter_one(sequence, getkey):
    key = getkey()
    whole = points(sequence, key, 3, 0, 100)
    assert_allclose(points(sequence, key, 3, 60, 40), whole[60:], rtol=1e-12)


def test_low_discrepancy(getkey):
    # Of 1024 points, independent ones have an L2 discrepancy (centred) that is
    # several times larger.
    key = getkey()
    of = {s: qmc.discrepancy(np.asarray(points(s, key, 2, 0, 1024))) for s in SEQUENCES}
    assert max(of[kronecker], of[sobol]) < 0.05 * of[uniform], of
    assert of[latin_hypercube] < 0.5 * of[uniform], of


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_kronecker_is_the_additive_recurrence(dim, getkey):
    # φ_d solves φ^(d+1) = φ + 1; differences of points do not see the shift.
    phi = np.max(np.real(np.roots([1] + [0] * (dim - 1) + [-1, -1])))
    stream = functools.partial(points, kronecker, getkey(), dim)
    assert_allclose(
        np.mod(stream(1, 50) - stream(0, 50), 1)[0], phi ** -np.arange(1.0, dim + 1)
    )
    # Far out nothing is lost: steps there are the steps at the start.
    i = 1_000_000
    near, far = stream(0, 50), stream(i, 50)
    jump = np.mod(np.asarray(far - near), 1)
    assert_allclose(jump, np.tile(jump[:1], (50, 1)), atol=1e-14)


def test_kronecker_in_one_dimension_has_three_gaps(getkey):
    # Steinhaus: the points cut the circle in arcs of at most three lengths.
    x = np.sort(np.asarray(points(kronecker, getkey(), 1, 0, 1000))[:, 0])
    gaps = np.diff(np.append(x, x[0] + 1))
    assert len(np.unique(np.round(gaps, 12))) <= 3


@pytest.mark.parametrize("dim", [1, 3])
def test_latin_hypercube_has_one_point_in_each_row(dim, getkey):
    x = points(latin_hypercube, getkey(), dim, 0, 50)
    rows = np.sort(np.floor(np.asarray(x) * 50), axis=0)
    assert_allclose(rows, np.tile(np.arange(50.0)[:, None], (1, dim)))


@pytest.mark.parametrize("dim", [1, 2, 6])
def test_sobol_directions_give_the_points_of_scipy(dim):
    directions = _sobol_directions(dim)
    index = np.arange(512)
    gray = index ^ (index >> 1)
    x = np.zeros((512, dim), np.uint32)
    for bit in range(9):
        x ^= np.where((gray[:, None] >> bit) & 1 == 1, directions[bit], np.uint32(0))
    assert_allclose(x / 2.0**32, qmc.Sobol(dim, scramble=False).random(512), rtol=0)


def test_sobol_is_a_net_after_scrambling(getkey):
    # The first two dimensions are a (0, m, 2)-net: one of 2^m points in each box
    # of sides 2^-a and 2^(a - m). Any 2^m that follow in line are one too.
    m = 8
    for start in (0, 3 * 2**m):
        x = np.asarray(points(sobol, getkey(), 2, start, 2**m))
        for a in range(m + 1):
            box = np.floor(x * [2**a, 2 ** (m - a)])
            assert len(np.unique(box, axis=0)) == 2**m


@every_sequence
def test_domains_take_sequences(sequence, getkey):
    domain = Disk([0.0, 0.0], 2.0)
    x = domain.sample(2048, key=getkey(), sequence=sequence)
    r = np.linalg.norm(x, axis=1)
    assert kstest(r**2 / 4, "uniform").pvalue > 1e-4


def test_quasi_random_points_integrate_better(getkey):
    # ∫ of exp(x + y) over the square is (e - 1)^2.
    square = Box([0.0, 0.0], [1.0, 1.0])

    def error(sequence):
        x = square.sample(4096, key=getkey(), sequence=sequence)
        return abs(float(jnp.mean(jnp.exp(jnp.sum(x, axis=1)))) - (np.e - 1) ** 2)

    assert error(kronecker) < 2e-3
    assert error(sobol) < 2e-4


def test_grid_is_a_tensor_grid_cut_to_the_domain():
    x = grid(Box([0.0, 0.0], [2.0, 1.0]), 200)
    assert x.shape == (200, 2)
    assert_allclose(np.unique(x[:, 0]), 0.05 + 0.1 * np.arange(20))
    assert_allclose(np.unique(np.round(x[:, 1], 12)), 0.05 + 0.1 * np.arange(10))
    assert_allclose(grid(Interval(0.0, 1.0), 4)[:, 0], [0.125, 0.375, 0.625, 0.875])

    disk = Disk([3.0, 0.0], 1e-3)
    x = grid(disk, 1000)
    assert abs(x.shape[0] - 1000) < 60
    assert np.all(jax.vmap(disk.contains)(x))


def test_adaptive_draw_follows_the_score(getkey):
    # One of few from many: the law is p_i / Σ p, with p_i of eq. 2 of the paper.
    scores = jnp.array([0.0, 1.0, -2.0, 5.0])
    draw = functools.partial(residual_adaptive, jnp.arange(4), scores, 1)
    for k, c in ((1.0, 1.0), (2.0, 0.0), (0.5, 3.0)):
        keys = jr.split(getkey(), 20_000)
        chosen = jax.jit(jax.vmap(lambda key, k=k, c=c: draw(k=k, c=c, key=key)))(keys)
        power = np.abs(np.asarray(scores)) ** k
        p = power / np.mean(power) + c
        share = np.bincount(np.asarray(chosen)[:, 0], minlength=4) / 20_000
        assert_allclose(share, p / np.sum(p), atol=0.015)


def test_adaptive_draw_has_no_repetition_and_no_unit(getkey):
    key = getkey()
    candidates = {"t": jnp.arange(50.0), "x": jnp.arange(100.0).reshape(50, 2)}
    scores = jr.normal(getkey(), (50,))
    chosen = residual_adaptive(candidates, scores, 30, key=key)
    assert chosen["x"].shape == (30, 2)
    assert len(np.unique(chosen["t"])) == 30
    assert_allclose(chosen["x"][:, 0], 2 * chosen["t"])
    again = residual_adaptive(candidates, 1e-200 * scores, 30, key=key, k=2)
    other = residual_adaptive(candidates, 1e200 * scores, 30, key=key, k=2)
    assert_allclose(again["t"], other["t"])
    flat = residual_adaptive(candidates, jnp.zeros(50), 50, key=key, c=0.0)
    assert_allclose(np.sort(flat["t"]), candidates["t"])


def test_errors_name_the_argument(getkey):
    candidates, scores = jnp.zeros((5, 2)), jnp.ones(5)
    with pytest.raises(ValueError, match="`n` takes a number from 1 to 5; got 6"):
        residual_adaptive(candidates, scores, 6, key=getkey())
    with pytest.raises(ValueError, match="`scores` takes one number per candidate"):
        residual_adaptive(candidates, jnp.ones(4), 2, key=getkey())
    with pytest.raises(RuntimeError, match="`scores` takes finite numbers"):
        residual_adaptive(candidates, scores.at[0].set(jnp.nan), 2, key=getkey())
    with pytest.raises(ValueError, match="`n` takes"):
        grid(Interval(0.0, 1.0), 0)
    with pytest.raises(ValueError, match="Use `sample`"):
        grid(Disk([0.0, 0.0], 1.0) & Box([0.0, 0.0], [1e-2, 2.0]), 10**10)
