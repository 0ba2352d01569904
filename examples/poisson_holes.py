r"""
A square with four round holes
==============================

.. math::

    \Delta u = 0 \quad\text{in } (-\tfrac12, \tfrac12)^2
    \text{ without } \bigcup_{k=1}^4 B_{0.1}(c_k), \qquad
    u = 1 \text{ on the sides}, \quad u = 0 \text{ on the rims,}

with the centres :math:`c_k = (\pm 0.3, \pm 0.3)`. There is no closed form. The answer
is compared with 1246 values of a finite-element program, which come from the PINNacle
benchmark (its case Poisson2d-C) and lie :math:`3\cdot 10^{-5}` from the true solution
themselves. The best neural solver in that benchmark is at :math:`10^{-2}`.
"""

import sys

import jax

import pinn

jax.config.update("jax_enable_x64", True)

CENTRES = [(0.3, 0.3), (-0.3, 0.3), (0.3, -0.3), (-0.3, -0.3)]


def laplace(u, x):
    return pinn.laplacian(u)(x)


# %%
# Domains are combined with ``-``, ``|`` and ``&``. A condition names its part of the
# boundary by the shape it comes from: the rim of a hole is ``hole.boundary``.


def main(tol=1e-3):
    square = pinn.Box([-0.5, -0.5], [0.5, 0.5])
    plate, conditions = square, [pinn.Dirichlet(square.boundary, 1.0, name="sides")]
    for i, centre in enumerate(CENTRES):
        hole = pinn.Disk(centre, 0.1)
        plate = plate - hole
        conditions.append(pinn.Dirichlet(hole.boundary, 0.0, name=f"rim {i}"))
    problem = pinn.Problem(plate, laplace, conditions, name="poisson with holes")
    solution = pinn.solve(problem, tol=tol, key=jax.random.key(0))
    print(solution.report)

    points, values = pinn.problems.poisson_holes_reference()
    error = solution.error((points, values))
    print(f"\nrelative L2 error at the {len(points)} reference points  {error:.1e}")
    return solution


def plot(solution, path=None):
    return solution.plot(path)


if __name__ == "__main__":
    solution = main()
    plot(solution, *sys.argv[1:2])
