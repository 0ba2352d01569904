"""Checkpoints: a killed solve goes on bit for bit, and a bad file is refused."""

import json
import random
import signal
import subprocess
import sys
import textwrap

import equinox as eqx
import jax
import jax.random as jr
import numpy as np
import optax
import pytest
from helpers import refused

import pinn
from pinn._checkpoint import Folder, filled, leaves_of
from pinn._kept import kind_of

METHODS = {
    "least-squares": lambda: pinn.LeastSquares(features=40, largest=90),
    "first-order": lambda: pinn.FirstOrder(
        optax.adam(1e-2), steps=600, resample=50, points=40, width=8, depth=1
    ),
    "levenberg-marquardt": lambda: pinn.LevenbergMarquardt(
        steps=12, resample=3, points=40, width=8, depth=1
    ),
    "sequence": lambda: pinn.Sequence(
        [
            pinn.LeastSquares(features=20, largest=20, scale=1.0),
            pinn.LevenbergMarquardt(steps=5),
        ]
    ),
}

# The default tests stop and resume solves of other methods too.
SLOW = ("least-squares", "sequence", "first-order")


def problem():
    square = pinn.Box([0.0, 0.0], [1.0, 1.0])
    return pinn.Problem(
        square,
        lambda u, x: pinn.laplacian(u)(x) - jax.numpy.exp(x[0]),
        [pinn.Dirichlet(square.boundary, 0.0)],
        name="source",
    )


def arrays_of(solution):
    return jax.tree.leaves(eqx.filter(solution.field, eqx.is_array))


def assert_same_bits(a, b):
    for x, y in zip(arrays_of(a), arrays_of(b), strict=True):
        np.testing.assert_array_equal(x, y)
    keep = lambda h: [{k: v for k, v in r.items() if k != "seconds"} for r in h]
    assert json.dumps(keep(a.history)) == json.dumps(keep(b.history))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else [])
        for name in METHODS
    ],
)
def test_a_stopped_solve_goes_on_bit_for_bit(name, tmp_path):
    """Stopped again and again, after a few records each time."""
    method, key = METHODS[name](), jr.key(3)
    whole = pinn.solve(problem(), method=method, key=key)

    def stopper(after):
        seen = []

        def stop(record):
            seen.append(record)
            if len(seen) > after:
                raise StopIteration

        return stop

    folder = tmp_path / "run"
    # That of Levenberg and Marquardt is stopped after its first draw of points.
    first = 7 if name == "levenberg-marquardt" else 2
    options = {"every": 0.0, "callbacks": [stopper(first)]}
    part = pinn.solve(problem(), method=method, key=key, checkpoint=folder, **options)
    rounds = 0
    while part.result is pinn.Result.budget and rounds < 1:
        options["callbacks"] = [stopper(4)]
        part = pinn.resume(folder, problem(), method=method, **options)
        rounds += 1
    assert rounds > 0
    assert_same_bits(pinn.resume(folder, problem(), method=method), whole)


def test_a_finished_solve_gives_its_solution_once_more(kept):
    method = METHODS["least-squares"]()
    whole = pinn.solve(problem(), method=method, key=jr.key(0))
    assert_same_bits(pinn.resume(kept, problem(), method=method), whole)


CHILD = """
    import sys
    import jax
    jax.config.update("jax_enable_x64", True)
    sys.path.insert(0, {tests!r})
    import pinn, test_checkpoint as t
    run = pinn.resume if sys.argv[1] == "resume" else pinn.solve
    print("ready", flush=True)
    options = dict(method=t.METHODS["first-order"](), every=0.0)
    if sys.argv[1] == "resume":
        pinn.resume({folder!r}, t.problem(), **options)
    else:
        pinn.solve(t.problem(), key=jax.random.key(3), checkpoint={folder!r}, **options)
"""


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path):
    from pathlib import Path

    folder = tmp_path / "run"
    program = textwrap.dedent(CHILD).format(
        folder=str(folder), tests=str(Path(__file__).parent)
    )
    rng, how = random.Random(0), "solve"
    for _ in range(6):
        child = subprocess.Popen(
            [sys.executable, "-c", program, how], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        child.stdout.readline()
        try:
            child.wait(timeout=rng.uniform(2.0, 12.0))
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.wait()
        child.stdout.close()
        how = "resume" if list(folder.glob("state-*.npz")) else "solve"
    method = METHODS["first-order"]()
    whole = pinn.solve(problem(), method=method, key=jr.key(3))
    assert_same_bits(pinn.resume(folder, problem(), method=method), whole)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept") / "run"
    pinn.solve(
        problem(), method=METHODS["least-squares"](), key=jr.key(0), checkpoint=folder
    )
    return folder


@pytest.fixture
def copy(kept, tmp_path):
    import shutil

    return shutil.copytree(kept, tmp_path / "copy")


def test_a_method_with_another_activation_is_another():
    sin = pinn.LeastSquares(activation=pinn.activations.sin)
    tanh = pinn.LeastSquares(activation=pinn.activations.tanh)
    snake = pinn.LeastSquares(activation=pinn.activations.Snake())
    assert len({kind_of(m) for m in (pinn.LeastSquares(), sin, tanh, snake)}) == 4
    assert "tanh" in kind_of(pinn.TimeWindows(tanh))


def test_two_generations_stay(kept):
    assert len(list(kept.glob("state-*.npz"))) == 2


@pytest.mark.parametrize("damage", ["truncated", "changed", "version"])
def test_a_damaged_one_is_refused_and_the_older_offered(copy, damage):
    *_, last = sorted(copy.glob("state-*.npz"))
    data = bytearray(last.read_bytes())
    if damage == "truncated":
        data = data[: len(data) // 2]
    elif damage == "changed":
        # So many bytes that not all of them can be in a field that nothing reads.
        for position in range(len(data) // 3, len(data) // 3 + 256):
            data[position] ^= 255
    else:
        data = data.replace(b"pinn-checkpoint-1", b"pinn-checkpoint-0")
    last.write_bytes(data)
    method = METHODS["least-squares"]()
    with refused(r"is damaged, or of another version.*`older=True`"):
        pinn.resume(copy, problem(), method=method)
    solution = pinn.resume(copy, problem(), method=method, older=True)
    assert solution.report.estimate < 1e-3


def test_another_problem_method_or_field_is_refused(copy):
    method = METHODS["least-squares"]()
    with refused("`problem` is not the one that"):
        pinn.resume(copy, pinn.problems.poisson(), method=method)
    with refused("`method` is LeastSquares.*the checkpoint is of LeastSquares"):
        pinn.resume(copy, problem(), method=pinn.LeastSquares(features=61))
    with refused("`method` is FirstOrder"):
        pinn.resume(copy, problem(), method=METHODS["first-order"]())
    field = pinn.MLP(2, "scalar", 8, 1, key=jr.key(0))
    with refused("`field`: the solve in .* was given none"):
        pinn.resume(copy, problem(), field, method)


def test_nothing_is_written_over(copy):
    with refused("`checkpoint`: the folder .* holds checkpoints.*`pinn.resume"):
        pinn.solve(problem(), key=jr.key(0), checkpoint=copy)


def test_folders_that_do_not_serve(tmp_path):
    with refused("`folder`: there is no folder"):
        pinn.resume(tmp_path / "none", problem())
    with refused("`folder`: there is no checkpoint in"):
        pinn.resume(tmp_path, problem())
    (tmp_path / "file").write_text("")
    with refused("`checkpoint`: the folder .* cannot be made"):
        pinn.solve(problem(), key=jr.key(0), checkpoint=tmp_path / "file" / "run")
    with refused("`every` takes seconds"):
        pinn.solve(problem(), key=jr.key(0), checkpoint=tmp_path / "a", every=-1)
    with refused("`older`: there is only one"):
        folder = Folder(tmp_path / "one", new=True)
        folder.write({}, {})
        folder.read(older=True)


def test_a_folder_in_use_is_refused(copy):
    folder = Folder(copy, new=False)
    with refused("is in use by another solve"):
        Folder(copy, new=False)
    folder.close()
    Folder(copy, new=False).close()


def test_a_full_disk_costs_only_the_checkpoint(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pinn._checkpoint.write_whole", full)
    method = pinn.LeastSquares(features=40, largest=40)
    with pytest.warns(RuntimeWarning, match="No space left.*the solve goes on"):
        solution = pinn.solve(
            problem(), method=method, key=jr.key(0), checkpoint=tmp_path / "run"
        )
    assert solution.report.residual_fresh < 1


def test_a_process_killed_while_writing_leaves_no_trace(copy):
    part = copy / "state-00000099.npz.abc.part"
    part.write_bytes(b"half")
    folder = Folder(copy, new=False)
    assert not part.exists()
    folder.read()
    folder.close()


def test_arrays_keys_and_statics_come_back():
    tree = {"a": jr.normal(jr.key(1), (3,)), "key": jr.key(7), "name": "x", "n": 3}
    arrays = leaves_of(tree, "t")
    template = {"a": jax.numpy.zeros(3), "key": jr.key(0), "name": "x", "n": 3}
    back = filled(template, "t", arrays)
    np.testing.assert_array_equal(back["a"], tree["a"])
    assert back["key"] == tree["key"]
    assert back["name"] == "x"
    with refused("has another structure"):
        filled({**template, "a": jax.numpy.zeros(4)}, "t", arrays)
    with refused("has another structure"):
        filled({"a": template["a"]}, "t", arrays)


@pytest.mark.slow
def test_points_and_weights_are_read_back(tmp_path):
    rim = np.array([[0.0, 0.5], [0.3, 1.0]] * 40)
    options = {
        "method": pinn.LeastSquares(features=40, largest=40),
        "key": jr.key(0),
        "weighting": {"dirichlet": 4.0},
        "points": {"equation": 333, "dirichlet": rim},
    }
    whole = pinn.solve(problem(), **options, checkpoint=tmp_path / "run")
    again = pinn.resume(tmp_path / "run", problem(), method=options["method"])
    assert_same_bits(again, whole)
    assert again.report.points == 333 + 80


@pytest.mark.slow
def test_seconds_between_checkpoints_are_kept(tmp_path):
    """With a long time between them only the ends of segments are written."""
    folder = tmp_path / "run"
    method = METHODS["first-order"]()
    pinn.solve(problem(), method=method, key=jr.key(0), checkpoint=folder, every=1e9)
    assert sorted(p.name for p in folder.glob("*.npz")) == [
        "state-00000001.npz",
        "state-00000002.npz",
    ]
