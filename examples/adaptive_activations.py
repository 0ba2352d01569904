r"""
Activations that learn
======================

An activation may have numbers of its own, which are trained with the weights: slopes,
ripples, the shares of a blend, coefficients of sines, of a quotient, of splines, gates
that depend on the input. Each is tried on

.. math::

    -u'' = f \quad\text{in } (0, 1), \qquad
    u = \sin(2\pi x) + \tfrac{1}{5} \sin(8\pi x),

with ends at zero, and drawn as it was before and after. One function for the whole
network learns one shape; a list of them gives each layer its own.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np

import pinn

jax.config.update("jax_enable_x64", True)

act = pinn.activations
WIDTH, DEPTH, S = 16, 2, np.linspace(-3, 3, 301)
ADAPTIVE = {
    "tanh": lambda: act.tanh,
    "slope, global": lambda: act.AdaptiveSlope(n=2.0),
    "slope, per layer": lambda: [act.AdaptiveSlope(n=2.0)] * DEPTH,
    "slope, per neuron": lambda: [act.AdaptiveSlope(n=2.0, size=WIDTH)] * DEPTH,
    "Rowdy": lambda: act.Rowdy(terms=2),
    "blend": lambda: act.ABU((act.sin, act.tanh)),
    "Fourier (STAF)": lambda: act.STAF((1, 0, 0), (1, 2, 3), (0, 0, 0)),
    "rational": act.Rational,
    "B-spline": lambda: act.BSpline(n=6),
    "gated mixture": lambda: act.Mixture((act.tanh, act.sin)),
}

exact = lambda x: jnp.sin(2 * jnp.pi * x[0]) + jnp.sin(8 * jnp.pi * x[0]) / 5


def main(steps=1000, names=tuple(ADAPTIVE)):
    rod = pinn.Interval(0.0, 1.0)
    poisson = lambda u, x: pinn.laplacian(exact)(x) - pinn.laplacian(u)(x)
    conditions = [pinn.Dirichlet(rod.boundary, 0.0)]
    problem = pinn.Problem(rod, poisson, conditions, exact=exact, name="adaptive")
    key, x, found = jax.random.key(0), jnp.linspace(0.0, 1.0, 401)[:, None], {}
    method = pinn.analysis.small_adam(act.tanh, steps=steps)
    for name in names:
        u = pinn.MLP(
            1, "scalar", WIDTH, DEPTH, ADAPTIVE[name](), bounds=problem.bounds, key=key
        )
        *_, (_, v) = pinn.analysis.training(problem, u, method, key=key, points=200)
        error = pinn.metrics.relative_l2(jax.vmap(v)(x), jax.vmap(exact)(x))
        print(f"{name:18} relative L2 error {error:.1e}")
        found[name] = shapes(u.activation), shapes(v.activation), float(error)
    return found


def shapes(activation):
    """The values of an activation; of each layer's and neuron's, where they differ."""
    layers = activation if isinstance(activation, tuple) else (activation,)
    inputs = jnp.asarray(S).repeat(WIDTH).reshape(-1, WIDTH)
    return [np.asarray(jax.vmap(f)(inputs)) for f in layers]


def plot(found, path=None):
    from matplotlib.figure import Figure

    columns = min(5, len(found))
    rows = -(-len(found) // columns)
    figure = Figure(figsize=(2.5 * columns, 2.3 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, (name, (before, after, error)) in zip(axes, found.items(), strict=False):
        for layer, line in zip(after, (("C0", 3), ("C1", 1)), strict=False):
            ax.plot(S, layer, line[0], lw=line[1])
        ax.plot(S, before[0][:, 0], "k:")
        ax.set_title(f"{name}, error {error:.0e}", fontsize=8)
    figure.supxlabel("before: dotted; after: blue, and orange in the second layer")
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


if __name__ == "__main__":
    plot(main(), *sys.argv[1:2])
