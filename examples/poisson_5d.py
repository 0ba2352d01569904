r"""
Poisson's equation in five dimensions
=====================================

.. math::

    -\Delta u = \frac{\pi^2}{4} \sum_{i=0}^{4} \sin\frac{\pi x_i}{2}
    \quad\text{in } (0, 1)^5,

with the values of the solution :math:`u = \sum_i \sin(\pi x_i / 2)` on the boundary. A
grid of 20 points in each direction would have three million; the solver finds out that
features of few coordinates each suffice, and takes some thousand random points.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np

import pinn

jax.config.update("jax_enable_x64", True)


def exact(x):
    return jnp.sum(jnp.sin(jnp.pi * x / 2))


def poisson(u, x):
    return -pinn.laplacian(u)(x) - jnp.pi**2 / 4 * exact(x)


def main(tol=1e-5):
    cube = pinn.Box([0.0] * 5, [1.0] * 5)
    conditions = [pinn.Dirichlet(cube.boundary, exact)]
    problem = pinn.Problem(cube, poisson, conditions, exact=exact, name="poisson 5-D")
    solution = pinn.solve(problem, tol=tol, key=jax.random.key(0))
    print(solution.report)
    print(f"\nrelative L2 error  {solution.error(exact):.1e}")
    return solution


# %%
# A slice shows two of five coordinates. The errors at random points show all of them.


def plot(solution, path=None):
    from matplotlib.figure import Figure

    x = solution.problem.domain.sample(2000, key=jax.random.key(1))
    truth = jax.vmap(exact)(x)
    errors = np.abs(jax.vmap(solution)(x) - truth)
    figure = Figure(figsize=(5, 4), layout="constrained")
    axis = figure.subplots()
    axis.semilogy(truth, errors, ".", markersize=3)
    axis.set(xlabel="exact solution", ylabel="error", title="2000 random points")
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


if __name__ == "__main__":
    plot(main(), *sys.argv[1:2])
