"""Networks of space whose parameters move in time."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import hurried, refused
from numpy.testing import assert_allclose

import pinn
from pinn import Dirichlet, Initial, Problem, dt, dtt, laplacian, partial
from pinn._equation import analyse, structure
from pinn._method._moving_steps import tableau
from pinn._method._settle import Linearised, settle
from pinn._network import moved
from pinn._points import PointSource
from pinn._residuals import Residuals
from pinn._weighting import by_operator

ROD = pinn.Interval(0.0, 1.0)


def heat(u, t, x):
    return dt(u)(t, x) - laplacian(u)(t, x)


def transport(u, t, x):
    return dt(u)(t, x) + 0.4 * partial(u, 0)(t, x)


def bump(t, x):
    return jnp.exp(-30 * (x[0] - 0.3 - 0.4 * t) ** 2)


def wave_of_space(x):
    return jnp.sin(jnp.pi * x[0])


def transported(time=(0.0, 1.0)):
    conditions = [
        Dirichlet(ROD.faces["left"], bump),
        Initial(lambda x: bump(0.0, x)),
    ]
    return Problem(ROD, transport, conditions, time=time, exact=bump)


def begun(problem, method, field=None):
    """The state that a solve starts from, and what its steps take."""
    if field is None:
        field = method.default_field(problem, (), key=jr.key(0))
    source = PointSource(problem, None, key=jr.key(1))
    points = source.draw(source.counts(method.number_of_points(field)))
    jets = analyse(problem, (), points)
    residuals = Residuals(problem, by_operator(problem, jets), structure(jets))
    state = method.init(residuals, field, points, key=jr.key(2))
    return residuals, points, state


def network(getkey, width=6):
    return pinn.MLP(1, "scalar", width, 1, key=getkey())


def test_field_is_polynomial_in_time_between_its_nodes(getkey):
    """The readout of a network moves as a polynomial of degree seven, which four nodes
    with their rates hold; and stays as it is at the end."""
    net = network(getkey)
    flat, unravel = jax.flatten_util.ravel_pytree(eqx.filter(net, eqx.is_array))
    mark = eqx.tree_at(
        lambda n: n.readout.weight,
        jax.tree.map(jnp.zeros_like, unravel(flat)),
        net.readout.weight,
    )
    along = np.asarray(jax.flatten_util.ravel_pytree(mark)[0])
    p = np.polynomial.Polynomial(np.linspace(0.3, 1.0, 8))
    times = [0.0, 0.2, 0.5, 0.9]
    thetas = [np.asarray(flat) + p(t) * along for t in times]
    field = moved(net, times, thetas, [p.deriv()(t) * along for t in times], 2.0)
    x = jnp.asarray([0.3])
    at = jnp.asarray([0.0, 0.1, 0.2, 0.77, 0.9, 1.7])
    values, rates = hurried(
        lambda at: jax.vmap(lambda t: (field(t, x), dt(field)(t, x)))(at), at
    )
    part = float(net.readout.weight @ net.features(x))
    held = np.minimum(np.asarray(at), 0.9)
    assert_allclose(values, float(net(x)) + p(held) * part, rtol=1e-10)
    assert_allclose(rates[:4], p.deriv()(held[:4]) * part, rtol=1e-8)
    assert float(rates[-1]) == 0.0


def test_step_leaves_what_is_allowed_and_is_the_least_that_does():
    """The discrepancy principle, against the parameter of Tikhonov found by itself."""
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((30, 8)) * 10.0 ** -np.arange(8)
    rows = matrix @ rng.standard_normal(8) + 1e-9 * rng.standard_normal(30)
    for aim in (1e-2, 1e-4):
        step, left, least = Linearised(matrix).step(rows, aim)
        assert_allclose(np.linalg.norm(rows + matrix @ step), left, rtol=1e-6)
        assert 0.9 * aim < left <= aim
        assert least < 1e-7
        # Stationary in ||r + M s||^2 + d ||s||^2: the two gradients are parallel.
        gradient = matrix.T @ (rows + matrix @ step)
        cosine = gradient @ step / np.linalg.norm(gradient) / np.linalg.norm(step)
        assert_allclose(cosine, -1.0, atol=1e-8)


def test_steps_settle_where_the_jacobian_is_singular():
    """Rows of a product of two parameters, from where one of them has no effect."""
    rows = lambda q: (None, np.asarray([q[0] * q[1] - 2.0, q[0] - 1.0]))
    slopes = lambda q: np.asarray([[q[1], q[0]], [1.0, 0.0]])
    found = settle(rows, slopes, np.asarray([0.0, 0.5]), 1e-10, jacobians=20)
    assert found.settled
    assert_allclose(found.theta, [1.0, 2.0], atol=1e-9)


def test_tableau_is_of_order_five_and_ends_with_its_last_stage():
    a, error, c = tableau()
    b = a[-1]
    assert_allclose(a.sum(axis=1), c, atol=1e-12)
    for k in range(1, 6):
        assert_allclose(b @ c ** (k - 1), 1 / k, rtol=1e-10)
    # The one to compare with is of order four.
    for k in range(1, 5):
        assert_allclose(error @ c ** (k - 1), 0.0, atol=1e-10)


@pytest.fixture(scope="module")
def march():
    """A bump on its way, by forty units."""
    method = pinn.NeuralGalerkin(width=40, tolerance=1e-5)
    problem = transported(time=(0.0, 0.5))
    residuals, points, state = begun(problem, method)
    while not method.done(state):
        state, _ = method.step(residuals, points, state)
    return method, problem, state


def test_bump_moves_with_its_units(march):
    method, problem, state = march
    field = method.field(state)
    points = problem.equation.sample(500, key=jr.key(3)).arguments
    found = hurried(jax.vmap(field), *points)
    exact = jax.vmap(bump)(*points)
    assert jnp.linalg.norm(found - exact) < 2e-4 * jnp.linalg.norm(exact)
    assert state.point.t == 0.5


def test_inflow_is_met_at_every_node(march):
    _, _, state = march
    ends = np.asarray([t for t, *_ in state.path])
    found = hurried(
        jax.vmap(lambda theta: state.rows.field(theta)(jnp.zeros(1))),
        jnp.stack([jnp.asarray(theta) for _, theta, _ in state.path]),
    )
    expected = jax.vmap(lambda t: bump(t, jnp.zeros(1)))(jnp.asarray(ends))
    assert_allclose(found, expected, atol=1e-4)


def test_parameters_move_as_the_flow_says(march):
    """The rates of the parameters give the rate of the equation at other points."""
    _, _, state = march
    _, theta, eta = state.path[len(state.path) // 2]
    x = jnp.linspace(0.05, 0.95, 40)[:, None]

    def both(theta, eta):
        u = lambda q: jax.vmap(state.rows.field(q))(x)
        slope = jax.vmap(jax.grad(lambda x: state.rows.field(theta)(x)))(x)
        return jax.jvp(u, (theta,), (eta,))[1], -0.4 * slope[:, 0]

    found, expected = hurried(both, jnp.asarray(theta), jnp.asarray(eta))
    assert jnp.linalg.norm(found - expected) < 1e-2 * jnp.linalg.norm(expected)


def test_template_has_the_structure_of_what_was_computed(march):
    """As `resume` needs it, whatever the number of steps was."""
    method, problem, state = march
    field = method.field(state)
    plan = method.plan(problem, (), None)
    memory = method.origin(method.remember(plan), field)
    plan = method.recall(problem, (), None, json.loads(json.dumps(memory)))
    found, array = method.template(problem, (), plan), eqx.is_array
    assert jax.tree.structure(found) == jax.tree.structure(field)
    shapes = lambda tree: [a.shape for a in jax.tree.leaves(eqx.filter(tree, array))]
    assert shapes(found) == shapes(field)


@pytest.mark.slow
def test_blow_up_keeps_what_was_computed_and_says_when():
    growth = lambda u, t, x: dt(u)(t, x) - u(t, x) ** 2
    problem = Problem(ROD, growth, [Initial(1.0)], time=(0.0, 2.0))
    method = pinn.NeuralGalerkin(width=8, tolerance=1e-4)
    residuals, points, state = begun(problem, method)
    while not method.done(state):
        state, _ = method.step(residuals, points, state)
    assert method.failed(state)
    assert_allclose(state.point.t, 1.0, rtol=1e-2)
    assert f"t = {state.point.t:.6g}" in method.remark(state)
    x = jnp.asarray([0.4])
    found = hurried(method.field(state), jnp.asarray(0.5), x)
    assert_allclose(found, 2.0, rtol=1e-2)


@pytest.mark.slow
def test_network_of_the_user_is_moved_and_resumed(getkey, tmp_path):
    problem = transported(time=(0.0, 0.1))
    net = pinn.MLP(1, "scalar", 14, 1, bounds=([0.0], [1.0]), key=jr.key(5))
    wide = eqx.tree_at(lambda n: n.hidden[0].weight, net, 6 * net.hidden[0].weight)
    method = pinn.NeuralGalerkin(tolerance=1e-4)
    options = {"method": method, "key": jr.key(0)}

    def stop(record):
        if "time" in record and record["time"] > 0:
            raise StopIteration

    part = pinn.solve(
        problem, wide, **options, callbacks=[stop], checkpoint=tmp_path / "run"
    )
    assert part.result is pinn.Result.budget
    again = pinn.resume(tmp_path / "run", problem, wide, method=method)
    assert again.result is pinn.Result.finished
    assert again.report.relative_l2 < 1e-2
    # And from the checkpoint of a solve that had ended.
    once = pinn.resume(tmp_path / "run", problem, wide, method=method)
    fields = (eqx.filter(s.field, eqx.is_array) for s in (again, once))
    for a, b in zip(*map(jax.tree.leaves, fields), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.slow
def test_heat_is_solved_to_its_tolerance():
    problem = pinn.problems.heat()
    method = pinn.NeuralGalerkin(activation=pinn.activations.sin, width=40)
    solution = pinn.solve(problem, method=method, tol=1e-6, key=jr.key(0))
    assert solution.report.reached
    assert solution.report.relative_l2 <= 1e-6


WALLS = Dirichlet(ROD.boundary, 0.0)


@pytest.mark.parametrize(
    ("residual", "conditions", "message"),
    [
        (
            lambda u, t, x: dtt(u)(t, x) - laplacian(u)(t, x),
            [WALLS, Initial(wave_of_space, rate=0.0)],
            "Evolve",
        ),
        (lambda u, t, x: laplacian(u)(t, x), [Initial(wave_of_space)], "no time deri"),
        (lambda u, t, x: dt(u)(t, x) ** 2 - 1, [Initial(wave_of_space)], "not affine"),
        (heat, [WALLS], "initial value is missing"),
        (
            heat,
            [
                pinn.Condition(ROD.boundary, lambda u, t, x: dt(u)(t, x)),
                Initial(wave_of_space),
            ],
            "time derivative",
        ),
    ],
)
def test_what_cannot_be_moved_is_refused(residual, conditions, message):
    problem = Problem(ROD, residual, conditions, time=(0.0, 0.5))
    with refused(message):
        begun(problem, pinn.NeuralGalerkin(width=5))


def test_wrong_arguments_are_refused(getkey):
    with refused("`scale`"):
        pinn.NeuralGalerkin(scale=0.0)
    with refused("`width`"):
        pinn.NeuralGalerkin(width=0)
    with refused("`tolerance`"):
        pinn.NeuralGalerkin(tolerance=-1.0)
    of_both = pinn.MLP(2, "scalar", 5, 1, key=getkey())
    with refused("function of `x`"):
        pinn.solve(transported(), of_both, pinn.NeuralGalerkin(), key=getkey())
