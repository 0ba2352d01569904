"""The terminal: `pinn solve`, `pinn check`, `pinn list` and the others."""

from typing import Annotated

import typer

from ._cli import _command
from ._cli._help import EXAMPLES, GALLERY_NOTES, HELP, SOLVE_NOTES
from ._cli._parameters import FLAG
from ._version import __version__

app = typer.Typer(
    name="pinn",
    help=HELP,
    epilog=EXAMPLES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", metavar=FLAG, help="Print the version.", is_eager=True
        ),
    ] = False,
) -> None:
    if version:
        print(f"pinn {__version__}")
        raise typer.Exit


app.command("solve", epilog=SOLVE_NOTES)(_command.solve)
app.command("check")(_command.check)
app.command("list")(_command.list_problems)
app.command("activations")(_command.show_activations)
app.command("lab")(_command.laboratory)
app.command("gallery", epilog=GALLERY_NOTES)(_command.gallery)


def main() -> None:
    """Entry point of the console script."""
    app(prog_name="pinn")
