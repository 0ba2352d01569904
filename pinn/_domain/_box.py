"""Boxes of any dimension, intervals, and their faces."""

import difflib
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ._base import AbstractDomain
from ._check import check_point, concrete, norm, on_host, reals, show
from ._draw import choose
from ._part import AbstractPart

Side = Literal["lower", "upper"]
_NAMES: dict[str, tuple[int, Side]] = {
    "left": (0, "lower"),
    "right": (0, "upper"),
    "bottom": (1, "lower"),
    "top": (1, "upper"),
    "back": (2, "lower"),
    "front": (2, "upper"),
}


class AbstractBox(AbstractDomain):
    """The region between two corners."""

    @property
    def dim(self) -> int:
        return self.bounds[0].shape[0]

    @property
    def cube_dim(self) -> int:
        return self.dim

    @property
    def extent(self) -> Float[Array, ""]:
        lower, upper = self.bounds
        return jnp.prod(upper - lower)

    @property
    def measure(self) -> float:
        with on_host(self):
            lower, upper = map(np.asarray, self.bounds)
        return float(np.prod(upper - lower))

    @property
    def pieces(self) -> tuple[AbstractPart, ...]:
        return (self.boundary,)

    @property
    def boundary(self) -> AbstractPart:
        """All faces; in one dimension two points, of measure one each."""
        return BoxSurface(*self.bounds)

    @property
    def faces(self) -> "Faces":
        """Faces by name: left, right (axis 0), bottom, top (1), back, front (2).

        The first of each pair is the lower one. In more dimensions the further faces
        have no name; `face` gives them all.
        """
        return Faces(
            (name, self.face(axis, side))
            for name, (axis, side) in _NAMES.items()
            if axis < self.dim
        )

    def face(self, axis: int, side: Side) -> AbstractPart:
        """The face where coordinate `axis` is at its ``"lower"`` or ``"upper"`` end.

        Raises
        ------
        ValueError
            If there is no such axis or side.
        """
        if not 0 <= axis < self.dim:
            raise ValueError(
                f"`axis` takes a number from 0 to {self.dim - 1}; got {axis}."
            )
        if side not in ("lower", "upper"):
            raise ValueError(f'`side` takes "lower" or "upper"; got {side!r}.')
        return Face(*self.bounds, axis, side)

    def place(
        self, cube: Float[Array, "n cube"]
    ) -> tuple[Float[Array, "n dim"], Bool[Array, " n"] | None]:
        return _between(*self.bounds, cube), None

    def signed_distance(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        check_point(x, self.dim, "domain.signed_distance")
        # Beyond each pair of faces; the larger of two, for each axis.
        lower, upper = self.bounds
        beyond = jnp.maximum(lower - x, x - upper)
        return norm(jnp.maximum(beyond, 0.0)) + jnp.minimum(jnp.max(beyond), 0.0)


class Interval(AbstractBox):
    """The interval from `a` to `b`, a domain of one dimension.

    Parameters
    ----------
    a, b
        Ends, in the caller's unit of length, ``a < b``.

    Raises
    ------
    ValueError
        If an end is no finite number, or ``a >= b``.

    Examples
    --------
    >>> rod = pinn.Interval(0.0, 2.0)
    >>> rod.measure, rod.dim
    (2.0, 1)
    >>> rod.sample(5, key=jax.random.key(0)).shape
    (5, 1)
    """

    a: Float[Array, ""] = eqx.field(converter=reals("`a` of an `Interval`"))
    b: Float[Array, ""] = eqx.field(converter=reals("`b` of an `Interval`"))

    def __check_init__(self):
        if self.a.shape != () or self.b.shape != ():
            raise ValueError(
                "`Interval(a, b)` takes two numbers; got shapes "
                f"{self.a.shape} and {self.b.shape}. For corners use `Box`."
            )
        if concrete((self.a, self.b)):
            a, b = float(self.a), float(self.b)
            if not (np.isfinite([a, b]).all() and a < b):
                raise ValueError(
                    f"`Interval(a, b)` takes finite numbers a < b; got a={a}, b={b}."
                )

    @property
    def bounds(self) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        return _as_point(self.a), _as_point(self.b)

    def describe(self) -> str:
        return f"Interval({show(self.a)}, {show(self.b)})"


class Box(AbstractBox):
    """The box between two opposite corners, of any dimension.

    Parameters
    ----------
    lower, upper
        Corners, in the caller's unit of length, ``lower < upper`` in each coordinate.

    Raises
    ------
    ValueError
        If the corners differ in shape, are no points, are not finite, or do not
        bound a volume.

    Examples
    --------
    >>> square = pinn.Box([0.0, 0.0], [1.0, 1.0])
    >>> bool(square.contains(jnp.array([0.2, 0.7])))
    True
    >>> list(square.faces)
    ['left', 'right', 'bottom', 'top']
    >>> plate = square - pinn.Disk([0.5, 0.5], 0.2)
    >>> bool(plate.contains(jnp.array([0.5, 0.5])))
    False
    """

    lower: Float[Array, " dim"] = eqx.field(converter=reals("`lower` of a `Box`"))
    upper: Float[Array, " dim"] = eqx.field(converter=reals("`upper` of a `Box`"))

    def __check_init__(self):
        got = f"got lower={show(self.lower)}, upper={show(self.upper)}."
        if self.lower.shape != self.upper.shape or self.lower.ndim != 1:
            raise ValueError(
                "`Box(lower, upper)` takes two corners of equal shape (dim,); got "
                f"{self.lower.shape} and {self.upper.shape}."
            )
        if self.dim == 0:
            raise ValueError("`Box(lower, upper)` takes at least one dimension.")
        if concrete((self.lower, self.upper)):
            lower, upper = np.asarray(self.lower), np.asarray(self.upper)
            if not (np.isfinite(lower).all() and np.isfinite(upper).all()):
                raise ValueError(f"`Box(lower, upper)` takes finite corners; {got}")
            if not (lower < upper).all():
                raise ValueError(
                    f"`Box(lower, upper)` takes lower < upper in each coordinate; {got}"
                )

    @property
    def bounds(self) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        return self.lower, self.upper

    def describe(self) -> str:
        return f"Box({show(self.lower)}, {show(self.upper)})"


class Faces(dict[str, AbstractPart]):
    """Faces by name; an unknown name is answered with those there are."""

    def __missing__(self, name: str) -> AbstractPart:
        near = difflib.get_close_matches(name, self, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"`faces` has {', '.join(self)}; got {name!r}.{hint} `face(axis, side)` "
            "gives the faces of every axis."
        )


class Face(AbstractPart):
    """One face of a box, with its normal pointing out of the box.

    Parameters
    ----------
    lower, upper
        Corners of the box.
    axis, side
        The coordinate that is fixed, and at which of its ends.
    """

    lower: Float[Array, " dim"]
    upper: Float[Array, " dim"]
    axis: int = eqx.field(static=True)
    side: Side = eqx.field(static=True)

    @property
    def dim(self) -> int:
        return self.lower.shape[0]

    @property
    def cube_dim(self) -> int:
        return self.dim - 1

    @property
    def extent(self) -> Float[Array, ""]:
        sides = self.upper - self.lower
        return jnp.prod(jnp.where(jnp.arange(self.dim) == self.axis, 1.0, sides))

    @property
    def bounds(self) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        level = self.lower if self.side == "lower" else self.upper
        fixed = np.arange(self.dim) == self.axis
        return _where(fixed, level, self.lower), _where(fixed, level, self.upper)

    @property
    def measure(self) -> float:
        with on_host(self):
            sides = np.asarray(self.upper) - np.asarray(self.lower)
        return float(np.prod(np.delete(sides, self.axis)))

    def place(
        self, cube: Float[Array, "n cube"]
    ) -> tuple[Float[Array, "n dim"], Float[Array, "n dim"], Bool[Array, " n"] | None]:
        before, after = cube[:, : self.axis], cube[:, self.axis :]
        half = jnp.full((len(cube), 1), 0.5, cube.dtype)
        full = jnp.concatenate([before, half, after], axis=1)
        points = _between(*self.bounds, full)
        normal = np.zeros(self.dim, points.dtype)
        normal[self.axis] = -1.0 if self.side == "lower" else 1.0
        return points, jnp.broadcast_to(normal, points.shape), None

    def distance(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        return norm(x - jnp.clip(x, *self.bounds))

    def covers(self, x: Float[Array, " dim"], tol: Float[Array, ""]) -> Bool[Array, ""]:
        return self.distance(x) <= tol


class BoxSurface(AbstractPart):
    """All faces of a box, with normals pointing out of it.

    Parameters
    ----------
    lower, upper
        Corners of the box.
    """

    lower: Float[Array, " dim"]
    upper: Float[Array, " dim"]

    @property
    def dim(self) -> int:
        return self.lower.shape[0]

    @property
    def cube_dim(self) -> int:
        return max(1, self.dim - 1)

    @property
    def extent(self) -> Float[Array, ""]:
        sides = self.upper - self.lower
        return 2 * jnp.prod(sides) * jnp.sum(1 / sides)

    @property
    def bounds(self) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        return self.lower, self.upper

    @property
    def measure(self) -> float:
        with on_host(self):
            sides = np.asarray(self.upper) - np.asarray(self.lower)
        return float(2 * np.prod(sides) * np.sum(1 / sides))

    def place(
        self, cube: Float[Array, "n cube"]
    ) -> tuple[Float[Array, "n dim"], Float[Array, "n dim"], Bool[Array, " n"] | None]:
        # A face has the area of the box over the side across it.
        across = jnp.repeat(1 / (self.upper - self.lower), 2)
        index, rest = choose(cube[:, 0], across)
        cube = jnp.concatenate([rest[:, None], cube[:, 1:]], axis=1)

        axis, high = (index >> 1)[:, None], (index & 1 == 1)[:, None]
        column = jnp.arange(self.dim, dtype=axis.dtype)[None, :]
        # The coordinates behind `axis` move up by one; in one dimension none is left.
        cube = cube[:, : self.dim - 1]
        none = jnp.zeros_like(rest)[:, None]
        kept, moved = (jnp.concatenate(a, axis=1) for a in ([cube, none], [none, cube]))
        inside = _between(self.lower, self.upper, jnp.where(column > axis, moved, kept))
        level = jnp.where(high, self.upper[None, :], self.lower[None, :])
        points = jnp.where(column == axis, level, inside)
        out = jnp.where(high, 1.0, -1.0).astype(points.dtype)
        return points, jnp.where(column == axis, out, 0.0), None

    def distance(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        return jnp.abs(Box(self.lower, self.upper).signed_distance(x))

    def covers(self, x: Float[Array, " dim"], tol: Float[Array, ""]) -> Bool[Array, ""]:
        return self.distance(x) <= tol


def _where(
    which: np.ndarray, a: Float[Array, " dim"], b: Float[Array, " dim"]
) -> Float[Array, " dim"]:
    if not concrete((a, b)):
        return jnp.where(which, a, b)
    return jax.device_put(np.where(which, np.asarray(a), np.asarray(b)))


def _as_point(a: Float[Array, ""]) -> Float[Array, " 1"]:
    # Of a known number without a program that JAX would compile for it.
    return jax.device_put(np.asarray(a)[None]) if concrete(a) else a[None]


def _between(
    lower: Float[Array, " dim"], upper: Float[Array, " dim"], u: Float[Array, "n dim"]
) -> Float[Array, "n dim"]:
    """Points at the fractions `u` of each side; rounding does not carry them out."""
    lower, upper = lower[None, :], upper[None, :]
    return jnp.clip(lower + u * (upper - lower), lower, upper)
