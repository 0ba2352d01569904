"""The findings of the pre-flight check, one function each."""

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._equation import TermJet
from .._points import Points
from .._problem import Problem, residual_shape, row_struct
from ._report import Finding

# Every identifier, with what it means in a line; `docs/` has a section for each.
IDENTIFIERS = {
    "equation-order": "which derivatives enter the equation",
    "components": "the field and the equation have other numbers of components",
    "contradictory-rows": "no field makes all rows of a residual zero",
    "smooth-activation": "the field has the derivatives that the equation needs",
    "vanishing-derivative": "a derivative that the equation needs is identically zero",
    "kinked-activation": "a derivative that the equation needs jumps or does not exist",
    "kinked-field": "a transform inside the field breaks a derivative it needs",
    "kinked-residual": "the residual breaks as a function of the field's derivatives",
    "discontinuous-coefficient": "a coefficient or a source is chosen by place",
    "wrong-derivative-rule": "an automatic derivative is not the derivative",
    "difference-disagreement": "automatic and finite differences do not agree",
    "mode-disagreement": "forward and reverse mode give different derivatives",
    "live-residual": "every term depends on the parameters",
    "dead-residual": "a term does not depend on the parameters",
    "finite-rows": "every residual is finite on the points that will be used",
    "non-finite": "a residual is NaN or infinite at some point",
    "saturated-units": "most units of a layer hardly respond at the start",
    "unscaled-inputs": "the network's inputs are not scaled to the domain",
    "few-points": "there are fewer rows than unknowns",
    "precision": "the floating-point precision in force",
    "insufficient-precision": "the precision does not serve the tolerance",
    "coarse-products": "matrix products are asked for with three digits (TF32)",
    "nonlocal-residual": "the residual looks at the field away from its point",
    "missing-condition": "conditions that the problem seems to lack",
    "uncovered-boundary": "a part of the boundary has no condition",
    "contradictory-conditions": "conditions differ where they meet",
    "incompatible-corner": "initial and boundary data differ, or their rates do",
    "periodic-seam": "how smoothly the data goes on across a periodic seam",
    "wrong-exact-solution": "the exact solution does not satisfy the problem",
}


def check_field(problem: Problem, field: Any) -> None:
    """Raise `ValueError` if the field cannot be called at one point of the problem."""
    if not callable(field):
        raise ValueError(
            "`field` takes a network, a function of one point; got "
            f"{type(field).__name__}."
        )
    if isinstance(field, type):
        raise ValueError(
            f"`field` takes an instance, `{field.__name__}(...)`; got the class."
        )
    arguments = row_struct(problem, problem.equation).arguments
    call = "u(x)" if len(arguments) == 1 else "u(t, x)"
    try:
        shape = jax.eval_shape(field, *arguments).shape
    except Exception as error:
        shapes = ", ".join(str(a.shape) for a in arguments)
        raise ValueError(
            f"`field` is called as {call} at one point, with shapes {shapes} "
            f"({problem.in_size} numbers in all); calling it gave: {error}"
            + (
                ""
                if len(arguments) == 1
                else " A network of one array is wrapped: `pinn.Concatenated(net)`."
            )
        ) from error
    if problem.exact is not None:
        exact = jax.eval_shape(problem.exact, *arguments).shape
        if math.prod(exact) != math.prod(shape):
            raise ValueError(
                f"`field` has the shape {shape} at one point, the problem's `exact` "
                f"solution {exact}. Give the network as many outputs "
                "(`out_size`)."
            )


def order_finding(
    problem: Problem, shape: tuple[int, ...], jets: Mapping[str, TermJet]
) -> Finding:
    equation = jets["equation"]
    names = ("space",) if problem.time is None else ("time", "space")
    orders = " and ".join(
        f"{order} in {name}" for order, name in zip(equation.orders, names, strict=True)
    )
    kind = "affine" if equation.affine else "nonlinear"
    said = f"order {orders}; {kind} in the field"
    d, k = math.prod(shape), len(equation.scale)
    if (d, k) != (1, 1):
        said += f"; {_count(k, 'row')} at a point for {_count(d, 'component')}"
    return Finding("equation-order", "ok", said)


def component_findings(
    problem: Problem, shape: tuple[int, ...], jets: Mapping[str, TermJet], own: bool
) -> list[Finding]:
    """Whether the residuals have as many components as the field that is meant."""
    d, k = math.prod(shape), len(jets["equation"].scale)
    dim = problem.domain.dim
    indexed = (
        f"A point has {dim} coordinates: write `x[0]` where a number is meant, as in "
        "`jnp.sin(x[0])`."
    )
    against = [n for n, jet in jets.items() if jet.contradictory and jet.depends]
    if against:
        rows = "; ".join(
            f"`{name}` has {len(jets[name].scale)} rows at a point" for name in against
        )
        return [
            Finding(
                "contradictory-rows",
                "error",
                f"{rows} for a field of {_count(d, 'component')}, and a combination "
                "of them does not contain the field and is not zero: no field makes "
                "all of them zero.",
                indexed if dim > 1 else "Return one row for each unknown.",
            )
        ]
    if k > d:
        return [
            Finding(
                "components",
                "warning",
                f"the equation has {k} rows at a point for a field of "
                f"{_count(d, 'component')}: more equations than unknowns.",
                indexed if dim > 1 else "Return one row for each unknown.",
            )
        ]
    if own and d > 1 and problem.exact is None and _takes_a_number(problem):
        return [
            Finding(
                "components",
                "warning",
                f"the equation has {k} rows at a point, so the field was given "
                f"{d} components; nothing else in the problem asks for a vector.",
                f"{indexed} Where a vector is meant, say so: by a value "
                f"`jnp.zeros({d})` in a condition, or a field of your own.",
            )
        ]
    return []


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _takes_a_number(problem: Problem) -> bool:
    """Whether every residual of the problem would take a scalar field too."""
    zero = lambda *arguments: jnp.zeros(())
    try:
        for term in problem.terms:
            residual_shape(problem, term, zero)
    except Exception:  # whatever the user's function raises
        return False
    return True


def row_findings(
    jets: Mapping[str, TermJet], probe: Mapping[str, Any], points: Points
) -> list[Finding]:
    """Whether every row is finite, and depends on the parameters."""
    findings, names = [], list(jets)
    bad = [n for n in names if not probe[n]["finite"].all()]
    if bad:
        messages = []
        for name in bad:
            index = int(np.argmin(probe[name]["finite"]))
            arguments = [np.asarray(a)[index] for a in points[name].arguments]
            letters = ("x",) if len(arguments) == 1 else ("t", "x")
            place = ", ".join(
                f"{letter} = {np.array2string(np.asarray(a), precision=6)}"
                for letter, a in zip(letters, arguments, strict=True)
            )
            count = int(np.sum(~probe[name]["finite"]))
            total = probe[name]["finite"].size
            messages.append(
                f"the term `{name}` is NaN or infinite at {count} of {total} points, "
                f"first at {place}."
            )
        findings.append(
            Finding(
                "non-finite",
                "error",
                " ".join(messages),
                "Look for a division by zero, a root or logarithm, or norm(x) at 0.",
            )
        )
    else:
        total = sum(probe[n]["finite"].size for n in names)
        findings.append(
            Finding("finite-rows", "ok", f"all {total} rows that were tried are finite")
        )
    still = [n for n in names if n not in bad and probe[n]["rate"] == 0]
    forgotten = [n for n in still if not jets[n].depends]
    built_in = [n for n in still if probe[n]["built in"] and n not in forgotten]
    dead = [n for n in still if n not in built_in and n not in forgotten]
    if forgotten:
        listed = ", ".join(f"`{n}`" for n in forgotten)
        findings.append(
            Finding(
                "dead-residual",
                "error",
                f"the residual of {listed} does not contain the field: it is the same "
                "whatever the solution is.",
                "Check that it uses `u`; a condition that asks for nothing is left "
                "out.",
            )
        )
    if dead:
        listed = ", ".join(f"`{n}`" for n in dead)
        findings.append(
            Finding(
                "dead-residual",
                "error",
                f"the term {listed} does not depend on the parameters of the field: "
                "its residual stays what it is, however long one trains.",
                "Check that the residual uses `u`, and that the activation is smooth.",
            )
        )
    elif not bad and not forgotten:
        said = "every term depends on the parameters"
        if built_in:
            listed = ", ".join(f"`{n}`" for n in built_in)
            said += f", or holds whatever they are: {listed}"
        findings.append(Finding("live-residual", "ok", said))
    return findings


def locality_finding(jets: Mapping[str, TermJet]) -> list[Finding]:
    nonlocal_terms = [jet.name for jet in jets.values() if not jet.local]
    if not nonlocal_terms:
        return []
    listed = ", ".join(f"`{n}`" for n in nonlocal_terms)
    return [
        Finding(
            "nonlocal-residual",
            "warning",
            f"the term {listed} looks at the field away from its own point; order and "
            "scale are those of its local part.",
            "This is right for a delay or an integral; else evaluate `u` at `x`.",
        )
    ]
