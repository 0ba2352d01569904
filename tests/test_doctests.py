"""The examples in docstrings print what they show."""

import doctest
import importlib
import inspect
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

import pinn

ROOT = Path(pinn.__file__).parent
# They solve a problem, or compile much.
SLOW = {
    "pinn._preflight._check",
    "pinn._solution",
    "pinn._solve",
    "pinn.reference._cole_hopf",
}
# What the documentation of the API says that examples begin with.
NAMES = {"jax": jax, "jnp": jnp, "pinn": pinn}
USED = (
    "Problem",
    "solve",
    "Solution",
    "Interval",
    "Box",
    "Disk",
    "Ball",
    "Dirichlet",
    "Neumann",
    "Robin",
    "Periodic",
    "Initial",
    "Condition",
    "MLP",
    "RandomFeatures",
    "Field",
    "grad",
    "jacobian",
    "partial",
    "dt",
    "dtt",
    "laplacian",
    "divergence",
    "curl",
    "advect",
    "normal_derivative",
    "preflight",
    "smoothness",
    "activations.get",
    "activations.catalogue",
    "metrics.relative_l2",
    "problems.get",
    "reference.cole_hopf",
)


def modules():
    for path in sorted(ROOT.rglob("*.py")):
        if "\n    >>> " in path.read_text():
            parts = path.relative_to(ROOT.parent).with_suffix("").parts
            name = ".".join(parts).removesuffix(".__init__")
            yield pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else [])


@pytest.mark.parametrize("name", list(modules()))
def test_examples_print_what_they_show(name):
    runner, said = doctest.DocTestRunner(), []
    module = importlib.import_module(name)
    for test in doctest.DocTestFinder().find(module, extraglobs=NAMES):
        runner.run(test, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)
    assert runner.tries > 0


@pytest.mark.parametrize("name", USED)
def test_what_is_used_most_has_an_example(name):
    thing = pinn
    for part in name.split("."):
        thing = getattr(thing, part)
    assert "Examples\n--------\n>>> " in inspect.getdoc(thing)
