"""Pieces of a boundary: surfaces with points, normals and a measure."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ._check import on_host, tolerance
from ._draw import both, choose, draw
from ._measure import estimate
from ._stream import Sequence


class AbstractPart(eqx.Module):
    r"""A piece of a boundary, on which points are drawn uniformly by area.

    `place` maps the unit cube of dimension `cube_dim` to the piece, preserving
    measure up to the constant `extent`, the measure of everything that it reaches;
    of that, the candidates that it does not keep are no part of the piece.
    """

    @property
    @abc.abstractmethod
    def dim(self) -> int:
        """Number of coordinates of space."""

    @property
    @abc.abstractmethod
    def cube_dim(self) -> int:
        """Dimension of the cube that `place` takes points of."""

    @property
    @abc.abstractmethod
    def extent(self) -> Float[Array, ""]:
        """Measure of all candidates, kept or not; traceable."""

    @property
    @abc.abstractmethod
    def bounds(self) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        """Corners of a box around the part; traceable."""

    @property
    @abc.abstractmethod
    def measure(self) -> float:
        """Area, on the host: in the plane a length, on the line a number of points."""

    @abc.abstractmethod
    def place(
        self, cube: Float[Array, "n cube"]
    ) -> tuple[Float[Array, "n dim"], Float[Array, "n dim"], Bool[Array, " n"] | None]:
        """Points, unit normals, and which of them belong here (``None``: all)."""

    @abc.abstractmethod
    def distance(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        """Distance from one point to the whole surfaces that this is a part of."""

    @abc.abstractmethod
    def covers(self, x: Float[Array, " dim"], tol: Float[Array, ""]) -> Bool[Array, ""]:
        """Whether one point is on this part, up to the length `tol`."""

    def sample(
        self, n: int, *, key: PRNGKeyArray, sequence: Sequence | None = None
    ) -> Float[Array, "n dim"]:
        """Draw exactly `n` points, uniformly by area (see `sample_with_normals`)."""
        return self.sample_with_normals(n, key=key, sequence=sequence)[0]

    def sample_with_normals(
        self, n: int, *, key: PRNGKeyArray, sequence: Sequence | None = None
    ) -> tuple[Float[Array, "n dim"], Float[Array, "n dim"]]:
        """Draw exactly `n` points, uniformly by area, with their unit normals.

        Parameters
        ----------
        n
            Number of points, at least one.
        key
            Random key.
        sequence
            `pinn.sampling.kronecker` and its like; independent points if ``None``.

        Raises
        ------
        ValueError
            If `n` is less than one.
        """

        return draw(_Pairs(self), self.cube_dim, n, key=key, sequence=sequence)

    def __or__(self, other: "AbstractPart") -> "AbstractPart":
        return Pieces((self, other))


class _Pairs(eqx.Module):
    """`place` of a part, as `draw` takes it."""

    part: AbstractPart

    def __call__(self, cube):
        points, normals, keep = self.part.place(cube)
        return (points, normals), keep


class Pieces(AbstractPart):
    """Several parts as one; where two coincide, only the first counts.

    The first coordinate of the cube chooses the piece, by its extent, and what is
    left of it is the first coordinate within the piece.

    Parameters
    ----------
    parts
        Parts in the same space, at least one.
    disjoint
        Whether it is known that no two of them coincide, so that none is checked.

    Raises
    ------
    ValueError
        If there is no part, or their dimensions differ.
    """

    parts: tuple[AbstractPart, ...] = eqx.field(converter=tuple)
    disjoint: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        dims = [part.dim for part in self.parts]
        if len(set(dims)) != 1:
            raise ValueError(
                "`parts` takes one or more parts of equal dimension; got dimensions "
                f"{dims}."
            )

    @property
    def dim(self) -> int:
        return self.parts[0].dim

    @property
    def cube_dim(self) -> int:
        return max(1, *(part.cube_dim for part in self.parts))

    @property
    def extent(self) -> Float[Array, ""]:
        return jnp.sum(jnp.stack([part.extent for part in self.parts]))

    @property
    def bounds(self) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        lowers, uppers = zip(*(part.bounds for part in self.parts), strict=True)
        return jnp.min(jnp.stack(lowers), 0), jnp.max(jnp.stack(uppers), 0)

    @property
    def measure(self) -> float:
        if self.disjoint:
            return sum(part.measure for part in self.parts)
        with on_host(self):
            return estimate(self, whole=self.dim == 1)

    def place(
        self, cube: Float[Array, "n cube"]
    ) -> tuple[Float[Array, "n dim"], Float[Array, "n dim"], Bool[Array, " n"] | None]:
        extents = jnp.stack([part.extent for part in self.parts])
        index, rest = choose(cube[:, 0], extents)
        cube = jnp.concatenate([rest[:, None], cube[:, 1:]], axis=1)
        tol = tolerance(self.bounds)

        points, normals = jnp.zeros((2, cube.shape[0], self.dim), cube.dtype)
        keep = None
        for i, part in enumerate(self.parts):
            here = index == i
            new_points, new_normals, new_keep = part.place(cube[:, : part.cube_dim])
            points = jnp.where(here[:, None], new_points, points)
            normals = jnp.where(here[:, None], new_normals, normals)
            if not self.disjoint:
                for earlier in self.parts[:i]:
                    covered = jax.vmap(earlier.covers, (0, None))(new_points, tol)
                    new_keep = both(new_keep, ~covered)
            if new_keep is not None:
                keep = both(keep, ~here | new_keep)
        return points, normals, keep

    def distance(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        return jnp.min(jnp.stack([part.distance(x) for part in self.parts]))

    def covers(self, x: Float[Array, " dim"], tol: Float[Array, ""]) -> Bool[Array, ""]:
        return jnp.any(jnp.stack([part.covers(x, tol) for part in self.parts]))


class AbstractAltered(AbstractPart):
    """A part that lies where another one does."""

    part: eqx.AbstractVar[AbstractPart]

    @property
    def dim(self) -> int:
        return self.part.dim

    @property
    def cube_dim(self) -> int:
        return self.part.cube_dim

    @property
    def extent(self) -> Float[Array, ""]:
        return self.part.extent

    @property
    def bounds(self) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        return self.part.bounds

    @property
    def measure(self) -> float:
        return self.part.measure

    def distance(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        return self.part.distance(x)

    def covers(self, x: Float[Array, " dim"], tol: Float[Array, ""]) -> Bool[Array, ""]:
        return self.part.covers(x, tol)


class Reversed(AbstractAltered):
    """The same part with its normals turned round, as a hole's are.

    Parameters
    ----------
    part
        The part to turn.
    """

    part: AbstractPart

    def place(
        self, cube: Float[Array, "n cube"]
    ) -> tuple[Float[Array, "n dim"], Float[Array, "n dim"], Bool[Array, " n"] | None]:
        points, normals, keep = self.part.place(cube)
        return points, -normals, keep
