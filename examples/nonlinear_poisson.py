r"""
A nonlinear Poisson equation
============================

.. math::

    -\Delta u + u^3 = f \quad\text{in } (0, 1)^2, \qquad u = 0 \text{ on the boundary,}

with :math:`f` such that :math:`u = \sin(\pi x_0) \sin(2 \pi x_1)`. Nothing is said
about the cube being nonlinear: the solver reads it from the function, and takes
Gauss-Newton steps on the same rows that give a linear equation its answer in one.
"""

import sys

import jax
import jax.numpy as jnp

import pinn

jax.config.update("jax_enable_x64", True)


def exact(x):
    return jnp.sin(jnp.pi * x[0]) * jnp.sin(2 * jnp.pi * x[1])


def source(x):
    return 5 * jnp.pi**2 * exact(x) + exact(x) ** 3


def equation(u, x):
    return -pinn.laplacian(u)(x) + u(x) ** 3 - source(x)


def main(tol=1e-8):
    square = pinn.Box([0.0, 0.0], [1.0, 1.0])
    conditions = [pinn.Dirichlet(square.boundary, 0.0)]
    problem = pinn.Problem(
        square, equation, conditions, exact=exact, name="nonlinear poisson"
    )
    solution = pinn.solve(problem, tol=tol, key=jax.random.key(0))
    print(solution.report)
    print(f"\nrelative L2 error  {solution.error(exact):.1e}")
    return solution


def plot(solution, path=None):
    return solution.plot(path)


if __name__ == "__main__":
    plot(main(), *sys.argv[1:2])
