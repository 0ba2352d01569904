"""The pre-flight check: what it must stop, what it must let pass, what it says."""

import dataclasses
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from helpers import disk, heat, poisson_2d, problem_of, refused

import pinn
from pinn import (
    Dirichlet,
    Finding,
    PreflightError,
    Problem,
    Report,
    activations as act,
    laplacian,
)
from pinn._preflight import IDENTIFIERS

SQUARE = pinn.Box([0.0, 0.0], [1.0, 1.0])
EDGE = [Dirichlet(SQUARE.boundary, 0.0)]
KEY = jr.key(0)


def network(problem, activation=act.tanh, out_size="scalar"):
    return pinn.MLP(
        problem.in_size, out_size, 8, 1, activation, bounds=problem.bounds, key=KEY
    )


def check(problem, activation=act.tanh, **options):
    return pinn.preflight(problem, network(problem, activation), key=KEY, **options)


def finding(report, identifier):
    (found,) = [f for f in report.findings if f.id == identifier]
    return found


@pytest.fixture(scope="module")
def poisson():
    return poisson_2d()


@pytest.fixture(scope="module")
def good(poisson):
    return check(poisson)


def test_a_sound_problem_passes(good):
    assert good.ok
    assert good.worst == "ok"
    assert good.errors == ()
    ids = [f.id for f in good.findings]
    assert ids[:2] == ["equation-order", "smooth-activation"]
    assert {"live-residual", "finite-rows", "precision"} <= set(ids)
    assert "2 in space; affine" in finding(good, "equation-order").message
    assert "64-bit" in finding(good, "precision").message


def test_the_report_is_a_table_and_plain_data(good):
    lines = str(good).splitlines()
    assert len(lines) == len(good.findings)
    assert all(line.startswith("ok ") for line in lines)
    plain = good.as_dict()
    assert plain["ok"] is True
    keys = {"id", "severity", "message", "advice"}
    assert all(set(f) == keys for f in plain["findings"])


def test_identifiers_are_listed_and_kebab_case(good):
    assert {f.id for f in good.findings} <= set(IDENTIFIERS)
    for identifier in IDENTIFIERS:
        assert identifier == identifier.lower().replace("_", "-")


def test_a_laplacian_of_zero_is_stopped(poisson):
    report = check(poisson, act.relu)
    assert not report.ok
    found = finding(report, "vanishing-derivative")
    assert found.severity == "error"
    for word in ("`relu`", "order 2", "Laplacian of exactly zero"):
        assert word in found.message
    assert sum(word in found.advice for word in ("`tanh`", "`gelu`", "`sin`")) >= 2


@pytest.mark.parametrize(
    ("activation", "identifier", "severity"),
    [
        (act.get("leaky_relu"), "vanishing-derivative", "error"),
        (act.get("elu"), "kinked-activation", "warning"),
        (act.get("hard_tanh"), "vanishing-derivative", "error"),
        (lambda s: jnp.tanh(s) + 0.1 * jnp.abs(s), "kinked-activation", "error"),
        (
            lambda s: jnp.tanh(s) * jax.lax.stop_gradient(1 + s**2),
            "wrong-derivative-rule",
            "error",
        ),
        (act.get("gelu"), "smooth-activation", "ok"),
        (act.get("softplus"), "smooth-activation", "ok"),
    ],
)
def test_activations_are_judged_by_the_order_of_the_equation(
    poisson, activation, identifier, severity
):
    assert finding(check(poisson, activation), identifier).severity == severity


def test_relu_serves_an_equation_without_derivatives():
    fit = Problem(SQUARE, lambda u, x: u(x) - jnp.sin(x[0]), [])
    assert check(fit, act.relu).ok


def test_the_order_in_time_counts_too():
    """u_tt of a network whose activation is C^1 in what the wave equation needs."""
    report = check(problem_of("wave"), act.get("elu"))
    assert finding(report, "kinked-activation")
    assert "2 in time and 2 in space" in report.findings[0].message


def test_a_foreign_network_is_judged_as_a_whole(poisson):
    """Without an attribute `activation`, along lines through the domain."""

    class Mine(eqx.Module):
        inner: eqx.nn.Linear
        sigma: object = eqx.field(static=True)

        def __call__(self, x):
            return jnp.sum(self.sigma(self.inner(x)))

    def judged(sigma):
        return pinn.preflight(
            poisson, Mine(eqx.nn.Linear(2, 12, key=KEY), sigma), key=KEY
        )

    assert judged(jnp.tanh).ok
    assert not judged(jax.nn.relu).ok


def test_an_equinox_network_with_its_default_activation_is_stopped(poisson):
    net = eqx.nn.MLP(2, "scalar", 8, 2, key=KEY)  # ReLU
    report = pinn.preflight(poisson, pinn.Concatenated(net), key=KEY)
    assert finding(report, "vanishing-derivative").severity == "error"


def test_a_dead_residual_is_stopped():
    forgotten = Problem(SQUARE, lambda u, x: jnp.sin(x[0]), EDGE)
    found = finding(check(forgotten), "dead-residual")
    assert found.severity == "error"
    assert "`equation`" in found.message


def test_a_dead_condition_is_stopped_by_name():
    dead = pinn.Condition(SQUARE.faces["left"], lambda u, x: x[1], name="inlet")
    report = check(Problem(SQUARE, lambda u, x: laplacian(u)(x), [dead]))
    assert "`inlet`" in finding(report, "dead-residual").message


def test_a_condition_is_built_in_or_dead():
    """A lift and a window meet it; the same lift, a little off, never will."""
    window = pinn.Field(lambda x: jnp.prod(x * (1 - x)))
    problem = Problem(SQUARE, lambda u, x: laplacian(u)(x), Dirichlet(EDGE[0].where, 1))

    def judged(lift):
        field = pinn.Field(lambda x: lift + 0 * x[0]) + window * network(problem)
        return pinn.preflight(problem, field, key=KEY)

    assert "`dirichlet`" in finding(judged(1.0), "live-residual").message
    assert "`dirichlet`" in finding(judged(1 + 1e-9), "dead-residual").message


def test_the_first_point_that_is_not_finite_is_printed():
    singular = lambda u, x: laplacian(u)(x) - jnp.log(x[0] - 0.5)
    report = check(Problem(SQUARE, singular, EDGE))
    found = finding(report, "non-finite")
    assert found.severity == "error"
    assert "`equation`" in found.message
    assert "x = [" in found.message
    place = found.message.split("x = [")[1].split("]")[0].split()
    assert float(place[0]) <= 0.5


def test_the_point_and_the_time_are_printed():
    rod = pinn.Interval(0.0, 1.0)
    singular = lambda u, t, x: pinn.dt(u)(t, x) + jnp.sqrt(0.5 - t)
    report = check(Problem(rod, singular, [pinn.Initial(0.0)], time=(0.0, 1.0)))
    assert "t = " in finding(report, "non-finite").message


def test_a_condition_that_is_not_finite_is_named():
    condition = Dirichlet(SQUARE.boundary, lambda x: 1 / x[0], name="rim")
    report = check(Problem(SQUARE, lambda u, x: laplacian(u)(x), [condition]))
    assert "`rim`" in finding(report, "non-finite").message


def test_nonlocal_residuals_are_a_warning():
    delayed = Problem(SQUARE, lambda u, x: laplacian(u)(x) + u(x / 2), EDGE)
    report = check(delayed)
    assert finding(report, "nonlocal-residual").severity == "warning"
    assert report.ok


def test_missing_conditions_are_a_warning():
    plain = heat()
    without = Problem(plain.domain, plain.residual, [], time=plain.time)
    found = finding(check(without), "missing-condition")
    assert found.severity == "warning"
    assert "pinn.Initial" in found.advice
    alone = Problem(SQUARE, lambda u, x: laplacian(u)(x), [])
    assert "pinn.Dirichlet" in finding(check(alone), "missing-condition").advice


def test_a_given_set_of_points_is_what_is_looked_at(poisson):
    points = {t.name: t.sample(20, key=KEY) for t in poisson.terms}
    rows = points["equation"].arguments[0].at[7, 0].set(jnp.nan)
    points["equation"] = pinn.RowInput((rows,))
    found = finding(check(poisson, points=points), "non-finite")
    assert "1 of 20 points" in found.message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: pinn.MLP(3, "scalar", 4, 1, key=KEY), "`field`.*takes 3 numbers"),
        (lambda p: 3.0, "`field` takes a network.*float"),
        (lambda p: jnp.zeros(3), "`field` takes a network"),
        (lambda p: lambda t, x: x[0], "`field` is called as u"),
    ],
)
def test_a_field_that_cannot_be_called_is_refused(poisson, make, message):
    with refused(message):
        pinn.preflight(poisson, make(poisson), key=KEY)


def test_a_network_of_one_array_is_to_be_wrapped():
    with refused(r"`pinn.Concatenated\(net\)`"):
        pinn.preflight(
            heat(), eqx.nn.MLP(2, "scalar", 4, 1, jnp.tanh, key=KEY), key=KEY
        )


def test_a_field_of_the_wrong_shape_is_refused():
    """By the exact solution if there is one, else by the first datum that differs."""
    problem = disk()
    net = network(problem, out_size=2)
    with refused(r"`field` has the shape \(2,\).*`out_size`"):
        pinn.preflight(problem, net, key=KEY)
    with refused("`value` of `Dirichlet` has shape"):
        pinn.preflight(dataclasses.replace(problem, exact=None), net, key=KEY)


# The report itself.


def test_allowing_overrides_by_name():
    report = Report(
        (
            Finding("dead-residual", "error", "a", "b"),
            Finding("non-finite", "error", "c", "d"),
            Finding("precision", "warning", "e"),
        )
    )
    assert report.worst == "error"
    assert not report.allowing(("dead-residual",)).ok
    both = report.allowing(("dead-residual", "non-finite"))
    assert both.ok
    assert str(both).startswith("allowed ")
    assert [f.severity for f in both.findings] == ["error", "error", "warning"]
    with refused(r"`allow` names the unknown finding 'ded-residual'.*dead-residual"):
        report.allowing(("ded-residual",))


def test_the_error_says_what_why_and_the_way_out(poisson):
    report = check(poisson, act.relu)
    error = PreflightError(report)
    assert error.report is report
    text = str(error)
    assert "vanishing-derivative: " in text
    assert "`tanh`" in text
    assert "'vanishing-derivative'" in text.split("allow=[")[1]


def test_smoothness_is_public():
    assert pinn.smoothness(act.tanh).order == math.inf
    assert pinn.smoothness(act.relu).order == 0


def test_the_exact_solution_may_be_a_module_with_arrays():
    rod = pinn.Interval(0.0, 1.0)
    exact = pinn.RandomFeatures(1, "scalar", 3, key=jr.key(0))
    residual = lambda u, x: pinn.partial(u, 0)(x) - pinn.partial(exact, 0)(x)
    conditions = [pinn.Dirichlet(rod.faces["left"], exact)]
    problem = pinn.Problem(rod, residual, conditions, exact=exact)
    field = pinn.RandomFeatures(1, "scalar", 4, key=jr.key(1))
    assert pinn.preflight(problem, field, key=jr.key(2)).ok
