"""What is found by numbers, all of it computed on the host: nothing is compiled."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._condition import Initial, RowInput
from .._equation import TermJet, ravelled
from .._host import Hosted
from .._operators import laplacian
from .._points import Points
from .._problem import Problem, Term
from .._residuals import trainable_leaves
from .._weighting import by_operator
from ._graph import Graph
from ._judge import field_graph
from ._regions import regions

# At how many points derivatives are compared, and at how many units are looked at.
_COMPARED, _LOOKED_AT = 2, 64
# Rounding units of the field that a condition may be off where it is built in.
_ROUNDING = 1000.0
# Numbers in the widest array of a block of points: as many as fit into the cache.
_BLOCK = 2**16


@dataclasses.dataclass(frozen=True)
class Meeting:
    """Points where two conditions give the same components of the field."""

    first: str
    second: str
    points: tuple[np.ndarray, ...]
    everywhere: bool


def measure_rows(
    problem: Problem, field: Any, points: Points, jets: Mapping[str, TermJet]
) -> dict[str, dict[str, Any]]:
    """For each term which of its rows are finite, and whether the parameters move any.

    A row that stands still in a random direction of the parameters does not depend on
    them. Where no row of a condition does and all are zero, the field has it built in.
    """
    trainable, fixed = eqx.partition(field, trainable_leaves(field))
    rng = np.random.default_rng(0)
    direction = jax.tree.map(
        lambda a: rng.standard_normal(a.shape).astype(a.dtype), trainable
    )
    width = max(
        (max(a.shape, default=1) for a in jax.tree.leaves(trainable)), default=1
    )
    found = {}
    for term in problem.terms:
        blocks = _blocks(points[term.name], width)
        values, rates = _moved_rows(term, trainable, direction, fixed, blocks[0])
        if not np.any(rates):
            # A square, such as |grad u|^2, stands still where the field is zero.
            away = jax.tree.map(np.add, trainable, direction)
            _, rates = _moved_rows(term, away, direction, fixed, blocks[0])
        values = [values, *(_rows(term, trainable, fixed, b) for b in blocks[1:])]
        total = len(points[term.name].arguments[-1])
        values = np.concatenate(values)[:total]
        rate = np.max(np.abs(np.nan_to_num(rates)), initial=0.0)
        built_in = rate == 0 and term.name != "equation"
        if built_in:
            rows = values * np.asarray(by_operator(problem, jets)[term.name])
            size = np.abs(_values(field, points["equation"].arguments))
            unit = np.finfo(rows.dtype).eps
            built_in = np.max(np.abs(rows)) <= _ROUNDING * unit * np.max(size)
        found[term.name] = {
            "finite": np.all(np.isfinite(values), axis=1),
            "rate": rate,
            "built in": bool(built_in),
        }
    return found


def _blocks(rows: RowInput, width: int) -> list[RowInput]:
    """Blocks of one length, the last one filled up with the last row."""
    total = len(rows.arguments[-1])
    count = -(-total // max(16, _BLOCK // width))
    size = -(-total // count)
    places = np.minimum(np.arange(count * size), total - 1).reshape(count, size)
    return [jax.tree.map(lambda a, i=i: np.asarray(a)[i], rows) for i in places]


def _rows_of(term: Term, trainable: Any, fixed: Any, rows: RowInput) -> Any:
    field = eqx.combine(trainable, fixed)
    return jax.vmap(lambda row: ravelled(term, field, row))(rows)


_rows = Hosted(_rows_of)


@Hosted
def _moved_rows(term, trainable, direction, fixed, rows):
    run = lambda parameters: _rows_of(term, parameters, fixed, rows)
    return jax.jvp(run, (trainable,), (direction,))


def measure_derivatives(
    problem: Problem, field: Any, points: Points
) -> dict[str, np.ndarray]:
    """Along a random line, the same derivatives in several ways, at a few points."""
    lower, upper = problem.bounds
    rng = np.random.default_rng(0)
    dtype = jnp.result_type(float)
    way = ((upper - lower) * rng.uniform(0.5, 1.0, len(lower))).astype(dtype)
    # Finite differences of fourth order, of the values and of the slopes, with two
    # steps: how much these differ says how good they are.
    widths = np.array([2e-3, 1e-3], dtype)
    steps = np.append(np.outer(widths, [-2.0, -1.0, 1.0, 2.0]), 0.0).astype(dtype)
    weights = np.array([1.0, -8.0, 8.0, -1.0], dtype) / 12
    by = lambda v: v[:8].reshape(2, 4) @ weights / widths
    found = []
    for i in range(_COMPARED):
        arguments = tuple(np.asarray(a[i]) for a in points["equation"].arguments)
        along = [_along(field, arguments, way, np.asarray(s)) for s in steps]
        values, slopes, curvatures = map(np.stack, zip(*along, strict=True))
        forward = {
            "value": values[-1],
            "slope_differences": by(values),
            "curvature": curvatures[-1],
            "curvature_differences": by(slopes),
        }
        gradient, hessian, sum_of_second = _in_space(field, arguments)
        found.append(
            forward
            | {
                "slope": np.stack([slopes[-1], gradient @ way]),
                "laplacian": sum_of_second,
                "trace": np.trace(hessian),
                "parts": np.sum(np.abs(hessian)),
            }
        )
    return jax.tree.map(lambda *a: np.stack(a), *found)


def _mixed(field, arguments, y):
    """One number out of all components of the field, at a flat point."""
    ends = np.cumsum([a.size for a in arguments])[:-1]
    parts = zip(jnp.split(y, ends), arguments, strict=True)
    u = field(*(jnp.reshape(a, b.shape) for a, b in parts))
    mix = np.cos(np.arange(float(math.prod(u.shape)))).reshape(u.shape)
    return jnp.sum(mix.astype(u.dtype) * u)


@Hosted
def _along(field, arguments, way, s):
    """Value, slope and curvature on a line, all by forward mode."""
    y = jnp.concatenate([jnp.ravel(a) for a in arguments]) + s * way
    g = lambda y: _mixed(field, arguments, y)
    both = lambda y: jax.jvp(g, (y,), (way,))
    (value, slope), (_, curvature) = jax.jvp(both, (y,), (way,))
    return value, slope, curvature


@Hosted
def _in_space(field, arguments):
    """Gradient and Hessian by reverse mode, and the Laplacian of `pinn`."""
    y = jnp.concatenate([jnp.ravel(a) for a in arguments])
    before = y.size - arguments[-1].size
    gradient = jax.grad(lambda y: _mixed(field, arguments, y))

    def in_space(x):
        whole = gradient(jnp.concatenate([y[:before], x]))
        return whole[before:], whole

    hessian, whole = jax.jacfwd(in_space, has_aux=True)(y[before:])
    u = lambda *a: _mixed(field, arguments, jnp.concatenate([jnp.ravel(b) for b in a]))
    return whole, hessian, laplacian(u)(*arguments)


def measure_exact(
    problem: Problem, points: Points, jets: Mapping[str, TermJet]
) -> dict[str, Any]:
    """Root mean square of each term's rows for the exact solution, and its own size."""
    exact, factors = problem.exact, by_operator(problem, jets)
    rms = lambda a: np.sqrt(np.mean(np.asarray(a, float) ** 2))
    rows = {}
    for term in problem.terms:
        # It may be a module, of which nothing is trained here: it is both parts.
        found = _rows(term, exact, exact, points[term.name])
        rows[term.name] = rms(found * np.asarray(factors[term.name]))
    return {"rows": rows, "size": rms(_values(exact, points["equation"].arguments))}


@Hosted
def _values(u, arguments):
    return jax.vmap(u)(*arguments)


def measure_meetings(
    problem: Problem, points: Points, meetings: tuple[Meeting, ...]
) -> list[dict[str, np.ndarray]]:
    """What two conditions of `Dirichlet` or `Initial` give at the same points."""
    names = [term.name for term in problem.terms[1:]]
    named = dict(zip(names, problem.conditions, strict=True))

    def given(name, arguments):
        condition: Any = named[name]
        own = arguments[-1:] if isinstance(condition, Initial) else arguments
        return _given(condition.value, own)

    found = []
    for meeting in meetings:
        pair = (meeting.first, meeting.second)
        a, b = (given(name, meeting.points) for name in pair)
        extra = a.ndim - b.ndim
        a = a.reshape(*a.shape, *(1,) * max(-extra, 0))
        b = b.reshape(*b.shape, *(1,) * max(extra, 0))
        sizes = [np.max(np.abs(given(n, points[n].arguments))) for n in pair]
        gap = np.max(np.abs(a - b), axis=tuple(range(1, max(a.ndim, b.ndim))))
        found.append({"gap": gap, "size": np.stack(sizes)})
    return found


@Hosted
def _given(value, arguments):
    at = value if callable(value) else lambda *_: value
    return jax.vmap(lambda *a: jnp.asarray(at(*a)))(*arguments)


def measure_units(
    problem: Problem, field: Any, points: Points
) -> dict[str, Any] | None:
    """How units respond: by their own slope, and to each coordinate.

    ``None`` if no layer of the field is made of units.
    """
    some = tuple(np.asarray(a[:_LOOKED_AT]) for a in points["equation"].arguments)
    one = tuple(a[0] for a in some)
    graph, coordinates, parameters = field_graph(field, one)
    layers = _layers(graph, coordinates)
    if not layers:
        return None
    wanted = [v for layer in layers for v in layer]
    piece = graph.function([*parameters, *coordinates], wanted)
    leaves = jax.tree.leaves(eqx.filter(field, eqx.is_inexact_array))
    lower, upper = problem.bounds
    moves = []
    for i, width in enumerate(upper - lower):
        # A step across the whole domain along one coordinate.
        way = np.zeros(len(lower))
        way[i] = width
        ends = np.cumsum([a.size for a in one])[:-1]
        parts = zip(np.split(way, ends), one, strict=True)
        moves.append(tuple(a.reshape(b.shape).astype(b.dtype) for a, b in parts))

    @Hosted
    def respond(leaves, arguments, move):
        at = lambda *point: piece(*leaves, *point)
        along = lambda *point: jax.jvp(at, point, move)[1]
        return jax.vmap(along)(*arguments)

    responses = [respond(leaves, some, move) for move in moves]
    moved = [np.stack(same, axis=1) for same in zip(*responses, strict=True)]
    before, after = moved[0::2], moved[1::2]
    norm = lambda a: np.sqrt(np.sum(a**2, axis=1))
    slopes = [
        norm(b) / np.maximum(norm(a), 1e-30) for a, b in zip(before, after, strict=True)
    ]
    return {"slope": slopes, "response": np.abs(before[0])}


def _layers(graph: Graph, coordinates: list[int]) -> list[tuple[int, int]]:
    return [
        (region.free[0], region.outputs[0])
        for region in sorted(regions(graph, coordinates), key=lambda r: r.operations)
        if region.entrywise
        and len(region.free) == 1
        and not region.coordinates
        and len(region.outputs) == 1
        and graph.shapes[region.free[0]] == graph.shapes[region.outputs[0]]
        and len(graph.shapes[region.free[0]]) == 1
        and graph.shapes[region.free[0]][0] > 1
    ]
