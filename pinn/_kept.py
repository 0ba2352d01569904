"""What a checkpoint keeps of the arguments of a solve, and how they are read back."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from . import _sampling, _weighting
from ._arguments import is_typed
from ._checkpoint import Checkpoint
from ._environment import versions
from ._equation import fingerprint
from ._method import Sequence, Stages, TimeWindows
from ._points import adaptive_of
from ._precision import arithmetic, bits, fitting, turn_on
from ._problem import Problem


def written(
    task: Any, shape: tuple[int, ...]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The arguments of a solve as JSON and arrays."""
    typed = is_typed(task.key)
    points, arrays = _points_written(task.points)
    arrays["key"] = np.asarray(jr.key_data(task.key) if typed else task.key)
    header = {
        "problem": task.problem.name,
        "shape": list(shape),
        "own_field": task.field is None,
        "method": kind_of(task.method),
        "precision": task.precision,
        "bits": task.bits,
        "versions": versions(),
        "key_kind": str(jr.key_impl(task.key)) if typed else None,
        "tol": task.tol,
        "weighting": _weighting_written(task.weighting),
        "allow": list(task.allow),
        "points": points,
    }
    return header, arrays


def options(saved: Checkpoint, points: Any, weighting: Any) -> dict[str, Any]:
    """The arguments of `solve` that a checkpoint holds."""
    header, arrays, _ = saved
    key: Any = jnp.asarray(arrays["key"])
    if header["key_kind"] is not None:
        key = jr.wrap_key_data(key, impl=header["key_kind"])
    return {
        "key": key,
        "tol": header["tol"],
        "weighting": _weighting_read(header["weighting"], weighting),
        "precision": header["precision"],
        "allow": tuple(header["allow"]),
        "points": _points_read(header["points"], arrays, points),
    }


def check_kept(saved: Checkpoint, problem: Any, field: Any, method: Any) -> None:
    """Refuse a checkpoint of another program, precision, problem or method.

    Raises
    ------
    ValueError
        Naming the difference.
    """
    header, arrays, path = saved
    now = versions()
    if header["versions"]["pinn"] != now["pinn"]:
        raise ValueError(
            f"`folder`: '{path}' was written by pinn {header['versions']['pinn']}; "
            f"this is {now['pinn']}. Go on with that version, or start anew."
        )
    changed = [
        f"{name} {header['versions'][name]} (now {now[name]})"
        for name in ("jax", "jaxlib", "numpy")
        if header["versions"][name] != now[name]
    ]
    if changed:
        warnings.warn(
            f"the checkpoint was written with {', '.join(changed)}: the last digits of "
            "the solution may be others than without the interruption",
            RuntimeWarning,
            stacklevel=3,
        )
    if header["bits"] != bits():
        raise ValueError(
            f"`folder`: '{path}' is of a program with {header['bits']}-bit numbers; "
            f"this one has {bits()}-bit numbers. {turn_on(header['bits'] == 64)}"
        )
    if not isinstance(problem, Problem):
        raise ValueError(f"`problem` takes a `pinn.Problem`; got {problem!r}.")
    shape, expected = tuple(header["shape"]), arrays["fingerprint"]
    with arithmetic(header["precision"]):
        fitted = fitting(problem)
        check_problem(path, header["problem"], expected, fitted, shape)
    if header["own_field"] != (field is None):
        was = "none" if header["own_field"] else "one"
        raise ValueError(
            f"`field`: the solve in '{path}' was given {was}; give `resume` the same."
        )
    kind = kind_of(method)
    if kind != header["method"]:
        raise ValueError(
            f"`method` is {kind}; the checkpoint is of {header['method']}. Pass the "
            "method that was passed to `solve`, with the same options."
        )


def check_problem(
    path: Path,
    name: str | None,
    expected: np.ndarray,
    problem: Problem,
    shape: tuple[int, ...],
) -> None:
    """Refuse a problem whose residuals are not those of which a file was written.

    Raises
    ------
    ValueError
        Naming the file and the problem that it is of.
    """
    try:
        found = fingerprint(problem, shape)
    except (TypeError, ValueError, IndexError):
        found = np.empty(0)  # its residual cannot take such a field
    same = found.shape == expected.shape and np.allclose(
        found, expected, rtol=1e-6, atol=0, equal_nan=True
    )
    if not same:
        raise ValueError(
            f"`problem` is not the one that '{path}' solves ({name!r}): "
            "its residuals differ for the same field at the same points."
        )


def kind_of(method: Any) -> str:
    """The class of a method with the numbers it was made with."""
    if method is None:
        return "none"
    if isinstance(method, Sequence | Stages):
        kinds = ", ".join(map(kind_of, method.methods))
        return f"{type(method).__name__}({kinds})"
    if isinstance(method, TimeWindows):
        return f"TimeWindows({kind_of(method.method)}, {method.windows})"
    leaves = jax.tree.leaves(vars(method))
    numbers = [x for x in leaves if isinstance(x, int | float | str)]
    activation = vars(method).get("activation")
    if activation is not None:
        numbers.append(getattr(activation, "__name__", type(activation).__name__))
    return f"{type(method).__name__}{tuple(numbers)}"


def _points_written(points: Any) -> tuple[Any, dict[str, np.ndarray]]:
    if isinstance(points, _sampling.AbstractAdaptive):
        points = {"equation": points}
    if callable(points):
        name = getattr(points, "__name__", "")
        known = getattr(_sampling, name, None) is points
        return {"sequence": name if known else None}, {}
    if not isinstance(points, Mapping):
        return points, {}
    numbers, arrays, adaptive = {}, {}, None
    for name, value in points.items():
        if isinstance(value, int | np.integer):
            numbers[name] = int(value)
        elif isinstance(value, _sampling.AbstractAdaptive):
            adaptive = _object_written(value, _sampling)
        else:
            arrays[f"points.{name}"] = np.asarray(value, float)
    return {"numbers": numbers, "adaptive": adaptive}, arrays


def _points_read(kept: Any, arrays: dict[str, np.ndarray], given: Any) -> Any:
    if not isinstance(kept, dict):
        return kept
    if "sequence" in kept:
        if kept["sequence"] is not None:
            return getattr(_sampling, kept["sequence"])
        if not callable(given):
            raise ValueError(
                "`points` is needed: the checkpoint is of a solve on points from a "
                "function of yours, and a checkpoint holds no code."
            )
        return given
    own = {
        name.removeprefix("points."): array
        for name, array in arrays.items()
        if name.startswith("points.")
    }
    if kept["adaptive"] is not None:
        given = adaptive_of(given)
        own["equation"] = _object_read("points", kept["adaptive"], _sampling, given)
    return {**kept["numbers"], **own}


def _weighting_written(weighting: Any) -> Any:
    if isinstance(weighting, _weighting.AbstractBalance):
        return {"balance": _object_written(weighting, _weighting)}
    return None if weighting is None else {"fixed": dict(weighting)}


def _weighting_read(kept: Any, given: Any) -> Any:
    if kept is None or "fixed" in kept:
        return kept and kept["fixed"]
    return _object_read("weighting", kept["balance"], _weighting, given)


def _object_written(thing: Any, module: Any) -> dict[str, Any]:
    """An object of ours as its name and numbers; of others their kind only."""
    name = type(thing).__name__
    if getattr(module, name, None) is not type(thing):
        return {"kind": kind_of(thing)}
    return {"name": name, "options": vars(thing)}


def _object_read(argument: str, kept: dict[str, Any], module: Any, given: Any) -> Any:
    if "name" in kept:
        return getattr(module, kept["name"])(**kept["options"])
    if given is None or kind_of(given) != kept["kind"]:
        raise ValueError(
            f"`{argument}` is needed: the checkpoint is of a solve with an object of "
            f"yours, {kept['kind']}, and a checkpoint holds no code; got {given!r}."
        )
    return given
