"""Which method solves a problem where the user names none, and why."""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import optax

from ._equation import Structure
from ._method import (
    AbstractMethod,
    Evolve,
    FirstOrder,
    LeastSquares,
    LevenbergMarquardt,
)
from ._precision import bits
from ._problem import Problem
from ._residuals import is_linear_capable

# Beyond so many numbers in a readout, or in a field without one, a dense
# factorisation takes minutes.
_LARGE_READOUT, _LARGE_FIELD = 6000, 4000


@dataclass(frozen=True)
class Choice:
    """A method, and why it is the one."""

    method: AbstractMethod
    reason: str = "as asked for"


def choose(
    method: AbstractMethod | None, field: Any, problem: Problem | None = None
) -> Choice:
    """What is known before the equation has been looked at.

    Raises
    ------
    ValueError
        If `method` is no method, or there is nothing in the field to change.
    """
    if method is not None:
        return Choice(_checked(method))
    if field is None and problem is not None and Evolve.marches_waves(problem):
        return Choice(
            Evolve(), "all axes are periodic, and Fourier waves march fast and exactly"
        )
    if field is None or not callable(field):  # which `check_field` refuses
        return Choice(LeastSquares())
    network: Any = field  # any callable
    size = _size(network)
    if size == 0:
        raise ValueError(
            "`field` holds no arrays of numbers, so there is nothing to train; pass a "
            "network such as `pinn.MLP`, or none."
        )
    readout = getattr(field, "readout", None)
    if readout is not None and _size(readout) <= _LARGE_READOUT:
        return Choice(LeastSquares())
    few = size <= _LARGE_FIELD and bits() == 64
    if few and not is_linear_capable(field):
        return Choice(
            LevenbergMarquardt(),
            "the field has no linear last layer `readout`, and few parameters",
        )
    return Choice(
        FirstOrder(optax.adam(1e-3)),
        f"{size} numbers in the field are too many for a factorisation"
        if size > _LARGE_FIELD
        else "the field has no `readout`, and numbers have 32 bits",
    )


def settled(choice: Choice, structure: Structure) -> Choice:
    """The same when it is known whether the equation is nonlinear."""
    if not isinstance(choice.method, LeastSquares):
        return choice
    if structure.affine:
        reason = "the residual is affine, so the readout is a linear problem"
    else:
        reason = "the residual is nonlinear: Gauss-Newton steps for the readout"
    return Choice(choice.method, reason)


def _checked(method: Any) -> AbstractMethod:
    if isinstance(method, type) and issubclass(method, AbstractMethod):
        raise ValueError(
            f"`method` takes an instance, `pinn.{method.__name__}(...)`; got the class."
        )
    if not isinstance(method, AbstractMethod):
        raise ValueError(
            f"`method` takes a method such as `pinn.LeastSquares()`; got {method!r}."
        )
    return method


def _size(tree: Any) -> int:
    return sum(a.size for a in jax.tree.leaves(eqx.filter(tree, eqx.is_inexact_array)))
