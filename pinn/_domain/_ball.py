"""Balls of any dimension, discs, and spheres."""

import math

import equinox as eqx
import jax.numpy as jnp
import jax.scipy as jsp
import numpy as np
from jaxtyping import Array, Bool, Float

from ._base import AbstractDomain
from ._check import check_point, concrete, norm, on_host, reals, show
from ._part import AbstractPart


class AbstractBall(AbstractDomain):
    """The points within a radius of a centre."""

    centre: eqx.AbstractVar[Float[Array, " dim"]]
    radius: eqx.AbstractVar[Float[Array, ""]]

    @property
    def dim(self) -> int:
        return self.centre.shape[0]

    @property
    def cube_dim(self) -> int:
        return 1 + _direction_dim(self.dim)

    @property
    def extent(self) -> Float[Array, ""]:
        return _unit_volume(self.dim) * self.radius**self.dim

    @property
    def bounds(self) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        return self.centre - self.radius, self.centre + self.radius

    @property
    def measure(self) -> float:
        with on_host(self):
            return float(self.extent)

    @property
    def pieces(self) -> tuple[AbstractPart, ...]:
        return (self.boundary,)

    @property
    def boundary(self) -> AbstractPart:
        """The circle or sphere, with normals pointing away from the centre."""
        return Sphere(self.centre, self.radius)

    def place(
        self, cube: Float[Array, "n cube"]
    ) -> tuple[Float[Array, "n dim"], Bool[Array, " n"] | None]:
        direction = _directions(cube[:, 1:], self.dim)
        # The share of the volume within the distance r is (r / radius)^dim.
        r = self.radius * cube[:, :1] ** (1 / self.dim)
        return self.centre[None, :] + r * direction, None

    def signed_distance(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        check_point(x, self.dim, "domain.signed_distance")
        return norm(x - self.centre) - self.radius


class Disk(AbstractBall):
    """The disc of a centre and a radius, in the plane.

    Parameters
    ----------
    centre
        Two coordinates, in the caller's unit of length.
    radius
        In the same unit, positive.

    Raises
    ------
    ValueError
        If `centre` is no finite point of the plane, or `radius` not positive.

    Examples
    --------
    >>> disk = pinn.Disk([0.0, 0.0], 2.0)
    >>> round(disk.measure / jnp.pi, 6)
    4.0
    >>> rim, normals = disk.boundary.sample_with_normals(9, key=jax.random.key(0))
    >>> bool(jnp.allclose(rim, 2 * normals))
    True
    """

    centre: Float[Array, " 2"] = eqx.field(converter=reals("`centre` of a `Disk`"))
    radius: Float[Array, ""] = eqx.field(converter=reals("`radius` of a `Disk`"))

    def __check_init__(self):
        if self.centre.shape != (2,):
            raise ValueError(
                "`centre` of a `Disk` takes a point of shape (2,); got "
                f"{self.centre.shape}. In other dimensions use `Ball`."
            )
        _check_values("Disk", self.centre, self.radius)

    def describe(self) -> str:
        return f"Disk({show(self.centre)}, {show(self.radius)})"


class Ball(AbstractBall):
    """The ball of a centre and a radius, in two or more dimensions.

    Parameters
    ----------
    centre
        Coordinates, in the caller's unit of length.
    radius
        In the same unit, positive.

    Raises
    ------
    ValueError
        If `centre` is no finite point of at least two coordinates, or `radius` not
        positive.

    Examples
    --------
    >>> ball = pinn.Ball([0.0, 0.0, 0.0], 1.0)
    >>> bool(ball.contains(jnp.array([0.5, 0.5, 0.5])))
    True
    """

    centre: Float[Array, " dim"] = eqx.field(converter=reals("`centre` of a `Ball`"))
    radius: Float[Array, ""] = eqx.field(converter=reals("`radius` of a `Ball`"))

    def __check_init__(self):
        if self.centre.ndim != 1 or self.dim < 2:
            raise ValueError(
                "`centre` of a `Ball` takes a point of two or more coordinates; got "
                f"shape {self.centre.shape}. In one dimension use `Interval`."
            )
        _check_values("Ball", self.centre, self.radius)

    def describe(self) -> str:
        return f"Ball({show(self.centre)}, {show(self.radius)})"


class Sphere(AbstractPart):
    """The surface of a ball, with normals pointing away from its centre.

    Parameters
    ----------
    centre, radius
        Of the ball.
    """

    centre: Float[Array, " dim"]
    radius: Float[Array, ""]

    @property
    def dim(self) -> int:
        return self.centre.shape[0]

    @property
    def cube_dim(self) -> int:
        return _direction_dim(self.dim)

    @property
    def extent(self) -> Float[Array, ""]:
        return self.dim * _unit_volume(self.dim) * self.radius ** (self.dim - 1)

    @property
    def bounds(self) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        return self.centre - self.radius, self.centre + self.radius

    @property
    def measure(self) -> float:
        with on_host(self):
            return float(self.extent)

    def place(
        self, cube: Float[Array, "n cube"]
    ) -> tuple[Float[Array, "n dim"], Float[Array, "n dim"], Bool[Array, " n"] | None]:
        direction = _directions(cube, self.dim)
        return self.centre[None, :] + self.radius * direction, direction, None

    def distance(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        return jnp.abs(norm(x - self.centre) - self.radius)

    def covers(self, x: Float[Array, " dim"], tol: Float[Array, ""]) -> Bool[Array, ""]:
        return self.distance(x) <= tol


def _check_values(
    name: str, centre: Float[Array, " dim"], radius: Float[Array, ""]
) -> None:
    if radius.shape != ():
        raise ValueError(
            f"`radius` of a `{name}` takes one number; got shape {radius.shape}."
        )
    if concrete((centre, radius)):
        if not np.isfinite(np.asarray(centre)).all():
            raise ValueError(
                f"`centre` of a `{name}` takes finite coordinates; got {show(centre)}."
            )
        if not 0 < float(radius) < math.inf:
            raise ValueError(
                f"`radius` of a `{name}` takes a positive, finite number; got "
                f"{float(radius):g}."
            )


def _unit_volume(dim: int) -> float:
    return math.pi ** (dim / 2) / math.gamma(dim / 2 + 1)


def _direction_dim(dim: int) -> int:
    """Coordinates of the cube that a direction takes; above three one to spare."""
    return dim - 1 if dim <= 3 else dim


def _directions(cube: Float[Array, "n cube"], dim: int) -> Float[Array, "n dim"]:
    """Unit vectors, uniform by area, from points uniform in the cube."""
    if dim <= 3:
        angle = 2 * math.pi * cube[:, -1]
        circle = jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1)
        if dim == 2:
            return circle
        # Archimedes: equal heights of a sphere have equal areas. The distance from
        # the axis is written as a product, which keeps its digits near the poles.
        u = cube[:, :1]
        return jnp.concatenate([2 * jnp.sqrt(u * (1 - u)) * circle, 1 - 2 * u], axis=1)
    normal = jsp.special.ndtri(cube)
    return normal / jnp.linalg.norm(normal, axis=1, keepdims=True)
