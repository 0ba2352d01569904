"""Examples and the programs of the documentation run and do what they say."""

import importlib.util
import re
from pathlib import Path

import jax
import numpy as np
import pytest
from typer.testing import CliRunner

import pinn
from pinn._preflight import IDENTIFIERS
from pinn.cli import app

EXAMPLES = Path(__file__).parents[1] / "examples"


def _holes_error(solution):
    return solution.error(pinn.problems.poisson_holes_reference())


# Each with a tolerance for a short run, and how to measure the error it leaves.
CASES = {
    "poisson": (1e-4, lambda solution: solution.report.relative_l2),
    "heat": (1e-3, lambda solution: solution.report.relative_l2),
    "heat_2d": (1e-3, lambda solution: solution.report.relative_l2),
    "heat_long": (1e-3, lambda solution: solution.report.relative_l2),
    "wave_equation": (1e-3, lambda solution: solution.report.relative_l2),
    "burgers": (1e-3, lambda solution: solution.report.relative_l2),
    "helmholtz": (1e-3, lambda solution: solution.report.relative_l2),
    "nonlinear_poisson": (1e-3, lambda solution: solution.report.relative_l2),
    "own_activation": (1e-3, lambda solution: solution.report.relative_l2),
    "poisson_5d": (1e-2, lambda solution: solution.report.relative_l2),
    "poisson_holes": (2e-2, _holes_error),
    "allen_cahn": (
        1e-3,
        lambda solution: solution.error(pinn.problems.allen_cahn_reference()),
    ),
    "korteweg_de_vries": (
        1e-3,
        lambda solution: solution.error(pinn.problems.korteweg_de_vries_reference()),
    ),
}


# Those that are asked for no tolerance, with a bound for the error they reach.
REACHED = {
    "inverse": 1e-5,
    "own_method": 1e-5,
    "own_network": 1e-6,
    "restart": 1e-5,
}


def _load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Those that have a test of their own.
OTHERS = ("heat_on_a_disk", "high_dimension", "relu_laplacian")
# The laboratory: how each is shortened.
LABORATORY = {
    "activation_study": {"steps": 20, "seeds": 2, "activations": ("tanh",)},
    "adaptive_activations": {"steps": 20, "names": ("tanh", "slope, per neuron")},
    "broken_line": {"steps": 60, "frames": 3, "starts": 1},
    "dead_units": {"steps": 20, "depths": (1, 2), "names": ("relu", "tanh")},
    "kinked_loss": {"steps": 20, "looks_wanted": 2},
}


def test_every_example_is_listed_here():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {
        *CASES,
        *REACHED,
        *OTHERS,
        *LABORATORY,
    }


@pytest.mark.slow
def test_the_example_of_relu(tmp_path, capsys):
    """Of a piecewise linear and a smooth network one is stopped, the other passes."""
    example = _load("relu_laplacian")
    with jax.numpy_dtype_promotion("standard"):  # which optax counts on
        solutions = example.main(steps=20, names=("relu", "tanh"))
    text = capsys.readouterr().out
    assert text.count("stopped: vanishing-derivative") == 1
    assert text.count("u'' =  0.00e+00") == 1
    assert text.count("passes") == 1
    allowed = [f for f in solutions["relu"].report.preflight.findings if f.allowed]
    assert "vanishing-derivative" in {f.id for f in allowed}
    example.plot(solutions, tmp_path / "picture.png")


@pytest.mark.slow
def test_the_example_in_many_dimensions_learns(tmp_path, capsys):
    example = _load("high_dimension")
    with jax.numpy_dtype_promotion("standard"):  # optax mixes types of numbers
        solution = example.main(steps=600)
    assert pinn.metrics.relative_l2(*solution) < 0.5
    assert "relative L2 error in 1000 dimensions" in capsys.readouterr().out
    example.plot(solution, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 5_000


def test_the_estimated_laplacian_of_the_example_is_that_of_its_solution():
    example = _load("high_dimension")
    x = example.draw(1, jax.random.key(5))[0].astype(float)
    exact = pinn.laplacian(example.exact, "forward-over-reverse")(x)
    np.testing.assert_allclose(-exact, example.source(x), rtol=1e-5)


# All of them run whole where the documentation is built.
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name == "poisson" else [pytest.mark.slow])
        for name in CASES
    ],
)
def test_example(name, tmp_path, capsys):
    example, (tol, measure) = _load(name), CASES[name]
    solution = example.main(tol=tol)
    assert solution.report.reached
    assert measure(solution) <= 3 * tol
    assert "relative L2 error" in capsys.readouterr().out
    example.plot(solution, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 10_000


@pytest.mark.slow
def test_the_disk_agrees_with_finite_elements(capsys):
    example = _load("heat_on_a_disk")
    solution = example.main(duration=0.02, elements=8)
    text = capsys.readouterr().out
    found = float(re.search(r"relative L2 error\s+(\S+)", text)[1])
    theirs = float(re.search(r"of the elements\s+(\S+)", text)[1])
    assert found <= 3 * (1e-3 + theirs)
    assert solution.report.estimate is not None


@pytest.mark.slow
@pytest.mark.parametrize("name", LABORATORY)
def test_the_examples_of_the_laboratory_run(name, tmp_path, capsys):
    example = _load(name)
    found = example.main(**LABORATORY[name])
    assert "relative L2 error" in capsys.readouterr().out
    example.plot(found, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def test_no_broken_line_beats_the_best_one():
    """The projection reaches what no line of three pieces may pass, and nearly so."""
    example = _load("broken_line")
    found, h = example.error(example.best_line()), 2 / 3
    bound = h**2 / (6 * 5**0.5) / (16 / 5) ** 0.5
    assert bound < found < 1.6 * bound


@pytest.mark.slow
def test_the_fit_of_two_units_becomes_the_best_line_and_an_animation(tmp_path):
    example = _load("broken_line")
    fits = example.main()
    best, relu = (example.error(fits[k][-1]) for k in ("best broken line", "relu"))
    assert 0.99 * best < relu < 1.2 * best
    example.plot(fits, tmp_path / "fit.png")
    assert (tmp_path / "fit.gif").read_bytes()[:4] == b"GIF8"


@pytest.mark.slow
def test_a_kink_lets_the_loss_fall_and_the_solution_be_wrong():
    rows = {name: rows for name, (rows, _) in _load("kinked_loss").main().items()}
    residual, error = rows["selu"][-1][1:]
    assert residual < 0.1
    assert error > 0.5
    assert max(rows["tanh"][-1][1:]) < 1e-2


@pytest.mark.slow
@pytest.mark.parametrize("name", REACHED)
def test_example_without_a_tolerance(name, tmp_path, capsys):
    example = _load(name)
    solution = example.main()
    assert solution.error(example.exact) <= REACHED[name]
    text = capsys.readouterr().out
    assert "relative L2 error" in text
    assert name != "restart" or "same bits as without the kill: True" in text
    example.plot(solution, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 10_000


@pytest.mark.parametrize("name", [*CASES, *REACHED, *OTHERS, *LABORATORY])
def test_examples_are_short_and_say_their_equation(name):
    text = (EXAMPLES / f"{name}.py").read_text()
    assert 30 <= len(text.splitlines()) <= 90
    assert ".. math::" in text
    assert 'if __name__ == "__main__":' in text


def _findings_page():
    """The shared lines of the page on findings, and the program of each section."""
    text = (EXAMPLES.parent / "docs" / "findings.md").read_text()
    introduction, *sections = text.split("\n## ")
    program = lambda section: re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]
    return program(introduction), {s.split("\n")[0]: program(s) for s in sections}


def test_every_finding_has_a_section():
    assert set(_findings_page()[1]) == set(IDENTIFIERS)


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_the_program_of_a_section_triggers_its_finding(identifier, capsys):
    shared, programs = _findings_page()
    names: dict = {}
    exec(shared, names)
    exec(programs[identifier], names)
    assert f" {identifier} " in capsys.readouterr().out


def test_the_first_page_shows_the_program_of_the_readme():
    readme, page = (EXAMPLES.parent / p for p in ("README.md", "docs/index.md"))
    programs = re.findall(r"```python\n(.*?)```", readme.read_text(), re.DOTALL)
    assert programs[0] in page.read_text()


@pytest.mark.parametrize(
    "page", ["README.md", pytest.param("docs/extend.md", marks=pytest.mark.slow)]
)
def test_the_programs_of_a_page_run_as_written(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (EXAMPLES.parent / page).read_text()
    names: dict = {}
    for program in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(program, names)
    assert names["solution"].report.preflight.ok
    assert names["solution"].report.reached is not False


def test_the_readme_shows_what_the_check_says_of_relu(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = CliRunner().invoke(app, ["check", "poisson", "--activation", "relu"])
    assert shown.exit_code == 2
    text = (EXAMPLES.parent / "README.md").read_text()
    block = text.split("$ pinn check poisson --activation relu\n")[1].split("\n\n")[0]
    plain = lambda lines: [line.strip() for line in lines.splitlines() if line.strip()]
    assert plain(shown.stdout)[: len(plain(block))] == plain(block)
