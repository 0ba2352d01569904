"""A solve in windows of time: one solve after another, joined to one solution."""

import contextlib
import math
import re
import time as clocks
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.random as jr
import numpy as np

from ._checkpoint import Checkpoint, Folder
from ._checks import is_whole
from ._compiled import Compiled
from ._condition import Initial
from ._equation import analyse, field_shape, fingerprint, structure
from ._kept import kind_of, written
from ._measure import measure, rms
from ._method import TARGET, TimeWindows
from ._network import Windowed
from ._operators import dt
from ._points import FRESH, PointSource
from ._precision import arithmetic
from ._problem import Problem, shape_of
from ._residuals import Residuals
from ._sampling import AbstractAdaptive
from ._session import JUDGE_POINTS
from ._solution import Result, Solution
from ._task import Clock, Task
from ._weighting import by_operator
from .metrics import ERROR_POINTS

_LEAST_TOLERANCE = {32: 1e-5, 64: 1e-13, "mixed": 1e-13}
# Windows no shorter than this share of the whole time.
_SHORTEST = 1 / 256
# A half of the window has to lower the error by this factor to be worth it.
_WORTH = 0.5
# Relative errors above this are no solution, so they tell nothing of shorter windows.
_USELESS = 1e-2
# Windows in turn that met their tolerance, after which the next is twice as long.
_EASY = 2


@dataclass(frozen=True)
class _Window:
    time: tuple[float, float]
    solution: Solution
    size: float

    @property
    def length(self) -> float:
        return self.time[1] - self.time[0]

    @property
    def error(self) -> float:
        """Estimated, root mean square, in the unit of the field."""
        estimate = self.solution.report.estimate
        return math.nan if estimate is None else estimate * self.size


@dataclass(frozen=True)
class InWindows:
    """The solve of a task by a method that is used on one window after another."""

    task: Task
    method: TimeWindows
    older: bool = False  # go on from the checkpoint before the last

    def __post_init__(self):
        problem, points = self.task.problem, self.task.points
        if problem.time is None:
            raise ValueError(
                "`method`: `TimeWindows` needs a problem with a time; give `Problem` "
                f"`time=(t0, t1)`, or use `{type(self.method.method).__name__}` alone."
            )
        if not any(isinstance(c, Initial) for c in problem.conditions):
            raise ValueError(
                "`method`: `TimeWindows` starts each window from where the one before "
                "has ended, and the first from a `pinn.Initial`, which the problem "
                "lacks."
            )
        if isinstance(points, Mapping):
            for name, value in points.items():
                if not is_whole(value) and not isinstance(value, AbstractAdaptive):
                    raise ValueError(
                        f"`points` of {name!r} are an array, which `TimeWindows` "
                        "cannot share out; give their number."
                    )

    def run(
        self,
        clock: Clock,
        *,
        folder: Folder | None = None,
        every: float = 30.0,
        saved: Checkpoint | None = None,
    ) -> Solution:
        """Solve window after window, and join what was found."""
        with arithmetic(self.task.precision):
            shape = self._shape()
            if folder is not None and saved is None:
                header, arrays = written(self.task, shape)
                arrays["fingerprint"] = fingerprint(self.task.problem, shape)
                folder.write({**header, "method": kind_of(self.method)}, arrays)
            path = None if folder is None else folder.path
            windows, ended = self._windows(clock, path, every)
            return self._joined(windows, ended, shape, clock)

    def _shape(self) -> tuple[int, ...]:
        field, problem = self.task.field, self.task.problem
        return field_shape(problem) if field is None else shape_of(field, problem)

    def _windows(
        self, clock: Clock, path: Path | None, every: float
    ) -> tuple[list[_Window], Result | None]:
        start, stop = _limits(self.task.problem)
        whole, count = stop - start, self.method.windows
        shortest = whole * (_SHORTEST if count is None else 1.0 / count)
        length, found = whole / (count or 1), []
        adaptive, easy, number = count is None, 0, 0
        longer: _Window | None = None  # the window that is being halved
        while True:
            begin = found[-1].time[1] if found else start
            # No sliver is left over at the end.
            end = stop if begin + 1.01 * length >= stop else begin + length
            number += 1
            try:
                window = self._solve((begin, end), found, number, clock, path, every)
            except KeyboardInterrupt:
                if not found:
                    raise
                return found, Result.interrupted
            ended, met = window.solution.result, _met(window)
            if ended is Result.interrupted:
                return [*found, longer or window], ended
            if adaptive and not met and ended is not Result.budget:
                if longer is not None and not _worth(longer, window):
                    # Shorter windows do not help; all that follow are as long as that.
                    adaptive, window, length = False, longer, longer.length
                elif window.length / 2 >= shortest:
                    longer, length, easy = window, window.length / 2, 0
                    continue
            found.append(window)
            longer = None
            if ended is Result.diverged or _late(clock, self.task.budget_s):
                return found, ended
            if window.time[1] >= stop:
                return found, None
            easy = easy + 1 if met else 0
            if adaptive and easy >= _EASY:
                length, easy = 2 * length, 0

    def _solve(
        self,
        time: tuple[float, float],
        before: list[_Window],
        number: int,
        clock: Clock,
        path: Path | None,
        every: float,
    ) -> _Window:
        """One window, from the start or from what its own folder has kept."""
        task, (start, stop) = self.task, _limits(self.task.problem)
        share = (time[1] - time[0]) / (stop - start)
        last = before[-1].solution.field if before else None
        budget = None
        if task.budget_s is not None:
            left = clock.begin + task.budget_s - clocks.perf_counter()
            budget = max(left, 1e-3) * (time[1] - time[0]) / (stop - time[0])
        target = TARGET if task.tol is None else task.tol
        own = replace(
            task,
            problem=_within(task.problem, time, last),
            field=task.field if last is None or task.field is None else last,
            method=self.method.method,
            key=jr.fold_in(task.key, number),
            tol=max(share * target, _LEAST_TOLERANCE[task.precision]),
            budget_s=budget,
        )
        if path is None:
            solution = own.run(Clock())
        else:
            solution = _kept(own, path / f"window-{number:04d}", every, self.older)
        some = own.problem.equation.sample(ERROR_POINTS, key=jr.key(0)).arguments
        return _Window(time, solution, rms(np.asarray(_values(solution.field, some))))

    def _joined(
        self,
        windows: list[_Window],
        ended: Result | None,
        shape: tuple[int, ...],
        clock: Clock,
    ) -> Solution:
        task, problem = self.task, self.task.problem
        field: Any = windows[-1].solution.field
        if len(windows) > 1:
            fields = tuple(w.solution.field for w in windows)
            field = Windowed(fields, tuple(w.time[0] for w in windows[1:]))
        source = PointSource(problem, task.points, key=jr.fold_in(task.key, 0))
        fresh = source.draw(source.counts(JUDGE_POINTS), FRESH)
        jets = analyse(problem, shape, fresh)
        residuals = Residuals(problem, by_operator(problem, jets), structure(jets))
        many = source.draw({"equation": ERROR_POINTS}, FRESH)["equation"]
        figures = measure(residuals, field, fresh, many)
        estimate = _estimate(windows)
        reached = None if task.tol is None else bool(estimate <= task.tol)
        reports = [w.solution.report for w in windows]
        compile_s, wall = clock.stop()
        remarks = _remarks(
            [(w.time, r.remarks) for w, r in zip(windows, reports, strict=True)]
        )
        if windows[-1].time[1] < _limits(problem)[1]:
            remarks.append(
                f"the last window that was solved ends at t = {windows[-1].time[1]:.6g}"
                "; from there on the field is that of this window"
            )
        result = ended
        if ended is None:
            result = Result.reached if reached else Result.not_reached
            result = Result.finished if task.tol is None else result
        assert result is not None
        n = len(windows)
        full = replace(
            reports[0],
            method=f"{reports[0].method} in {n} window{'s' if n > 1 else ''} of time",
            unknowns=sum(r.unknowns for r in reports),
            points=sum(r.points for r in reports),
            estimate=None if math.isnan(estimate) else estimate,
            tol=task.tol,
            reached=reached,
            result=str(result),
            compile_s=compile_s,
            run_s=wall - compile_s,
            wall_s=wall,
            peak_memory_mib=reports[-1].peak_memory_mib,
            remarks=tuple(remarks),
            **figures,
        )
        history = tuple(
            {**record, "window": w.time}
            for w in windows
            for record in w.solution.history
        )
        return Solution(field, problem, full, history, result)


class _Ended(eqx.Module):
    """A field, or its rate, at one time: the initial data of the next window."""

    field: Any
    time: float = eqx.field(static=True)
    component: int | None = eqx.field(static=True)
    rate: bool = eqx.field(static=True)

    def __call__(self, x: Any) -> Any:
        u: Any = dt(self.field) if self.rate else self.field
        # In the numbers of the point, which are those of the whole program.
        value = u(np.asarray(self.time, x.dtype), x)
        return value if self.component is None else value[self.component]


def _within(problem: Problem, time: tuple[float, float], last: Any) -> Problem:
    """The problem in one window, from where the last field ends."""
    conditions = []
    for condition in problem.conditions:
        if isinstance(condition, Initial) and last is not None:
            data = [
                _Ended(last, time[0], condition.component, rate)
                for rate in (False, True)[: 1 if condition.rate is None else 2]
            ]
            condition = Initial(
                *data,
                name=condition.name,
                weight=condition.weight,
                component=condition.component,
            )
        conditions.append(condition)
    return replace(problem, conditions=conditions, time=time)


def _kept(task: Task, path: Path, every: float, older: bool) -> Solution:
    """Solve with checkpoints in a folder, from the last of them if there are any."""
    begun = path.is_dir() and any(path.glob("state-*.npz"))
    with contextlib.closing(Folder(path, new=not begun)) as folder:
        # Of the windows, only the one that was under way may be damaged.
        latest = path == max(path.parent.glob("window-*"))
        saved = folder.read(older and latest) if begun else None
        return task.run(Clock(), folder=folder, every=every, saved=saved)


def _late(clock: Clock, budget_s: float | None) -> bool:
    return budget_s is not None and clocks.perf_counter() > clock.begin + budget_s


def _limits(problem: Problem) -> tuple[float, float]:
    assert problem.time is not None
    return problem.time


def _met(window: _Window) -> bool:
    return bool(window.solution.report.reached)


def _worth(longer: _Window, shorter: _Window) -> bool:
    """Whether half the time has made the error smaller, or still shorter ones may."""
    if math.isnan(shorter.error):
        return False
    if shorter.error > _USELESS * shorter.size:
        return True
    return math.isnan(longer.error) or shorter.error < _WORTH * longer.error


def _remarks(
    windows: list[tuple[tuple[float, float], tuple[str, ...]]],
) -> list[str]:
    """The times and remarks of windows, once those where only the numbers differ."""
    found: dict[str, list[str]] = {}
    for (start, stop), remarks in windows:
        for text in remarks:
            same = re.sub(r"[-+.\d]+(e[-+]?\d+)?", "", text)
            remark = f"t = {start:.6g} to {stop:.6g}: {text}"
            found.setdefault(same, []).append(remark)
    return [
        first if not others else f"{first} (so in {len(others) + 1} windows)"
        for first, *others in found.values()
    ]


def _estimate(windows: list[_Window]) -> float:
    r"""The relative error, if no error grows in time after it was made.

    With $e_k$ the error that window $k$, of duration $l_k$, adds, it is
    $\sqrt{\sum_k l_k (e_1 + \dots + e_k)^2}$ over the norm of the field.
    """
    lengths = np.array([w.length for w in windows])
    errors = np.cumsum([w.error for w in windows])
    size = np.sum(lengths * np.array([w.size for w in windows]) ** 2)
    return float(np.sqrt(np.sum(lengths * errors**2) / size)) if size > 0 else math.nan


_values = Compiled(lambda field, arguments: jax.vmap(field)(*arguments))
