r"""Whether initial data and boundary data go together, and data across a seam.

Where the boundary meets the initial time the solution is smooth only if the data are
compatible: the values agree, $u_0(x) = g(t_0, x)$, and so do the rates that the
equation and the boundary data give. Whether they do is seen without solving for the
rate: the field $u_0(y) + (t - t_0)\, \partial_t g(t_0, x)$ satisfies the equation at
the corner.
"""

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._condition import Dirichlet, Initial, RowInput
from .._equation import TermJet, ravelled
from .._host import Hosted
from .._points import Points
from .._problem import Problem
from .._seam import HIGHEST, seams
from ._conditions import GAP, point_text
from ._report import Finding

# A misfit of the equation at the corner below this share of its size is none.
_MISFIT = 1e-4
_POINTS = 64


def corner_findings(
    problem: Problem,
    shape: tuple[int, ...],
    jets: Mapping[str, TermJet],
    points: Points,
) -> list[Finding]:
    """Whether initial and Dirichlet data agree where they meet, and their rates."""
    if problem.time is None or jets["equation"].orders[0] not in (1, 2):
        return []
    initial = [c for c in problem.conditions if isinstance(c, Initial)]
    if not _complete(initial, shape):
        return []
    jumps, misfits, severity = [], [], "ok"
    order = jets["equation"].orders[0]
    for term, condition in zip(problem.terms[1:], problem.conditions, strict=True):
        if not isinstance(condition, Dirichlet):
            continue
        x = np.asarray(points[term.name].arguments[-1])
        x = np.unique(x, axis=0)[:_POINTS] if problem.domain.dim == 1 else x[:_POINTS]
        start = np.asarray(problem.time[0], x.dtype)
        data = (tuple(initial), condition, shape, start)
        duration = (problem.time[1] - problem.time[0]) / np.pi
        values, rates, given = _sizes(*data[:-1], points["equation"], points[term.name])
        size = max(
            float(np.nanmax(np.abs(a), initial=0.0))
            for a in (values, duration * rates, given)
        )
        corners = _corners(problem.equation, *data, x, order)
        gap, rate_gap, misfit = (np.nan_to_num(np.asarray(a)) for a in corners)
        worst = int(np.argmax(gap))
        if gap[worst] > GAP * size:
            severity = "warning"
            place = point_text((start, x[worst]))
            jumps.append(f"by {gap[worst]:.3g} from `{term.name}` at {place}")
            continue
        # Both as shares of what they would be for a field of this size.
        scale = float(np.max(jets["equation"].scale))
        misfit = np.maximum(misfit / scale, duration * rate_gap) if scale else gap
        worst = int(np.argmax(misfit))
        if misfit[worst] > _MISFIT * size:
            share = misfit[worst] / max(size, misfit[worst])
            place = point_text((start, x[worst]))
            misfits.append(f"`{term.name}` at {place} ({share:.2g} of its size)")
    if not jumps and not misfits:
        return []
    texts = []
    if jumps:
        texts.append(
            f"the initial value differs {'; '.join(jumps)}: the solution jumps in that "
            "corner, and is smooth soon after where there is diffusion"
        )
    if misfits:
        texts.append(
            f"the equation does not hold in the corner with the data of "
            f"{'; '.join(misfits)}: a derivative of the solution jumps there"
        )
    return [
        Finding(
            "incompatible-corner",
            severity,  # type: ignore[arg-type]
            "; ".join(texts) + ".",
            "Make the data agree where they meet, or expect the error near the corner "
            "to fall slowly.",
        )
    ]


def seam_findings(problem: Problem, shape: tuple[int, ...]) -> list[Finding]:
    """What the data does across the seams of periodic conditions."""
    texts, severity = [], "ok"
    for seam in seams(problem, shape):
        name = f"`{seam.name}` (axis {seam.axis})"
        if seam.smooth:
            texts.append(
                f"the data is smooth across the seam of {name}, up to derivatives of "
                f"order {HIGHEST}, so waves with its period are features"
            )
            continue
        what = (
            "is discontinuous"
            if seam.order == 0
            else f"has a jump of its derivative of order {seam.order}"
        )
        if seam.order == 0:
            severity = "warning"
        texts.append(
            f"{seam.what} {what} across the seam of {name} ({seam.jump:.2g} of its "
            "size), so the condition is imposed and not built into features"
        )
    if not texts:
        return []
    return [
        Finding(
            "periodic-seam",
            severity,  # type: ignore[arg-type]
            "; ".join(texts) + ".",
            ""
            if severity == "ok"
            else "Check that the data has the period of the box.",
        )
    ]


def _complete(initial: list[Initial], shape: tuple[int, ...]) -> bool:
    """Whether every component of the field has one initial value."""
    if len(initial) == 1 and initial[0].component is None:
        return True
    given = sorted(-1 if c.component is None else c.component for c in initial)
    return given == list(range(math.prod(shape)))


def _initial(conditions: Any, name: str, shape: tuple[int, ...]) -> Any:
    """The initial value or rate as a function of space."""

    def u0(x):
        zero = lambda *_: jnp.zeros(shape, x.dtype)
        result = jnp.zeros(shape, x.dtype)
        for one in conditions:
            given = one.residual(zero, RowInput((jnp.zeros((), x.dtype), x)))
            parts = given if isinstance(given, dict) else {"value": given}
            if name in parts:
                part = -parts[name]
                whole = one.component is None
                result = part if whole else result.at[one.component].set(part)
        return result

    return u0


def _boundary(condition: Any, shape: tuple[int, ...]) -> Any:
    """The value of a Dirichlet condition as a function of all arguments."""
    return lambda t, x: (
        -condition.residual(lambda *_: jnp.zeros(shape, x.dtype), RowInput((t, x)))
    )


@Hosted
def _sizes(initial, condition, shape, inside, edge):
    u0, v0 = (_initial(initial, name, shape) for name in ("value", "rate"))
    x = inside.arguments[-1]
    given = jax.vmap(_boundary(condition, shape))(*edge.arguments)
    return jax.vmap(u0)(x), jax.vmap(v0)(x), given


@Hosted
def _corners(equation, initial, condition, shape, start, x, order):
    """Gaps of the values and of the rates, and misfits of the equation."""
    u0, v0 = (_initial(initial, name, shape) for name in ("value", "rate"))
    g, component = _boundary(condition, shape), condition.component
    own = lambda a: a if component is None else a[component]
    worst = lambda a: jnp.max(jnp.abs(a))

    def at(y):
        slope = lambda f: lambda t: jax.jvp(f, (t,), (jnp.ones_like(t),))[1]
        rates = [lambda t: g(t, y)]
        for _ in range(order):
            rates.append(slope(rates[-1]))
        gap = worst(own(u0(y)) - rates[0](start))
        rate_gap = jnp.zeros_like(gap)
        if order == 2:
            rate_gap = worst(own(v0(y)) - rates[1](start))
        if component is not None:
            # The equation asks for rates of components that the boundary is silent on.
            return gap, rate_gap, jnp.zeros_like(gap)
        top = rates[order](start)

        def field(t, z):
            linear = u0(z) if order == 1 else u0(z) + (t - start) * v0(z)
            return linear + (t - start) ** order / order * top

        misfit = worst(ravelled(equation, field, RowInput((start, y))))
        return gap, rate_gap, misfit

    return jax.vmap(at)(x)
