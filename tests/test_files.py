"""Solutions in files: bit for bit, and of no other problem."""

import json
import os
import zipfile
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import problem_of, refused, solution_of

import pinn
from pinn import Dirichlet, Problem, laplacian

KEY = jr.key(0)
ROD = pinn.Interval(-1.0, 1.0)


@pytest.fixture(scope="module")
def solution():
    return solution_of("poisson_1d")


@pytest.fixture
def path(tmp_path, solution):
    path = tmp_path / "solution.npz"
    pinn.save(path, solution)
    return path


def leaves(field):
    return jax.tree.leaves(eqx.filter(field, eqx.is_array))


def test_round_trip_is_bit_identical(path, solution):
    loaded = pinn.load(path, problem_of("poisson_1d"))
    assert jax.tree.structure(loaded.field) == jax.tree.structure(solution.field)
    for a, b in zip(leaves(loaded.field), leaves(solution.field), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    x = ROD.sample(20, key=KEY)
    values = jax.jit(jax.vmap(loaded))(x), jax.jit(jax.vmap(solution))(x)
    np.testing.assert_array_equal(*values)


def test_the_report_comes_back(path, solution):
    loaded = pinn.load(path, problem_of("poisson_1d"))
    assert loaded.report.as_dict() == solution.report.as_dict()
    assert str(loaded.report) == str(solution.report)
    assert loaded.result is solution.result
    notes = [record["note"] for record in solution.history]
    assert [record["note"] for record in loaded.history] == notes
    estimates = [record["estimate"] for record in loaded.history]
    np.testing.assert_array_equal(
        estimates, [record["estimate"] for record in solution.history]
    )


def test_what_was_loaded_can_be_saved_and_plotted(path, tmp_path):
    loaded = pinn.load(str(path), problem_of("poisson_1d"))
    pinn.save(tmp_path / "again.npz", loaded)
    again = pinn.load(tmp_path / "again.npz", problem_of("poisson_1d"))
    assert eqx.tree_equal(leaves(again.field), leaves(loaded.field))
    assert loaded.error(problem_of("poisson_1d").exact) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["wave", pytest.param("nonlinear", marks=pytest.mark.slow)]
)
def test_every_kind_of_own_field_is_rebuilt(name, tmp_path):
    solution = solution_of(name)
    pinn.save(tmp_path / "s.npz", solution)
    loaded = pinn.load(tmp_path / "s.npz", problem_of(name))
    assert eqx.tree_equal(leaves(loaded.field), leaves(solution.field))
    point = [jnp.asarray(0.3)] * (name == "wave") + [
        jnp.full(1 + (name != "wave"), 0.4)
    ]
    np.testing.assert_array_equal(loaded(*point), solution(*point))


def of(field):
    """The solution with another field, as if that had been trained."""
    return eqx.tree_at(lambda s: s.field, solution_of("poisson_1d"), field)


def test_a_network_of_several_layers_is_rebuilt(tmp_path):
    bounds = problem_of("poisson_1d").bounds
    trained = of(pinn.MLP(1, "scalar", 6, 3, bounds=bounds, key=jr.key(7)))
    pinn.save(tmp_path / "s.npz", trained)
    loaded = pinn.load(tmp_path / "s.npz", problem_of("poisson_1d"))
    assert isinstance(loaded.field, pinn.MLP)
    assert eqx.tree_equal(leaves(loaded.field), leaves(trained.field))
    x = jnp.array([0.3])
    np.testing.assert_array_equal(loaded(x), trained(x))


class Mine(eqx.Module):
    inner: eqx.nn.Linear
    readout: eqx.nn.Linear

    def __call__(self, x):
        return self.readout(jnp.sin(4 * self.inner(x)))


def mine(width, key):
    a, b = jr.split(key)
    return Mine(eqx.nn.Linear(1, width, key=a), eqx.nn.Linear(width, "scalar", key=b))


def test_a_network_of_the_user_needs_the_field(tmp_path):
    solved = of(mine(12, KEY))
    path = tmp_path / "mine.npz"
    pinn.save(path, solved)
    problem = problem_of("poisson_1d")
    with refused("`field` is needed"):
        pinn.load(path, problem)
    loaded = pinn.load(path, problem, mine(12, jr.key(9)))
    assert eqx.tree_equal(leaves(loaded.field), leaves(solved.field))
    with refused("`field`"):
        pinn.load(path, problem, mine(13, KEY))
    with refused("`field` has another structure"):
        pinn.load(path, problem, pinn.MLP(1, "scalar", 12, 2, key=KEY))


def test_a_custom_activation_needs_the_field(tmp_path):
    custom = lambda s: jnp.tanh(s) + 0.1 * jnp.sin(s)
    solved = of(pinn.RandomFeatures(1, "scalar", 9, custom, key=KEY))
    path = tmp_path / "custom.npz"
    pinn.save(path, solved)
    with refused("`field` is needed.*catalogue"):
        pinn.load(path, problem_of("poisson_1d"))
    loaded = pinn.load(path, problem_of("poisson_1d"), solved.field)
    assert eqx.tree_equal(leaves(loaded.field), leaves(solved.field))


def other_problem(source=1.0, value=0.0, right=1.0):
    rod = pinn.Interval(-1.0, right)
    return Problem(
        rod,
        lambda u, x: -laplacian(u)(x) - source,
        [Dirichlet(rod.boundary, value)],
        name="another",
    )


def test_another_problem_is_refused_by_name(path):
    for problem in (problem_of("wave"), problem_of("elasticity"), other_problem()):
        with refused("`problem` is not the one that .*'poisson-1d'"):
            pinn.load(path, problem)


def test_a_changed_coefficient_condition_or_domain_is_another_problem(tmp_path):
    path = tmp_path / "s.npz"
    solved = solution_of("poisson_1d")
    pinn.save(path, eqx.tree_at(lambda s: s.problem, solved, other_problem()))
    pinn.load(path, other_problem())
    changes = [{"source": 1.001}, {"value": 1e-3}, {"right": 1.001}]
    for change in changes:
        with refused("`problem` is not the one"):
            pinn.load(path, other_problem(**change))


def test_nothing_is_overwritten_silently(path, solution):
    before = path.read_bytes()
    with refused("`path`: .* exists; .*overwrite=True"):
        pinn.save(path, solution)
    assert path.read_bytes() == before
    pinn.save(path, solution, overwrite=True)
    pinn.load(path, problem_of("poisson_1d"))


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(path, solution, monkeypatch):
    before = path.read_bytes()

    def fail(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        pinn.save(path, solution, overwrite=True)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_the_file_holds_arrays_and_json_only(path):
    with zipfile.ZipFile(path) as archive:
        assert all(name.endswith(".npy") for name in archive.namelist())
    with np.load(path, allow_pickle=False) as archive:
        assert all(archive[name].dtype != object for name in archive.files)
        header = json.loads(archive["header"].tobytes())
    assert header["problem"] == "poisson-1d"


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("pinn-was-here"),))


def test_a_pickle_is_never_loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.npz"
    np.savez(path, header=np.array([Evil()], dtype=object))
    with refused("`path`: .* is no solution, or is damaged"):
        pinn.load(path, problem_of("poisson_1d"))
    plain = tmp_path / "evil.npy"
    np.save(plain, np.array([Evil()], dtype=object), allow_pickle=True)
    with refused("`path`"):
        pinn.load(plain, problem_of("poisson_1d"))
    assert not (tmp_path / "pinn-was-here").exists()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_refused(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with refused("`path`: .* is no solution, or is damaged"):
        pinn.load(path, problem_of("poisson_1d"))


def rewritten(path, **changes):
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    for name, change in changes.items():
        if change is None:
            del arrays[name]
        else:
            arrays[name] = change(arrays[name])
    np.savez(path, **arrays)


def in_header(change):
    def apply(array):
        header = json.loads(array.tobytes())
        change(header)
        return np.frombuffer(json.dumps(header).encode(), np.uint8)

    return apply


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"header": None}, "damaged"),
        ({"header": lambda a: a[:-5]}, "damaged"),
        ({"fingerprint": None}, "damaged"),
        ({"leaf_0": None}, "damaged"),
        (
            {"header": in_header(lambda h: h.update(format="pinn-solution-9"))},
            "format 'pinn-solution-9'.*'pinn-solution-1'",
        ),
        ({"header": in_header(lambda h: h.pop("report"))}, "damaged"),
        ({"header": in_header(lambda h: h["report"].pop("dim"))}, "damaged"),
        ({"header": in_header(lambda h: h.update(result="splendid"))}, "damaged"),
        ({"leaf_0": lambda a: a[:-1]}, "`field`.*shape"),
    ],
)
def test_a_damaged_file_is_refused(path, changes, message):
    rewritten(path, **changes)
    with refused(message):
        pinn.load(path, problem_of("poisson_1d"))


def test_any_other_file_is_refused(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("not a solution")
    for path in (text, tmp_path / "missing.npz", tmp_path):
        with refused("`path`"):
            pinn.load(path, problem_of("poisson_1d"))


def test_a_place_that_cannot_be_written_is_refused(tmp_path, solution):
    with refused("`path`: the folder .* does not exist"):
        pinn.save(tmp_path / "missing" / "s.npz", solution)
    with refused("`path`: .* is a folder"):
        pinn.save(tmp_path, solution)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_without_permission_is_refused(tmp_path, solution):
    tmp_path.chmod(0o500)
    with refused("`path`: the folder .* cannot be written"):
        pinn.save(tmp_path / "s.npz", solution)
