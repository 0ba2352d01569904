"""Problems in time, and their errors, that tests and benchmarks of marches share."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erfc

import pinn
from pinn import Dirichlet, Initial, Problem, dt, laplacian
from pinn._evolved_rows import derivatives_at

ROD = pinn.Interval(0.0, 1.0)


def heat(u, t, x):
    return dt(u)(t, x) - laplacian(u)(t, x)


def disagreeing():
    """One inside at the start and zero on the boundary: the data disagrees in the
    corners."""
    conditions = [Dirichlet(ROD.boundary, 0.0), Initial(1.0)]
    return Problem(ROD, heat, conditions, time=(0.0, 0.1))


def error_with_layer(solution, nodes=8):
    """The error of `disagreeing` with the layer at the first time, which even points
    miss: Gauss's rule between the times 2^-k and around the ends of the rod, against
    the images of the start in these, of which four are enough until t = 0.1."""
    node, weight = np.polynomial.legendre.leggauss(nodes)

    def graded(stop, count):
        edges = stop * np.append(0.0, 0.5 ** np.arange(count, -1, -1.0))
        half = np.diff(edges)[:, None] / 2
        return (edges[:-1, None] + half * (1 + node)).ravel(), (half * weight).ravel()

    (t, of_t), (x, of_x) = graded(0.1, 30), graded(0.5, 14)
    t, x = (a.ravel() for a in np.meshgrid(t, x, indexing="ij"))
    u = derivatives_at(solution.field, (t, x[:, None]), ((),), np.ones(2))[0][:, 0]
    wave = lambda k, x: erfc((k + x) / np.sqrt(4 * t))
    exact = 1 - sum((-1) ** k * (wave(k, x) + wave(k, 1 - x)) for k in range(4))
    norm = lambda a: np.sqrt(np.outer(of_t, of_x).ravel() @ np.asarray(a) ** 2)
    return float(norm(u - exact) / norm(exact))


def disk_with_a_hole():
    """Heat in a disk with a hole beside its centre, which has no closed form.

    The start agrees with the rims, and so does its Laplacian.
    """
    centre, radius = jnp.array([0.3, 0.0]), 0.25
    domain = pinn.Disk([0.0, 0.0], 1.0) - pinn.Disk(centre, radius)

    def start(x):
        w = (jnp.sum((x - centre) ** 2) - radius**2) * (1 - jnp.sum(x**2))
        return 8 * w**3

    conditions = [Dirichlet(domain.boundary, 0.0), Initial(start)]
    return Problem(domain, heat, conditions, time=(0.0, 0.1))


def early_chaos():
    """Kuramoto-Sivashinsky's equation while it can be foretold."""
    problem = pinn.problems.kuramoto_sivashinsky()
    return Problem(problem.domain, problem.residual, problem.conditions, time=(0, 0.5))


def error_by_table(solution):
    """The error of `early_chaos` against the table of the catalogue."""
    points, values = pinn.problems.kuramoto_sivashinsky_reference()
    some = points[:, 0] <= 0.5
    t, x = jnp.asarray(points[some, 0]), jnp.asarray(points[some, 1:])
    error = jax.vmap(solution)(t, x) - values[some]
    return float(jnp.linalg.norm(error) / np.linalg.norm(values[some]))
