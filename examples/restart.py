r"""
Going on after a kill
=====================

.. math::

    -\Delta u = 2\pi^2 \sin(\pi x_0) \sin(\pi x_1) \quad\text{in } (0, 1)^2,
    \qquad u = 0 \text{ on the boundary.}

A process solves this problem and keeps its work in a folder. In the middle of it, it is
killed, with no chance to say goodbye. `pinn.resume` goes on from the last checkpoint,
and comes to the same bits as a solve that was left alone.
"""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp

import pinn

jax.config.update("jax_enable_x64", True)


def exact(x):
    return jnp.sin(jnp.pi * x[0]) * jnp.sin(jnp.pi * x[1])


def poisson(u, x):
    return -pinn.laplacian(u)(x) - 2 * jnp.pi**2 * exact(x)


square = pinn.Box([0.0, 0.0], [1.0, 1.0])
conditions = [pinn.Dirichlet(square.boundary, 0.0)]
problem = pinn.Problem(square, poisson, conditions, exact=exact, name="restart")
method = pinn.LevenbergMarquardt(steps=60, width=16)


def solve(**options):
    return pinn.solve(problem, method=method, key=jax.random.key(0), **options)


def die_in_the_middle(folder):
    """In another process: a checkpoint after each step, and the end at the 30th."""
    steps = 0

    def count(record):
        nonlocal steps
        steps += "loss" in record
        if steps == 30:
            os.kill(os.getpid(), signal.SIGKILL)

    solve(checkpoint=folder, every=0.0, callbacks=[count])


def main():
    with tempfile.TemporaryDirectory() as folder:
        place = str(Path(folder) / "kept")
        script = main.__code__.co_filename  # `__file__` is not there in a gallery
        child = subprocess.run([sys.executable, script, "--die", place])
        print(f"the first process ended with code {child.returncode}")
        solution = pinn.resume(place, problem, method=method)
    alone = solve()
    print(solution.report)
    same = eqx.tree_equal(solution.field, alone.field)
    print(f"\nsame bits as without the kill: {same}")
    print(f"relative L2 error  {solution.error(exact):.1e}")
    return solution


def plot(solution, path=None):
    return solution.plot(path)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--die"]:
        die_in_the_middle(sys.argv[2])
    plot(main(), *sys.argv[1:2])
