"""Features of space whose readout moves in time."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import compilations, hurried, refused
from numpy.testing import assert_allclose

import pinn
from pinn import Dirichlet, Initial, Neumann, Problem, dt, dtt, laplacian, partial
from pinn._choose import Choice, marching
from pinn._equation import analyse, structure
from pinn._evolved_rows import EvolvedRows, derivatives_at
from pinn._method._bandwidth import bandwidth
from pinn._method._collocation import Collocation, tableau
from pinn._method._march import look, slope_of, slopes_of
from pinn._method._panels import Panels
from pinn._method._windows import first_window
from pinn._network import Evolved, begun, hermite
from pinn._points import PointSource
from pinn._residuals import Residuals
from pinn._weighting import by_operator

ROD = pinn.Interval(0.0, 1.0)
SQUARE = pinn.Box([0.0, 0.0], [1.0, 2.0])


def heat(u, t, x):
    return dt(u)(t, x) - 0.3 * laplacian(u)(t, x)


def wave(u, t, x):
    return dtt(u)(t, x) - 4 * laplacian(u)(t, x)


def sine(x):
    return jnp.sin(jnp.pi * x[0])


def rod_problem(residual, conditions, exact=None):
    return Problem(ROD, residual, conditions, time=(0.0, 0.5), exact=exact)


def start_of(method, problem, shape=()):
    """What `init` of a method takes, as a solve would make it."""
    field = method.default_field(problem, shape, key=jr.key(0))
    source = PointSource(problem, None, key=jr.key(1))
    points = source.draw(source.counts(method.number_of_points(field)))
    jets = analyse(problem, shape, points)
    residuals = Residuals(problem, by_operator(problem, jets), structure(jets))
    return residuals, field, points


def window_of(problem, shape=()):
    """The first window of a march and the state there; nothing is compiled for it."""
    method = pinn.Evolve()
    start = start_of(method, problem, shape)
    return first_window(*start, method.cut, method.placing, jr.key(2))


def seen(window, state, tau=0.0):
    """Values and rates at the check points, and the size of the defect there."""
    found = look(window.system, np.asarray([tau]), tuple(a[None] for a in state))
    values = window.system.checks[1][0]
    here = [np.asarray(values @ y[0].T) for y in found.coefficients]
    return here, float(found.defects[0])


@pytest.mark.parametrize("count", [2, 3])
def test_panel_takes_polynomials_of_its_degree_exactly(count):
    rng = np.random.default_rng(0)
    p = np.polynomial.Polynomial(rng.standard_normal(12))
    nodes = np.cumsum(rng.uniform(0.2, 1.0, 12 // count))
    values = [p.deriv(k)(nodes) if k else p(nodes) for k in range(count)]
    c = hermite(nodes, values, 15)
    t = np.linspace(nodes[0], nodes[-1], 50)
    s = 2 * (t - nodes[0]) / (nodes[-1] - nodes[0]) - 1
    at = lambda c, s: np.polynomial.chebyshev.chebval(s, c)
    assert c.shape == (16,)
    assert_allclose(at(c, s), p(t), rtol=1e-8, atol=1e-8)
    # The first third of the panel as one of its own.
    assert_allclose(at(begun(c, 1 / 3), s), at(c, (s - 2) / 3), rtol=1e-9, atol=1e-9)


def test_field_in_time_is_what_was_added_and_stays_at_the_end(getkey):
    network = pinn.RandomFeatures(1, "scalar", 5, key=getkey())
    panels = Panels(network, (1.0, 3.0), (), 15)
    taus = np.linspace(0.0, 0.5, 11)
    a = np.arange(1.0, 7.0)
    readout = lambda s: np.sin(2 * s)[:, None, None] * a
    rate = lambda s: 2 * np.cos(2 * s)[:, None, None] * a
    for some in (taus[:6], taus[5:]):
        panels.add(some[-1], hermite(some, [readout(some), rate(some)], 15))
    field = panels.field()
    x = jnp.asarray([0.3])
    spatial = float(a[:-1] @ network.features(x) + a[-1])

    def both(times):
        return jax.vmap(lambda t: (field(t, x), dt(field)(t, x)))(times)

    tau = jnp.asarray([0.0, 0.123, 0.25, 0.25 + 1e-15, 0.4, 0.5, 0.7])
    values, rates = hurried(both, 1.0 + 2.0 * tau)
    held = np.minimum(tau, 0.5)
    assert_allclose(values, spatial * np.sin(2 * held), rtol=1e-10, atol=1e-12)
    assert_allclose(rates[:5], spatial * np.cos(2 * held[:5]), rtol=1e-8)
    assert float(rates[-1]) == 0.0


@pytest.mark.parametrize("stages", [2, 3])
def test_collocation_has_the_order_of_radau(stages):
    """y' = y cos t: order 2s - 1 at the ends of panels, here all of one length."""
    errors = []
    for n in (4, 8):
        right = lambda t, y: np.cos(t)[:, None] * y
        slopes = lambda t, y: np.cos([[t]])
        march = Collocation(right, slopes, stages, tolerance=1e-12)
        y = np.ones(1)
        for i in range(n):
            _, states, _ = march._solve(i / n, y, 1 / n, slopes(i / n, y))
            y = states[-1]
        errors.append(abs(y[0] - np.exp(np.sin(1.0))))
    order = np.log2(errors[0] / errors[1])
    assert abs(order - (2 * stages - 1)) < 0.5, errors


def test_collocation_integrates_polynomials_and_damps_the_stiff():
    c, a, *_ = tableau(15)
    for k in range(15):
        assert_allclose(a @ c**k, c ** (k + 1) / (k + 1), atol=1e-14)
    # y' = -1e8 (y - cos t) - sin t from y = 2: the solution is cos t at once.
    rate = np.asarray([[-1e8]])
    right = lambda t, y: 1e8 * (np.cos(t)[:, None] - y) - np.sin(t)[:, None]
    march = Collocation(right, lambda t, y: rate, 15, 1e-10, rate)
    tau, y, length, panels = 0.0, np.full(1, 2.0), 0.1, 0
    while tau < 1:
        panel = march.panel(tau, y, length)
        tau, y, length = panel.taus[-1], panel.states[-1], panel.length
        panels += 1
    assert_allclose(y, np.cos(1.0), atol=1e-10)
    assert tau == 1.0
    assert panels < 100


@pytest.mark.parametrize("begin", [0.3, 1 - 1e-6 / 3])
def test_collocation_ends_where_no_sum_of_few_halves_does(begin):
    """From any time on, also where panels are halves of halves: y' = -y."""
    rate = np.asarray([[-1.0]])
    march = Collocation(lambda t, y: -y, lambda t, y: rate, 15, 1e-12, rate)
    tau, y, length, panels = begin, np.ones(1), 1 / 16, 0
    while tau < 1:
        panel = march.panel(tau, y, length)
        tau, y, length = panel.taus[-1], panel.states[-1], panel.length
        panels += 1
    assert_allclose(y, np.exp(begin - 1), rtol=1e-12)
    assert tau == 1.0
    assert panels <= 12


def test_jacobian_of_the_modes_is_the_derivative_of_their_rate():
    front = lambda u, t, x: (
        dtt(u)(t, x) + u(t, x) * dt(u)(t, x) - (1 + t) * laplacian(u)(t, x)
    )
    walls = Dirichlet(ROD.boundary, lambda t, x: t * x[0])
    start = Initial(sine, rate=sine)
    window, state = window_of(rod_problem(front, [walls, start]))
    y = np.concatenate(state)
    direction = np.random.default_rng(0).standard_normal(len(y))
    direction[np.concatenate(state) == 0] = 0.0  # what fills the modes up
    jacobian = slopes_of(window.system, 0.3, y)
    parts = [np.split(a, 2) for a in (y, direction)]
    at = lambda *state: window.system(jnp.asarray(0.3), state)
    _, moved = hurried(lambda: jax.jvp(at, *map(tuple, parts)))
    assert_allclose(jacobian @ direction, np.concatenate(moved), rtol=1e-7, atol=1e-5)
    nearby = slope_of(window.system, np.full(2, 0.3), np.stack([y, y + 1e-7 * y]))
    expected = 1e-7 * jacobian @ y
    assert_allclose(nearby[1] - nearby[0], expected, atol=1e-5 * abs(expected).max())


def test_rows_of_a_march_are_those_of_its_field(getkey):
    method, problem = pinn.Evolve(features=12), pinn.problems.heat()
    residuals, field, points = start_of(method, problem)
    # Two panels on features of two windows.
    space = jax.tree.map(
        lambda a: jnp.concatenate([a, a + 0.1]) if eqx.is_array(a) else a, field.space
    )
    table = jr.normal(getkey(), (2, 16, 13)) / jnp.arange(1.0, 17.0)[None, :, None] ** 2
    start, stop = problem.time
    edges = jnp.linspace(start, stop, 3)
    half = jnp.diff(edges) / 2
    windows = jnp.arange(2, dtype=jnp.int32)
    field = Evolved(space, edges, edges[:-1] + half, 1 / half, table, windows)
    few = jax.tree.map(lambda a: np.asarray(a)[:40], points)
    at = EvolvedRows(residuals, field, few)
    expected = hurried(residuals.rows, field, few)
    size = np.abs(expected).max()
    assert_allclose(at.rows(at.start()), expected, atol=1e-10 * size)


def test_waves_are_as_fine_as_the_data_along_each_axis():
    start = lambda x: jnp.sin(20 * jnp.pi * x[0]) * jnp.sin(jnp.pi * x[1] / 2)
    problem = Problem(SQUARE, heat, [Initial(start)], time=(0.0, 1.0))
    fine, coarse = bandwidth(problem, (), 1)
    assert 10 * np.pi < fine < 20 * np.pi  # per half width
    assert coarse < 8


def test_what_a_march_is_chosen_for():
    def chosen(residual, conditions, shape=()):
        problem = rod_problem(residual, conditions)
        _, _, points = start_of(pinn.Evolve(), problem, shape)
        jets = analyse(problem, shape, points)
        choice = Choice(pinn.LeastSquares())
        found = marching(choice, problem, shape, jets, points)
        assert (found is choice) == isinstance(found.method, pinn.LeastSquares)
        return "" if found is choice else found.reason

    walls, start = Dirichlet(ROD.boundary, 0.0), Initial(sine)
    flow = lambda u, t, x: heat(u, t, x) + u(t, x) * partial(u, 0)(t, x)
    assert chosen(heat, [walls, start]) == ""
    assert "nonlinear" in chosen(flow, [walls, start])
    assert "second order" in chosen(wave, [walls, Initial(sine, rate=0.0)])
    assert "disagrees" in chosen(heat, [walls, Initial(1.0)])
    # Waves of i u_t + u_xx = 0 are not damped; those of u_t = (1 + i) u_xx are.
    for damping, marched in ((0.0, True), (1.0, False)):
        a = jnp.array([[damping, 1.0], [-1.0, damping]])
        matrix = lambda u, t, x, a=a: dt(u)(t, x) - a @ laplacian(u)(t, x)
        pair = Initial(lambda x: jnp.array([1.0, 0.0]) * sine(x))
        found = chosen(matrix, [walls, pair], (2,))
        assert ("carries its data" in found) == marched
    # What cannot be built into features is left to space and time at once.
    other = pinn.Condition(ROD.boundary, lambda u, t, x: u(t, x))
    assert chosen(flow, [other, start]) == ""


def test_rate_is_exact_where_the_solution_is_in_the_span():
    problem = rod_problem(heat, [Dirichlet(ROD.boundary, 0.0), Initial(sine)])
    window, state = window_of(problem)
    (values, rates), defect = seen(window, state)
    expected = np.sin(np.pi * np.asarray(window.system.checks[0]))
    assert_allclose(values, expected, atol=1e-9)
    # In the time that runs from 0 to 1.
    assert_allclose(rates, -0.5 * 0.3 * np.pi**2 * expected, atol=1e-6)
    assert defect < 1e-6


def test_conditions_hold_and_their_data_is_followed():
    inflow = lambda t, x: jnp.sin(7 * t)
    conditions = [
        Dirichlet(ROD.faces["left"], inflow),
        Neumann(ROD.faces["right"], lambda t, x: jnp.cos(t)),
        Initial(sine),  # it agrees with neither
    ]
    window, state = window_of(rod_problem(heat, conditions))
    y = np.asarray(window.system.coefficients(jnp.asarray(0.4), state)[0])
    readout = window.readout(y)[0]
    u = lambda x: readout[:-1] @ window.network.features(x) + readout[-1]
    assert_allclose(u(jnp.asarray([0.0])), np.sin(7 * 0.2), atol=1e-5)
    slope = jax.grad(lambda s: u(jnp.reshape(s, (1,))))(jnp.asarray(1.0))
    assert_allclose(slope, np.cos(0.2), atol=1e-5)


def test_heat_decays_and_waves_keep_their_energy():
    walls = Dirichlet(ROD.boundary, 0.0)
    window, state = window_of(rod_problem(heat, [walls, Initial(sine)]))
    decay = np.linalg.eigvals(slopes_of(window.system, 0.0, np.concatenate(state)))
    assert decay.real.max() <= 1e-9 * np.abs(decay).max()
    window, state = window_of(rod_problem(wave, [walls, Initial(sine, rate=0.0)]))
    turn = np.linalg.eigvals(slopes_of(window.system, 0.0, np.concatenate(state)))
    assert np.abs(turn.real).max() <= 1e-6 * np.abs(turn.imag).max()


def test_insulated_rod_keeps_its_heat():
    walls = Neumann(ROD.boundary, 0.0)
    bump = lambda x: jnp.cos(jnp.pi * x[0]) + 16 * x[0] ** 2 * (1 - x[0]) ** 2
    window, state = window_of(rod_problem(heat, [walls, Initial(bump)]))
    found = look(window.system, np.asarray([0.0]), (state[0][None],))
    nodes, weights = np.polynomial.legendre.leggauss(40)
    phi = jax.vmap(window.network.features)(jnp.asarray((nodes[:, None] + 1) / 2))
    readout = window.readout(found.coefficients[1][0])[0]
    mass = weights @ (np.asarray(phi) @ readout[:-1] + readout[-1]) / 2
    # The rate itself is about 1.
    assert abs(mass) < 1e-4


def test_systems_turn_component_by_component():
    def rotation(w, t, x):
        u, v = w(t, x)
        return dt(w)(t, x) - 3.0 * jnp.stack([-v, u]) - 0.1 * laplacian(w)(t, x)

    start = lambda x: jnp.stack([jnp.cos(x[0]), jnp.sin(x[1])])
    problem = Problem(SQUARE, rotation, [Initial(start)], time=(0.0, 2.0))
    window, state = window_of(problem, (2,))
    (values, rates), _ = seen(window, state)
    x = np.asarray(window.system.checks[0])
    u, v = np.cos(x[:, 0]), np.sin(x[:, 1])
    assert_allclose(values, np.stack([u, v], 1), atol=1e-6)
    expected = np.stack([-3 * v - 0.1 * u, 3 * u - 0.1 * v], 1)
    assert_allclose(rates, 2 * expected, atol=1e-2)


def test_template_has_the_structure_of_what_was_computed(getkey):
    """As `resume` needs it, whatever the numbers of panels and windows were."""
    method, problem = pinn.Evolve(), pinn.problems.heat()
    plan = method.plan(problem, (), 1e-6)
    start = method.default_field(problem, (), key=getkey())
    field = start.resized(128, 3)
    memory = method.origin(method.remember(plan), field)
    plan = method.recall(problem, (), 1e-6, json.loads(json.dumps(memory)))
    found = method.template(problem, (), plan)
    assert jax.tree.structure(found) == jax.tree.structure(field)
    for a, b in zip(*map(jax.tree.leaves, (found, field)), strict=True):
        assert jnp.shape(a) == jnp.shape(b) if eqx.is_array(a) else a is b


def test_heat_is_solved_to_its_tolerance_and_read_back(tmp_path):
    """With two programs for the features and none for anything else: each small
    operation that is left to JAX on its own is a program more."""
    problem, key = pinn.problems.heat(), jr.key(0)
    with compilations() as programs:
        solution = pinn.solve(problem, method=pinn.Evolve(), tol=1e-9, key=key)
    assert len(programs) <= 2
    report = solution.report
    assert report.reached
    assert report.relative_l2 <= 1e-9
    assert report.condition_violation < 1e-10
    pinn.save(tmp_path / "heat.npz", solution)
    loaded = pinn.load(tmp_path / "heat.npz", problem)
    for a, b in zip(*map(jax.tree.leaves, (loaded.field, solution.field)), strict=True):
        assert np.array_equal(a, b) if eqx.is_array(a) else a is b


@pytest.mark.slow
def test_wave_is_solved_to_its_tolerance_and_resumed(tmp_path):
    turn = lambda t: jnp.cos(2 * jnp.pi * t) + 0.3 * jnp.sin(2 * jnp.pi * t)
    exact = lambda t, x: turn(t) * sine(x)
    start = Initial(sine, rate=lambda x: 0.6 * jnp.pi * sine(x))
    conditions = [Dirichlet(ROD.boundary, 0.0), start]
    problem = rod_problem(wave, conditions, exact)
    method = pinn.Evolve()
    whole = pinn.solve(problem, method=method, tol=1e-8, key=jr.key(0))
    assert whole.report.reached
    assert whole.report.relative_l2 <= 1e-8

    def stop(record):
        if "note" in record:
            raise StopIteration

    part = pinn.solve(
        problem,
        method=method,
        tol=1e-8,
        key=jr.key(0),
        callbacks=[stop],
        checkpoint=tmp_path / "run",
    )
    assert part.result is pinn.Result.budget
    again = pinn.resume(tmp_path / "run", problem, method=method)
    fields = (eqx.filter(s.field, eqx.is_array) for s in (whole, again))
    for a, b in zip(*map(jax.tree.leaves, fields), strict=True):
        assert np.array_equal(a, b)


def test_blow_up_keeps_what_was_computed_and_says_when():
    growth = lambda u, t, x: dt(u)(t, x) - u(t, x) ** 2
    problem = Problem(ROD, growth, [Initial(1.0)], time=(0.0, 2.0))
    method = pinn.Evolve(features=20, tolerance=1e-8)
    residuals, field, points = start_of(method, problem)
    state = method.init(residuals, field, points, key=jr.key(2))
    while not method.done(state):
        state, _ = method.step(residuals, points, state)
    assert_allclose(2 * state.tau, 1.0, rtol=1e-4)
    assert f"t = {2 * state.tau:.6g}" in method.remark(state)
    found = hurried(method.field(state), jnp.asarray(0.5), jnp.asarray([0.4]))
    assert_allclose(found, 2.0, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("integrator", ["explicit", "implicit", "imex"])
def test_methods_of_diffrax_agree_with_collocation(integrator):
    flow = lambda u, t, x: heat(u, t, x) + u(t, x) * partial(u, 0)(t, x)
    problem = rod_problem(flow, [Dirichlet(ROD.boundary, 0.0), Initial(sine)])
    fields = []
    for name in ("collocation", integrator):
        method = pinn.Evolve(features=30, tolerance=1e-8, integrator=name)
        residuals, field, points = start_of(method, problem)
        state = method.init(residuals, field, points, key=jr.key(2))
        while not method.done(state):
            state, _ = method.step(residuals, points, state)
        fields.append(method.field(state))
    t, x = np.full(50, 0.37), np.linspace(0, 1, 50)[:, None]
    a, b = (derivatives_at(f, (t, x), ((),), np.ones(2))[0] for f in fields)
    assert_allclose(a, b, atol=1e-7)


@pytest.mark.slow
def test_features_follow_the_front_of_burgers():
    """Against the quotient of integrals of Cole and Hopf, as in Basdevant et al.,
    Computers & Fluids 14 (1986)."""
    nu, rod = 0.01 / np.pi, pinn.Interval(-1.0, 1.0)

    def burgers(u, t, x):
        u_t, u_x, u_xx = dt(u), partial(u, 0), laplacian(u)
        return u_t(t, x) + u(t, x) * u_x(t, x) - nu * u_xx(t, x)

    def exact(t, x):
        z = jnp.linspace(-20.0, 20.0, 2001)
        y = x[0] - z * jnp.sqrt(4 * nu * t)
        log = -jnp.cos(jnp.pi * y) / (2 * jnp.pi * nu) - z**2
        weight = jnp.exp(log - jnp.max(log))
        return -jnp.sum(jnp.sin(jnp.pi * y) * weight) / jnp.sum(weight)

    conditions = [
        Dirichlet(rod.boundary, 0.0),
        Initial(lambda x: -jnp.sin(jnp.pi * x[0])),
    ]
    problem = Problem(rod, burgers, conditions, time=(0.0, 1.0), exact=exact)
    method = pinn.Evolve(features=300, largest=300, placing=True)
    solution = pinn.solve(problem, method=method, key=jr.key(0))
    assert solution.report.relative_l2 < 3e-6


WALLS = Dirichlet(ROD.boundary, 0.0)


@pytest.mark.parametrize(
    ("residual", "conditions", "message"),
    [
        (lambda u, t, x: laplacian(u)(t, x), [Initial(sine)], "no time derivative"),
        (lambda u, t, x: dt(u)(t, x) ** 2 - 1, [Initial(sine)], "not affine"),
        (heat, [WALLS], "initial value is missing"),
        (wave, [WALLS, Initial(sine)], "initial rate is missing"),
        (heat, [WALLS, Initial(sine, rate=0.0)], "leave `rate` out"),
        (
            heat,
            [
                pinn.Condition(ROD.boundary, lambda u, t, x: dt(u)(t, x)),
                Initial(sine),
            ],
            "time derivative",
        ),
        (
            heat,
            [
                pinn.Condition(ROD.boundary, lambda u, t, x: u(t, x) ** 2),
                Initial(sine),
            ],
            "not affine",
        ),
    ],
)
def test_what_cannot_be_marched_is_refused(residual, conditions, message):
    problem = rod_problem(residual, conditions)
    with refused(message):
        window_of(problem)


def test_wrong_arguments_are_refused(getkey):
    with refused("`cut`"):
        pinn.Evolve(cut=2.0)
    with refused("`features`"):
        pinn.Evolve(features=0)
    with refused("`integrator`"):
        pinn.Evolve(integrator="euler")
    stationary = pinn.problems.poisson()
    with refused("without a time"):
        pinn.solve(stationary, method=pinn.Evolve(), key=getkey())
    network = pinn.RandomFeatures(2, "scalar", 5, key=getkey())
    with refused("`field`"):
        pinn.solve(pinn.problems.heat(), network, pinn.Evolve(), key=getkey())


def test_the_last_time_has_value_and_rate_of_the_panel_that_ends_there():
    network = pinn.RandomFeatures(
        1, "scalar", 1, bounds=([0.0], [1.0]), key=jax.random.key(0)
    )
    panels = Panels(network, (1.0, 3.0), (), 2)
    for end in (0.25, 0.5, 1.0):  # three panels, of which the field has room for four
        table = np.zeros((3, 1, 2))
        table[:, 0, 1] = 1.0, end, 0.5  # of the constant alone
        panels.add(end, table)
    field, x = panels.field(), jnp.array([0.5])
    assert len(field.windows) == 4
    # On [2, 3] it is 1 + s + (2 s^2 - 1)/2 with s = 2 t - 5.
    for t, value, rate in [(3.0, 2.5, 6.0), (2.5, 0.5, 2.0)]:
        assert_allclose(field(jnp.asarray(t), x), value, rtol=1e-13)
        assert_allclose(pinn.dt(field)(jnp.asarray(t), x), rate, rtol=1e-13)
