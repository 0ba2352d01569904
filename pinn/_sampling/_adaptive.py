"""Points that follow the residual."""

import abc
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, PRNGKeyArray

from .._checks import is_number, is_whole

Tree = TypeVar("Tree")
# Draws so many candidates; scores them, one number each.
Candidates: TypeAlias = Callable[[int, PRNGKeyArray], Any]
Score: TypeAlias = Callable[[Any], Float[Array, " candidates"]]


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
