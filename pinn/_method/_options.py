"""What the methods check of their options, and of the program."""

from typing import Any

from .._precision import bits, turn_on


def needs_64_bit(name: str) -> None:
    """Raise `ValueError` in 32-bit arithmetic, with the line that ends it."""
    if bits() == 32:
        raise ValueError(
            f"`{name}` needs 64-bit numbers; leave `precision` = 32 out, or use "
            f"`pinn.FirstOrder(optax.adam(1e-3))`. {turn_on()}"
        )


def check_draws(resample: int, sampler: Any) -> None:
    """Raise `ValueError` if points that change are never drawn."""
    if sampler is not None and resample == 0:
        raise ValueError(
            f"`points` = {type(sampler).__name__} draws points every `resample` steps "
            "of the method, and its `resample` is 0; give it a number of steps."
        )


def refuse_per_point(method: Any, balance: Any) -> None:
    """Raise `ValueError` if weights would change at each step."""
    if balance is not None and balance.per_point:
        raise ValueError(
            f"`weighting` = {type(balance).__name__} changes its weights at each step, "
            f"and `{type(method).__name__}` needs them to stay between two draws of "
            "points; use `pinn.FirstOrder(optax.adam(1e-3), resample=0)`, or "
            "`pinn.weighting.GradientNorm()`."
        )
