r"""
A method of your own
====================

.. math::

    -u'' = \pi^2 \sin(\pi x) \quad\text{in } (0, 1), \qquad u(0) = u(1) = 0.

A method makes the rows of a problem small, and is given them with their derivatives.
Here it takes Gauss-Newton steps with a fixed damping. The pre-flight check, points,
weights, Ctrl-C, checkpoints and the report come with it.
"""

import sys
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

import pinn

jax.config.update("jax_enable_x64", True)


class State(eqx.Module):
    field: Any
    count: jax.Array


class Damped(pinn.AbstractMethod):
    steps: int = eqx.field(static=True, default=40)
    damping: float = eqx.field(static=True, default=1e-6)
    compiled: ClassVar[bool] = True

    @property
    def name(self):
        return "damped Gauss-Newton"

    def default_field(self, problem, shape, *, key):
        sine, bounds = pinn.activations.sin, problem.bounds
        return pinn.MLP(problem.in_size, "scalar", 8, 2, sine, bounds=bounds, key=key)

    def number_of_points(self, field):
        return 100

    def unknowns(self, field):
        return pinn.trainable_leaves(field)

    def init(self, residuals, field, points, *, key):
        return State(field, jnp.asarray(0))

    def step(self, residuals, points, state):
        unknowns = self.unknowns(state.field)
        rows, matrix = residuals.linearise(state.field, unknowns, points)
        old, fixed = eqx.partition(state.field, unknowns)
        flat, unravel = jax.flatten_util.ravel_pytree(old)
        normal_matrix = matrix.T @ matrix + self.damping * jnp.eye(flat.size)
        new = unravel(flat - jnp.linalg.solve(normal_matrix, matrix.T @ rows))
        return State(eqx.combine(new, fixed), state.count + 1), 0.5 * rows @ rows

    def done(self, state):
        return state.count >= self.steps

    def field(self, state):
        return state.field


def exact(x):
    return jnp.sin(jnp.pi * x[0])


def main(steps=40):
    rod = pinn.Interval(0.0, 1.0)
    equation = lambda u, x: -pinn.laplacian(u)(x) - jnp.pi**2 * exact(x)
    conditions = [pinn.Dirichlet(rod.boundary, 0.0)]
    problem = pinn.Problem(rod, equation, conditions, exact=exact, name="own method")
    solution = pinn.solve(problem, method=Damped(steps), key=jax.random.key(0))
    print(f"{solution.report}\n\nrelative L2 error  {solution.error(exact):.1e}")
    return solution


def plot(solution, path=None):
    return solution.plot(path)


if __name__ == "__main__":
    plot(main(), *sys.argv[1:2])
