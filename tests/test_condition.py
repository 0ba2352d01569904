"""Conditions: each vanishes on fields that fulfil it, and says what else is missing."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import refused
from numpy.testing import assert_allclose

import pinn
from pinn import Condition, Dirichlet, Initial, Neumann, RowInput

SQUARE = pinn.Box([0.0, 0.0], [2.0, 1.0])
EDGE = SQUARE.boundary
X, NORMAL = jnp.array([2.0, 0.3]), jnp.array([0.6, 0.8])
T = jnp.asarray(0.4)
ROW, ROW_T = RowInput((X,), NORMAL), RowInput((T, X), NORMAL)


def u(x):
    return jnp.sin(x[0]) * x[1] ** 2


def grad_u(x):
    return jnp.stack([jnp.cos(x[0]) * x[1] ** 2, 2 * jnp.sin(x[0]) * x[1]])


def u_t(t, x):
    return jnp.exp(-t) * u(x)


def v(x):
    return jnp.stack([u(x), x[0] * x[1], x[1]])


def flux(x):
    return grad_u(x) @ NORMAL


HOLD = {
    "dirichlet": (Dirichlet(EDGE, u), u, ROW),
    "dirichlet-number": (Dirichlet(EDGE, 2), lambda x: jnp.asarray(2.0), ROW),
    "dirichlet-time": (Dirichlet(EDGE, u_t), u_t, ROW_T),
    "dirichlet-vector": (Dirichlet(EDGE, v), v, ROW),
    "dirichlet-array": (
        Dirichlet(EDGE, np.array([1, 2, 3])),
        lambda x: jnp.array([1.0, 2.0, 3.0]),
        ROW,
    ),
    "dirichlet-component": (Dirichlet(EDGE, u, component=0), v, ROW),
    "dirichlet-component-from-the-end": (
        Dirichlet(EDGE, lambda x: x[1], component=-1),
        v,
        ROW,
    ),
    "neumann": (Neumann(EDGE, flux), u, ROW),
    "neumann-time": (Neumann(EDGE, lambda t, x: jnp.exp(-t) * flux(x)), u_t, ROW_T),
    "neumann-vector": (Neumann(EDGE, lambda x: jax.jacfwd(v)(x) @ NORMAL), v, ROW),
    "neumann-component": (Neumann(EDGE, NORMAL[1], component=2), v, ROW),
    "robin": (pinn.Robin(EDGE, 2, 3.0, lambda x: 2 * u(x) + 3 * flux(x)), u, ROW),
    "robin-functions": (
        pinn.Robin(EDGE, u, lambda x: x[0], lambda x: u(x) ** 2 + x[0] * flux(x)),
        u,
        ROW,
    ),
    "initial": (Initial(lambda x: jnp.exp(-T) * u(x)), u_t, ROW_T),
    "initial-rate": (
        Initial(lambda x: jnp.exp(-T) * u(x), lambda x: -jnp.exp(-T) * u(x)),
        u_t,
        ROW_T,
    ),
    "condition": (Condition(EDGE, lambda w, x: w(x) - u(x)), u, ROW),
    "condition-normal": (
        Condition(EDGE, lambda w, x, *, normal: pinn.grad(w)(x) @ normal - flux(x)),
        u,
        ROW,
    ),
}


@pytest.mark.parametrize("name", HOLD)
def test_vanishes_where_it_holds(name):
    condition, field, row = HOLD[name]
    residual = condition.residual(field, row)
    for r in jax.tree.leaves(residual):
        assert_allclose(r, np.zeros(r.shape), atol=1e-15)


@pytest.mark.parametrize("name", HOLD)
def test_does_not_vanish_elsewhere(name):
    condition, field, row = HOLD[name]
    other = lambda *p: field(*p) + jnp.exp(p[-1][0] - 2 * p[-1][1]) * jnp.sin(sum_t(p))
    for r in jax.tree.leaves(condition.residual(other, row)):
        assert jnp.all(jnp.abs(r) > 1e-3)


def sum_t(point):
    return point[0] + 1.0 if len(point) == 2 else jnp.asarray(1.0)


def test_signs_and_units_are_those_of_the_formula():
    one = lambda x: u(x) + 5.0
    assert_allclose(Dirichlet(EDGE, u).residual(one, ROW), 5.0)
    steep = lambda x: u(x) + 5.0 * (NORMAL @ x)
    assert_allclose(Neumann(EDGE, flux).residual(steep, ROW), 5.0)
    robin = pinn.Robin(EDGE, 2.0, 3.0, lambda x: 2 * u(x) + 3 * flux(x))
    assert_allclose(robin.residual(one, ROW), 10.0)
    early = lambda t, x: u_t(t, x) + 7.0 * t
    start = Initial(lambda x: u_t(T, x), lambda x: -u_t(T, x)).residual(early, ROW_T)
    assert_allclose([start["value"], start["rate"]], [7 * T, 7.0])


def test_neumann_of_a_disk_is_the_radial_derivative(getkey):
    disk = pinn.Disk([1.0, -2.0], 0.5)
    x, normal = disk.boundary.sample_with_normals(20, key=getkey())
    field = lambda x: jnp.sum((x - disk.centre) ** 2) ** 2  # du/dr = 4 r^3
    condition = Neumann(disk.boundary, 4 * 0.5**3)
    r = jax.vmap(lambda *row: condition.residual(field, RowInput(row[:1], row[1])))
    assert_allclose(r(x, normal), np.zeros(20), atol=1e-14)


def test_robin_contains_dirichlet_and_neumann(getkey):
    field = pinn.MLP(2, "scalar", 6, 1, key=getkey())
    pairs = [
        (pinn.Robin(EDGE, 1.0, 0.0, u), Dirichlet(EDGE, u)),
        (pinn.Robin(EDGE, 0.0, 1.0, u), Neumann(EDGE, u)),
    ]
    for robin, other in pairs:
        assert_allclose(robin.residual(field, ROW), other.residual(field, ROW))


def test_keeps_single_precision():
    row = jax.tree.map(lambda a: a.astype(jnp.float32), ROW)
    for condition in (Dirichlet(EDGE, 1.0), Neumann(EDGE, 0), Dirichlet(EDGE, u)):
        assert condition.residual(u, row).dtype == jnp.float32


def test_a_value_is_a_leaf_of_the_problem():
    slope = jax.grad(lambda g: Dirichlet(EDGE, g).residual(u, ROW))
    assert_allclose(slope(jnp.asarray(3.0)), -1.0)


@pytest.mark.parametrize(
    ("condition", "field", "row"),
    [
        (Dirichlet(EDGE, v), u, ROW),
        (Dirichlet(EDGE, lambda x: x), v, ROW),
        (Dirichlet(EDGE, u), v, ROW),
        (Dirichlet(EDGE, lambda x: jnp.ones(1)), u, ROW),
        (Neumann(EDGE, jnp.ones(2)), u, ROW),
        (pinn.Robin(EDGE, 1.0, 1.0, jnp.ones(2)), u, ROW),
        (pinn.Robin(EDGE, jnp.ones(2), 1.0, 1.0), u, ROW),
        (Initial(lambda x: x), u_t, ROW_T),
        (Initial(u, lambda x: x), u_t, ROW_T),
    ],
)
def test_a_value_of_the_wrong_shape_is_refused(condition, field, row):
    with refused(f"`value` of `{type(condition).__name__}` has shape .*`component`"):
        condition.residual(field, row)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dirichlet(SQUARE, 0.0), "`where` of `Dirichlet`.*`domain.boundary`"),
        (lambda: Neumann("left", 0.0), "`where` of `Neumann`.*'left'"),
        (lambda: Dirichlet(EDGE, "hot"), "`value` of `Dirichlet`.*'hot'"),
        (lambda: Dirichlet(EDGE, None), "`value` of `Dirichlet`.*None"),
        (lambda: Dirichlet(EDGE, 0.0, weight=-1.0), "`weight` of `Dirichlet`.*-1"),
        (lambda: Initial(0.0, weight=0.0), "`weight` of `Initial`.*positive"),
        (lambda: Initial(0.0, weight=float("nan")), "`weight` of `Initial`"),
        (lambda: Initial(0.0, weight=float("inf")), "`weight` of `Initial`.*finite"),
        (lambda: Initial(0.0, component="x"), "`component` of `Initial`.*integer"),
        (
            lambda: Dirichlet(EDGE, 0.0, component=3).residual(v, ROW),
            r"`component` of a condition is 3, counted from 0;.*shape \(3,\)",
        ),
        (lambda: Neumann(EDGE, 0.0, weight="big"), "`weight` of `Neumann`.*'big'"),
        (lambda: Condition(EDGE, 0.0), r"`Condition\(where, residual\)` takes"),
    ],
)
def test_errors_name_the_argument(make, message):
    with refused(message):
        make()


def test_errors_are_those_of_the_caller_under_a_type_checker_too(getkey):
    with pytest.raises(ValueError, match="has shape"):
        jax.vmap(lambda x: Dirichlet(EDGE, v).residual(u, RowInput((x,))))(
            jr.normal(getkey(), (3, 2))
        )
