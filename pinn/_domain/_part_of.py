"""The part of a surface that bounds a domain, with normals that point out of it."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ._base import AbstractDomain
from ._check import concrete, on_host, show, tolerance
from ._draw import both
from ._measure import estimate
from ._part import AbstractAltered, AbstractPart, Pieces, Reversed
from ._prove import distinct, standing


def part_of(part: AbstractPart, domain: AbstractDomain) -> AbstractPart:
    r"""Intersect a part with the boundary of a domain, and turn its normals outward.

    A point $x$ with normal $n$ is kept if exactly one of $x \pm \epsilon n$ is in the
    domain, and $n$ is turned to point to the other one; $\epsilon$ is a tiny share of
    the bounding box (5e-7 in 64 bit). Where it can be proven that a piece belongs to
    the boundary as a whole, or not at all, no point is tested.

    Parameters
    ----------
    part
        Where: any part, such as ``hole.boundary`` or ``box.faces["left"]``.
    domain
        The domain whose boundary it is taken to be on.

    Returns
    -------
    AbstractPart
        With exact `measure` if proven, else estimated by 2^16 low-discrepancy points.

    Raises
    ------
    ValueError
        If the dimensions differ, or nothing of the part is on the boundary. Under a
        transformation, where values are not known, neither this nor a proof is tried.
    """
    if part.dim != domain.dim:
        raise ValueError(
            "`part` takes a part in the dimension of `domain`; got dimensions "
            f"{part.dim} and {domain.dim}."
        )
    if not concrete((part, domain)):
        return Restricted(part, domain)
    found = _found(part, domain)
    if found is None:
        raise ValueError(
            f"`part` is an empty part: nothing of it, within {_text(part)}, is on the "
            f"boundary of {domain.describe()}."
        )
    return found


class Restricted(AbstractAltered):
    """What `part_of` keeps of a part of which nothing is proven.

    Parameters
    ----------
    part
        A part.
    domain
        The domain whose boundary it is restricted to.
    """

    part: AbstractPart
    domain: AbstractDomain

    @property
    def measure(self) -> float:
        with on_host(self):
            return estimate(self, whole=self.dim == 1)

    def place(
        self, cube: Float[Array, "n cube"]
    ) -> tuple[Float[Array, "n dim"], Float[Array, "n dim"], Bool[Array, " n"] | None]:
        points, normals, keep = self.part.place(cube)
        step = tolerance(self.domain.bounds) * normals
        contains = jax.vmap(self.domain.contains)
        ahead, behind = contains(points + step), contains(points - step)
        normals = jnp.where(ahead[:, None], -normals, normals)
        return points, normals, both(keep, ahead ^ behind)

    def covers(self, x: Float[Array, " dim"], tol: Float[Array, ""]) -> Bool[Array, ""]:
        near_boundary = jnp.abs(self.domain.signed_distance(x)) <= tol
        return self.part.covers(x, tol) & near_boundary


def _found(part: AbstractPart, domain: AbstractDomain) -> AbstractPart | None:
    """The part of `part` that bounds `domain`, or `None` if there is nothing."""
    if isinstance(part, Pieces):
        each = [_found(piece, domain) for piece in part.parts]
        found = [piece for piece in each if piece is not None]
        pairs = itertools.combinations(found, 2)
        disjoint = part.disjoint or all(
            distinct(_surface(p), _surface(q)) for p, q in pairs
        )
        match found:
            case []:
                return None
            case [only]:
                return only
        return Pieces(tuple(found), disjoint)

    if isinstance(part, Restricted) and bool(eqx.tree_equal(part.domain, domain)):
        return part
    match standing(part, domain):
        case "outward":
            return part
        case "inward":
            return part.part if isinstance(part, Reversed) else Reversed(part)
        case "inside" | "outside":
            return None
    restricted = Restricted(part, domain)
    return restricted if restricted.measure > 0 else None


def _surface(part: AbstractPart) -> AbstractPart:
    """The whole surface that a part was taken from."""
    return _surface(part.part) if isinstance(part, Restricted | Reversed) else part


def _text(part: AbstractPart) -> str:
    lower, upper = part.bounds
    return f"the box from {show(lower)} to {show(upper)}"
