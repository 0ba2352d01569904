"""The terminal: what it prints, what it writes, and with which code it ends."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from typer.testing import CliRunner

import pinn
from pinn._cli._options import METHODS, method_named
from pinn.cli import app

FILE = """
import jax.numpy as jnp
import pinn

rod = pinn.Interval(0.0, 1.0)


def equation(u, x):
    return -pinn.laplacian(u)(x) - 2.0


def make(value: float = 0.0):
    return pinn.Problem(rod, equation, [pinn.Dirichlet(rod.boundary, value)])


def number():
    return 3
"""
PROBLEM = "first = pinn.Problem(rod, equation, [pinn.Dirichlet(rod.boundary, 0.0)])\n"
FIELDS = {
    "problem": str,
    "method": str,
    "dim": int,
    "unknowns": int,
    "points": int,
    "relative_l2": float,
    "max_error": float,
    "estimate": float,
    "residual_fresh": float,
    "condition_violation": float,
    "compile_s": float,
    "run_s": float,
    "wall_s": float,
    "peak_memory_mib": float,
    "precision": int,
    "device": str,
    "seed": int,
    "versions": dict,
    "preflight": dict,
}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a command in an empty folder; returns its code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def _run(*arguments):
        result = CliRunner().invoke(app, [str(a) for a in arguments])
        if result.exception is not None and not isinstance(
            result.exception, SystemExit
        ):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    return _run


def test_poisson_as_the_readme_has_it(run, tmp_path):
    code, out, err = run("solve", "poisson")
    assert (code, err) == (0, "")
    for text in ("smooth-activation", "relative L2 error", "compiling", "poisson.png"):
        assert text in out
    assert "least-squares: the residual is affine" in " ".join(out.split())
    assert (tmp_path / "poisson.png").read_bytes().startswith(b"\x89PNG")


def test_json_is_one_object_with_the_fields_of_the_design(run, tmp_path):
    (tmp_path / "poisson.png").write_text("mine")
    code, out, _ = run("solve", "poisson", "--tol", "1e-6", "--json", "--save", "s.npz")
    report = json.loads(out)
    assert code == 0
    for name, kind in FIELDS.items():
        assert isinstance(report[name], kind), name
    assert report["relative_l2"] <= 3e-6
    assert report["reached"] is True
    assert report["preflight"]["ok"] is True
    assert {"id", "severity", "message", "advice"} == set(
        report["preflight"]["findings"][0]
    )
    assert (tmp_path / "poisson.png").read_text() == "mine"
    assert report["picture"] == "poisson-2.png"
    solution = pinn.load(tmp_path / "s.npz", pinn.problems.poisson())
    assert np.isclose(solution(jnp.array([0.5, 0.5])), 1.0, atol=1e-5)


@pytest.mark.slow
@jax.numpy_dtype_promotion("standard")  # optax's Adam mixes types
def test_tolerance_not_reached_is_code_1_with_the_report(run, tmp_path):
    code, out, err = run(
        "solve", "poisson", "--method", "adam", "--steps", 3, "--tol", 1e-6, "--points",
        50, "--no-plot",
    )  # fmt: skip
    assert code == 1, err
    assert "The method ended before" in out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_quiet_prints_nothing(run, tmp_path):
    arguments = ("--quiet", "--features", 30, "--tol", 0.5, "--out", "p.pdf")
    assert run("solve", "heat", *arguments) == (0, "", "")
    assert (tmp_path / "p.pdf").read_bytes().startswith(b"%PDF")


def test_relu_is_refused_with_the_reason_and_the_way_out(run):
    code, out, err = run("check", "poisson", "--activation", "relu")
    assert code == 2
    assert "vanishing-derivative" in out
    for text in ("`relu`", "order 2", "Laplacian of exactly zero", "`tanh`", "`gelu`"):
        assert text in " ".join(out.split())
    # Said once, in the table; the error is what it found and the way on.
    assert err.count("\n") == 1
    assert "vanishing-derivative, dead-residual; its table" in err
    assert "--allow vanishing-derivative --allow dead-residual" in err
    assert "order 2" not in err


def test_check_as_json(run):
    code, out, _ = run("check", "heat", "--json")
    assert (code, json.loads(out)["preflight"]["ok"]) == (0, True)
    code, out, _ = run("check", "heat", "--json", "--activation", "relu")
    value = json.loads(out)
    assert (code, value["preflight"]["ok"]) == (2, False)
    assert "relu" in value["error"]


@pytest.mark.slow
@jax.numpy_dtype_promotion("standard")  # optax's Adam mixes types
def test_an_allowed_finding_does_not_stop_the_solve(run):
    allow = ("--allow", "vanishing-derivative", "--allow", "dead-residual")
    train = ("--method", "adam", "--steps", 2, "--points", 20, "--no-plot")
    code, out, _ = run("solve", "poisson", "--activation", "relu", *allow, *train)
    assert code == 0
    assert "allowed" in out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["posson"], ["'posson'", "poisson, heat, poisson-holes", "'poisson'?"]),
        (
            ["poisson", "--activation", "tahn"],
            ["'tahn'", "Nearest: tanh", "lists all 115"],
        ),
        (["poisson", "--method", "first_order"], ["least-squares", "'first-order'?"]),
        (["poisson", "--set", "freqency=4"], ["'freqency'", "'frequency'?"]),
        (["poisson", "--set", "frequency"], ["`--set`", "NAME=VALUE", "'frequency'"]),
        (["poisson", "--set", "dim=2", "--set", "dim=3"], ["'dim' twice"]),
        (["poisson", "--set", "length=-1"], ["`length`", "positive", "-1"]),
        (["poisson", "--set", "dim=0"], ["`dim`", "positive integer", "0"]),
        (["poisson", "--tol", "2"], ["`tol`", "between 0 and 1", "2.0"]),
        (["poisson", "--precision", "16"], ["`--precision`", "64, 32 or mixed", "16"]),
        (
            ["poisson", "--precision", "32", "--tol", "1e-8"],
            ["`--tol` 1e-08", "--precision 32", "1e-5"],
        ),
        (["poisson", "--precision", "mixed"], ["`LevenbergMarquardt`", "has none"]),
        (["poisson", "--tol", "1e-16"], ["`tol`", "at least 1e-14 can be reached"]),
        (["poisson", "--steps", "3"], ["`--steps`", "first-order"]),
        (["poisson", "--method", "time-windows"], ["`TimeWindows`", "with a time"]),
        (["poisson", "--method", "neural-galerkin"], ["`problem`", "an evolution"]),
        (
            ["heat", "--method", "evolve", "--activation", "sin"],
            ["`--activation`", "neural-galerkin", "evolve takes --features"],
        ),
        (["poisson", "--resume", "kept", "--seed", "0"], ["`--seed` cannot go"]),
        (["poisson", "--resume", "kept", "--allow", "few-points"], ["`--allow`"]),
        (
            ["poisson", "--resume", "kept", "--precision", "mixed"],
            ["`--precision` cannot go with `--resume`"],
        ),
        (["poisson", "--budget-s", "0"], ["`budget_s`", "positive", "0.0"]),
        (["poisson", "--out", "/etc/passwd/a.png"], ["`--out`", "passwd' is a file"]),
        (["heat", "--weighting", "casual"], ["'casual'", "'causal'?"]),
        (["heat", "--weighting", "causal"], ["Causal", "LeastSquares", "FirstOrder"]),
        (
            ["poisson", "--method", "adam", "--features", "3"],
            ["`--features`", "least-squares"],
        ),
        (["poisson", "--allow", "no-such-finding"], ["'no-such-finding'"]),
        (["poisson", "--out", "a.gif"], ["`--out`", ".png, .pdf, .svg", "a.gif"]),
        (["poisson", "--out", "no/a.png"], ["`--out`", "'no'", "does not exist"]),
        (["poisson", "--save", "no/a.npz"], ["`--save`", "'no'", "does not exist"]),
        (["poisson", "--save", "."], ["`--save`", "folder"]),
        (["poisson", "--no-plot", "--out", "a.png"], ["--no-plot"]),
        (["poisson", "--out", "a.png", "--save", "a.png"], ["a.png"]),
        (["none.py"], ["no file 'none.py'"]),
        (["."], ["'.'", "poisson"]),
    ],
)
def test_wrong_input_is_one_line_and_code_2(run, arguments, expected):
    code, out, err = run("solve", *arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    for text in expected:
        assert text in err


def test_every_method_is_made_with_its_options():
    kinds = [type(method_named(name, None, None, None)) for name in METHODS[1:]]
    # adam is another name for first-order.
    assert len(kinds) == 1 + len(set(kinds))
    windows = method_named("time-windows", "sin", 30, None)
    assert isinstance(windows, pinn.TimeWindows)
    sin = pinn.activations.get("sin")
    assert (windows.method.features, windows.method.activation) == (30, sin)
    moved = method_named("neural-galerkin", "gelu", None, None)
    assert isinstance(moved, pinn.NeuralGalerkin)


@pytest.mark.slow
def test_windows_of_time_at_the_terminal(run):
    few = ("--features", 30, "--tol", 0.5, "--no-plot", "--json")
    code, out, _ = run("solve", "heat", "--method", "time-windows", *few)
    assert (code, json.loads(out)["reached"]) == (0, True)
    assert json.loads(out)["method"] == "least-squares in 1 window of time"
    code, out, _ = run("check", "heat", "--method", "time-windows", "--json")
    assert (code, json.loads(out)["preflight"]["ok"]) == (0, True)


def test_files_that_exist_are_refused_before_the_solve(run, tmp_path):
    for option, name in (("--out", "a.png"), ("--save", "a.npz")):
        (tmp_path / name).write_text("mine")
        code, _, err = run("solve", "poisson", option, name)
        assert code == 2
        assert f"'{name}' exists" in err
        assert "--force" in err
        assert (tmp_path / name).read_text() == "mine"


@pytest.mark.slow
def test_force_replaces_the_files_that_are_named(run, tmp_path):
    for name in ("a.png", "a.npz"):
        (tmp_path / name).write_text("mine")
    few = ("--features", 30, "--tol", 0.5, "--quiet")
    code, _, _ = run("solve", "heat", "--out", "a.png", "--force", *few)
    assert code == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "a.npz").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_found_before_the_solve(run):
    if not os.path.isdir("/proc/self"):
        pytest.skip("there is no folder that nobody can write")
    code, out, err = run("solve", "poisson", "--out", "/proc/self/a.png")
    assert (code, out) == (2, "")
    assert "cannot be written" in err


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("", "", ["mine.py:1:", "no `pinn.Problem`", "`mine.py:make`"]),
        (PROBLEM + PROBLEM.replace("first", "second"), "", [
            "mine.py:18:", "`first` (line 18), `second` (line 19)", "`mine.py:first`",
        ]),
        ("", ":mak", ["no 'mak'", "Did you mean 'make'?"]),
        ("", ":rod", ["mine.py:5:", "'rod' is neither", "Interval"]),
        ("", ":equation", ["mine.py:8:", "cannot be called", "'u'"]),
        ("", ":number", ["mine.py:16:", "`number` returns", "int"]),
        ("x = (1,\n", "", ["mine.py:18:", "syntax error", "`x = (1,`"]),
        ("\n1 / 0\n", "", ["mine.py:19:", "ZeroDivisionError"]),
        ("raise SystemExit(0)\n", "", ["mine.py:18:", "SystemExit"]),
        ("import none_such\n", "", ["mine.py:18:", "none_such"]),
    ],
)  # fmt: skip
def test_a_users_file_that_is_wrong(run, tmp_path, text, name, expected):
    (tmp_path / "mine.py").write_text(FILE + text)
    code, out, err = run("solve", f"mine.py{name}")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    for part in expected:
        assert part in err


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (PROBLEM, ""),
        (PROBLEM + "same = first\n", ""),
        (PROBLEM + "problem = make(1.0)\n", ""),
        (PROBLEM + "problem = make(1.0)\n", ":first"),
        ("", ":make"),
        ("from beside import problem\n", ""),
    ],
)
def test_a_users_file(run, tmp_path, text, name):
    (tmp_path / "mine.py").write_text(FILE + text)
    (tmp_path / "beside.py").write_text(FILE + PROBLEM.replace("first", "problem"))
    sys.modules.pop("beside", None)
    code, out, _ = run("check", f"mine.py{name}", "--json")
    assert code == 0
    assert json.loads(out)["preflight"]["ok"] is True


def test_a_users_file_is_solved_and_names_the_picture(run, tmp_path):
    (tmp_path / "mine.py").write_text(FILE + "print('hello')\n")
    options = ("--set", "value=1", "--features", 30, "--tol", "1e-3", "--json")
    code, out, err = run("solve", "mine.py:make", *options, "--save", "s.npz")
    report = json.loads(out)
    assert (code, report["problem"], report["relative_l2"]) == (0, "mine", None)
    assert report["picture"] == "mine.png"
    assert "hello" in err
    rod = pinn.Interval(0.0, 1.0)
    problem = pinn.Problem(
        rod,
        lambda u, x: -pinn.laplacian(u)(x) - 2.0,
        [pinn.Dirichlet(rod.boundary, 1.0)],
    )
    solution = pinn.load("s.npz", problem)
    x = jnp.linspace(0.0, 1.0, 9)[:, None]
    exact = 1 + x[:, 0] * (1 - x[:, 0])
    assert jnp.max(jnp.abs(jax.vmap(solution)(x) - exact)) < 3e-3


def test_an_error_in_a_users_residual_names_its_line(run, tmp_path):
    (tmp_path / "mine.py").write_text(FILE + PROBLEM.replace("equation", "wrong"))
    text = (tmp_path / "mine.py").read_text()
    wrong = "def wrong(u, x):\n    return u(x, 3)[7].nothing\n"
    (tmp_path / "mine.py").write_text(text.replace("def make", wrong + "\n\ndef make"))
    code, _, err = run("check", "mine.py")
    assert code == 2
    assert "mine.py:13:" in err
    assert err.count("\n") == 1


def test_list_names_problems_and_options(run):
    code, out, _ = run("list")
    assert code == 0
    for text in ("poisson", "heat", "poisson-holes", "frequency=1.0", "Δu"):
        assert text in out
    code, out, _ = run("list", "--json")
    assert [row["name"] for row in json.loads(out)] == list(pinn.problems.names())


def test_version(run):
    assert run("--version") == (0, f"pinn {pinn.__version__}\n", "")


def test_an_unknown_option_is_code_2(run):
    assert run("solve", "poisson", "--frob")[0] == 2


def test_tables_fit_a_narrow_terminal(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    _, out, _ = run("check", "heat")
    assert max(map(len, out.splitlines())) <= 40


def _command(*arguments):
    return [sys.executable, "-m", "pinn", *map(str, arguments)]


def test_32_bit_and_a_pipe(tmp_path):
    done = subprocess.run(
        _command("check", "poisson", "--precision", 32),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0
    assert "32-bit" in done.stdout
    assert "\x1b[" not in done.stdout


def test_ctrl_c_keeps_the_best_answer(tmp_path):
    terminal, other_end = pty.openpty()
    train = ("--method", "first-order", "--steps", 10**9, "--points", 100)
    # A shell starts what runs in its background with Ctrl-C ignored.
    program = (
        "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
        "; runpy.run_module('pinn', run_name='__main__')"
    )
    arguments = [str(a) for a in ("solve", "poisson", *train, "--json")]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=other_end,
        env={**os.environ, "COLUMNS": "100", "TERM": "xterm"},
    )
    os.close(other_end)
    shown, training = bytearray(), threading.Event()

    def read():
        while True:
            try:
                block = os.read(terminal, 4096)
            except OSError:  # the command has ended and closed its terminal
                return
            if not block:
                return
            shown.extend(block)
            if b"loss" in shown:
                training.set()

    threading.Thread(target=read, daemon=True).start()
    try:
        assert training.wait(300), bytes(shown)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=300)
    finally:
        process.kill()
    report = json.loads(out)
    assert process.returncode == 130
    assert "Interrupted" in report["result"]
    assert report["relative_l2"] < 10
    assert (tmp_path / report["picture"]).is_file()


def test_a_budget_ends_a_solve_with_its_best(run, tmp_path):
    (tmp_path / "mine.py").write_text(FILE)
    few = ("--features", 5, "--no-plot", "--json", "--tol", 1e-14)
    code, out, _ = run("solve", "mine.py:make", "--budget-s", 0.01, *few)
    report = json.loads(out)
    assert (code, report["reached"]) == (1, False)
    assert report["result"].startswith("The time budget was used up")


@pytest.mark.slow
def test_a_solve_is_kept_and_gone_on_with(run):
    few = ("solve", "heat", "--features", 60, "--no-plot", "--json")
    _, first, _ = run(*few, "--checkpoint", "kept")
    _, again, _ = run(*few, "--resume", "kept")
    a, b = json.loads(first), json.loads(again)
    assert a["relative_l2"] == b["relative_l2"]
    assert a["estimate"] == b["estimate"]
    code, _, err = run("solve", "heat", "--resume", "kept", "--tol", 1e-3)
    assert code == 2
    assert "`--tol` cannot go with `--resume`" in err
