r"""Values next to a boundary, solved for from the conditions.

The conditions are no part of the integration in time. A condition that is affine in the
field and its normal derivatives is a linear equation for the values along the line of
nodes that ends at a point of the face. As many values next to the face as there are
such equations are eliminated by them at every evaluation: both ends of a line together,
axis by axis, an edge by the later axis. So the data hold at all times, and need no
derivative in time.
"""

import collections
import itertools
import math
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._condition import Initial, RowInput
from .._domain import AbstractBox, AbstractPart
from .._equation import order_bound, ravelled, unit_frame
from .._periodic import Periodic, covered_by
from .._problem import Problem, Term
from .._rate import Rate, indices_of, local_field, sensitivities
from ._axis import AbstractAxis, Chebyshev, Stencil

_PROBES = 8


class FaceTerm(eqx.Module):
    """One condition on one face.

    Attributes
    ----------
    term
        The condition.
    axis, upper
        The face.
    shape
        Of the field at one point.
    order
        Of the highest normal derivative.
    components
        For each of its equations, the component of the field that it eliminates.
    """

    term: Term
    axis: int = eqx.field(static=True)
    upper: bool = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    order: int = eqx.field(static=True)
    components: tuple[int, ...] = eqx.field(static=True)

    def split(
        self, t: Float[Array, ""], x: Float[Array, " dim"]
    ) -> tuple[Float[Array, " q"], Float[Array, "q k d"]]:
        """The residual of the field that is zero, and its slopes in the derivatives
        along the axis, at one point of the face."""
        normal = jnp.zeros_like(x).at[self.axis].set(1.0 if self.upper else -1.0)
        size = int(np.prod(self.shape))

        def residual(c):
            jet = {(self.axis,) * k: c[k].reshape(self.shape) for k in range(len(c))}
            row = RowInput((t, x), normal)
            return ravelled(self.term, local_field(t, x, (jet,)), row)

        rest, pullback = jax.vjp(residual, jnp.zeros((self.order + 1, size), x.dtype))
        (slope,) = jax.vmap(pullback)(jnp.eye(rest.size, dtype=x.dtype))
        return rest, slope


class Ends(eqx.Module):
    """All conditions at the two ends of an axis.

    Attributes
    ----------
    axis
        The axis.
    faces
        The conditions.
    eliminated
        For each of their equations the node and the component it is solved for.
    derivatives
        The derivatives at the lower and the upper end, from order zero.
    """

    axis: int = eqx.field(static=True)
    faces: tuple[FaceTerm, ...]
    eliminated: tuple[tuple[int, int], ...] = eqx.field(static=True)
    derivatives: Float[Array, "k 2 n"]

    def __init__(self, axis: int, faces: Sequence[FaceTerm], nodes: AbstractAxis):
        self.axis, self.faces = axis, tuple(faces)
        count, n = collections.Counter(), len(nodes.nodes)
        eliminated = []
        for face in self.faces:
            for component in face.components:
                depth = count[face.upper, component]
                count[face.upper, component] += 1
                eliminated.append((n - 1 - depth if face.upper else depth, component))
        self.eliminated = tuple(eliminated)
        most = max(face.order for face in self.faces)
        rows = np.zeros((most + 1, 2, n))
        rows[0, 0, 0] = rows[0, 1, -1] = 1.0
        for k in range(1, most + 1):
            stencil = nodes.derivative(k)
            assert isinstance(stencil, Stencil)  # a periodic axis has no ends
            places, weights = (np.asarray(a) for a in stencil)
            for side, end in enumerate((0, -1)):
                places_here = places if places.ndim == 1 else places[end]
                rows[k, side, places_here] = weights[end]
        self.derivatives = jnp.asarray(rows)

    def fill(
        self,
        t: Float[Array, ""],
        nodes: Sequence[Float[Array, " _"]],
        u: Float[Array, "*grid d"],
    ) -> Float[Array, "*grid d"]:
        """The values on a grid, those next to the faces solved for."""
        lines = jnp.moveaxis(u, self.axis, -2)
        table = lines.reshape(-1, *lines.shape[-2:])
        places, components = np.array(self.eliminated).T
        table = table.at[:, places, components].set(0.0)

        rests, slopes = [], []
        for face in self.faces:
            end = nodes[self.axis][-1:] if face.upper else nodes[self.axis][:1]
            across = [end if i == self.axis else a for i, a in enumerate(nodes)]
            grid = jnp.meshgrid(*across, indexing="ij")
            points = jnp.stack([jnp.ravel(a) for a in grid], axis=1)
            rest, slope = jax.vmap(face.split, (None, 0))(t, points)
            at_end = self.derivatives[: face.order + 1, int(face.upper)]
            rests.append(rest)
            slopes.append(jnp.einsum("lqkd,kn->lqnd", slope, at_end))
        rest, slope = jnp.concatenate(rests, 1), jnp.concatenate(slopes, 1)
        # The matrix does not depend on the values, so it is inverted once, whatever
        # is differentiated in them.
        inverse = jnp.linalg.inv(slope[:, :, places, components])
        known = rest + jnp.einsum("lqnd,lnd->lq", slope, table)
        solved = -jnp.einsum("leq,lq->le", inverse, known)
        table = table.at[:, places, components].set(solved)
        return jnp.moveaxis(table.reshape(lines.shape), -2, self.axis)


def ends_of(
    problem: Problem, rate: Rate, axes: Sequence[AbstractAxis], periodic: Sequence[int]
) -> tuple[Ends, ...]:
    """Sort the conditions of a problem on a box by the axes that they end.

    Raises
    ------
    ValueError
        If a condition covers part of a face only, is on a periodic axis, is not affine,
        or has derivatives along the face or in time; or if a face has more or fewer
        conditions than the equation needs there.
    """
    domain = problem.domain
    assert isinstance(domain, AbstractBox)
    faces: list[FaceTerm] = []
    taken = collections.Counter()
    for condition, term in zip(problem.conditions, problem.terms[1:], strict=True):
        if isinstance(condition, Initial | Periodic):
            continue
        for axis, upper in itertools.product(range(domain.dim), (False, True)):
            rows = _rows_on_face(problem, axis, upper)
            if not _covers(term, domain, rows, face_name(domain, axis, upper)):
                continue
            if axis in periodic:
                raise ValueError(
                    f"`conditions` has {term.name!r} on the face "
                    f"{face_name(domain, axis, upper)!r} of a periodic axis, which has "
                    "no ends. Leave one of them out."
                )
            order, sizes = _slopes(problem, term, rows, axis, rate.shape)
            components = []
            for row in sizes:
                free = [j for j, size in enumerate(row) if size > 1e-10 * max(row)]
                component = min(free, key=lambda j: (taken[axis, upper, j], -row[j]))
                taken[axis, upper, component] += 1
                components.append(component)
            faces.append(
                FaceTerm(term, axis, upper, rate.shape, order, tuple(components))
            )
    _check_counts(domain, rate, taken, periodic)
    for (axis, upper, _), count in taken.items():
        if count > 1 and isinstance(axes[axis], Chebyshev):
            raise ValueError(
                f"`order` is 'spectral', and `conditions` has {count} on the face "
                f"{face_name(domain, axis, upper)!r}: with more than one, collocation "
                "in Chebyshev nodes lets errors grow without bound. Use `order=4`."
            )
    return tuple(
        Ends(axis, here, axes[axis])
        for axis in range(domain.dim)
        if (here := [face for face in faces if face.axis == axis])
    )


def face_name(domain: AbstractBox, axis: int, upper: bool) -> str:
    """How a face is called in messages."""
    names = list(domain.faces)
    place = 2 * axis + upper
    return names[place] if place < len(names) else f"axis {axis}, {upper=}"


def _rows_on_face(problem: Problem, axis: int, upper: bool) -> RowInput:
    """Random points inside a face, at random times."""
    rng = np.random.default_rng(0)
    lower_end, upper_end = problem.bounds
    y = lower_end + rng.uniform(0.1, 0.9, (_PROBES, len(lower_end))) * (
        upper_end - lower_end
    )
    y[:, 1 + axis] = (upper_end if upper else lower_end)[1 + axis]
    normal = np.zeros((_PROBES, problem.domain.dim))
    normal[:, axis] = 1.0 if upper else -1.0
    return RowInput((y[:, 0], y[:, 1:]), normal)  # type: ignore[arg-type]


def _covers(term: Term, domain: AbstractBox, rows: RowInput, name: str) -> bool:
    """Whether a condition holds on a face: all of it or nothing."""
    assert isinstance(term.region, AbstractPart)
    width = np.max(np.subtract(*map(np.asarray, domain.bounds[::-1])))
    covered = covered_by(term.region, rows.arguments[-1], np.asarray(1e-6 * width))
    if covered.any() and not covered.all():
        raise ValueError(
            f"`conditions` has {term.name!r} on a part of the face {name!r}; here a "
            "condition holds on a whole face. Make it one condition with a `value` "
            "that depends on the place."
        )
    return bool(covered.all())


def _slopes(
    problem: Problem, term: Term, rows: RowInput, axis: int, shape: tuple[int, ...]
) -> tuple[int, np.ndarray]:
    """The highest normal derivative in a condition, and how much each of its equations
    depends on each component, ``(q, d)``."""
    total, dim = order_bound(problem, term, shape), problem.domain.dim
    unit = np.diag(unit_frame(problem))
    known = [
        [i for k in range(total - m + 1) for i in indices_of(dim, k)]
        for m in range(total + 1)
    ]
    units = [
        [unit[0] ** m * math.prod(unit[1 + a] for a in i) for i in indices]
        for m, indices in enumerate(known)
    ]
    rng = np.random.default_rng(0)
    slopes = []
    for _ in range(2):
        jets = [
            [scale * rng.standard_normal((_PROBES, *shape)) for scale in scales]
            for scales in units
        ]
        found = sensitivities(term, rows, jets, known)
        slopes.append(
            [
                [scale * np.asarray(g) for g, scale in zip(same, scales, strict=True)]
                for same, scales in zip(found, units, strict=True)
            ]
        )
    largest = max(float(np.max(np.abs(g))) for same in slopes[0] for g in same)
    what = f"`conditions` has {term.name!r}, "
    if not largest > 0:
        raise ValueError(f"{what}which does not depend on the field.")
    size = lambda g: float(np.max(np.abs(g)))
    for one, other in zip(*slopes, strict=True):
        if any(size(a - b) > 1e-8 * largest for a, b in zip(one, other, strict=True)):
            raise ValueError(
                f"{what}which is not affine in the field; the values at a boundary "
                "are solved for from affine conditions. Use `pinn.solve`."
            )
    sizes, order = 0.0, 0
    for m, (same, indices) in enumerate(zip(slopes[0], known, strict=True)):
        for g, index in zip(same, indices, strict=True):
            if size(g) <= 1e-12 * largest:
                continue
            if m > 0 or set(index) - {axis}:
                raise ValueError(
                    f"{what}with a derivative {'in time' if m else 'along the face'}; "
                    "here conditions hold the field and its normal derivatives. Use "
                    "`pinn.solve`."
                )
            order = max(order, len(index))
            sizes = np.maximum(sizes, np.max(np.abs(g), axis=0))
    return order, np.asarray(sizes)


def _check_counts(domain, rate, taken, periodic):
    for component, axis in itertools.product(
        range(len(rate.orders)), range(domain.dim)
    ):
        if axis in periodic:
            continue
        order = rate.orders[component][axis]
        least, most = order // 2, max((order + 1) // 2, 1)
        both = [taken[axis, upper, component] for upper in (False, True)]
        of = f" for component {component} of the field" if rate.shape else ""
        for upper, count in zip((False, True), both, strict=True):
            if not least <= count <= most:
                needed = str(least) if least == most else f"{least} or {most}"
                raise ValueError(
                    f"`conditions` has {count} on the face "
                    f"{face_name(domain, axis, upper)!r}{of}; an equation of order "
                    f"{order} along axis {axis} takes {needed} there. Add or remove a "
                    "condition such as `Dirichlet`, or make the axis `Periodic`."
                )
        if not rate.shape and order % 2 == 1 and sum(both) > order:
            raise ValueError(
                f"`conditions` has {sum(both)} at the two ends of axis {axis}; an "
                f"equation of order {order} along it takes {order}. Remove the one "
                "where waves leave the domain."
            )
