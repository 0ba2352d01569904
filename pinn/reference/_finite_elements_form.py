r"""The weak form of any residual of second order, at one point, through its jet.

A residual that is affine in the second derivatives is $F = r + A : \nabla\nabla u$,
with $r$ and $A$ functions of the point, of $u$ and (for $r$) of $\nabla u$, both read
off by handing it the polynomial with given derivatives. Tested with $v$ and integrated
by parts it is

$$ \int v\, s + \nabla v : p + \oint v\, n \cdot A \nabla u, \qquad
   s = r - (\nabla \cdot A) \cdot \nabla u, \quad p = -A \nabla u, $$

with the total divergence $\nabla \cdot A$, that through $u$ included. On the boundary
the normal derivative is solved for from the conditions.
"""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._compiled import Compiled
from .._condition import RowInput
from .._equation import ravelled
from .._host import Hosted
from .._problem import Term
from .._rate import Rate, local_field

_SECOND = ((0, 0), (0, 1), (1, 1))


class WeakForm(eqx.Module):
    """The equation as the weak form at one point sees it.

    Its unknowns are the field's components, ``e`` in number; for an evolution of second
    order in time also those of $u_t$, with $\\dot u = u_t$ as further equations. `c`
    has the shape ``(e, 3)``: the value of each unknown and its two derivatives.

    Attributes
    ----------
    equation
        The term whose residual it is.
    rate
        The same solved for the highest time derivative; ``None`` without time.
    shape
        Of the field at one point.
    """

    equation: Term
    rate: Rate | None
    shape: tuple[int, ...] = eqx.field(static=True)

    @property
    def levels(self) -> int:
        """Order in time, one without time."""
        return 1 if self.rate is None else self.rate.order

    @property
    def components(self) -> int:
        return math.prod(self.shape)

    @property
    def unknowns(self) -> int:
        return self.levels * self.components

    def strong(
        self,
        t: Float[Array, ""],
        x: Float[Array, " 2"],
        c: Float[Array, "e 3"],
        second: Float[Array, "e 3"],
    ) -> Float[Array, " e"]:
        """The equation at one point: a residual, or the rates of the unknowns."""
        jets = self._jets(c, second)
        if self.rate is None:
            row = RowInput((x,))
            return ravelled(self.equation, local_field(None, x, jets), row)
        top = jnp.ravel(self.rate(t, x, jets))
        return jnp.concatenate([c[top.size :, 0], top])

    def split(
        self, t: Float[Array, ""], x: Float[Array, " 2"], c: Float[Array, "e 3"]
    ) -> tuple[Float[Array, " e"], Float[Array, "e e 2 2"]]:
        """$r$, and $A$, symmetric in the axes of space."""
        zero = jnp.zeros_like(c)
        rest, along = jax.linearize(lambda second: self.strong(t, x, c, second), zero)
        units = jnp.eye(zero.size, dtype=x.dtype).reshape(zero.size, *zero.shape)
        slope = jax.vmap(along, out_axes=1)(units).reshape(rest.size, *zero.shape)
        xx, xy, yy = (slope[..., i] for i in range(3))
        rows = [jnp.stack([xx, xy / 2], -1), jnp.stack([xy / 2, yy], -1)]
        return rest, jnp.stack(rows, -2)

    def inside(
        self, t: Float[Array, ""], x: Float[Array, " 2"], c: Float[Array, "e 3"]
    ) -> Float[Array, "e 3"]:
        """$s$ and the two components of $p$."""
        gradient = c[:, 1:]

        def moving(x, value):
            return self.split(t, x, c.at[:, 0].set(value))

        (rest, matrix), push = jax.linearize(moving, x, c[:, 0])
        changes = jax.vmap(push)(jnp.eye(2, dtype=x.dtype), gradient.T)[1]
        divergence = changes[0][..., 0, :] + changes[1][..., 1, :]
        s = rest - jnp.einsum("ijl,jl->i", divergence, gradient)
        p = -jnp.einsum("ijkl,jl->ik", matrix, gradient)
        return jnp.concatenate([s[:, None], p], axis=1)

    def boundary(
        self,
        terms: tuple["Flux", ...],
        t: Float[Array, ""],
        x: Float[Array, " 2"],
        normal: Float[Array, " 2"],
        c: Float[Array, "e 3"],
    ) -> Float[Array, "e 3"]:
        r"""$n \cdot A \nabla u$, normal derivatives from conditions; zero for $p$."""
        gradient = c[:, 1:]
        for term in terms:
            gradient = term.applied(t, x, normal, c[:, 0], gradient)
        _, matrix = self.split(t, x, c)
        flow = jnp.einsum("ijkl,k,jl->i", matrix, normal, gradient)
        return jnp.stack([flow, jnp.zeros_like(flow), jnp.zeros_like(flow)], axis=1)

    def _jets(self, c, second):
        jets = []
        for first in range(0, self.unknowns, self.components):
            own = slice(first, first + self.components)
            given = {(): c[own, 0], (0,): c[own, 1], (1,): c[own, 2]}
            given |= {index: second[own, i] for i, index in enumerate(_SECOND)}
            jets.append({k: jnp.reshape(a, self.shape) for k, a in given.items()})
        return tuple(jets)


class Flux(eqx.Module):
    """A condition that holds normal derivatives of some components.

    Attributes
    ----------
    term
        The condition, whose residual is affine in them.
    components
        Those that it is solved for, one for each of its equations.
    shape
        Of the field at one point.
    """

    term: Term
    components: tuple[int, ...] = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)

    def applied(self, t, x, normal, value, gradient):
        """The gradients with those normal derivatives that the condition asks for."""
        which = np.array(self.components)
        tangential = gradient.at[which].add(
            -(gradient[which] @ normal)[:, None] * normal[None]
        )

        def residual(flux):
            full = tangential.at[which].add(flux[:, None] * normal[None])
            return boundary_residual(self.term, self.shape, t, x, normal, value, full)

        flux = jnp.zeros(len(which), x.dtype)
        slope = jax.jacfwd(residual)(flux)
        flux = -jnp.linalg.solve(slope, residual(flux))
        return tangential.at[which].add(flux[:, None] * normal[None])


class Value(eqx.Module):
    """A condition that holds values of some components; see `Flux`."""

    term: Term
    components: tuple[int, ...] = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)

    def at(self, t: Float[Array, ""], x: Float[Array, " 2"]) -> Float[Array, " k"]:
        """The values that it asks for at one point."""
        size, which = math.prod(self.shape), np.array(self.components)
        flat = jnp.zeros((size, 2), x.dtype)

        def residual(v):
            value = jnp.zeros(size, x.dtype).at[which].set(v)
            # A condition of values has no use for the normal.
            normal = jnp.zeros_like(x)
            return boundary_residual(self.term, self.shape, t, x, normal, value, flat)

        v = jnp.zeros(len(which), x.dtype)
        return -jnp.linalg.solve(jax.jacfwd(residual)(v), residual(v))

    def with_rate(
        self, t: Float[Array, ""], x: Float[Array, " 2"]
    ) -> tuple[Float[Array, " k"], Float[Array, " k"]]:
        """The values and their time derivatives."""
        return jax.jvp(lambda t: self.at(t, x), (t,), (jnp.ones_like(t),))


def boundary_residual(
    term: Term,
    shape: tuple[int, ...],
    t: Float[Array, ""],
    x: Float[Array, " 2"],
    normal: Float[Array, " 2"],
    value: Float[Array, " e"],
    gradient: Float[Array, "e 2"],
) -> Float[Array, " k"]:
    """The residual of a condition for a value and a gradient at one point."""
    size = math.prod(shape)
    jet = {
        (): jnp.reshape(value[:size], shape),
        (0,): jnp.reshape(gradient[:size, 0], shape),
        (1,): jnp.reshape(gradient[:size, 1], shape),
    }
    arguments = (x,) if term.time is None else (t, x)
    field = local_field(None if term.time is None else t, x, (jet,))
    return ravelled(term, field, RowInput(arguments, normal))


class OverPoints:
    """A function of a model, the time and one point, evaluated at many points.

    The points go through in blocks of one length, so that it is traced once for all
    meshes.

    Parameters
    ----------
    one
        The function.
    often
        Whether it is called at so many points that compiling it pays; if not, NumPy
        evaluates it.
    """

    def __init__(self, one: Callable[..., Any], *, often: bool):
        def many(model, t, *tables):
            return jax.vmap(lambda *row: one(model, t, *row))(*tables)

        self._block = 2048 if often else 256
        self._many = (Compiled if often else Hosted)(many)

    def __call__(self, model: Any, t: float, *tables: Any) -> Any:
        n, parts = len(tables[0]), []
        for start in range(0, n, self._block):
            some = [table[start : start + self._block] for table in tables]
            short = self._block - len(some[0])
            if short:  # filled up by the last point
                some = [np.concatenate([a, np.repeat(a[-1:], short, 0)]) for a in some]
            parts.append(self._many(model, np.asarray(t), *some))
        return jax.tree.map(lambda *leaves: np.concatenate(leaves)[:n], *parts)


def _sloped(f: Callable[[Array], Array], c: Float[Array, "e 3"]) -> tuple[Array, Array]:
    """A function of ``c`` and its derivative."""
    value, push = jax.linearize(f, c)
    units = jnp.eye(c.size, dtype=c.dtype).reshape(c.size, *c.shape)
    slope = jax.vmap(push, out_axes=-1)(units)
    return value, slope.reshape(*value.shape, *c.shape)


inside = OverPoints(lambda weak, t, x, c: weak.inside(t, x, c), often=True)
inside_sloped = OverPoints(
    lambda weak, t, x, c: _sloped(lambda c: weak.inside(t, x, c), c), often=True
)
boundary = OverPoints(
    lambda m, t, x, n, c: m[0].boundary(m[1], t, x, n, c), often=False
)
boundary_sloped = OverPoints(
    lambda m, t, x, n, c: _sloped(lambda c: m[0].boundary(m[1], t, x, n, c), c),
    often=False,
)
matrices = OverPoints(lambda weak, t, x, c: weak.split(t, x, c)[1], often=False)
values = OverPoints(lambda value, t, x: (value.at(t, x),), often=False)
values_with_rates = OverPoints(lambda value, t, x: value.with_rate(t, x), often=False)
