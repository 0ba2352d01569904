"""How good solutions say they are, beside how good they are.

    python tests/benchmarks/estimates.py                      # a table
    python tests/benchmarks/estimates.py --only burgers       # rows by name
    python tests/benchmarks/estimates.py --seeds 3 --tol 1e-4 1e-7

Every problem has an exact solution. An estimate is too small where the ratio of it to
the error is below 1/3, and too large above 30; "reached" is to mean an error of at
most three tolerances.
"""

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
from evolve import advection, corner, layered, ring, two_scales
from methods import bratu, cubic

import pinn
from pinn import (
    Dirichlet,
    Initial,
    Interval,
    Neumann,
    Periodic,
    Problem,
    Robin,
    dt,
    dtt,
    laplacian,
    partial,
)

jax.config.update("jax_enable_x64", True)

ROD = Interval(0.0, 1.0)
LONG = Interval(-1.0, 1.0)
SQUARE = pinn.Box([0.0, 0.0], [1.0, 1.0])


def start(exact):
    return lambda x: exact(jnp.zeros(()), x)


def forced(domain, operator, exact, conditions, time=None):
    """A problem whose source is the operator of its solution."""
    if time is None:
        residual = lambda u, x: operator(u, x) - operator(exact, x)
    else:
        residual = lambda u, t, x: operator(u, t, x) - operator(exact, t, x)
    return Problem(domain, residual, conditions, time=time, exact=exact)


def dirichlet(domain, operator, exact, time=None):
    conditions = [Dirichlet(domain.boundary, exact)]
    if time is not None:
        conditions.append(Initial(start(exact)))
    return forced(domain, operator, exact, conditions, time)


# Evolutions.


def heat_robin():
    k = 0.8603335890193797  # k tan k = 1, from u_x = -u at the right end
    exact = lambda t, x: jnp.exp(-(k**2) * t) * jnp.cos(k * x[0])
    conditions = [
        Neumann(ROD.faces["left"], 0.0),
        Robin(ROD.faces["right"], 1.0, 1.0, 0.0),
        Initial(start(exact)),
    ]
    heat = lambda u, t, x: dt(u)(t, x) - laplacian(u)(t, x)
    return Problem(ROD, heat, conditions, time=(0.0, 1.0), exact=exact)


def heat_variable():
    exact = lambda t, x: jnp.exp(-t) * jnp.sin(3 * x[0] + t) / (1.2 + x[0])

    def operator(u, t, x):
        flux = (1 + x[0] ** 2) * laplacian(u)(t, x) + 2 * x[0] * partial(u, 0)(t, x)
        return dt(u)(t, x) - flux

    return dirichlet(ROD, operator, exact, (0.0, 1.0))


def advected_bump():
    """A bump that moves through and hardly spreads."""
    nu, a, s = 1e-3, 1.0, 0.002

    def exact(t, x):
        wide = s + 4 * nu * t
        return jnp.sqrt(s / wide) * jnp.exp(-((x[0] - 0.2 - a * t) ** 2) / wide)

    def operator(u, t, x):
        return dt(u)(t, x) + a * partial(u, 0)(t, x) - nu * laplacian(u)(t, x)

    conditions = [Dirichlet(ROD.boundary, exact), Initial(start(exact))]
    return Problem(ROD, operator, conditions, time=(0.0, 0.5), exact=exact)


def damped_wave():
    gamma = 1.0
    omega = math.sqrt((3 * math.pi) ** 2 - gamma**2)

    def exact(t, x):
        swing = jnp.cos(omega * t) + gamma / omega * jnp.sin(omega * t)
        return jnp.exp(-gamma * t) * swing * jnp.sin(3 * jnp.pi * x[0])

    def operator(u, t, x):
        return dtt(u)(t, x) + 2 * gamma * dt(u)(t, x) - laplacian(u)(t, x)

    conditions = [Dirichlet(ROD.boundary, 0.0), Initial(start(exact), rate=0.0)]
    return Problem(ROD, operator, conditions, time=(0.0, 2.0), exact=exact)


def burgers(viscosity):
    return lambda: pinn.problems.burgers(viscosity=viscosity / math.pi)


def periodic_burgers():
    r"""By Cole and Hopf, from the potential $1 + e^{-\nu t} \cos(x) / 2$."""
    ring, nu = Interval(0.0, 2 * jnp.pi), 0.05

    def exact(t, x):
        decay = 0.9 * jnp.exp(-nu * t)
        return 2 * nu * decay * jnp.sin(x[0]) / (1 + decay * jnp.cos(x[0]))

    def operator(u, t, x):
        return dt(u)(t, x) + u(t, x) * partial(u, 0)(t, x) - nu * laplacian(u)(t, x)

    conditions = [Periodic(ring), Initial(start(exact))]
    return Problem(ring, operator, conditions, time=(0.0, 4.0), exact=exact)


def fisher():
    """A front of the stiff Fisher equation, of Ablowitz and Zeppetella."""
    r = 400.0
    k, c = math.sqrt(r / 6), 5 * math.sqrt(r / 6)
    exact = lambda t, x: (1 + jnp.exp(k * (x[0] - 0.2 - c * t))) ** -2.0

    def operator(u, t, x):
        return dt(u)(t, x) - laplacian(u)(t, x) - r * u(t, x) * (1 - u(t, x))

    conditions = [Dirichlet(ROD.boundary, exact), Initial(start(exact))]
    return Problem(ROD, operator, conditions, time=(0.0, 0.01), exact=exact)


def bistable():
    """A travelling front of Allen and Cahn's equation with a bias."""
    e, a = 0.03, 0.3
    c = (1 - 2 * a) / math.sqrt(2) * e

    def exact(t, x):
        s = (x[0] - 0.3 - c * t) / e
        return 0.5 - 0.5 * jnp.tanh(s / (2 * math.sqrt(2)))

    def operator(u, t, x):
        v = u(t, x)
        return dt(u)(t, x) - e**2 * laplacian(u)(t, x) - v * (1 - v) * (v - a)

    conditions = [Dirichlet(ROD.boundary, exact), Initial(start(exact))]
    return Problem(ROD, operator, conditions, time=(0.0, 10.0), exact=exact)


def coupled():
    """Two heat equations that turn into one another."""

    def exact(t, x):
        wave = jnp.exp(-(jnp.pi**2) * t) * jnp.sin(jnp.pi * x[0])
        return wave * jnp.stack([jnp.cos(5 * t), jnp.sin(5 * t)])

    def operator(u, t, x):
        v = u(t, x)
        turned = 5 * jnp.stack([-v[1], v[0]])
        return dt(u)(t, x) - laplacian(u)(t, x) - turned

    conditions = [Dirichlet(ROD.boundary, 0.0), Initial(start(exact))]
    return Problem(ROD, operator, conditions, time=(0.0, 0.5), exact=exact)


def diffusion_in_a_strip():
    """Diffusion in less than a thirtieth of the domain, decay elsewhere."""
    exact = lambda t, x: jnp.exp(-t) * jnp.cos(4 * x[0])

    def operator(u, t, x):
        diffusivity = jnp.exp(-(((x[0] - 0.71) / 0.01) ** 2))
        diffusivity = jnp.where(jnp.abs(x[0] - 0.71) < 0.02, diffusivity, 0.0)
        return dt(u)(t, x) - diffusivity * laplacian(u)(t, x)

    conditions = [Initial(start(exact))]
    return forced(ROD, operator, exact, conditions, (0.0, 1.0))


# Stationary problems.


def poisson_robin():
    exact = lambda x: jnp.exp(jnp.sin(5 * x[0]))

    def operator(u, x):
        return (1 + x[0]) * laplacian(u)(x) + partial(u, 0)(x)

    def at_right(x):
        return 2.0 * exact(x) + partial(exact, 0)(x)

    conditions = [
        Dirichlet(ROD.faces["left"], exact),
        Robin(ROD.faces["right"], 2.0, 1.0, at_right),
    ]
    return forced(ROD, operator, exact, conditions)


def boundary_layer(epsilon):
    def problem():
        exact = lambda x: (
            x[0]
            - (jnp.exp((x[0] - 1) / epsilon) - math.exp(-1 / epsilon))
            / (1 - math.exp(-1 / epsilon))
        )
        residual = lambda u, x: -epsilon * laplacian(u)(x) + partial(u, 0)(x) - 1.0
        return Problem(ROD, residual, [Dirichlet(ROD.boundary, 0.0)], exact=exact)

    return problem


def reaction_layer():
    epsilon = 0.02
    exact = lambda x: 1 - jnp.cosh((x[0] - 0.5) / epsilon) / math.cosh(0.5 / epsilon)
    residual = lambda u, x: -(epsilon**2) * laplacian(u)(x) + u(x) - 1.0
    return Problem(ROD, residual, [Dirichlet(ROD.boundary, 0.0)], exact=exact)


def resonant(delta):
    def problem():
        exact = lambda x: jnp.sin(3 * x[0]) * (1 - x[0]) * jnp.exp(x[0])
        operator = lambda u, x: laplacian(u)(x) + math.pi**2 * (1 + delta) * u(x)
        return dirichlet(ROD, operator, exact)

    return problem


def steady_burgers(viscosity):
    def problem():
        exact = lambda x: -jnp.tanh(x[0] / (2 * viscosity))
        residual = lambda u, x: u(x) * partial(u, 0)(x) - viscosity * laplacian(u)(x)
        return Problem(LONG, residual, [Dirichlet(LONG.boundary, exact)], exact=exact)

    return problem


def on_a_ring():
    ring = Interval(0.0, 2 * jnp.pi)
    exact = lambda x: jnp.exp(jnp.cos(x[0])) * jnp.sin(2 * x[0])
    operator = lambda u, x: -laplacian(u)(x) + (2 + jnp.sin(x[0])) * u(x)
    return forced(ring, operator, exact, [Periodic(ring)])


def stokes_like():
    """Two coupled components with mixed derivatives."""
    exact = lambda x: jnp.stack(
        [jnp.sin(2 * x[0] + x[1]), jnp.cos(x[0]) * jnp.exp(x[1])]
    )

    def operator(u, x):
        mixed = jnp.stack([partial(u, 0, 1)(x)[1], partial(u, 0, 1)(x)[0]])
        return -laplacian(u)(x) + 0.5 * mixed

    return dirichlet(SQUARE, operator, exact)


def corner_singularity():
    """On an L, a solution whose gradient is infinite in the corner."""
    shape = pinn.Box([-1.0, -1.0], [1.0, 1.0]) - pinn.Box([0.0, -1.0], [1.0, 0.0])

    def exact(x):
        angle = jnp.arctan2(x[1], x[0])
        angle = jnp.where(angle < -1e-9, angle + 2 * jnp.pi, angle)
        return jnp.sum(x**2) ** (1 / 3) * jnp.sin(2 * angle / 3)

    residual = lambda u, x: laplacian(u)(x)
    conditions = [Dirichlet(shape.boundary, exact)]
    return Problem(shape, residual, conditions, exact=exact)


def waves():
    exact = lambda x: jnp.sin(10 * x[0] + 3) * jnp.cos(8 * x[1] - 1)
    operator = lambda u, x: laplacian(u)(x) + 90.0 * u(x)
    return dirichlet(SQUARE, operator, exact)


# Fields that are given, whose error is estimated by the correction they ask for.


def network(width, depth=2, **options):
    def field(problem, key):
        net = pinn.MLP(
            problem.in_size, "scalar", width, depth, bounds=problem.bounds, key=key
        )
        return pinn.Symmetric(net, **options) if options else net

    return field


def odd_front(problem, key):
    net = network(20, 2)(problem, key)
    initial = pinn.Field(lambda t, x: -jnp.sin(jnp.pi * x[0]))
    window = pinn.Field(lambda t, x: t * (1 - x[0] ** 2))
    return initial + window * pinn.Symmetric(net, odd=True)


@dataclass(frozen=True)
class Row:
    problem: Callable[[], Any]
    tols: tuple[float | None, ...]
    method: Any = None
    field: Callable[..., Any] | None = None
    error: Callable[[Any], float] = lambda solution: solution.report.relative_l2


MARCH, MOVE = pinn.Evolve(), pinn.NeuralGalerkin()
TRAIN = lambda steps: pinn.LevenbergMarquardt(steps=steps)

ROWS = {
    "heat": Row(pinn.problems.heat, (1e-4, 1e-10)),
    "heat, march": Row(pinn.problems.heat, (1e-4, 1e-10), MARCH),
    "heat, incompatible": Row(corner, (1e-3, 1e-5), MARCH, error=layered),
    "heat, Robin": Row(heat_robin, (1e-4, 1e-9)),
    "heat, Robin, march": Row(heat_robin, (1e-4, 1e-9), MARCH),
    "heat, variable": Row(heat_variable, (1e-4, 1e-9)),
    "heat, variable, march": Row(heat_variable, (1e-4, 1e-9), MARCH),
    "heat, two scales": Row(two_scales, (1e-4,), MARCH),
    "heat on a ring": Row(ring, (1e-3, 1e-5), MARCH),
    "advection": Row(advection, (1e-4, 1e-9), MARCH),
    "advected bump": Row(advected_bump, (1e-3, 1e-7), MARCH),
    "damped wave": Row(damped_wave, (1e-4, 1e-9)),
    "burgers 0.1": Row(burgers(0.1), (1e-3, 1e-6), MARCH),
    "burgers 0.03": Row(burgers(0.03), (1e-3, 1e-6), MARCH),
    "burgers 0.01": Row(burgers(0.01), (1e-3, 3e-7), MARCH),
    "burgers, periodic": Row(periodic_burgers, (1e-4, 1e-8)),
    "fisher": Row(fisher, (1e-3, 1e-6)),
    "bistable": Row(bistable, (1e-3, 1e-6)),
    "coupled": Row(coupled, (1e-4, 1e-9), MARCH),
    "strip": Row(diffusion_in_a_strip, (1e-4, 1e-7), MARCH),
    "heat, moved": Row(pinn.problems.heat, (1e-4, None), MOVE),
    "bump, moved": Row(advected_bump, (1e-3,), MOVE),
    "heat, windows": Row(heat_variable, (1e-4, 1e-8), pinn.TimeWindows(windows=4)),
    "poisson": Row(pinn.problems.poisson, (1e-4, 1e-9)),
    "poisson, Robin": Row(poisson_robin, (1e-4, 1e-9)),
    "cubic": Row(cubic, (1e-4, 1e-9)),
    "bratu": Row(bratu, (1e-4, 1e-9)),
    "boundary layer 0.1": Row(boundary_layer(0.1), (1e-4, 1e-8)),
    "boundary layer 0.01": Row(boundary_layer(0.01), (1e-4, 1e-8)),
    "reaction layer": Row(reaction_layer, (1e-4, 1e-8)),
    "resonant 1e-2": Row(resonant(1e-2), (1e-4, 1e-9)),
    "resonant 1e-5": Row(resonant(1e-5), (1e-4, 1e-9)),
    "steady burgers 0.2": Row(steady_burgers(0.2), (1e-4, 1e-8)),
    "steady burgers 0.1": Row(steady_burgers(0.1), (1e-4, 1e-8)),
    "periodic": Row(on_a_ring, (1e-4, 1e-9)),
    "two components": Row(stokes_like, (1e-4, 1e-9)),
    "corner": Row(corner_singularity, (1e-2,)),
    "waves": Row(waves, (1e-4, 1e-9)),
    "poisson, trained": Row(pinn.problems.poisson, (1e-3,), TRAIN(20), network(16)),
    "cubic, trained": Row(cubic, (1e-3,), TRAIN(20), network(16)),
    "layer, trained": Row(boundary_layer(0.1), (1e-3,), TRAIN(30), network(12)),
    "steady 0.1, trained": Row(steady_burgers(0.1), (1e-3,), TRAIN(40), network(12)),
    "steady 0.1, odd": Row(
        steady_burgers(0.1), (1e-3,), TRAIN(40), network(12, odd=True)
    ),
    "steady 0.05, odd": Row(
        steady_burgers(0.05), (1e-3,), TRAIN(60), network(12, odd=True)
    ),
    "burgers 0.1, trained": Row(burgers(0.1), (1e-3,), TRAIN(60), network(20)),
    "burgers 0.1, odd": Row(burgers(0.1), (1e-3,), TRAIN(60), odd_front),
}


def row(of: Row, tol: float | None, seed: int) -> tuple[str, float]:
    problem, key = of.problem(), jr.key(seed)
    given = None if of.field is None else of.field(problem, jr.key(seed + 100))
    begin = time.perf_counter()
    solution = pinn.solve(problem, given, of.method, tol=tol, key=key)
    seconds = time.perf_counter() - begin
    error, report = of.error(solution), solution.report
    estimate = math.nan if report.estimate is None else report.estimate
    ratio = estimate / error if error > 0 else math.nan
    said = "" if tol is None else ("reached" if report.reached else "not reached")
    wrong = "  WRONG" if report.reached and tol and error > 3 * tol else ""
    asked = "none" if tol is None else f"{tol:.0e}"
    return (
        f"{asked:>6} {error:8.1e} {estimate:8.1e} {ratio:8.2g} {seconds:6.1f}  "
        f"{said}{wrong}",
        ratio,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[""], help="rows by name")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--tol", type=float, nargs="*", help="instead of the row's")
    options = parser.parse_args()
    print(
        f"{'problem':24} {'tol':>6} {'error':>8} {'estimate':>8} {'ratio':>8} {'s':>6}"
    )
    ratios = []
    for name, of in ROWS.items():
        if not any(word in name for word in options.only):
            continue
        for tol in options.tol or of.tols:
            for seed in range(options.first, options.first + options.seeds):
                line, ratio = row(of, tol, seed)
                print(f"{name:24} {line}", flush=True)
                ratios.append(ratio)
    print(f"ratios from {min(ratios):.2g} to {max(ratios):.2g}")


if __name__ == "__main__":
    main()
