r"""
Which activation, and yours among them
======================================

Small networks with different activations, trained by Adam with the same budget on

.. math::

    -\Delta u = f \quad\text{in } (0, 1)^2, \qquad u \text{ given on the boundary,}

once with :math:`u = \sin(\pi x_0) \sin(\pi x_1)`, once with four half waves along each
side. Networks of all seeds are trained in one vectorised program. An activation of your
own joins the list as a function.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np

import pinn

jax.config.update("jax_enable_x64", True)


def wavy(s):
    """An activation of one's own: a line with a ripple."""
    return s + jnp.sin(2 * s) / 2


def main(steps=1000, seeds=3, activations=("tanh", "gelu", wavy)):
    problems = {
        "one wave": pinn.problems.poisson(),
        "four waves": pinn.problems.poisson(frequency=4.0),
    }
    study = pinn.analysis.study(
        activations,
        problems,
        key=jax.random.key(0),
        seeds=seeds,
        method=lambda activation: pinn.analysis.small_adam(activation, steps=steps),
    )
    print(study)
    best = study.ranking()[0].name
    errors = np.median(study.error[study.activations.index(best)], axis=1)
    print(f"\n{best}: relative L2 error {errors[0]:.1e} and {errors[1]:.1e}")
    return study


def plot(study, path=None):
    figure = study.plot()
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


if __name__ == "__main__":
    plot(main(), *sys.argv[1:2])
