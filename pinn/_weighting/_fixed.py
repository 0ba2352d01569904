"""The balance of the terms: what each residual is multiplied with."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Array, Float

from .._checks import nearest
from .._domain import real
from .._equation import TermJet
from .._problem import Problem
from ._base import AbstractBalance, own_weights


def by_operator(
    problem: Problem,
    jets: Mapping[str, TermJet],
    weights: Mapping[str, float] | None = None,
) -> dict[str, Float[Array, " k"]]:
    r"""Every term divided by the size of its operator.

    The factor of a term is $\sqrt{w} / s$, where $s$ is the size of the operator that
    the local jet shows, with lengths and times measured in the width of the domain
    over π. A residual so divided has the unit of the field: it is about the error of a
    field that changes over the whole domain. So the balance is the same in every
    system of units.

    Parameters
    ----------
    problem
        The problem.
    jets
        From `pinn._equation.analyse`.
    weights
        $w$ for terms by name, 1 by default; see `weights_of`.
    """
    factors = {}
    for term in problem.terms:
        scale = np.asarray(jets[term.name].scale, float)
        # A component that does not depend on the field (the pre-flight says so)
        # cannot be balanced by it.
        scale = np.where((scale > 0) & np.isfinite(scale), scale, 1.0)
        weight = 1.0 if weights is None else weights.get(term.name, 1.0)
        factors[term.name] = real(np.sqrt(weight) / scale)
    return factors


def weights_of(problem: Problem, weighting: Any) -> dict[str, float]:
    """The fixed weights of the terms: those of the conditions times those by name.

    Raises
    ------
    ValueError
        If `weighting` is neither a balance that serves the problem nor a mapping,
        names an unknown term, or is not positive.
    """
    weights = own_weights(problem)
    if weighting is None:
        return weights
    if isinstance(weighting, AbstractBalance):
        weighting.check(problem)
        return weights
    if not isinstance(weighting, Mapping):
        raise ValueError(
            "`weighting` takes a mapping from names of terms to weights, or a balance "
            f"such as `pinn.weighting.GradientNorm()`; got {weighting!r}."
        )
    for name, weight in weighting.items():
        if name not in weights:
            raise ValueError(
                f"`weighting` names the term {name!r}; the problem has {list(weights)}."
                f"{nearest(name, weights)}"
            )
        number = isinstance(weight, int | float | np.number)
        if not number or not 0 < weight < np.inf:
            raise ValueError(
                f"`weighting` of {name!r} takes a finite number > 0; got {weight!r}."
            )
        weights[name] *= float(weight)
    return weights
