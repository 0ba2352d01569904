r"""Findings on what stands between the field's derivatives and the residual.

The residual is a function of the point and of the local jet (see `_equation.py`). An
operation that may break is looked at by what it acts on: the point alone, as in a
coefficient that jumps from one material to another, which is legitimate; or the field's
values or derivatives, where training meets the break.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._condition import RowInput
from .._equation import TermJet, _flat, jet_frame, order_bound, ravelled, taylor
from .._points import Points
from .._problem import Problem, Term
from .._smoothness import Smoothness, smoothness
from .._smoothness._check import own_settings
from ._graph import Graph
from ._report import Finding

_SOME = 4
_LINES = 3  # on which coefficients are looked at
_CHOOSING = {
    *("lt", "le", "gt", "ge", "eq", "ne", "select_n", "sign", "floor", "ceil"),
    *("round", "convert_element_type", "max", "min", "abs", "clamp", "rem", "argmin"),
    *("argmax", "sort", "gather", "while", "cond"),
}

# A norm of derivatives has its kink where all of them vanish, which no line meets that
# is drawn at random.
_ROOTS = {"sqrt", "rsqrt", "cbrt", "pow", "div"}


@dataclasses.dataclass(frozen=True)
class _TermView:
    """One term, traced: its suspicious operations on the jet and on the point."""

    graph: Graph
    jets: list[int]
    of_jet: tuple[str, ...]
    of_point: tuple[str, ...]
    rooted: bool


def residual_findings(
    problem: Problem,
    shape: tuple[int, ...],
    jets: Mapping[str, TermJet],
    points: Points,
) -> list[Finding]:
    """Kinks and jumps in the residual, and those in its coefficients."""
    kinked: list[tuple[str, str]] = []
    coefficients: list[str] = []
    jumps = False
    for term in problem.terms:
        with own_settings():
            view, run, coefficients_at = _view(problem, term, shape, points)
            if view.of_point and term.name == "equation":
                jumps = _leading_jumps(problem, term, coefficients_at)
            coefficients += [f"{what} in `{term.name}`" for what in view.of_point]
            if view.of_jet:
                listed = ", ".join(view.of_jet)
                order, rooted = jets[term.name].order, view.rooted
                judged = _judge(run, coefficients_at, order, rooted)
                if judged is not None:
                    severity, text = judged
                    kinked.append((severity, f"`{term.name}` with {listed} {text}"))
    findings = []
    if kinked:
        severity = "error" if any(s == "error" for s, _ in kinked) else "warning"
        findings.append(
            Finding(
                "kinked-residual",
                severity,
                "; ".join(text for _, text in kinked) + ".",
                "Write it with smooth functions, or see that the break is never met.",
            )
        )
    listed = ", ".join(dict.fromkeys(coefficients))
    if jumps:
        findings.append(
            Finding(
                "discontinuous-coefficient",
                "warning",
                "the coefficient of the highest derivative in space jumps from place "
                f"to place ({listed}). What the jump adds where it is differentiated, "
                "as in the divergence of k grad u, no automatic derivative has: the "
                "solution will have a continuous gradient there instead of a "
                "continuous flux.",
                "Take the flux as further components q, with the equations q / k = "
                "grad u and div q = f; or make the jump a smooth step, such as "
                "`jax.nn.sigmoid((x[0] - 0.5) / 0.02)`. If the gradient is to be "
                "continuous, leave it.",
            )
        )
    elif coefficients:
        findings.append(
            Finding(
                "discontinuous-coefficient",
                "ok",
                f"chosen by place, which is legitimate: {listed}",
            )
        )
    return findings


def _leading_jumps(problem: Problem, term: Term, c: list[np.ndarray]) -> bool:
    """Whether the highest derivative in space has a coefficient that jumps on some
    line through the domain."""
    order = len(c) - 1
    axes, owner = jet_frame(problem, order)
    frame, last = jnp.asarray(np.asarray(axes, float)), max(owner)
    in_space = np.asarray([argument == last for argument in owner], float)
    leading = c[-1]
    for axis in range(order):
        shape = [1] * leading.ndim
        shape[leading.ndim - 1 - axis] = -1
        leading = leading * in_space.reshape(shape)
    leading = jnp.asarray(leading)
    rest = [jnp.zeros(a.shape) for a in c[:-1]]
    lower, upper = (np.asarray(b, float) for b in problem.bounds)
    split = len(lower) - problem.domain.dim

    def along(first: np.ndarray, second: np.ndarray) -> Any:
        def at(s):
            y = jnp.asarray(first + s * (second - first))
            x = y[split:]
            row = RowInput((x,) if split == 0 else (*y[:split], x))
            with_it = ravelled(term, taylor((*rest, leading), frame, y), row)
            without = ravelled(term, taylor((*rest, 0 * leading), frame, y), row)
            return jnp.sum(with_it - without)

        return at

    rng = np.random.default_rng(0)
    for _ in range(_LINES if order > 0 else 0):
        # From near one corner of the bounding box to near the opposite one.
        corner = rng.integers(2, size=len(lower))
        near = np.stack([corner, 1 - corner])
        near = near + (0.5 - near) * rng.uniform(0, 0.6, size=near.shape)
        ends = lower + (upper - lower) * near
        found = smoothness(along(*ends), max_order=1, interval=(0.0, 1.0))
        if found.order < 0 and not _is_undefined(found):
            return True
    return False


def _view(
    problem: Problem, term: Term, shape: tuple[int, ...], points: Points
) -> tuple[_TermView, Any, list[np.ndarray]]:
    order = order_bound(problem, term, shape)
    frame = np.asarray(jet_frame(problem, order)[0], float)
    rng = np.random.default_rng(0)
    c = [rng.standard_normal((*shape, *(len(frame),) * k)) for k in range(order + 1)]
    wide = lambda a: np.asarray(a, float)
    row = jax.tree.map(lambda a: wide(a[0]), points[term.name])
    leaves, structure = jax.tree.flatten(row)

    def run(c, leaves):
        row = jax.tree.unflatten(structure, leaves)
        u = taylor(tuple(c), jnp.asarray(frame), _flat(row.arguments))
        return ravelled(term, u, row)

    closed = jax.make_jaxpr(run)(c, leaves)
    of_jet = Graph(closed, [2] * len(c) + [1] * len(leaves))
    of_point = Graph(closed, [1] * len(c) + [2] * len(leaves))
    made = [op.outputs[0] for op in of_jet.operations]
    names = lambda graph, chosen: tuple(
        dict.fromkeys(str(graph.operations[i].suspect) for i in chosen)
    )
    by_place = [
        i
        for i in of_point.suspects
        if of_jet.role(made[i]) < 2 or _chosen_by_place(of_jet, i)
        if of_point.operations[i].name in _CHOOSING
    ]
    some = jax.tree.map(lambda a: wide(a[:_SOME]), points[term.name])
    rows = jax.tree.leaves(some)
    view = _TermView(
        of_jet,
        of_jet.inputs[: len(c)],
        names(of_jet, of_jet.suspects),
        names(of_point, by_place),
        any(of_jet.operations[i].name in _ROOTS for i in of_jet.suspects),
    )
    along = lambda c: jnp.ravel(jax.vmap(lambda row: run(c, row))(rows))
    return view, along, c


def _chosen_by_place(graph: Graph, index: int) -> bool:
    """Whether a selection between values of the field is made by the point."""
    operation = graph.operations[index]
    return operation.name == "select_n" and graph.role(operation.inputs[0]) < 2


class _AlongJets(eqx.Module):
    run: Any = eqx.field(static=True)

    def __call__(self, *c):
        return self.run(list(c))


def _judge(
    run: Any, c: list[np.ndarray], order: int, rooted: bool
) -> tuple[str, str] | None:
    """Severity and text, or `None` if nothing breaks on lines through the jets."""
    found = smoothness(_AlongJets(run), max_order=1, sample=tuple(c))
    if _is_undefined(found):
        return "warning", "is not finite for some values of the field's derivatives"
    if not found.consistent:
        return "warning", (
            "has an automatic derivative in the field that is not the true one: "
            + _what(found)
        )
    if found.order >= 1:
        if rooted:
            return _judge_at_zero(run, c)
        return None
    if found.order == 0:
        return "warning", "has a kink as a function of the field's derivatives"

    # The rule, at the level where the break stands: what is applied before the last
    # derivative is taken shows as a jump of the factor of the highest derivative.

    def without(c):
        return run([*c[:order], *(jnp.zeros(a.shape) for a in c[order:])])

    if order == 0:
        return "warning", "jumps as a function of the field's values"
    rest = smoothness(_AlongJets(without), max_order=1, sample=tuple(c))
    if rest.order < 0:
        return "warning", "jumps as a function of the field's lower derivatives"
    return "error", (
        f"jumps as a function of the field's derivatives, those of order {order} "
        "included: a kink before the last derivative, whose concentrated part "
        "automatic differentiation drops, or a rounding of it"
    )


def _judge_at_zero(run: Any, c: list[np.ndarray]) -> tuple[str, str] | None:
    through = lambda s: run([s * a for a in c])
    found = smoothness(through, max_order=1, interval=(-1.3, 1.0))
    if _is_undefined(found):
        return "warning", "is not finite where the field's derivatives vanish"
    if found.order >= 1:
        return None
    what = "has a kink" if found.order == 0 else "jumps"
    return "warning", f"{what} where the field's derivatives vanish"


def _is_undefined(found: Smoothness) -> bool:
    return found.order < 0 and any("not finite" in text for text in found.reasons)


def _what(found: Smoothness) -> str:
    return " ".join(found.reasons[:1])
