"""Row inputs for every term: how many, where, and drawn on the host."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ._checks import is_whole, nearest
from ._compiled import Compiled
from ._condition import RowInput
from ._domain import (
    AbstractDomain,
    AbstractPart,
    Ball,
    Sequence,
    choose,
    kronecker,
    round_holes,
    tolerance,
)
from ._host import Hosted, fold_in
from ._host_draw import on_host
from ._problem import Problem, Term
from ._sampling import AbstractAdaptive

Points: TypeAlias = dict[str, RowInput]
PointsArgument: TypeAlias = (
    int | Mapping[str, Any] | Callable[..., Any] | AbstractAdaptive | None
)


# Logarithm to base 2 of the first block's size. Larger sets start with the smaller
# ones; and a sequence of the user's is compiled for each size.
_SMALLEST_BLOCK = 14
FRESH = 0
# The stream of the candidates for places of features and points.
_CANDIDATES, _MOST_CANDIDATES = 2_000_000, 8192


class PointSource:
    """Row inputs of all terms of a problem, as many as are asked for.

    Low-discrepancy sequences are drawn in blocks whose size doubles, and the first n
    of a block are handed out. Points to train on crowd
    towards the ends of straight axes (see `_Crowded`), unless the user names a
    sequence; fresh ones never do.

    Parameters
    ----------
    problem
        The problem.
    choice
        The user's `points`: a number for the equation, a mapping from the name of a
        term to a number or to an array ``(n, in_size)`` of all arguments in order, a
        sequence such as `pinn.sampling.uniform`, or, for the equation, points that
        follow its residual, `AbstractAdaptive`.
    key
        Draws the points.
    """

    def __init__(self, problem: Problem, choice: PointsArgument, *, key: PRNGKeyArray):
        self.problem = problem
        self.sequence: Sequence | None = None
        self.numbers: dict[str, int] = {}
        self.fixed: dict[str, RowInput] = {}
        self.adaptive = adaptive_of(choice)
        self._key = key
        self._blocks: dict[tuple[int, int], Points] = {}
        self._read(choice)

    def _read(self, choice: PointsArgument) -> None:
        names = [term.name for term in self.problem.terms]
        if choice is None:
            return
        if is_whole(choice) or isinstance(choice, AbstractAdaptive):
            choice = {"equation": choice}
        if callable(choice) and not isinstance(choice, type):
            self.sequence = choice
            return
        if not isinstance(choice, Mapping):
            raise ValueError(
                "`points` takes a number, a mapping from the name of a term to a "
                "number or an array, a sequence of points, or an instance such as "
                f"`pinn.sampling.AdaptiveDistribution()`; got {choice!r}."
            )
        for name, value in choice.items():
            if name not in names:
                raise ValueError(
                    f"`points` names the term {name!r}; the problem has {names}."
                    f"{nearest(name, names)}"
                )
            if isinstance(value, AbstractAdaptive):
                if name != "equation":
                    raise ValueError(
                        f"`points` of {name!r} follow no residual; {value!r} is for "
                        "the equation. Give a number or an array."
                    )
                if value.n is not None:
                    self.numbers[name] = value.n
            elif isinstance(value, int | np.integer):
                if value < 1:
                    raise ValueError(f"`points` of {name!r} is {value}; at least 1.")
                self.numbers[name] = int(value)
            else:
                term = self.problem.terms[names.index(name)]
                self.fixed[name] = _given(self.problem, term, value)

    def counts(self, n: int) -> dict[str, int]:
        """Numbers of row inputs that go with `n` for the equation.

        A condition gets as many as keep the spacing of points the same, measured in
        the size of the domain: its measure times $n^{(D-1)/D}$ in D coordinates.
        """
        n = self.numbers.get("equation", n)
        result = {}
        for term in self.problem.terms:
            if term.name in self.fixed:
                result[term.name] = len(self.fixed[term.name].arguments[-1])
            elif term.name == "equation":
                most = self.adaptive
                result[term.name] = n if most is None else most.capacity(n)
            elif term.name in self.numbers:
                result[term.name] = self.numbers[term.name]
            else:
                result[term.name] = _condition_count(self.problem, term, n)
        return result

    def candidates(self) -> tuple[Any, ...]:
        """The arguments of a field at many points of the equation, evenly spread."""
        some = self.draw({"equation": _MOST_CANDIDATES}, _CANDIDATES)["equation"]
        return some.arguments

    def draw(
        self,
        counts: Mapping[str, int],
        stream: int = 1,
        crowd: np.ndarray | None = None,
    ) -> Points:
        """Row inputs from one of many independent streams.

        Stream 0 is kept fresh: no method ever sees it. From one of the others a
        larger set holds the smaller one. Points that the user gave are the same in
        every stream but 0. A `crowd` of points ``(k, in_size)`` takes the place of the
        last k of the equation, unless the user chose the points.
        """
        largest = max(counts.values())
        size = 1 << max(_SMALLEST_BLOCK, math.ceil(math.log2(largest)))
        block = self._block(stream, size)
        even = stream in (FRESH, _CANDIDATES)
        points = {
            name: self.fixed[name]
            if name in self.fixed and not even
            else jax.tree.map(lambda a, n=n: a[:n], block[name])
            for name, n in counts.items()
        }
        chosen = self.sequence is not None or "equation" in self.fixed
        if crowd is not None and not chosen:
            points["equation"] = _with_crowd(points["equation"], crowd)
        return points

    def _block(self, stream: int, size: int) -> Points:
        if (stream, size) not in self._blocks:
            key = fold_in(self._key, stream)
            keys = [fold_in(key, i) for i in range(len(self.problem.terms))]
            if self.sequence is None:
                crowd = stream not in (FRESH, _CANDIDATES)
                drawn = {
                    term.name: _drawn(self.problem, term, size, key, crowd)
                    for term, key in zip(self.problem.terms, keys, strict=True)
                }
            else:
                # A function of the user's is compiled as a whole.
                drawn = jax.device_get(_draw(self.problem, keys, size, self.sequence))
            self._blocks[stream, size] = drawn
        return self._blocks[stream, size]


def _with_crowd(inputs: RowInput, crowd: np.ndarray) -> RowInput:
    """Some points of the equation replaced by others."""
    keep, dim = len(inputs.arguments[-1]) - len(crowd), inputs.arguments[-1].shape[1]
    before = [crowd[:, i] for i in range(crowd.shape[1] - dim)]
    columns = (*before, crowd[:, -dim:])
    arguments: Any = tuple(
        np.concatenate([old[:keep], np.asarray(new, old.dtype)])
        for old, new in zip(inputs.arguments, columns, strict=True)
    )
    return RowInput(arguments, None)


def joined(blocks: Iterable[Points]) -> Points:
    """Row inputs of several sets, one after the other in each term."""
    first, *rest = blocks
    return {
        name: jax.tree.map(
            lambda *a: np.concatenate(a), inputs, *(block[name] for block in rest)
        )
        for name, inputs in first.items()
    }


def adaptive_of(choice: Any) -> AbstractAdaptive | None:
    """The points that follow the residual in what the user gave, if any."""
    if isinstance(choice, Mapping):
        choice = choice.get("equation")
    return choice if isinstance(choice, AbstractAdaptive) else None


def on_device(points: Any) -> Any:
    """Row inputs as arrays of JAX."""
    return jax.tree.map(jax.device_put, points)


def _condition_count(problem: Problem, term: Term, n: int) -> int:
    lower, upper = (np.asarray(b) for b in problem.domain.bounds)
    widths, dim = upper - lower, problem.domain.dim
    size = float(np.prod(widths)) ** (1 / dim)
    of_space = dim - 1 if isinstance(term.region, AbstractPart) else dim
    share = term.region.measure / size**of_space
    total = problem.in_size
    if total == 1:
        # So many that even independent ones miss an end once in 2^15 draws.
        return max(2, math.ceil(8 * share))
    count = math.ceil(min(share, 4.0 * dim) * n ** ((total - 1) / total))
    return max(8, min(count, 2 * n))


def _given(problem: Problem, term: Term, value: Any) -> RowInput:
    """Row inputs from the user's array of points."""
    takes = (
        f"`points` of {term.name!r} takes a number or an array (n, {problem.in_size}), "
        "one column for each coordinate (time first)"
    )
    try:
        array = jnp.asarray(value, jnp.result_type(float))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{takes}; got {value!r}.") from error
    if array.ndim != 2 or array.shape[1] != problem.in_size or not len(array):
        raise ValueError(f"{takes}; got shape {array.shape}.")
    _check_places(problem, term, np.asarray(array))
    dim = problem.domain.dim
    x = array[:, -dim:]
    times = tuple(array[:, i] for i in range(problem.in_size - dim))
    normal = None
    if isinstance(term.region, AbstractPart):
        gradient = jax.vmap(jax.grad(problem.domain.signed_distance))(x)
        normal = gradient / jnp.linalg.norm(gradient, axis=1, keepdims=True)
    partner = None if term.partner is None else term.partner(x)
    return RowInput((*times, x), normal, partner)


def _check_places(problem: Problem, term: Term, points: np.ndarray) -> None:
    """Refuse points of the user's that lie elsewhere than their term."""
    bad = ~np.isfinite(points).all(axis=1)
    what = "are not finite"
    if not bad.any():
        x, tol = (
            points[:, -problem.domain.dim :],
            np.asarray(tolerance(problem.domain.bounds)),
        )
        bad = ~np.asarray(_lies(term.region, x, tol))
        where = "in the domain" if term.name == "equation" else "where it holds"
        what = f"do not lie {where}"
        if problem.time is not None:
            start, stop = problem.time if term.moving else problem.time[:1] * 2
            slack = 1e-6 * (problem.time[1] - problem.time[0])
            bad |= (points[:, 0] < start - slack) | (points[:, 0] > stop + slack)
    if bad.any():
        first = np.array2string(points[bad][0], precision=4, separator=", ")
        raise ValueError(
            f"`points` of {term.name!r}: {int(bad.sum())} of {len(points)} {what}, "
            f"first {first}."
        )


@Hosted
def _lies(region, x, tol):
    if isinstance(region, AbstractPart):
        return jax.vmap(lambda y: region.covers(y, tol))(x)
    return jax.vmap(region.signed_distance)(x) <= tol


class _Crowded(eqx.Module):
    """Low-discrepancy points that crowd towards both ends of some axes.

    Their density there is that of Chebyshev points. Least squares on evenly spread
    points determines a smooth function worse at an end of its interval, and worst in
    a corner without conditions, such as the final time at the edge of the domain.
    """

    axes: tuple[int, ...] = eqx.field(static=True)

    def __call__(self, key: PRNGKeyArray, dim: int) -> Any:
        stream = kronecker(key, dim)
        crowds = np.isin(np.arange(dim), self.axes)

        def crowded(start, count):
            cube = stream(start, count)
            return jnp.where(crowds, 0.5 - 0.5 * jnp.cos(math.pi * cube), cube)

        return crowded


class _NearHoles(eqx.Module):
    r"""Places points of the cube around round holes, dense at their rims.

    The reflected points $r (x - c)/|x - c|^2$ are uniform in the unit ball: as dense
    as the features that serve a hole vary.
    """

    term: Term
    centres: Float[Array, "balls dim"]
    radii: Float[Array, " balls"]

    def __call__(self, cube: Float[Array, "n cube"]) -> Any:
        times, space = self.term.times(cube)
        which, rest = choose(space[:, 0], jnp.ones_like(self.radii))
        space = jnp.concatenate([rest[:, None], space[:, 1:]], axis=1)
        unit = Ball(jnp.zeros_like(self.centres[0]), jnp.ones_like(self.radii[0]))
        z, _ = unit.place(space[:, : unit.cube_dim])
        scale = self.radii[which] / jnp.sum(z**2, axis=1)
        x = self.centres[which] + scale[:, None] * z
        region = self.term.region
        assert isinstance(region, AbstractDomain)  # of the equation
        return RowInput((*times, x), None), jax.vmap(region.contains)(x)


def _drawn(problem, term, size, key, crowd) -> RowInput:
    """Row inputs of a term, crowded or even, on the host."""
    axes = term.straight_axes if crowd else ()
    rows = on_host(term.place, term.cube_dim, size, key=key, sequence=_Crowded(axes))
    balls = round_holes(problem.domain) if term.name == "equation" else []
    if not (crowd and balls):
        return rows
    # Every other one lies around one of the holes.
    centres, radii = (
        jax.device_put(np.stack([np.asarray(a) for a in same]))
        for same in zip(*balls, strict=True)
    )
    near = on_host(
        _NearHoles(term, centres, radii),
        term.cube_dim,
        size,
        key=fold_in(key, 1),
        sequence=_Crowded((0,) if term.moving else ()),
    )
    here = np.arange(size) % 2 == 1

    def pick(new, old):
        return np.where(here.reshape((-1,) + (1,) * (new.ndim - 1)), new, old)

    return jax.tree.map(pick, near, rows)


def _draw_all(problem, keys, size, sequence):
    return {
        term.name: term.sample(size, key=key, sequence=sequence)
        for term, key in zip(problem.terms, keys, strict=True)
    }


_draw = Compiled(_draw_all)
