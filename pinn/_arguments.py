"""Checks of what `solve` is given, before anything is compiled."""

from typing import Any

from ._checks import check_key as check_key, is_number, is_typed as is_typed
from ._precision import Precision, bits, turn_on

# The least relative error that can be told from rounding, about 100 units of it.
_REACHABLE = {32: 1e-05, 64: 1e-14}


def check_tolerance(tol: Any, precision: Precision) -> None:
    if tol is None:
        return
    if not is_number(tol) or not 0 < tol < 1:
        raise ValueError(f"`tol` takes a number between 0 and 1; got {tol!r}.")
    if precision == 32 and tol < _REACHABLE[32]:
        way_out = turn_on() if bits() == 32 else "Leave `precision` = 32 out."
        raise ValueError(
            f"`tol`={tol:g} needs 64-bit numbers; in 32 bit at least {_REACHABLE[32]} "
            f"can be reached. {way_out}"
        )
    if tol < _REACHABLE[64]:
        raise ValueError(
            f"`tol`={tol:g} is below what 64-bit numbers can tell; at least "
            f"{_REACHABLE[64]} can be reached."
        )
