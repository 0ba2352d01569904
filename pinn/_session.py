"""The outer loop: segment after segment, each judged on points that none has seen."""

import dataclasses
import math
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from ._checkpoint import Checkpoint, filled, leaves_of
from ._compiled import Compiled
from ._equation import TermJet, analyse, structure
from ._estimate import (
    NEARLY_SINGULAR,
    difference_in_time,
    hidden_error,
    lack,
    least_error,
    still_to_come,
)
from ._host import fold_in
from ._interrupt import Interrupts
from ._loop import Stopped, run
from ._measure import rms
from ._method import (
    TARGET,
    AbstractFoundation,
    AbstractMethod,
    Block,
    Evidence,
    Lack,
)
from ._network import Evolved
from ._points import FRESH, PointSource, joined, on_device
from ._problem import Problem
from ._progress import Progress
from ._residuals import Residuals
from ._solution import Result
from ._weighting import AbstractBalance, by_operator

Counts: TypeAlias = dict[str, int]
Store: TypeAlias = Callable[[dict[str, Any], dict[str, np.ndarray]], None]

JUDGE_POINTS = 2000
# Share of a residual that two fields differ by, from which their difference tells what
# the residual does to a field.
_TELLING = 0.5
# Below this the change that leaves so little is no approximation.
_SINGULAR = 1e-11
# Fields that leave more of their size are no solution, so tell nothing of a problem.
_NO_SOLUTION = 1e-2

# Seconds between two looks at how good the field is, where progress is shown.
_LOOK_S = 1.0


class Keys:
    """As many random keys as are asked for, from one."""

    def __init__(self, key: PRNGKeyArray):
        self._key, self.count = key, 0

    def __call__(self) -> PRNGKeyArray:
        self.count += 1
        return fold_in(self._key, self.count)


class Segment(NamedTuple):
    """One field to work on, and the points for it.

    Attributes
    ----------
    field
        What the method starts from.
    counts
        Number of row inputs of each term.
    stream
        Which stream of points.
    note
        What it is, for progress and history.
    origin
        What the method remembered when it drew a field of this structure.
    crowd
        Points that take the place of some of the equation's, ``(k, in_size)``.
    smaller
        What the fields that this one holds have brought, the smallest first; `counts`
        are added to those of the last.
    """

    field: Any
    counts: Counts
    stream: int
    note: str
    origin: Any
    crowd: np.ndarray | None = None
    smaller: "tuple[Drawn, ...]" = ()


class Drawn(NamedTuple):
    """The unknowns of a field, and the points that came with it."""

    unknowns: int
    counts: Counts
    stream: int


class Session:
    """One solve under way.

    Attributes
    ----------
    best
        The field with the least weighted residual on fresh points so far.
    estimate
        Its estimated relative L2 error, ``nan`` where there is none.
    rows
        Number of row inputs it was found with.
    history
        A record of every segment.
    """

    def __init__(
        self,
        problem: Problem,
        shape: tuple[int, ...],
        method: AbstractMethod,
        source: PointSource,
        jets: Mapping[str, TermJet],
        *,
        weights: Mapping[str, float],
        balance: AbstractBalance | None = None,
        tol: float | None,
        deadline: float | None,
        show: Progress,
        keys: Keys,
        store: Store | None = None,
        every: float = 30.0,
        saved: Checkpoint | None = None,
    ):
        self.problem, self.shape, self.method = problem, shape, method
        self.source, self.keys = source, keys
        self.weights, self.balance = weights, balance
        self.tol, self.target = tol, TARGET if tol is None else tol
        self.deadline, self.show = deadline, show
        self.judge = source.draw(source.counts(JUDGE_POINTS), FRESH)
        self._balance(jets)
        self.best: Any = None
        self.estimate = math.nan
        self.rows = 0
        self.history: list[dict[str, Any]] = []
        self.plan: Any = None
        self._fresh = math.inf
        self._values: np.ndarray | None = None
        self._rows = np.zeros(0)  # of the best, on the points that judge
        self._exact: np.ndarray | None = None
        self._next_look = 0.0
        self.store, self.every, self._saved = store, every, saved
        self._origin: Any = None  # of the best
        self._blocks: tuple[Drawn, ...] = ()  # that it is made of
        self._foundation: AbstractFoundation | None = None  # for a field that holds it
        self._corrected = math.inf  # the stability that the last estimate has found
        self._begin = self._written = time.perf_counter()
        self._interrupts = Interrupts()

    def work(self, field: Any, own: bool, counts: Counts) -> Result | None:
        """Segment after segment until the method has nothing to add.

        Returns
        -------
        Result or None
            Why it ended early, if it did.
        """
        state = None
        if self._saved is not None:
            first, state = self._restore(field, own)
        else:
            plan = self.method.plan if own else self.method.plan_of_given
            self.plan = plan(self.problem, self.shape, self.tol)
            first = Segment(field, counts, 1, "start", self.method.remember(self.plan))
        if first is None:  # a finished solve
            return None
        if self._saved is None:
            self._save(first)
        with self._interrupts:
            return self._work(first, state)

    def _work(self, segment: Segment, state: Any) -> Result | None:
        try:
            while True:
                self._interrupts.check()
                ended, field, said, foundation = self._run(segment, state)
                state = None
                was_growing = self._growing
                evidence = self._take(field, segment, said, foundation)
                if ended is not None:
                    return ended
                self.plan, refinement = self.method.refine(
                    self.plan, self.best, evidence, key=self.keys()
                )
                if refinement is None:
                    self._save(None)
                    return None
                if (
                    self._growing
                    and not was_growing
                    and not self.residuals.structure.affine
                ):
                    self._rebalance()
                drawn = refinement.field is not self.best
                segment = Segment(
                    refinement.field,
                    self.source.counts(refinement.points),
                    refinement.stream,
                    refinement.note,
                    self.method.remember(self.plan) if drawn else self._origin,
                    refinement.crowd,
                    self._blocks if refinement.enlarges else (),
                )
                self._save(segment)
        except KeyboardInterrupt:
            return Result.interrupted
        except StopIteration:  # from a callback that was shown the segment
            return Result.budget

    def _run(
        self, segment: Segment, state: Any
    ) -> tuple[Result | None, Any, dict[str, Any], AbstractFoundation | None]:
        """The inner loop on one field: its best state, also if it ends early, what the
        method has to say of it, and what a larger field can be built on."""
        method = self.method.worker(self.plan)
        self.show.segment(segment.note, method)
        points = self.source.draw(segment.counts, segment.stream, segment.crowd)
        inputs = on_device(points) if method.compiled else points
        drawn = self.keys.count
        key = self.keys()
        if segment.smaller:
            blocks = [
                Block(one.unknowns, self.source.draw(one.counts, one.stream))
                for one in segment.smaller
            ]
            blocks.append(Block(self._unknowns(segment.field), inputs))
            inputs = joined(block.points for block in blocks)
            latest = method.enlarge(
                self.residuals, segment.field, blocks, self._foundation, key=key
            )
        else:
            latest = method.init(self.residuals, segment.field, inputs, key=key)
        if state is not None:
            latest = filled(latest, "state", state)

        def keep(state: Any) -> None:
            nonlocal latest
            latest = state

        def observe(info: dict[str, Any]) -> None:
            due = time.perf_counter() - self._written > self.every
            if method.compiled and self.store is not None and due:
                self._save(segment, latest, drawn)
            self._interrupts.check()
            self.show.record({"seconds": time.perf_counter() - self._begin, **info})
            self._look(lambda: method.field(latest))
            if self.deadline is not None and time.perf_counter() > self.deadline:
                raise Stopped

        ended = None
        try:
            run(method, self.residuals, inputs, latest, observe, keep)
        except KeyboardInterrupt:
            ended = Result.interrupted
        except (Stopped, StopIteration):
            ended = Result.budget
        except FloatingPointError:
            ended = Result.diverged
        if method.failed(latest):
            ended = Result.diverged
        elif ended is not None:  # from here `resume` goes on
            self._save(segment, latest if method.compiled else None, drawn)
        stability = method.stability(latest)
        said = {
            "weights": method.weights(self.residuals, latest),
            "stability": stability if math.isfinite(stability) else None,
            "remark": method.remark(latest),
        }
        said = {k: v for k, v in said.items() if v}
        return ended, method.field(latest), said, method.foundation(latest)

    def _unknowns(self, field: Any) -> int:
        unknown = self.method.worker(self.plan).unknowns(field)
        return sum(a.size for a in jax.tree.leaves(eqx.filter(field, unknown)))

    def _save(
        self, segment: Segment | None, state: Any = None, drawn: int | None = None
    ) -> None:
        """Keep all that the rest of the solve depends on, if it is to be kept.

        `drawn` is the number of keys before the segment began.
        """
        if self.store is None:
            return
        header: dict[str, Any] = {
            "memory": self.method.remember(self.plan),
            "origin": self._origin,
            "blocks": self._blocks,
            "has_best": self.best is not None,
            "estimate": self.estimate,
            "rows": self.rows,
            "history": self.history,
            "keys": self.keys.count if drawn is None else drawn,
            "segment": None,
            "has_state": state is not None,
        }
        arrays = {
            f"factor.{k}": np.asarray(a) for k, a in self.residuals.factors.items()
        }
        if self.best is not None:
            arrays |= leaves_of(self.best, "best")
        if segment is not None:
            header["segment"] = {
                "counts": segment.counts,
                "stream": segment.stream,
                "note": segment.note,
                "origin": segment.origin,
                "smaller": segment.smaller,
            }
            arrays |= leaves_of(segment.field, "field")
            if segment.crowd is not None:
                arrays["crowd"] = segment.crowd
        if state is not None:
            arrays |= leaves_of(state, "state")
        try:
            self.store(header, arrays)
        except OSError as error:
            # A full disk costs the checkpoint, not the solve.
            warnings.warn(
                f"a checkpoint could not be written ({error}); the solve goes on",
                RuntimeWarning,
                stacklevel=2,
            )
        self._written = time.perf_counter()

    def _restore(self, field: Any, own: bool) -> tuple[Segment | None, Any]:
        """Take up what `_save` kept: the segment under way, and its state if any."""
        assert self._saved is not None
        header, arrays, _ = self._saved
        method, problem = self.method, self.problem

        def recalled(memory: Any) -> Any:
            if memory is None:
                return None
            return method.recall(problem, self.shape, self.tol, memory)

        def like(origin: Any) -> Any:
            if not own:
                return method.grown(problem, field, origin, self.tol)
            return method.template(problem, self.shape, recalled(origin))

        self.plan = recalled(header["memory"])
        kept = {k: jnp.asarray(arrays[f"factor.{k}"]) for k in self.residuals.factors}
        self.residuals = dataclasses.replace(self.residuals, factors=kept)
        self.history, self.rows = header["history"], header["rows"]
        self.keys.count = header["keys"]
        if header["has_best"]:
            self._origin = header["origin"]
            self.best = filled(like(self._origin), "best", arrays)
            self._fresh, self._values = self._judge_best()
            self.estimate = header["estimate"]
            self._blocks = tuple(Drawn(*one) for one in header["blocks"])
        if header["segment"] is None:
            return None, None
        start = filled(like(header["segment"]["origin"]), "field", arrays)
        state = arrays if header["has_state"] else None
        crowd = arrays.get("crowd")
        segment = Segment(start, **header["segment"], crowd=crowd)
        smaller = tuple(Drawn(*one) for one in segment.smaller)
        return segment._replace(smaller=smaller), state

    def _take(
        self,
        field: Any,
        segment: Segment,
        said: dict[str, Any],
        foundation: AbstractFoundation | None,
    ) -> Evidence:
        """Judge a field on fresh points, and keep it if it is the best."""
        if foundation is not None:
            rows, values = foundation.judge(field, self.judge)
        else:
            rows, values = self.method.judge(self.residuals, field, self.judge)
        fresh = _relative(rows, values)
        record: dict[str, Any] = {"note": segment.note, "fresh": fresh, **said}
        self.history.append(record)
        estimate = math.nan
        own = Drawn(self._unknowns(field), segment.counts, segment.stream)
        blocks = (*segment.smaller, own)
        count = sum(sum(block.counts.values()) for block in blocks)
        if self._growing and self._values is not None and not segment.smaller:
            if np.any(values) or np.any(rows):
                estimate = self._compared(field, rows, values, fresh, count)
            else:
                found = self._lack_of(field)
                estimate, self._corrected = found.error, found.stability
        if self.best is None or fresh < self._fresh:
            self.best, self.rows = field, count
            self._origin = self.method.origin(segment.origin, field)
            self._blocks, self._foundation = blocks, foundation
            self._fresh, self._values, self._rows = fresh, values, rows
            if segment.smaller:
                estimate = self._by_residual()
            self.estimate = estimate
        elif self._growing:
            self.estimate = float(np.fmin(self.estimate, estimate))
        record |= {
            "terms": self._by_term(rows),
            "estimate": estimate,
            "rows": count,
            "seconds": time.perf_counter() - self._begin,
        }
        self.show.judged(record)
        return Evidence(
            fresh,
            self.estimate,
            self.target,
            affine=self.residuals.structure.affine,
            candidates=self.source.candidates,
            lack=self._lack,
            origin=self._origin,
        )

    def _compared(
        self,
        field: Any,
        rows: np.ndarray,
        values: np.ndarray,
        fresh: float,
        count: int,
    ) -> float:
        """The error by what a field drawn anew differs by from the best one.

        With other features on other points that is about the error of the worse of the
        two. But both may lack the same, which the residual on fresh points still shows,
        and how slowly it falls as the number of rows, `count`, grows.
        """
        assert self._values is not None
        size = rms(values)
        change = rms(values - self._values) / size if size > 0 else 0.0
        duration = self.problem.time
        if isinstance(field, Evolved) and isinstance(self.best, Evolved) and duration:
            x = np.asarray(self.judge["equation"].arguments[-1])
            change = max(change, difference_in_time(field, self.best, x, duration))
        least = least_error(fresh, self._stability)
        if self.method.measures_gain:
            # What rows do to a field is known where both have changed.
            apart = _relative(rows - self._rows, values)
            if apart >= _TELLING * fresh > 0:
                least = min(least, fresh * change / apart)
            return max(change, least)
        return max(change, least) * still_to_come(self._ratio(fresh, count))

    def _ratio(self, fresh: float, count: int) -> float:
        """A residual over the least of all fields with fewer rows.

        Where the equation is nonlinear, the rows were balanced anew before growth.
        """
        smaller = [
            record["fresh"]
            for record in self.history[:-1]
            if record["rows"] < count
            and (self.residuals.structure.affine or record["estimate"] > 0)
        ]
        least = min(smaller, default=math.inf)
        return fresh / least if least > 0 else 1.0

    def _by_residual(self) -> float:
        """The error of the best field by its residual alone.

        What the residual may hide, until that would do; then by the correction that it
        asks for.
        """
        hidden = hidden_error(self._fresh, self._stability)
        if hidden > self.target:
            return hidden
        # What moving the field changes is in none of the other estimates of growth.
        self.estimate_by_correction(moved=False)
        return self.estimate

    def _judge_best(self) -> tuple[float, np.ndarray]:
        """The weighted residual over the size of the field, and the field's values."""
        self._rows, values = self.method.judge(self.residuals, self.best, self.judge)
        return _relative(self._rows, values), values

    def _by_term(self, rows: np.ndarray) -> dict[str, float]:
        """The loss of every term, half the sum of its squared rows."""
        losses, start = {}, 0
        for name, inputs in self.judge.items():
            end = start + len(inputs.arguments[-1]) * self.residuals.factors[name].size
            losses[name] = 0.5 * float(np.sum(rows[start:end] ** 2))
            start = end
        return losses

    def _look(self, current: Callable[[], Any]) -> None:
        """Show how good the field is, from time to time, where somebody looks on.

        It takes what judges the field at the end of the segment, so nothing more is
        compiled but the exact solution, and at most a twentieth of the time.
        """
        begin = time.perf_counter()
        if not self.show.live or begin < self._next_look:
            return
        rows, values = self.method.judge(self.residuals, current(), self.judge)
        self.show.looked(self._by_term(rows), self._error(values))
        end = time.perf_counter()
        self._next_look = end + max(_LOOK_S, 20 * (end - begin))

    def _error(self, values: np.ndarray) -> float | None:
        """The relative L2 error where the exact solution is known."""
        if self.problem.exact is None:
            return None
        if self._exact is None:
            arguments = on_device(self.judge["equation"].arguments)
            self._exact = np.asarray(_evaluated(self.problem.exact, arguments))
        exact = self._exact.reshape(values.shape)
        size = rms(exact)
        return rms(values - exact) / size if size > 0 else None

    @property
    def _growing(self) -> bool:
        return getattr(self.plan, "growing", False)

    def _balance(self, jets: Mapping[str, TermJet]) -> None:
        self.residuals = Residuals(
            self.problem,
            by_operator(self.problem, jets, self.weights),
            structure(jets),
            balance=self.balance,
            sampler=self.source.adaptive,
            sequence=self.source.sequence,
            given=tuple(self.source.fixed),
        )

    def _rebalance(self) -> None:
        """Take the size of a nonlinear operator at the solution, no longer at zero."""
        jets = analyse(self.problem, self.shape, self.judge, field=self.best)
        self._balance(jets)
        self._fresh, _ = self._judge_best()

    @property
    def remarks(self) -> tuple[str, ...]:
        """What there is to be said of the best field: where each segment has a field
        of its own, nothing of those that were given up."""
        kept = self.history
        if self._growing and kept:
            kept = [min(kept, key=lambda record: record["fresh"])]
        said = [record["remark"] for record in kept if "remark" in record]
        if self._stability < _SINGULAR:
            said.append(
                "the equation and its conditions do not determine the solution: a "
                "change of it, such as a constant or an eigenfunction, leaves no "
                "residual. Add a condition that forbids it, for example a value at a "
                "place"
            )
        elif self._stability < NEARLY_SINGULAR:
            said.append(
                "the problem is nearly singular: a change of the solution as large as "
                f"itself may leave a residual of only {self._stability:.0e}; so a "
                "small residual tells little of the error, unless the form of the "
                "field forbids that change"
            )
        return tuple(said)

    @property
    def _stability(self) -> float:
        """How well small residuals tell small errors: the least that was found."""
        found = [
            record["stability"]
            for record in self.history
            if "stability" in record and record["fresh"] <= _NO_SOLUTION
        ]
        if self._fresh <= _NO_SOLUTION:
            found.append(self._corrected)
        return min(found, default=math.inf)

    def estimate_by_correction(self, moved: bool = True) -> None:
        """Estimate the error of a best field on its own."""
        try:
            found = self._lack(moved)
        except KeyboardInterrupt:
            self.estimate = math.nan  # "unknown" in the report
        else:
            self.estimate, self._corrected = found.error, found.stability

    def _lack(self, moved: bool = True) -> Lack:
        """What the best field lacks."""
        self.show.segment("estimate of the error", self.method)
        return self._lack_of(self.best, moved)

    def _lack_of(self, field: Any, moved: bool = True) -> Lack:
        """What a field lacks, by J e = -r."""
        judged = self.source, self.judge, self.keys()
        try:
            return lack(self.residuals, field, *judged, moved=moved)
        except (FloatingPointError, np.linalg.LinAlgError):
            return Lack()


def _relative(rows: np.ndarray, values: np.ndarray) -> float:
    """The weighted residual over the size of the field."""
    size, residual = rms(values), float(np.linalg.norm(rows))
    if size > 0:
        return residual / size
    return math.inf if residual > 0 else 0.0


_evaluated = Compiled(lambda field, arguments: jax.vmap(field)(*arguments))
