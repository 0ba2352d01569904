"""Imports point one way, towards simpler things: the ladder of the design."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1] / "pinn"

# A module imports only from lower numbers; `__init__` gathers names from all.
LEVELS = {
    "_types": 0,
    "_trigonometric": -1,
    "_version": 0,
    "_compiled": 1,
    "_host": 0,
    "_compilation_cache": 0,
    "_compile_clock": 0,
    "_checks": 0,
    "_precision": 0,
    "_interrupt": 0,
    "_paths": 0,
    "_progress": 0,
    "_required": 0,
    "_called": 0,
    "_entries": 1,
    "activations": 0,
    "callbacks": 0,
    "metrics": 0,
    "_jet": 0,
    "_merge": 1,
    "_counting": 1,
    "_propagate": 1,
    "_domain": 1,
    "_smoothness": 1,
    "_operators": 2,
    "_network": 2,
    "_sampling": 2,
    "_condition": 3,
    "_evaluate": 3,
    "_periodic": 3.5,
    "_problem": 4,
    "_equation": 5,
    "_host_draw": 4.5,
    "_points": 5,
    "_conserved": 5,
    "_crossings": 5,
    "_seam": 5,
    "_rate": 6,
    "_residuals": 6,
    "reference": 7,
    "_weighting": 7,
    "_feature_rows": 7,
    "export": 7,
    "numpy_field": 0,
    "_evolved_rows": 7.5,
    "plot": 7,
    "problems": 8,
    "_preflight": 8,
    "_method": 8,
    "_choose": 9,
    "_mirrors": 9.5,
    "_estimate": 9.7,
    "_loop": 9,
    "_measure": 9,
    "_solution": 9,
    "_arguments": 10,
    "_checkpoint": 9,
    "_environment": 11,
    "_kept": 12,
    "_networks_written": 12,
    "_files": 13,
    "_session": 10,
    "_task": 13,
    "_window": 5,
    "_in_windows": 14,
    "_solve": 15,
    "analysis": 16,
    "_cli": 17,
    "cli": 18,
    "__main__": 19,
}


def _module(path: Path) -> tuple[str, ...]:
    return path.relative_to(ROOT.parent).with_suffix("").parts


def _imported(path: Path) -> Iterator[tuple[str, int]]:
    """The modules of the top level that a file imports from, with the line."""
    package = _module(path)[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level > 0:
            base = package[: len(package) - node.level + 1]
            base += tuple(node.module.split(".")) if node.module else ()
            names = [(*base, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = tuple((node.module or "").split("."))
            names = [(*base, alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [(*alias.name.split("."), "") for alias in node.names]
        else:
            continue
        yield from ((name[1], node.lineno) for name in names if name[0] == "pinn")


def test_every_module_has_a_level():
    found = {_module(path)[1] for path in ROOT.rglob("*.py")} - {"__init__"}
    assert found == set(LEVELS)


def test_no_import_runs_upward():
    upward = []
    for path in sorted(ROOT.rglob("*.py")):
        here = _module(path)[1]
        if here == "__init__":
            continue
        for name, line in _imported(path):
            if name != here and not LEVELS.get(name, 99) < LEVELS.get(here, 99):
                upward.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert upward == []


def test_only_plot_imports_matplotlib():
    users = [
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if "import matplotlib" in path.read_text()
        or "from matplotlib" in path.read_text()
    ]
    others = [user for user in users if not user.startswith("plot/")]
    assert others == ["analysis/_axes.py"]
