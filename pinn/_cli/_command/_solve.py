"""`pinn solve`: check a problem, solve it, report the error, draw a picture."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import typer

from ..._evaluate import evaluated
from ..._files import save as save_solution
from ..._preflight import PreflightError
from ..._solution import Result
from ..._solve import resume as resume_problem, solve as solve_problem
from .. import _show
from .._errors import (
    INTERRUPTED,
    NOT_REACHED,
    SOLVED,
    InputError,
    one_line_errors,
    shown_text,
)
from .._help import FILES, TALK, WORK
from .._load import load
from .._options import balance_named, method_named, set_precision
from .._output import check_file, check_picture, claim
from .._parameters import (
    Activation,
    Debug,
    Json,
    Name,
    Precision,
    SeedOrNone,
    Set,
    complete_method,
    flag,
    number,
)


def solve(
    name: Name,
    tol: Annotated[
        float | None,
        typer.Option(
            rich_help_panel=WORK,
            metavar="BOUND",
            help="For the estimated relative L2 error.",
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            rich_help_panel=WORK,
            metavar="NAME",
            help="See the methods below; `auto` chooses, and the report says why.",
            autocompletion=complete_method,
        ),
    ] = "auto",
    activation: Activation = None,
    features: Annotated[
        int | None,
        number("Random features to start from."),
    ] = None,
    points: Annotated[
        int | None,
        number("Points of the equation."),
    ] = None,
    steps: Annotated[
        int | None,
        number("Most steps of training."),
    ] = None,
    weighting: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=WORK,
            metavar="NAME",
            help="Balance of the terms that changes while all parameters are trained; "
            "see below.",
        ),
    ] = None,
    budget_s: Annotated[
        float | None,
        typer.Option(
            rich_help_panel=WORK,
            metavar="SECONDS",
            help="Time after which the best solution so far is taken.",
        ),
    ] = None,
    seed: SeedOrNone = None,
    precision: Precision = "64",
    settings: Set = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=WORK,
            metavar="ID",
            help="Pre-flight finding that shall not stop it; may be given several "
            "times.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=FILES,
            metavar="FILE",
            help="The picture: PNG, PDF or SVG. By default a PNG named after the "
            "problem, in the current folder.",
        ),
    ] = None,
    no_plot: Annotated[
        bool,
        flag("--no-plot", FILES, "No picture."),
    ] = False,
    save: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=FILES,
            metavar="FILE",
            help="Keep the solution; `pinn.load` reads it.",
        ),
    ] = None,
    force: Annotated[
        bool,
        flag("--force", FILES, "Replace the files of --out and --save."),
    ] = False,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=FILES,
            metavar="FOLDER",
            help="Keep the solve there while it runs; see --resume.",
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=FILES,
            metavar="FOLDER",
            help="Go on with an interrupted solve from its checkpoints: the same "
            "problem, method and options of the method; all else is kept there.",
        ),
    ] = None,
    quiet: Annotated[
        bool,
        flag("--quiet", TALK, "Print nothing but errors."),
    ] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Solve a problem: check it, solve it, report the error, draw a picture."""
    talk = not (quiet or as_json)
    with one_line_errors(debug, as_json):
        numbers = set_precision(precision, tol)
        chosen = method_named(method, activation, features, steps)
        balance = balance_named(weighting)
        if no_plot and out is not None:
            raise InputError("`--out` and `--no-plot` exclude one another.")
        if save is not None:
            check_file("--save", save, force)
        if resume is not None:
            _alone(
                tol=tol,
                points=points,
                weighting=weighting,
                seed=seed,
                allow=allow,
                checkpoint=checkpoint,
                precision="mixed" if precision == "mixed" else None,
            )
        with _show.stdout_free(as_json):
            problem, reference = load(name, settings)
        title = problem.name or Path(name.partition(".py")[0]).name
        problem = dataclasses.replace(problem, name=title)
        picture = None if no_plot else check_picture(out, title, force)
        if picture is not None and save is not None and picture == save:
            raise InputError(f"`--out` and `--save` both name '{save}'.")
        with _show.stdout_free(as_json):
            solution = _solve(
                problem,
                chosen,
                resume=resume,
                seed=seed or 0,
                tol=tol,
                points=points,
                weighting=balance,
                precision=numbers,
                allow=tuple(allow or ()),
                checkpoint=checkpoint,
                budget_s=budget_s,
                talk=talk,
                quiet=quiet,
            )
            solution, source = _compare(solution, reference)
        if talk:
            console = _show.console()
            console.print("", _show.report_table(solution.report, source))
        written = {}
        if save is not None:
            save_solution(save, solution, overwrite=force)
            written["saved"] = str(save)
        if picture is not None:
            picture = claim(picture, force and out is not None)
            with _show.stdout_free(as_json):
                solution.plot(picture)
            written["picture"] = str(picture)
        if talk:
            for what, path in written.items():
                _show.console().print(f"{what:24}{path}", markup=False, soft_wrap=True)
        if as_json:
            _show.print_json({**solution.report.as_dict(), **written})
    raise typer.Exit(_exit_code(solution))


def _solve(
    problem: Any,
    method: Any,
    *,
    resume: Path | None,
    seed: int,
    budget_s: float | None,
    talk: bool,
    quiet: bool,
    **options: Any,
) -> Any:
    """Solve, with the pre-flight table before the work where it is wanted."""
    shown: list[Any] = []

    def show(record: Mapping[str, Any]) -> None:
        if talk and "preflight" in record and not shown:
            shown.append(record)
            _show.console().print(_show.preflight_table(record["preflight"]))

    watch: Any = {
        "callbacks": (show,),
        "progress": False if quiet else None,
        "budget_s": budget_s,
    }
    try:
        if resume is not None:
            solution = resume_problem(resume, problem, None, method, **watch)
        else:
            key = jax.random.key(seed)
            solution = solve_problem(problem, None, method, key=key, **options, **watch)
    except PreflightError as error:
        show({"preflight": error.report})
        if shown:
            raise InputError(shown_text(error)) from error
        raise
    show({"preflight": solution.report.preflight})
    return solution


def _alone(**kept: Any) -> None:
    """Refuse what the checkpoint itself holds: to give it anew would change nothing."""
    for name, value in kept.items():
        if value not in (None, []):
            raise InputError(
                f"`--{name}` cannot go with `--resume`, which takes it from the "
                "checkpoint; leave it out."
            )


def _compare(solution: Any, reference: Any) -> tuple[Any, str]:
    """The solution with its error against a table, where there is no exact solution."""
    if reference is None or solution.report.relative_l2 is not None:
        return solution, "against the exact solution"
    points, values = reference
    dim = solution.problem.domain.dim
    arguments = (*points[:, :-dim].T, points[:, -dim:])  # time first
    found = np.asarray(evaluated(solution.field, arguments))
    report = dataclasses.replace(
        solution.report,
        relative_l2=solution.error(reference),
        max_error=float(np.max(np.abs(found - values))),
    )
    source = f"against the file's {len(points)} values"
    return dataclasses.replace(solution, report=report), source


def _exit_code(solution: Any) -> int:
    if solution.result is Result.interrupted:
        return INTERRUPTED
    if solution.report.reached is False or solution.result is Result.diverged:
        return NOT_REACHED
    return SOLVED
