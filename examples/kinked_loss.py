r"""
The loss falls and the solution is wrong
========================================

Poisson's equation on an interval,

.. math::

    -u'' = \pi^2 \sin(\pi x) \quad\text{in } (0, 1), \qquad u(0) = u(1) = 0,

with the solution :math:`u = \sin(\pi x)`, and two networks. SELU has a second
derivative that is not zero, so that its loss falls like that of tanh. But its slope
jumps at zero, which no derivative at a point can see: the network bends where no
residual looks, and solves the equation everywhere but there.
"""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import pinn

jax.config.update("jax_enable_x64", True)

X = jnp.linspace(0.0, 1.0, 401)[:, None]


def exact(x):
    return jnp.sin(jnp.pi * x[0])


def poisson(u, x):
    return -pinn.laplacian(u)(x) - jnp.pi**2 * exact(x)


def main(steps=3000, looks_wanted=30):
    rod = pinn.Interval(0.0, 1.0)
    conditions = [pinn.Dirichlet(rod.boundary, 0.0)]
    problem = pinn.Problem(rod, poisson, conditions, exact=exact)
    measure = eqx.filter_jit(
        lambda u: (
            jnp.sqrt(jnp.mean(jax.vmap(lambda x: poisson(u, x))(X) ** 2)) / jnp.pi**2,
            pinn.metrics.relative_l2(jax.vmap(u)(X), jax.vmap(exact)(X)),
        )
    )
    found = {}
    for name in ("selu", "tanh"):
        method = pinn.analysis.small_adam(pinn.activations.get(name), steps=steps)
        key = jax.random.key(0)
        start = method.default_field(problem, (), key=key)
        report = pinn.preflight(problem, start, key=key)
        print(name, "passes" if report.ok else f"stopped: {report.errors[0].id}")
        # %%
        # What the check would stop is trained here all the same.
        looks = pinn.analysis.training(
            problem, start, method, key=key, every=max(1, steps // looks_wanted)
        )
        rows = [(step, *measure(u), jax.vmap(u)(X)) for step, u in looks]
        found[name] = np.array([row[:3] for row in rows], float), rows[-1][3]
        print(f"{name} residual {rows[-1][1]:.1e}, relative L2 error {rows[-1][2]:.1e}")
    return found


def plot(found, path=None):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    right.plot(X, jax.vmap(exact)(X), "k:", lw=3, label="exact")
    for (name, (rows, values)), colour in zip(found.items(), ("C1", "C0"), strict=True):
        left.semilogy(rows[:, 0], rows[:, 1], colour, label=f"{name}, residual")
        left.semilogy(rows[:, 0], rows[:, 2], colour, ls="--", label=f"{name}, error")
        right.plot(X, values, colour, label=name)
    left.set(xlabel="steps", ylabel="relative to the source, the solution")
    right.set(xlabel="x", ylabel="u")
    left.legend(ncols=2, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    right.legend()
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


if __name__ == "__main__":
    plot(main(), *sys.argv[1:2])
