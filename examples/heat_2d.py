r"""
The heat equation on a plate
============================

.. math::

    \partial_t u = \Delta u \quad\text{for } t \in (0, 0.1),\ x \in (0, 1)^2,

with the left and the right side kept at zero, and the lower and the upper one
insulated, :math:`\partial_n u = 0`. From :math:`u = \sin(\pi x_0)(1 + \cos(\pi x_1))`
the temperature first evens out along the sides and then decays, :math:`u = \sin(\pi
x_0)\,(e^{-\pi^2 t} + e^{-2\pi^2 t} \cos(\pi x_1))`.
"""

import sys

import jax
import jax.numpy as jnp

import pinn

jax.config.update("jax_enable_x64", True)


def exact(t, x):
    slow, fast = jnp.exp(-(jnp.pi**2) * t), jnp.exp(-2 * jnp.pi**2 * t)
    return jnp.sin(jnp.pi * x[0]) * (slow + fast * jnp.cos(jnp.pi * x[1]))


def heat(u, t, x):
    return pinn.dt(u)(t, x) - pinn.laplacian(u)(t, x)


# %%
# The sides of a box have names. Each condition holds on a part of the boundary, which
# ``|`` would combine.


def main(tol=1e-6):
    plate = pinn.Box([0.0, 0.0], [1.0, 1.0])
    side = plate.faces
    conditions = [
        pinn.Dirichlet(side["left"], 0.0),
        pinn.Dirichlet(side["right"], 0.0),
        pinn.Neumann(side["bottom"], 0.0),
        pinn.Neumann(side["top"], 0.0),
        pinn.Initial(lambda x: exact(0.0, x)),
    ]
    problem = pinn.Problem(
        plate, heat, conditions, time=(0.0, 0.1), exact=exact, name="heat on a plate"
    )
    solution = pinn.solve(problem, tol=tol, key=jax.random.key(0))
    print(solution.report)
    print(f"\nrelative L2 error  {solution.error(exact):.1e}")
    return solution


def plot(solution, path=None):
    return solution.plot(path)


if __name__ == "__main__":
    plot(main(), *sys.argv[1:2])
