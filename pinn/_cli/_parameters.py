"""Arguments and options that several commands have, and what the shell completes."""

from typing import Annotated, Any

import typer

from .. import activations, problems
from . import _gallery
from ._help import TALK, WORK
from ._options import METHODS

FLAG = ""  # a flag takes no value, so the help names none


def complete_problem() -> list[str]:
    return list(problems.names())


def complete_example() -> list[str]:
    return list(_gallery.names())


def complete_method() -> list[str]:
    return list(METHODS)


def complete_activation(incomplete: str) -> list[str]:
    names = [entry.name for entry in activations.catalogue()]
    return [name for name in names if name.startswith(incomplete)]


def _checked_seed(seed: int | None) -> int | None:
    # Said here, since the help would show the range in place of words.
    if seed is not None and not 0 <= seed < 2**32:
        raise typer.BadParameter(f"{seed} is not in the range 0 to {2**32 - 1}.")
    return seed


def flag(name: str, panel: str, help: str) -> Any:
    """An option without a value."""
    return typer.Option(name, metavar=FLAG, rich_help_panel=panel, help=help)


def number(help: str) -> Any:
    """An option of the work that is a whole number of at least one."""
    return typer.Option(rich_help_panel=WORK, metavar="N", min=1, help=help)


Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A problem of the catalogue (see `pinn list`); or `FILE.py` or "
        "`FILE.py:name`, a Python file that defines a `pinn.Problem`.",
        autocompletion=complete_problem,
        show_default=False,
    ),
]
Activation = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=WORK,
        metavar="NAME",
        help="Activation of the network; by default the method's own.",
        autocompletion=complete_activation,
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="An option of the problem; may be given several times.",
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        rich_help_panel=WORK,
        metavar="BITS",
        help="Of a number: 64, 32, or mixed, the Jacobian alone in 32 bit.",
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        rich_help_panel=WORK,
        metavar="N",
        callback=_checked_seed,
        help="Of all random draws.",
    ),
]
# Where it is asked whether one was given.
SeedOrNone = Annotated[
    int | None,
    typer.Option(
        rich_help_panel=WORK,
        metavar="N",
        callback=_checked_seed,
        help="Of all random draws; 0 by default.",
    ),
]
Debug = Annotated[bool, flag("--debug", TALK, "Show tracebacks.")]
Json = Annotated[bool, flag("--json", TALK, "Print one JSON value and nothing else.")]
