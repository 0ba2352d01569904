"""`pinn lab`: the table, the pictures, the file, and wrong input."""

import json
import os

import pytest
from typer.testing import CliRunner

from pinn.cli import app

ROD = """
import jax.numpy as jnp, pinn
rod = pinn.Interval(0.0, 1.0)
exact = lambda x: jnp.cos(3 * x[0])
problem = pinn.Problem(rod, lambda u, x: u(x) - exact(x), [], exact=exact)
unknown = pinn.Problem(rod, lambda u, x: u(x) - exact(x), [])
act = jnp.sin
three = 3
"""
QUICK = ("--steps", 10, "--seeds", 1, "--width", 4, "--depth", 1, "--points", 16)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(ROD)
    return path


def run(*arguments):
    return CliRunner().invoke(app, ["lab", *map(str, arguments)])


@pytest.mark.slow
def test_a_table_pictures_and_a_file_are_left(file, tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)  # none is needed
    out = tmp_path / "found"
    options = ("--problem", f"{file}:problem", "--out", out, *QUICK)
    shown = run(f"{file}:act", *options, "--parts", "dead,study")
    assert shown.exit_code == 0, shown.output
    for text in ("mean rank", "act", "units without output"):
        assert text in shown.stdout
    results = json.loads((out / "lab.json").read_text())
    assert set(results["networks"]) == {"act"}
    assert results["networks"]["act"]["dead"]["end"]["output"] == [0]
    assert len(results["study"]["rows"]) == 1
    pictures = {path.name for path in out.glob("*.png")}
    assert pictures == set(results["pictures"])
    assert pictures == {"dead-act.png", "study.png"}
    again = run("tanh", *options)
    assert again.exit_code == 2
    assert "holds results already" in again.stderr


@pytest.mark.slow
def test_every_part_runs_for_an_activation_without_second_derivatives(tmp_path):
    out = tmp_path / "deep" / "found"
    parts = ("--parts", "all", "--json")
    shown = run("relu", "--out", out, *QUICK, *parts)
    assert shown.exit_code == 0, shown.output
    results = json.loads(shown.stdout)
    assert results == json.loads((out / "lab.json").read_text())
    assert len(results["pictures"]) == 8
    assert results["networks"]["relu"]["dead"]["end"]["second derivative"] == [4]
    assert "in spite of vanishing" in results["study"]["rows"][0]["remark"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tnah",), "Nearest: tanh"),
        (("nowhere.py:act",), "there is no file"),
        (("mine.py:three",), "'three' is of type int"),
        (("mine.py",), "name a function of the file, `mine.py:exact`."),
        (("mine.py:ac",), "Did you mean 'act'?"),
        (("mine.py:four",), "there is no function 'four'"),
        (("--problem", "poison"), "Did you mean 'poisson'?"),
        (("--problem", "mine.py:unknown"), "has no exact solution"),
        (("--parts", "hesian"), "Did you mean 'hessian'?"),
        (("--parts", ","), "`--parts` names none"),
        (("--out", "mine.py"), "is a file; name a folder"),
        (("--out", "mine.py/deep"), "cannot be made"),
    ],
)
def test_wrong_input_is_one_line(arguments, message, file, monkeypatch):
    monkeypatch.chdir(file.parent)
    shown = run(*arguments)
    assert shown.exit_code == 2
    assert message in shown.stderr
    assert len(shown.stderr.splitlines()) == 1
    assert os.listdir() == ["mine.py"]


def test_a_folder_that_cannot_be_written_is_told_at_once(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    shown = run("--out", "/proc/nowhere", "--json")
    assert shown.exit_code == 2
    assert "`--out`" in json.loads(shown.stdout)["error"]
