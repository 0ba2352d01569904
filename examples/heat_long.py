r"""
Heat for a long time
====================

.. math::

    \partial_t u = \partial_{xx} u + f(t, x), \qquad u(t, 0) = u(t, 1) = 0, \qquad
    u(0, x) = \sin(\pi x),

with a source that heats and cools, :math:`f` such that
:math:`u = \sin(\pi x) \cos(t)`, for five periods, or 300 times as long as the rod takes
to forget its start. One network for the whole of space and time would have to hold all
periods at once. A march in time does not care how many there are.
"""

import sys

import jax
import jax.numpy as jnp

import pinn

jax.config.update("jax_enable_x64", True)

PERIODS = 5


def exact(t, x):
    return jnp.sin(jnp.pi * x[0]) * jnp.cos(t)


def source(t, x):
    return jnp.sin(jnp.pi * x[0]) * (jnp.pi**2 * jnp.cos(t) - jnp.sin(t))


def heat(u, t, x):
    return pinn.dt(u)(t, x) - pinn.laplacian(u)(t, x) - source(t, x)


def main(tol=1e-7, periods=PERIODS):
    rod = pinn.Interval(0.0, 1.0)
    conditions = [
        pinn.Dirichlet(rod.boundary, 0.0),
        pinn.Initial(lambda x: exact(0.0, x)),
    ]
    time = (0.0, 2 * jnp.pi * periods)
    problem = pinn.Problem(
        rod, heat, conditions, time=time, exact=exact, name="heat for a long time"
    )
    method = pinn.Evolve()
    solution = pinn.solve(problem, method=method, tol=tol, key=jax.random.key(0))
    print(solution.report)
    print(f"\nrelative L2 error  {solution.error(exact):.1e}")
    return solution


def plot(solution, path=None):
    return solution.plot(path, times=[0.0, 0.8, 1.6, 2.4, 3.1])


if __name__ == "__main__":
    plot(main(), *sys.argv[1:2])
