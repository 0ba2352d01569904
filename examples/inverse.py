r"""
An unknown coefficient
======================

A rod cools, and beside its temperature at the ends the heat that leaves on the left is
measured. How well does it conduct?

.. math::

    \partial_t u = \kappa\, \partial_{xx} u, \qquad u(t, 0) = u(t, 1) = 0, \qquad
    u(0, x) = \sin(\pi x), \qquad \partial_x u(t, 0) = \pi e^{-0.7 \pi^2 t}

The measurement belongs to :math:`\kappa = 0.7`, which the solver has to find together
with the temperature.
"""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp

import pinn

jax.config.update("jax_enable_x64", True)

CONDUCTIVITY = 0.7


def exact(t, x):
    temperature = jnp.exp(-CONDUCTIVITY * jnp.pi**2 * t) * jnp.sin(jnp.pi * x[0])
    return jnp.stack([temperature, jnp.asarray(CONDUCTIVITY)])


# %%
# The unknown number is a second component of the field that is the same everywhere.


class Rod(eqx.Module):
    temperature: pinn.MLP
    conductivity: jax.Array

    def __call__(self, t, x):
        return jnp.stack([self.temperature(t, x), self.conductivity])


def heat(u, t, x):
    return pinn.dt(u)(t, x)[0] - u(t, x)[1] * pinn.laplacian(u)(t, x)[0]


def flux(u, t, x):
    return pinn.partial(u, 0)(t, x)[0] - pinn.partial(exact, 0)(t, x)[0]


def main(width=16, steps=200):
    rod = pinn.Interval(0.0, 1.0)
    conditions = [
        pinn.Dirichlet(rod.boundary, 0.0, component=0),
        pinn.Condition(rod.faces["left"], flux, name="measured"),
        pinn.Initial(lambda x: jnp.sin(jnp.pi * x[0]), component=0),
    ]
    problem = pinn.Problem(
        rod, heat, conditions, time=(0.0, 0.3), exact=exact, name="inverse"
    )
    key, bounds = jax.random.key(0), problem.bounds
    net = pinn.MLP(2, "scalar", width, 2, jnp.tanh, bounds=bounds, key=key)
    start, method = Rod(net, jnp.asarray(1.5)), pinn.LevenbergMarquardt(steps=steps)
    solution = pinn.solve(problem, start, method, key=key)
    print(solution.report)
    print(f"\nconductivity       {solution.field.conductivity:.8f}")
    print(f"relative L2 error  {solution.error(exact):.1e}")
    return solution


def plot(solution, path=None):
    return solution.plot(path)


if __name__ == "__main__":
    plot(main(), *sys.argv[1:2])
