"""The periodic condition: a field goes on across a seam of a box."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._checks import is_whole
from ._condition import (
    AbstractCondition,
    Dirichlet,
    Neumann,
    Robin,
    RowInput,
    check_weight,
    component_of,
)
from ._counting import count_derivatives
from ._domain import AbstractBox, AbstractDomain, AbstractPart, part_of
from ._host import Hosted
from ._operators import partial
from ._types import FieldLike

# Where the order of an equation is looked at, and shapes of fields that are tried.
_PROBES = 4
_COMPONENTS = 8
_HIGHEST = 8


class Periodic(AbstractCondition):
    r"""The field and its derivatives are the same on two opposite faces of a box.

    $$ \partial_n^k u(x) = \partial_n^k u(x + L e), \qquad k = 0, \dots, m - 1, $$

    for $x$ on the lower face, with $e$ the direction of the axis, $L$ the width of the
    box, and $m$ the order of the equation along that axis. So the seam is a place like
    any other. One condition serves both faces; several axes take one each.

    Parameters
    ----------
    domain
        The `Interval` or `Box` whose faces are joined.
    axis
        The axis along which the field is periodic.
    order
        $m \ge 1$; by default that of the equation, found from its residual.
    name, weight
        See `AbstractCondition`.
    component
        Index of the only component of a vector field it holds for.

    Raises
    ------
    ValueError
        If `domain` is no box, has no such axis, or `order` is no positive integer; from
        `Problem`, if its domain does not reach both faces, or one of them has another
        condition.

    Examples
    --------
    >>> ring = pinn.Interval(0.0, 1.0)
    >>> def transport(u, t, x):
    ...     return pinn.dt(u)(t, x) + pinn.partial(u, 0)(t, x)
    >>> start = pinn.Initial(lambda x: jnp.sin(2 * jnp.pi * x[0]))
    >>> conditions = [pinn.Periodic(ring), start]
    >>> problem = pinn.Problem(ring, transport, conditions, time=(0.0, 1.0))
    >>> [term.name for term in problem.terms]
    ['equation', 'periodic', 'initial']
    """

    where: AbstractPart | None
    opposite: AbstractPart
    axis: int = eqx.field(static=True)
    order: int | None = eqx.field(static=True)
    name: str | None = eqx.field(static=True)
    weight: float | None = eqx.field(static=True)
    component: int | None = eqx.field(static=True)

    def __init__(
        self,
        domain: AbstractDomain,
        axis: int = 0,
        *,
        order: int | None = None,
        name: str | None = None,
        weight: float | None = None,
        component: int | None = None,
    ):
        if not isinstance(domain, AbstractBox):
            raise ValueError(
                "`domain` of `Periodic` takes an `Interval` or a `Box`, whose opposite "
                f"faces are joined; got {domain!r}."
            )
        if not is_whole(axis) or not 0 <= axis < domain.dim:
            raise ValueError(
                f"`axis` of `Periodic` takes an axis of the domain, from 0 to "
                f"{domain.dim - 1}; got {axis!r}."
            )
        if order is not None and not (is_whole(order) and 1 <= order <= _HIGHEST):
            raise ValueError(
                "`order` of `Periodic` takes the order of the equation along the axis, "
                f"an integer from 1 to {_HIGHEST}, or None to find it; got {order!r}."
            )
        check_weight("Periodic", weight)
        self.where = domain.face(axis, "lower")
        self.opposite = domain.face(axis, "upper")
        self.axis, self.order = int(axis), order
        self.name, self.weight, self.component = name, weight, component

    def residual(self, u: FieldLike, row: RowInput) -> Any:
        w = component_of(u, self.component)
        if row.partner is not None:
            w = _jump(w, row.partner - row.arguments[-1])
        return {
            "u" if k == 0 else "u_" + "n" * k: (
                partial(w, *(self.axis,) * k) if k else w
            )(*row.arguments)
            for k in range(self.order or 1)
        }

    @property
    def parts(self) -> tuple[AbstractPart, ...]:
        assert self.where is not None
        return self.where, self.opposite

    def across(self, x: Float[Array, "*n dim"]) -> Float[Array, "*n dim"]:
        """The points of the upper face that belong to some of the lower one."""
        return x.at[..., self.axis].set(self.opposite.bounds[0][self.axis])

    def within(self, domain: AbstractDomain) -> "Periodic":
        """The condition in a problem on a domain that reaches both faces."""
        parts = []
        for part in self.parts:
            found = part_of(part, domain)
            if abs(found.measure - part.measure) > 1e-6 * part.measure:
                raise ValueError(
                    f"`domain` of `Periodic` has a face that is no part of the "
                    f"boundary of {domain.describe()}, or not all of it; both faces "
                    "have to be, as those of the box itself are."
                )
            parts.append(found)
        return eqx.tree_at(lambda c: (c.where, c.opposite), self, tuple(parts))

    def settled(
        self, residual: Callable[..., Any], exact: Any, moving: bool
    ) -> "Periodic":
        """The condition with the order of an equation, if none was given."""
        if self.order is not None:
            return self
        assert self.where is not None
        x = np.asarray(self.where.bounds[0], jnp.result_type(float))
        width = np.asarray(self.opposite.bounds[1]) - x
        rng = np.random.default_rng(0)
        points = x + rng.uniform(0.1, 0.9, (_PROBES, len(x))) * width
        times = (rng.uniform(size=_PROBES),) if moving else ()
        order = _order_along(
            residual, exact, (*times, points), self.axis, self.component
        )
        object.__setattr__(made := _copy(self), "order", max(1, order))
        return made


def check_faces(conditions: tuple[AbstractCondition, ...]) -> None:
    """Raise `ValueError` if a periodic face has another condition too."""
    for i, seam in enumerate(conditions):
        if not isinstance(seam, Periodic):
            continue
        for other in (*conditions[:i], *conditions[i + 1 :]):
            if not isinstance(other, Dirichlet | Neumann | Robin | Periodic):
                continue
            both = {seam.component, other.component}
            if len(both) == 2 and None not in both:
                continue
            if any(_covers(part, face) for part in other.parts for face in seam.parts):
                raise ValueError(
                    f"`conditions` has a periodic condition along axis {seam.axis} and "
                    f"a {other.kind} condition on one of its faces; a face has one or "
                    "the other. Take the other one on the faces of other axes, such as "
                    "`domain.face(1, 'lower')`."
                )


def _covers(part: AbstractPart, face: AbstractPart) -> bool:
    """Whether a part holds points of the inside of a face."""
    lower, upper = (np.asarray(b, float) for b in face.bounds)
    rng = np.random.default_rng(0)
    x = lower + rng.uniform(0.05, 0.95, (64, len(lower))) * (upper - lower)
    size = np.max(np.abs(lower) + np.abs(upper) + np.abs(upper - lower))
    digits = 1e-9 if jnp.result_type(float) == jnp.float64 else 1e-5
    dtype = jnp.result_type(float)
    return bool(
        np.any(covered_by(part, x.astype(dtype), np.asarray(digits * size, dtype)))
    )


@Hosted
def covered_by(part, points, tol):
    """Which of many points lie on a part, within `tol`."""
    return jax.vmap(part.covers, (0, None))(points, tol)


def _copy(condition: Periodic) -> Periodic:
    leaves, structure = jax.tree.flatten(condition)
    return jax.tree.unflatten(structure, leaves)


def _jump(u: FieldLike, shift: Array) -> FieldLike:
    return lambda *arguments: u(*arguments) - u(*arguments[:-1], arguments[-1] + shift)


def _order_along(
    residual: Callable[..., Any],
    exact: Any,
    arguments: tuple[np.ndarray, ...],
    axis: int,
    component: int | None,
) -> int:
    r"""The highest derivative along an axis that enters a residual.

    It is handed $\sum_k c_k (x_a - z_a)^k / k!\; g_k(t, x)$ about points $z$, with
    $g_k$ smooth and independent of $x_a$, and differentiated in the $c_k$.
    """
    dim = arguments[-1].shape[1]
    shapes: list[tuple[int, ...]] = [(), *((d,) for d in range(1, _COMPONENTS + 1))]
    if exact is not None:
        one = tuple(jax.ShapeDtypeStruct(a.shape[1:], a.dtype) for a in arguments)
        shapes = [jax.eval_shape(exact, *one).shape]
    shapes += [(dim,)] if (dim,) not in shapes else []
    structs = tuple(jax.ShapeDtypeStruct(a.shape[1:], a.dtype) for a in arguments)
    for shape in shapes:
        run = lambda u: jax.eval_shape(lambda *point: residual(u, *point), *structs)
        try:
            most = count_derivatives(run, shape)
            slopes = np.asarray(_slopes(residual, arguments, axis, shape, most))
        except Exception:  # whatever the user's function raises for another shape
            continue
        if component is not None and shape:
            slopes = slopes[..., component]
        others = tuple(i for i in range(slopes.ndim) if i != 2)
        found = np.nanmax(np.abs(slopes), axis=others)
        tiny = 1e-10 if slopes.dtype == np.float64 else 1e-4
        entering = np.flatnonzero(found > tiny * np.max(found, initial=0.0))
        return int(entering[-1]) if len(entering) else 0
    return 1  # nothing accepts it, which is said where the problem is solved


@Hosted
def _slopes(residual, arguments, axis, shape, most):
    """Derivatives of a residual in the $c_k$, ``(n, rows, k, *shape)``."""
    size = arguments[-1].shape[1]
    phases = np.where(np.arange(size) == axis, 0.0, np.arange(1.0, size + 1))
    start = np.cos(np.arange((most + 1.0) * int(np.prod(shape))))

    def at(*point):
        centre, dtype = point[-1][axis], point[-1].dtype

        def rows(c):
            def u(*where):
                *times, x = where
                other = jnp.sin(x + 1.0) @ jnp.asarray(phases, dtype)
                other = sum((jnp.sin(t + 1.0) for t in times), other)
                value, power = jnp.zeros(shape, dtype), jnp.ones((), dtype)
                for k in range(most + 1):
                    value = value + c[k] * (power * (1.5 + jnp.sin(other + k)))
                    power = power * (x[axis] - centre) / (k + 1)
                return value

            leaves = jax.tree.leaves(residual(u, *point))
            return jnp.concatenate([jnp.ravel(leaf) for leaf in leaves])

        return jax.jacrev(rows)(jnp.asarray(start.reshape(-1, *shape), dtype))

    return jax.vmap(at)(*arguments)
