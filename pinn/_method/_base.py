"""What a method is: how unknowns are changed until the rows are small."""

import abc
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray

from .._compiled import Compiled
from .._points import Points, joined, on_device
from .._problem import Problem
from .._residuals import Residuals

# The estimate that is aimed at where no tolerance is asked for: well below what a
# picture or an engineer needs, and cheap where the solution is smooth.
TARGET = 1e-9


@dataclass(frozen=True)
class Lack:
    """What a field lacks of the solution, as far as its residual tells.

    Attributes
    ----------
    error
        Its estimated relative L2 error; ``nan`` where there is none.
    size
        How large it is, root mean square, in the unit of the field. The error is raised
        to a share of the residual, which this is not.
    scale
        Of the waves that fit it best: the root mean square length of the vectors of
        weights of a first layer, per half width of the domain (dimensionless).
    stability
        How well the residual tells the error (see `_stability`).
    """

    error: float = math.nan
    size: float = math.nan
    scale: float = math.nan
    stability: float = math.inf


@dataclass(frozen=True)
class Evidence:
    """What the host knows of a field when a segment has ended.

    Attributes
    ----------
    fresh
        Root mean square of the weighted rows on points that no method has seen, over
        that of the field: dimensionless.
    estimate
        Estimated relative L2 error of the best field so far; ``nan`` where there is
        none yet.
    target
        The estimate that is to be reached.
    affine
        Whether the problem is affine in the field.
    candidates
        Draws the arguments of the field at many points of the equation, where features
        or points may be placed; none of them is one that the field is judged on.
    lack
        Estimates what the best field so far lacks, which takes some fits.
    origin
        What `AbstractMethod.origin` wrote down of the structure of that field.
    """

    fresh: float
    estimate: float
    target: float
    affine: bool = True
    candidates: Callable[[], tuple[Any, ...]] = tuple
    lack: Callable[[], Lack] = Lack
    origin: Any = None

    def figures(self) -> "Evidence":
        """The numbers alone, which a plan may keep."""
        return replace(self, candidates=tuple, lack=Lack, origin=None)


@dataclass(frozen=True)
class Refinement:
    """The next segment: a field to start from, and the points to use.

    Attributes
    ----------
    field
        The field.
    points
        Number of points for the equation.
    note
        What it is, for progress and history.
    stream
        Which stream of points, 1 or more: another number gives other points.
    crowd
        The arguments of the field at points that take the place of some of the
        equation's, ``(k, in_size)``; fewer than `points`. Where the user chose the
        points it is left out.
    enlarges
        Whether the field holds the best one so far, so that `points` are added to
        those of that one.
    """

    field: Any
    points: int
    note: str
    stream: int = 1
    crowd: np.ndarray | None = None
    enlarges: bool = False


class Block(NamedTuple):
    """What one size of a field that is enlarged has brought.

    Attributes
    ----------
    unknowns
        Number of unknowns of the field of that size.
    points
        The row inputs that came with it.
    """

    unknowns: int
    points: Points


class AbstractFoundation(abc.ABC):
    """What a segment has worked out that serves a field that holds its own."""

    @abc.abstractmethod
    def judge(self, field: Any, points: Points) -> tuple[np.ndarray, np.ndarray]:
        """As `AbstractMethod.judge`, for the field of the segment."""


class AbstractMethod(eqx.Module):
    """A way to make the rows of a problem small.

    Two loops use it. The inner one repeats `step` from `init` until `done`; where
    `compiled` is true, many steps are one call on the device. The outer one, on the
    host, asks after each such segment what to do next: `refine` returns a larger,
    other or better placed field and the points for it, or ``None`` to stop. *State*
    is carried from step to step; *info* is only reported.
    """

    @property
    @abc.abstractmethod
    def compiled(self) -> bool:
        """Whether steps can be traced, and run many to a call on the device."""

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """What the method is called in reports and at the terminal."""

    @property
    def most_steps(self) -> int | None:
        """Steps after which the method ends at the latest, where that is known."""
        return None

    @property
    def measures_gain(self) -> bool:
        """Whether the error that the residual of a field makes is measured.

        The error of a field drawn anew is estimated by what it differs by from the one
        before, and taken to be no less than a fifth of its weighted residual. A march
        leaves of the rate what is finer than all its features, and this moves the
        field far less than such a share; there the share is the one by which the two
        fields differ for what their residuals do.
        """
        return False

    def check(self, problem: Problem, field: Any) -> None:
        """Raise `ValueError` if the method cannot serve this problem or field."""

    def check_adaptive(self, balance: Any, sampler: Any) -> None:
        """Raise `ValueError` if the method cannot follow these while it works.

        By default it cannot. One that can reads them from its `residuals`.

        Parameters
        ----------
        balance
            Weights that change, an `AbstractBalance`, or ``None``.
        sampler
            Points that change, an `AbstractAdaptive`, or ``None``.
        """
        name = type(self).__name__
        if balance is not None:
            raise ValueError(
                f"`weighting` = {type(balance).__name__} changes the weights while a "
                f"method works, which `{name}` cannot follow; pass a mapping from the "
                "names of terms to weights, or use `pinn.FirstOrder(optax.adam(1e-3))`."
            )
        if sampler is not None:
            raise ValueError(
                f"`points` = {type(sampler).__name__} changes points while a method "
                f"works; `{name}` draws its own. Pass a number of points, or use "
                "`pinn.FirstOrder(optax.adam(1e-3))`."
            )

    @abc.abstractmethod
    def default_field(
        self, problem: Problem, shape: tuple[int, ...], *, key: PRNGKeyArray
    ) -> Any:
        """The field to start from where the user passes none."""

    def adopted(self, problem: Problem, field: Any) -> Any:
        """A field that the user passed, as the method will have it."""
        return field

    def grown(
        self, problem: Problem, field: Any, memory: Any, tol: float | None
    ) -> Any:
        """An adopted field with the structure that `origin` wrote down."""
        return field

    def on_residual(self, scale: float) -> "AbstractMethod":
        """The method as it draws a correction whose waves are of that scale.

        Parameters
        ----------
        scale
            As `Lack.scale`.
        """
        return self

    @abc.abstractmethod
    def number_of_points(self, field: Any) -> int:
        """Points for the equation that suit a field."""

    @abc.abstractmethod
    def unknowns(self, field: Any) -> Any:
        """A tree like `field`, true at the leaves that the method changes."""

    def found(self, plan: Any, field: Any) -> Any:
        """A tree like `field`, true at all numbers that were solved for."""
        return self.worker(plan).unknowns(field)

    @abc.abstractmethod
    def init(
        self, residuals: Residuals, field: Any, points: Points, *, key: PRNGKeyArray
    ) -> Any:
        """The state before the first step."""

    def enlarge(
        self,
        residuals: Residuals,
        field: Any,
        blocks: Sequence[Block],
        foundation: AbstractFoundation | None,
        *,
        key: PRNGKeyArray,
    ) -> Any:
        """The state before the first step on a field that holds smaller ones.

        By default that on all points together, with nothing to build on.

        Parameters
        ----------
        residuals, field
            As in `init`.
        blocks
            What each of the smaller fields has brought, the smallest first, and at
            last this one.
        foundation
            Of the last of the smaller fields; ``None`` where it is not known any more,
            as in a solve that is resumed. The state may not depend on that.
        key
            As in `init`.
        """
        points = joined(block.points for block in blocks)
        return self.init(residuals, field, points, key=key)

    def foundation(self, state: Any) -> AbstractFoundation | None:
        """What a larger field can be built on, if anything."""
        return None

    @abc.abstractmethod
    def step(self, residuals: Residuals, points: Points, state: Any) -> tuple[Any, Any]:
        """One step: the new state, and what to report of it."""

    @abc.abstractmethod
    def done(self, state: Any) -> Any:
        """Whether the segment has ended, a boolean scalar."""

    def failed(self, state: Any) -> bool:
        """Whether the segment ended because numbers were no longer finite."""
        return False

    def remark(self, state: Any) -> str:
        """What history and report should say of how the segment went, if anything."""
        return ""

    def stability(self, state: Any) -> float:
        """The least size of the rows that a small change of the field brings, over
        that of the change (see `_stability`); infinite where it is not known."""
        return math.inf

    @abc.abstractmethod
    def field(self, state: Any) -> Any:
        """The best field so far."""

    def weights(self, residuals: Residuals, state: Any) -> dict[str, float]:
        """The mean weights by term that a balance has come to, for the history."""
        return {}

    def worker(self, plan: Any) -> "AbstractMethod":
        """The method whose steps the next segment takes: itself, unless it is made of
        others."""
        return self

    def mixed(self) -> "AbstractMethod":
        """The method with its Jacobian in 32 bit and all else in 64.

        Raises
        ------
        ValueError
            If there is no such form of it.
        """
        raise ValueError(
            f'`precision` = "mixed" is a form of `LevenbergMarquardt`, alone or in a '
            f"`Sequence`; `{type(self).__name__}` has none. Leave `precision` out."
        )

    def judge(
        self, residuals: Residuals, field: Any, points: Points
    ) -> tuple[np.ndarray, np.ndarray]:
        """The weighted rows of a field, and its values where the equation holds."""
        rows, values = _judge(residuals, field, on_device(points))
        return np.asarray(rows), np.asarray(values)

    def plan(self, problem: Problem, shape: tuple[int, ...], tol: float | None) -> Any:
        """What `refine` remembers of a field of the method's own, before the first
        segment; ``None`` if the method never resizes or redraws one."""
        return None

    def plan_of_given(
        self, problem: Problem, shape: tuple[int, ...], tol: float | None
    ) -> Any:
        """The same for a field that the user passed; ``None`` if there is nothing."""
        return None

    def remember(self, plan: Any) -> Any:
        """The plan as something that JSON can hold, for a checkpoint."""
        return None

    def origin(self, memory: Any, field: Any) -> Any:
        """What `remember` wrote down before a segment, and what more `template` must
        know to make a field of the structure that came of it."""
        return memory

    def recall(
        self, problem: Problem, shape: tuple[int, ...], tol: float | None, memory: Any
    ) -> Any:
        """The plan that `remember` wrote down."""
        return self.plan(problem, shape, tol)

    def template(self, problem: Problem, shape: tuple[int, ...], plan: Any) -> Any:
        """A field with the structure of the method's own under that plan."""
        return self.default_field(problem, shape, key=jr.key(0))

    def refine(
        self, plan: Any, field: Any, evidence: Evidence, *, key: PRNGKeyArray
    ) -> tuple[Any, Refinement | None]:
        """What to do after a segment: the new plan, and the next segment if any."""
        return plan, None


def judge_field(residuals, field, points):
    values = jax.vmap(field)(*points["equation"].arguments)
    return residuals.rows(field, points), values


_judge = Compiled(judge_field)
