"""The catalogue of problems, one equation a file."""

import inspect
from collections.abc import Callable
from typing import Any

from .._checks import nearest as nearest
from .._problem import Problem
from ._advection import advection as advection
from ._allen_cahn import (
    allen_cahn as allen_cahn,
    allen_cahn_reference as allen_cahn_reference,
)
from ._burgers import burgers as burgers
from ._heat import heat as heat
from ._korteweg_de_vries import (
    korteweg_de_vries as korteweg_de_vries,
    korteweg_de_vries_reference as korteweg_de_vries_reference,
)
from ._kuramoto_sivashinsky import (
    kuramoto_sivashinsky as kuramoto_sivashinsky,
    kuramoto_sivashinsky_reference as kuramoto_sivashinsky_reference,
)
from ._poisson import poisson as poisson
from ._poisson_holes import (
    poisson_holes as poisson_holes,
    poisson_holes_reference as poisson_holes_reference,
)
from ._wave import wave as wave

_CATALOGUE: dict[str, Callable[..., Problem]] = {
    "poisson": poisson,
    "heat": heat,
    "poisson-holes": poisson_holes,
    "wave": wave,
    "burgers": burgers,
    "advection": advection,
    "allen-cahn": allen_cahn,
    "korteweg-de-vries": korteweg_de_vries,
    "kuramoto-sivashinsky": kuramoto_sivashinsky,
}

_REFERENCES: dict[str, Callable[[], tuple[Any, Any]]] = {
    "poisson-holes": poisson_holes_reference,
    "allen-cahn": allen_cahn_reference,
    "korteweg-de-vries": korteweg_de_vries_reference,
    "kuramoto-sivashinsky": kuramoto_sivashinsky_reference,
}


def names() -> tuple[str, ...]:
    """The names that `get` takes."""
    return tuple(_CATALOGUE)


def describe(name: str) -> str:
    """One sentence on a problem of the catalogue."""
    text = inspect.getdoc(_find(name)) or ""
    return text.split("\n")[0]


def options(name: str) -> dict[str, Any]:
    """The options of a problem of the catalogue, with their defaults."""
    parameters = inspect.signature(_find(name)).parameters
    return {key: p.default for key, p in parameters.items()}


def get(name: str, **arguments: Any) -> Problem:
    """A problem of the catalogue by its name.

    Parameters
    ----------
    name
        One of `names()`.
    **arguments
        Options of the problem, such as ``frequency=4``.

    Raises
    ------
    ValueError
        If there is no such problem or option.

    Examples
    --------
    >>> problem = pinn.problems.get("poisson", dim=3)
    >>> problem.in_size
    3
    """
    known = options(name)
    for option in arguments:
        if option not in known:
            raise ValueError(
                f"`{name}` has no option {option!r}; it has "
                f"{', '.join(known) or 'none'}.{nearest(option, known)}"
            )
    return _find(name)(**arguments)


def reference(name: str) -> tuple[Any, Any] | None:
    """Points and values to compare with, where a problem has no closed form."""
    make = _REFERENCES.get(_key(name))
    return None if make is None else make()


def _key(name: str) -> str:
    return name.replace("_", "-")


def _find(name: str) -> Callable[..., Problem]:
    if _key(name) not in _CATALOGUE:
        raise ValueError(
            f"there is no problem {name!r}; there are {', '.join(_CATALOGUE)}."
            f"{nearest(_key(name), _CATALOGUE)}"
        )
    return _CATALOGUE[_key(name)]
