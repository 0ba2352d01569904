r"""
Poisson's equation on a square
==============================

.. math::

    -\Delta u = 2\pi^2 \sin(\pi x_0) \sin(\pi x_1)
    \quad\text{in } (0, 1)^2, \qquad u = 0 \text{ on the boundary,}

with the solution :math:`u = \sin(\pi x_0) \sin(\pi x_1)`. The solver never sees this
solution: it minimises the residuals of the equation and of the boundary condition, and
estimates its own error. Afterwards both are compared.
"""

import sys

import jax
import jax.numpy as jnp

import pinn

jax.config.update("jax_enable_x64", True)


# %%
# A field is a function of one point, and so are the source and the equation: what
# `poisson` returns is zero where the equation holds. Operators such as
# `pinn.laplacian` take a field and return a field.


def exact(x):
    return jnp.sin(jnp.pi * x[0]) * jnp.sin(jnp.pi * x[1])


def source(x):
    return 2 * jnp.pi**2 * exact(x)


def poisson(u, x):
    return -pinn.laplacian(u)(x) - source(x)


# %%
# A problem is a domain, an equation and conditions. `exact` is used for the report
# and the picture only.


def main(tol=1e-8):
    square = pinn.Box([0.0, 0.0], [1.0, 1.0])
    conditions = [pinn.Dirichlet(square.boundary, 0.0)]
    problem = pinn.Problem(square, poisson, conditions, exact=exact, name="poisson")
    solution = pinn.solve(problem, tol=tol, key=jax.random.key(0))
    print(solution.report)
    print(f"\nrelative L2 error  {solution.error(exact):.1e}")
    print(f"its own estimate   {solution.report.estimate:.1e}")
    return solution


def plot(solution, path=None):
    return solution.plot(path)


if __name__ == "__main__":
    solution = main()
    plot(solution, *sys.argv[1:2])
