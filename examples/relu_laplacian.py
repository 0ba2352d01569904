r"""
A Laplacian of exactly zero
===========================

The same network with ReLU, LeakyReLU and tanh, and Poisson's equation

.. math::

    -u'' = \pi^2 \sin(\pi x) \quad\text{in } (0, 1), \qquad u(0) = u(1) = 0,

with the solution :math:`u = \sin(\pi x)`. First derivatives of all three are fine. The
second one of the first two is zero wherever it exists, so that the equation reads
:math:`0 = \pi^2 \sin(\pi x)`, and nothing but the boundary can be learnt.
"""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import optax

import pinn

jax.config.update("jax_enable_x64", True)

ACTIVATIONS = {
    "relu": jax.nn.relu,
    "leaky_relu": jax.nn.leaky_relu,
    "tanh": jnp.tanh,
}


def exact(x):
    return jnp.sin(jnp.pi * x[0])


def poisson(u, x):
    return -pinn.laplacian(u)(x) - jnp.pi**2 * exact(x)


def main(steps=1500, names=tuple(ACTIVATIONS)):
    rod = pinn.Interval(0.0, 1.0)
    conditions = [pinn.Dirichlet(rod.boundary, 0.0)]
    problem = pinn.Problem(rod, poisson, conditions, exact=exact, name="relu")
    key, x, solutions = jax.random.key(0), jnp.array([0.4]), {}
    for name in names:
        activation = ACTIVATIONS[name]
        u = pinn.MLP(1, "scalar", 16, 2, activation, bounds=problem.bounds, key=key)
        slope, hessian = jax.jit(jax.grad(u))(x)[0], jax.jit(jax.hessian(u))(x)
        # A library's Hessian agrees: it is the activation, not the differentiation.
        assert jnp.allclose(hessian, eqx.filter_jit(eqx.filter_hessian(u))(x))
        print(f"{name:11} u' = {slope:9.2e}   u'' = {hessian[0, 0]:9.2e}", end="   ")
        report = pinn.preflight(problem, u, key=key)
        print("stopped:" if not report.ok else "passes", *(f.id for f in report.errors))
        # %%
        # The check is overridden by name, to see what training makes of it.
        method = pinn.FirstOrder(optax.adam(5e-3), steps=steps)
        allow = [f.id for f in report.errors]
        solutions[name] = pinn.solve(
            problem, u, method, points=64, key=key, allow=allow
        )
    for name, solution in solutions.items():
        print(f"{name:11} relative L2 error {solution.error(exact):.1e}")
    return solutions


def plot(solutions, path=None):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axis = figure.subplots()
    x = jnp.linspace(0, 1, 201)[:, None]
    axis.plot(x[:, 0], jax.vmap(exact)(x), "k:", lw=3, label="exact")
    for name, solution in solutions.items():
        axis.plot(x[:, 0], jax.vmap(solution.field)(x), label=name)
    axis.set(xlabel="x", ylabel="u", title="What training 'converges' to")
    axis.legend()
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


if __name__ == "__main__":
    plot(main(), *sys.argv[1:2])
