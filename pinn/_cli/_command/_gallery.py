"""`pinn gallery`: run the examples, and leave a page of their pictures."""

from pathlib import Path
from typing import Annotated

import typer

from .. import _gallery, _gallery_show, _show
from .._errors import FAILED, one_line_errors
from .._help import FILES
from .._parameters import Debug, Json, complete_example, flag


def gallery(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME",
            help="Some of the examples; all of them if none is named.",
            autocompletion=complete_example,
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            rich_help_panel=FILES,
            metavar="FOLDER",
            help="Where the page and pictures go.",
        ),
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
    force: Annotated[
        bool,
        flag("--force", FILES, "Write into a folder that holds other files."),
    ] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Run the examples, and leave a page of their pictures, errors and times."""
    with one_line_errors(debug, as_json):
        outcomes, interrupted = _gallery_show.run_gallery(
            _gallery.chosen(names or []),
            out,
            jobs=jobs,
            limit_s=limit,
            talk=not as_json,
            force=force,
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
