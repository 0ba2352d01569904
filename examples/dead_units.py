r"""
Units that an equation does not feel
====================================

A unit of a network acts on an equation of second order,

.. math::

    -\Delta u = f \quad\text{in } (0, 1)^2, \qquad
    u = \sin(\pi x_0) \sin(\pi x_1) \text{ on the boundary},

through its second derivatives. Where these are zero at all points the unit is dead to
the equation, whatever its output is: every unit of ReLU is, wherever it fires. Cubes of
ReLU have second derivatives, and die as ReLU does, by never firing, the more often the
deeper the network is. Units of tanh do not.
"""

import sys

import jax

import pinn

jax.config.update("jax_enable_x64", True)

ACTIVATIONS = ("relu", "relu3", "tanh")


def main(steps=1500, depths=(1, 2, 4, 8), names=ACTIVATIONS):
    problem = pinn.problems.poisson()
    key = jax.random.key(0)
    growth = pinn.analysis.dead_unit_growth(
        problem, names, key=key, widths=(8,), depths=depths
    )
    for name, share in zip(growth.activations, growth.share[:, :, 0], strict=True):
        ends = f"{share[0, 0]:4.0%} to {share[-1, 0]:4.0%} without output"
        print(f"{name:6} {ends}, {share[-1, 2]:4.0%} without second derivatives")

    # %%
    # What they are worth after training: three networks each, of two layers of 16.
    study = pinn.analysis.study(
        names,
        [problem],
        key=key,
        seeds=3,
        check=False,
        method=lambda activation: pinn.analysis.small_adam(activation, steps=steps),
    )
    for row in study.rows():
        print(
            f"{row['activation']:6} {row['dead']:4.0%} dead after training, "
            f"relative L2 error {row['error']:.1e}"
        )
    return growth, study


def plot(results, path=None):
    from matplotlib.figure import Figure

    growth, study = results
    figure = Figure(figsize=(12, 3.4), layout="constrained")
    first, second, third = figure.subplots(1, 3)
    growth.plot(first, order=0)
    growth.plot(second, order=2)
    study.plot(third)
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


if __name__ == "__main__":
    plot(main(), *sys.argv[1:2])
