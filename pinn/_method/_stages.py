"""Fields one after the other, each for what those before have left."""

import math
from collections.abc import Callable, Sequence as Several
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import PRNGKeyArray

from .._network import Corrected
from .._problem import Problem, shape_of
from .._residuals import is_linear_capable
from ._base import AbstractMethod, Evidence, Refinement
from ._evolve import Evolve
from ._least_squares import LeastSquares
from ._neural_galerkin import NeuralGalerkin
from ._several import AbstractSeveral, checked

# Streams of points that belong to one stage.
_STREAMS = 100_000


class Stages(AbstractSeveral):
    r"""Each method works on a field of its own, for what those before have left.

    $$ u = u_0 + \varepsilon_1 u_1 + \varepsilon_2 u_2 + \dots $$

    A trained network comes to a residual where hardly anything is gained any more. Then
    it is frozen, and the next method gets a new field $u_k$ for what is missing: $e$
    with $J e = -r$, by which the error is estimated anyway, says how large that is,
    hence $\varepsilon_k$, and how fine, hence the scale of the first layer of
    $u_k$. So the unknowns of each stage are of order one, and its network starts with
    the waves that it has to fit. Its readout starts at zero, so a stage that gains
    nothing leaves the field as it was.

    It ends where the estimated error has met the tolerance, or with the last method.

    Parameters
    ----------
    methods
        At least one. The first works on the field that the user passes, or on one of
        its own; each of the others on one of its own (a `Sequence` gives a stage
        several methods). `LeastSquares` searches its scale by itself; the others of
        `pinn` take the one that was found, and `LevenbergMarquardt` two points for each
        unknown.
    form
        What a correction is made of a network, ``form(network)``, a function of one
        point; the network itself by default. Where a field satisfies conditions by its
        form, the corrections have to vanish there: with the field ``start + window *
        network`` give ``form=lambda network: window * network``.

    Raises
    ------
    ValueError
        If `methods` is empty or holds anything else, or a march or other stages; from
        `solve`, if `form` does not make a field of the shape of the first.

    References
    ----------
    Wang & Lai, J. Comput. Phys. 504 (2024), 112865 (multi-stage networks).
    """

    methods: tuple[AbstractMethod, ...]
    form: Callable[[Any], Any] | None = eqx.field(static=True)
    outermost: ClassVar[bool] = True

    def __init__(
        self,
        methods: Several[AbstractMethod],
        form: Callable[[Any], Any] | None = None,
    ):
        self.methods, self.form = checked(methods), form
        for method in self.methods:
            if isinstance(method, Evolve | NeuralGalerkin):
                raise ValueError(
                    "`methods` of `Stages` minimise the residual in space and time at "
                    f"once; `{type(method).__name__}` marches, and enlarges its field "
                    "by itself."
                )
        if form is not None and not callable(form):
            raise ValueError(
                "`form` takes a function of a network, `lambda network: window * "
                f"network`; got {form!r}."
            )

    def check(self, problem: Problem, field: Any) -> None:
        self.methods[0].check(problem, field)
        shape = shape_of(field, problem)
        for method in self.methods[1:]:
            network = method.default_field(problem, shape, key=jr.key(0))
            correction = self._formed(network)
            found = shape_of(correction, problem) if callable(correction) else None
            if found != shape:
                raise ValueError(
                    f"`form` has to make a field of the shape {shape} of a network; "
                    f"got {correction if found is None else found}."
                )
            size = 1.0 if _finds_size(method) else 0.5
            method.check(problem, Corrected(field, correction, size))

    def found(self, plan: "Stage", field: Any) -> Any:
        return self._found(plan.index, field)

    def _found(self, index: int, field: Any) -> Any:
        if index == 0 or not isinstance(field, Corrected):
            return self.methods[0].unknowns(field)
        whole = self.methods[index].unknowns(field)
        below = self._found(index - 1, field.base.field)
        return eqx.tree_at(lambda f: f.base.field, whole, below)

    def worker(self, plan: "Stage | None") -> AbstractMethod:
        if plan is None:
            return self.methods[0]
        return self._method(plan).worker(plan.plan)

    def plan(
        self, problem: Problem, shape: tuple[int, ...], tol: float | None
    ) -> "Stage":
        plan = self.methods[0].plan(problem, shape, tol)
        return Stage(problem, shape, tol, plan=plan)

    def plan_of_given(
        self, problem: Problem, shape: tuple[int, ...], tol: float | None
    ) -> "Stage":
        plan = self.methods[0].plan_of_given(problem, shape, tol)
        return Stage(problem, shape, tol, plan=plan)

    def remember(self, plan: "Stage") -> Any:
        inner = self._method(plan).remember(plan.plan)
        names = ("index", "base", "size", "scale", "began")
        return {"plan": inner} | {name: getattr(plan, name) for name in names}

    def recall(
        self, problem: Problem, shape: tuple[int, ...], tol: float | None, memory: Any
    ) -> "Stage":
        inner = memory["plan"]
        stage = Stage(problem, shape, tol, **{**memory, "plan": None})
        if inner is None:
            return stage
        inner = self._method(stage).recall(problem, shape, tol, inner)
        return replace(stage, plan=inner)

    def template(self, problem: Problem, shape: tuple[int, ...], plan: "Stage") -> Any:
        network = self._method(plan).template(problem, shape, plan.plan)
        if plan.index == 0:
            return network
        base = self.recall(problem, shape, plan.tol, plan.base)
        return self._added(
            plan, self.template(problem, shape, base), self._formed(network)
        )

    def grown(
        self, problem: Problem, field: Any, memory: Any, tol: float | None
    ) -> Any:
        if memory["index"] == 0:
            return self.methods[0].grown(problem, field, memory["plan"], tol)
        shape = shape_of(field, problem)
        stage = self.recall(problem, shape, tol, memory)
        network = self._method(stage).template(problem, shape, stage.plan)
        base = self.grown(problem, field, stage.base, tol)
        return self._added(stage, base, self._formed(network))

    def refine(
        self, plan: "Stage", field: Any, evidence: Evidence, *, key: PRNGKeyArray
    ) -> tuple["Stage", Refinement | None]:
        stage, base = plan, None
        # Whether the best field is of this stage; if not, it is what the stage is for.
        ours = evidence.origin["index"] == stage.index
        sought = field
        if stage.index > 0:
            base = field.base if ours else field
            sought = field.correction if ours else self._drawn(stage, key)
        inner, refinement = self._method(stage).refine(
            stage.plan, sought, _relative(evidence, stage.began), key=key
        )
        stage = replace(stage, plan=inner)
        if refinement is None:
            return self._next(stage, field, evidence, key)
        new, note = refinement.field, refinement.note
        if stage.index > 0:
            note = f"stage {stage.index + 1}, {note}"
            if new is not sought:
                new = self._added(stage, base, self._formed(new))
            else:
                new = field if ours else self._added(stage, base, sought)
        stream = stage.index * _STREAMS + refinement.stream
        return stage, replace(refinement, field=new, note=note, stream=stream)

    def _next(
        self, stage: "Stage", field: Any, evidence: Evidence, key: PRNGKeyArray
    ) -> tuple["Stage", Refinement | None]:
        """The first segment of the next stage, if there is one and it is needed."""
        if stage.index + 1 == len(self.methods):
            return stage, None
        lack = evidence.lack()
        known = evidence.estimate
        error = lack.error if math.isnan(known) else known
        if error <= evidence.target or not 0 < lack.size < math.inf:
            return stage, None
        stage = Stage(
            stage.problem,
            stage.shape,
            stage.tol,
            index=stage.index + 1,
            base=evidence.origin,
            size=lack.size,
            scale=lack.scale,
            began=evidence.fresh,
        )
        method = self._method(stage)
        plan = method.plan(stage.problem, stage.shape, stage.tol)
        stage = replace(stage, plan=plan)
        new = self._added(stage, field, self._drawn(stage, key))
        count = method.number_of_points(new)
        note = f"stage {stage.index + 1}, {method.name} for {lack.size:.1e} of u"
        return stage, Refinement(new, count, note, stage.index * _STREAMS + 1)

    def _method(self, stage: "Stage") -> AbstractMethod:
        method = self.methods[stage.index]
        return method if stage.index == 0 else method.on_residual(stage.scale)

    def _drawn(self, stage: "Stage", key: PRNGKeyArray) -> Any:
        """A correction that is zero, where its network has a readout."""
        method = self._method(stage)
        network = method.default_field(stage.problem, stage.shape, key=key)
        if is_linear_capable(network):
            zero = lambda a: jnp.zeros_like(a) if eqx.is_inexact_array(a) else a
            network = eqx.tree_at(
                lambda u: u.readout, network, jax.tree.map(zero, network.readout)
            )
        return self._formed(network)

    def _formed(self, network: Any) -> Any:
        return network if self.form is None else self.form(network)

    def _added(self, stage: "Stage", base: Any, correction: Any) -> Corrected:
        solved = _finds_size(self._method(stage).worker(stage.plan))
        return Corrected(base, correction, 1.0 if solved else stage.size)


def _finds_size(method: AbstractMethod) -> bool:
    """Whether a method solves for a readout, whatever its size is."""
    return isinstance(method.worker(None), LeastSquares)


def _relative(evidence: Evidence, unit: float) -> Evidence:
    """What is measured by the residual that a stage began with."""
    return replace(
        evidence,
        fresh=evidence.fresh / unit,
        estimate=evidence.estimate / unit,
        target=evidence.target / unit,
    )


@dataclass(frozen=True)
class Stage:
    """Which stage is under way, and what its method remembers.

    Attributes
    ----------
    index
        Its number, from 0.
    plan
        The plan of its method.
    base
        What was written down of the structure of the field that is frozen.
    size, scale
        Of what that field lacks, see `Lack`.
    began
        The weighted residual on fresh points that it has left.
    """

    problem: Problem
    shape: tuple[int, ...]
    tol: float | None
    index: int = 0
    plan: Any = None
    base: Any = None
    size: float = 1.0
    scale: float = 1.0
    began: float = 1.0

    @property
    def growing(self) -> bool:
        return getattr(self.plan, "growing", False)

    @property
    def ending(self) -> str:
        return getattr(self.plan, "ending", "")
