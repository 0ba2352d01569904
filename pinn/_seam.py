r"""How smoothly the data of a problem goes on across a periodic seam.

Looked at are the initial data and the equation. The latter is handed a plane wave that
moves along with the point, so that its local jet stays the same; what changes along the
axis is then the coefficients and the source. The derivatives along the axis of both are
compared at partner points.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._condition import Initial, RowInput
from ._host import Hosted
from ._operators._seed import taylor
from ._periodic import Periodic
from ._problem import Problem

HIGHEST = 4
_POINTS = 8


@dataclass(frozen=True)
class Seam:
    """The data of a problem across one seam.

    Attributes
    ----------
    name
        Of the periodic condition.
    axis
        The axis that crosses it.
    order
        Of the lowest derivative along the axis that jumps, ``None`` if none does up to
        the order `HIGHEST`: 0 for data that is discontinuous, 1 for a kink.
    what
        Which data that is.
    jump
        The largest jump of that derivative, in the width of the box over π, relative
        to the size of the data.
    """

    name: str
    axis: int
    order: int | None
    what: str
    jump: float

    @property
    def smooth(self) -> bool:
        return self.order is None


def seams(problem: Problem, shape: tuple[int, ...]) -> tuple[Seam, ...]:
    """What the data does at each periodic seam."""
    found = []
    for condition, term in zip(problem.conditions, problem.terms[1:], strict=True):
        if not isinstance(condition, Periodic):
            continue
        rows = jax.tree.map(np.asarray, _rows_on(problem, condition))
        lower, upper = problem.bounds
        slow = np.cos(np.arange(1.0, len(lower) + 1)) * np.pi / (upper - lower)
        equation = (problem.residual, slow.astype(rows.arguments[-1].dtype))
        both = _derivatives(_of_equation, equation, shape, rows, condition.axis)
        jumps = {"the equation": _relative(both)}
        for other in problem.conditions:
            if isinstance(other, Initial):
                given = _derivatives(_of_initial, other, shape, rows, condition.axis)
                jumps["the initial data"] = _relative(given)
        lowest: tuple[int | None, str, float] = (None, "", 0.0)
        tiny = 1e-8 if rows.arguments[-1].dtype == np.float64 else 1e-3
        for what, sizes in jumps.items():
            for k, size in enumerate(sizes):
                if size > tiny and (lowest[0] is None or k < lowest[0]):
                    lowest = (k, what, float(size))
        found.append(Seam(term.name, condition.axis, *lowest))
    return tuple(found)


def periodic_axes(problem: Problem, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of space that features may be periodic along: those with a periodic
    condition for all components, and data that is smooth across the seam."""
    whole = {
        condition.axis
        for condition in problem.conditions
        if isinstance(condition, Periodic) and condition.component is None
    }
    if not whole:
        return ()
    smooth = {seam.axis for seam in seams(problem, shape) if seam.smooth}
    return tuple(sorted(whole & smooth))


def _rows_on(problem: Problem, condition: Periodic) -> RowInput:
    """Random points of the lower face and their partners, with times inside."""
    rng = np.random.default_rng(0)
    dtype = jnp.result_type(float)
    lower, upper = (np.asarray(b, float) for b in problem.domain.bounds)
    x = lower + rng.uniform(0.1, 0.9, (_POINTS, len(lower))) * (upper - lower)
    there = x.copy()
    x[:, condition.axis] = lower[condition.axis]
    there[:, condition.axis] = upper[condition.axis]
    times: tuple[Any, ...] = ()
    if problem.time is not None:
        start, stop = problem.time
        times = ((start + (stop - start) * rng.uniform(size=_POINTS)).astype(dtype),)
    arguments: Any = (*times, x.astype(dtype))
    partner: Any = there.astype(dtype)
    return RowInput(arguments, None, partner)


def _relative(both: Any) -> np.ndarray:
    """Jumps of each derivative over the size of the data, ``(orders,)``."""
    here, there = (np.asarray(a) for a in both)
    axes = tuple(range(1, here.ndim))
    known = np.isfinite(here) & np.isfinite(there)
    jump = np.where(known, np.abs(here - there), 0.0).max(axis=axes)
    size = np.where(known, np.maximum(np.abs(here), np.abs(there)), 0.0).max()
    return jump / size if size > 0 else jump


@Hosted
def _derivatives(of, what, shape, rows, axis):
    """Derivatives of data along an axis at points and partners, ``(order, n, k)``."""
    width = jnp.abs(rows.partner - rows.arguments[-1])[0, axis] / np.pi

    def at(times, x):
        way = jnp.zeros_like(x).at[axis].set(width)
        jet = taylor(lambda x: of(what, shape, times, x), (x,), (way,), HIGHEST)
        return jnp.stack([jet.value, *(c[0] for c in jet.coefficients)])

    *times, x = rows.arguments
    many = jax.vmap(at, out_axes=1)
    return many(tuple(times), x), many(tuple(times), rows.partner)


def _of_equation(equation, shape, times, x):
    residual, slow = equation
    phases = np.arange(1.0, int(np.prod(shape)) + 1).reshape(shape)
    point = (*times, x)

    def u(*where):
        away = [jnp.ravel(a) - jnp.ravel(b) for a, b in zip(where, point, strict=True)]
        s = jnp.concatenate(away) @ slow
        return jnp.sin(s + jnp.asarray(phases, x.dtype))

    leaves = jax.tree.leaves(residual(u, *point))
    return jnp.concatenate([jnp.ravel(jnp.asarray(leaf)) for leaf in leaves])


def _of_initial(condition, shape, times, x):
    zero = lambda *arguments: jnp.zeros(shape, x.dtype)
    residual = condition.residual(zero, RowInput((*times, x)))
    return jnp.concatenate([jnp.ravel(leaf) for leaf in jax.tree.leaves(residual)])
