"""Arguments and options that several commands have, and what the shell completes."""

from typing import Annotated

import typer

from .. import activations, problems
from . import _gallery
from ._help import TALK, WORK
from ._options import METHODS, PRECISIONS


def complete_problem() -> list[str]:
    return list(problems.names())


def complete_example() -> list[str]:
    return list(_gallery.names())


def complete_method() -> list[str]:
    return list(METHODS)


def complete_activation(incomplete: str) -> list[str]:
    names = [entry.name for entry in activations.catalogue()]
    return [name for name in names if name.startswith(incomplete)]


Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME|FILE.py[:name]",
        help="A problem of the catalogue (see `pinn list`), or a Python file that "
        "defines a `pinn.Problem`.",
        autocompletion=complete_problem,
        show_default=False,
    ),
]
Activation = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=WORK,
        metavar="NAME",
        help="Activation of the network; tanh by default.",
        autocompletion=complete_activation,
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="An option of the problem."),
]
Precision = Annotated[
    str,
    typer.Option(
        rich_help_panel=WORK,
        metavar="|".join(PRECISIONS),
        help="Bits of a number; mixed has the Jacobian of levenberg-marquardt in 32.",
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        rich_help_panel=WORK, min=0, max=2**32 - 1, help="Of all random draws."
    ),
]
Debug = Annotated[
    bool, typer.Option("--debug", rich_help_panel=TALK, help="Show tracebacks.")
]
Json = Annotated[
    bool,
    typer.Option(
        "--json", rich_help_panel=TALK, help="Print one JSON value and nothing else."
    ),
]
