r"""
Heat on a disk with a hole
==========================

.. math::

    \partial_t u = \Delta u \text{ in the disk } |x| < 1
    \text{ without } |x - (0.3, 0)| < 0.25, \qquad
    u = 0 \text{ on both rims}, \qquad u(0, x) = 8\, w(x)^3,

where :math:`w(x) = (|x - (0.3, 0)|^2 - 0.25^2)\, (1 - |x|^2)` is zero on the rims, and
so is the Laplacian of its third power: data and equation agree there. The features of a
hole are those of the disk reflected in its rim. Finite elements of degree four, which
`pinn` makes from the same residual, are the reference: they share neither network nor
training with the solution.
"""

import sys

import jax
import jax.numpy as jnp

import pinn

jax.config.update("jax_enable_x64", True)

CENTRE, RADIUS = jnp.array([0.3, 0.0]), 0.25


def start(x):
    w = (jnp.sum((x - CENTRE) ** 2) - RADIUS**2) * (1 - jnp.sum(x**2))
    return 8 * w**3


def heat(u, t, x):
    return pinn.dt(u)(t, x) - pinn.laplacian(u)(t, x)


def main(tol=1e-3, duration=0.1, elements=16):
    domain = pinn.Disk([0.0, 0.0], 1.0) - pinn.Disk(CENTRE, RADIUS)
    conditions = [pinn.Dirichlet(domain.boundary, 0.0), pinn.Initial(start)]
    problem = pinn.Problem(
        domain, heat, conditions, time=(0.0, duration), name="heat on a disk"
    )
    method = pinn.Evolve()
    solution = pinn.solve(problem, method=method, tol=tol, key=jax.random.key(0))
    print(solution.report)
    reference = pinn.reference.finite_elements(problem, elements, degree=4)
    print(f"\nrelative L2 error  {solution.error(reference):.1e}")
    print(f"of the elements    {reference.error:.1e}")
    return solution


def plot(solution, path=None):
    return solution.plot(path)


if __name__ == "__main__":
    plot(main(), *sys.argv[1:2])
