"""Conserved quantities: integrals over the domain, and how much they change."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import refused, solution_of

import pinn
from pinn._conserved import changes, integrals

ROD = pinn.Interval(0.0, 2.0)
MASS = {"mass": lambda u, t, x: u(t, x), "energy": lambda u, t, x: u(t, x) ** 2}


def heat(u, t, x):
    return pinn.dt(u)(t, x) - pinn.laplacian(u)(t, x)


def problem(domain, conserved=MASS, time=(0.0, 1.0)):
    conditions = [pinn.Neumann(domain.boundary, 0.0), pinn.Initial(1.0)]
    return pinn.Problem(domain, heat, conditions, time=time, conserved=conserved)


def cooling(t, x):
    """A solution of the heat equation with insulated ends."""
    rate = jnp.pi / 2
    return 3.0 + jnp.exp(-(rate**2) * t) * jnp.cos(rate * x[0])


def test_a_solution_keeps_its_mass_and_loses_energy_as_it_must():
    times = np.array([0.0, 0.3, 1.0])
    found = integrals(problem(ROD), cooling, times)
    np.testing.assert_allclose(found["mass"], 6.0, rtol=1e-14)
    decay = np.exp(-2 * (np.pi / 2) ** 2 * times)
    np.testing.assert_allclose(found["energy"], 18.0 + decay, rtol=1e-13)
    change = changes(problem(ROD), cooling)
    assert change["mass"] < 1e-14
    expected = (1 - np.exp(-2 * (np.pi / 2) ** 2)) / 19.0
    assert change["energy"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("domain", "value", "tolerance"),
    [
        # The integrals of x_0^2 over the shapes.
        (pinn.Box([0.0, 0.0], [1.0, 2.0]), 2 / 3, 1e-13),
        (pinn.Disk([0.0, 0.0], 2.0), 4 * np.pi, 1e-13),
        (pinn.Ball([0.0, 0.0, 0.0], 1.0), 4 * np.pi / 15, 1e-5),
        (
            pinn.Disk([0.0, 0.0], 2.0) - pinn.Disk([0.0, 0.0], 1.0),
            15 * np.pi / 4,
            1e-3,
        ),
    ],
    ids=["box", "disc", "ball", "ring"],
)
def test_integrals_over_shapes(domain, value, tolerance):
    density = {"moment": lambda u, t, x: u(t, x)}
    found = integrals(problem(domain, density), lambda t, x: t * x[0] ** 2, [1.0, 2.0])
    np.testing.assert_allclose(found["moment"], [value, 2 * value], rtol=tolerance)


def test_vectors_are_integrated_by_component():
    momentum = {"momentum": lambda u, t, x: jnp.stack([u(t, x), t * u(t, x)])}
    found = integrals(problem(ROD, momentum), cooling, 1.0)
    np.testing.assert_allclose(found["momentum"], [[6.0, 6.0]], rtol=1e-13)


@pytest.mark.slow
def test_the_report_and_the_solution_tell():
    field = pinn.RandomFeatures(
        2, "scalar", 40, bounds=problem(ROD).bounds, key=jax.random.key(1)
    )
    solution = pinn.solve(problem(ROD), field, key=jax.random.key(0), progress=False)
    change = solution.report.conserved
    assert set(change) == {"mass", "energy"}
    curve = solution.conserved(np.linspace(0, 1, 17))["mass"]
    largest = np.max(np.abs(curve - curve[0])) / np.max(curve)
    assert change["mass"] == pytest.approx(largest, rel=1e-6)
    assert "change of mass" in str(solution.report)
    assert solution.report.as_dict()["conserved"] == change


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time": None}, "`conserved` needs a problem with a time"),
        ({"conserved": ["mass"]}, "`conserved` takes densities by name"),
        ({"conserved": {"mass": 1.0}}, "`conserved` takes densities by name"),
        ({"conserved": {"mass": lambda u: u}}, r"`conserved\['mass'\]` is called"),
    ],
)
def test_what_names_no_density_is_refused(options, message):
    arguments = {"time": (0.0, 1.0), "conserved": MASS, **options}
    with refused(message):
        pinn.Problem(ROD, lambda u, *point: u(*point), [], **arguments)


def test_a_solution_without_any_says_how():
    with refused("names nothing"):
        solution_of("poisson_1d").conserved(0.0)
