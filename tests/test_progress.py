"""What a solve shows and tells while it runs, and that it changes nothing."""

import struct
import sys

import equinox as eqx
import jax.random as jr
import numpy as np
import optax
import pytest
from helpers import problem_of, refused

import pinn
from pinn import FirstOrder, LeastSquares
from pinn._progress import _Line

PROBLEM = problem_of("poisson_1d")
TRAIN = FirstOrder(optax.adam(1e-3), steps=40, points=20, width=6, depth=1)


def line(*records, method=TRAIN, budget_s=None):
    result = _Line(budget_s)
    result.segment("start", method)
    for record in records:
        result.record(record)
    return result


def test_steps_per_second_and_time_left_are_those_of_the_records():
    calls = [{"steps": 10, "seconds": 9.0}, {"steps": 10, "seconds": 13.0}]
    shown = line(*calls)  # the first call compiles, and is not counted
    assert shown.rate == 2.5
    assert shown.left == 20 / 2.5
    assert line(*calls, budget_s=15.0).left == 2.0
    assert line(calls[0]).left is None
    assert line(*calls, method=LeastSquares()).left is None  # nobody knows its steps


def test_the_count_goes_on_over_segments_of_a_method_and_not_of_another():
    shown = line({"steps": 10, "seconds": 1.0})
    shown.segment("after 10 steps", TRAIN)
    assert shown.done == 10
    shown.segment("another", LeastSquares())
    assert shown.done == 0


def test_the_line_says_loss_by_term_error_speed_and_time_left():
    shown = line(
        {"steps": 10, "seconds": 1.0, "loss": 3.0},
        {"steps": 10, "seconds": 2.0, "loss": 2.0},
    )
    shown.looked({"equation": 0.5, "dirichlet": 0.25}, 0.125)
    for part in (
        "start",
        "loss 2.00e+00",
        "equation 5e-01",
        "dirichlet 2e-01",
        "error 1.2e-01",
        "10 steps/s",
        "at most 0:02 left",
    ):
        assert part in str(shown)


@pytest.mark.slow
def test_the_line_is_shown_and_changes_nothing(capfd, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    options = {"method": TRAIN, "key": jr.key(0)}
    shown = pinn.solve(PROBLEM, **options, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "equation" in err
    assert "error" in err
    silent = pinn.solve(PROBLEM, **options, progress=False)
    assert capfd.readouterr() == ("", "")
    assert eqx.tree_equal(shown.field, silent.field)
    assert shown.history[-1]["terms"] == silent.history[-1]["terms"]


def test_the_losses_of_the_terms_make_up_the_residual():
    records = []
    pinn.solve(PROBLEM, tol=1e-6, key=jr.key(0), callbacks=[records.append])
    segments = [record for record in records if "note" in record]
    assert all(set(s["terms"]) == {"equation", "dirichlet"} for s in segments)
    # Both are of the same fresh points, where all fields are as large.
    size = [np.sqrt(2 * sum(s["terms"].values())) / s["fresh"] for s in segments]
    assert len(size) > 1
    np.testing.assert_allclose(size, size[-1], rtol=1e-2)


# TensorBoard.


def events(folder):
    """All scalars in the files of a folder, by name: steps and values."""
    from tensorboardX.proto import event_pb2

    found = {}
    for path in folder.iterdir():
        data, start = path.read_bytes(), 0
        while start < len(data):  # length, its checksum, an event, its checksum
            (length,) = struct.unpack_from("<Q", data, start)
            event = event_pb2.Event.FromString(data[start + 12 : start + 12 + length])
            start += 16 + length
            for value in event.summary.value:
                series = found.setdefault(value.tag, ([], []))
                series[0].append(event.step)
                series[1].append(value.simple_value)
    return found


def test_tensorboard_reads_what_the_callbacks_were_told(tmp_path):
    pytest.importorskip("tensorboardX")
    records = []
    options = {"method": TRAIN, "key": jr.key(0)}
    with pinn.callbacks.TensorBoard(tmp_path / "run") as board:
        solution = pinn.solve(PROBLEM, **options, callbacks=[board, records.append])
    found = events(tmp_path / "run")
    calls = [record for record in records if "steps" in record]
    assert found["loss"][0] == list(np.cumsum([c["steps"] for c in calls]))
    np.testing.assert_allclose(found["loss"][1], [c["loss"] for c in calls], rtol=1e-6)
    (last,) = solution.history
    assert found["residual"][0] == [40]
    np.testing.assert_allclose(found["residual"][1], [last["fresh"]], rtol=1e-6)
    for name, loss in last["terms"].items():
        np.testing.assert_allclose(found[f"terms/{name}"][1], [loss], rtol=1e-6)
    assert "estimate" not in found  # there is none before the end


def test_tensorboard_says_what_is_missing(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r"pip install 'pinn\[tensorboard\]'"):
        pinn.callbacks.TensorBoard(tmp_path / "run")
    monkeypatch.undo()
    pytest.importorskip("tensorboardX")
    with refused(r"`folder`: '.*file/run' cannot be made \(not a directory\)"):
        pinn.callbacks.TensorBoard(tmp_path / "file" / "run")
