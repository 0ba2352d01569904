"""One problem of a study, on which activations are compared."""

import math
import time
from dataclasses import dataclass
from typing import Any

import jax
import jax.random as jr
from jaxtyping import PRNGKeyArray

from .._compiled import Compiled
from .._equation import analyse, field_shape, structure
from .._method import AbstractMethod, FirstOrder
from .._points import FRESH, Points, PointSource, on_device
from .._preflight import preflight
from .._problem import Problem
from .._residuals import Residuals
from .._solution import Result
from .._solve import solve
from .._weighting import by_operator, weights_of
from ..metrics import ERROR_POINTS, relative_l2
from ._dead import dead_at
from ._ensemble import begin, member
from ._kernel import ALL, spectrum_of
from ._rows import POINTS

# Steps between two looks at the clock.
_CHUNK = 100
# Points at which a trained network is looked into.
_LOOK = 128
_SECOND = 2  # derivatives of the second order, in `DeadUnits`


@dataclass(frozen=True)
class Cell:
    """What one activation has done on one problem, seed by seed."""

    measured: list[tuple[float, ...]]
    seconds: float
    remark: str


class Bench:
    """One problem, ready for any activation: the same rows and points for all."""

    def __init__(self, problem: Problem, key: PRNGKeyArray):
        self.problem, self.key = problem, key
        self.shape = field_shape(problem)
        self.source = PointSource(problem, None, key=jr.fold_in(key, 1))
        train = self.source.draw(self.source.counts(POINTS))
        self.jets = analyse(problem, self.shape, train)
        factors = by_operator(problem, self.jets, weights_of(problem, None))
        self.residuals = Residuals(problem, factors, structure(self.jets))
        self.look = on_device(self.source.draw(self.source.counts(_LOOK)))
        fresh = self.source.draw({"equation": ERROR_POINTS}, FRESH)["equation"]
        self.fresh = on_device(fresh.arguments)

    def run(
        self, method: AbstractMethod, seeds: int, budget_s: float | None, check: bool
    ) -> Cell:
        template = method.default_field(self.problem, self.shape, key=self.key)
        counts = self.source.counts(method.number_of_points(template))
        train = self.source.draw(counts)
        report = preflight(
            self.problem, template, key=self.key, points=train, jets=self.jets
        )
        found = tuple(finding.id for finding in report.errors)
        remark = ", ".join(found)
        if found and check:
            return Cell([], math.nan, f"refused: {remark}")
        if isinstance(method, FirstOrder):
            fields, seconds = self._together(method, on_device(train), seeds, budget_s)
        else:
            fields, seconds = self._in_turn(method, seeds, budget_s, found)
        remark = f"in spite of {remark}" if found else ""
        return Cell([self._measure(method, u) for u in fields], seconds, remark)

    def _together(
        self,
        method: FirstOrder,
        train: Points,
        seeds: int,
        budget_s: float | None,
    ) -> tuple[list[Any], float]:
        ensemble = begin(
            method, self.residuals, train, self.shape, seeds=seeds, key=self.key
        )
        jax.block_until_ready(ensemble.advance(0).states.loss)  # compiles
        start, done = time.perf_counter(), 0
        elapsed = 0.0
        while done < method.steps and (budget_s is None or elapsed < budget_s):
            count = min(_CHUNK, method.steps - done)
            ensemble = ensemble.advance(count)
            jax.block_until_ready(ensemble.states.loss)
            done, elapsed = done + count, time.perf_counter() - start
        return [member(ensemble.fields, s) for s in range(seeds)], elapsed / seeds

    def _in_turn(
        self,
        method: AbstractMethod,
        seeds: int,
        budget_s: float | None,
        allow: tuple[str, ...],
    ) -> tuple[list[Any], float]:
        fields, seconds = [], 0.0
        for seed in range(seeds):
            solution = solve(
                self.problem,
                method=method,
                key=jr.fold_in(self.key, seed),
                budget_s=None if budget_s is None else budget_s / seeds,
                allow=allow,
                progress=False,
            )
            if solution.result is Result.interrupted:
                raise KeyboardInterrupt
            fields.append(solution.field)
            seconds += solution.report.run_s
        return fields, seconds / seeds

    def _measure(self, method: AbstractMethod, field: Any) -> tuple[float, ...]:
        error = float(_error(field, self.problem.exact, self.fresh))
        try:
            dead = float(dead_at(field, self.look["equation"].arguments).share[_SECOND])
        except ValueError:  # it shows no layers
            dead = math.nan
        kernel = spectrum_of(self.residuals, field, method.unknowns(field), self.look)
        return error, dead, kernel.condition[ALL], kernel.effective_rank[ALL]


def _error_of(field, exact, arguments):
    values = jax.vmap(field)(*arguments)
    expected = jax.vmap(exact)(*arguments).astype(values.dtype)
    return relative_l2(values, expected.reshape(values.shape))


_error = Compiled(_error_of)
