"""The tutorial: its programs run in order and print what the page shows."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "tutorial.md"
_BLOCK = re.compile(r"```(python|text)\n(.*?)```", re.DOTALL)


def words(text):
    """What stays the same from machine to machine: all but numbers and spaces."""
    lines = [re.sub(r"[-+]?\d[\d.]*(e[-+]?\d+)?|\s+", " ", x) for x in text.split("\n")]
    return [" ".join(line.split()) for line in lines if line.strip()]


@pytest.mark.slow
def test_the_tutorial_prints_what_it_shows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for kind, text in _BLOCK.findall(PAGE.read_text()):
        if kind == "python":
            exec(text, names)
        else:
            assert words(capsys.readouterr().out) == words(text)
    assert names["solution"].report.reached
    assert names["better"].report.reached
    assert names["solution"].error(names["other"]) < 1e-5
    assert (tmp_path / "plate.png").is_file()


@pytest.mark.slow
def test_the_program_of_the_page_on_results_leaves_its_picture(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    programs = _BLOCK.findall((PAGE.parent / "results.md").read_text())
    (whole,) = [text for _, text in programs if text.startswith("import jax, ")]
    exec(whole, {})
    assert (tmp_path / "plots.png").is_file()


def test_every_program_of_the_tutorial_that_prints_is_followed_by_its_output():
    blocks = _BLOCK.findall(PAGE.read_text())
    for (kind, text), (after, _) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if kind == "python":
            assert (after == "text") == ("print(" in text), text
