"""What methods have in common that are made of others."""

import dataclasses
from collections.abc import Sequence as Several
from typing import Any, ClassVar

import equinox as eqx
import numpy as np
from jaxtyping import PRNGKeyArray

from .._feature_rows import readout_rows, serves
from .._points import Points
from .._problem import Problem
from .._residuals import Residuals
from ._base import AbstractMethod


class AbstractSeveral(AbstractMethod):
    """Methods one after the other.

    A leaf says what each starts from (`refine`), and who is at work (`worker`).

    Attributes
    ----------
    methods
        At least one method.
    outermost
        Whether no other method of this kind can hold it.
    """

    methods: eqx.AbstractVar[tuple[AbstractMethod, ...]]
    outermost: ClassVar[bool] = False

    @property
    def compiled(self) -> bool:
        return self.methods[0].compiled

    @property
    def name(self) -> str:
        return ", ".join(method.name for method in self.methods)

    def check_adaptive(self, balance: Any, sampler: Any) -> None:
        for method in self.methods:
            method.check_adaptive(balance, sampler)

    def default_field(
        self, problem: Problem, shape: tuple[int, ...], *, key: PRNGKeyArray
    ) -> Any:
        return self.methods[0].default_field(problem, shape, key=key)

    def number_of_points(self, field: Any) -> int:
        return self.methods[0].number_of_points(field)

    def unknowns(self, field: Any) -> Any:
        return self.methods[0].unknowns(field)

    def on_residual(self, scale: float) -> AbstractMethod:
        methods = [method.on_residual(scale) for method in self.methods]
        return dataclasses.replace(self, methods=methods)

    def mixed(self) -> AbstractMethod:
        """Those of the methods in their mixed form that have one."""
        forms = [_mixed_or_same(method) for method in self.methods]
        if forms == list(self.methods):
            return AbstractMethod.mixed(self)
        return dataclasses.replace(self, methods=forms)

    # The inner loop is the worker's; these serve where there is none but the first.

    def init(
        self, residuals: Residuals, field: Any, points: Points, *, key: PRNGKeyArray
    ) -> Any:
        return self.methods[0].init(residuals, field, points, key=key)

    def step(self, residuals: Residuals, points: Points, state: Any) -> tuple[Any, Any]:
        return self.methods[0].step(residuals, points, state)

    def done(self, state: Any) -> Any:
        return self.methods[0].done(state)

    def field(self, state: Any) -> Any:
        return self.methods[0].field(state)

    def judge(
        self, residuals: Residuals, field: Any, points: Points
    ) -> tuple[np.ndarray, np.ndarray]:
        if not serves(residuals, field):
            return AbstractMethod.judge(self, residuals, field, points)
        # With what least squares has compiled, whatever the size of the field.
        at = readout_rows(residuals, field, points)
        return at.rows(at.start()), at.values(at.start())


def checked(methods: Several[AbstractMethod]) -> tuple[AbstractMethod, ...]:
    """The methods that the user gave, as a tuple.

    Raises
    ------
    ValueError
        If they are no list of methods, or one of them holds others and has to be
        outermost.
    """
    if isinstance(methods, AbstractMethod) or not isinstance(methods, list | tuple):
        raise ValueError(
            "`methods` takes a list of methods, `[pinn.LeastSquares(), "
            f"pinn.LevenbergMarquardt()]`; got {methods!r}."
        )
    if not methods:
        raise ValueError("`methods` takes at least one method; got none.")
    for method in methods:
        if not isinstance(method, AbstractMethod):
            raise ValueError(
                "`methods` takes methods such as `pinn.LeastSquares()`; got "
                f"{method!r}."
            )
        if isinstance(method, AbstractSeveral) and method.outermost:
            name = type(method).__name__
            raise ValueError(
                f"`methods` holds a `{name}`, which no other method can hold; put "
                f"what there is before it into `{name}`, as its first method."
            )
    return tuple(methods)


def _mixed_or_same(method: AbstractMethod) -> AbstractMethod:
    try:
        return method.mixed()
    except ValueError:
        return method
