"""An evolution equation on a grid: ordinary differential equations along lines."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from .._rate import Index, Rate
from ._axis import AbstractAxis, Multiplier, Stencil, apply
from ._boundary import Ends

_POWERS = 20


class Lines(eqx.Module):
    """The right-hand side of the ordinary differential equations of all nodes.

    A state holds the values at all nodes, ``(1, *grid, d)``, or values and rates,
    ``(2, *grid, d)``, for second order in time, in units of `scale`. What the
    conditions determine stays as it was in the state and is filled in when it is used.

    Attributes
    ----------
    rate
        The highest time derivative at a point.
    nodes
        Along each axis.
    ends
        The conditions.
    stencils
        The derivatives along axes that others are made of.
    free
        Which values are integrated.
    """

    rate: Rate
    nodes: tuple[Float[Array, " _"], ...]
    ends: tuple[Ends, ...]
    stencils: dict[tuple[int, int], Stencil | Multiplier]
    free: Bool[Array, "*grid d"]
    scale: Array

    def __init__(
        self,
        rate: Rate,
        axes: Sequence[AbstractAxis],
        ends: Sequence[Ends],
        scale: Array | None = None,
    ):
        self.rate, self.ends = rate, tuple(ends)
        self.nodes = tuple(axis.nodes for axis in axes)
        used = {
            (axis, index.count(axis))
            for indices in rate.indices
            for index in indices
            for axis in index
        }
        self.stencils = {key: axes[key[0]].derivative(key[1]) for key in sorted(used)}
        free = np.ones((*self.grid, len(rate.orders)), bool)
        for end in self.ends:
            lines = np.moveaxis(free, end.axis, 0)
            for node, component in end.eliminated:
                lines[node, ..., component] = False
        self.free = jnp.asarray(free)
        self.scale = jnp.ones(()) if scale is None else scale

    @property
    def grid(self) -> tuple[int, ...]:
        return tuple(len(nodes) for nodes in self.nodes)

    @property
    def points(self) -> Float[Array, "n dim"]:
        grid = jnp.meshgrid(*self.nodes, indexing="ij")
        return jnp.stack([jnp.ravel(a) for a in grid], axis=1)

    def __call__(
        self, t: Float[Array, ""], y: Float[Array, "m *grid d"], args: None
    ) -> Float[Array, "m *grid d"]:
        return self.slope(t, y * self.scale) / self.scale

    def slope(
        self, t: Float[Array, ""], y: Float[Array, "m *grid d"]
    ) -> Float[Array, "m *grid d"]:
        """The time derivative of a state that is not scaled."""
        if self.rate.order == 1:
            fields = [self.filled(t, y[0])]
        else:
            tangents = (jnp.ones_like(t), jnp.where(self.free, y[1], 0.0))
            fields = jax.jvp(self.filled, (t, y[0]), tangents)
        jets = [
            self._derivatives(u, indices)
            for u, indices in zip(fields, self.rate.indices, strict=True)
        ]
        top = jax.vmap(self.rate, (None, 0, 0))(t, self.points, jets)
        known = [*fields[1:], top.reshape(y.shape[1:])]
        return jnp.stack([jnp.where(self.free, a, 0.0) for a in known])

    def spectral_radius(self, t: Float[Array, ""], y: Float[Array, "..."]) -> Array:
        """About the size of the fastest rate at a scaled state, by power iteration."""

        def step(_, known):
            v, _ = known
            v = jax.jvp(lambda y: self(t, y, None), (y,), (v,))[1]
            size = jnp.sqrt(jnp.mean(v**2))
            return v / jnp.where(size > 0, size, 1.0), size

        # Signs that alternate: the fastest mode of a grid is the shortest one.
        signs = np.sum(np.indices(self.grid), axis=0) % 2 * 2.0 - 1.0
        rough = jnp.broadcast_to(jnp.asarray(signs)[None, ..., None], y.shape)
        return jax.lax.fori_loop(0, _POWERS, step, (rough, jnp.zeros(())))[1]

    def filled(
        self, t: Float[Array, ""], u: Float[Array, "*grid d"]
    ) -> Float[Array, "*grid d"]:
        """The values at all nodes, those included that the conditions determine."""
        for end in self.ends:
            u = end.fill(t, self.nodes, u)
        return u

    def _derivatives(
        self, u: Float[Array, "*grid d"], indices: Sequence[Index]
    ) -> dict[Index, Array]:
        known: dict[Index, Array] = {(): u}

        def derivative(index: Index) -> Array:
            if index not in known:
                axis = index[-1]
                k = index.count(axis)
                stencil = self.stencils[axis, k]
                known[index] = apply(stencil, derivative(index[:-k]), axis)
            return known[index]

        shape = (-1, *self.rate.shape)
        return {index: derivative(index).reshape(shape) for index in indices}
