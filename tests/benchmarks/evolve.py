"""Evolutions: the error that a march reaches, its time, and how both grow.

    python tests/benchmarks/evolve.py                 # a table
    python tests/benchmarks/evolve.py --only burgers  # rows by name
    python tests/benchmarks/evolve.py --growth docs/_static/evolve_growth.png

Each row is a solve in a process of its own, with compilation; errors are relative and
in L2 over space and time, at the points named where they are not those of the report.
"""

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr

import pinn
from pinn import Dirichlet, Initial, Problem, dt, laplacian, partial

sys.path.insert(0, str(Path(__file__).parents[1]))
from evolutions import (
    disagreeing,
    disk_with_a_hole,
    early_chaos,
    error_by_table,
    error_with_layer,
)

jax.config.update("jax_enable_x64", True)

ROD, SQUARE = pinn.Interval(0.0, 1.0), pinn.Box([0.0, 0.0], [1.0, 1.0])


def at_start(exact):
    return lambda x: exact(jnp.zeros(()), x)


def advection():
    rod = pinn.Interval(0.0, 2 * jnp.pi)
    exact = lambda t, x: jnp.sin(x[0] - 40 * t)
    conditions = [Dirichlet(rod.faces["left"], exact), Initial(at_start(exact))]
    residual = lambda u, t, x: dt(u)(t, x) + 40 * partial(u, 0)(t, x)
    return Problem(rod, residual, conditions, time=(0.0, 1.0), exact=exact)


def two_scales():
    """The two-scale heat equation of PINNacle, NeurIPS 2024."""

    def exact(t, x):
        wave = jnp.sin(20 * jnp.pi * x[0]) * jnp.sin(jnp.pi * x[1])
        return wave * jnp.exp(-t * (1 + (20 / 500) ** 2))

    def residual(u, t, x):
        across = partial(u, 0, 0)(t, x) / (500 * jnp.pi) ** 2
        return dt(u)(t, x) - across - partial(u, 1, 1)(t, x) / jnp.pi**2

    conditions = [Dirichlet(SQUARE.boundary, 0.0), Initial(at_start(exact))]
    return Problem(SQUARE, residual, conditions, time=(0.0, 5.0), exact=exact)


def ring():
    """Heat between two circles, from a solution that is singular in the inner one."""
    domain = pinn.Disk([0.0, 0.0], 1.0) - pinn.Disk([0.0, 0.0], 0.25)

    def exact(t, x):
        squared = jnp.sum(x**2)
        return jnp.exp(-2 * t) * (1 - squared) * jnp.log(16 * squared)

    def residual(u, t, x):
        heat = lambda u: dt(u)(t, x) - laplacian(u)(t, x)
        return heat(u) - heat(exact)

    conditions = [Dirichlet(domain.boundary, 0.0), Initial(at_start(exact))]
    return Problem(domain, residual, conditions, time=(0.0, 0.5), exact=exact)


def from_elements(solution):
    reference = pinn.reference.finite_elements(solution.problem, 42, degree=4)
    print(f"error of the finite elements {reference.error:.1e}", file=sys.stderr)
    return solution.error(reference)


@dataclass(frozen=True)
class Row:
    problem: Callable[[], Any]
    target: str
    tol: float | None = None
    options: dict[str, Any] = field(default_factory=dict)
    error: Callable[[Any], float] = lambda solution: solution.report.relative_l2


ROWS = {
    "heat": Row(pinn.problems.heat, "1e-10 in 3 s"),
    "wave": Row(pinn.problems.wave, "1e-8 in 3 s", 1e-8),
    "wave, t <= 100": Row(lambda: pinn.problems.wave(duration=100.0), "1e-6", 1e-8),
    "advection": Row(advection, "1e-9 in 3 s", 1e-9),
    "heat, incompatible": Row(disagreeing, "", 1e-3, error=error_with_layer),
    "heat, incompatible, 1e-5": Row(disagreeing, "", 1e-5, error=error_with_layer),
    "heat, two scales": Row(two_scales, "1e-6 in 60 s", 1e-6),
    "heat on a ring": Row(ring, "1e-5 in 30 s", 1e-5),
    "heat on a disk": Row(disk_with_a_hole, "1e-5 in 30 s", 1e-5, error=from_elements),
    "kuramoto-sivashinsky": Row(
        early_chaos, "1e-5 in 120 s", 1e-5, error=error_by_table
    ),
    "burgers, tol 3e-6": Row(pinn.problems.burgers, "3e-7 in 20 s", 3e-6),
    "burgers, tol 1e-7": Row(pinn.problems.burgers, "3e-8 in 120 s", 1e-7),
    "burgers": Row(pinn.problems.burgers, "1e-9"),
    **{
        f"burgers, {name}": Row(
            lambda: pinn.problems.burgers(viscosity=0.1 / math.pi),
            "",
            1e-6,
            {"integrator": name, "features": 150, "placing": False},
        )
        for name in ("collocation", "implicit", "imex", "explicit")
    },
}


def measured(row: Row, **options: Any) -> dict[str, Any]:
    begin = time.perf_counter()
    method = pinn.Evolve(**row.options, **options)
    solution = pinn.solve(row.problem(), method=method, tol=row.tol, key=jr.key(0))
    seconds, report = time.perf_counter() - begin, solution.report
    return {
        "error": row.error(solution),
        "estimate": report.estimate,
        "seconds": seconds,
        "compiling": report.compile_s,
        "memory": report.peak_memory_mib,
        "panels": int(solution.field.coefficients.shape[0]),
    }


def apart(code: str) -> dict[str, Any]:
    """The result of an expression of this file in a process of its own."""
    command = [sys.executable, __file__, "--evaluate", code]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def table(only: str) -> None:
    print(f"{'problem':24} {'error':>8} {'estimate':>8} {'s':>6} {'MiB':>6}  target")
    for name, row in ROWS.items():
        if only in name:
            got = apart(f"measured(ROWS[{name!r}])")
            print(
                f"{name:24} {got['error']:8.1e} {got['estimate']:8.1e} "
                f"{got['seconds']:6.1f} {got['memory']:6.0f}  {row.target}",
                flush=True,
            )


def march_alone(features: int, duration: float) -> dict[str, Any]:
    """A march of the wave equation without the rest of a solve, its second run."""
    from pinn._equation import analyse, structure
    from pinn._points import PointSource
    from pinn._residuals import Residuals
    from pinn._weighting import by_operator

    problem = pinn.problems.wave(duration=duration)
    method = pinn.Evolve(features=features, largest=features, tolerance=1e-9)
    start = method.default_field(problem, (), key=jr.key(0))
    source = PointSource(problem, None, key=jr.key(1))
    points = source.draw(source.counts(method.number_of_points(start)))
    jets = analyse(problem, (), points)
    residuals = Residuals(problem, by_operator(problem, jets), structure(jets))
    for _ in range(2):
        begin = time.perf_counter()
        state = method.init(residuals, start, points, key=jr.key(2))
        while not method.done(state):
            state, _ = method.step(residuals, points, state)
        seconds = time.perf_counter() - begin
    return {"seconds": seconds}


def growth(path: str) -> None:
    """Time against the number of features, and against the duration, in a figure."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import NullFormatter, ScalarFormatter

    counts, durations = (50, 100, 200, 400, 800), (1.0, 4.0, 16.0, 64.0)
    by_count = [apart(f"march_alone({n}, 1.0)")["seconds"] for n in counts]
    by_time = [apart(f"march_alone(200, {t})")["seconds"] for t in durations]
    print(dict(zip(counts, by_count, strict=True)))
    print(dict(zip(durations, by_time, strict=True)))
    figure, axes = plt.subplots(1, 2, figsize=(7.0, 2.8), layout="constrained")
    for ax, x, y, label in (
        (axes[0], counts, by_count, "features, t ≤ 1"),
        (axes[1], durations, by_time, "duration, 200 features"),
    ):
        ax.loglog(x, y, "o-")
        ax.set(xlabel=label, ylabel="seconds")
        ax.set_xticks(x, [f"{number:g}" for number in x])
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_minor_formatter(NullFormatter())
        ax.yaxis.set_major_formatter(ScalarFormatter())
        ax.set_ylim(0.05, 10.0)
        ax.grid(alpha=0.3, which="both")
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    parser.add_argument("--growth", metavar="FILE")
    parser.add_argument("--evaluate", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.evaluate:
        print(json.dumps(eval(arguments.evaluate)))  # of this file, see `apart`
    elif arguments.growth:
        growth(arguments.growth)
    else:
        table(arguments.only)
