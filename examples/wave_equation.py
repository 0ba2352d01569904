r"""
A vibrating string
==================

.. math::

    \partial_{tt} u = 4\, \partial_{xx} u, \qquad u(t, 0) = u(t, 1) = 0, \qquad
    u(0, x) = \sin(\pi x) + \tfrac12 \sin(4 \pi x), \quad \partial_t u(0, x) = 0,

until :math:`t = 2`, with the solution
:math:`\sin(\pi x) \cos(2\pi t) + \tfrac12 \sin(4\pi x) \cos(8\pi t)`. Features of space
are drawn once, and their coefficients become an ordinary differential equation in time,
which is linear here: a few long panels of time, of degree 15 each, are enough.
"""

import sys

import jax
import jax.numpy as jnp

import pinn

jax.config.update("jax_enable_x64", True)


def exact(t, x):
    low = jnp.sin(jnp.pi * x[0]) * jnp.cos(2 * jnp.pi * t)
    high = jnp.sin(4 * jnp.pi * x[0]) * jnp.cos(8 * jnp.pi * t)
    return low + high / 2


# %%
# `pinn.dtt` is the second derivative in time. A second-order equation starts from a
# value and a rate.


def wave(u, t, x):
    return pinn.dtt(u)(t, x) - 4 * pinn.laplacian(u)(t, x)


def main(tol=1e-6):
    string = pinn.Interval(0.0, 1.0)
    conditions = [
        pinn.Dirichlet(string.boundary, 0.0),
        pinn.Initial(lambda x: exact(0.0, x), rate=0.0),
    ]
    problem = pinn.Problem(
        string, wave, conditions, time=(0.0, 2.0), exact=exact, name="wave"
    )
    solution = pinn.solve(problem, tol=tol, key=jax.random.key(0))
    print(solution.report)
    print(f"\nrelative L2 error  {solution.error(exact):.1e}")
    return solution


def plot(solution, path=None):
    return solution.plot(path, times=[0.0, 0.1, 0.2, 0.3, 0.4])


if __name__ == "__main__":
    plot(main(), *sys.argv[1:2])
