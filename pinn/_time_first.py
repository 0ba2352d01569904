"""Time comes first: what is said where the arguments ``u(t, x)`` are swapped."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp


def swapped(arguments: tuple[Any, ...]) -> bool:
    """Whether a point of space stands where a time belongs, and a number behind it."""
    shapes = [jnp.shape(a) for a in arguments]
    return len(shapes) == 2 and len(shapes[0]) == 1 and shapes[1] == ()


def check_order(call: str, arguments: tuple[Any, ...]) -> None:
    """Raise `ValueError` where the time does not come first."""
    if swapped(arguments):
        raise ValueError(
            f"`{call}` takes the time first, `{call}(t, x)`; got the point of space, "
            f"of shape {jnp.shape(arguments[0])}, before the time."
        )


def check_names(what: str, names: list[str]) -> None:
    """The same for the parameters of a function, which are called by position."""
    if names[-2:] == ["x", "t"]:
        right = ", ".join([*names[:-2], "t", "x"])
        raise ValueError(
            f"{what} takes the time first; got a function of ({', '.join(names)}). "
            f"Write ({right}), and `u(t, x)` inside."
        )


class TimeFirst(eqx.Module):
    """A field that refuses to be called with space before time.

    A network joins its arguments to one array, and in one dimension would take the
    coordinate for the time without a word.
    """

    field: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Any:
        check_order("u", arguments)
        return self.field(*arguments)
