r"""The time derivative of a field, solved for from the residual of an evolution.

About a point $(t, x)$ the residual is handed the polynomial whose derivatives there are
known in space and unknown in time,

$$ u(s, y) = \sum_{m < M} \frac{(s-t)^m}{m!} \sum_\alpha c_{m\alpha}
   \frac{(y-x)^\alpha}{\alpha!} + \frac{(s-t)^M}{M!}\, a, $$

with $M$ the order in time. Where the residual is affine in $a = \partial_t^M u$, as for
all equations that can be marched in time, it is $A a + r$ with the *mass* $A$, and
$a = -A^{-1} r$. Which $c_{m\alpha}$ enter is found out by differentiating in them.
"""

import itertools
import math
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._condition import RowInput
from ._equation import PROBES, analyse, field_shape, ravelled, unit_frame
from ._host import Hosted
from ._host_draw import first_key, on_host
from ._problem import Problem, Term
from ._types import FieldLike

# The axes of space along which a derivative is taken, sorted: () the value, (0, 0) is
# u_xx, (0, 1) is u_xy.
Index: TypeAlias = tuple[int, ...]
Jet: TypeAlias = Mapping[Index, Array]


class Rate(eqx.Module):
    r"""$\partial_t^M u$ as a function of the derivatives of $u$ in space.

    Attributes
    ----------
    equation
        The term whose residual it is solved from; its coefficients are leaves.
    shape
        Of the field at one point, ``()`` or ``(d,)``.
    order
        $M$, 1 or 2.
    indices
        For each time derivative below the highest, which of its derivatives in space
        enter: ``indices[0]`` those of $u$, ``indices[1]`` those of $u_t$.
    orders
        For each component of the field and axis of space, the order of the highest
        derivative that enters, of $u$ or $u_t$.
    """

    equation: Term
    shape: tuple[int, ...] = eqx.field(static=True)
    order: int = eqx.field(static=True)
    indices: tuple[tuple[Index, ...], ...] = eqx.field(static=True)
    orders: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    def __call__(
        self, t: Float[Array, ""], x: Float[Array, " dim"], jets: Sequence[Jet]
    ) -> Float[Array, "*d"]:
        """The highest time derivative at one point.

        Parameters
        ----------
        t, x
            The point.
        jets
            One mapping for each time derivative below the highest, from the `indices`
            to derivatives of the shape of the field, in the caller's units.
        """
        rest, mass = self.split(t, x, jets)
        if mass.shape == (1, 1):
            return jnp.reshape(-rest / mass[0], self.shape)
        return jnp.reshape(-jnp.linalg.solve(mass, rest), self.shape)

    def mass(
        self, t: Float[Array, ""], x: Float[Array, " dim"], jets: Sequence[Jet]
    ) -> Float[Array, "d d"]:
        r"""$A = \partial F/\partial(\partial_t^M u)$ at one point."""
        return self.split(t, x, jets)[1]

    def split(
        self, t: Float[Array, ""], x: Float[Array, " dim"], jets: Sequence[Jet]
    ) -> tuple[Float[Array, " d"], Float[Array, "d d"]]:
        """The residual without the highest time derivative, $r$, and the mass $A$."""
        return _split(self, t, x, tuple(jets))


# Traced once, however many functions of many points it becomes a part of.
@eqx.filter_jit
def _split(rate, t, x, jets):
    def residual(a):
        top = {(): jnp.reshape(a, rate.shape)}
        field = local_field(t, x, (*jets, top))
        return ravelled(rate.equation, field, RowInput((t, x)))

    zero = jnp.zeros(math.prod(rate.shape), x.dtype)
    rest, along = jax.linearize(residual, zero)
    return rest, jax.vmap(along, out_axes=1)(jnp.eye(zero.size, dtype=x.dtype))


def local_field(
    t: Float[Array, ""] | None, x: Float[Array, " dim"], jets: Sequence[Jet]
) -> FieldLike:
    """The polynomial with given derivatives at one point.

    `jets` holds one mapping for each time derivative, from axes of space to values; a
    field without time, for `t` of ``None``, has one.
    """

    def u(*arguments):
        offset = arguments[-1] - x
        value, in_time = 0.0, 1.0
        for m, jet in enumerate(jets):
            if m > 0:
                in_time = in_time * (arguments[0] - t) / m
            for index, c in jet.items():
                monomial = in_time / _factorial(index)
                for axis in index:
                    monomial = monomial * offset[axis]
                value = value + monomial * c
        return value

    return u


def rate_of(problem: Problem, shape: tuple[int, ...] | None = None) -> Rate:
    """Solve the equation of a problem for its highest time derivative.

    Parameters
    ----------
    problem
        An evolution problem on any domain.
    shape
        Of the field at one point; found by trying if ``None``.

    Raises
    ------
    ValueError
        If the problem has no time; if its residual has no time derivative, one of an
        order beyond two, one that is also differentiated in space, is not affine in the
        highest one, cannot be solved for it, or looks at the field elsewhere than at
        its own point.
    """
    if problem.time is None:
        raise ValueError(
            "`problem` takes an evolution, `Problem(..., time=(t0, t1))`; got one "
            "without a time. For a stationary problem use `pinn.solve` with another "
            "method, or with none."
        )
    shape = field_shape(problem) if shape is None else shape
    for known, of, rate in _last:
        if known() is problem and of == shape:
            return rate
    rate = _solved_for(problem, shape)
    _last[:] = [(weakref.ref(problem, lambda _: _last.clear()), shape, rate)]
    return rate


# The problem that was asked about last, as long as it lives: a solve asks for it again
# and again.
_last: list[tuple[weakref.ref[Problem], tuple[int, ...], Rate]] = []


def _solved_for(problem: Problem, shape: tuple[int, ...]) -> Rate:
    equation, dim = problem.equation, problem.domain.dim
    # As many as `analyse` looks at, so that it is traced once for both.
    rows = on_host(equation.place, equation.cube_dim, PROBES, key=first_key())
    bare = Problem(problem.domain, problem.residual, (), time=problem.time)
    jet = analyse(bare, shape, {"equation": rows})["equation"]
    if not jet.local:
        raise ValueError(
            "`residual` of the problem is nonlocal: at a point it looks at the field "
            "elsewhere too, as an integral or a delay does, and derivatives at the "
            "point do not determine it. Use `pinn.solve` with another method, or with "
            "none."
        )

    total = jet.order
    all_indices = [
        [i for k in range(total - m + 1) for i in indices_of(dim, k)]
        for m in range(total + 1)
    ]
    probe = _probe(problem, equation, shape, all_indices, rows)
    enters = [
        [i for i, size in zip(indices, sizes, strict=True) if size.any()]
        for indices, sizes in zip(all_indices, probe.enters, strict=True)
    ]
    order = max((m for m, found in enumerate(enters) if found), default=0)
    _check_time_derivative(order, enters[order])
    top = probe.derivatives[order][0]
    _check_mass(top[0], top[1], math.prod(shape))
    orders = np.zeros((math.prod(shape), dim), int)
    for indices, sizes in zip(all_indices[:order], probe.enters, strict=False):
        for index, size in zip(indices, sizes, strict=True):
            counts = [index.count(axis) for axis in range(dim)]
            orders = np.where(size[:, None], np.maximum(orders, counts), orders)
    return Rate(
        equation,
        shape,
        order,
        # The value is there to differentiate in where nothing of the field enters.
        (tuple(enters[0]) or ((),), *(tuple(found) for found in enters[1:order])),
        tuple(tuple(map(int, row)) for row in orders),
    )


def indices_of(dim: int, order: int) -> list[Index]:
    """All derivatives in space of one order."""
    return list(itertools.combinations_with_replacement(range(dim), order))


def _factorial(index: Index) -> float:
    return float(math.prod(math.factorial(index.count(a)) for a in set(index)))


class _Probe(eqx.Module):
    """Which derivatives enter, and how.

    Attributes
    ----------
    enters
        For each time derivative, ``(indices, d)``: whether the residual depends on it.
    derivatives
        For each time derivative and index, ∂F/∂c at two random jets that differ in
        the highest time derivative alone, ``(2, n, k, d)``.
    """

    enters: list[np.ndarray]
    derivatives: list[list[np.ndarray]]


def _probe(problem, equation, shape, all_indices, rows):
    """Differentiate the residual in every coefficient of random jets."""
    rng = np.random.default_rng(0)
    unit = np.diag(unit_frame(problem))
    n, dtype = len(rows.arguments[0]), rows.arguments[-1].dtype
    units = [
        [unit[0] ** m * math.prod(unit[1 + axis] for axis in i) for i in indices]
        for m, indices in enumerate(all_indices)
    ]
    draw = lambda scale: (scale * rng.standard_normal((n, *shape))).astype(dtype)
    first = [[draw(s) for s in scales] for scales in units]
    known = sensitivities(equation, rows, first, all_indices)
    # Those of the largest order in time that enters are drawn again.
    enters = _entering(known, units)
    order = max((m for m, found in enumerate(enters) if found.any()), default=0)
    second = [
        [draw(s) for s in scales] if m == order else list(first[m])
        for m, scales in enumerate(units)
    ]
    changed = sensitivities(equation, rows, second, all_indices)
    both = [
        [np.stack([a, b]) for a, b in zip(x, y, strict=True)]
        for x, y in zip(known, changed, strict=True)
    ]
    return _Probe(enters, both)


def _entering(derivatives, units):
    """Which derivatives are not zero against the largest, all dimensionless."""
    sizes = [
        np.stack(
            [
                np.nanmax(np.abs(scale * g), axis=(0, 1))
                for g, scale in zip(same, scales, strict=True)
            ]
        )
        for same, scales in zip(derivatives, units, strict=True)
    ]
    largest = max(float(np.max(size)) for size in sizes)
    tiny = 100 * float(np.finfo(sizes[0].dtype).eps)
    return [size > tiny * largest for size in sizes]


@Hosted
def sensitivities(term, rows, coefficients, all_indices):
    r"""$\partial F/\partial c$ of one term at many points, ``(n, k, d)`` each.

    `coefficients` holds for each time derivative (or, without time, once) an array for
    each of its `all_indices`, one row for each point.
    """

    def at(row, coefficients):
        def residual(coefficients):
            jets = [
                dict(zip(indices, cs, strict=True))
                for indices, cs in zip(all_indices, coefficients, strict=True)
            ]
            t = row.arguments[0] if len(row.arguments) > 1 else None
            return ravelled(term, local_field(t, row.arguments[-1], jets), row)

        jacobian = jax.jacrev(residual)(coefficients)
        return jax.tree.map(lambda g: g.reshape(g.shape[0], -1), jacobian)

    return jax.vmap(at)(rows, coefficients)


def _check_time_derivative(order: int, indices: Sequence[Index]) -> None:
    if order == 0:
        raise ValueError(
            "`residual` of the problem has no time derivative, so there is nothing to "
            "march. Write `dt(u)(t, x)` or `dtt(u)(t, x)`, or leave out the `time` of "
            "`Problem` and solve a stationary problem."
        )
    name = "u_" + "t" * order
    if order > 2:
        raise ValueError(
            f"`residual` of the problem has the time derivative {name}; equations of "
            "first and second order in time are marched. Make the lower time "
            "derivatives components of the field, a system of first order."
        )
    if any(indices):
        raise ValueError(
            f"`residual` of the problem differentiates {name} in space too, so at a "
            f"point it cannot be solved for {name}. Use a method in space and time, "
            "`pinn.LeastSquares()`."
        )


def _check_mass(one: Any, other: Any, components: int) -> None:
    """The mass at two jets that differ in the highest time derivative alone."""
    rows = one.shape[1]
    if rows != components:
        raise ValueError(
            f"`residual` of the problem has {rows} component(s) and the field "
            f"{components}; for a march there is one equation for each component."
        )
    largest = float(np.nanmax(np.abs(one)))
    tiny = np.sqrt(float(np.finfo(one.dtype).eps))
    if not np.nanmax(np.abs(one - other)) <= tiny * largest:
        raise ValueError(
            "`residual` of the problem is not affine in its highest time derivative, "
            "so it cannot be solved for it. Solve for it by hand, as in `dt(u)(t, x) - "
            "...`, or use a method in space and time, `pinn.LevenbergMarquardt()`."
        )
    # Rows and columns may have units of their own.
    scaled = one
    for axes in ((0, 2), (0, 1)):
        size = np.nanmax(np.abs(scaled), axis=axes, keepdims=True)
        scaled = scaled / np.where(size > 0, size, 1.0)
    known = scaled[np.isfinite(scaled).all(axis=(1, 2))]
    smallest = np.linalg.svd(known, compute_uv=False)[:, -1]
    if not (smallest > tiny).all():
        raise ValueError(
            "`residual` of the problem cannot be solved for its highest time "
            "derivative: a component has none, as a pressure, or its coefficient "
            "vanishes somewhere. Eliminate that component, or use a method in space "
            "and time, `pinn.LeastSquares()`."
        )
