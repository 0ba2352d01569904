"""Checks that many arguments need."""

from typing import Any


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def check_whole(thing: Any, **least: int) -> None:
    """Raise `ValueError` where an option is no integer, or less than its bound."""
    for name, bound in least.items():
        value = getattr(thing, name)
        if not is_whole(value) or value < bound:
            raise ValueError(
                f"`{name}` takes an integer of at least {bound}; got {value!r}."
            )
