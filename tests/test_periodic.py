"""Periodic conditions: what they ask for, and evolutions in Fourier waves."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import evaluate, hurried, refused
from numpy.testing import assert_allclose

import pinn
from pinn import Dirichlet, Evolve, Initial, Periodic, Problem, dt, laplacian, partial
from pinn._equation import analyse, structure
from pinn._evaluate import at_points
from pinn._feature_rows import AutodiffRows, FeatureRows
from pinn._host import Hosted
from pinn._method._exponential import _nodes, integrals
from pinn._method._fourier import Waves, wave_numbers
from pinn._points import PointSource
from pinn._rate import rate_of
from pinn._seam import seams
from pinn._weighting import by_operator

KEY = jr.key(0)
RING = pinn.Interval(-1.0, 1.0)
BOX = pinn.Box([0.0, -1.0], [2.0, 1.0])


def kdv(u, t, x):
    u_xxx = partial(u, 0, 0, 0)
    return dt(u)(t, x) + u(t, x) * partial(u, 0)(t, x) + 0.1 * u_xxx(t, x)


def heat(u, t, x):
    return dt(u)(t, x) - 0.1 * laplacian(u)(t, x)


def poisson(u, x):
    return -laplacian(u)(x) + u(x)


def orders():
    return [
        (poisson, BOX, 0, 2),
        (lambda u, x: jnp.trace(jax.hessian(u)(x)), BOX, 1, 2),
        # Derivatives that are formed and not used do not count, mixed ones do.
        (lambda u, x: jax.hessian(u)(x)[0, 0] + jax.grad(u)(x)[1], BOX, 1, 1),
        (lambda u, x: partial(u, 0, 1, 1, 1)(x), BOX, 1, 3),
        (lambda u, x: partial(u, 0, 1, 1, 1)(x), BOX, 0, 1),
        (lambda v, x: jnp.stack([laplacian(v)(x)[0], v(x)[1]]), RING, 0, 2),
        (kdv, RING, 0, 3),
    ]


@pytest.mark.parametrize(("residual", "domain", "axis", "order"), orders())
def test_as_many_derivatives_agree_as_the_equation_asks_for(
    residual, domain, axis, order
):
    time = (0.0, 1.0) if residual is kdv else None
    problem = Problem(domain, residual, Periodic(domain, axis), time=time)
    assert problem.conditions[0].order == order
    assert (
        Problem(domain, residual, Periodic(domain, axis, order=4), time=time)
        .conditions[0]
        .order
        == 4
    )


def test_rows_are_jumps_of_the_field_and_its_derivatives():
    condition = Periodic(BOX, 1, order=3)
    problem = Problem(BOX, poisson, [condition])
    rows = problem.terms[1].sample(5, key=KEY)
    (x,), partner = rows.arguments, rows.partner
    assert_allclose(x[:, 1], -1.0)
    assert_allclose(partner[:, 1], 1.0)
    assert_allclose(partner[:, 0], x[:, 0])

    u = lambda x: jnp.exp(x[1]) * jnp.sin(x[0])
    found = jax.vmap(lambda row: problem.terms[1].residual(u, row))(rows)
    jump = jnp.sin(x[:, 0]) * (jnp.exp(-1.0) - jnp.exp(1.0))
    for name in ("u", "u_n", "u_nn"):
        assert_allclose(found[name], jump, rtol=1e-12)
    one = condition.residual(u, jax.tree.map(lambda a: a[0], rows).alone)
    assert_allclose(one["u_nn"], u(x[0]), rtol=1e-12)


@pytest.mark.slow
def test_fast_rows_equal_plain_ones():
    def residual(u, x):
        return -laplacian(u)(x) + u(x) ** 2

    problem, shape = Problem(BOX, residual, Periodic(BOX, 0, component=1)), (2,)
    source = PointSource(problem, None, key=KEY)
    points = source.draw({"equation": 30, "periodic": 7})
    jets = analyse(problem, shape, points)
    assert jets["periodic"].local
    assert jets["periodic"].affine
    rows = pinn.Residuals(problem, by_operator(problem, jets), structure(jets))
    net = pinn.RandomFeatures(2, 2, 20, bounds=problem.bounds, key=KEY)
    fast, plain = FeatureRows(rows, net, points), AutodiffRows(rows, net, points)
    field = fast.with_readout(fast.start())
    assert_allclose(fast.rows(fast.start()), rows.rows(field, points), atol=1e-12)
    r, matrix = fast.linearise(fast.start())
    s, other = plain.linearise(plain.start())
    assert_allclose(r, s, atol=1e-12)
    assert_allclose(np.sort(np.linalg.svd(matrix)[1]), np.sort(np.linalg.svd(other)[1]))


def refusals():
    disk = pinn.Disk([0.0, 0.0], 1.0)
    return [
        ("an `Interval` or a `Box`", lambda: Periodic(disk)),
        ("from 0 to 0", lambda: Periodic(RING, 1)),
        ("`order` of `Periodic`", lambda: Periodic(RING, order=0)),
        ("`weight` of `Periodic`", lambda: Periodic(RING, weight=-1.0)),
        (
            "a dirichlet condition on one of its faces",
            lambda: Problem(
                BOX, poisson, [Periodic(BOX, 0), Dirichlet(BOX.boundary, 0.0)]
            ),
        ),
        (
            "a periodic condition on one of its faces",
            lambda: Problem(BOX, poisson, [Periodic(BOX, 0), Periodic(BOX, 0)]),
        ),
        (
            "no part of the boundary",
            lambda: Problem(BOX - pinn.Disk([0.0, 0.0], 0.5), poisson, Periodic(BOX)),
        ),
        (
            "3 numbers here",
            lambda: pinn.PeriodicEmbedding(
                pinn.MLP(2, "scalar", 4, 1, key=KEY), BOX.bounds, (0,)
            ),
        ),
        (
            "`axes` of `PeriodicEmbedding`",
            lambda: pinn.PeriodicEmbedding(lambda y: y[0], BOX.bounds, (2,)),
        ),
    ]


@pytest.mark.parametrize(("message", "make"), refusals())
def test_wrong_use_is_refused(message, make):
    with refused(message):
        make()


def test_both_faces_count_as_covered():
    net = pinn.MLP(2, "scalar", 8, 1, bounds=BOX.bounds, key=KEY)
    others = Dirichlet(BOX.face(1, "lower") | BOX.face(1, "upper"), 0.0)
    for conditions, uncovered in (([Periodic(BOX), others], False), ([others], True)):
        report = pinn.preflight(Problem(BOX, poisson, conditions), net, key=KEY)
        assert any(f.id == "uncovered-boundary" for f in report.findings) == uncovered


def test_an_embedded_network_is_periodic_with_all_its_derivatives():
    net = pinn.MLP(4, "scalar", 8, 1, key=KEY)
    lower, upper = np.array([0.0, 0.0, -1.0]), np.array([1.0, 2.0, 1.0])
    field = pinn.PeriodicEmbedding(net, (lower, upper), (1,))
    problem = Problem(BOX, heat, Periodic(BOX, 1, order=3), time=(0.0, 1.0))
    rows = problem.terms[1].sample(4, key=KEY)
    jumps = hurried(jax.vmap(lambda row: problem.terms[1].residual(field, row)), rows)
    assert max(float(jnp.max(jnp.abs(a))) for a in jumps.values()) < 1e-11
    t, x = jnp.asarray(0.3), jnp.array([0.4, 0.2])
    trace = lambda t, x: jnp.trace(jax.hessian(field, argnums=1)(t, x))
    found, expected = evaluate([laplacian(field), trace], t, x)
    assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.slow
def test_an_embedded_readout_is_solved_for():
    exact = lambda x: jnp.exp(jnp.sin(jnp.pi * x[0]))
    problem = Problem(RING, lambda u, x: poisson(u, x) - poisson(exact, x), [])
    problem = eqx.tree_at(
        lambda p: p.exact, problem, exact, is_leaf=lambda a: a is None
    )
    net = pinn.RandomFeatures(2, "scalar", 60, key=KEY)
    field = pinn.PeriodicEmbedding(net, problem.bounds)
    solution = pinn.solve(problem, field, pinn.LeastSquares(), key=KEY)
    assert solution.report.relative_l2 < 1e-8


@pytest.mark.slow
def test_least_squares_on_a_ring():
    exact = lambda x: jnp.exp(jnp.sin(jnp.pi * x[0]))
    residual = lambda u, x: poisson(u, x) - poisson(exact, x)
    problem = Problem(RING, residual, Periodic(RING), exact=exact)
    solution = pinn.solve(problem, tol=1e-9, key=KEY)
    assert solution.report.reached
    assert solution.report.relative_l2 < 1e-9
    assert solution.report.condition_violation < 1e-9


@pytest.mark.parametrize(
    ("start", "order"),
    [
        (lambda x: jnp.cos(jnp.pi * x[0]), None),
        (lambda x: x[0], 0),
        (lambda x: x[0] ** 2 * jnp.cos(jnp.pi * x[0]), 1),
        (lambda x: x[0] ** 3 - x[0], 2),
        (lambda x: (1 - x[0] ** 2) ** 2, 3),
    ],
)
def test_the_lowest_derivative_that_jumps_is_found(start, order):
    problem = Problem(RING, heat, [Periodic(RING), Initial(start)], time=(0.0, 1.0))
    (seam,) = seams(problem, ())
    assert seam.order == order
    assert seam.what == ("" if order is None else "the initial data")


def test_exponential_weights_are_exact_for_any_decay():
    # y' = z y + g has the solution cos 3s for g = -3 sin 3s - z cos 3s.
    nodes, _ = _nodes(15)
    z = np.array([0, -1e-3, 5j, -30, -39.9, -40.1, 39.9j, 40.1j, -1e5 + 3j, 2.0])
    y = np.cos(3 * nodes)[:, None]
    g = -3 * np.sin(3 * nodes)[:, None] - z * y
    flow = np.exp(z * nodes[:, None])
    found = flow + np.einsum("ijz,jz->iz", integrals(z, nodes), g)
    assert_allclose(found, np.broadcast_to(y, found.shape), atol=2e-12, rtol=1e-12)


@pytest.mark.parametrize("dim", [1, 2])
def test_waves_differentiate_what_they_hold(dim):
    pairs = wave_numbers(dim, 3)
    assert len(pairs) == ((2 * 3 + 1) ** dim + 1) // 2
    assert len(np.unique(np.concatenate([pairs, -pairs]), axis=0)) == 7**dim
    domain = RING if dim == 1 else BOX
    seams = [Periodic(domain, axis) for axis in range(dim)]
    problem = Problem(domain, heat, [*seams, Initial(0.0)], time=(0.0, 2.0))
    waves = Waves(rate_of(problem, ()), problem, 3)
    x = waves.points
    values = np.sin(np.pi * x[:, 0]) + np.cos(np.pi * x.sum(axis=1))
    u = waves.transformed(values.reshape(1, *waves.grid))
    assert_allclose(waves.values(u).ravel(), values, atol=1e-13)
    assert_allclose(waves.norm(u), np.sqrt(np.mean(values**2)), rtol=1e-13)
    # With the linear part of the heat equation nothing is left to the source.
    waves.linearise(u)
    rate = waves.values(waves.linear * u).ravel()
    flow = np.sin(np.pi * x[:, 0]) + dim * np.cos(np.pi * x.sum(axis=1))
    assert_allclose(rate, -2.0 * 0.1 * np.pi**2 * flow, atol=1e-11)
    assert waves.norm(waves.source(np.zeros(1), u[None])[0]) < 1e-11


@pytest.fixture(scope="module")
def advected():
    problem = pinn.problems.advection()
    return problem, pinn.solve(problem, tol=1e-9, key=KEY)


def test_advection_marches_exactly(advected):
    problem, solution = advected
    report = solution.report
    assert report.method == "evolve"
    assert report.reached
    assert report.relative_l2 < 1e-12
    assert report.condition_violation < 1e-12
    assert_allclose(solution(1.0, jnp.array([0.5])), np.sin(0.5 - 40.0), atol=1e-12)
    # What is kept of it is enough to build its structure anew.
    method = Evolve()
    memory = method.origin({"found": []}, solution.field)
    plan = method.recall(problem, (), 1e-9, memory)
    shapes = lambda tree: [(a.shape, a.dtype) for a in jax.tree.leaves(tree)]
    assert shapes(method.template(problem, (), plan)) == shapes(solution.field)


@pytest.mark.slow
def test_marched_waves_have_the_rows_of_their_field():
    problem = Problem(
        RING,
        kdv,
        [Periodic(RING), Initial(lambda x: jnp.cos(jnp.pi * x[0]))],
        time=(0.0, 0.2),
    )
    solution = pinn.solve(problem, tol=1e-6, key=KEY)
    assert solution.report.reached
    field = solution.field
    points = PointSource(problem, None, key=KEY).draw(
        {"equation": 20, "periodic": 5, "initial": 5}
    )
    jets = analyse(problem, (), points)
    rows = pinn.Residuals(problem, by_operator(problem, jets), structure(jets))
    found, values = Evolve().judge(rows, field, points)
    size = float(jets["equation"].scale[0])
    plain = Hosted(lambda rows, field, points: rows.rows(field, points))
    assert_allclose(found, plain(rows, field, points), atol=1e-12 * size)
    assert_allclose(values.ravel(), at_points(field, points["equation"].arguments))


@pytest.mark.slow
def test_a_march_of_waves_is_resumed_bit_for_bit(advected, tmp_path):
    problem, whole = advected

    def stop(record):
        if "note" in record:
            raise StopIteration

    folder = tmp_path / "run"
    part = pinn.solve(problem, tol=1e-9, key=KEY, callbacks=[stop], checkpoint=folder)
    assert part.result is pinn.Result.budget
    again = pinn.resume(folder, problem)
    assert again.report.reached
    for a, b in zip(*map(jax.tree.leaves, (whole.field, again.field)), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("allen-cahn", 1e-6),
        ("korteweg-de-vries", 1e-7),
        ("kuramoto-sivashinsky", 1e-6),
    ],
)
def test_the_catalogue_agrees_with_its_tables(name, most):
    solution = pinn.solve(pinn.problems.get(name), tol=1e-6, key=KEY)
    assert solution.report.reached
    error = solution.error(pinn.problems.reference(name))
    assert error < most
    assert error < 3e-6


@pytest.mark.slow
def test_a_system_in_the_plane_is_marched_exactly():
    # u_t = Δu/10 - c v, v_t = Δv/10 + c u: a rotation of decaying waves.
    def rotating(w, t, x):
        turned = jnp.stack([-w(t, x)[1], w(t, x)[0]])
        return dt(w)(t, x) - 0.1 * laplacian(w)(t, x) - 3.0 * turned

    def exact(t, x):
        wave = jnp.sin(jnp.pi * (x[0] + 2 * x[1])) * jnp.exp(-0.5 * jnp.pi**2 * t)
        return wave * jnp.stack([jnp.cos(3 * t), jnp.sin(3 * t)])

    conditions = [Periodic(BOX, 0), Periodic(BOX, 1), Initial(lambda x: exact(0.0, x))]
    problem = Problem(BOX, rotating, conditions, time=(0.0, 1.0), exact=exact)
    solution = pinn.solve(problem, tol=1e-9, key=KEY)
    assert solution.report.relative_l2 < 1e-10
