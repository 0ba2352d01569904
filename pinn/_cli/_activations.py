"""`pinn activations`: the catalogue, a picture, and the judgement of one's own."""

import math
from collections.abc import Callable
from inspect import isclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import activations, problems
from .._checks import nearest_three
from .._smoothness import Smoothness, smoothness
from ._errors import InputError
from ._load import import_file, kind

if TYPE_CHECKING:
    from rich.console import RenderableType

_COLOURS = {"ok": "green", "warning": "yellow", "error": "bold red"}


def catalogue_table(names: list[str]) -> "RenderableType":
    """The catalogue, or some of its rows."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("activation", no_wrap=True)
    table.add_column("class", no_wrap=True)
    table.add_column("orders 1-4", no_wrap=True)
    table.add_column("formula", overflow="fold")
    table.add_column("source", overflow="fold")
    for row in activations.catalogue():
        if names and row.name not in names:
            continue
        verdicts = Text()
        for order in (1, 2, 3, 4):
            verdict = _by_class(row, order)
            verdicts.append(
                f"{'ok' if verdict == 'ok' else verdict[0]:3}", verdict_colour(verdict)
            )
        name = f"{row.name}{' *' if row.trainable else ''}"
        table.add_row(
            Text(name, "bold"),
            _class(row.smoothness),
            verdicts,
            row.formula,
            row.source,
        )
    table.caption = "orders: ok, w(arning), e(rror); * trainable"
    return table


def verdict_colour(verdict: str) -> str:
    return _COLOURS[verdict]


def judgement_table(judged: dict[str, Smoothness]) -> "RenderableType":
    """What the check of smoothness says of the user's own functions."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for column in ("activation", "class", "order 1", "order 2", "order 3", "order 4"):
        table.add_column(column, no_wrap=True)
    table.add_column("what was found", overflow="fold")
    for name, result in judged.items():
        verdicts = [result.verdict(order) for order in (1, 2, 3, 4)]
        table.add_row(
            Text(name, "bold"),
            _class(result.order),
            *(Text(v, _COLOURS[v]) for v in verdicts),
            Text(str(result)),
        )
    return table


def catalogue_list() -> list[dict[str, Any]]:
    """The catalogue for programs; a smoothness without an end is ``null``."""
    return [
        {
            "name": row.name,
            "formula": row.formula,
            "smoothness": _finite(row.smoothness),
            "trainable": row.trainable,
            "source": row.source,
            "verdicts": {str(k): _by_class(row, k) for k in (1, 2, 3, 4)},
        }
        for row in activations.catalogue()
    ]


def judgement_list(judged: dict[str, Smoothness]) -> list[dict[str, Any]]:
    """What was found for each function, for programs."""
    return [
        {
            "name": name,
            "smoothness": _finite(result.order),
            "kinks": [float(place) for place in result.kinks],
            "vanishes_from": result.vanishes_from,
            "consistent": bool(result.consistent),
            "verdicts": {str(k): result.verdict(k) for k in (1, 2, 3, 4)},
            "reasons": list(result.reasons),
        }
        for name, result in judged.items()
    ]


def _finite(order: float) -> int | None:
    return None if order == math.inf else int(order)


def find(names: list[str]) -> dict[str, Callable[..., Any]]:
    """Functions by their names in the catalogue, or as ``FILE.py:name``."""
    known = [row.name for row in activations.catalogue()]
    found: dict[str, Callable[..., Any]] = {}
    for name in names:
        path, _, own = name.partition(":")
        if path.endswith(".py"):
            found[own] = _function(path, own)
        elif name in known:
            found[name] = activations.get(name)
        else:
            raise InputError(
                f"there is no activation {name!r}. Nearest: "
                f"{nearest_three(name, known)}; `pinn activations` lists all "
                f"{len(known)}."
            )
    return found


def _function(path: str, name: str) -> Callable[..., Any]:
    """The function of this name in a user's file."""
    module = import_file(Path(path))
    value = vars(module).get(name)
    if name and callable(value):
        return value
    there = [
        key
        for key, other in vars(module).items()
        if callable(other) and not isclass(other) and not key.startswith("_")
    ]
    hint = f"`{path}:{there[0]}`" if there else "of which it has none"
    wrong = ""
    if name in vars(module):
        wrong = f"; {name!r} is {kind(value)}"
    elif name:
        wrong = f"; there is no function {name!r}"
    raise InputError(
        f"{path}: name a function of the file, {hint}{wrong}."
        f"{problems.nearest(name, there)}"
    )


def judge(functions: dict[str, Callable[..., Any]]) -> dict[str, Smoothness]:
    return {name: smoothness(function) for name, function in functions.items()}


def _by_class(row: Any, order: int) -> str:
    if row.vanishes_from is not None and row.vanishes_from <= order:
        return "error"
    if row.smoothness < order - 1:
        return "error"
    return "warning" if row.smoothness < order else "ok"


def _class(order: float) -> str:
    if order == math.inf:
        return "smooth"
    return "jumps" if order < 0 else f"C^{order:g}"
