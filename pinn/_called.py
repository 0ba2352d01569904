"""How the user's functions call the field: time first, and one point."""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp


def check_order(call: str, arguments: tuple[Any, ...]) -> None:
    """Raise `ValueError` where space comes before time.

    That is, where an array of one axis stands in the place of the time, and a number
    behind it.
    """
    shapes = [jnp.shape(a) for a in arguments]
    if len(shapes) == 2 and len(shapes[0]) == 1 and shapes[1] == ():
        raise ValueError(
            f"`{call}` takes the time first, `{call}(t, x)`; got the point of space, "
            f"of shape {shapes[0]}, before the time."
        )


def check_names(what: str, names: list[str]) -> None:
    """The same for the parameters of a function, which are given by position."""
    if names[-2:] == ["x", "t"]:
        right = ", ".join([*names[:-2], "t", "x"])
        raise ValueError(
            f"{what} takes the time first; got a function of ({', '.join(names)}). "
            f"Write ({right}), and `u(t, x)` inside."
        )


class Called(eqx.Module):
    """A field that refuses to be called with anything but one point of its problem.

    A network joins its arguments to one array, and in one dimension would take the
    coordinate for the time without a word.

    Parameters
    ----------
    field
        The field.
    shapes
        Of its arguments at one point, ``((), (dim,))`` for ``u(t, x)``.
    """

    field: Callable[..., Any]
    shapes: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    def __call__(self, *arguments: Any) -> Any:
        check_order("u", arguments)
        sizes = [math.prod(jnp.shape(a)) for a in arguments]
        if sum(sizes) != sum(map(math.prod, self.shapes)):
            letters = ", ".join(("t", "x")[-len(self.shapes) :])
            got = ", ".join(str(jnp.shape(a)) for a in arguments) or "nothing"
            raise ValueError(
                f"`u` is called as `u({letters})` at one point, with shapes "
                f"{', '.join(map(str, self.shapes))}; got {got}. For many points use "
                "`jax.vmap(u)`."
            )
        return self.field(*arguments)
