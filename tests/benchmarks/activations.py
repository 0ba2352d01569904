"""Which activation: the error of least squares with 400 features, for many of them.

The scale of the weights is searched for each activation and problem alike, so what is
compared is what its features can represent, not how well they were tuned or trained.
"""

import argparse
import statistics

import jax
import jax.numpy as jnp

import pinn

jax.config.update("jax_enable_x64", True)

NAMES = (
    "tanh", "arctan", "erf", "sigmoid", "softplus", "gelu", "silu", "mish", "gaussian",
    "sin", "snake", "rational", "stan", "staf", "rowdy", "wavelet", "relu4",
)  # fmt: skip


def poisson_of(exact, operator=None):
    square = pinn.Box([0.0, 0.0], [1.0, 1.0])
    act = operator or (lambda u, x: -pinn.laplacian(u)(x))
    residual = lambda u, x: act(u, x) - act(exact, x)
    value = [pinn.Dirichlet(square.boundary, exact)]
    return pinn.Problem(square, residual, value, exact=exact)


PROBLEMS = {
    "waves": lambda: poisson_of(
        lambda x: jnp.sin(4 * jnp.pi * x[0]) * jnp.cos(2 * jnp.pi * x[1])
    ),
    "rational": lambda: poisson_of(
        lambda x: 1 / (1 + 10 * (x[0] - 0.6) ** 2 + 10 * (x[1] - 0.5) ** 2)
    ),
    "layer": lambda: poisson_of(lambda x: jnp.tanh(8 * (x[0] + x[1] - 1))),
    "nonlinear": lambda: poisson_of(
        lambda x: jnp.exp(x[0]) * jnp.sin(3 * x[1]),
        lambda u, x: -pinn.laplacian(u)(x) + u(x) ** 3,
    ),
}


def error(problem, name, seed):
    activation = pinn.activations.get(name)
    method = pinn.LeastSquares(features=400, largest=400, activation=activation)
    solution = pinn.solve(problem(), method=method, key=jax.random.key(seed))
    return solution.report.relative_l2


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(NAMES))
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    print("| activation |", " | ".join(PROBLEMS), "|")
    print("|---" * (len(PROBLEMS) + 1) + "|")
    for name in options.names:
        cells = []
        for problem in PROBLEMS.values():
            try:
                errors = [error(problem, name, s) for s in range(options.seeds)]
                cells.append(f"{statistics.median(errors):.0e}")
            except pinn.PreflightError as refusal:
                found = [f.id for f in refusal.report.findings if f.severity == "error"]
                cells.append(found[0])
        print(f"| `{name}` |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
