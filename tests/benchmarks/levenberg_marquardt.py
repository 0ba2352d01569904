"""Levenberg-Marquardt: the time of a step beside that of its own matrix work, and the
time to eight digits from random starts."""

import argparse
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np

import pinn
from pinn._equation import analyse, structure
from pinn._method._blas import blas_threads
from pinn._method._dense_solve import DenseSystem
from pinn._method._parameters import linearise_compiled
from pinn._points import PointSource
from pinn._weighting import by_operator

jax.config.update("jax_enable_x64", True)

ROWS = {"equation": 2000, "dirichlet": 400}


def poisson(width: int, depth: int, seed: int):
    problem = pinn.problems.poisson()
    key = jax.random.key(seed)
    method = pinn.LevenbergMarquardt(width=width, depth=depth)
    return problem, method.default_field(problem, (), key=key)


def step_times(runs: int) -> dict[str, list[float]]:
    """Seconds of each part, at 1185 unknowns and 2400 rows, after some steps."""
    problem, field = poisson(32, 2, 0)
    method = pinn.LevenbergMarquardt(resample=0)
    source = PointSource(problem, ROWS, key=jax.random.key(1))
    points = source.draw(ROWS)
    jets = analyse(problem, (), points)
    residuals = pinn.Residuals(problem, by_operator(problem, jets), structure(jets))
    state = method.init(residuals, field, points, key=jax.random.key(2))
    times = {name: [] for name in ("rows", "product", "factor", "step")}
    for i in range(runs + 5):
        theta = jnp.asarray(state.theta)
        begin = time.perf_counter()
        _, matrix = linearise_compiled(residuals, field, theta, state.batch.points)
        matrix = np.asarray(matrix)
        rows = time.perf_counter()
        with blas_threads(2 * theta.size**3):  # as many as the steps use
            system = DenseSystem(matrix, False, True)
            largest = system.gram[0, 0]
            product = time.perf_counter()
            system.factor(1e-3 * largest)
            factor = time.perf_counter()
        state, _ = method.step(residuals, points, state)
        end = time.perf_counter()
        if i >= 5:
            times["rows"].append(rows - begin)
            times["product"].append(product - rows)
            times["factor"].append(factor - product)
            times["step"].append(end - factor)
    return times


def eight_digits(seed: int, plain: bool) -> tuple[float, float, float]:
    problem, field = poisson(32, 2, seed)
    if plain:
        field = pinn.MLP(
            2, "scalar", 32, 2, bounds=problem.bounds, key=jax.random.key(seed)
        )
    solution = pinn.solve(
        problem,
        field,
        pinn.LevenbergMarquardt(),
        key=jax.random.key(seed),
        tol=1e-8,
    )
    report = solution.report
    return report.wall_s, report.relative_l2, report.estimate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    times = step_times(arguments.runs)
    print(f"{'P = 1185, N = 2400':30}{'median':>9}{'least':>9}{'most':>9}   [ms]")
    for name, found in times.items():
        cells = (statistics.median(found), min(found), max(found))
        print(f"{name:30}" + "".join(f"{1e3 * t:9.1f}" for t in cells))
    work = statistics.median(times["product"]) + statistics.median(times["factor"])
    ratio = statistics.median(times["step"]) / work
    print(f"step over product and factor: {ratio:.2f} (target 2)\n")
    print(f"{'MLP 2-32-32-1, Poisson, 1e-8':30}{'wall [s]':>9}{'error':>9}{'est.':>9}")
    for plain in (False, True):
        found = [eight_digits(seed, plain) for seed in range(arguments.seeds)]
        for seed, (wall, error, estimate) in enumerate(found):
            name = f"{'Glorot' if plain else 'wide'} start, seed {seed}"
            print(f"{name:30}{wall:9.1f}{error:9.1e}{estimate:9.1e}", flush=True)
        wall, error, _ = (statistics.median(a) for a in zip(*found, strict=True))
        print(f"{'median':30}{wall:9.1f}{error:9.1e}   (target 20 s)")


if __name__ == "__main__":
    main()
