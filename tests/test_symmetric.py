"""Fields made even or odd, and fields with conditions built in."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import evaluate, refused
from numpy.testing import assert_allclose

import pinn

KEY = jax.random.key(0)
T, X = jnp.asarray(0.3), jnp.array([0.4, 0.2])
MIRRORED = jnp.array([0.4, 0.8])  # about 1/2
NET = pinn.MLP(3, 2, 8, 2, key=KEY)


@pytest.mark.parametrize("odd", [False, True])
def test_a_field_is_its_mirror_image(odd):
    u = pinn.Symmetric(NET, odd=odd, axis=1, centre=0.5)
    sign = -1 if odd else 1
    here, there = evaluate([u], T, X)[0], evaluate([u], T, MIRRORED)[0]
    assert_allclose(here, sign * there, rtol=1e-14)
    # Its slope across the mirror has the other symmetry.
    slope = pinn.partial(u, 1)
    here, there = evaluate([slope], T, X)[0], evaluate([slope], T, MIRRORED)[0]
    assert_allclose(here, -sign * there, rtol=1e-14)


def test_what_is_symmetric_already_stays():
    v = lambda t, x: t * jnp.cos(x[0]) * x[1] ** 3
    u, none = (pinn.Symmetric(v, odd=odd, axis=1) for odd in (True, False))
    found, expected, zero = evaluate([u, v, none], T, X)
    assert_allclose(found, expected, rtol=1e-15)
    assert zero == 0


def test_the_jet_is_that_of_nested_differentiation():
    u = pinn.Symmetric(NET, odd=True, axis=1, centre=0.5)
    trace = lambda t, x: jnp.trace(
        jax.hessian(lambda x: u(t, x))(x), axis1=-2, axis2=-1
    )
    found, expected = evaluate([pinn.laplacian(u), trace], T, X)
    assert_allclose(found, expected, rtol=1e-11)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"axis": -1}, "`axis` of `Symmetric`"),
        ({"axis": 0.5}, "`axis` of `Symmetric`"),
        ({"centre": np.inf}, "`centre` of `Symmetric`"),
    ],
)
def test_wrong_arguments_are_named(options, words):
    with refused(words):
        pinn.Symmetric(NET, odd=True, **options)
    with refused("`field` of `Symmetric`"):
        pinn.Symmetric(3.0, odd=True)


def test_an_axis_that_the_point_lacks_is_refused():
    mirrored = pinn.Symmetric(lambda x: x[0], odd=True, axis=1)
    with refused("`axis` = 1 of `Symmetric` is none of a point of 1 coordinates"):
        mirrored(jnp.ones(1))
