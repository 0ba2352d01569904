r"""
Burgers' equation
=================

.. math::

    \partial_t u + u\, \partial_x u = \nu\, \partial_{xx} u, \qquad
    u(0, x) = -\sin(\pi x), \qquad u(t, \pm 1) = 0, \qquad \nu = 0.05.

At :math:`t \approx 0.4` the solution is steepest. All times are found at once, by
Gauss-Newton steps on the equation as it is written. The reference is the formula of
Cole and Hopf, which needs no grid. Fronts that are much thinner, as with
:math:`\nu = 0.01/\pi`, are for `pinn.Evolve`, which places features anew as it marches.
"""

import sys

import jax
import jax.numpy as jnp

import pinn

jax.config.update("jax_enable_x64", True)

VISCOSITY = 0.05
exact = pinn.reference.cole_hopf(
    lambda x: jnp.cos(jnp.pi * x) / jnp.pi, VISCOSITY, speed=1.0
)


def start(x):
    return -jnp.sin(jnp.pi * x[0])


def burgers(u, t, x):
    convection = u(t, x) * pinn.partial(u, 0)(t, x)
    return pinn.dt(u)(t, x) + convection - VISCOSITY * pinn.laplacian(u)(t, x)


def main(tol=1e-4, duration=1.0):
    domain = pinn.Interval(-1.0, 1.0)
    conditions = [pinn.Dirichlet(domain.boundary, 0.0), pinn.Initial(start)]
    problem = pinn.Problem(
        domain, burgers, conditions, time=(0.0, duration), exact=exact, name="burgers"
    )
    solution = pinn.solve(problem, tol=tol, key=jax.random.key(0))
    print(solution.report)
    print(f"\nrelative L2 error  {solution.error(exact):.1e}")
    return solution


def plot(solution, path=None):
    return solution.plot(path)


if __name__ == "__main__":
    plot(main(), *sys.argv[1:2])
