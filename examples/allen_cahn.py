r"""
The Allen-Cahn equation
=======================

.. math::

    \partial_t u = 10^{-4}\, \partial_{xx} u + 5 u - 5 u^3, \qquad
    u(0, x) = x^2 \cos(\pi x),

on :math:`(-1, 1)` with its ends joined. Two phases, :math:`u = \pm 1`, part, with thin
layers between them. The slope of the initial data jumps where the ends meet, so a
network that is periodic by construction is not smooth enough there; sines and cosines
of the ring and a little diffusion are. The reference is a table of a spectral program
that shares nothing with `pinn`.
"""

import sys

import jax
import jax.numpy as jnp

import pinn

jax.config.update("jax_enable_x64", True)


def allen_cahn(u, t, x):
    reaction = 5.0 * (u(t, x) - u(t, x) ** 3)
    return pinn.dt(u)(t, x) - 1e-4 * pinn.laplacian(u)(t, x) - reaction


def main(tol=1e-5):
    ring = pinn.Interval(-1.0, 1.0)
    conditions = [
        pinn.Periodic(ring),
        pinn.Initial(lambda x: x[0] ** 2 * jnp.cos(jnp.pi * x[0])),
    ]
    problem = pinn.Problem(
        ring, allen_cahn, conditions, time=(0.0, 1.0), name="allen-cahn"
    )
    solution = pinn.solve(problem, tol=tol, key=jax.random.key(0))
    print(solution.report)

    # %%
    # When is a point half way to its phase? Events are zeros of any quantity.
    half = lambda t, u: u(jnp.array([0.3])) - 0.5
    print(f"\nu(t, 0.3) = 1/2 at t = {solution.crossings(half)}")
    error = solution.error(pinn.problems.allen_cahn_reference())
    print(f"relative L2 error  {error:.1e}")
    return solution


def plot(solution, path=None):
    return solution.plot(path)


if __name__ == "__main__":
    plot(main(), *sys.argv[1:2])
