"""Which method solves a problem where the user names none, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ._condition import Initial, RowInput
from ._equation import Structure, TermJet, ravelled
from ._host import Hosted
from ._method import (
    AbstractMethod,
    Evolve,
    FirstOrder,
    LeastSquares,
    LevenbergMarquardt,
)
from ._points import Points
from ._precision import bits
from ._problem import Problem, Term
from ._rate import Rate, rate_of
from ._residuals import is_linear_capable, trainable_size

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
    if isinstance(field, type):
        raise ValueError(
            f"`field` takes an instance, `{field.__name__}(...)`; got the class."
        )
    size = trainable_size(network)
    if size == 0:
        raise ValueError(
            "`field` holds no arrays of numbers, so there is nothing to train; pass a "
            "network such as `pinn.MLP`, or none."
        )
    readout = getattr(field, "readout", None)
    if readout is not None and trainable_size(readout) <= _LARGE_READOUT:
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


# Conditions that a march can build into its features.
_BUILT_IN = {"initial", "dirichlet", "neumann", "periodic"}
# Beyond so many dimensions a march has not been measured to be better.
_MARCHED = 2
_PROBES, _AGREE = 64, 1e-6


def marching(
    choice: Choice,
    problem: Problem,
    shape: tuple[int, ...],
    jets: Mapping[str, TermJet],
    points: Points,
) -> Choice:
    """A march in time where it was measured to be better than space and time at once,
    for a problem whose method and field are left to us."""
    kinds = {condition.kind for condition in problem.conditions}
    if problem.time is None or problem.in_size != 1 + problem.domain.dim:
        return choice
    if "initial" not in kinds or not kinds <= _BUILT_IN:
        return choice
    if problem.domain.dim > _MARCHED or not isinstance(choice.method, LeastSquares):
        return choice
    try:
        reason = _marched_for(problem, shape, jets["equation"], points)
        if reason is None:
            return choice
        rate_of(problem, shape)
    except ValueError:  # it cannot be solved for the rate
        return choice
    return Choice(Evolve(), reason)


def _marched_for(
    problem: Problem, shape: tuple[int, ...], equation: TermJet, points: Points
) -> str | None:
    in_time, in_space = equation.orders
    if not equation.affine:
        return "a nonlinear evolution, marched in time"
    if in_time == 2:
        return "an evolution of second order in time, marched"
    if in_space < 2 or not _damps(problem, shape, in_space, points):
        return "an evolution that carries its data along, marched in time"
    if _disagree(problem, shape, points):
        return "initial data that disagrees with a condition: marched in time"
    return None


def _damps(
    problem: Problem, shape: tuple[int, ...], order: int, points: Points
) -> bool:
    r"""Whether the highest derivatives in space damp waves anywhere.

    $u_t = A\,\partial^m u$ takes $e^{ikx}$ to $e^{ikx + t (ik)^m A}$: it is damped
    where an eigenvalue of $i^m A$ has a negative real part. Those of Schrödinger's
    equation are imaginary.
    """
    if shape == () and order % 2 == 0:  # a number that is real, and of the right sign
        return True
    rate, rows = rate_of(problem, shape), _few(points["equation"])
    for axis in range(problem.domain.dim):
        index = (axis,) * order
        if index in rate.indices[0]:
            factors = np.asarray(_leading(rate, index, rows)) * 1j**order
            real = np.linalg.eigvals(factors).real
            if np.min(real) < -_AGREE * np.max(np.abs(factors)):
                return True
    return False


@Hosted
def _leading(rate: Rate, index: Any, rows: RowInput) -> Any:
    """The derivatives of the rate in one derivative of the field, ``(n, d, d)``."""
    zero = jnp.zeros(rate.shape)

    def at(t, x):
        def with_leading(a):
            jets = dict.fromkeys(rate.indices[0], zero) | {index: a}
            return rate(t, x, [jets])

        derivative = jax.jacfwd(with_leading)(zero)
        return jnp.reshape(derivative, (max(1, zero.size), -1))

    return jax.vmap(at)(*rows.arguments)


def _disagree(problem: Problem, shape: tuple[int, ...], points: Points) -> bool:
    """Whether the initial data violates a condition on the boundary."""
    assert problem.time is not None
    terms = list(zip(problem.terms[1:], problem.conditions, strict=True))
    starts = [term for term, condition in terms if isinstance(condition, Initial)]
    whole = all(getattr(c, "component", None) is None for c in problem.conditions)
    if len(starts) > 1 or not whole:
        return False
    inside = _few(points[starts[0].name])
    for term, condition in terms:
        if condition.kind in ("dirichlet", "neumann"):
            rows = _few(points[term.name])
            t = np.full_like(rows.arguments[0], problem.time[0])
            rows = rows._replace(arguments=(t, *rows.arguments[1:]))
            gap, size = _gap(term, starts[0], rows, inside, shape)
            if not np.abs(gap).max() <= _AGREE * size.max():
                return True
    return False


def _few(rows: RowInput) -> RowInput:
    return jax.tree.map(lambda a: np.asarray(a)[:_PROBES], rows)


@Hosted
def _gap(
    term: Term, start: Term, rows: RowInput, inside: RowInput, shape: tuple[int, ...]
) -> Any:
    """A condition's residual of the initial data, and the sizes of both."""
    zero = lambda *arguments: jnp.zeros(shape)

    def data(t, x):
        return jnp.reshape(-ravelled(start, zero, RowInput((t, x))), shape)

    gap = jax.vmap(lambda row: ravelled(term, data, row))(rows)
    given = jax.vmap(lambda row: ravelled(term, zero, row))(rows)
    values = jax.vmap(lambda row: ravelled(start, zero, row))(inside)
    return gap, jnp.abs(jnp.concatenate([given.ravel(), values.ravel()]))


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
