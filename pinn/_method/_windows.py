"""Windows of time: the features that serve from one time on, and the state there."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from .._condition import Initial, RowInput
from .._host import Hosted, fold_in
from .._network import Evolved
from .._points import Points
from .._problem import Problem
from .._rate import rate_of
from .._residuals import Residuals
from ._draw_features import draw_features, generator, placed_count
from ._evolve_plan import placed
from ._growth import Kind, Trial
from ._march import System, spatial
from ._modes import boundary_of, derivatives_of, make_modes
from ._places import gradients, places_among, shares

# Points that the projection does not see, where it is judged.
_CHECKS = 256
_CANDIDATES = 8192
# Waves that the initial data is fitted by, to place features by it.
_GUIDE = 16.0


class Window(NamedTuple):
    """Features, and the system in their modes.

    Attributes
    ----------
    network
        The features.
    system
        The equation in the coefficients of modes.
    transform
        From coefficients to the readout of the features.
    points
        Where the equation holds: quadrature points, of which some give way to others
        where the solution is steep.
    """

    network: Any
    system: System
    transform: np.ndarray
    points: np.ndarray

    def readout(self, coefficients: np.ndarray) -> np.ndarray:
        """Of coefficients ``(..., r)``."""
        return np.asarray(coefficients) @ self.transform.T


def space_of(problem: Problem) -> Problem:
    """The domain of an evolution as a problem without time, for what draws there."""
    return Problem(problem.domain, _value, ())


def _value(u: Any, x: Any) -> Any:
    return u(x)


def first_window(
    residuals: Residuals,
    field: Evolved,
    points: Points,
    cut: float,
    placing: bool,
    key: PRNGKeyArray,
) -> tuple[Window, tuple[np.ndarray, ...]]:
    """The window from the initial time, and the state there."""
    problem = residuals.problem
    shape = field.coefficients.shape[2:-1]
    rate = rate_of(problem, shape)
    boundary = boundary_of(residuals, points, shape)
    x = np.asarray(points["equation"].arguments[-1])
    data = initial_values(problem, shape, rate.order, x)
    network = field.of_window(0)
    base = x
    if placing:
        # Fitted by waves first, which tells where the data is steep.
        dim = problem.domain.dim
        trial = Trial(len(x) // 3, (_GUIDE,) * dim, Kind.waves)
        guide = draw_features(space_of(problem), shape, None, trial, key)
        table = derivatives_of(guide, x, ((),))[0]
        fit, *_ = np.linalg.lstsq(table, data[0].reshape(len(x), -1), rcond=1e-10)
        guide = _with_readout(guide, fit.T, shape)
        m = field.coefficients.shape[-1] - 1
        network, x, weights = _placed(problem, guide, m, x, key)
        data = initial_values(problem, shape, rate.order, x)
    else:
        weights = 1 / _density(problem, x)
    window = _window(problem, rate, boundary, network, x, weights, base, cut, key)
    assert problem.time is not None
    span = problem.time[1] - problem.time[0]  # rates are those in τ
    return window, _projected(window, [span**k * v for k, v in enumerate(data)])


def next_window(
    problem: Problem,
    window: Window,
    coefficients: tuple[np.ndarray, ...],
    cut: float,
    key: PRNGKeyArray,
) -> tuple[Window, tuple[np.ndarray, ...]]:
    """Features placed by the solution at one time, and the state in their modes.

    `coefficients` are those of the solution and, for an equation of second order, of
    its derivative, ``(d, r)`` each.
    """
    system = window.system
    shape = system.rate.shape
    m = window.network.readout.weight.shape[-1]
    readouts = [window.readout(y) for y in coefficients]
    guide = _with_readout(window.network, readouts[0], shape)
    network, x, weights = _placed(problem, guide, m, window.points, key)
    new = _window(
        problem,
        system.rate,
        system.boundary,
        network,
        x,
        weights,
        window.points,
        cut,
        key,
    )
    table = derivatives_of(guide, x, ((),))[0]
    return new, _projected(new, [table @ readout.T for readout in readouts])


def _window(problem, rate, boundary, network, x, weights, base, cut, key) -> Window:
    indices = spatial(rate)
    components = int(np.prod(rate.shape))
    weights = weights / weights.sum()
    modes, transform = make_modes(
        network, indices, boundary, x, weights, components, cut
    )
    checks = _spread(problem, _CHECKS, fold_in(key, 8))
    derivatives = derivatives_of(network, checks, indices)
    system = System(
        rate,
        boundary,
        modes,
        np.asarray(problem.time),
        (checks, tuple(d @ transform for d in derivatives)),
    )
    return Window(network, system, transform, base)


def _projected(window: Window, data: Any) -> tuple[np.ndarray, ...]:
    """The state of least distance to values at the quadrature points."""
    modes = window.system.modes
    null, project = np.asarray(modes.null), np.asarray(modes.project)
    return tuple(null.T @ np.ravel((project @ v.reshape(len(v), -1)).T) for v in data)


def _placed(problem, guide, m, base, key) -> tuple[Any, np.ndarray, np.ndarray]:
    """Features where a field of space is steep, points crowded there, their weights."""
    space, dim = space_of(problem), problem.domain.dim
    trial = placed(m, dim)
    candidates = _spread(problem, _CANDIDATES, fold_in(key, 9))
    crowded = 2 * len(base) // 3
    kept = base[: len(base) - crowded]
    # Together, so that all are measured against the same range.
    gradient = gradients(space, guide, (np.concatenate([candidates, kept]),))
    known, n = gradient[: len(candidates)], len(candidates)
    rng = generator(fold_in(key, 5))
    places = places_among(space, (candidates,), known, placed_count(space, trial), rng)
    network = draw_features(space, (), None, trial, key, places)
    crowd = places_among(space, (candidates,), known, crowded, rng)
    x = np.concatenate([kept, crowd.arguments])
    share = shares(np.concatenate([gradient[n:], crowd.gradient]), known)
    density = len(kept) * _density(problem, x)
    density += crowded * share / shares(known).mean()
    return network, x, 1 / density


def _spread(problem: Problem, n: int, key: PRNGKeyArray) -> np.ndarray:
    """Points all over the domain, drawn on the host, where nothing is compiled."""
    region = problem.equation.region
    rng = generator(key)
    found, count = [], 0
    while count < n:
        x, keep = _place(region, rng.uniform(size=(n, region.cube_dim)))
        found.append(np.asarray(x if keep is None else x[np.asarray(keep)]))
        count += len(found[-1])
    return np.concatenate(found)[:n]


@Hosted
def _place(region, cube):
    return region.place(cube)


def _density(problem: Problem, x: np.ndarray) -> np.ndarray:
    """That of the points of an equation over the uniform one: see `PointSource`."""
    lower, upper = (np.asarray(b, float) for b in problem.domain.bounds)
    cube = np.clip((x - lower) / (upper - lower), 1e-12, 1 - 1e-12)
    moving = problem.time is not None
    axes = [a - moving for a in problem.equation.straight_axes if a >= moving]
    return np.prod(1 / (np.pi * np.sqrt(cube * (1 - cube)))[:, axes], axis=1)


def _with_readout(network: Any, table: np.ndarray, shape: tuple[int, ...]) -> Any:
    """The network with a readout, the constant its last column."""
    weight, bias = table[:, :-1].reshape(*shape, -1), table[:, -1].reshape(shape)
    return eqx.tree_at(
        lambda f: (f.readout.weight, f.readout.bias),
        network,
        jax.device_put((weight, bias)),
    )


def initial_values(
    problem: Problem,
    shape: tuple[int, ...],
    order: int,
    x: np.ndarray,
    partly: bool = False,
) -> list[np.ndarray]:
    """The initial field, and its rate for an equation of second order, ``(n, d)``.

    `partly` leaves what is missing, or not finite, as not a number.

    Raises
    ------
    ValueError
        If they are not given for every component, or if there is a rate for an equation
        of first order.
    """
    assert problem.time is not None
    components = int(np.prod(shape))
    found = [np.full((len(x), components), np.nan) for _ in range(order)]
    for condition in problem.conditions:
        if isinstance(condition, Initial):
            data = _initial(condition, problem.time[0], shape, x)
            parts = data if isinstance(data, dict) else {"value": data}
            if order == 1 and "rate" in parts:
                raise ValueError(
                    "`conditions`: the equation is of first order in time, so its "
                    "initial rate follows from the initial value; leave `rate` out of "
                    "`pinn.Initial`."
                )
            which = slice(None) if condition.component is None else condition.component
            for table, name in zip(found, ("value", "rate"), strict=False):
                if name in parts:
                    part = -np.reshape(parts[name], (len(x), -1))
                    table[:, which] = (
                        part if condition.component is None else part[:, 0]
                    )
    if partly:
        return found
    for table, name in zip(found, ("value", "rate"), strict=False):
        if np.isnan(table).any(axis=0).any():
            missing = np.flatnonzero(np.isnan(table).any(axis=0)).tolist()
            extra = "" if name == "value" else ", rate=..."
            where = f" for the components {missing} of the field" if shape else ""
            raise ValueError(
                f"`conditions`: the initial {name} is missing (or not finite){where}; "
                f"an equation of order {order} in time needs it. Add "
                f"`pinn.Initial(lambda x: ...{extra})`."
            )
    return found


@Hosted
def _initial(condition, start, shape, x):
    zero = lambda *arguments: jnp.zeros(shape, x.dtype)
    at = lambda x: condition.residual(zero, RowInput((jnp.asarray(start, x.dtype), x)))
    return jax.vmap(at)(x)
