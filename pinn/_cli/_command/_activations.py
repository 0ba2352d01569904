"""`pinn activations`: the catalogue of activations, or a judgement of some."""

from pathlib import Path
from typing import Annotated

import typer

from ... import plot as pictures
from .. import _activations as shown, _show
from .._errors import one_line_errors
from .._help import FILES
from .._options import set_precision
from .._output import check_file
from .._parameters import Debug, Json, complete_activation, flag


def show_activations(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME",
            help="Of the catalogue, or `FILE.py:name` for a function of your own; the "
            "whole catalogue if none is named.",
            autocompletion=complete_activation,
            show_default=False,
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=FILES,
            metavar="FILE",
            help="Draw them with three derivatives.",
        ),
    ] = None,
    force: Annotated[
        bool,
        flag("--force", FILES, "Replace the file."),
    ] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show the catalogue of activations, or judge some, or a function of your own."""
    with one_line_errors(debug, as_json):
        set_precision("64", None)
        if plot is not None:
            check_file("--plot", plot, force)
        if not names and plot is None:
            if as_json:
                _show.print_json(shown.catalogue_list())
            else:
                _show.console().print(shown.catalogue_table([]))
            return
        with _show.stdout_free(as_json):
            functions = shown.find(names or ["tanh"])
            judged = shown.judge(functions)
        if as_json:
            _show.print_json(shown.judgement_list(judged))
        else:
            _show.console().print(shown.judgement_table(judged))
        if plot is not None:
            pictures.derivatives(functions, plot)
