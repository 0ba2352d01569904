"""Methods one after the other on the same field."""

from collections.abc import Sequence as Several
from dataclasses import dataclass, replace
from typing import Any

from jaxtyping import PRNGKeyArray

from .._problem import Problem
from ._base import AbstractMethod, Evidence, Refinement
from ._several import AbstractSeveral, checked

# Streams of points that belong to one method of a sequence.
_STREAMS = 10_000


class Sequence(AbstractSeveral):
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
        self.methods = checked(methods)

    def check(self, problem: Problem, field: Any) -> None:
        for method in self.methods:
            method.check(problem, field)

    def worker(self, plan: "Place | None") -> AbstractMethod:
        place = plan or Place()
        return self.methods[place.index].worker(place.plan)

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
