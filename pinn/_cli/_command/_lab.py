"""`pinn lab`: what activations do to a network."""

from pathlib import Path
from typing import Annotated

import jax
import typer

from .. import _activations as shown, _lab, _show
from .._errors import InputError, one_line_errors
from .._help import FILES, WORK
from .._load import load
from .._options import set_precision
from .._parameters import (
    Debug,
    Json,
    Seed,
    complete_activation,
    complete_problem,
    flag,
    number,
)


def laboratory(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME",
            help="Activations of the catalogue, or `FILE.py:name` for functions of "
            "your own; tanh, sin and gelu by default.",
            autocompletion=complete_activation,
            show_default=False,
        ),
    ] = None,
    problem: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=WORK,
            metavar="NAME",
            help="A problem with an exact solution, as for `pinn solve`; poisson by "
            "default. The study takes several, the other parts look at the first.",
            autocompletion=complete_problem,
            show_default=False,
        ),
    ] = None,
    parts: Annotated[
        str,
        typer.Option(
            rich_help_panel=WORK,
            metavar="PART,...",
            help="profile, layers, dead, hessian, kernel, landscape, spectral, study; "
            "or all.",
        ),
    ] = "profile, dead, study",
    steps: Annotated[
        int,
        number("Steps of Adam."),
    ] = 2000,
    seeds: Annotated[
        int,
        number("Networks of each kind."),
    ] = 5,
    width: Annotated[
        int,
        number("Units of a layer."),
    ] = 16,
    depth: Annotated[
        int,
        number("Hidden layers."),
    ] = 2,
    points: Annotated[
        int,
        number("Points of the equation."),
    ] = 200,
    seed: Seed = 0,
    out: Annotated[
        Path,
        typer.Option(
            rich_help_panel=FILES, metavar="FOLDER", help="Pictures and lab.json."
        ),
    ] = Path("lab"),
    force: Annotated[
        bool,
        flag("--force", FILES, "Replace the results in the folder."),
    ] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Look at what activations do to a network: its derivatives, units, accuracy."""
    with one_line_errors(debug, as_json):
        set_precision("64", None)
        wanted = _lab.chosen_parts(parts)
        with _show.stdout_free(as_json):
            functions = shown.find(names or ["tanh", "sin", "gelu"])
            # A path is no name for a table: of a file its own name is enough.
            loaded = {
                Path(name).name: load(name, None)[0] for name in problem or ["poisson"]
            }
        for name, one in loaded.items():
            if one.exact is None and {"study", "spectral"}.intersection(wanted):
                raise InputError(
                    f"`--problem`: {name!r} has no exact solution, which study and "
                    "spectral compare with; leave them out of `--parts`."
                )
        _lab.check_out(out, force)
        training = {"steps": steps, "width": width, "depth": depth, "points": points}
        lab = _lab.Lab(functions, loaded, jax.random.key(seed), seeds, training)
        console = _show.console(stderr=True)
        with _show.stdout_free(as_json):
            tell = lambda text: console.print(text, style="dim", soft_wrap=True)
            results = _lab.run(lab, wanted, out, tell)
        if as_json:
            _show.print_json(_lab.plain(results))
            return
        console = _show.console()
        for table in _lab.tables(results):
            console.print(table, "")
        console.print(f"{len(results['pictures'])} pictures and lab.json in {out}")
