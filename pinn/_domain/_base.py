"""What every region of space can do."""

import abc

import equinox as eqx
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ._draw import draw
from ._part import AbstractPart
from ._stream import Sequence


class AbstractDomain(eqx.Module):
    r"""A bounded region of space, closed, in the caller's unit of length.

    Domains combine: ``a - b``, ``a & b``, ``a | b``, to any depth. `place` maps the
    unit cube of dimension `cube_dim` to the region, preserving measure up to the
    constant `extent`, the measure of everything that it reaches; of that, the
    candidates that it does not keep lie outside.

    Everything but `measure`, a number on the host, can be traced.
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
        """Lower and upper corner of a box around the region; traceable."""

    @property
    @abc.abstractmethod
    def measure(self) -> float:
        """Volume, on the host; not of a region that is traced, see `extent`."""

    @property
    @abc.abstractmethod
    def pieces(self) -> tuple[AbstractPart, ...]:
        """Surfaces that together cover the boundary."""

    @property
    @abc.abstractmethod
    def boundary(self) -> AbstractPart:
        """The boundary, with normals that point out of the region."""

    @abc.abstractmethod
    def place(
        self, cube: Float[Array, "n cube"]
    ) -> tuple[Float[Array, "n dim"], Bool[Array, " n"] | None]:
        """Points, and which of them are in the region (``None``: all)."""

    @abc.abstractmethod
    def signed_distance(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        """Distance from one point to the boundary, negative inside."""

    @abc.abstractmethod
    def describe(self) -> str:
        """A short text, as one would write the shape in code."""

    def contains(self, x: Float[Array, " dim"]) -> Bool[Array, ""]:
        """Whether one point is in the region; its boundary belongs to it."""
        return self.signed_distance(x) <= 0

    def sample(
        self, n: int, *, key: PRNGKeyArray, sequence: Sequence | None = None
    ) -> Float[Array, "n dim"]:
        """Draw exactly `n` points, uniformly by volume.

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
        return draw(self.place, self.cube_dim, n, key=key, sequence=sequence)

    def __sub__(self, other: "AbstractDomain") -> "AbstractDomain":
        from ._combine import Difference

        return Difference(self, other)

    def __and__(self, other: "AbstractDomain") -> "AbstractDomain":
        from ._combine import Intersection

        return Intersection(self, other)

    def __or__(self, other: "AbstractDomain") -> "AbstractDomain":
        from ._combine import Union

        return Union(self, other)

    def __repr__(self) -> str:
        return self.describe()
