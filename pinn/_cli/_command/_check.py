"""`pinn check`: the pre-flight check alone."""

from typing import Annotated

import jax
import typer

from ..._choose import choose
from ..._equation import field_shape
from ..._method import TimeWindows
from ..._preflight import PreflightError, preflight
from .. import _show
from .._errors import InputError, one_line_errors, shown_text
from .._help import WORK
from .._load import load
from .._options import method_named, set_precision
from .._parameters import (
    Activation,
    Debug,
    Json,
    Name,
    Precision,
    Seed,
    Set,
    complete_method,
)


def check(
    name: Name,
    activation: Activation = None,
    method: Annotated[
        str,
        typer.Option(
            rich_help_panel=WORK,
            metavar="NAME",
            help="Whose network is checked, as `pinn solve` names it.",
            autocompletion=complete_method,
        ),
    ] = "auto",
    settings: Set = None,
    seed: Seed = 0,
    precision: Precision = "64",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Run the pre-flight check alone: exit code 2 if it finds an error."""
    with one_line_errors(debug, as_json):
        set_precision(precision, None)
        named = method_named(method, activation, None, None)
        if isinstance(named, TimeWindows):
            named = named.method
        chosen = choose(named, None).method
        with _show.stdout_free(as_json):
            problem, _ = load(name, settings)
            key = jax.random.key(seed)
            field = chosen.default_field(problem, field_shape(problem), key=key)
            report = preflight(problem, field, key=key, own=True)
        error = PreflightError(report)
        if not as_json:
            _show.console().print(_show.preflight_table(report))
            if not report.ok:
                raise InputError(shown_text(error))
        if not report.ok:
            raise error
        if as_json:
            problem_name = problem.name or name
            _show.print_json({"problem": problem_name, "preflight": report.as_dict()})
