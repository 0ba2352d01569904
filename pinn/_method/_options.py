"""What the methods check of their options, and of the program."""

from typing import Any

from .._checks import is_whole
from .._precision import bits, turn_on


def check_whole(method: Any, **least: int) -> None:
    """Raise `ValueError` where an option is no integer, or less than its bound."""
    for name, bound in least.items():
        value = getattr(method, name)
        if not is_whole(value) or value < bound:
            raise ValueError(
                f"`{name}` takes an integer of at least {bound}; got {value!r}."
            )


def needs_64_bit(name: str) -> None:
    """Raise `ValueError` in 32-bit arithmetic, with the line that ends it."""
    if bits() == 32:
        raise ValueError(
            f"`{name}` needs 64-bit numbers; leave `precision` = 32 out, or use "
            f"`pinn.FirstOrder(optax.adam(1e-3))`. {turn_on()}"
        )
