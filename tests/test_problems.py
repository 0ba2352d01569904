"""The catalogue: exact solutions solve their equations, whatever the options."""

import inspect

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import refused
from numpy.testing import assert_allclose

import pinn
from pinn import problems

OPTIONS = {
    "poisson": [
        {},
        {"dim": 1},
        {"dim": 5},
        {"frequency": 4.0},
        {"length": 1e-3, "shift": 0.1, "amplitude": 1e6},
    ],
    "heat": [
        {},
        {"diffusivity": 0.1, "duration": 2.0},
        {"length": 1e3, "shift": 1e5, "amplitude": 1e-6},
    ],
    "wave": [{}],
    "advection": [{}, {"speed": -3.0}],
    "burgers": [{"viscosity": 0.1}],
}


@pytest.mark.parametrize(
    ("name", "options"),
    [(name, options) for name, several in OPTIONS.items() for options in several],
)
def test_the_exact_solution_solves_the_problem(name, options):
    problem = problems.get(name, **options)
    amplitude = options.get("amplitude", 1.0)

    @jax.jit
    def relative_residuals(keys):
        found = []
        for term, key in zip(problem.terms, keys, strict=True):
            rows = term.sample(20, key=key)
            residual = lambda row, t=term: t.residual(problem.exact, row)
            leaves = jax.tree.leaves(jax.vmap(residual)(rows))
            found.append(jnp.max(jnp.abs(jnp.stack(leaves))))
        rows = problem.equation.sample(20, key=keys[0])
        laplacian = jax.vmap(pinn.laplacian(problem.exact))(*rows.arguments)
        return jnp.stack(found), jnp.max(jnp.abs(laplacian))

    found, size = relative_residuals(jr.split(jr.key(0), len(problem.terms)))
    size = size * options.get("diffusivity", 1.0)
    assert found[0] < 1e-9 * size  # far from the origin sin loses some digits
    assert np.max(found[1:]) < 1e-9 * amplitude


def test_names_find_their_problems():
    assert set(problems.names()) >= {"poisson", "heat", "poisson-holes"}
    for name in problems.names():
        problem = problems.get(name)
        assert isinstance(problem, pinn.Problem)
        assert problem.name == name
        sentence = problems.describe(name)
        assert sentence.endswith(".")
        assert "\n" not in sentence
    assert problems.get("poisson_holes").name == "poisson-holes"


def test_options_have_a_meaning():
    box = problems.get("poisson", dim=3, length=2.0, shift=5.0)
    assert_allclose(box.bounds, ([5.0] * 3, [7.0] * 3))
    exact = problems.get("poisson", dim=2, frequency=3, amplitude=7.0).exact
    assert_allclose(exact(jnp.full(2, 1 / 6)), 7.0)
    five = problems.get("poisson", dim=5).exact
    assert_allclose(five(jnp.full(5, 0.5)), 5.0)
    rod = problems.get("heat", length=2.0, duration=0.25)
    assert rod.time == (0.0, 1.0)
    start = problems.get("heat", amplitude=3.0).exact
    assert_allclose(start(jnp.asarray(0.0), jnp.array([0.5])), 3.0)


def test_every_option_is_documented():
    for name in problems.names():
        make = getattr(problems, name.replace("-", "_"))
        text = inspect.getdoc(make)
        for option in inspect.signature(make).parameters:
            assert f"\n{option}\n" in text


def test_the_plate_has_four_holes_with_normals_into_them(getkey):
    problem = problems.get("poisson-holes")
    names = [term.name for term in problem.terms]
    assert names == ["equation", "sides", "rims"]
    measures = [term.measure for term in problem.terms]
    assert_allclose(measures, [1 - 0.04 * np.pi, 4.0, 0.8 * np.pi], rtol=1e-6)
    rims = problem.terms[2].sample(64, key=getkey())
    inward = rims.arguments[0] + 1e-3 * rims.normal
    assert not jnp.any(jax.vmap(problem.domain.contains)(inward))


def test_the_reference_lies_on_the_plate_and_meets_the_conditions():
    points, values = problems.poisson_holes_reference()
    assert points.shape == (1246, 2)
    assert values.shape == (1246,)
    assert 0 <= values.min() < values.max() <= 1
    distance = jax.vmap(problems.get("poisson-holes").domain.signed_distance)(
        jnp.asarray(points)
    )
    assert jnp.max(distance) < 1e-3  # its rims are polygons
    on_sides = np.abs(np.abs(points).max(axis=1) - 0.5) < 1e-6
    assert_allclose(values[on_sides], 1.0, atol=1e-9)
    # The plate and its values have the symmetry of the square.
    corner = values[np.argsort(np.linalg.norm(points - 0.5, axis=1))[0]]
    other = values[np.argsort(np.linalg.norm(points + 0.5, axis=1))[0]]
    assert_allclose(corner, other, atol=1e-6)


@pytest.mark.slow
def test_the_plate_is_solved_to_the_accuracy_of_the_reference():
    solution = pinn.solve(problems.get("poisson-holes"), key=jr.key(0))
    assert solution.error(problems.poisson_holes_reference()) < 2e-3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "tol", "most"),
    [
        ("poisson", {}, None, 1e-9),
        ("heat", {}, None, 1e-9),
        ("poisson", {"frequency": 4.0}, 1e-7, 3e-7),
        ("poisson", {"dim": 5}, None, 1e-5),
    ],
)
def test_figures_of_the_catalogue(name, options, tol, most):
    solution = pinn.solve(problems.get(name, **options), tol=tol, key=jr.key(0))
    assert solution.report.relative_l2 < most
    assert tol is None or solution.report.reached


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: problems.get("poison"), "no problem 'poison'.*Did you mean 'poisson'"),
        (lambda: problems.get("navier"), "there are poisson, heat"),
        (lambda: problems.describe("hat"), "Did you mean 'heat'"),
        (
            lambda: problems.get("poisson", frequencey=2),
            "`poisson` has no option 'frequencey'; it has dim.*mean 'frequency'",
        ),
        (lambda: problems.get("poisson-holes", n=1), "it has none"),
        (lambda: problems.get("poisson", dim=0), "`dim` of `poisson`.*positive.*0"),
        (lambda: problems.get("poisson", dim=2.5), "`dim` of `poisson`.*2.5"),
        (lambda: problems.get("poisson", length=-1.0), "`length`.*positive.*-1"),
        (lambda: problems.get("poisson", length=float("inf")), "`length`"),
        (lambda: problems.get("poisson", amplitude="big"), "`amplitude`.*'big'"),
        (lambda: problems.get("heat", diffusivity=0.0), "`diffusivity`.*positive"),
        (lambda: problems.get("heat", duration=-1.0), "`duration`.*positive"),
        (lambda: problems.get("heat", shift=float("nan")), "`shift`.*finite"),
    ],
)
def test_errors_name_the_option(make, message):
    with refused(message):
        make()
