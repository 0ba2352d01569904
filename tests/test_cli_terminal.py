"""The terminal itself: its width, its colours, completion, JSON for every command."""

import json
import os
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import pinn
from pinn._cli import _gallery
from pinn._cli._parameters import complete_activation
from pinn.cli import app

COMMANDS = ("solve", "check", "list", "activations", "lab", "gallery")
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7]m")


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def one_text(shown):
    """What is read, without frames and the ends of lines."""
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", shown).split())


def test_help_names_every_command_and_shows_examples():
    shown = one_text(run("--help").stdout)
    for text in (*COMMANDS, "pinn solve my_problem.py", "estimate of its error"):
        assert text in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_that_fits_a_narrow_terminal(command, monkeypatch):
    for width in (40, 80):
        monkeypatch.setenv("COLUMNS", str(width))
        result = run(command, "--help")
        assert result.exit_code == 0
        assert max(map(len, result.stdout.splitlines())) <= width


@pytest.mark.parametrize("command", COMMANDS)
def test_no_word_of_a_help_is_cut_off(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    assert "…" not in run(command, "--help").stdout


def test_help_of_solve_says_the_exit_codes_and_every_method():
    shown = one_text(run("solve", "--help").stdout)
    assert "130 interrupted with the best answer kept" in shown
    for method in ("least-squares", "evolve", "levenberg-marquardt", "lbfgs"):
        assert method in shown


@pytest.mark.parametrize("command", ["list", "activations"])
def test_tables_fit_a_narrow_terminal(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    assert max(map(len, run(command).stdout.splitlines())) <= 40


def test_colours_are_for_terminals_that_want_them(monkeypatch):
    # Rich reads these; NO_COLOR is the stronger one, a pipe has neither.
    shown = lambda: run("activations", "tanh", "relu").stdout
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    assert "\x1b" not in shown()
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert COLOUR.search(shown())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not COLOUR.search(shown())


def test_activations_as_json():
    rows = json.loads(run("activations", "--json").stdout)
    assert [r["name"] for r in rows] == [e.name for e in pinn.activations.catalogue()]
    relu, tanh = json.loads(run("activations", "relu", "tanh", "--json").stdout)
    assert (relu["smoothness"], relu["kinks"], relu["vanishes_from"]) == (0, [0.0], 2)
    assert relu["verdicts"]["2"] == "error"
    assert (tanh["smoothness"], tanh["verdicts"]["4"]) == (None, "ok")


def test_an_error_is_json_too_where_json_was_asked_for(tmp_path):
    for command in (["activations", "tnah"], ["gallery", "posson"], ["check", "none"]):
        result = run(*command, "--json")
        assert result.exit_code == 2
        assert command[1] in json.loads(result.stdout)["error"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("pinn solve poi", {"poisson", "poisson-holes"}),
        ("pinn gallery own_", {"own_network", "own_activation", "own_method"}),
    ],
)
def test_the_shell_completes_names(typed, expected):
    """As the script that `pinn --install-completion` installs for bash asks."""
    asked = {
        "_PINN_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", "from pinn.cli import main; main()"],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert set(done.stdout.split()) == expected


def test_completion_knows_the_activations():
    assert "tanh" in complete_activation("ta")
    assert all(name.startswith("ta") for name in complete_activation("ta"))


def test_the_order_of_the_gallery_is_that_of_the_page():
    names = list(_gallery.names())
    assert names.index("poisson") < names.index("high_dimension")
    assert len(names) == len(set(names))
