r"""The rows of a network whose parameters move: values, rates, conditions.

With a network $U(\theta, x)$ of space, quadrature points $x_i$ of weights $w_i$, and
$f$ the residual of the equation solved for $u_t$ (`_rate.py`), all that a step in time
is made of are

$$ \sqrt{w_i}\, U(\theta, x_i), \qquad
   \sqrt{w_i}\, f(t, x_i, U, \nabla U, \dots), \qquad b_j(\theta, t), $$

with $b_j$ the residuals of the conditions on the boundary, and their derivatives in
$\theta$. None of them holds the length of a step: another one costs no more than a
factorisation.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from .._compiled import Compiled
from .._condition import Initial, RowInput
from .._host import Hosted
from .._points import Points
from .._problem import Problem, Term
from .._rate import Rate
from .._residuals import Residuals, trainable_leaves

# Where a condition is tried for time derivatives.
_PROBES = 8


class Rows(NamedTuple):
    """What a network is at some time, or its derivatives in the parameters.

    Attributes
    ----------
    values, rates
        $U$ and $f$ times the roots of the weights, point after point: their norms are
        root mean squares.
    conditions
        Residuals of the conditions on the boundary, in the unit of the field.
    """

    values: Any
    rates: Any
    conditions: Any


class Held(NamedTuple):
    """A condition: its term, what its residuals are multiplied with, and where it
    holds; the times among the row inputs are not used."""

    term: Term
    factor: Float[Array, " k"]
    inputs: RowInput

    def rows(self, u: Any, t: Any) -> Float[Array, " nk"]:
        """The residuals of a field of space, root mean squares in norm."""
        n = self.inputs.arguments[-1].shape[0]
        field = lambda _, x: u(x)

        def row(inputs):
            inputs = inputs._replace(arguments=(t, inputs.arguments[-1]))
            parts = jax.tree.leaves(self.term.residual(field, inputs))
            return self.factor * jnp.concatenate([jnp.ravel(p) for p in parts])

        return jnp.ravel(jax.vmap(row)(self.inputs)) / np.sqrt(n)


class MovingRows(eqx.Module):
    r"""What moves the parameters of a network.

    Attributes
    ----------
    network
        A function of space; its trainable numbers are $\theta$.
    rate
        The equation solved for the time derivative.
    x, roots
        Quadrature points, and the roots of their weights, which sum to 1.
    conditions, initial
        Those on the boundary, and those at the initial time at the quadrature points.
    """

    network: Any
    rate: Rate
    x: Float[Array, "n dim"]
    roots: Float[Array, " n"]
    conditions: tuple[Held, ...]
    initial: tuple[Held, ...]

    @property
    def start(self) -> Float[Array, " p"]:
        return ravel_pytree(eqx.filter(self.network, trainable_leaves(self.network)))[0]

    def at(self, theta: Float[Array, " p"], t: Float[Array, ""]) -> Rows:
        point = lambda x, root: self._point(theta, t, x, root)
        values, rates = jax.vmap(point)(self.x, self.roots)
        held = self._held(self.conditions, theta, t)
        return Rows(jnp.ravel(values), jnp.ravel(rates), held)

    def slopes(self, theta: Float[Array, " p"], t: Float[Array, ""]) -> Rows:
        r"""The derivatives in $\theta$, ``(rows, p)`` each."""

        def point(x, root):
            return jax.jacrev(lambda q: self._point(q, t, x, root))(theta)

        flat = lambda a: jnp.reshape(a, (-1, theta.size))
        values, rates = jax.vmap(point)(self.x, self.roots)
        held = jax.jacrev(lambda q: self._held(self.conditions, q, t))(theta)
        return Rows(flat(values), flat(rates), flat(held))

    def misfit(self, theta: Float[Array, " p"], t: Float[Array, ""]) -> Array:
        """How far the network is from initial data and conditions."""
        return self._held((*self.initial, *self.conditions), theta, t)

    def misfit_slopes(self, theta: Float[Array, " p"], t: Float[Array, ""]) -> Array:
        return jax.jacrev(lambda q: self.misfit(q, t))(theta)

    def field(self, theta: Float[Array, " p"]) -> Any:
        """The network with some parameters."""
        unknown, known = eqx.partition(self.network, trainable_leaves(self.network))
        return eqx.combine(ravel_pytree(unknown)[1](theta), known)

    def _point(self, theta, t, x, root):
        u = self.field(theta)
        jet = {index: _along(u, index, x) for index in self.rate.indices[0]}
        return root * jnp.ravel(u(x)), root * jnp.ravel(self.rate(t, x, (jet,)))

    def _held(self, conditions, theta, t):
        u = self.field(theta)
        none = jnp.zeros(0, theta.dtype)
        return jnp.concatenate([none, *(held.rows(u, t) for held in conditions)])


def _along(u: Any, index: tuple[int, ...], x: Array) -> Array:
    """A derivative in space at one point."""
    for axis in index:
        unit = jnp.zeros_like(x).at[axis].set(1.0)
        u = lambda x, u=u, unit=unit: jax.jvp(u, (x,), (unit,))[1]
    return u(x)


rows_of = Compiled(lambda moving, theta, t: moving.at(theta, t))
slopes_of = Compiled(lambda moving, theta, t: moving.slopes(theta, t))
misfit_of = Compiled(lambda moving, theta, t: moving.misfit(theta, t))
misfit_slopes_of = Compiled(lambda moving, theta, t: moving.misfit_slopes(theta, t))


def moving_rows(
    residuals: Residuals, network: Any, rate: Rate, points: Points
) -> MovingRows:
    """The rows of a network of space, at the places in space of some row inputs.

    Raises
    ------
    ValueError
        If a condition on the boundary holds time derivatives, or initial data is
        missing.
    """
    problem = residuals.problem
    assert problem.time is not None
    x = np.asarray(points["equation"].arguments[-1])
    weights = 1 / _density(problem, x)
    roots = np.sqrt(weights / weights.sum())
    conditions, initial = [], []
    for term, condition in zip(problem.terms[1:], problem.conditions, strict=True):
        factor = residuals.factors[term.name]
        if isinstance(condition, Initial):
            times = jnp.full(len(x), problem.time[0], x.dtype)
            initial.append(Held(term, factor, RowInput((times, jnp.asarray(x)))))
            continue
        inputs = _distinct(points[term.name])
        _check_condition(term, network, inputs)
        conditions.append(Held(term, factor, jax.tree.map(jnp.asarray, inputs)))
    _check_initial(problem, rate)
    return MovingRows(
        network,
        rate,
        jnp.asarray(x),
        jnp.asarray(roots),
        tuple(conditions),
        tuple(initial),
    )


def _density(problem: Problem, x: np.ndarray) -> np.ndarray:
    """That of the points of an equation over the uniform one: see `PointSource`."""
    lower, upper = (np.asarray(b, float) for b in problem.domain.bounds)
    cube = np.clip((x - lower) / (upper - lower), 1e-12, 1 - 1e-12)
    axes = [a - 1 for a in problem.equation.straight_axes if a >= 1]
    return np.prod(1 / (np.pi * np.sqrt(cube * (1 - cube)))[:, axes], axis=1)


def _distinct(inputs: RowInput) -> RowInput:
    """The places in space, each once: in one dimension there are but two."""
    _, first = np.unique(np.asarray(inputs.arguments[-1]), axis=0, return_index=True)
    return jax.tree.map(lambda a: np.asarray(a)[first], inputs)


def _check_condition(term: Term, network: Any, inputs: RowInput) -> None:
    some = jax.tree.map(lambda a: a[:_PROBES], inputs)
    still, turning = _probed(term, network, some)
    if not np.allclose(still, turning, rtol=1e-8, atol=0, equal_nan=True):
        raise ValueError(
            f"`conditions`: {term.name!r} holds a time derivative, and "
            "`NeuralGalerkin` moves a network of space alone. Use "
            "`pinn.LeastSquares()`."
        )


@Hosted
def _probed(term, network, inputs):
    """A condition's residuals for a network, and with rates that are zero there."""

    def at(row):
        start = row.arguments[0]
        turning = lambda t, x: network(x) * (1 + (t - start) + (t - start) ** 2)
        flat = lambda u: jnp.concatenate(
            [jnp.ravel(r) for r in jax.tree.leaves(term.residual(u, row))]
        )
        return flat(lambda _, x: network(x)), flat(turning)

    return jax.vmap(at)(inputs)


def _check_initial(problem: Problem, rate: Rate) -> None:
    given: set[int] = set()
    components = int(np.prod(rate.shape))
    for condition in problem.conditions:
        if isinstance(condition, Initial):
            one = condition.component
            given |= set(range(components)) if one is None else {one % components}
    missing = sorted(set(range(components)) - given)
    if missing:
        raise ValueError(
            f"`conditions`: the initial value is missing for the components {missing} "
            "of the field. Add `pinn.Initial(lambda x: ...)`."
        )
