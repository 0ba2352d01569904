"""Sine and cosine as polynomials are those of the C library."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import pinn
from pinn import _trigonometric as ours
from pinn._trigonometric import cosine, sine


def half_pi(bits):
    """π/2 by Machin's formula, in whole numbers of 2^-bits."""

    def arctan(n):
        total, term, k = 0, (1 << bits) // n, 1
        while term:
            total += (term if k % 4 == 1 else -term) // k
            term, k = term // (n * n), k + 2
        return total

    return Fraction(8 * arctan(5) - 2 * arctan(239), 1 << bits)


def test_the_parts_of_half_a_turn_add_up():
    *parts, rest = map(Fraction, ours._PARTS)
    for part in parts:
        assert part.numerator.bit_length() <= 26
    assert abs(sum(parts) + rest - half_pi(300)) < Fraction(1, 1 << 155)


@pytest.mark.parametrize(
    ("size", "units"), [(1.0, 1.5), (10.0, 1.5), (1e6, 1.5), (1e12, 3.5)]
)
def test_values_are_those_of_extended_precision(size, units):
    x = np.random.default_rng(0).uniform(-size, size, 20_000)
    # Next to the zeros of both, where all digits come from the reduction.
    zeros = np.round(x[:2000] / (np.pi / 2)) * (np.pi / 2)
    x = np.concatenate([x, zeros, np.nextafter(zeros, np.inf)])
    pairs = [(sine, np.sin), (cosine, np.cos)]
    for value, known in pairs:
        exact = known(x.astype(np.longdouble))
        off = np.abs(np.asarray(value(jnp.asarray(x))) - exact)
        assert np.all(off <= units * np.spacing(np.abs(exact.astype(float))))


def test_far_out_they_stay_bounded_and_nothing_hides_what_is_not_a_number():
    far = jnp.array([1e15, -1e16, 1e100, -1e300])
    for value in (sine, cosine):
        assert np.all(np.abs(value(far)) <= 1)
        assert np.all(np.isnan(value(jnp.array([jnp.nan, jnp.inf, -jnp.inf]))))


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_derivatives_go_round_in_four(order):
    x = jr.normal(jr.key(0), (50,))
    f, g = sine, cosine
    for _ in range(order):
        f, g = jax.grad(f), jax.grad(g)
    turned = x + order * jnp.pi / 2
    assert np.allclose(jax.vmap(f)(x), jnp.sin(turned), rtol=0, atol=1e-15)
    assert np.allclose(jax.vmap(g)(x), jnp.cos(turned), rtol=0, atol=1e-15)


def program(function, x, platform):
    return jax.jit(function).trace(x).lower(lowering_platforms=(platform,)).as_text()


@pytest.mark.parametrize("function", [sine, cosine])
def test_only_a_cpu_in_64_bit_has_polynomials(function):
    calls = "stablehlo.sine", "stablehlo.cosine"
    called = lambda x, platform: any(c in program(function, x, platform) for c in calls)
    wide, narrow = jnp.ones(3), jnp.ones(3, jnp.float32)
    assert not called(wide, "cpu")
    assert called(narrow, "cpu")
    assert called(wide, "cuda")


def test_the_laplacian_of_any_sine_takes_the_fast_one():
    field = lambda x: jnp.sin(3 * x[0]) * jnp.cos(x[1])
    laplacian = pinn.laplacian(field)
    x = jnp.array([0.3, 0.7])
    text = program(laplacian, x, "cpu")
    assert "stablehlo.sine" not in text
    assert "stablehlo.cosine" not in text
    assert float(laplacian(x)) == pytest.approx(-10 * float(field(x)), rel=1e-14)
