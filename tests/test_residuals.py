"""Residuals: a named tree, weighted rows, and the derivatives of the rows."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import heat, hurried, residuals_of, some_points
from jax.flatten_util import ravel_pytree
from numpy.testing import assert_allclose, assert_array_equal

import pinn
from pinn import Dirichlet, Problem, Residuals, laplacian
from pinn._residuals import readout_leaves, trainable_leaves

# One problem in which everything occurs: a residual with names, one of them a vector,
# and a condition of several components.
BOX = pinn.Box([0.0, 0.0], [1.0, 2.0])


def everything():
    def residual(w, x):
        return {
            "momentum": laplacian(w)(x) - x,
            "mass": pinn.divergence(w)(x) * w(x)[0],
        }

    conditions = [
        Dirichlet(BOX.faces["left"], 1.0, name="left"),
        pinn.Neumann(BOX.faces["top"], 1.0, component=0, name="top", weight=4.0),
    ]
    return Problem(BOX, residual, conditions)


PROBLEM = everything()
POINTS = some_points(PROBLEM, 7, conditions=4)
FACTORS = {
    "equation": jnp.array([2.0, 3.0, 5.0]),
    "left": jnp.array([7.0, 11.0]),
    "top": jnp.array([13.0]),
}
RESIDUALS = Residuals(PROBLEM, FACTORS)


@pytest.fixture(scope="module")
def field():
    u = pinn.MLP(2, 2, 5, 1, bounds=PROBLEM.bounds, key=jr.key(1))
    return eqx.tree_at(lambda u: u.readout.bias, u, jnp.array([0.3, -0.2]))


@pytest.fixture(scope="module")
def found(field):
    """Everything that is asked of the rows, compiled at once."""
    return hurried(
        lambda u, points: {
            "tree": RESIDUALS.tree(u, points),
            "by_term": RESIDUALS.by_term(u, points),
            "rows": RESIDUALS.rows(u, points),
            "loss": RESIDUALS.loss(u, points),
            "gradient": eqx.filter_grad(RESIDUALS.loss)(u, points),
            "jacobian": RESIDUALS.linearise(u, trainable_leaves(u), points),
            "readout": RESIDUALS.linearise(u, readout_leaves(u), points),
            "twice": RESIDUALS.rows(
                u, jax.tree.map(lambda a: jnp.concatenate([a, a]), points)
            ),
        },
        field,
        POINTS,
    )


def test_tree_has_the_names_and_shapes_of_the_residuals(found):
    shapes = jax.tree.map(lambda a: a.shape, found["tree"])
    assert shapes == {
        "equation": {"momentum": (7, 2), "mass": (7,)},
        "left": (4, 2),
        "top": (4,),
    }


def test_tree_holds_the_residual_at_each_point(found, field):
    x = POINTS["equation"].arguments[0][3]
    momentum = laplacian(field)(x) - x
    assert_allclose(found["tree"]["equation"]["momentum"][3], momentum, rtol=1e-12)
    mass = pinn.divergence(field)(x) * field(x)[0]
    assert_allclose(found["tree"]["equation"]["mass"][3], mass, rtol=1e-12)


def test_rows_are_the_residuals_times_their_factors_over_root_n(found):
    tree = found["tree"]
    # Leaves in the order of the keys: "mass" before "momentum".
    equation = np.column_stack(
        [tree["equation"]["mass"], tree["equation"]["momentum"]]
    ) * [2, 3, 5]
    left = np.asarray(tree["left"]) * [7, 11]
    top = np.asarray(tree["top"])[:, None] * 13
    assert_allclose(found["by_term"]["equation"], equation, rtol=1e-13)
    expected = [(r / np.sqrt(len(r))).ravel() for r in (equation, left, top)]
    assert_allclose(found["rows"], np.concatenate(expected), rtol=1e-13)


def test_loss_is_half_the_sum_of_squared_rows(found):
    assert_allclose(found["loss"], 0.5 * np.sum(found["rows"] ** 2), rtol=1e-14)


def test_more_points_never_shift_the_balance(found):
    """The same points twice: each term weighs what it did."""
    sizes = np.cumsum([7 * 3, 4 * 2, 4])
    once = np.split(found["rows"], sizes[:-1])
    twice = np.split(found["twice"], 2 * sizes[:-1])
    for a, b in zip(once, twice, strict=True):
        assert_allclose(np.sum(a**2), np.sum(b**2), rtol=1e-13)


def test_linearise_is_the_jacobian_of_the_rows(found, field):
    for key, leaves in (("jacobian", trainable_leaves), ("readout", readout_leaves)):
        unknown, known = eqx.partition(field, leaves(field))
        flat, unravel = ravel_pytree(unknown)
        rows = lambda q, u=unravel, k=known: RESIDUALS.rows(
            eqx.combine(u(q), k), POINTS
        )
        values, matrix = found[key]
        assert_array_equal(matrix.shape, (found["rows"].size, flat.size))
        assert_allclose(values, found["rows"], rtol=1e-13, atol=1e-15)
        expected = hurried(jax.jacrev(rows), flat)
        assert_allclose(matrix, expected, rtol=1e-11, atol=1e-13)


def test_gradient_of_the_loss_is_the_jacobian_times_the_rows(found):
    rows, matrix = found["jacobian"]
    gradient, _ = ravel_pytree(found["gradient"])
    assert_allclose(matrix.T @ rows, gradient, rtol=1e-11, atol=1e-12)


def test_readout_leaves_are_the_readout(field):
    chosen = eqx.filter(field, readout_leaves(field))
    assert len(jax.tree.leaves(chosen)) == 2
    assert eqx.tree_equal(chosen.readout, field.readout)
    everything = eqx.filter(field, trainable_leaves(field))
    assert len(jax.tree.leaves(everything)) == 4


@pytest.mark.parametrize("n", [2048, 4200])
def test_chunks_change_nothing(n):
    """More rows than are differentiated at once, in a number that does not divide."""
    problem = Problem(pinn.Interval(0.0, 1.0), lambda u, x: u(x) ** 2, [])
    residuals = Residuals(problem, {"equation": jnp.ones(1)})
    u = pinn.MLP(1, "scalar", 3, 1, key=jr.key(0))
    points = some_points(problem, n)
    values, matrix = eqx.filter_jit(residuals.linearise)(u, readout_leaves(u), points)
    x = points["equation"].arguments[0]
    value, phi = jax.vmap(u)(x), jax.vmap(u.features)(x)
    scale = 1 / np.sqrt(n)
    assert_allclose(values, scale * value**2, rtol=1e-12)
    expected = 2 * scale * value[:, None] * jnp.column_stack([phi, np.ones(n)])
    assert_allclose(matrix, expected, rtol=1e-12)


def test_rows_estimate_integrals(getkey):
    """sum of squares -> mean of (r/s)^2: whatever the number of points."""
    problem = Problem(BOX, lambda u, x: u(x), [])
    residuals = Residuals(problem, {"equation": jnp.ones(1)})
    u = lambda x: jnp.sin(jnp.pi * x[0])  # mean square one half
    for n in (2000, 8000):
        points = {"equation": problem.equation.sample(n, key=getkey())}
        total = jnp.sum(residuals.rows(u, points) ** 2)
        assert_allclose(total, 0.5, atol=5 * 0.354 / np.sqrt(n))


@pytest.mark.parametrize("unit", [1e-3, pytest.param(1e3, marks=pytest.mark.slow)])
def test_rows_do_not_depend_on_units(unit):
    """Lengths in another unit from another origin, times too, u in another unit."""
    amplitude = 1e6
    shift, clock = 100 * unit, 7.0

    def problem(length, shift, duration, start, amplitude):
        rod = pinn.Interval(shift, shift + length)
        diffusivity = length**2 / duration
        source = lambda t, x: amplitude * jnp.sin((x[0] - shift) / length) / duration

        def residual(u, t, x):
            rate = pinn.dt(u)(t, x) - diffusivity * laplacian(u)(t, x)
            return rate - source(t, x)

        conditions = [
            Dirichlet(rod.faces["left"], 3 * amplitude),
            pinn.Neumann(rod.faces["right"], 2 * amplitude / length),
            pinn.Initial(lambda x: amplitude * (x[0] - shift) / length),
        ]
        return Problem(rod, residual, conditions, time=(start, start + duration))

    plain = problem(1.0, 0.0, 1.0, 0.0, 1.0)
    other = problem(unit, shift, clock, 3 * clock, amplitude)
    u = lambda t, x: jnp.exp(-t) * jnp.cos(2 * x[0])
    v = lambda t, x: amplitude * u((t - 3 * clock) / clock, (x - shift) / unit)
    points = some_points(plain)
    moved = {
        name: pinn.RowInput(
            (row.arguments[0] * clock + 3 * clock, row.arguments[1] * unit + shift),
            row.normal,
        )
        for name, row in points.items()
    }
    of_plain, of_other = residuals_of(plain), residuals_of(other)
    expected = hurried(lambda p: of_plain.rows(u, p), points)
    rows = hurried(lambda p: of_other.rows(v, p), moved)
    assert_allclose(rows / amplitude, expected, rtol=1e-8, atol=1e-10)


def test_survives_a_gradient_in_a_coefficient():
    class Diffusion(eqx.Module):
        k: jax.Array

        def __call__(self, u, t, x):
            return pinn.dt(u)(t, x) - self.k * laplacian(u)(t, x)

    plain = heat()
    problem = Problem(
        plain.domain, Diffusion(jnp.asarray(1.0)), plain.conditions, time=plain.time
    )
    factors = {t.name: jnp.ones(1) for t in problem.terms}
    points = some_points(problem)

    @jax.jit
    @jax.value_and_grad
    def loss(k):
        changed = eqx.tree_at(lambda p: p.residual.k, problem, k)
        return Residuals(changed, factors).loss(plain.exact, points)

    value, slope = loss(jnp.asarray(1.0))
    above, slope_above = loss(jnp.asarray(1.1))
    # The loss of an affine residual is quadratic in a coefficient.
    assert_allclose(above - value, 0.05 * (slope + slope_above), rtol=1e-10)
