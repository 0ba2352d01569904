"""Solutions in files: arrays and JSON only, nothing that is executed on loading."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ._checkpoint import DAMAGES, read_archive, write_archive
from ._equation import fingerprint
from ._kept import check_problem
from ._networks_written import describe, rebuilt
from ._paths import check_folder
from ._preflight import Finding, Report
from ._problem import Problem, shape_of
from ._solution import Result, Solution, SolveReport

_FORMAT = "pinn-solution-1"


def save(path: str | Path, solution: Solution, *, overwrite: bool = False) -> None:
    """Write a solution to a file that `load` reads back.

    The file is a NumPy archive of the field's arrays, with the report as JSON. It is
    written beside its place first and moved there when it is whole.

    Parameters
    ----------
    path
        The file, by custom ending in ``.npz``.
    solution
        From `solve`.
    overwrite
        Whether a file of that name may be replaced.

    Raises
    ------
    ValueError
        If the file exists and may not be replaced, or cannot be written.
    """
    path = check_target(path, overwrite)
    leaves = jax.tree.leaves(eqx.filter(solution.field, eqx.is_array))
    shape = shape_of(solution.field, solution.problem)
    header = {
        "format": _FORMAT,
        "problem": solution.report.problem,
        "network": describe(solution.field),
        "structure": str(jax.tree.structure(eqx.filter(solution.field, eqx.is_array))),
        "field_shape": list(shape),
        "result": solution.result.name,
        "report": solution.report.as_dict(),
        "history": json.loads(json.dumps(solution.history, default=float)),
    }
    arrays: dict[str, Any] = {
        f"leaf_{i}": np.asarray(leaf) for i, leaf in enumerate(leaves)
    }
    arrays["fingerprint"] = fingerprint(solution.problem, shape)
    write_archive(path, header, arrays)


def load(path: str | Path, problem: Problem, field: Any = None) -> Solution:
    """Read a solution back.

    Parameters
    ----------
    path
        A file written by `save`.
    problem
        The problem it solves; another one is refused.
    field
        A network of the same structure, where it is not one of `pinn` with an
        activation of its catalogue.

    Raises
    ------
    ValueError
        If the file is missing, damaged, of another problem or another network.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"`path`: there is no file '{path}'.")
    try:
        header, arrays = read_archive(path)
        known = header["format"] == _FORMAT
        parts = _parts(header, arrays) if known else None
    except _DAMAGES as error:
        raise ValueError(
            f"`path`: '{path}' is no solution, or is damaged "
            f"({type(error).__name__}: {error})."
        ) from error
    if parts is None:
        raise ValueError(
            f"`path`: '{path}' has the format {header['format']!r}; this version "
            f"reads {_FORMAT!r}."
        )
    check_problem(path, header["problem"], parts.fingerprint, problem, parts.shape)
    if field is None:
        field = rebuilt(header["network"], problem, parts.shape)
    structure = jax.tree.structure(eqx.filter(field, eqx.is_array))
    old, new = jax.tree.leaves(eqx.filter(field, eqx.is_array)), parts.leaves
    if str(structure) != header["structure"] or len(old) != len(new):
        raise ValueError(
            f"`field` has another structure than the network in '{path}'. Pass a field "
            "made as the one that was solved with."
        )
    for i, (a, b) in enumerate(zip(old, new, strict=True)):
        if a.shape != b.shape:
            raise ValueError(
                f"`field`: its array {i} has shape {a.shape}; that in '{path}' has "
                f"{b.shape}."
            )
    if any(b.dtype == np.float64 for b in new) and jnp.result_type(float) != np.float64:
        raise ValueError(
            f"'{path}' holds 64-bit numbers, which 32-bit mode would cut. Write "
            '`jax.config.update("jax_enable_x64", True)` after importing jax.'
        )
    arrays_of = jax.tree.unflatten(structure, [jnp.asarray(b) for b in new])
    field = eqx.combine(arrays_of, eqx.filter(field, eqx.is_array, inverse=True))
    return Solution(field, problem, parts.report, parts.history, parts.result)


_DAMAGES = (*DAMAGES, TypeError, AttributeError)


class _Parts(NamedTuple):
    """What a file holds, besides the description of its network."""

    shape: tuple[int, ...]
    fingerprint: np.ndarray
    leaves: list[np.ndarray]
    report: SolveReport
    history: tuple[Any, ...]
    result: Result


def _parts(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> _Parts:
    count = sum(name.startswith("leaf_") for name in arrays)
    for name in ("problem", "network", "structure"):
        header[name]  # raises KeyError
    return _Parts(
        shape=tuple(int(n) for n in header["field_shape"]),
        fingerprint=arrays["fingerprint"],
        leaves=[arrays[f"leaf_{i}"] for i in range(count)],
        report=_report(header["report"]),
        history=tuple(header["history"]),
        result=Result[header["result"]],
    )


def check_target(path: str | Path, overwrite: bool) -> Path:
    """A path that a file can be written to.

    Raises
    ------
    ValueError
        If not: before anything that takes time.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"`path`: '{path}' is a folder; name a file in it.")
    if path.exists() and not overwrite:
        raise ValueError(
            f"`path`: '{path}' exists; choose another name, or pass `overwrite=True`."
        )
    check_folder("path", path)
    return path


def _report(values: dict[str, Any]) -> SolveReport:
    findings = tuple(Finding(**f) for f in values.pop("preflight")["findings"])
    remarks = tuple(values.pop("remarks"))
    return SolveReport(**values, preflight=Report(findings), remarks=remarks)
