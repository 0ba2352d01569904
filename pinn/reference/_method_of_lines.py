"""The method of lines for any evolution equation on a box."""

import dataclasses
import math
import warnings
from collections.abc import Sequence
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._compiled import Compiled
from .._domain import AbstractBox
from .._periodic import Periodic
from .._precision import bits, turn_on
from .._problem import Problem
from .._rate import Rate, rate_of
from ..metrics import relative_l2
from ._axis import AbstractAxis, Chebyshev, Differences, Fourier, stencil_width
from ._boundary import ends_of
from ._finite_elements import FiniteElements, finite_elements
from ._initial import initial_values
from ._lines import Lines
from ._march import March, march

Order = Literal[2, 4, 6, "spectral"]

_DEFAULT_N = {1: 64, 2: 24, 3: 12}
_ERROR_POINTS = 2000
_COARSER, _COARSER_SPECTRAL = 2 / 3, 0.8  # share of the nodes, to compare with
_STABLE = 3.0  # Tsit5 is stable for steps up to this over the fastest rate, about
_MOST_EXPLICIT = 5000  # steps; if there were more, implicit ones are cheaper
_LOOSER = 30.0  # tolerance of the integrator there, so that its error is seen too


class Reference(eqx.Module):
    """A solution by the method of lines. Call it like a field, ``reference(t, x)``.

    It is interpolated between its nodes by the method that differentiates there, and
    between its steps by polynomials of degree seven. Outside of `time` it is NaN.

    Attributes
    ----------
    n
        Number of nodes along each axis.
    order
        Of the differences, or ``"spectral"``.
    error
        Estimated relative L2 error: the difference from a solution with fewer nodes
        (four fifths of them, two thirds for differences) and a looser tolerance in
        time. It is the error of that solution, so an upper estimate of this one's;
        ``None`` if none was asked for.
    time
        First and last time; the last is that of the problem, unless the integration
        failed.
    steps
        Number of steps in time.
    failure
        Why the integration ended early, ``None`` if it did not.
    axes, march, shape
        The nodes, the values there at every step, and the shape of a value.
    """

    n: tuple[int, ...] = eqx.field(static=True)
    order: Order = eqx.field(static=True)
    error: float | None = eqx.field(static=True)
    failure: str | None = eqx.field(static=True)
    axes: tuple[AbstractAxis, ...]
    march: March
    shape: tuple[int, ...] = eqx.field(static=True)

    def __call__(self, t: Any, x: Any) -> Array:
        return _interpolate(self, jnp.asarray(t, float), jnp.asarray(x, float))

    @property
    def time(self) -> tuple[float, float]:
        return float(self.march.times[0]), float(self.march.times[-1])

    @property
    def steps(self) -> int:
        return len(self.march.times) - 1


def method_of_lines(
    problem: Problem,
    n: int | Sequence[int] | None = None,
    *,
    order: Order = "spectral",
    rtol: float = 1e-10,
    solver: Any = None,
    shape: tuple[int, ...] | None = None,
    estimate: bool = True,
) -> Reference | FiniteElements:
    r"""Solve an evolution equation on a grid, independently of networks and training.

    At every node $x_i$ the derivatives of $u$ in space are combinations of the values
    at the nodes, and the residual, whatever it is, is solved for $u_t$ (or $u_{tt}$):

    $$ F\bigl(t, x_i, u_i, (D u)_i, (D^2 u)_i, \dots, \dot u_i\bigr) = 0 . $$

    The conditions are equations for the values next to the faces, which are solved for
    at each evaluation; the other values are integrated in time by diffrax. On a plane
    domain that is no box, such as a disc or one with holes, it is `finite_elements`.

    Parameters
    ----------
    problem
        An evolution, of first or second order in time, on an `Interval`, a `Box`, or
        any domain in the plane.
        Its residual is affine in its highest time derivative, its conditions
        `Dirichlet`, `Neumann`, `Robin`, `Periodic` or an affine `Condition` of normal
        derivatives.
    n
        Number of nodes along each axis, one number or one for each; by default 64 in
        one dimension, 24 in two, 12 in three.
    order
        2, 4 or 6 for finite differences; ``"spectral"`` for Chebyshev collocation, and
        Fourier collocation along axes with a `Periodic` condition.
    rtol
        Tolerance of the integrator, relative to the size of the initial values.
    solver
        A solver of diffrax; by default `Tsit5`, or the implicit `Kvaerno5` where
        stability would ask of it for more than 5000 steps.
    shape
        Of the field at one point; found by trying if ``None``.
    estimate
        Whether to estimate the error, which takes a second, smaller solve.

    Returns
    -------
    Reference or FiniteElements
        A field, ``reference(t, x)``, for `jax.vmap` and `Solution.error`.

    Raises
    ------
    ValueError
        If the problem is of another kind, or an argument of another; if initial data
        are missing or too many, or a face has more or fewer conditions than the
        equation takes; if numbers have 32 bits.

    Warns
    -----
    RuntimeWarning
        If the integration fails; what was computed until then is returned.

    Notes
    -----
    A stiff step solves a dense system of all values: for more than about 2000 of them
    give an explicit `solver`, or fewer nodes.

    References
    ----------
    Schiesser, The Numerical Method of Lines, Academic Press 1991. Integrators: Kvaernø,
    BIT 44 (2004), 489-502; Tsitouras, Computers & Mathematics with Applications 62
    (2011), 770-775.
    """
    if bits() == 32:
        raise ValueError(f"`method_of_lines` needs 64-bit numbers. {turn_on()}")
    domain = problem.domain
    if problem.time is None:
        raise ValueError(
            "`problem` takes an evolution, `Problem(..., time=(t0, t1))`; got one "
            "without a time. A stationary problem in the plane is solved by "
            "`pinn.reference.finite_elements`."
        )
    if domain.dim == 2 and not isinstance(domain, AbstractBox):
        boxes_only = order != "spectral" or solver
        if boxes_only or not (n is None or isinstance(n, int)):
            raise ValueError(
                f"`problem` has the domain {domain.describe()}, which is divided into "
                "triangles: `n` takes one number, and `order` and `solver` are for "
                "boxes. See `pinn.reference.finite_elements`."
            )
        return finite_elements(problem, n, rtol=rtol, shape=shape, estimate=estimate)
    if not isinstance(domain, AbstractBox):
        raise ValueError(
            "`problem` takes an `Interval` or a `Box` as its domain here; got "
            f"{domain.describe()}. Compare with the solution of another method."
        )
    if order not in (2, 4, 6, "spectral"):
        raise ValueError(f'`order` takes 2, 4, 6 or "spectral"; got {order!r}.')
    if not 0 < rtol < 1:
        raise ValueError(f"`rtol` takes a number between 0 and 1; got {rtol!r}.")
    rate = rate_of(problem, shape)
    periodic = _periodic_axes(problem)
    least = _fewest(order, rate)
    counts = _check_n(n, domain.dim, order, least)
    fine = _solve(problem, rate, counts, order, periodic, rtol, solver)
    if not estimate:
        return fine
    share = _COARSER_SPECTRAL if order == "spectral" else _COARSER
    fewer = tuple(max(math.ceil(share * m), least) for m in counts)
    looser = min(_LOOSER * rtol, 0.1)
    coarse = _solve(problem, rate, fewer, order, periodic, looser, solver)
    return dataclasses.replace(fine, error=_difference(problem, fine, coarse))


def _solve(problem, rate, counts, order, periodic, rtol, solver) -> Reference:
    axes = tuple(
        _axis(problem, axis, n, order, axis in periodic)
        for axis, n in enumerate(counts)
    )
    lines = Lines(rate, axes, ends_of(problem, rate, axes, periodic))
    start = initial_values(problem, rate, lines.points)
    start = start.reshape(rate.order, *lines.grid, -1)
    scaled, scale, slope = _scaled(lines, start, jnp.asarray(problem.time))
    if not (np.isfinite(scaled).all() and np.isfinite(slope).all()):
        raise ValueError(
            "`problem` has initial values or rates, or values at a boundary that its "
            "`conditions` imply, that are not finite. A `Robin` whose `a` and `b` are "
            "both zero somewhere implies none."
        )
    lines = eqx.tree_at(lambda lines: lines.scale, lines, scale)
    solver = solver or _solver(lines, scaled, problem.time)
    steps, failure = march(lines, scaled, problem.time, solver=solver, rtol=rtol)
    if failure:
        warnings.warn(
            f"`method_of_lines` ended early: {failure} The reference is NaN "
            "afterwards. Give more nodes `n`, another `order` or `solver`.",
            RuntimeWarning,
            stacklevel=3,
        )
    values = _values(lines, steps)
    return Reference(
        counts, order, None, failure, axes, March(steps.times, values), rate.shape
    )


def _solver(lines: Lines, start: Array, time: tuple[float, float]) -> Any:
    """Explicit, if not many steps are asked for by stability alone."""
    import diffrax

    radius = float(_radius(lines, jnp.asarray(time[0]), start))
    steps = radius * (time[1] - time[0]) / _STABLE
    return diffrax.Tsit5() if steps < _MOST_EXPLICIT else diffrax.Kvaerno5()


def _axis(problem, axis, n, order, periodic) -> AbstractAxis:
    lower, upper = (float(b[axis]) for b in problem.domain.bounds)
    if order != "spectral":
        return Differences(lower, upper, n, order, periodic)
    return Fourier(lower, upper, n) if periodic else Chebyshev(lower, upper, n)


def _scale_start(lines, start, time):
    """The start in units of the size that the solution will have, these units, and
    the slope at the start."""
    begin, end = time
    over = tuple(range(start.ndim - 2))
    largest = lambda u: jnp.max(jnp.abs(u), axis=over)
    times = jnp.linspace(begin, end, 9)
    filled = [lines.filled(t, start[0]) for t in times]
    u = jnp.max(jnp.stack([largest(f) for f in filled]), axis=0)
    first = lines.slope(begin, start)
    fastest = largest(first[-1])
    first_rate = largest(start[1]) if len(start) == 2 else fastest
    u = _or(_or(u, (end - begin) * first_rate), 1.0)
    units = [u]
    if len(start) == 2:
        units.append(_or(jnp.maximum(first_rate, jnp.sqrt(u * fastest)), u))
    scale = jnp.stack(units)
    scale = scale.reshape(len(start), *(1,) * (start.ndim - 2), -1)
    return start / scale, scale, first


def _or(size, other):
    """A size, or another where it is zero."""
    return jnp.where(size > 0, size, other)


def _fill_steps(lines, steps):
    """The values at all nodes, at every step."""

    def at(t, y):
        return lines.filled(t, (y * lines.scale)[0])

    return jax.vmap(at)(steps.times, steps.values)


def _difference(problem: Problem, fine: Reference, coarse: Reference) -> float:
    """The relative L2 difference at random points; infinite if one ended early."""
    if fine.failure or coarse.failure:
        return math.inf
    lower, upper = problem.bounds
    y = np.random.default_rng(0).uniform(lower, upper, (_ERROR_POINTS, len(lower)))
    t, x = jnp.asarray(y[:, 0]), jnp.asarray(y[:, 1:])
    return float(relative_l2(jax.vmap(coarse)(t, x), jax.vmap(fine)(t, x)))


def _at_point(reference, t, x):
    first, weights = reference.march.weights(t)
    values = reference.march.values
    u = jax.lax.dynamic_slice_in_dim(values, first, len(weights))
    u = jnp.tensordot(weights, u, 1)
    for axis, place in zip(reference.axes, x, strict=True):
        places, weights = axis.interpolation(place)
        near = u if len(places) == len(u) else u[places]
        u = jnp.tensordot(weights, near, 1)
    return u.reshape(reference.shape)


_scaled, _values, _radius = (
    Compiled(f) for f in (_scale_start, _fill_steps, Lines.spectral_radius)
)
_interpolate = eqx.filter_jit(_at_point)


def _fewest(order: Order, rate: Rate) -> int:
    """The least number of nodes along an axis."""
    if order == "spectral":
        return 8
    highest = max(len(index) for indices in rate.indices for index in indices)
    return stencil_width(order, max(highest, 1)) + 3


def _periodic_axes(problem: Problem) -> tuple[int, ...]:
    """The axes that have a periodic condition, for all components of the field."""
    axes = []
    for condition in problem.conditions:
        if isinstance(condition, Periodic):
            if condition.component is not None:
                raise ValueError(
                    "`conditions` has a `Periodic` of one `component`; the nodes of an "
                    "axis go around for all of them. Leave `component` out, or use "
                    "`pinn.solve`."
                )
            axes.append(condition.axis)
    return tuple(axes)


def _check_n(n: Any, dim: int, order: Order, least: int) -> tuple[int, ...]:
    if n is None:
        return (max(_DEFAULT_N.get(dim, 8), 2 * least),) * dim
    counts = (n,) * dim if np.ndim(n) == 0 else tuple(n)
    whole = all(isinstance(m, int | np.integer) for m in counts)
    if len(counts) != dim or not whole or min(counts) < 1.5 * least:
        raise ValueError(
            f"`n` takes the number of nodes along each of {dim} axes, one number or "
            f"{dim}, at least {math.ceil(1.5 * least)} for `order` = {order!r}; got "
            f"{n!r}."
        )
    return tuple(int(m) for m in counts)
