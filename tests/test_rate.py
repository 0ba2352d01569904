"""The time derivative, solved for from any residual."""

import gc
import weakref

import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from helpers import hurried, refused
from numpy.testing import assert_allclose

import pinn
from pinn import Problem, dt, dtt, grad, laplacian, partial
from pinn._rate import _last, rate_of

ROD, SQUARE = pinn.Interval(-1.0, 2.0), pinn.Box([0.0, 0.0], [1.0, 2.0])


def evolution(residual, domain=ROD):
    return Problem(domain, residual, [], time=(0.0, 1.0))


def burgers(u, t, x):
    u_t, u_x, u_xx = dt(u), partial(u, 0), laplacian(u)
    return (2 + x[0]) * (u_t(t, x) + u(t, x) * u_x(t, x)) - 1e-6 * u_xx(t, x)


def test_rate_of_burgers_is_its_formula(getkey):
    rate = rate_of(evolution(burgers))
    assert (rate.order, rate.indices) == (1, (((), (0,), (0, 0)),))
    assert rate.orders == ((2,),)
    u, u_x, u_xx = jr.normal(getkey(), (3,))
    t, x = jnp.asarray(0.3), jnp.asarray([0.7])
    jets = ({(): u, (0,): u_x, (0, 0): u_xx},)
    u_t, mass = hurried(lambda: (rate(t, x, jets), rate.mass(t, x, jets)))
    assert_allclose(u_t, -u * u_x + 1e-6 * u_xx / 2.7, rtol=1e-13)
    assert_allclose(mass, [[2.7]], rtol=1e-13)


def test_rate_of_a_damped_wave_takes_derivatives_of_the_velocity(getkey):
    def residual(u, t, x):
        v = dt(u)
        return dtt(u)(t, x) - laplacian(u)(t, x) - 0.1 * laplacian(v)(t, x)

    rate = rate_of(evolution(residual, SQUARE))
    assert rate.order == 2
    # The mixed derivative of the plane is not asked for.
    assert rate.indices == (((0, 0), (1, 1)), ((0, 0), (1, 1)))
    a, b, c, d = jr.normal(getkey(), (4,))
    jets = ({(0, 0): a, (1, 1): b}, {(0, 0): c, (1, 1): d})
    found = hurried(rate, jnp.asarray(0.0), jnp.zeros(2), jets)
    assert_allclose(found, a + b + 0.1 * (c + d), rtol=1e-13)


def test_rate_of_a_system_inverts_its_mass(getkey):
    # u_t + v_t = u_xx, v_t = u v, as a dictionary of named residuals.
    def residual(w, t, x):
        w_t, w_xx = dt(w)(t, x), laplacian(w)(t, x)
        u, v = w(t, x)
        return {"a": w_t[0] + w_t[1] - w_xx[0], "b": u * (w_t[1] - u * v)}

    rate = rate_of(evolution(residual), (2,))
    assert rate.orders == ((2,), (0,))
    value, second = jr.normal(getkey(), (2, 2))
    jets = ({(): value, (0, 0): second},)
    rate_there = hurried(rate, jnp.asarray(0.0), jnp.zeros(1), jets)
    product = value[0] * value[1]
    assert_allclose(rate_there, [second[0] - product, product], rtol=1e-12)


@pytest.mark.parametrize("order", [1, 2])
def test_rate_of_a_manufactured_solution_is_its_time_derivative(order, getkey):
    exact = lambda t, x: jnp.exp(-t) * jnp.sin(2 * x[0]) * (1 + x[1] ** 2)

    def operator(u, t, x):
        top = dt(u)(t, x) if order == 1 else dtt(u)(t, x) + u(t, x) * dt(u)(t, x)
        return (
            (1 + u(t, x) ** 2) * top
            - jnp.sum(grad(u)(t, x) ** 2)
            - partial(u, 0, 1)(t, x)
        )

    problem = evolution(lambda u, *p: operator(u, *p) - operator(exact, *p), SQUARE)
    rate = rate_of(problem, ())
    t, x = jr.uniform(getkey()), SQUARE.sample(1, key=getkey())[0]

    def jet(f, index):
        return f(t, x) if not index else partial(f, *index)(t, x)

    fields = [exact, dt(exact)][:order]

    def both():
        jets = [
            {i: jet(f, i) for i in indices}
            for f, indices in zip(fields, rate.indices, strict=True)
        ]
        return rate(t, x, jets), (dt if order == 1 else dtt)(exact)(t, x)

    assert_allclose(*hurried(both), rtol=1e-10)


REFUSED = {
    "no time derivative": lambda u, t, x: laplacian(u)(t, x) - u(t, x),
    "not affine": lambda u, t, x: dt(u)(t, x) ** 2 - laplacian(u)(t, x),
    "nonlocal": lambda u, t, x: dt(u)(t, x) - u(t, x / 2),
    "in space too": lambda u, t, x: dt(u)(t, x) - partial(dt(u), 0, 0)(t, x),
    "u_ttt": lambda u, t, x: dt(dtt(u))(t, x) - laplacian(u)(t, x),
    "cannot be solved": lambda u, t, x: (
        x[0] * 0.0 * dt(u)(t, x) + jnp.stack([u(t, x)[1], dt(u)(t, x)[0]])
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_marched_is_refused(message):
    shape = (2,) if message == "cannot be solved" else ()
    with refused(message):
        rate_of(evolution(REFUSED[message]), shape)


def test_a_stationary_problem_is_sent_to_the_solver_that_takes_it():
    rod = pinn.Interval(0.0, 1.0)
    problem = Problem(rod, lambda u, x: laplacian(u)(x), [])
    with refused("`pinn.reference.finite_elements`"):
        pinn.reference.method_of_lines(problem)


def test_a_problem_without_time_is_refused():
    problem = Problem(ROD, lambda u, x: laplacian(u)(x), [])
    with refused("without a time"):
        rate_of(problem)


def test_rate_survives_jit_vmap_and_grad(getkey):
    rate = rate_of(evolution(burgers))
    jets = ({i: jr.normal(getkey(), (5,)) for i in rate.indices[0]},)
    x = ROD.sample(5, key=getkey())
    many = jax.vmap(rate, (None, 0, 0))
    slope = jax.jit(jax.grad(lambda jets: jnp.sum(many(jnp.asarray(0.0), x, jets))))
    assert_allclose(slope(jets)[0][()], -jets[0][(0,)], rtol=1e-13)


def test_a_derivative_that_enters_in_a_fiftieth_of_the_domain_is_found():
    def residual(u, t, x):
        diffusivity = jnp.where(jnp.abs(x[0] - 0.71) < 0.01, 1.0, 0.0)
        return dt(u)(t, x) + u(t, x) - diffusivity * laplacian(u)(t, x)

    problem = Problem(ROD, residual, (), time=(0.0, 1.0))
    assert rate_of(problem, ()).indices == (((), (0, 0)),)


def test_a_rate_that_knows_nothing_of_the_field_is_its_source(getkey):
    problem = Problem(ROD, lambda u, t, x: dt(u)(t, x) - t * x[0], (), time=(0.0, 1.0))
    rate = rate_of(problem, ())
    x = jnp.asarray([0.5])
    # It has something to differentiate in.
    at = lambda c: rate(jnp.asarray(0.3), x, [{rate.indices[0][0]: c}])
    value, slope = hurried(jax.value_and_grad(at), jnp.asarray(2.0))
    assert_allclose([value, slope], [0.15, 0.0], rtol=1e-12)


def test_nothing_is_kept_of_a_problem_that_is_gone():
    rod = pinn.Interval(0.0, 1.0)
    residual = lambda u, t, x: pinn.dt(u)(t, x) - pinn.laplacian(u)(t, x)
    problem = pinn.Problem(rod, residual, [pinn.Initial(0.0)], time=(0.0, 1.0))
    assert rate_of(problem) is rate_of(problem)
    gone = weakref.ref(problem)
    del problem
    gc.collect()
    assert gone() is None
    assert _last == []
