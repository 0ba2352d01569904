r"""
An activation of your own
=========================

.. math::

    -\Delta u = f \quad\text{in } (0, 1)^2, \qquad
    u = \frac{1}{1 + 10\,|x - c|^2}, \quad c = (0.6, 0.5).

An activation is any function of an array. `pinn.smoothness` says which equations it
suits: it finds kinks, derivatives that vanish, and rules that are not the derivative of
what is computed. The first of two below is fit for a Laplacian, the second is not, and
is refused before anything is trained.
"""

import sys

import jax
import jax.numpy as jnp

import pinn

jax.config.update("jax_enable_x64", True)


def bell(s):
    return jnp.exp(-(s**2)) * (1 + s)


def hat(s):
    return jnp.maximum(0.0, 1.0 - jnp.abs(s))


def exact(x):
    return 1 / (1 + 10 * jnp.sum((x - jnp.array([0.6, 0.5])) ** 2))


def poisson(u, x):
    return pinn.laplacian(exact)(x) - pinn.laplacian(u)(x)


def main(tol=1e-5):
    square = pinn.Box([0.0, 0.0], [1.0, 1.0])
    conditions = [pinn.Dirichlet(square.boundary, exact)]
    problem = pinn.Problem(
        square, poisson, conditions, exact=exact, name="own activation"
    )
    for activation in (bell, hat):
        verdict = pinn.smoothness(activation).verdict(2)
        print(f"{activation.__name__:5} for an equation of order 2: {verdict}")
    key = jax.random.key(0)
    try:
        pinn.solve(problem, method=pinn.LeastSquares(activation=hat), key=key)
    except pinn.PreflightError as refused:
        print(f"hat   is refused: {refused.report.errors[0].id}\n")
    method = pinn.LeastSquares(activation=bell)
    solution = pinn.solve(problem, method=method, tol=tol, key=key)
    print(solution.report)
    print(f"\nrelative L2 error  {solution.error(exact):.1e}")
    return solution


def plot(solution, path=None):
    return solution.plot(path)


if __name__ == "__main__":
    plot(main(), *sys.argv[1:2])
