r"""One Levenberg-Marquardt step: attempts with growing damping until the loss falls."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._compiled import Compiled
from .._residuals import Residuals
from ._anderson import Anderson
from ._blas import blas_threads
from ._control import repeat
from ._dense_solve import DenseSystem
from ._matrix_free import MatrixFreeSystem
from ._parameters import (
    linearise_at,
    linearise_compiled,
    rows_at,
    rows_compiled,
)

_MOST_ATTEMPTS = 12
# Corrections end when the rows are as close to where the linear model put them, or that
# many times further off than the best have been.
_CLOSE, _ASTRAY = 0.05, 2.0
_LARGEST_BEND = 0.75
_LEAST_FACTOR = 1 / 3
# With scaled damping, the least weight of a column.
_LEAST_WEIGHT = 1e-14


class Attempts(eqx.Module):
    """The attempts of one step, and what the last of them has led to.

    Attributes
    ----------
    theta, change, loss
        The unknowns after the step, the step, and the sum of squared rows there.
    damping, growth
        The damping for the next attempt, and its factor if that one fails.
    count, accepted
        Number of attempts, and whether the last lowered the loss.
    start
        The sum of squared rows before the step.
    """

    theta: Any
    change: Any
    loss: Any
    damping: Any
    growth: Any
    count: Any
    accepted: Any
    start: Any


def damped_step(method: Any, form: str, residuals: Residuals, state: Any) -> Attempts:
    """A step of `LevenbergMarquardt`, on the host or traced."""
    if method.compiled:
        return _Step(method, form, residuals, state).run()
    operations = 2 * state.theta.size**3  # of the normal matrix, about
    # A step that is far too long overflows; it is then not accepted.
    with blas_threads(operations), np.errstate(all="ignore"):
        return _Step(method, form, residuals, state).run()


class _Step:
    """What the attempts of one step have in common."""

    def __init__(self, method: Any, form: str, residuals: Residuals, state: Any):
        self.method, self.residuals, self.state = method, residuals, state
        self.host = not method.compiled
        self.xp: Any = np if self.host else jnp
        self.root: Any = 1.0  # of the weights of the columns
        if form == "matrix-free":
            self.rows = self.rows_of(state.theta)
            self.system: Any = MatrixFreeSystem(
                residuals,
                state.field,
                jnp.asarray(state.theta),
                state.batch.points,
                products=method.products,
                host=self.host,
            )
            return
        linearise = linearise_compiled if self.host else linearise_at
        theta = jnp.asarray(state.theta)
        rows, matrix = linearise(
            residuals, state.field, theta, state.batch.points, method.narrow
        )
        # Narrow or not, the normal matrix needs the digits of the unknowns.
        self.rows, matrix = self.xp.asarray(rows), self.xp.asarray(matrix, theta.dtype)
        if method.scaled:
            weights = self.xp.sum(matrix**2, axis=0)
            weights = weights / self.xp.max(weights)
            self.root = self.xp.sqrt(self.xp.maximum(weights, _LEAST_WEIGHT))
            matrix = matrix / self.root[None, :]
        self.system = DenseSystem(matrix, form == "dual", self.host)

    def rows_of(self, theta: Any) -> Any:
        state = self.state
        arguments = (
            self.residuals,
            state.field,
            jnp.asarray(theta),
            state.batch.points,
        )
        return (
            np.asarray(rows_compiled(*arguments)) if self.host else rows_at(*arguments)
        )

    def run(self) -> Attempts:
        xp, state = self.xp, self.state
        start = self.rows @ self.rows
        first = xp.isnan(state.damping)
        damping = xp.where(first, self.method.damping * start, state.damping)
        if self.method.damping > 0:
            damping = xp.maximum(damping, self.system.least_damping)
        attempts = Attempts(
            theta=state.theta,
            change=xp.zeros_like(state.theta),
            loss=start,
            damping=damping,
            growth=state.growth,
            count=xp.asarray(0),
            accepted=xp.asarray(False),
            start=start,
        )
        # Without damping there is nothing to try but the one step.
        most = _MOST_ATTEMPTS if self.method.damping > 0 else 1
        return repeat(
            self.host,
            lambda a: ~a.accepted & (a.count < most) & xp.isfinite(start),
            lambda a: self.attempt(a),
            attempts,
        )

    def attempt(self, before: Attempts) -> Attempts:
        xp, system, method = self.xp, self.system, self.method
        factor = system.factor(before.damping)
        change = -system.solve(factor, self.rows)
        if method.momentum > 0:
            held = method.momentum * self.state.last * self.root
            change = held - system.solve(factor, self.rows + system.product(held))
        aim = self.rows + system.product(change)
        if method.geodesic:
            change = change + self.bend(factor, change)
        change, new = self.corrected(factor, change, aim)
        loss = new @ new
        predicted = before.start - aim @ aim
        gain = (before.start - loss) / xp.where(predicted > 0, predicted, 1.0)
        # False for NaN: a factorisation that failed is an attempt that failed.
        accepted = loss < before.start
        shrunk = before.damping * xp.maximum(_LEAST_FACTOR, 1 - (2 * gain - 1) ** 3)
        change = change / self.root
        pick = lambda yes, no: xp.where(accepted, yes, no)
        return Attempts(
            theta=pick(self.state.theta + change, before.theta),
            change=pick(change, before.change),
            loss=pick(loss, before.loss),
            damping=pick(shrunk, before.damping * before.growth),
            growth=pick(xp.full_like(before.growth, 2.0), 2 * before.growth),
            count=before.count + 1,
            accepted=accepted,
            start=before.start,
        )

    def corrected(self, factor: Any, change: Any, aim: Any) -> tuple[Any, Any]:
        """The change after corrections with the same factorisation, and its rows."""
        xp, theta, most = self.xp, self.state.theta, self.method.corrections
        size = lambda a: xp.sqrt(a @ a)
        close = _CLOSE * size(aim)
        rows_of = lambda change: self.rows_of(theta + change / self.root)

        def unfinished(carry):
            *_, miss, count, going = carry
            return going & (count < most) & (miss > close)

        def correct(carry):
            memory, last, there, best, rows, miss, count, _ = carry
            step = self.system.solve(factor, there - aim)
            memory = memory.after(xp, count, last, step)
            last = memory.next
            there = rows_of(last)
            off = size(there - aim)
            better = off < miss
            pick = lambda yes, no: xp.where(better, yes, no)
            best, rows, miss = pick(last, best), pick(there, rows), pick(off, miss)
            going = off < _ASTRAY * miss
            return memory, last, there, best, rows, miss, count + 1, going

        rows = rows_of(change)
        miss, count, going = size(rows - aim), xp.asarray(0), xp.asarray(True)
        memory = Anderson.start(xp, change, max(most - 1, 0))
        start = (memory, change, rows, change, rows, miss, count, going)
        _, _, _, change, rows, *_ = repeat(self.host, unfinished, correct, start)
        return change, rows

    def bend(self, factor: Any, change: Any) -> Any:
        """Half the acceleration of the geodesic that starts along the change."""
        xp, state = self.xp, self.state
        second = _bent if self.host else _second_derivative
        along = jnp.asarray(change / self.root)
        theta = jnp.asarray(state.theta)
        rows = second(self.residuals, state.field, theta, state.batch.points, along)
        bend = -0.5 * self.system.solve(factor, xp.asarray(rows))
        size = lambda a: xp.sqrt(a @ a)
        ratio = 2 * size(bend) / size(change)
        return bend * xp.minimum(1.0, _LARGEST_BEND / ratio)


def _second_derivative(residuals, field, theta, points, along):
    function = lambda s: rows_at(residuals, field, theta + s * along, points)
    first = lambda s: jax.jvp(function, (s,), (jnp.ones_like(s),))[1]
    zero = jnp.zeros((), theta.dtype)
    return jax.jvp(first, (zero,), (jnp.ones_like(zero),))[1]


_bent = Compiled(_second_derivative)
