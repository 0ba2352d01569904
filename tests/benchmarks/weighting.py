"""Balances and adaptive points beside the default, trained by Adam with equal steps."""

import argparse
import statistics
import time

import jax
import jax.numpy as jnp
import optax

import pinn

jax.config.update("jax_enable_x64", True)

RATE = 10.0


def reaction():
    """A front of a reaction; with u = 0 the equation holds, but not the start."""
    rod = pinn.Interval(0.0, 2 * jnp.pi)
    start = lambda x: jnp.exp(-8 * ((x[0] - jnp.pi) / jnp.pi) ** 2)

    def exact(t, x):
        grown = start(x) * jnp.exp(RATE * t)
        return grown / (grown + 1 - start(x))

    def residual(u, t, x):
        return pinn.dt(u)(t, x) - RATE * u(t, x) * (1 - u(t, x))

    return pinn.Problem(
        rod,
        residual,
        [pinn.Initial(start)],
        time=(0.0, 1.0),
        exact=exact,
        name="reaction",
    )


def helmholtz():
    """The test of the papers on gradients of the terms."""
    square = pinn.Box([-1.0, -1.0], [1.0, 1.0])
    exact = lambda x: jnp.sin(jnp.pi * x[0]) * jnp.sin(4 * jnp.pi * x[1])

    def residual(u, x):
        return pinn.laplacian(u)(x) + u(x) + (17 * jnp.pi**2 - 1) * exact(x)

    conditions = [pinn.Dirichlet(square.boundary, 0.0)]
    return pinn.Problem(square, residual, conditions, exact=exact, name="helmholtz")


PROBLEMS = {"reaction": reaction, "helmholtz": helmholtz}
ROWS = {
    "default": {},
    "conditions times 100": {"weighting": 100.0},
    "GradientNorm": {"weighting": pinn.weighting.GradientNorm()},
    "TangentKernel": {"weighting": pinn.weighting.TangentKernel()},
    "Causal": {"weighting": pinn.weighting.Causal()},
    "default, points that stay": {"resample": 0},
    "ResidualAttention": {
        "weighting": pinn.weighting.ResidualAttention(),
        "resample": 0,
    },
    "AdaptiveDistribution": {"points": pinn.sampling.AdaptiveDistribution()},
    "AdaptiveRefinement": {
        "points": pinn.sampling.AdaptiveRefinement(n=1000, add=50, times=20)
    },
}


def run(problem, row, steps, seed):
    """Error, the last weights, and seconds."""
    row = dict(row)
    schedule = optax.cosine_decay_schedule(3e-3, steps)
    method = pinn.FirstOrder(
        optax.adam(schedule),
        steps=steps,
        resample=row.pop("resample", 100),
        points=1000,
        width=32,
        depth=3,
    )
    if isinstance(row.get("weighting"), float):
        conditions = (term.name for term in problem.terms[1:])
        row["weighting"] = dict.fromkeys(conditions, row["weighting"])
    begin = time.perf_counter()
    solution = pinn.solve(problem, method=method, key=jax.random.key(seed), **row)
    weights = solution.history[-1].get("weights", {})
    return solution.report.relative_l2, weights, time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--only", default="", help="rows whose name holds this")
    arguments = parser.parse_args()
    for name, make in PROBLEMS.items():
        problem = make()
        for row, options in ROWS.items():
            if arguments.only not in f"{name}, {row}":
                continue
            if row == "Causal" and problem.time is None:
                continue
            found = [
                run(problem, options, arguments.steps, seed)
                for seed in range(arguments.runs)
            ]
            errors = [error for error, _, _ in found]
            weights = ", ".join(f"{k} {w:.3g}" for k, w in found[0][1].items())
            print(
                f"{name:12}{row:28}{statistics.median(errors):9.1e}"
                f"  ({min(errors):.1e} to {max(errors):.1e})"
                f"{max(s for *_, s in found):6.0f} s  {weights}",
                flush=True,
            )


if __name__ == "__main__":
    main()
