"""Activations against one another: the same budget, several problems and seeds."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import PRNGKeyArray

from .._arguments import check_key
from .._checks import is_number
from .._method import AbstractMethod
from .._problem import Problem
from ._axes import MAP, axes, colour
from ._bench import Bench
from ._ensemble import small_adam
from ._profile import named
from ._ranking import Rank, ranking
from ._rows import check_count, check_problem


@dataclass(frozen=True)
class Study:
    """What a study has found.

    Attributes
    ----------
    activations, problems
        Their names.
    error
        Relative L2 errors, ``(activations, problems, seeds)``, dimensionless; NaN where
        the check refused a field, or the study was interrupted.
    seconds
        Time of running for one seed, without compilation, ``(activations, problems)``.
    dead
        Share of the trained units without second derivatives, as `error`; NaN where a
        field shows no layers.
    condition, effective_rank
        Of the tangent kernel of the trained networks, as `error`.
    remarks
        By pairs of names, what the check found.
    """

    activations: tuple[str, ...]
    problems: tuple[str, ...]
    error: np.ndarray
    seconds: np.ndarray
    dead: np.ndarray
    condition: np.ndarray
    effective_rank: np.ndarray
    remarks: dict[tuple[str, str], str]

    def ranking(self, *, resamples: int = 2000, level: float = 0.95) -> list[Rank]:
        """Mean ranks over problems and seeds with bootstrap intervals, the best first.

        See `Rank`. Missing errors share the last places.
        """
        return ranking(self.activations, self.error, resamples=resamples, level=level)

    def rows(self) -> list[dict[str, Any]]:
        """One row for each activation and problem; medians over the seeds."""
        result = []
        for i, activation in enumerate(self.activations):
            for j, problem in enumerate(self.problems):
                errors = self.error[i, j]
                result.append(
                    {
                        "activation": activation,
                        "problem": problem,
                        "error": float(np.median(errors)),
                        "least": float(np.min(errors)),
                        "most": float(np.max(errors)),
                        "seconds": float(self.seconds[i, j]),
                        "dead": float(np.median(self.dead[i, j])),
                        "condition": float(np.median(self.condition[i, j])),
                        "effective_rank": float(np.median(self.effective_rank[i, j])),
                        "remark": self.remarks.get((activation, problem), ""),
                    }
                )
        return result

    def as_dict(self) -> dict[str, Any]:
        """Rows and ranking, as numbers that JSON can hold."""
        return {
            "rows": self.rows(),
            "ranking": [vars(rank) for rank in self.ranking()],
        }

    def __str__(self) -> str:
        head = (
            f"{'activation':16}{'problem':16}{'error':>9}  {'least':>8} {'most':>8}"
            f"{'s':>8}{'dead':>6}{'cond.':>9}{'rank':>7}"
        )
        lines = [head]
        for row in self.rows():
            lines.append(
                f"{row['activation']:16}{row['problem']:16}{row['error']:9.1e}  "
                f"{row['least']:8.1e} {row['most']:8.1e}{row['seconds']:8.2f}"
                f"{row['dead']:6.0%}{row['condition']:9.0e}"
                f"{row['effective_rank']:7.1f}  {row['remark']}".rstrip()
            )
        lines += ["", f"{'activation':16}mean rank, 95 % interval"]
        lines += [
            f"{rank.name:16}{rank.mean:5.2f}  [{rank.low:.2f}, {rank.high:.2f}]"
            for rank in self.ranking()
        ]
        return "\n".join(lines)

    def plot(self, ax: Any = None) -> Any:
        """Draw mean ranks with their intervals on `ax`; without it the median errors
        too, as a map. Returns the figure."""
        ranks = self.ranking()
        panels = axes(ax, 1, 2, height=2.0 + 0.22 * len(ranks))
        places = np.arange(len(ranks))
        means = np.array([rank.mean for rank in ranks])
        reach = np.array([(r.mean - r.low, r.high - r.mean) for r in ranks]).T
        panels[-1].errorbar(
            means, places, xerr=np.abs(reach), fmt="o", color=colour(0), capsize=3
        )
        panels[-1].set_yticks(places, [rank.name for rank in ranks], fontsize=8)
        panels[-1].invert_yaxis()
        panels[-1].set_xlabel("mean rank, 95 % interval")
        panels[-1].grid(alpha=0.3)
        if len(panels) == 2:
            order = [self.activations.index(rank.name) for rank in ranks]
            self._map(panels[0], order)
        return panels[0].figure

    def _map(self, ax: Any, order: list[int]) -> None:
        errors = np.median(self.error, axis=2)[order]
        image = ax.imshow(np.log10(errors), aspect="auto", cmap=MAP)
        # A long name would leave no room for the map.
        names = [name if len(name) < 20 else f"{name[:18]}…" for name in self.problems]
        ax.set_xticks(range(len(names)), names, fontsize=8, rotation=20)
        ax.set_yticks(
            range(len(order)), [self.activations[i] for i in order], fontsize=8
        )
        bar = ax.figure.colorbar(image, ax=ax)
        bar.set_label(r"$\log_{10}$ of the median error", fontsize=8)


def study(
    activations: Sequence[str | Callable[..., Any]] | Mapping[str, Callable[..., Any]],
    problems: Mapping[str, Problem] | Sequence[Problem],
    *,
    key: PRNGKeyArray,
    seeds: int = 5,
    method: Callable[[Any], AbstractMethod] = small_adam,
    budget_s: float | None = None,
    check: bool = True,
    callbacks: Iterable[Callable[[Mapping[str, Any]], None]] = (),
) -> Study:
    """Train or fit networks with different activations, all else being equal.

    For `FirstOrder` the seeds of an activation are trained side by side, in one
    vectorised program; any other method solves one after the other. Ctrl-C ends the
    study with what it has found so far.

    Parameters
    ----------
    activations
        Names of the catalogue and functions of your own, or a mapping from names to
        functions.
    problems
        Problems with an exact solution, or a mapping from names to them.
    key
        Draws points and networks.
    seeds
        Networks for each activation and problem.
    method
        Makes the method from the activation, such as ``lambda activation:
        pinn.LeastSquares(features=400, activation=activation)``. By default 2000 steps
        of Adam for an `MLP` of two layers of 16 units on 200 points.
    budget_s
        Seconds of running for all seeds of an activation and problem together; by
        default only the method's steps are limited.
    check
        Whether the pre-flight check can refuse a field; else it is trained all the
        same, and the remarks say what was found.
    callbacks
        Called with a row after each activation and problem, a mapping.

    Returns
    -------
    Study
        Also after Ctrl-C.

    Raises
    ------
    ValueError
        If an argument is wrong, before anything is trained.
    """
    pairs, named_problems = _activations(activations), _problems(problems)
    check_key(key)
    check_count(seeds=seeds)
    if budget_s is not None and not (is_number(budget_s) and budget_s > 0):
        raise ValueError(f"`budget_s` takes a positive number; got {budget_s!r}.")
    methods = {name: _made(method, function) for name, function in pairs.items()}
    shape = (len(pairs), len(named_problems), seeds)
    measured = {name: np.full(shape, np.nan) for name in _MEASURED}
    seconds, remarks = np.full(shape[:2], np.nan), {}
    result = Study(
        tuple(pairs),
        tuple(named_problems),
        seconds=seconds,
        remarks=remarks,
        **measured,
    )
    try:
        for j, (title, problem) in enumerate(named_problems.items()):
            bench = Bench(problem, key)
            for i, (name, chosen) in enumerate(methods.items()):
                cell = bench.run(chosen, seeds, budget_s, check)
                seconds[i, j] = cell.seconds
                if cell.remark:
                    remarks[name, title] = cell.remark
                for seed, values in enumerate(cell.measured):
                    for quantity, value in zip(_MEASURED, values, strict=True):
                        measured[quantity][i, j, seed] = value
                row = result.rows()[i * len(named_problems) + j]
                for callback in callbacks:
                    callback(row)
    except KeyboardInterrupt:
        if np.isnan(seconds).all() and not remarks:
            raise
    return result


_MEASURED = ("error", "dead", "condition", "effective_rank")


def _activations(given: Any) -> dict[str, Callable[..., Any]]:
    if isinstance(given, str) or not isinstance(given, Sequence | Mapping):
        raise ValueError(
            "`activations` takes a list of names and functions, or a mapping from "
            f"names to functions; got {given!r}."
        )
    if isinstance(given, Mapping):
        pairs = [named(function, name) for name, function in given.items()]
    else:
        pairs = [named(activation) for activation in given]
    names = [name for name, _ in pairs]
    if not names:
        raise ValueError("`activations` is empty; name at least one.")
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(
            f"`activations` has two of the name {min(twice)!r}; pass a mapping from "
            "names to functions."
        )
    return dict(pairs)


def _problems(given: Any) -> dict[str, Problem]:
    if isinstance(given, Mapping):
        found = dict(given)
    elif isinstance(given, Sequence):
        found = {}
        for number, problem in enumerate(given, 1):
            name = getattr(problem, "name", None) or f"problem {number}"
            found[name if name not in found else f"{name} {number}"] = problem
    else:
        raise ValueError(
            "`problems` takes a list of problems, or a mapping from names to them; got "
            f"{given!r}."
        )
    if not found:
        raise ValueError("`problems` is empty; pass at least one.")
    for name, problem in found.items():
        check_problem(problem)
        if problem.exact is None:
            raise ValueError(
                f"`problems`: {name!r} has no exact solution, against which errors are "
                "measured; give it `exact=`."
            )
    return found


def _made(method: Callable[[Any], Any], activation: Callable[..., Any]) -> Any:
    made = method(activation) if callable(method) else method
    if not isinstance(made, AbstractMethod):
        raise ValueError(
            "`method` takes a function that makes a method from an activation, such as "
            "`lambda activation: pinn.LeastSquares(activation=activation)`; it gave "
            f"{made!r}."
        )
    return made
