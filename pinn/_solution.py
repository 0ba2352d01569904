"""What a solve returns: a field, and how good it is."""

import enum
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field as dataclass_field
from pathlib import Path
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from ._checks import is_whole
from ._conserved import integrals
from ._crossings import crossings
from ._evaluate import evaluated
from ._precision import Precision, arithmetic, fitting
from ._preflight import Report as PreflightReport
from ._problem import Problem
from .metrics import ERROR_POINTS, relative_l2


class Result(enum.Enum):
    """How a solve ended."""

    reached = "The estimated error is within the tolerance."
    finished = "The method ended as planned; no tolerance was asked for."
    stalled = "The tolerance was not reached: the estimated error stopped falling."
    largest = (
        "The tolerance was not reached with the largest number of features allowed."
    )
    not_reached = "The method ended before the estimated error met the tolerance."
    undetermined = (
        "The problem lacks a condition, so this is one of many solutions; what is "
        "lacking stands in the check."
    )
    budget = "The time budget was used up; this is the best solution so far."
    interrupted = "Interrupted; this is the best solution so far."
    diverged = (
        "The iteration met numbers that are not finite; this is the best solution "
        "before that."
    )

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class SolveReport:
    """Figures of a solve. Lengths, times and the field are in the caller's units.

    Attributes
    ----------
    problem, method, reason
        What was solved, how, and why so.
    dim, unknowns, points
        Coordinates of space, trained numbers, row inputs of all terms.
    relative_l2, max_error
        Against the exact solution on fresh points (relative; in the unit of the
        field); ``None`` without one.
    estimate
        Estimated relative L2 error; ``None`` if there is none.
    bound
        Proven bound of the error; ``None`` as yet.
    residual_fresh
        On fresh points: root mean square of the equation's residual over that of the
        sum of the sizes of its parts, dimensionless.
    condition_violation
        The largest over the conditions of the root mean square of the residual,
        divided by the operator's size and by the root mean square of the field.
    tol, reached, result
        The tolerance asked for, whether the estimate meets it, and how the solve ended.
    compile_s, run_s, wall_s
        Seconds of compilation, of everything else, and of both.
    precision
        Bits of the numbers that the rows were computed in, 64 or 32; ``"mixed"`` where
        the Jacobian had 32 and the rows 64.
    remarks
        What went wrong and was mended on the way.
    conserved
        For each quantity that the problem names as conserved, by how much it changes
        over time, relative to the integral of its density's size; ``None`` without any.
    """

    problem: str
    method: str
    reason: str
    dim: int
    unknowns: int
    points: int
    relative_l2: float | None
    max_error: float | None
    estimate: float | None
    bound: float | None
    residual_fresh: float | None
    condition_violation: float | None
    tol: float | None
    reached: bool | None
    result: str
    compile_s: float
    run_s: float
    wall_s: float
    peak_memory_mib: float
    precision: Precision
    device: str
    seed: int | None
    versions: dict[str, str]
    preflight: PreflightReport = dataclass_field(repr=False)
    remarks: tuple[str, ...] = ()
    conserved: Mapping[str, float] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Numbers, strings, lists and dictionaries only; NaN becomes ``None``."""
        plain = {k: v for k, v in asdict(self).items() if k != "preflight"}
        plain["preflight"] = self.preflight.as_dict()
        return _without_nan(plain)

    def __str__(self) -> str:
        lines = [str(self.preflight), ""]
        lines += [f"{name:24}{text}" for name, text in self.rows()]
        return "\n".join(lines)

    @property
    def _precision(self) -> str:
        if self.precision == "mixed":
            return "64-bit with a 32-bit Jacobian"
        return f"{self.precision}-bit"

    def rows(self) -> list[tuple[str, str]]:
        """The figures as pairs of a name and a text, for printing."""
        number = lambda v: "unknown" if v is None else f"{v:.2e}"
        rows = [
            ("problem", f"{self.problem} ({self.dim}-D)"),
            ("method", f"{self.method}: {self.reason}"),
            ("unknowns, rows", f"{self.unknowns}, {self.points}"),
            ("result", self.result),
            *(("remark", remark) for remark in self.remarks),
            ("estimated error", number(self.estimate) + " (relative L2)"),
        ]
        if self.relative_l2 is not None:
            rows.append(("error against exact", number(self.relative_l2)))
            rows.append(("largest error", number(self.max_error)))
        rows += [
            (f"change of {name}", number(change))
            for name, change in (self.conserved or {}).items()
        ]
        rows += [
            ("residual, fresh points", number(self.residual_fresh)),
            ("condition violation", number(self.condition_violation)),
            (
                "time",
                f"{self.wall_s:.2f} s ({self.compile_s:.2f} s compiling, "
                f"{self.run_s:.2f} s running)",
            ),
            ("precision, device", f"{self._precision}, {self.device}"),
            ("peak memory", f"{self.peak_memory_mib:.0f} MiB"),
        ]
        return rows


class Solution(eqx.Module):
    """A solved problem. Call it like its field; many points by `jax.vmap`.

    Attributes
    ----------
    field
        The network that was found.
    problem
        The problem, with the coefficients that were found.
    report
        How good it is and what it cost; prints as a table.
    history
        One record for each segment of the solve, in order.
    result
        How the solve ended; its text is a sentence.

    Examples
    --------
    >>> problem = pinn.problems.poisson()
    >>> solution = pinn.solve(problem, tol=1e-6, key=jax.random.key(0))
    >>> points = problem.domain.sample(100, key=jax.random.key(1))
    >>> jax.vmap(solution)(points).shape
    (100,)
    >>> jax.vmap(pinn.grad(solution))(points).shape
    (100, 2)
    >>> solution.report.reached
    True
    >>> figure = solution.plot()
    """

    field: Callable[..., Any]
    problem: Problem
    report: SolveReport = eqx.field(static=True)
    history: tuple[Mapping[str, Any], ...] = eqx.field(static=True)
    result: Result = eqx.field(static=True)

    def __call__(self, *arguments: Any) -> Any:
        return self.field(*arguments)

    def error(self, reference: Any, *, n: int = ERROR_POINTS) -> float:
        r"""Relative L2 error against a reference, $\|u - v\| / \|v\|$.

        Parameters
        ----------
        reference
            A field (a function of the same arguments), compared on `n` random points
            of the domain; or a pair ``(points, values)`` of arrays, ``(n, in_size)``
            with one column for each coordinate (time first), and ``(n,)`` or
            ``(n, d)``.
        n
            Number of points for a field.

        Raises
        ------
        ValueError
            If the shapes do not fit the field.
        """
        with self._arithmetic():
            if callable(reference):
                problem = fitting(self.problem)
                points = problem.equation.sample(n, key=jr.key(0)).arguments
                expected: Any = jax.vmap(reference)(*points)
            else:
                points, expected = _table(self.problem, reference)
            values: Any = evaluated(self.field, tuple(points))
        if values.shape != expected.shape:
            raise ValueError(
                f"`reference` has values of shape {expected.shape}; the field has "
                f"{values.shape}."
            )
        return float(relative_l2(values, expected))

    def conserved(self, times: Any) -> dict[str, np.ndarray]:
        """The quantities that the problem names as conserved, at some times.

        Integrals over the domain: by Gauss's rule where the domain is a box or a ball,
        by 2^15 quasi-random points else.

        Parameters
        ----------
        times
            One time or many, in the caller's unit.

        Returns
        -------
        dict
            For each name an array with one row for each time.

        Raises
        ------
        ValueError
            If the problem names none.
        """
        if not self.problem.conserved:
            raise ValueError(
                "`conserved` of the problem names nothing. Write `Problem(..., "
                'conserved={"mass": lambda u, t, x: u(t, x)})`.'
            )
        with self._arithmetic():
            return integrals(fitting(self.problem), self.field, times)

    def crossings(self, function: Callable[..., Any], *, n: int = 200) -> np.ndarray:
        """The times of an event: when a quantity of the solution passes zero.

        Parameters
        ----------
        function
            ``function(t, u)``: one number, of the time and of the field at that time,
            a function of space: ``lambda t, u: u(centre) - 0.5``.
        n
            At how many times, evenly from the first to the last, signs are compared:
            two events closer to each other than that may be missed.

        Returns
        -------
        numpy.ndarray
            The times in order, in the caller's unit, none where it never does.

        Raises
        ------
        ValueError
            If the problem has no time, or `function` does not return one number.
        """
        if self.problem.time is None:
            raise ValueError(
                "`crossings` are times, which the problem does not have: give "
                "`pinn.Problem` `time=(t0, t1)`."
            )
        if not (is_whole(n) and n >= 2):
            raise ValueError(f"`n` takes an integer of at least 2; got {n!r}.")
        with self._arithmetic():
            return crossings(function, self.field, self.problem.time, n)

    def plot(
        self,
        path: str | Path | None = None,
        *,
        kind: Literal["panels", "streamlines", "slices"] = "panels",
        **options: Any,
    ) -> Any:
        """Draw the solution on the true shape.

        Parameters
        ----------
        path
            The file to write, PNG, PDF or SVG, replacing one of that name.
        kind
            ``"panels"`` are solution, error and residual side by side, see
            `pinn.plot.figure`; ``"streamlines"`` of a vector field in the plane;
            ``"slices"`` of a field in three dimensions or more.
        **options
            Passed on to `pinn.plot.figure`, `pinn.plot.streamlines` or
            `pinn.plot.slices`: ``ax=``, ``at=``, ``times=``, ``resolution=``.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ValueError
            If `kind` is another, or an option does not fit.
        """
        from . import plot

        kinds = {
            "panels": plot.figure,
            "streamlines": plot.streamlines,
            "slices": plot.slices,
        }
        if kind not in kinds:
            raise ValueError(f"`kind` takes one of {', '.join(kinds)}; got {kind!r}.")
        with self._arithmetic():
            problem = fitting(self.problem)
            options = {"time": problem.time, "title": self.report.problem, **options}
            if kind == "panels":
                residual = lambda *arguments: problem.residual(self.field, *arguments)
                options = {"exact": problem.exact, "residual": residual, **options}
            return kinds[kind](self.field, problem.domain, path, **options)

    def plot_history(self, path: str | Path | None = None, *, ax: Any = None) -> Any:
        """Draw residual, estimate and losses by segment; see `pinn.plot.history`."""
        from .plot import history

        return history(self.history, path, ax=ax)

    def animate(self, path: str | Path, **options: Any) -> None:
        """Write a film of the solution in time, GIF or MP4.

        See `pinn.plot.animation`; MP4 needs ``pip install 'pinn[video]'``.
        """
        from .plot import animation

        with self._arithmetic():
            problem = fitting(self.problem)
            options = {"title": self.report.problem, **options}
            animation(self.field, problem.domain, path, time=problem.time, **options)

    def to_xarray(self, grid: int | Mapping[str, Any] | None = None) -> Any:
        """The solution on a grid, a data set of xarray; see `pinn.export.to_xarray`.

        Its attributes are the problem's name, the method, the estimated error, the
        residual on fresh points and the version of `pinn`.
        """
        from .export import to_xarray

        with self._arithmetic():
            problem = fitting(self.problem)
            return to_xarray(
                self.field,
                problem.domain,
                grid,
                time=problem.time,
                attributes=self._attributes(),
            )

    def export(
        self, path: str | Path, grid: int | Mapping[str, Any] | None = None
    ) -> None:
        """Write the solution for another program; see `pinn.export.write`.

        The ending says which: ``.nc`` NetCDF, ``.vtu``, ``.vtk`` and ``.xdmf``
        ParaView, ``.npz`` NumPy without JAX, ``.jax`` JAX without `pinn`.
        """
        from .export import write

        with self._arithmetic():
            problem = fitting(self.problem)
            write(
                self.field,
                problem.domain,
                path,
                grid,
                time=problem.time,
                attributes=self._attributes(),
            )

    def _attributes(self) -> dict[str, Any]:
        report = self.report
        return {
            "problem": report.problem,
            "method": report.method,
            "estimated_relative_l2_error": report.estimate,
            "residual_on_fresh_points": report.residual_fresh,
        }

    def _arithmetic(self) -> AbstractContextManager[None]:
        """That in which the field was found."""
        return arithmetic(self.report.precision)


def _table(problem: Problem, reference: Any) -> tuple[tuple[Any, ...], Any]:
    try:
        points, expected = (jnp.asarray(a, jnp.result_type(float)) for a in reference)
    except (TypeError, ValueError):
        raise ValueError(
            "`reference` takes a field, or a pair (points, values) of arrays; got "
            f"{type(reference).__name__}."
        ) from None
    if points.ndim != 2 or points.shape[1] != problem.in_size:
        raise ValueError(
            f"`reference` takes points of shape (n, {problem.in_size}), one column for "
            f"each coordinate (time first); got {points.shape}."
        )
    dim = problem.domain.dim
    times = tuple(points[:, i] for i in range(problem.in_size - dim))
    return (*times, points[:, -dim:]), expected


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_nan(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(v) for v in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value
