"""Points to look at where none are given."""

from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import PRNGKeyArray

from .._domain import AbstractPart
from .._host_draw import first_key, on_host
from .._points import FRESH, Points, PointSource
from .._problem import Problem

_POINTS = 500  # for the equation


def draw(problem: Problem, key: PRNGKeyArray) -> Points:
    """Some row inputs of every term, evenly spread."""
    source = PointSource(problem, None, key=key)
    return source.draw(source.counts(_POINTS), FRESH)


def rows_of_part(part: AbstractPart, n: int) -> np.ndarray:
    """Points of a part of the boundary, evenly spread."""
    return on_host(_Places(part), part.cube_dim, n, key=first_key())


class _Places(eqx.Module):
    """`place` of a part without its normals, as `on_host` takes it."""

    part: AbstractPart

    def __call__(self, cube: Any) -> Any:
        points, _, keep = self.part.place(cube)
        return points, keep
