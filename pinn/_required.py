"""What to write where an argument that has no default is left out."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])


def required(**lines: str) -> Callable[[F], F]:
    """Say by name and example which argument of a function is missing.

    The signature stays what it is, for readers and for type checkers; only Python's own
    `TypeError`, which shows no line to write, is replaced.

    Parameters
    ----------
    **lines
        For each argument that is watched, the sentence to say without it.

    Raises
    ------
    TypeError
        From the function, where one of them is left out.
    """

    def decorate(function: F) -> F:
        by_position = [
            name
            for name, parameter in inspect.signature(function).parameters.items()
            if parameter.kind is not parameter.KEYWORD_ONLY
        ]

        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            given = {*by_position[: len(args)], *kwargs}
            for name, line in lines.items():
                if name not in given:
                    raise TypeError(f"`{name}` is missing: {line}")
            return function(*args, **kwargs)

        return cast(F, called)  # a method stays one, to type checkers too

    return decorate
