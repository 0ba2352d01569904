"""Checks of the options of the catalogue's problems."""

import math
from typing import Any

from .._checks import is_number, is_whole


def check_number(
    problem: str, name: str, value: Any, *, positive: bool = False
) -> None:
    if not is_number(value) or not math.isfinite(value) or (positive and value <= 0):
        kind = "a positive number" if positive else "a finite number"
        raise ValueError(f"`{name}` of `{problem}` takes {kind}; got {value!r}.")


def check_integer(problem: str, name: str, value: Any) -> None:
    if not is_whole(value) or value < 1:
        raise ValueError(
            f"`{name}` of `{problem}` takes a positive integer; got {value!r}."
        )
