"""Finding activations by name."""

import difflib
import functools
from collections.abc import Callable
from typing import Any

from ._entry import Entry
from ._rows_families import rows as rows_families
from ._rows_fixed import rows as rows_fixed


@functools.cache
def catalogue() -> tuple[Entry, ...]:
    """Every activation of `pinn`, with what is known of it.

    Returns
    -------
    Rows with the attributes `name`, `formula`, `smoothness`, `trainable`, `source`,
    `kinks`, `vanishes_from`, `init`, `moments` and `gain`: see `Entry`.

    Examples
    --------
    >>> row = next(e for e in pinn.activations.catalogue() if e.name == "relu")
    >>> row.smoothness, row.trainable
    (0, False)
    """
    return (*rows_fixed(), *rows_families())


def get(name: str, **parameters: Any) -> Callable[..., Any]:
    """An activation by its name, as in ``get("snake")`` or ``get("snake", a=5.0)``.

    Parameters
    ----------
    name
        A `name` of the `catalogue`.
    **parameters
        Passed on to activations with parameters, in place of the defaults.

    Raises
    ------
    ValueError
        If there is no such name, or the activation takes no such parameter.

    Examples
    --------
    >>> snake = pinn.activations.get("snake")
    >>> float(snake(jnp.array(0.0)))
    0.0
    """
    rows = {row.name: row for row in catalogue()}
    if name not in rows:
        near = difflib.get_close_matches(str(name), rows, n=3, cutoff=0.5)
        raise ValueError(
            f"`name` must be one of {', '.join(near or list(rows)[:3])}, ... "
            f"({len(rows)} in all, `pinn.activations.catalogue()`); got {name!r}."
        )
    try:
        return rows[name].make(**parameters)
    except TypeError as error:
        if not parameters:
            raise
        raise ValueError(
            f"`{name}` does not take the parameters {', '.join(parameters)}: {error}."
        ) from error
