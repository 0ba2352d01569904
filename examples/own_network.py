r"""
A network of your own
=====================

.. math::

    -\Delta u = f \quad\text{in } (-1, 1)^2, \qquad
    u = e^{x_0} \cos(3 x_1) \text{ on the boundary.}

A field is any module that can be called at one point, and it need not be neural: here
it is a sum of Gaussians around the points of a grid, so that the same solver becomes
the method of radial basis functions. A last layer called ``readout`` makes it ready for
least squares.
"""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp

import pinn

jax.config.update("jax_enable_x64", True)


def exact(x):
    return jnp.exp(x[0]) * jnp.cos(3 * x[1])


def poisson(u, x):
    return -pinn.laplacian(u)(x) - 8 * exact(x)


class Gaussians(eqx.Module):
    """Numbers that are not trained are static; arrays are trained."""

    readout: pinn.Readout
    per_axis: int = eqx.field(static=True)
    width: float = eqx.field(static=True)

    def __init__(self, per_axis, width, *, key):
        self.per_axis, self.width = per_axis, width
        self.readout = pinn.Readout(per_axis**2, "scalar", key=key)

    def __call__(self, x):
        # Centres outside of the domain serve its rim.
        centres = jnp.linspace(-1.5, 1.5, self.per_axis)
        first, second = jnp.exp(-(((x[:, None] - centres[None]) / self.width) ** 2))
        return self.readout(jnp.outer(first, second).ravel())


def main(per_axis=20, width=0.8):
    square = pinn.Box([-1.0, -1.0], [1.0, 1.0])
    conditions = [pinn.Dirichlet(square.boundary, exact)]
    problem = pinn.Problem(square, poisson, conditions, exact=exact, name="own network")
    key = jax.random.key(0)
    network = Gaussians(per_axis, width, key=key)
    solution = pinn.solve(problem, network, key=key)
    print(solution.report)
    print(f"\nrelative L2 error  {solution.error(exact):.1e}")
    return solution


def plot(solution, path=None):
    return solution.plot(path)


if __name__ == "__main__":
    plot(main(), *sys.argv[1:2])
