"""The method of lines, against closed forms, Cole-Hopf and its proven orders."""

import itertools

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import hurried, refused
from numpy.testing import assert_allclose

import pinn
from pinn import (
    Condition,
    Dirichlet,
    Initial,
    Neumann,
    Periodic,
    Problem,
    Robin,
    dt,
    dtt,
    laplacian,
    partial,
)
from pinn._rate import rate_of
from pinn.metrics import relative_l2
from pinn.reference import cole_hopf, method_of_lines
from pinn.reference._axis import Chebyshev, Differences, Fourier, apply
from pinn.reference._boundary import ends_of
from pinn.reference._lines import Lines
from pinn.reference._method_of_lines import _axis

ROD, WIDE = pinn.Interval(0.0, 1.0), pinn.Interval(-1.0, 1.0)
SQUARE = pinn.Box([0.0, 0.0], [1.0, 1.0])
ORDERS = [2, 4, 6, "spectral"]


def heat(u, t, x):
    return dt(u)(t, x) - laplacian(u)(t, x)


def advection(u, t, x):
    return dt(u)(t, x) + partial(u, 0)(t, x)


def error(reference, exact, problem):
    """Relative L2 error at random points of space and time."""
    y = np.random.default_rng(3).uniform(*problem.bounds, (2000, problem.in_size))
    t, x = jnp.asarray(y[:, 0]), jnp.asarray(y[:, 1:])
    return float(relative_l2(jax.vmap(reference)(t, x), jax.vmap(exact)(t, x)))


def solve(problem, n, **options):
    return method_of_lines(problem, n, estimate=False, **options)


AXES = {
    "differences-2": (Differences(-1.0, 2.0, 12, 2, False), 2),
    "differences-6": (Differences(-1.0, 2.0, 12, 6, False), 6),
    "chebyshev": (Chebyshev(-1.0, 2.0, 8), 7),
}


@pytest.mark.parametrize("name", AXES)
def test_axis_is_exact_for_polynomials_of_its_degree(name):
    axis, degree = AXES[name]
    p = np.polynomial.Polynomial(np.random.default_rng(0).standard_normal(degree + 1))
    nodes = np.asarray(axis.nodes)
    for order in (1, 2):
        found = apply(axis.derivative(order), jnp.asarray(p(nodes))[:, None], 0)
        assert_allclose(found[:, 0], p.deriv(order)(nodes), rtol=1e-9, atol=1e-9)

    def value(x):
        places, weights = axis.interpolation(x)
        return weights @ jnp.asarray(p(nodes))[places]

    # At a node too, where a formula with the distance to it would divide by zero.
    for x in (0.3, float(nodes[3]), 2.0):
        found = hurried(jax.value_and_grad(value), jnp.asarray(x))
        assert_allclose(found, [p(x), p.deriv()(x)], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("n", [8, 9])
def test_fourier_is_exact_for_waves(n):
    axis = Fourier(1.0, 3.0, n)
    wave = lambda x: jnp.sin(2 * jnp.pi * x) + jnp.cos(3 * jnp.pi * x + 0.3)
    u = wave(axis.nodes)
    second = apply(axis.derivative(2), u[:, None], 0)[:, 0]
    expected = jax.vmap(jax.grad(jax.grad(wave)))(axis.nodes)
    assert_allclose(second, expected, atol=1e-11)
    value = lambda x: axis.interpolation(x).weights @ u
    for x in (1.234, float(axis.nodes[2]), 3.0):
        found = hurried(jax.value_and_grad(value), jnp.asarray(x))
        assert_allclose(found, jax.value_and_grad(wave)(x), atol=1e-11)


def lines_of(problem, n, order):
    rate = rate_of(problem, ())
    dim = problem.domain.dim
    axes = tuple(_axis(problem, i, n, order, False) for i in range(dim))
    return Lines(rate, axes, ends_of(problem, rate, axes, ()))


def rates(problem, n, order):
    """The eigenvalues of a linear problem on a grid of one dimension."""
    lines = lines_of(problem, n, order)
    rate = lines.rate
    state = jnp.zeros((rate.order, n, 1))
    matrix = hurried(jax.jacfwd(lambda y: lines(jnp.asarray(0.0), y, None)), state)
    free = np.flatnonzero(np.tile(np.ravel(lines.free), rate.order))
    size = rate.order * n
    return np.linalg.eigvals(np.reshape(matrix, (size, size))[np.ix_(free, free)])


@pytest.mark.parametrize("order", [2, 4, 6])
def test_decay_of_heat_with_a_robin_end_has_the_order_of_the_differences(order):
    # u(0) = 0 and u + u_x = 0 at 1: the slowest mode decays with tan k = -k.
    conditions = [
        Dirichlet(ROD.faces["left"], 0.0),
        Robin(ROD.faces["right"], 1.0, 1.0, 0.0),
    ]
    problem = Problem(ROD, heat, conditions, time=(0.0, 1.0))
    k = 2.0287578381104342
    errors = []
    for n in (13, 25):
        found = rates(problem, n, order)
        assert np.max(found.real) < 0
        errors.append(abs(np.max(found.real) / -(k**2) - 1))
    observed = np.log2(errors[0] / errors[1])
    assert observed > order - 0.4, errors


@pytest.mark.parametrize("order", ORDERS)
def test_no_mode_of_advection_grows(order):
    conditions = [Dirichlet(ROD.faces["left"], 0.0)]
    problem = Problem(ROD, advection, conditions, time=(0.0, 1.0))
    assert np.max(rates(problem, 24, order).real) < 0


def test_time_dependent_neumann_and_robin_ends():
    # A polynomial of degree three in space: differences of order four are exact.
    exact = lambda t, x: x[0] ** 3 + 6 * x[0] * t
    left = Neumann(ROD.faces["left"], lambda t, x: -6 * t)
    value = lambda t, x: (1 + t) * (1 + 6 * t) + 2 * (3 + 6 * t)
    right = Robin(ROD.faces["right"], lambda t, x: 1 + t, 2.0, value)
    conditions = [left, right, Initial(lambda x: x[0] ** 3)]
    problem = Problem(ROD, heat, conditions, time=(0.0, 1.0))
    lines = lines_of(problem, 12, 4)
    # The values next to the ends are those of the conditions, whatever the state has.
    t, x = jnp.asarray(0.3), lines.points
    state = jnp.where(lines.free, jax.vmap(exact, (None, 0))(t, x)[:, None], 7.0)
    found = hurried(lambda: (lines.filled(t, state), lines.slope(t, state[None])))
    assert_allclose(found[0][:, 0], jax.vmap(exact, (None, 0))(t, x), atol=1e-12)
    assert_allclose(found[1][0, 1:-1, 0], 6 * x[1:-1, 0], atol=1e-10)


@pytest.mark.slow
def test_mixed_faces_of_a_square_for_a_damped_wave():
    # Differences of order four are exact for this polynomial, the mixed derivative and
    # those of the velocity included; the edges follow from both faces.
    exact = lambda t, x: (1 + t**2) * x[0] ** 3 * (x[1] ** 2 - 2 * x[1])
    faces = SQUARE.faces

    def operator(u, t, x):
        mixed = partial(u, 0, 1)(t, x) + laplacian(dt(u))(t, x)
        return dtt(u)(t, x) - laplacian(u)(t, x) - mixed

    problem = Problem(
        SQUARE,
        lambda u, t, x: operator(u, t, x) - operator(exact, t, x),
        [
            Dirichlet(faces["left"] | faces["bottom"], 0.0),
            Neumann(faces["top"], 0.0),
            Robin(faces["right"], -3.0, 1.0, 0.0),
            Initial(lambda x: exact(jnp.asarray(0.0), x), 0.0),
        ],
        time=(0.0, 1.0),
    )
    lines = lines_of(problem, 8, 4)
    t = jnp.asarray(0.7)
    at_nodes = lambda u: jax.vmap(u, (None, 0))(t, lines.points).reshape(8, 8, 1)

    def both():
        known = jnp.stack([at_nodes(exact), at_nodes(dt(exact))])
        state = jnp.where(lines.free, known, 7.0)
        expected = jnp.stack([known[1], at_nodes(dtt(exact))])
        return lines.slope(t, state), jnp.where(lines.free, expected, 0.0)

    assert_allclose(*hurried(both), atol=1e-9)


@pytest.mark.slow
def test_wave_in_the_plane_with_mixed_faces():
    exact = lambda t, x: (
        jnp.sin(jnp.pi * x[0]) * jnp.cos(jnp.pi * x[1]) * jnp.cos(2**0.5 * jnp.pi * t)
    )
    faces = SQUARE.faces
    problem = Problem(
        SQUARE,
        lambda u, t, x: dtt(u)(t, x) - laplacian(u)(t, x),
        [
            Dirichlet(faces["left"] | faces["right"], 0.0),
            Neumann(faces["bottom"] | faces["top"], 0.0),
            Initial(lambda x: exact(jnp.asarray(0.0), x), 0.0),
        ],
        time=(0.0, 1.0),
    )
    assert error(solve(problem, 14), exact, problem) < 1e-8


@pytest.mark.slow
def test_burgers_is_that_of_cole_and_hopf():
    start = lambda x: -jnp.sin(jnp.pi * x[0])
    exact = cole_hopf(lambda y: jnp.cos(jnp.pi * y) / jnp.pi, 0.05, speed=1.0)

    def burgers(u, t, x):
        return advective(u, t, x) - 0.05 * laplacian(u)(t, x)

    def advective(u, t, x):
        return dt(u)(t, x) + u(t, x) * partial(u, 0)(t, x)

    conditions = [Periodic(WIDE), Initial(start)]
    problem = Problem(WIDE, burgers, conditions, time=(0.0, 1.0))
    reference = solve(problem, 128)
    assert error(reference, exact, problem) < 1e-8
    # Outside of its time it is not known.
    x = jnp.asarray([0.1])
    assert np.isnan(reference(1.1, x))
    assert_allclose(reference(0.0, x), start(x), atol=1e-6)


@pytest.mark.slow
def test_system_whose_second_component_does_not_diffuse():
    # u_t = k u_xx + v, v_t = -v, and u starts at zero.
    k = 0.3

    def exact(t, x):
        decay = k * jnp.pi**2
        grown = (jnp.exp(-t) - jnp.exp(-decay * t)) / (decay - 1)
        return jnp.cos(jnp.pi * x[0]) * jnp.stack([grown, jnp.exp(-t)])

    def residual(w, t, x):
        _, v = w(t, x)
        return dt(w)(t, x) - jnp.stack([k * laplacian(w)(t, x)[0] + v, -v])

    conditions = [
        Neumann(ROD.boundary, 0.0, component=0),
        Initial(lambda x: exact(jnp.asarray(0.0), x)),
    ]
    problem = Problem(ROD, residual, conditions, time=(0.0, 1.0))
    reference = method_of_lines(problem, 24, order=4, shape=(2,))
    true = error(reference, exact, problem)
    assert 1e-7 < true < reference.error < 30 * true


@pytest.mark.slow
def test_stiff_heat_is_marched_implicitly():
    exact = lambda t, x: jnp.exp(-(jnp.pi**2) * t) * jnp.sin(jnp.pi * x[0])
    conditions = [
        Dirichlet(ROD.boundary, 0.0),
        Initial(lambda x: jnp.sin(jnp.pi * x[0])),
    ]
    problem = Problem(ROD, heat, conditions, time=(0.0, 0.5))
    reference = solve(problem, 64)
    # Stability alone would ask an explicit method for more than 10^5 steps.
    assert reference.steps < 200
    assert error(reference, exact, problem) < 2e-9


@pytest.mark.slow
def test_what_was_computed_before_a_blow_up_is_kept():
    # u_t = u^2 from 1 is 1 / (1 - t).
    problem = Problem(
        ROD, lambda u, t, x: dt(u)(t, x) - u(t, x) ** 2, [Initial(1.0)], time=(0.0, 2.0)
    )
    with pytest.warns(RuntimeWarning, match="ended early"):
        reference = solve(problem, 12)
    assert reference.failure
    assert_allclose(reference.time[1], 1.0, rtol=1e-5)
    assert_allclose(reference(0.75, jnp.asarray([0.4])), 4.0, rtol=1e-8)


def test_cole_hopf_solves_burgers_on_the_line(getkey):
    potential = lambda y: -jnp.exp(-(y**2))
    u = cole_hopf(potential, 0.02, speed=0.9)
    t, x = jr.uniform(getkey()), jr.uniform(getkey(), (1,))

    def residual(t, x):
        convection = u(t, x) * partial(u, 0)(t, x)
        return dt(u)(t, x) + convection - 0.02 * laplacian(u)(t, x)

    found, start = hurried(lambda: (residual(t, x), u(jnp.asarray(0.0), x)))
    assert abs(found) < 1e-9
    assert_allclose(start, jax.grad(potential)(x[0]), rtol=1e-12)


def refusals():
    """What is refused: a message, conditions, and options."""
    ends, start = Dirichlet(ROD.boundary, 0.0), Initial(0.0)
    left = Dirichlet(ROD.faces["left"], 0.0)
    cubic = lambda u, t, x: u(t, x) ** 3
    moving = lambda u, t, x: dt(u)(t, x)
    value = lambda u, t, x: u(t, x)
    return [
        ("no `Initial`", [ends], {}),
        ("two `Initial`", [ends, start, start], {}),
        ("with a `rate`", [ends, Initial(0.0, 0.0)], {}),
        ("0 on the face 'right'", [left, start], {}),
        ("2 on the face 'left'", [ends, left, start], {}),
        (
            "of a periodic axis",
            [Periodic(ROD), Condition(ROD.boundary, value), start],
            {},
        ),
        ("of one `component`", [Periodic(ROD, component=0), start], {}),
        ("not affine", [Condition(ROD.boundary, cubic), start], {}),
        ("derivative in time", [Condition(ROD.boundary, moving), start], {}),
        ("`order` takes", [ends, start], {"order": 3}),
        ("`n` takes", [ends, start], {"n": 4}),
        ("`rtol` takes", [ends, start], {"rtol": 0.0}),
        ("not finite", [Robin(ROD.boundary, lambda t, x: t, 0.0, 1.0), start], {}),
    ]


@pytest.mark.parametrize(("message", "conditions", "options"), refusals())
def test_what_cannot_be_solved_is_refused(message, conditions, options):
    problem = Problem(ROD, heat, conditions, time=(0.0, 1.0))
    with refused(message):
        method_of_lines(problem, **options)


def test_other_domains_are_refused():
    ball = pinn.Ball([0.0, 0.0, 0.0], 1.0)
    conditions = [Dirichlet(ball.boundary, 0.0), Initial(0.0)]
    problem = Problem(ball, heat, conditions, time=(0.0, 1.0))
    with refused("an `Interval` or a `Box`"):
        method_of_lines(problem)


def test_a_condition_on_part_of_a_face_is_refused():
    smaller = pinn.Box([0.0, 0.0], [0.5, 0.5])
    part = smaller.faces["bottom"]
    problem = Problem(
        SQUARE, heat, [Dirichlet(part, 0.0), Initial(0.0)], time=(0.0, 1.0)
    )
    with refused("on a part of the face 'bottom'"):
        method_of_lines(problem)


@pytest.mark.slow
@pytest.mark.parametrize("order", [2, 4, 6])
def test_solutions_converge_with_the_order_of_the_differences(order):
    wave = lambda t, x: jnp.sin(3 * (x[0] - t))
    decay = lambda t, x: jnp.exp(-9 * t) * jnp.cos(3 * x[0])
    left = Dirichlet(WIDE.faces["left"], wave)
    ends = Neumann(WIDE.boundary, lambda t, x: -3 * jnp.exp(-9 * t) * jnp.sin(3.0))
    for residual, exact, conditions in (
        (advection, wave, [left]),
        (heat, decay, [ends]),
    ):
        start = Initial(lambda x, exact=exact: exact(jnp.asarray(0.0), x))
        problem = Problem(WIDE, residual, [*conditions, start], time=(0.0, 1.0))
        counts = (48, 96)  # fewer are not yet in the asymptotic range of order 6
        errors = [
            error(solve(problem, n, order=order, rtol=1e-12), exact, problem)
            for n in counts
        ]
        ratio = np.log((counts[1] - 1) / (counts[0] - 1))
        for a, b in itertools.pairwise(errors):
            assert np.log(a / b) / ratio > order - 0.4, errors
