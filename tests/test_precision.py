"""32 and 64 bits: what is asked for is what runs, and what is reported."""

import collections
import gc
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from helpers import problem_of, refused, some_points, unbalanced
from numpy.testing import assert_allclose

import pinn
from pinn import FirstOrder, LeastSquares, LevenbergMarquardt, Sequence
from pinn._compiled import Compiled
from pinn._method._parameters import linearise_at, parameters
from pinn._precision import arithmetic, bits, fitting

KEY = jr.key(0)
PROBLEM = problem_of("poisson_1d")
ADAM = FirstOrder(optax.adam(1e-2), steps=40, points=20, width=6, depth=1)
NEWTON = LevenbergMarquardt(steps=10, width=6, depth=1)


def types(tree):
    return {str(a.dtype) for a in jax.tree.leaves(eqx.filter(tree, eqx.is_array))}


# In 32 bit in a program of 64.


@pytest.fixture(scope="module")
def closed_over():
    """A problem whose functions close over arrays of 64 bits, of JAX and of NumPy."""
    rod = pinn.Interval(0.0, 1.0)
    factor, power = jnp.linspace(0.0, 1.0, 3), np.pi * np.ones(2)

    def residual(u, x):
        source = factor[2] * power[0] ** 2 * jnp.sin(power[1] * x[0])
        return -pinn.laplacian(u)(x) - source

    conditions = [pinn.Dirichlet(rod.boundary, lambda x: 0.0 * factor[0])]
    exact = lambda x: jnp.sin(jnp.pi * x[0])
    return pinn.Problem(rod, residual, conditions, exact=exact)


@pytest.mark.slow
def test_32_bit_is_not_promoted_by_what_functions_close_over(closed_over):
    method = LeastSquares(features=20, largest=20)
    with jax.numpy_dtype_promotion("standard"):
        solution = pinn.solve(closed_over, method=method, key=KEY, precision=32)
        assert types(solution.field) == {"float32"}
        assert solution.report.precision == 32
        assert "32-bit" in str(solution.report)
        assert solution.error(closed_over.exact) < 1e-2
    assert bits() == 64
    assert types(solution.problem) == {"float64"}


def test_the_rows_in_32_bit_arithmetic_are_of_32_bits(closed_over):
    field = pinn.MLP(1, "scalar", 4, 1, key=KEY)
    with jax.numpy_dtype_promotion("standard"):
        residuals, points = unbalanced(closed_over), some_points(closed_over)
        rows = eqx.filter_jit(lambda residuals, *rest: residuals.rows(*rest))
        wide = rows(residuals, field, points)
        with arithmetic(32):
            narrow = rows(*fitting((residuals, field, points)))
    assert (wide.dtype, narrow.dtype) == (jnp.float64, jnp.float32)
    narrow, wide = np.asarray(narrow, float), np.asarray(wide)
    assert_allclose(narrow, wide, rtol=1e-4, atol=1e-4 * np.max(np.abs(wide)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "precision"), [(ADAM, 32), (NEWTON, "mixed")], ids=["32", "mixed"]
)
def test_a_checkpoint_keeps_the_precision(tmp_path, method, precision):
    def stop(record):
        if "loss" in record and record["seconds"] > 0:
            raise StopIteration

    options = {"method": method, "key": KEY, "precision": precision}
    whole = pinn.solve(PROBLEM, **options)
    folder = tmp_path / "run"
    pinn.solve(PROBLEM, **options, checkpoint=folder, every=0.0, callbacks=[stop])
    again = pinn.resume(folder, PROBLEM, method=method)
    assert again.report.precision == precision
    assert eqx.tree_equal(again.field, whole.field)


# A Jacobian in 32 bit.


def test_only_the_jacobian_is_narrow():
    field = pinn.MLP(1, "scalar", 6, 1, bounds=PROBLEM.bounds, key=jr.key(2))
    residuals, points = unbalanced(PROBLEM), some_points(PROBLEM, 30, conditions=2)
    at = jax.jit(
        lambda theta, narrow: linearise_at(residuals, field, theta, points, narrow),
        static_argnums=1,
    )
    rows, matrix = at(parameters(field), False)
    same, narrow = at(parameters(field), True)
    assert (same.dtype, narrow.dtype) == (jnp.float64, jnp.float32)
    assert_allclose(same, rows, rtol=1e-12)
    narrow, matrix = np.asarray(narrow, float), np.asarray(matrix)
    size = np.max(np.abs(matrix), axis=0)
    assert_allclose(narrow / size, matrix / size, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("method", [NEWTON, Sequence([ADAM, NEWTON])])
def test_steps_with_a_narrow_jacobian_converge_as_far(method):
    wide, mixed = (
        pinn.solve(PROBLEM, method=method, key=KEY, precision=p) for p in (64, "mixed")
    )
    assert mixed.report.precision == "mixed"
    assert "64-bit with a 32-bit Jacobian" in str(mixed.report)
    assert types(mixed.field) == {"float64"}
    assert mixed.report.relative_l2 < 3 * wide.report.relative_l2


# Refused, with the way out.

LINE = r'`jax.config.update\("jax_enable_x64", True\)`'


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": 16}, '`precision` takes 32, 64, "mixed" or `None`; got 16'),
        ({"precision": True}, "`precision`.*True"),
        ({"precision": "64"}, "`precision`.*'64'"),
        (
            {"precision": 32, "tol": 1e-8},
            "`tol`=1e-08.*at least 1e-05.*`precision`",
        ),
        ({"precision": 32, "method": NEWTON}, f"`LevenbergMarquardt` needs 64.*{LINE}"),
        ({"precision": "mixed"}, "`LevenbergMarquardt`.*`LeastSquares` has none"),
        ({"precision": "mixed", "method": ADAM}, "`FirstOrder` has none"),
        (
            {"precision": "mixed", "method": Sequence([ADAM, LeastSquares()])},
            "`Sequence` has none",
        ),
        (
            {"precision": "mixed", "method": LevenbergMarquardt(form="matrix-free")},
            '`precision` = "mixed".*`form`',
        ),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with refused(message):
        pinn.solve(PROBLEM, key=KEY, **options)


@pytest.mark.parametrize("precision", [64, "mixed"])
def test_64_bit_is_refused_in_a_program_of_32_with_the_line(precision):
    with jax.enable_x64(False), refused(f"`precision` = .* needs 64-bit.*{LINE}"):
        pinn.solve(PROBLEM, key=KEY, precision=precision)


# On a GPU.


class Plain(eqx.Module):
    """A field whose features only its readout tells of."""

    network: pinn.MLP

    @property
    def readout(self):
        return self.network.readout

    def __call__(self, x):
        return self.network(x)


def kinds():
    """Every `Compiled` of the package, by its name."""
    modules = [m for name, m in sys.modules.items() if name.startswith("pinn.")]
    return {
        id(value): f"{module.__name__}.{name}"
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, Compiled)
    }


@pytest.mark.slow
def test_no_compiled_program_may_use_tf32(tmp_path, monkeypatch):
    """Every product of every kind of program has the highest precision."""
    programs, lower = {}, Compiled.lower

    def recorded(self, *arguments):
        lowered = lower(self, *arguments)
        programs.setdefault(kinds()[id(self)], []).append(lowered.as_text())
        return lowered

    monkeypatch.setattr(Compiled, "lower", recorded)
    for kind in (item for item in gc.get_objects() if isinstance(item, Compiled)):
        monkeypatch.setattr(kind, "_executables", collections.OrderedDict())
    network = pinn.MLP(1, "scalar", 4, 1, bounds=PROBLEM.bounds, key=KEY)
    few, options = {"steps": 1, "points": 20}, {"key": KEY, "precision": 32}
    kept = {"progress": True, "checkpoint": tmp_path / "run"}
    descent = FirstOrder(optax.sgd(1e-3), **few)
    pinn.solve(PROBLEM, network, descent, **options, **kept).plot()
    curved = LevenbergMarquardt(geodesic=True, **few)
    matrix_free = LevenbergMarquardt(form="matrix-free", momentum=0.5, **few)
    adaptive = pinn.sampling.AdaptiveDistribution()
    for method, points in ((curved, adaptive), (matrix_free, None)):
        pinn.solve(PROBLEM, network, method, points=points, key=KEY)
    pinn.solve(PROBLEM, Plain(network), LeastSquares(), key=KEY)
    assert set(kinds().values()) == set(programs)
    lines = "\n".join(text for texts in programs.values() for text in texts)
    products = [line for line in lines.split("\n") if "dot_general" in line]
    assert len(products) > 10
    assert all("precision = [HIGHEST, HIGHEST]" in line for line in products)
