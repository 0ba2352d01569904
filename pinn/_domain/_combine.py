"""Boolean combinations of domains."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ._base import AbstractDomain
from ._check import concrete, on_host
from ._draw import both, choose
from ._measure import estimate
from ._part import AbstractPart, Pieces


class AbstractCombination(AbstractDomain):
    """Two domains of equal dimension, made into one.

    Raises
    ------
    ValueError
        If the dimensions differ, or nothing is left.
    """

    a: eqx.AbstractVar[AbstractDomain]
    b: eqx.AbstractVar[AbstractDomain]
    sign: ClassVar[str]

    def __check_init__(self):
        form = f"a {self.sign} b"
        for one in (self.a, self.b):
            if not isinstance(one, AbstractDomain):
                raise ValueError(
                    f"`{form}` takes two domains, such as `pinn.Disk(centre, radius)`; "
                    f"got {one!r}."
                )
        if self.a.dim != self.b.dim:
            raise ValueError(
                f"`{form}` takes domains of equal dimension; got {self.a.dim} and "
                f"{self.b.dim}."
            )
        if concrete(self) and not self.measure > 0:
            raise ValueError(
                f"`{form}` takes domains that leave a volume; this one is empty: "
                f"{self.describe()}."
            )

    @property
    def dim(self) -> int:
        return self.a.dim

    @property
    def measure(self) -> float:
        from ._prove import proven_measure

        with on_host(self):
            proven = proven_measure(self)
            return estimate(self) if proven is None else proven

    @property
    def pieces(self) -> tuple[AbstractPart, ...]:
        return self.a.pieces + self.b.pieces

    @property
    def boundary(self) -> AbstractPart:
        from ._part_of import part_of

        return part_of(Pieces(self.pieces), self)

    def describe(self) -> str:
        return f"{_bracketed(self.a)} {self.sign} {_bracketed(self.b)}"


class Difference(AbstractCombination):
    """`a` without `b`, written ``a - b``: what is in `a` and not inside `b`.

    `measure` is exact where `b` can be proven to lie inside `a`, or apart from it,
    from bounding boxes and centres; else estimated by 2^16 low-discrepancy points.
    `signed_distance` has the right sign, and is at most the true one in size.

    Parameters
    ----------
    a, b
        Domains of equal dimension.

    Raises
    ------
    ValueError
        If the dimensions differ, or nothing is left.
    """

    a: AbstractDomain
    b: AbstractDomain
    sign: ClassVar[str] = "-"

    @property
    def cube_dim(self) -> int:
        return self.a.cube_dim

    @property
    def extent(self) -> Float[Array, ""]:
        return self.a.extent

    @property
    def bounds(self) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        return self.a.bounds

    def place(
        self, cube: Float[Array, "n cube"]
    ) -> tuple[Float[Array, "n dim"], Bool[Array, " n"] | None]:
        points, keep = self.a.place(cube)
        return points, both(keep, jax.vmap(self.b.signed_distance)(points) >= 0)

    def signed_distance(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        return jnp.maximum(self.a.signed_distance(x), -self.b.signed_distance(x))

    def describe(self) -> str:
        # `-` reads from the left and binds more tightly than `&` and `|`.
        left = isinstance(self.a, Difference)
        first = self.a.describe() if left else _bracketed(self.a)
        return f"{first} - {_bracketed(self.b)}"


class Intersection(AbstractCombination):
    """What is in `a` and in `b`, written ``a & b``.

    Points are drawn in the smaller of the two. `measure` is exact where one can be
    proven to lie inside the other; else estimated by 2^16 low-discrepancy points.
    `signed_distance` has the right sign, and is at most the true one in size.

    Parameters
    ----------
    a, b
        Domains of equal dimension.

    Raises
    ------
    ValueError
        If the dimensions differ, or the two have no volume in common.
    """

    a: AbstractDomain
    b: AbstractDomain
    sign: ClassVar[str] = "&"

    @property
    def cube_dim(self) -> int:
        return max(self.a.cube_dim, self.b.cube_dim)

    @property
    def extent(self) -> Float[Array, ""]:
        return jnp.minimum(self.a.extent, self.b.extent)

    @property
    def bounds(self) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        (lower_a, upper_a), (lower_b, upper_b) = self.a.bounds, self.b.bounds
        return jnp.maximum(lower_a, lower_b), jnp.minimum(upper_a, upper_b)

    def place(
        self, cube: Float[Array, "n cube"]
    ) -> tuple[Float[Array, "n dim"], Bool[Array, " n"] | None]:
        # Which is smaller may not be known while tracing, so both are placed.
        from_a, keep_a = self.a.place(cube[:, : self.a.cube_dim])
        from_b, keep_b = self.b.place(cube[:, : self.b.cube_dim])
        keep_a = both(keep_a, jax.vmap(self.b.contains)(from_a))
        keep_b = both(keep_b, jax.vmap(self.a.contains)(from_b))
        smaller_a = self.a.extent <= self.b.extent
        points = jnp.where(smaller_a, from_a, from_b)
        return points, jnp.where(smaller_a, keep_a, keep_b)

    def signed_distance(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        return jnp.maximum(self.a.signed_distance(x), self.b.signed_distance(x))


class Union(AbstractCombination):
    """What is in `a` or in `b`, written ``a | b``.

    `measure` is exact where one can be proven to lie inside the other, or apart from
    it; else estimated by 2^16 low-discrepancy points. `signed_distance` has the right
    sign, and is at most the true one in size.

    Parameters
    ----------
    a, b
        Domains of equal dimension.

    Raises
    ------
    ValueError
        If the dimensions differ.
    """

    a: AbstractDomain
    b: AbstractDomain
    sign: ClassVar[str] = "|"

    @property
    def cube_dim(self) -> int:
        return max(self.a.cube_dim, self.b.cube_dim)

    @property
    def extent(self) -> Float[Array, ""]:
        return self.a.extent + self.b.extent

    @property
    def bounds(self) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        (lower_a, upper_a), (lower_b, upper_b) = self.a.bounds, self.b.bounds
        return jnp.minimum(lower_a, lower_b), jnp.maximum(upper_a, upper_b)

    def place(
        self, cube: Float[Array, "n cube"]
    ) -> tuple[Float[Array, "n dim"], Bool[Array, " n"] | None]:
        index, rest = choose(cube[:, 0], jnp.stack([self.a.extent, self.b.extent]))
        cube = jnp.concatenate([rest[:, None], cube[:, 1:]], axis=1)
        from_a, keep_a = self.a.place(cube[:, : self.a.cube_dim])
        from_b, keep_b = self.b.place(cube[:, : self.b.cube_dim])
        # What is in both counts once, as a point of `a`.
        keep_b = both(keep_b, ~jax.vmap(self.a.contains)(from_b))
        is_a = index == 0
        points = jnp.where(is_a[:, None], from_a, from_b)
        return points, jnp.where(is_a, True if keep_a is None else keep_a, keep_b)

    def signed_distance(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        return jnp.minimum(self.a.signed_distance(x), self.b.signed_distance(x))


def _bracketed(domain: AbstractDomain) -> str:
    text = domain.describe()
    return f"({text})" if isinstance(domain, AbstractCombination) else text
