"""Each finding of the check: a problem that has it, and a near one that has it not."""

import contextlib

import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from jax.tree_util import Partial

import pinn
from pinn import Dirichlet, Neumann, laplacian, partial
from pinn._preflight import IDENTIFIERS

KEY = jr.key(0)
ROD = pinn.Interval(0.0, 1.0)
ENDS = [Dirichlet(ROD.boundary, 0.0)]
SQUARE = pinn.Box([0.0, 0.0], [1.0, 1.0])
LEFT, RIGHT = ROD.faces["left"], ROD.faces["right"]
stopped = jax.lax.stop_gradient


def poisson(u, x):
    return -laplacian(u)(x) - jnp.sin(x[0])


def look(
    residual=poisson,
    activation=jnp.tanh,
    conditions=ENDS,
    transform=None,
    bounds=True,
    exact=None,
    domain=ROD,
    time=None,
    points=None,
    within=contextlib.nullcontext,
    **options,
):
    """The findings on a small problem, by their identifiers."""
    problem = pinn.Problem(domain, residual, conditions, exact=exact, time=time)
    limits = problem.bounds if bounds else None
    net = pinn.MLP(problem.in_size, "scalar", 8, 1, activation, bounds=limits, key=KEY)
    if points is not None:
        options["points"] = {t.name: t.sample(points, key=KEY) for t in problem.terms}
    with within():
        field = net if transform is None else Partial(transform, net)
        report = pinn.preflight(problem, field, key=KEY, **options)
    return {f.id: f for f in report.findings}


def conduction(k):
    return lambda u, x: pinn.divergence(k * pinn.grad(u))(x) - 1.0


def with_rule(derivative):
    f = jax.custom_jvp(jnp.tanh)
    f.defjvp(lambda x, dx: (jnp.tanh(x[0]), derivative(x[0]) * dx[0]))
    return f


def reverse_only():
    f = jax.custom_vjp(jnp.tanh)
    slope = lambda s: 1 - jnp.tanh(s) ** 2
    f.defvjp(lambda s: (jnp.tanh(s), s), lambda s, bar: (slope(s) * bar,))
    return f


def of_points(value):
    """A condition on the bottom and one on the rest of a square, which meet."""
    bottom = SQUARE.faces["bottom"]
    rest = SQUARE.faces["left"] | SQUARE.faces["right"] | SQUARE.faces["top"]
    return [Dirichlet(bottom, value), Dirichlet(rest, 0.0)]


def heat(u, t, x):
    return pinn.dt(u)(t, x) - laplacian(u)(t, x)


AT_REST = [*ENDS, pinn.Initial(0.0)]
SEAM = pinn.Periodic(ROD)


def wave(u, t, x):
    return pinn.dtt(u)(t, x) - laplacian(u)(t, x)


def evolution(residual, *conditions):
    return {"residual": residual, "conditions": conditions, "time": (0.0, 1.0)}


def plane(residual):
    edge = [Dirichlet(SQUARE.boundary, 0.0)]
    return {"domain": SQUARE, "conditions": edge, "residual": residual}


COARSE = lambda: jax.default_matmul_precision("tensorfloat32")
FINE = lambda: jax.default_matmul_precision("highest")
SLOPE = lambda u, x: partial(u, 0)(x) - 1.0
THIRD = lambda u, x: partial(u, 0, 0, 0)(x) - 1.0
GRAD = pinn.grad
ROW, LAST = lambda x: jnp.stack([jnp.ones(()), x[0]]), jnp.array([0.0, 0.1])
NEVER = lambda u: jnp.maximum(jax.nn.softplus(u), 0.1 * jax.nn.softplus(u))

# For each finding severities and programs that have it, and others that have it not.
CASES = {
    "components": (
        [
            ("warning", plane(lambda u, x: GRAD(u)(x) - x)),
            (
                "warning",
                plane(lambda u, x: laplacian(u)(x) - x * u(x)),
            ),
        ],
        [
            {"residual": lambda u, x: laplacian(u)(x) - jnp.sin(x)},
            plane(lambda u, x: laplacian(u)(x) - x[1]),
        ],
    ),
    "contradictory-rows": (
        [
            ("error", plane(lambda u, x: u(x) - x)),
            # The second row is the first one times x, and another source.
            ("error", {"residual": lambda u, x: (laplacian(u)(x) - 1) * ROW(x) + LAST}),
            (
                "error",
                {"residual": lambda u, x: laplacian(u)(x) + u(x) ** 2 - jnp.arange(2)},
            ),
        ],
        [
            plane(lambda u, x: GRAD(u)(x) - x),
            {"residual": lambda u, x: (laplacian(u)(x) - 1) * ROW(x)},
            {"residual": lambda u, x: jnp.stack([laplacian(u)(x), 1e-9 * u(x)]) - 1},
        ],
    ),
    "vanishing-derivative": (
        [
            ("error", {"activation": jax.nn.relu}),
            ("error", {"activation": lambda s: s}),
            ("error", {"activation": jnp.square, "residual": THIRD}),
        ],
        [{"activation": jax.nn.relu, "residual": SLOPE}, {"activation": jnp.square}],
    ),
    "kinked-activation": (
        [
            ("warning", {"activation": jax.nn.elu}),
            ("error", {"activation": lambda s: jnp.tanh(s) + 0.1 * jnp.abs(s - 40)}),
            ("warning", {"activation": jax.nn.relu, "residual": SLOPE}),
            ("error", {"activation": jnp.sign, "residual": SLOPE}),
        ],
        [
            {"activation": lambda s: jax.nn.relu(s) ** 3},
            {"activation": lambda s: jnp.abs(s) * s**3},
            {"activation": lambda s: jnp.tanh(50 * s)},
        ],
    ),
    "kinked-field": (
        [
            ("error", {"transform": lambda u, x: u(jnp.abs(x - 0.3))}),
            ("error", {"transform": lambda u, x: jnp.clip(u(x), -1, 1)}),
            (
                "warning",
                {"transform": lambda u, x: jnp.maximum(x[0] - 0.5, 0) ** 2 * u(x)},
            ),
        ],
        [
            {"transform": lambda u, x: u(jnp.abs(x + 3.0))},
            {"transform": lambda u, x: NEVER(u(x))},
            {"transform": lambda u, x: x[0] * (1 - x[0]) * u(x)},
        ],
    ),
    "kinked-residual": (
        [
            (
                "error",
                {"residual": lambda u, x: laplacian(lambda y: jnp.abs(u(y)))(x) - 1.0},
            ),
            ("warning", {"residual": lambda u, x: jnp.abs(laplacian(u)(x)) - 1.0}),
            (
                "warning",
                {"residual": lambda u, x: jnp.linalg.norm(pinn.grad(u)(x)) - 1.0},
            ),
            ("warning", {"residual": lambda u, x: laplacian(u)(x) + jnp.floor(u(x))}),
        ],
        [
            {"residual": lambda u, x: laplacian(u)(x) + NEVER(u(x))},
            {"residual": lambda u, x: jnp.sum(pinn.grad(u)(x) ** 2) - 1.0},
            {"residual": lambda u, x: laplacian(u)(x) - jnp.abs(x[0] - 0.5)},
        ],
    ),
    "discontinuous-coefficient": (
        [
            (
                "ok",
                {
                    "residual": lambda u, x: (
                        laplacian(u)(x) - jnp.where(x[0] < 0.5, 1, 3)
                    )
                },
            ),
            ("ok", {"residual": lambda u, x: laplacian(u)(x) + u(x) * (x[0] > 0.5)}),
            ("warning", {"residual": conduction(lambda x: 1 + (x[0] > 0.5))}),
        ],
        [
            {"residual": lambda u, x: laplacian(u)(x) - jnp.tanh(50 * (x[0] - 0.5))},
            {"residual": conduction(lambda x: 2 + jnp.tanh(50 * (x[0] - 0.5)))},
        ],
    ),
    "wrong-derivative-rule": (
        [
            ("error", {"activation": lambda s: jnp.tanh(stopped(s)) + jnp.sin(s)}),
            ("error", {"activation": with_rule(lambda s: 1 - jnp.tanh(s))}),
        ],
        [
            {"activation": with_rule(lambda s: 1 - jnp.tanh(s) ** 2)},
            {"residual": lambda u, x: laplacian(u)(x) - stopped(jnp.sin(x[0]))},
        ],
    ),
    "difference-disagreement": (
        [("error", {"transform": lambda u, x: u(x) * stopped(1 + u(x) ** 2)})],
        [{"transform": lambda u, x: u(x) * (1 + u(x) ** 2)}],
    ),
    "mode-disagreement": (
        [("error", {"activation": reverse_only()})],
        [{"activation": with_rule(lambda s: 1 - jnp.tanh(s) ** 2)}],
    ),
    "dead-residual": (
        [
            ("error", {"residual": lambda u, x: jnp.sin(x[0])}),
            (
                "error",
                {"conditions": [*ENDS, pinn.Condition(LEFT, lambda u, x: x[0] - 1)]},
            ),
            # Zero whatever the field is, which is not to have it built in.
            (
                "error",
                {"conditions": [*ENDS, pinn.Condition(LEFT, lambda u, x: 0.0 * x[0])]},
            ),
        ],
        [
            {"residual": lambda u, x: jnp.sin(x[0]) + 1e-8 * laplacian(u)(x)},
            {"transform": lambda u, x: x[0] * (1 - x[0]) * u(x)},
        ],
    ),
    "non-finite": (
        [("error", {"residual": lambda u, x: laplacian(u)(x) - jnp.log(x[0] - 0.5)})],
        [{"residual": lambda u, x: laplacian(u)(x) - jnp.log(x[0] + 0.5)}],
    ),
    "saturated-units": (
        [("warning", {"activation": lambda s: jnp.tanh(1e4 * s)})],
        [{"activation": lambda s: jnp.tanh(3 * s)}, {"activation": jnp.sin}],
    ),
    "unscaled-inputs": (
        [
            ("warning", {"transform": lambda u, x: u(1e-4 * x)}),
            ("warning", {"domain": pinn.Interval(0.0, 1e4), "bounds": False}),
        ],
        [{"bounds": False}, {"domain": pinn.Interval(0.0, 1e4)}],
    ),
    "few-points": ([("warning", {"points": 3})], [{"points": 20}, {}]),
    "insufficient-precision": ([("error", {"tol": 1e-15})], [{"tol": 1e-12}]),
    "coarse-products": ([("warning", {"within": COARSE})], [{"within": FINE}]),
    "nonlocal-residual": (
        [("warning", {"residual": lambda u, x: laplacian(u)(x) + u(1.0 - x)})],
        [{"residual": lambda u, x: laplacian(u)(x) + u(1.0 * x) ** 2}],
    ),
    "missing-condition": (
        [
            ("warning", {"conditions": []}),
            ("warning", {"residual": heat, "time": (0.0, 1.0)}),
        ],
        [
            {"residual": heat, "conditions": AT_REST, "time": (0.0, 1.0)},
            {"residual": lambda u, x: u(x) - 1.0, "conditions": []},
        ],
    ),
    "uncovered-boundary": (
        [
            ("warning", {"conditions": [Dirichlet(LEFT, 0.0)]}),
            (
                "warning",
                {"domain": SQUARE, "conditions": [Dirichlet(SQUARE.faces["top"], 0.0)]},
            ),
        ],
        [
            {"conditions": [Dirichlet(LEFT, 0.0), Neumann(RIGHT, 1.0)]},
            {"residual": SLOPE, "conditions": [Dirichlet(LEFT, 0.0)]},
            {"domain": SQUARE, "conditions": of_points(0.0)},
        ],
    ),
    "contradictory-conditions": (
        [
            ("error", {"conditions": [*ENDS, Dirichlet(LEFT, 1.0)]}),
            ("warning", {"domain": SQUARE, "conditions": of_points(1.0)}),
        ],
        [
            {"conditions": [*ENDS, Dirichlet(LEFT, 0.0)]},
            {"conditions": [*ENDS, Neumann(LEFT, 1.0)]},
            {"domain": SQUARE, "conditions": of_points(lambda x: x[0] * (1 - x[0]))},
            {"residual": heat, "conditions": AT_REST, "time": (0.0, 1.0)},
        ],
    ),
    "incompatible-corner": (
        [
            ("warning", evolution(heat, *ENDS, pinn.Initial(lambda x: 1 + x[0]))),
            # u_xx = -2 at the ends, where u_t = 0.
            ("ok", evolution(heat, *ENDS, pinn.Initial(lambda x: x[0] * (1 - x[0])))),
            # The data on the boundary moves off, the equation does not.
            ("ok", evolution(heat, Dirichlet(LEFT, lambda t, x: t), pinn.Initial(0.0))),
            ("ok", evolution(wave, *ENDS, pinn.Initial(0.0, rate=1.0))),
        ],
        [
            evolution(heat, *AT_REST),
            evolution(heat, *ENDS, pinn.Initial(lambda x: jnp.sin(jnp.pi * x[0]))),
            evolution(
                heat,
                Dirichlet(LEFT, lambda t, x: jnp.exp(t)),
                pinn.Initial(lambda x: jnp.exp(x[0])),
            ),
            evolution(wave, *ENDS, pinn.Initial(0.0, lambda x: jnp.sin(jnp.pi * x[0]))),
            evolution(heat, Neumann(LEFT, 1.0), pinn.Initial(0.0)),
        ],
    ),
    "periodic-seam": (
        [
            ("ok", evolution(heat, SEAM, pinn.Initial(lambda x: x[0] * (1 - x[0])))),
            ("ok", evolution(heat, SEAM, pinn.Initial(1.0))),
            ("warning", evolution(heat, SEAM, pinn.Initial(lambda x: x[0]))),
            (
                "warning",
                evolution(
                    lambda u, t, x: heat(u, t, x) - x[0], SEAM, pinn.Initial(1.0)
                ),
            ),
        ],
        [evolution(heat, *AT_REST)],
    ),
    "wrong-exact-solution": (
        [("warning", {"exact": lambda x: jnp.sin(x[0])})],
        [{"exact": lambda x: jnp.sin(x[0]) - x[0] * jnp.sin(1.0)}],
    ),
}
# These are in every report, or say that nothing was found.
GOOD = {"equation-order", "smooth-activation", "live-residual", "finite-rows"}
FOUND = [(name, *case) for name, (found, _) in CASES.items() for case in found]
NEAR = [(name, case) for name, (_, near) in CASES.items() for case in near]


def test_every_finding_is_tested():
    assert {*CASES, *GOOD, "precision"} == set(IDENTIFIERS)


@pytest.mark.parametrize(("name", "severity", "case"), FOUND)
def test_what_is_wrong_is_found(name, severity, case):
    with jax.numpy_dtype_promotion("standard"):
        assert look(**case)[name].severity == severity


@pytest.mark.parametrize(("name", "case"), NEAR)
def test_what_is_near_and_right_is_not(name, case):
    with jax.numpy_dtype_promotion("standard"):
        assert name not in look(**case)


def test_a_sound_problem_has_the_good_findings_only():
    found = look()
    assert set(found) == {*GOOD, "precision"}
    assert {f.severity for f in found.values()} == {"ok"}


def test_single_precision_is_said_and_raises_no_other_alarm():
    with jax.enable_x64(False):
        rod = pinn.Interval(0.0, 1.0)
        exact = lambda x: jnp.sin(jnp.pi * x[0])
        residual = lambda u, x: -laplacian(u)(x) - jnp.pi**2 * exact(x)
        ends = [Dirichlet(rod.boundary, 0.0)]
        for activation in (jnp.tanh, lambda s: jnp.tanh(s), jax.nn.softplus):
            found = look(residual, activation, ends, domain=rod, exact=exact)
            wrong = {f.id: f.message for f in found.values() if f.severity != "ok"}
            assert set(wrong) == {"precision"}, wrong
        assert "32-bit" in found["precision"].message
        assert look(domain=rod, conditions=ends, tol=1e-7)["insufficient-precision"]
        relu = look(residual, jax.nn.relu, ends, domain=rod)
        assert relu["vanishing-derivative"].severity == "error"


@pytest.mark.parametrize("name", pinn.problems.names())
def test_problems_of_the_catalogue_pass(name):
    problem, shape = pinn.problems.get(name), ()
    field = pinn.LeastSquares().default_field(problem, shape, key=KEY)
    report = pinn.preflight(problem, field, key=KEY)
    assert [f for f in report.findings if f.severity != "ok"] == []


def test_lines_of_the_source_are_named():
    found = look(transform=lambda u, x: jnp.clip(u(x), -1.0, 1.0))
    assert "(test_preflight_findings.py:" in found["kinked-field"].message
    found = look(residual=lambda u, x: jnp.abs(laplacian(u)(x)) - 1.0)
    assert "(test_preflight_findings.py:" in found["kinked-residual"].message


def test_a_vector_that_nobody_asked_for_is_said():
    residual = lambda u, x: -laplacian(u)(x) - jnp.sin(x)
    everywhere = SQUARE.boundary
    cases = ((0.0, True, True), (0.0, False, False), (jnp.zeros(2), True, False))
    for value, own, said in cases:
        problem = pinn.Problem(SQUARE, residual, [Dirichlet(everywhere, value)])
        field = pinn.MLP(2, 2, 8, 1, bounds=problem.bounds, key=KEY)
        report = pinn.preflight(problem, field, key=KEY, own=own)
        found = {f.id: f for f in report.findings}
        assert ("components" in found) is said
        assert "2 rows at a point for 2 comp" in found["equation-order"].message


def test_an_error_is_overridden_by_its_name_and_stays_in_the_report():
    activation = lambda s: jnp.tanh(s) + 0.1 * jnp.abs(s)
    problem = pinn.Problem(ROD, poisson, ENDS)
    net = pinn.MLP(1, "scalar", 8, 1, activation, bounds=problem.bounds, key=KEY)
    report = pinn.preflight(problem, net, key=KEY)
    assert [f.id for f in report.errors] == ["kinked-activation"]
    allowed = report.allowing(("kinked-activation",))
    assert allowed.ok
    assert "allowed kinked-activation" in str(allowed)
