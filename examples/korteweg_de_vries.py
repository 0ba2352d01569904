r"""
Solitons of the Korteweg-de Vries equation
==========================================

.. math::

    \partial_t u + u\, \partial_x u + 0.022^2\, \partial_{xxx} u = 0, \qquad
    u(0, x) = \cos(\pi x),

on :math:`(-1, 1)` with its ends joined: the problem on which Zabusky and Kruskal found
solitons in 1965. A wave steepens and breaks up into pulses that pass through one
another. Mass and energy stay what they are; the report says by how much they change.
The reference is a table of a spectral program that shares nothing with `pinn`.
"""

import sys

import jax
import jax.numpy as jnp

import pinn

jax.config.update("jax_enable_x64", True)


def korteweg_de_vries(u, t, x):
    convection = u(t, x) * pinn.partial(u, 0)(t, x)
    return pinn.dt(u)(t, x) + convection + 0.022**2 * pinn.partial(u, 0, 0, 0)(t, x)


def main(tol=1e-6):
    ring = pinn.Interval(-1.0, 1.0)
    conditions = [
        pinn.Periodic(ring),
        pinn.Initial(lambda x: jnp.cos(jnp.pi * x[0])),
    ]
    problem = pinn.Problem(
        ring,
        korteweg_de_vries,
        conditions,
        time=(0.0, 1.0),
        conserved={
            "mass": lambda u, t, x: u(t, x),
            "energy": lambda u, t, x: u(t, x) ** 2,
        },
        name="korteweg-de-vries",
    )
    solution = pinn.solve(problem, tol=tol, key=jax.random.key(0))
    print(solution.report)
    error = solution.error(pinn.problems.korteweg_de_vries_reference())
    print(f"\nrelative L2 error  {error:.1e}")
    return solution


def plot(solution, path=None):
    return solution.plot(path)


if __name__ == "__main__":
    plot(main(), *sys.argv[1:2])
