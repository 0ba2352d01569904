"""Which activation: least squares with 400 features, or small networks under Adam.

For least squares the scale of the weights is searched for each activation and problem
alike, so what is compared is what its features can represent, not how well they were
tuned or trained. For Adam all start from the same weights and take the same steps.
"""

import argparse

import jax
import jax.numpy as jnp

import pinn
from pinn.analysis import small_adam, study

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
    "waves": poisson_of(
        lambda x: jnp.sin(4 * jnp.pi * x[0]) * jnp.cos(2 * jnp.pi * x[1])
    ),
    "rational": poisson_of(
        lambda x: 1 / (1 + 10 * (x[0] - 0.6) ** 2 + 10 * (x[1] - 0.5) ** 2)
    ),
    "layer": poisson_of(lambda x: jnp.tanh(8 * (x[0] + x[1] - 1))),
    "nonlinear": poisson_of(
        lambda x: jnp.exp(x[0]) * jnp.sin(3 * x[1]),
        lambda u, x: -pinn.laplacian(u)(x) + u(x) ** 3,
    ),
}

METHODS = {
    "least-squares": lambda activation: pinn.LeastSquares(
        features=400, largest=400, activation=activation
    ),
    "adam": small_adam,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(NAMES))
    parser.add_argument("--method", choices=METHODS, default="least-squares")
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=PROBLEMS)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    print(
        study(
            options.names,
            {name: PROBLEMS[name] for name in options.problems},
            key=jax.random.key(0),
            seeds=options.seeds,
            method=METHODS[options.method],
            callbacks=[lambda row: print(row, flush=True)],
        )
    )


if __name__ == "__main__":
    main()
