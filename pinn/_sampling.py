r"""Points: sequences in the unit cube, grids, and points that follow the residual.

``domain.sample(n, key=key, sequence=kronecker)`` and ``part.sample`` take any of the
sequences `uniform`, `kronecker`, `latin_hypercube`, `sobol`; so does any function
``sequence(key, dim)`` that returns a traceable ``stream(start, count)``, the points
``start, ..., start + count - 1`` in the open unit cube, with shape ``(count, dim)``.

`AdaptiveDistribution` and `AdaptiveRefinement` are passed to `solve` as `points`.
"""

import abc
import functools
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, UInt

from ._checks import is_number, is_whole
from ._domain import (
    AbstractDomain,
    Sequence as Sequence,
    Stream as Stream,
    kronecker as kronecker,
    uniform as uniform,
)
from ._domain._stream import Index, unit

Tree = TypeVar("Tree")
# Draws so many candidates; scores them, one number each.
Candidates: TypeAlias = Callable[[int, PRNGKeyArray], Any]
Score: TypeAlias = Callable[[Any], Float[Array, " candidates"]]

_SOBOL_BITS = 20


def latin_hypercube(key: PRNGKeyArray, dim: int) -> Stream:
    """Latin hypercubes: in each coordinate one point in each of `count` equal parts.

    Every call of the stream is one hypercube, independent of the others. Where points
    are rejected, those that are left are uniform but no longer stratified.

    Parameters
    ----------
    key
        Random key.
    dim
        Dimension of the cube, at least zero.

    Returns
    -------
    Stream
        ``stream(start, count)``.

    References
    ----------
    McKay, Beckman & Conover, Technometrics 21 (1979), 239-245.
    """

    def stream(start: Index, count: int) -> Float[Array, "count dim"]:
        inside = uniform(key, dim)(start, count)
        fresh = jr.fold_in(key, jnp.asarray(start).astype(jnp.uint32))
        keys = jr.split(jr.fold_in(fresh, 1), dim)
        rank = jax.vmap(lambda k: jr.permutation(k, count), out_axes=1)(keys)
        points = (rank.astype(inside.dtype) + inside) / count
        return jnp.minimum(points, 1 - jnp.finfo(points.dtype).epsneg)

    return stream


def sobol(key: PRNGKeyArray, dim: int) -> Stream:
    r"""Sobol' points, scrambled: nets in base two, best at $n$ a power of two.

    The direction numbers are those of Joe and Kuo, read from `scipy.stats.qmc` when
    traced. The scrambling is Matoušek's: a random linear map of the binary digits and
    a random shift, which leave a net a net and make each point alone uniform.
    Traceable; after $2^{20}$ points it starts again.

    Parameters
    ----------
    key
        Random key, for the scrambling.
    dim
        Dimension of the cube, at least zero.

    Returns
    -------
    Stream
        ``stream(start, count)``.

    References
    ----------
    Joe & Kuo, SIAM J. Sci. Comput. 30 (2008), 2635-2654;
    Matoušek, J. Complexity 14 (1998), 527-556.
    """

    def stream(start: Index, count: int) -> Float[Array, "count dim"]:
        shift_key, scramble_key = jr.split(key)
        directions = _scramble(jnp.asarray(_sobol_directions(dim)), scramble_key)
        index = jnp.asarray(start).astype(jnp.uint32)
        index = index + jnp.arange(count, dtype=jnp.uint32)
        gray = index ^ (index >> 1)

        points = jr.bits(shift_key, (dim,), jnp.uint32)[None, :]
        points = jnp.broadcast_to(points, (count, dim))
        for bit in range(_SOBOL_BITS):
            chosen = (gray >> bit) & 1 == 1
            points = points ^ jnp.where(chosen[:, None], directions[bit][None, :], 0)
        return unit(points)

    return stream


@functools.cache
def _sobol_directions(dim: int) -> np.ndarray:
    """Direction numbers ``(bits, dim)``, the first digit in the highest bit.

    In the order of Gray's code, the points before and at 2^k differ by direction k.
    """
    if dim == 0:
        return np.zeros((_SOBOL_BITS, 0), np.uint32)
    from scipy.stats import qmc

    engine = qmc.Sobol(dim, scramble=False, bits=30)
    directions = []
    for bit in range(_SOBOL_BITS):
        engine.reset()
        if bit > 0:
            engine.fast_forward(2**bit - 1)
        before, at = engine.random(2)
        digits = [(x * 2**32).astype(np.uint32) for x in (before, at)]
        directions.append(digits[0] ^ digits[1])
    return np.stack(directions)


def _scramble(
    directions: UInt[Array, "bits dim"], key: PRNGKeyArray
) -> UInt[Array, "bits dim"]:
    """Apply a random lower triangular binary matrix to the digits of each column."""
    dim = directions.shape[1]
    place = jnp.arange(31, -1, -1, dtype=jnp.uint32)
    digits = (directions[:, :, None] >> place[None, None, :]) & 1
    mix = jr.bernoulli(key, 0.5, (dim, 32, 32))
    mix = jnp.tril(mix, -1) | jnp.eye(32, dtype=bool)[None, :, :]
    mixed = jnp.einsum(
        "dij,bdj->bdi", mix.astype(jnp.float32), digits.astype(jnp.float32)
    )
    mixed = mixed.astype(jnp.uint32) & 1  # sums of at most 32 ones: exact
    return jnp.sum(mixed << place[None, None, :], axis=-1, dtype=jnp.uint32)


def grid(domain: AbstractDomain, n: int) -> Float[Array, "m dim"]:
    """About `n` points of a regular grid: the centres of equal, nearly cubic cells.

    The cells tile the bounding box, and the centres in the domain are kept, so their
    number differs from `n`. Worked out on the host: it cannot be traced.

    Parameters
    ----------
    domain
        Where.
    n
        Number of points aimed at, at least one.

    Returns
    -------
    Array
        The points, the last coordinate running fastest.

    Raises
    ------
    ValueError
        If `n` is less than one, or so small that no centre is in the domain.
    """
    if n < 1:
        raise ValueError(f"`n` takes a number of points, at least 1; got {n}.")
    lower, upper = (np.asarray(x) for x in domain.bounds)
    sides = (upper - lower).astype(float)
    spacing = (domain.measure / n) ** (1 / domain.dim)
    if np.prod(sides / spacing) > 1e9:
        raise ValueError(
            f"`n` takes a number of points whose grid over the bounding box is no "
            f"larger than 1e9; got {n} in {domain.dim} dimensions. Use `sample`."
        )
    counts = np.maximum(1, np.rint(sides / spacing).astype(int))
    axes = [
        low + side * (np.arange(count) + 0.5) / count
        for low, side, count in zip(lower, sides, counts, strict=True)
    ]
    mesh = np.meshgrid(*axes, indexing="ij")
    points = jnp.asarray(
        np.stack([x.ravel() for x in mesh], axis=1), dtype=jnp.result_type(float)
    )
    points = points[np.asarray(jax.vmap(domain.contains)(points))]
    if points.shape[0] == 0:
        raise ValueError(
            f"`n` takes a number of points large enough for the grid to meet "
            f"{domain.describe()}; got {n}."
        )
    return points


def residual_adaptive(
    points: Tree,
    scores: Float[Array, " candidates"],
    n: int,
    *,
    k: float = 1.0,
    c: float = 1.0,
    key: PRNGKeyArray,
) -> Tree:
    r"""Draw `n` of the candidates, more often where the score is large (RAD).

    $$ p_i \propto \frac{|s_i|^k}{\frac{1}{N}\sum_j |s_j|^k} + c, $$

    without replacement: in turn, each from those that are left, with probability
    proportional to $p_i$ (by the largest $\log p_i$ plus Gumbel noise). Traceable.

    Parameters
    ----------
    points
        Candidates: any pytree of arrays with leading axis $N$.
    scores
        $s_i$, usually the residual; sign and unit do not matter.
    n
        Number of points, at most $N$.
    k
        $k \ge 0$, dimensionless: how sharply the score leads.
    c
        $c \ge 0$, dimensionless: the uniform share. With ``c=0`` candidates of score
        zero come last.
    key
        Random key.

    Returns
    -------
    pytree
        The chosen candidates, with leading axis `n`.

    Raises
    ------
    ValueError
        If there are fewer candidates than `n`, or as many scores as points are not
        given.
    RuntimeError
        If a score is not finite, when it runs.

    References
    ----------
    Wu, Zhu, Tan, Kartha & Lu, Comput. Methods Appl. Mech. Engrg. 403 (2023), 115671,
    eq. 2.
    """
    total = scores.shape[0]
    lengths = {leaf.shape[0] for leaf in jax.tree.leaves(points)}
    if lengths != {total}:
        raise ValueError(
            f"`scores` takes one number per candidate; got {total} for leading axes "
            f"{sorted(lengths)}."
        )
    if not 1 <= n <= total:
        raise ValueError(f"`n` takes a number from 1 to {total}; got {n}.")
    scores = eqx.error_if(
        scores, ~jnp.all(jnp.isfinite(scores)), "`scores` takes finite numbers."
    )
    return _drawn(points, scores, n, k, c, key)


def _drawn(
    points: Tree, scores: Array, n: int, k: float, c: float, key: PRNGKeyArray
) -> Tree:
    size = jnp.abs(scores)
    largest = jnp.max(size)
    # Scaled first, so that no power overflows; where all are zero, all are equal.
    size = jnp.where(largest > 0, size / jnp.where(largest > 0, largest, 1.0), 1.0)
    power = size**k
    log_p = jnp.log(power / jnp.mean(power) + c)
    noise = jr.gumbel(key, scores.shape, log_p.dtype)
    _, chosen = jax.lax.top_k(log_p + noise, n)
    return jax.tree.map(lambda x: x[chosen], points)


class AbstractAdaptive(eqx.Module):
    """Points of the equation that follow its residual while a method works.

    Its points are `capacity` many throughout, of which the first `active` count: so
    all shapes stay. What is scored is the size of the equation's row under the default
    balance.

    Attributes
    ----------
    n
        Points at the start; ``None`` for as many as the method takes.
    keeps
        Whether points stay from draw to draw.
    """

    n: eqx.AbstractVar[int | None]
    keeps: ClassVar[bool] = False

    @abc.abstractmethod
    def capacity(self, n: int) -> int:
        """The most points there can be, with `n` at the start."""

    @abc.abstractmethod
    def start(self, capacity: int) -> int:
        """How many of so many are active at the start."""

    @abc.abstractmethod
    def draw(
        self,
        points: Any,
        active: Int[Array, ""],
        candidates: Candidates,
        score: Score,
        *,
        key: PRNGKeyArray,
    ) -> tuple[Any, Int[Array, ""]]:
        """The next points, and how many of them are active. Traced."""


class AdaptiveDistribution(AbstractAdaptive):
    r"""Points drawn anew where the residual is large (RAD).

    Every `resample` steps of the method all points of the equation are replaced by a
    draw from a larger pool of uniform candidates, with probability

    $$ p_i \propto \frac{|\rho_i|^k}{\overline{|\rho|^k}} + c $$

    for the rows $\rho_i$ under the default balance; see `residual_adaptive`. The first
    points are uniform.

    Parameters
    ----------
    n
        Number of points; by default the method's.
    pool
        Candidates for each point.
    k, c
        Dimensionless, at least 0: how sharply the residual leads, and the uniform
        share.

    Raises
    ------
    ValueError
        If a number is out of range; from `solve`, if the method draws no new points.

    References
    ----------
    Wu, Zhu, Tan, Kartha & Lu, Comput. Methods Appl. Mech. Engrg. 403 (2023), 115671,
    algorithm 3 and eq. 2.
    """

    n: int | None = eqx.field(static=True, default=None)
    pool: int = eqx.field(static=True, default=10)
    k: float = eqx.field(static=True, default=1.0)
    c: float = eqx.field(static=True, default=1.0)

    def __check_init__(self):
        _check_adaptive(self, "pool")

    def capacity(self, n: int) -> int:
        return n

    def start(self, capacity: int) -> int:
        return capacity

    def draw(
        self,
        points: Any,
        active: Int[Array, ""],
        candidates: Candidates,
        score: Score,
        *,
        key: PRNGKeyArray,
    ) -> tuple[Any, Int[Array, ""]]:
        n = jax.tree.leaves(points)[0].shape[0]
        return _led_by(score, candidates, self.pool, n, self.k, self.c, key), active


class AdaptiveRefinement(AbstractAdaptive):
    r"""Points added where the residual is large (RAR-D).

    Every `resample` steps of the method `add` points join those of the equation, drawn
    from uniform candidates as in `AdaptiveDistribution`, until they were added `times`
    times. Points stay where they are.

    Parameters
    ----------
    n
        Number of points at the start; by default the method's.
    add
        Points that are added at a time.
    times
        Most additions; memory and time of a step are those of ``n + add * times``
        points from the start.
    pool
        Candidates for each new point.
    k, c
        As in `AdaptiveDistribution`; the paper's values for this method.

    Raises
    ------
    ValueError
        If a number is out of range; from `solve`, if the method draws no new points,
        or starts anew with each draw.

    References
    ----------
    Wu, Zhu, Tan, Kartha & Lu, Comput. Methods Appl. Mech. Engrg. 403 (2023), 115671,
    algorithm 4.
    """

    n: int | None = eqx.field(static=True, default=None)
    add: int = eqx.field(static=True, default=50)
    times: int = eqx.field(static=True, default=20)
    pool: int = eqx.field(static=True, default=10)
    k: float = eqx.field(static=True, default=2.0)
    c: float = eqx.field(static=True, default=0.0)
    keeps: ClassVar[bool] = True

    def __check_init__(self):
        _check_adaptive(self, "add", "times", "pool")

    def capacity(self, n: int) -> int:
        return n + self.add * self.times

    def start(self, capacity: int) -> int:
        return capacity - self.add * self.times

    def draw(
        self,
        points: Any,
        active: Int[Array, ""],
        candidates: Candidates,
        score: Score,
        *,
        key: PRNGKeyArray,
    ) -> tuple[Any, Int[Array, ""]]:
        new = _led_by(score, candidates, self.pool, self.add, self.k, self.c, key)
        full = active + self.add > jax.tree.leaves(points)[0].shape[0]

        def joined(old: Array, more: Array) -> Array:
            longer = jax.lax.dynamic_update_slice_in_dim(old, more, active, 0)
            return jnp.where(full, old, longer)

        points = jax.tree.map(joined, points, new)
        return points, jnp.where(full, active, active + self.add)


def _led_by(
    score: Score,
    candidates: Candidates,
    pool: int,
    n: int,
    k: float,
    c: float,
    key: PRNGKeyArray,
) -> Any:
    of_candidates, of_draw = jr.split(key)
    among = candidates(pool * n, of_candidates)
    scores = score(among)
    # Numbers that are not finite end the method; a draw has to end before that.
    scores = jnp.where(jnp.isfinite(scores), scores, 0.0)
    return _drawn(among, scores, n, k, c, of_draw)


def _check_adaptive(sampler: Any, *counts: str) -> None:
    if sampler.n is not None:
        counts = ("n", *counts)
    for name in counts:
        value = getattr(sampler, name)
        if not is_whole(value) or value < 1:
            raise ValueError(f"`{name}` takes an integer of at least 1; got {value!r}.")
    for name in ("k", "c"):
        value = getattr(sampler, name)
        if not is_number(value) or not 0 <= value < float("inf"):
            raise ValueError(f"`{name}` takes a number of at least 0; got {value!r}.")
