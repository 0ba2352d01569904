"""`pinn list`: the catalogue of problems."""

from .. import _show
from .._parameters import Json


def list_problems(as_json: Json = False) -> None:
    """List the problems of the catalogue and their options."""
    if as_json:
        _show.print_json(_show.problems_list())
    else:
        _show.console().print(_show.problems_table())
