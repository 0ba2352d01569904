r"""
Helmholtz's equation
====================

.. math::

    \Delta u + k^2 u = f \quad\text{in } (-1, 1)^2,
    \qquad u = 0 \text{ on the boundary,}

with :math:`k = 4` and :math:`f` such that
:math:`u = \sin(\pi x_0) \sin(4 \pi x_1)`. The operator is indefinite, which hurts
training by gradients; least squares on random waves does not notice.
"""

import sys

import jax
import jax.numpy as jnp

import pinn

jax.config.update("jax_enable_x64", True)

WAVE_NUMBER = 4.0


def exact(x):
    return jnp.sin(jnp.pi * x[0]) * jnp.sin(4 * jnp.pi * x[1])


def helmholtz(u, x):
    source = (WAVE_NUMBER**2 - 17 * jnp.pi**2) * exact(x)
    return pinn.laplacian(u)(x) + WAVE_NUMBER**2 * u(x) - source


def main(tol=1e-8):
    square = pinn.Box([-1.0, -1.0], [1.0, 1.0])
    conditions = [pinn.Dirichlet(square.boundary, 0.0)]
    problem = pinn.Problem(square, helmholtz, conditions, exact=exact, name="helmholtz")
    solution = pinn.solve(problem, tol=tol, key=jax.random.key(0))
    print(solution.report)
    print(f"\nrelative L2 error  {solution.error(exact):.1e}")
    return solution


def plot(solution, path=None):
    return solution.plot(path)


if __name__ == "__main__":
    plot(main(), *sys.argv[1:2])
