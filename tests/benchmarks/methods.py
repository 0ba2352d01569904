"""Problems with known solutions: the error that a method reaches, and its time.

Each row is a process of its own, so that compilation and memory are counted in full.
Errors are relative and in L2, against the exact solution.
"""

import argparse
import dataclasses
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

import pinn

jax.config.update("jax_enable_x64", True)


def helmholtz(length=1.0, amplitude=1.0):
    """On a square of two lengths, with one wave along an axis and four along the other.

    The wave number is one over the length.
    """
    square = pinn.Box([-length, -length], [length, length])

    def exact(x):
        y = jnp.pi * x / length
        return amplitude * jnp.sin(y[0]) * jnp.sin(4 * y[1])

    def residual(u, x):
        source = (1 - 17 * jnp.pi**2) / length**2 * exact(x)
        return pinn.laplacian(u)(x) + u(x) / length**2 - source

    conditions = [pinn.Dirichlet(square.boundary, 0.0)]
    return pinn.Problem(square, residual, conditions, exact=exact, name="helmholtz")


def cubic():
    square = pinn.Box([0.0, 0.0], [1.0, 1.0])
    exact = lambda x: jnp.sin(jnp.pi * x[0]) * jnp.sin(jnp.pi * x[1]) * (1 + x[0])
    source = lambda x: -pinn.laplacian(exact)(x) + exact(x) ** 3
    residual = lambda u, x: -pinn.laplacian(u)(x) + u(x) ** 3 - source(x)
    conditions = [pinn.Dirichlet(square.boundary, 0.0)]
    return pinn.Problem(square, residual, conditions, exact=exact, name="cubic")


def bratu():
    square = pinn.Box([0.0, 0.0], [1.0, 1.0])
    exact = lambda x: jnp.sin(jnp.pi * x[0]) * jnp.sin(jnp.pi * x[1])
    source = lambda x: pinn.laplacian(exact)(x) + jnp.exp(exact(x))
    residual = lambda u, x: pinn.laplacian(u)(x) + jnp.exp(u(x)) - source(x)
    conditions = [pinn.Dirichlet(square.boundary, 0.0)]
    return pinn.Problem(square, residual, conditions, exact=exact, name="bratu")


def slow_waves(dim):
    """Half a wave along each axis, so that no condition is zero."""
    return pinn.problems.poisson(dim=dim, frequency=0.5)


@dataclass(frozen=True)
class Row:
    """A solve, and the error and seconds asked of it."""

    problem: Callable[[], pinn.Problem]
    error: float
    seconds: float
    method: Callable[[], Any] = lambda: None
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    seeds: int = 1
    field: Callable[[pinn.Problem, Any], Any] = lambda problem, key: None


def small_network():
    return pinn.LevenbergMarquardt()


def large_network():
    """2-740-1, with 2961 parameters; the solution has four waves."""
    return pinn.LevenbergMarquardt(width=740, depth=1, scale=8.0)


def two_stages():
    """A small network, trained shortly, and least squares for what it leaves."""
    first = pinn.LevenbergMarquardt(width=16, steps=50)
    return pinn.Stages([first, pinn.LeastSquares()])


def finds_front(width):
    return pinn.SelfScaledBroyden(steps=1000, points=2000, width=width, depth=3)


def odd_front(problem, width, key):
    """Odd in space, with the initial data and the ends built in."""
    network = finds_front(width).default_field(problem, (), key=key)
    start = pinn.Field(lambda t, x: -jnp.sin(jnp.pi * x[0]))
    window = pinn.Field(lambda t, x: t * (1 - x[0] ** 2))
    return start + window * pinn.Symmetric(network, odd=True)


def front(seconds, error, width=20, start=lambda problem, width, key: None, n=4000):
    """Quasi-Newton steps find the front, Gauss-Newton steps its digits."""
    polish = pinn.LevenbergMarquardt(steps=400, points=n, patience=8)
    return Row(
        pinn.problems.burgers,
        error,
        seconds,
        lambda: pinn.Sequence([finds_front(width), polish]),
        {
            "points": pinn.sampling.AdaptiveDistribution(),
            # At a front the estimate is the residual, some ten times the error.
            "tol": 0.5 * error,
            "budget_s": 0.95 * seconds,
        },
        field=lambda problem, key: start(problem, width, key),
    )


UNITS = {
    "lengths of 1e-3": {"length": 1e-3},
    "lengths of 1e3": {"length": 1e3},
    "u of 1e6": {"amplitude": 1e6},
    "u of 1e-6": {"amplitude": 1e-6},
}
ROWS = {
    "poisson": Row(pinn.problems.poisson, 1e-11, 2.0),
    "poisson, sin 4 pi x": Row(
        lambda: pinn.problems.poisson(frequency=4), 1e-9, 6.0, options={"tol": 1e-9}
    ),
    "helmholtz": Row(helmholtz, 1e-10, 15.0, options={"tol": 1e-10}),
    "cubic": Row(cubic, 1e-9, 10.0, options={"tol": 1e-9}),
    "bratu": Row(bratu, 1e-9, 10.0, options={"tol": 1e-9}),
    "poisson in 5-D": Row(lambda: slow_waves(5), 1e-8, 60.0, options={"tol": 1e-8}),
    "poisson, all parameters": Row(
        pinn.problems.poisson, 1e-8, 20.0, small_network, {"tol": 1e-8}, seeds=5
    ),
    "poisson, in two stages": Row(
        pinn.problems.poisson, 1e-12, 20.0, two_stages, {"tol": 1e-12}
    ),
    "helmholtz, all parameters": Row(
        helmholtz, 1e-8, 300.0, large_network, {"tol": 1e-9, "budget_s": 280.0}
    ),
    "poisson in 10-D, all parameters": Row(
        lambda: slow_waves(10), 1e-5, 300.0, small_network, {"tol": 1e-5}
    ),
    "burgers, 2 minutes": front(120.0, 1e-5),
    "burgers, 5 minutes": front(300.0, 1e-6, start=odd_front),
    "burgers, 15 minutes": front(900.0, 1e-8, 26, odd_front, n=8000),
    # The target is ten times the error of the plain row, which 1e-12 stands for.
    **{
        f"poisson, {unit}": Row(lambda v=values: pinn.problems.poisson(**v), 1e-11, 2.0)
        for unit, values in UNITS.items()
    },
    **{
        f"helmholtz, {unit}": Row(
            lambda v=values: helmholtz(**v), 1e-9, 15.0, options={"tol": 1e-10}
        )
        for unit, values in UNITS.items()
    },
}


def run(name: str, seed: int) -> dict[str, Any]:
    """Figures of one solve, in this process."""
    row = ROWS[name]
    problem = row.problem()
    key = jax.random.key(seed)
    begin = time.perf_counter()
    start = row.field(problem, key)
    solution = pinn.solve(problem, start, row.method(), key=key, **row.options)
    wall = time.perf_counter() - begin
    return {**solution.report.as_dict(), "wall": wall}


def run_alone(name: str, seed: int) -> dict[str, Any]:
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--seed", str(seed), name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{name}\n{done.stderr}")
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="words in its name")
    parser.add_argument("--seed", type=int, help="one solve of one row, as JSON")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        print(json.dumps(run(arguments.rows[0], arguments.seed)))
        return
    chosen = [n for n in ROWS if all(word in n for word in arguments.rows)]
    head = ("error", "target", "estimate", "wall", "target", "compile", "MiB")
    print(f"{'medians':36}" + "".join(f"{h:>10}" for h in head))
    for name in chosen:
        row = ROWS[name]
        found = [run_alone(name, seed) for seed in range(row.seeds)]
        middle = lambda key, found=found: statistics.median(r[key] for r in found)
        print(
            f"{name:36}{middle('relative_l2'):10.1e}{row.error:10.1e}"
            f"{middle('estimate'):10.1e}{middle('wall'):10.1f}{row.seconds:10.0f}"
            f"{middle('compile_s'):10.1f}{middle('peak_memory_mib'):10.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
