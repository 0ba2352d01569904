r"""
The heat equation on a rod
==========================

.. math::

    \partial_t u = \partial_{xx} u \quad\text{for } t \in (0, \tfrac12),\ x \in (0, 1),
    \qquad u(t, 0) = u(t, 1) = 0, \qquad u(0, x) = \sin(\pi x),

with the solution :math:`u = e^{-\pi^2 t} \sin(\pi x)`. Time is one more argument of the
field, before space, and the whole evolution is found at once by least squares over
space and time.
"""

import sys

import jax
import jax.numpy as jnp

import pinn

jax.config.update("jax_enable_x64", True)


# %%
# `x` has the shape ``(1,)`` also in one dimension. An initial value depends on space
# only.


def start(x):
    return jnp.sin(jnp.pi * x[0])


def exact(t, x):
    return jnp.exp(-(jnp.pi**2) * t) * start(x)


def heat(u, t, x):
    return pinn.dt(u)(t, x) - pinn.laplacian(u)(t, x)


def main(tol=1e-8):
    rod = pinn.Interval(0.0, 1.0)
    conditions = [pinn.Dirichlet(rod.boundary, 0.0), pinn.Initial(start)]
    problem = pinn.Problem(
        rod, heat, conditions, time=(0.0, 0.5), exact=exact, name="heat"
    )
    solution = pinn.solve(problem, tol=tol, key=jax.random.key(0))
    print(solution.report)

    # The solution is a function of one point; `jax.vmap` makes it one of many.
    t, x = jnp.full(101, 0.5), jnp.linspace(0.0, 1.0, 101)[:, None]
    last = jax.vmap(solution)(t, x) - jax.vmap(exact)(t, x)
    print(f"\nrelative L2 error              {solution.error(exact):.1e}")
    print(f"largest error at t = 0.5       {jnp.max(jnp.abs(last)):.1e}")
    return solution


def plot(solution, path=None):
    return solution.plot(path)


if __name__ == "__main__":
    solution = main()
    plot(solution, *sys.argv[1:2])
