"""Methods one after the other on the same field."""

from collections.abc import Sequence as Several
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import PRNGKeyArray

from .._feature_rows import readout_rows, serves
from .._points import Points
from .._problem import Problem
from .._residuals import Residuals
from ._base import AbstractMethod, Evidence, Refinement

# Streams of points that belong to one method of a sequence.
_STREAMS = 10_000


class Sequence(AbstractMethod):
    """Methods one after the other: each starts from the best field of those before.

    The first draws the field where the user passes none. A method ends as it would on
    its own; the sequence ends where the estimated error has met the tolerance, or with
    the last method.

    Parameters
    ----------
    methods
        At least one method; a field has to suit all of them.

    Raises
    ------
    ValueError
        If `methods` is empty or holds anything else.
    """

    methods: tuple[AbstractMethod, ...]

    def __init__(self, methods: Several[AbstractMethod]):
        if isinstance(methods, AbstractMethod) or not isinstance(methods, list | tuple):
            raise ValueError(
                "`methods` takes a list of methods, `pinn.Sequence([pinn.LeastSquares()"
                f", pinn.LevenbergMarquardt()])`; got {methods!r}."
            )
        if not methods:
            raise ValueError("`methods` takes at least one method; got none.")
        for method in methods:
            if not isinstance(method, AbstractMethod):
                raise ValueError(
                    "`methods` takes methods such as `pinn.LeastSquares()`; got "
                    f"{method!r}."
                )
        self.methods = tuple(methods)

    @property
    def compiled(self) -> bool:
        return self.methods[0].compiled

    @property
    def name(self) -> str:
        return ", ".join(method.name for method in self.methods)

    def check(self, problem: Problem, field: Any) -> None:
        for method in self.methods:
            method.check(problem, field)

    def check_adaptive(self, balance: Any, sampler: Any) -> None:
        for method in self.methods:
            method.check_adaptive(balance, sampler)

    def default_field(
        self, problem: Problem, shape: tuple[int, ...], *, key: PRNGKeyArray
    ) -> Any:
        return self.methods[0].default_field(problem, shape, key=key)

    def number_of_points(self, field: Any) -> int:
        return self.methods[0].number_of_points(field)

    def unknowns(self, field: Any) -> Any:
        return self.methods[0].unknowns(field)

    def mixed(self) -> AbstractMethod:
        """Those of the methods in their mixed form that have one."""
        forms = [_mixed_or_same(method) for method in self.methods]
        if forms == list(self.methods):
            return AbstractMethod.mixed(self)
        return Sequence(forms)

    def worker(self, plan: "Place | None") -> AbstractMethod:
        place = plan or Place()
        return self.methods[place.index].worker(place.plan)

    # The inner loop is the worker's; these serve where a sequence is used without one.

    def init(
        self, residuals: Residuals, field: Any, points: Points, *, key: PRNGKeyArray
    ) -> Any:
        return self.methods[0].init(residuals, field, points, key=key)

    def step(self, residuals: Residuals, points: Points, state: Any) -> tuple[Any, Any]:
        return self.methods[0].step(residuals, points, state)

    def done(self, state: Any) -> Any:
        return self.methods[0].done(state)

    def field(self, state: Any) -> Any:
        return self.methods[0].field(state)

    def judge(
        self, residuals: Residuals, field: Any, points: Points
    ) -> tuple[np.ndarray, np.ndarray]:
        if not serves(residuals, field):
            return AbstractMethod.judge(self, residuals, field, points)
        # With what least squares has compiled, whatever the size of the field.
        at = readout_rows(residuals, field, points)
        return at.rows(at.start()), at.values(at.start())

    def plan(
        self, problem: Problem, shape: tuple[int, ...], tol: float | None
    ) -> "Place":
        return Place(plan=self.methods[0].plan(problem, shape, tol))

    def remember(self, plan: "Place | None") -> Any:
        if plan is None:
            return None
        return {"index": plan.index, "plan": self._at(plan).remember(plan.plan)}

    def recall(
        self, problem: Problem, shape: tuple[int, ...], tol: float | None, memory: Any
    ) -> "Place":
        place = Place(memory["index"])
        if memory["plan"] is None:
            return place
        inner = self._at(place).recall(problem, shape, tol, memory["plan"])
        return replace(place, plan=inner)

    def template(self, problem: Problem, shape: tuple[int, ...], plan: "Place") -> Any:
        return self._at(plan).template(problem, shape, plan.plan)

    def _at(self, place: "Place") -> AbstractMethod:
        return self.methods[place.index]

    def refine(
        self, plan: "Place | None", field: Any, evidence: Evidence, *, key: PRNGKeyArray
    ) -> tuple["Place", Refinement | None]:
        place = plan or Place()
        inner, refinement = self.methods[place.index].refine(
            place.plan, field, evidence, key=key
        )
        place = replace(place, plan=inner)
        if refinement is not None:
            stream = place.index * _STREAMS + refinement.stream
            return place, replace(refinement, stream=stream)
        reached = evidence.estimate <= evidence.target  # false for NaN: not known
        if reached or place.index + 1 == len(self.methods):
            return place, None
        index = place.index + 1
        method = self.methods[index]
        count, stream = method.number_of_points(field), index * _STREAMS + 1
        return Place(index), Refinement(field, count, method.name, stream)


def _mixed_or_same(method: AbstractMethod) -> AbstractMethod:
    try:
        return method.mixed()
    except ValueError:
        return method


@dataclass(frozen=True)
class Place:
    """Which method is at work, and what it remembers."""

    index: int = 0
    plan: Any = None

    @property
    def growing(self) -> bool:
        return getattr(self.plan, "growing", False)

    @property
    def ending(self) -> str:
        return getattr(self.plan, "ending", "")
