"""`import pinn` changes no setting of JAX, starts no device and is quick."""

import subprocess
import sys
import textwrap

import pytest


def run(program, *options):
    done = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_import_changes_no_setting_and_starts_no_backend():
    run(
        """
        import warnings, logging, os, sys
        import jax, numpy
        from jax._src import xla_bridge

        settings = lambda: (
            dict(jax.config.values), dict(os.environ), numpy.geterr(),
            list(warnings.filters), logging.root.level, sys.getrecursionlimit(),
        )
        before = settings()
        assert not xla_bridge.backends_are_initialized()
        import pinn
        assert not xla_bridge.backends_are_initialized(), "a backend was started"
        for old, new in zip(before, settings()):
            assert old == new, (old, new)
        assert not jax.config.jax_enable_x64
        """
    )


def test_import_gives_no_warning_and_prints_nothing():
    assert run("import pinn", "-W", "error") == ""


def test_heavy_modules_are_imported_where_they_are_used():
    loaded = set(run("import pinn, sys; print(*sys.modules)").split())
    assert not loaded & {"matplotlib.pyplot", "scipy.stats", "diffrax", "rich", "typer"}


def test_public_names_are_there_and_have_a_docstring():
    out = run(
        """
        import inspect, pinn
        for name in dir(pinn):
            thing = getattr(pinn, name)
            public = inspect.isclass(thing) or inspect.isfunction(thing)
            if not name.startswith("_") and public and not thing.__doc__:
                print(name)
        """
    )
    assert out.split() == []


@pytest.mark.slow
def test_building_a_problem_keeps_the_precision_of_the_caller():
    run(
        """
        import jax, jax.numpy as jnp, pinn

        for x64 in (False, True):
            jax.config.update("jax_enable_x64", x64)
            square = pinn.Box([0.0, 0.0], [1.0, 1.0])
            key = jax.random.key(0)
            wanted = jnp.float64 if x64 else jnp.float32
            assert square.sample(3, key=key).dtype == wanted
            u = pinn.MLP(2, "scalar", 4, 1, key=key)
            assert u(jnp.zeros(2)).dtype == wanted
            assert pinn.laplacian(u)(jnp.zeros(2)).dtype == wanted
        """
    )
