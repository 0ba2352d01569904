r"""
Fitting a parabola with two units
=================================

An equation may have no derivatives at all:

.. math::

    u(x) = x^2 \quad\text{for } x \in (0, 2).

Two units of ReLU make a broken line of three pieces, one of them flat. The best such
line is found by projection, without training; no line of three pieces at all has an
error (rms) below :math:`h^2 / (6 \sqrt 5)`, :math:`h = 2/3`. Two tanh do better.
"""

import sys
from pathlib import Path

import jax
import numpy as np
import optax
from scipy.optimize import minimize

import pinn

jax.config.update("jax_enable_x64", True)

UNITS = ("relu", "leaky_relu", "tanh")
X = np.linspace(0, 2, 401)[:, None]


def error(values):
    return np.linalg.norm(values - X[:, 0] ** 2) / np.linalg.norm(X**2)


def best_line():
    """The best u = c + a max(0, x - p) + b max(0, x - q)."""

    def projected(kinks):
        basis = np.concatenate([np.ones_like(X), np.maximum(0, X - kinks)], axis=1)
        return basis @ np.linalg.lstsq(basis, X[:, 0] ** 2, rcond=None)[0]

    kinks = minimize(lambda k: error(projected(k)), [0.5, 1.2], method="Nelder-Mead").x
    return projected(kinks)


def main(steps=3000, frames=30, starts=5):
    interval = pinn.Interval(0.0, 2.0)
    problem = pinn.Problem(interval, lambda u, x: u(x) - x[0] ** 2, [])
    method = pinn.FirstOrder(optax.adam(1e-2), steps=steps, resample=0)
    every, fits = max(1, steps // frames), {"best broken line": [best_line()]}
    for name in UNITS:
        tries = []  # two units are easily stuck: of some starts the best one
        for seed in range(starts):
            key, activation = jax.random.key(seed), pinn.activations.get(name)
            u = pinn.MLP(1, "scalar", 2, 1, activation, bounds=([0], [2]), key=key)
            looks = pinn.analysis.training(problem, u, method, key=key, every=every)
            tries.append([np.asarray(jax.vmap(field)(X)) for _, field in looks])
        fits[name] = min(tries, key=lambda fit: error(fit[-1]))
    for name, fit in fits.items():
        print(f"{name:16} relative L2 error {error(fit[-1]):.2e}")
    return fits


def plot(fits, path=None):
    """The last fits; beside the picture, as a film, how they came about."""
    from matplotlib.animation import FuncAnimation
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.6), layout="constrained")
    axis = figure.subplots()
    axis.plot(X, X**2, "k:", lw=2, zorder=3, label="$x^2$")
    axis.set_prop_cycle(lw=(6, 4, 2, 2), color=("0.7", "orange", "green", "red"))
    lines = [axis.plot(X, fit[-1], label=name)[0] for name, fit in fits.items()]
    axis.set(xlabel="x", ylabel="u", ylim=(-1, 4.2))
    axis.legend(loc="upper left")
    if path is not None:
        figure.savefig(path, dpi=150)

        def show(frame):
            for line, fit in zip(lines, fits.values(), strict=True):
                line.set_ydata(fit[min(frame, len(fit) - 1)])

        film = FuncAnimation(figure, show, max(map(len, fits.values())))
        film.save(Path(path).with_suffix(".gif"), writer="pillow", fps=8)
    return figure


if __name__ == "__main__":
    plot(main(), *sys.argv[1:2])
