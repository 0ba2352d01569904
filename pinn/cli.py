"""The terminal: `pinn solve`, `pinn check`, `pinn list` and the others."""

import contextlib
import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ._cli import _show
from ._cli._errors import (
    FAILED,
    INTERRUPTED,
    NOT_REACHED,
    SOLVED,
    InputError,
    one_line_errors,
)
from ._cli._help import (
    EXAMPLES,
    EXIT_CODES,
    FILES,
    GALLERY_NOTES,
    HELP,
    TALK,
    WORK,
)
from ._cli._options import (
    BALANCES,
    METHODS,
    PRECISIONS,
    balance_named,
    method_named,
    set_precision,
)

app = typer.Typer(
    name="pinn",
    help=HELP,
    epilog=EXAMPLES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _complete_problem() -> list[str]:
    from . import problems

    return list(problems.names())


def _complete_example() -> list[str]:
    from ._cli import _gallery

    return list(_gallery.names())


def _complete_method() -> list[str]:
    return list(METHODS)


def _complete_activation(incomplete: str) -> list[str]:
    from . import activations

    names = [entry.name for entry in activations.catalogue()]
    return [name for name in names if name.startswith(incomplete)]


_Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME|FILE.py[:name]",
        help="A problem of the catalogue (see `pinn list`), or a Python file that "
        "defines a `pinn.Problem`.",
        autocompletion=_complete_problem,
        show_default=False,
    ),
]
_Activation = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=WORK,
        metavar="NAME",
        help="Activation of the network; tanh by default.",
        autocompletion=_complete_activation,
    ),
]
_Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="An option of the problem."),
]
_Precision = Annotated[
    str,
    typer.Option(
        rich_help_panel=WORK,
        metavar="|".join(PRECISIONS),
        help="Bits of a number; mixed has the Jacobian of levenberg-marquardt in 32.",
    ),
]
_Seed = Annotated[
    int,
    typer.Option(
        rich_help_panel=WORK, min=0, max=2**32 - 1, help="Of all random draws."
    ),
]
_Debug = Annotated[
    bool, typer.Option("--debug", rich_help_panel=TALK, help="Show tracebacks.")
]
_Json = Annotated[
    bool,
    typer.Option(
        "--json", rich_help_panel=TALK, help="Print one JSON value and nothing else."
    ),
]


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True)
    ] = False,
) -> None:
    if version:
        from ._version import __version__

        print(f"pinn {__version__}")
        raise typer.Exit


@app.command(epilog=EXIT_CODES)
def solve(
    name: _Name,
    tol: Annotated[
        float | None,
        typer.Option(
            rich_help_panel=WORK, help="Bound for the estimated relative L2 error."
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            rich_help_panel=WORK,
            metavar="NAME",
            help="`auto` chooses, and the report says why. By name: "
            f"{', '.join(METHODS[1:])} (another name for `first-order`).",
            autocompletion=_complete_method,
        ),
    ] = "auto",
    activation: _Activation = None,
    features: Annotated[
        int | None,
        typer.Option(
            rich_help_panel=WORK,
            min=1,
            help="Random features to start from (least squares).",
        ),
    ] = None,
    points: Annotated[
        int | None,
        typer.Option(
            rich_help_panel=WORK,
            min=1,
            help="Points of the equation.",
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            rich_help_panel=WORK,
            min=1,
            help="Most steps of training.",
        ),
    ] = None,
    weighting: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=WORK,
            metavar="NAME",
            help="Balance of the terms that changes while all parameters are trained: "
            f"{', '.join(BALANCES)}.",
        ),
    ] = None,
    seed: _Seed = 0,
    precision: _Precision = "64",
    settings: _Set = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=WORK,
            metavar="ID",
            help="Pre-flight finding that shall not stop it.",
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
        typer.Option(
            "--no-plot",
            rich_help_panel=FILES,
            help="No picture.",
        ),
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
        typer.Option(
            "--force",
            rich_help_panel=FILES,
            help="Replace the files of --out and --save.",
        ),
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
            help="Go on with an interrupted solve of this problem and method from its "
            "checkpoints.",
        ),
    ] = None,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet",
            rich_help_panel=TALK,
            help="Print nothing but errors.",
        ),
    ] = False,
    as_json: _Json = False,
    debug: _Debug = False,
) -> None:
    """Solve a problem: check it, solve it, report the error, draw a picture."""
    talk = not (quiet or as_json)
    tell_json = _error_as_json if as_json else None
    with one_line_errors(debug, tell_json):
        from ._cli._output import check_file, check_picture, claim

        numbers = set_precision(precision, tol)
        chosen = method_named(method, activation, features, steps)
        balance = balance_named(weighting)
        if no_plot and out is not None:
            raise InputError("`--out` and `--no-plot` exclude one another.")
        if save is not None:
            check_file("--save", save, force)
        if resume is not None:
            _alone(
                "--resume",
                tol=tol,
                points=points,
                weighting=weighting,
                checkpoint=checkpoint,
            )
        with _stdout_free(as_json):
            problem, reference = _load(name, settings)
        if problem.name is None:
            stem = Path(name.partition(".py")[0]).name
            problem = dataclasses.replace(problem, name=stem)
        picture = None if no_plot else check_picture(out, problem.name, force)
        if picture is not None and save is not None and picture == save:
            raise InputError(f"`--out` and `--save` both name '{save}'.")
        with _stdout_free(as_json):
            solution = _solve(
                problem,
                chosen,
                resume=resume,
                seed=seed,
                tol=tol,
                points=points,
                weighting=balance,
                precision=numbers,
                allow=tuple(allow or ()),
                checkpoint=checkpoint,
                talk=talk,
                quiet=quiet,
            )
            solution, source = _compare(solution, reference)
        if talk:
            console = _show.console()
            console.print("", _show.report_table(solution.report, source))
        written = {}
        if save is not None:
            from ._files import save as save_solution

            save_solution(save, solution, overwrite=force)
            written["saved"] = str(save)
        if picture is not None:
            picture = claim(picture, force and out is not None)
            with _stdout_free(as_json):
                solution.plot(picture)
            written["picture"] = str(picture)
        if talk:
            for what, path in written.items():
                _show.console().print(f"{what:24}{path}", markup=False, soft_wrap=True)
        if as_json:
            _show.print_json({**solution.report.as_dict(), **written})
    raise typer.Exit(_exit_code(solution))


@app.command()
def check(
    name: _Name,
    activation: _Activation = None,
    method: Annotated[
        str, typer.Option(metavar="|".join(METHODS), help="Whose network is checked.")
    ] = "auto",
    settings: _Set = None,
    seed: _Seed = 0,
    precision: _Precision = "64",
    as_json: _Json = False,
    debug: _Debug = False,
) -> None:
    """Run the pre-flight check alone: exit code 2 if it finds an error."""
    with one_line_errors(debug, _error_as_json if as_json else None):
        import jax

        from ._choose import choose
        from ._equation import field_shape
        from ._preflight import PreflightError, preflight

        set_precision(precision, None)
        chosen = choose(method_named(method, activation, None, None), None).method
        with _stdout_free(as_json):
            problem, _ = _load(name, settings)
            key = jax.random.key(seed)
            field = chosen.default_field(problem, field_shape(problem), key=key)
            report = preflight(problem, field, key=key)
        if not as_json:
            _show.console().print(_show.preflight_table(report))
        if not report.ok:
            raise PreflightError(report)
        if as_json:
            problem_name = problem.name or name
            _show.print_json({"problem": problem_name, "preflight": report.as_dict()})


@app.command("list")
def list_problems(as_json: _Json = False) -> None:
    """List the problems of the catalogue and their options."""
    if as_json:
        _show.print_json(_show.problems_list())
    else:
        _show.console().print(_show.problems_table())


@app.command("activations")
def show_activations(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME|FILE.py:name", autocompletion=_complete_activation
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw them with three derivatives."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    as_json: _Json = False,
    debug: _Debug = False,
) -> None:
    """Show the catalogue of activations, or judge some, or a function of your own."""
    with one_line_errors(debug, _error_as_json if as_json else None):
        from . import plot as pictures
        from ._cli import _activations as shown
        from ._cli._output import check_file

        set_precision("64", None)
        if plot is not None:
            check_file("--plot", plot, force)
        if not names and plot is None:
            if as_json:
                _show.print_json(shown.catalogue_list())
            else:
                _show.console().print(shown.catalogue_table([]))
            return
        with _stdout_free(as_json):
            functions = shown.find(names or ["tanh"])
            judged = shown.judge(functions)
        if as_json:
            _show.print_json(shown.judgement_list(judged))
        else:
            _show.console().print(shown.judgement_table(judged))
        if plot is not None:
            pictures.derivatives(functions, plot)


@app.command("lab")
def laboratory(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME|FILE.py:name]...",
            help="Activations of the catalogue, or functions of your own; tanh, sin "
            "and gelu by default.",
            autocompletion=_complete_activation,
            show_default=False,
        ),
    ] = None,
    problem: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|FILE.py[:name]",
            help="A problem with an exact solution; poisson by default. The study "
            "takes several, the other parts look at the first.",
            autocompletion=_complete_problem,
            show_default=False,
        ),
    ] = None,
    parts: Annotated[
        str,
        typer.Option(
            metavar="PART,...",
            help="profile, layers, dead, hessian, kernel, landscape, spectral, study; "
            "or all.",
        ),
    ] = "profile,dead,study",
    steps: Annotated[int, typer.Option(min=1, help="Steps of Adam.")] = 2000,
    seeds: Annotated[int, typer.Option(min=1, help="Networks of each kind.")] = 5,
    width: Annotated[int, typer.Option(min=1, help="Units of a layer.")] = 16,
    depth: Annotated[int, typer.Option(min=1, help="Hidden layers.")] = 2,
    points: Annotated[int, typer.Option(min=1, help="Points of the equation.")] = 200,
    seed: _Seed = 0,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Pictures and lab.json.")
    ] = Path("lab"),
    force: Annotated[
        bool, typer.Option("--force", help="Replace the results in the folder.")
    ] = False,
    as_json: _Json = False,
    debug: _Debug = False,
) -> None:
    """Look at what activations do to a network: derivatives, gradients, dead units,
    curvature, accuracy."""
    with one_line_errors(debug, _error_as_json if as_json else None):
        import jax

        from ._cli import _activations as shown, _lab

        set_precision("64", None)
        wanted = _lab.chosen_parts(parts)
        with _stdout_free(as_json):
            functions = shown.find(names or ["tanh", "sin", "gelu"])
            # A path is no name for a table: of a file its own name is enough.
            loaded = {
                Path(name).name: _load(name, None)[0] for name in problem or ["poisson"]
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
        with _stdout_free(as_json):
            tell = lambda text: console.print(text, style="dim", soft_wrap=True)
            results = _lab.run(lab, wanted, out, tell)
        if as_json:
            _show.print_json(_lab.plain(results))
            return
        console = _show.console()
        for table in _lab.tables(results):
            console.print(table, "")
        console.print(f"{len(results['pictures'])} pictures and lab.json in {out}")


@app.command(epilog=GALLERY_NOTES)
def gallery(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME",
            help="Some of the examples; all of them if none is named.",
            autocompletion=_complete_example,
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where the page and pictures go.")
    ] = Path("gallery"),
    jobs: Annotated[
        int, typer.Option(min=1, metavar="N", help="Examples that run at one time.")
    ] = 1,
    limit: Annotated[
        float,
        typer.Option(
            min=1.0, metavar="SECONDS", help="Time after which an example is ended."
        ),
    ] = 600.0,
    as_json: _Json = False,
    debug: _Debug = False,
) -> None:
    """Run the examples, and leave a page of their pictures, errors and times."""
    with one_line_errors(debug, _error_as_json if as_json else None):
        from ._cli import _gallery, _gallery_show

        outcomes, interrupted = _gallery_show.run_gallery(
            _gallery.chosen(names or []),
            out,
            jobs=jobs,
            limit_s=limit,
            talk=not as_json,
        )
        if as_json:
            page = str(out / "index.html") if outcomes else None
            rows = [outcome.as_dict() for outcome in outcomes]
            _show.print_json({"page": page, "examples": rows})
        elif outcomes:
            _show.console().print(_gallery_show.table(outcomes))
            print(f"\n{out / 'index.html'}")
        if interrupted:
            raise KeyboardInterrupt("interrupted; the page holds what was done.")
    if not all(outcome.ok for outcome in outcomes):
        raise typer.Exit(FAILED)


def _load(name: str, settings: list[str] | None) -> tuple[Any, Any]:
    from ._cli._load import load_problem, parse_settings

    return load_problem(name, parse_settings(settings or []))


def _solve(
    problem: Any,
    method: Any,
    *,
    resume: Path | None,
    seed: int,
    talk: bool,
    quiet: bool,
    **options: Any,
) -> Any:
    """Solve, with the pre-flight table before the work where it is wanted."""
    import jax

    from ._preflight import PreflightError
    from ._solve import resume as resume_problem, solve as solve_problem

    shown: list[Any] = []

    def show(record: Mapping[str, Any]) -> None:
        if talk and "preflight" in record and not shown:
            shown.append(record)
            _show.console().print(_show.preflight_table(record["preflight"]))

    watch: Any = {"callbacks": (show,), "progress": False if quiet else None}
    try:
        if resume is not None:
            solution = resume_problem(resume, problem, None, method, **watch)
        else:
            key = jax.random.key(seed)
            solution = solve_problem(problem, None, method, key=key, **options, **watch)
    except PreflightError as error:
        show({"preflight": error.report})
        raise
    show({"preflight": solution.report.preflight})
    return solution


def _alone(option: str, **others: Any) -> None:
    """Refuse what the checkpoint itself holds."""
    for name, value in others.items():
        if value is not None:
            raise InputError(
                f"`--{name}` cannot go with `{option}`, which takes it from the "
                "checkpoint."
            )


def _compare(solution: Any, reference: Any) -> tuple[Any, str]:
    """The solution with its error against a table, where there is no exact solution."""
    if reference is None or solution.report.relative_l2 is not None:
        return solution, "against the exact solution"
    import numpy as np

    from ._evaluate import evaluated

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


def _stdout_free(wanted: bool) -> Any:
    """What others print goes to standard error where standard output is for JSON."""
    if wanted:
        return contextlib.redirect_stdout(sys.stderr)
    return contextlib.nullcontext()


def _error_as_json(text: str, error: BaseException) -> None:
    from ._preflight import PreflightError

    value: dict[str, Any] = {"error": text}
    if isinstance(error, PreflightError):
        value["preflight"] = error.report.as_dict()
    _show.print_json(value)


def _exit_code(solution: Any) -> int:
    from ._solution import Result

    if solution.result is Result.interrupted:
        return INTERRUPTED
    if solution.report.reached is False or solution.result is Result.diverged:
        return NOT_REACHED
    return SOLVED


def main() -> None:
    """Entry point of the console script."""
    app(prog_name="pinn")
