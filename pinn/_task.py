"""One solve as a whole: checks, preparation, the outer loop, and the report."""

import collections
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field as dataclass_field, replace
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from . import _compilation_cache, _compile_clock
from ._arguments import check_key, check_tolerance
from ._checkpoint import Checkpoint, Folder
from ._checks import is_number
from ._choose import Choice, choose, marching, settled
from ._environment import peak_memory, seed, versions
from ._equation import analyse, field_shape, fingerprint, structure
from ._kept import written
from ._measure import measure
from ._method import AbstractMethod
from ._points import FRESH, PointSource, adaptive_of
from ._precision import Precision, arithmetic, bits, fitting
from ._preflight import PreflightError, Report, check_field, preflight
from ._problem import Problem, shape_of
from ._progress import observer
from ._residuals import Residuals
from ._session import Keys, Session, Store
from ._solution import Result, Solution, SolveReport
from ._weighting import AbstractBalance, by_operator, weights_of
from .metrics import ERROR_POINTS


class Clock:
    """Seconds since the start, and those of them that went into compiling."""

    def __init__(self):
        _compilation_cache.use()
        self._compiling = _compile_clock.start()
        self.begin = time.perf_counter()

    def stop(self) -> tuple[float, float]:
        """Compilation, and all."""
        wall = time.perf_counter() - self.begin
        return min(self._compiling.stop(), wall), wall


@dataclass(frozen=True)
class Task:
    """The arguments of `solve`, checked."""

    problem: Problem
    field: Callable[..., Any] | None
    method: AbstractMethod | None
    key: PRNGKeyArray
    tol: float | None
    points: Any
    weighting: Mapping[str, float] | AbstractBalance | None
    precision: Precision
    allow: tuple[str, ...]
    budget_s: float | None
    callbacks: Iterable[Callable[[Mapping[str, Any]], None]]
    progress: bool | None
    bits: int = dataclass_field(default_factory=bits)  # of the program

    def __post_init__(self):
        if not isinstance(self.problem, Problem):
            raise ValueError(f"`problem` takes a `pinn.Problem`; got {self.problem!r}.")
        method = self._choice().method
        check_tolerance(self.tol, self.precision)
        check_key(self.key)
        budget = self.budget_s
        if budget is not None and not (is_number(budget) and budget > 0):
            raise ValueError(f"`budget_s` takes a positive number; got {budget!r}.")
        Report(()).allowing(self.allow)  # refuses unknown names
        weights_of(self.problem, self.weighting)
        method.check_adaptive(self.balance, adaptive_of(self.points))

    @property
    def balance(self) -> AbstractBalance | None:
        return self.weighting if isinstance(self.weighting, AbstractBalance) else None

    def run(
        self,
        clock: Clock,
        *,
        folder: Folder | None = None,
        every: float = 30.0,
        saved: Checkpoint | None = None,
    ) -> Solution:
        """Solve, from the start or from what a checkpoint kept."""
        with arithmetic(self.precision):
            return self._run(clock, folder, every, saved)

    @property
    def _plain(self) -> bool:
        """Whether all is left to us that a march would have to follow."""
        given = (self.field, self.method, self.points, self.weighting)
        return all(a is None for a in given) and self.precision == 64

    def _choice(self) -> Choice:
        choice = choose(self.method, self.field, self.problem)
        method = choice.method
        method = method.mixed() if self.precision == "mixed" else fitting(method)
        return replace(choice, method=method)

    def _run(
        self,
        clock: Clock,
        folder: Folder | None,
        every: float,
        saved: Checkpoint | None,
    ) -> Solution:
        choice = self._choice()
        problem, field = fitting((self.problem, self.field))
        key, tol, method = self.key, self.tol, choice.method
        show = observer(self.progress, self.callbacks, self.budget_s)
        keys = Keys(key)
        source = PointSource(problem, self.points, key=keys())
        own = field is None
        if own:
            shape = field_shape(problem)
            field = method.default_field(problem, shape, key=keys())
        else:
            field = method.adopted(problem, field)
            check_field(problem, field)
            shape = shape_of(field, problem)
        method.check(problem, field)
        counts = source.counts(method.number_of_points(field))
        train = source.draw(counts)
        jets = analyse(problem, shape, train)
        choice = settled(choice, structure(jets))
        if self._plain:
            choice = marching(choice, problem, shape, jets, train)
        if choice.method is not method:
            method = choice.method
            field = method.default_field(problem, shape, key=keys())
            counts = source.counts(method.number_of_points(field))
            train = source.draw(counts)
        report = preflight(
            problem, field, key=key, points=train, jets=jets, tol=tol, own=own
        )
        report = report.allowing(self.allow)
        if not report.ok:
            raise PreflightError(report)
        show.preflight(report)

        budget = self.budget_s
        deadline = None if budget is None else clock.begin + budget
        session = Session(
            problem,
            shape,
            method,
            source,
            jets,
            weights=weights_of(problem, self.weighting),
            balance=self.balance,
            tol=tol,
            deadline=deadline,
            show=show,
            keys=keys,
            store=None if folder is None else self._store(folder, problem, shape),
            every=every,
            saved=saved,
        )
        with show:
            ended = session.work(field, own, counts)
            if session.best is None:
                raise KeyboardInterrupt
            if math.isnan(session.estimate) and ended is not Result.interrupted:
                session.estimate_by_correction()
            try:
                figures = measure(
                    Residuals(problem, by_operator(problem, jets), structure(jets)),
                    session.best,
                    session.judge,
                    source.draw({"equation": ERROR_POINTS}, FRESH)["equation"],
                )
            except KeyboardInterrupt:  # the solution is kept, only not measured
                figures, ended = (
                    collections.defaultdict(lambda: None),
                    Result.interrupted,
                )
        estimate = session.estimate
        lacking = self.field is None and any(
            finding.id == "missing-condition" for finding in report.findings
        )
        reached = None if tol is None else bool(estimate <= tol) and not lacking
        if lacking and ended is None:
            ended = Result.undetermined
        result = _result(ended, tol, reached, getattr(session.plan, "ending", ""))
        compile_s, wall = clock.stop()
        unknowns = method.found(session.plan, session.best)
        full = SolveReport(
            problem=problem.name or "problem",
            method=method.name,
            reason=choice.reason,
            dim=problem.domain.dim,
            unknowns=sum(
                a.size for a in jax.tree.leaves(eqx.filter(session.best, unknowns))
            ),
            points=session.rows,
            relative_l2=figures["relative_l2"],
            max_error=figures["max_error"],
            estimate=None if math.isnan(estimate) else estimate,
            bound=None,
            residual_fresh=figures["residual_fresh"],
            condition_violation=figures["condition_violation"],
            conserved=figures["conserved"],
            tol=tol,
            reached=reached,
            result=str(result),
            compile_s=compile_s,
            run_s=wall - compile_s,
            wall_s=wall,
            peak_memory_mib=peak_memory(),
            precision=self._ran(session),
            device=str(jax.devices()[0].device_kind),
            seed=seed(key),
            versions=versions(),
            preflight=report,
            remarks=session.remarks,
        )
        return Solution(
            session.best, self.problem, full, tuple(session.history), result
        )

    def _ran(self, session: Session) -> Precision:
        """The precision of the rows as they come out, where they may differ."""
        if self.precision != 32:
            return self.precision
        residuals, field, points = session.residuals, session.best, session.judge
        rows = eqx.filter_eval_shape(residuals.rows, field, points)
        return 64 if rows.dtype == np.float64 else 32

    def _store(self, folder: Folder, problem: Problem, shape: tuple[int, ...]) -> Store:
        """Writes what a session keeps, with all that a new process must know."""
        header, arrays = written(self, shape)
        arrays["fingerprint"] = fingerprint(problem, shape)

        def store(state: dict[str, Any], more: dict[str, np.ndarray]) -> None:
            folder.write({**header, **state}, {**arrays, **more})

        return store


def _result(
    ended: Result | None, tol: float | None, reached: bool | None, ending: str
) -> Result:
    if ended is not None:
        return ended
    if tol is None:
        return Result.finished
    if reached:
        return Result.reached
    early = {"stalled": Result.stalled, "largest": Result.largest}
    return early.get(ending, Result.not_reached)
