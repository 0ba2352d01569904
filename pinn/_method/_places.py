"""Where features are wanted, as the solution so far tells."""

from typing import Any, NamedTuple

import numpy as np

from .._feature_rows import slopes
from .._problem import Problem

# Share of places that are spread over the domain, whatever the solution.
_EVEN = 0.1
# Steepness of a feature over that of the solution where it is, from and to.
_FRONTS, _BUMPS = (0.3, 3.0), (0.3, 2.0)
# Quantiles between which a component of the solution is taken to vary.
_LOW, _HIGH = 0.005, 0.995


class Places(NamedTuple):
    r"""Places, drawn more often where the solution is steep.

    Their density is that of $|\nabla u|$ over half the range of $u$, the component
    that is steepest there, in the coordinates in which the domain is $[-1, 1]$.

    Attributes
    ----------
    z
        The places in those coordinates, ``(n, in)``.
    arguments
        The same in the caller's units.
    gradient
        The gradient there, over half the range, dimensionless.
    """

    z: np.ndarray
    arguments: np.ndarray
    gradient: np.ndarray

    @property
    def steepness(self) -> np.ndarray:
        return np.linalg.norm(self.gradient, axis=1)


def choose_places(
    problem: Problem,
    guide: Any,
    candidates: tuple[Any, ...],
    count: int,
    rng: np.random.Generator,
) -> Places:
    """`count` places out of the candidates, some of them more than once."""
    gradient = gradients(problem, guide, candidates)
    return places_among(problem, candidates, gradient, count, rng)


def places_among(
    problem: Problem,
    candidates: tuple[Any, ...],
    gradient: np.ndarray,
    count: int,
    rng: np.random.Generator,
) -> Places:
    """The same where the gradient at the candidates is known: see `gradients`."""
    lower, upper = (np.asarray(b, float) for b in problem.bounds)
    share = shares(gradient)
    which = rng.choice(len(share), count, p=share / share.sum())
    columns = [np.reshape(a, (len(share), -1)) for a in candidates]
    points = np.concatenate(columns, axis=1)[which]
    z = 2 * (points - lower) / (upper - lower) - 1
    return Places(z, points, gradient[which])


def shares(gradient: np.ndarray, among: np.ndarray | None = None) -> np.ndarray:
    """How often places are drawn where the gradient is so large, among candidates
    with other gradients; not normalised."""
    size = np.linalg.norm(gradient, axis=1)
    mean = size.mean() if among is None else np.linalg.norm(among, axis=1).mean()
    return (size / mean if mean > 0 else np.ones_like(size)) + _EVEN


def gradients(problem, guide, candidates) -> np.ndarray:
    """Of the steepest component, over half its range, ``(n, in)``."""
    lower, upper = (np.asarray(b, float) for b in problem.bounds)
    values, gradient = slopes(guide, candidates, (upper - lower) / 2)
    low, high = np.quantile(values, [_LOW, _HIGH], axis=0)
    span = np.where(high > low, (high - low) / 2, np.inf)
    gradient = gradient / span[:, None]
    steepest = np.argmax(np.linalg.norm(gradient, axis=2), axis=1)
    return np.take_along_axis(gradient, steepest[:, None, None], axis=1)[:, 0]


def fronts(places: Places, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Weights and biases of ridges along the level lines, as steep as the solution."""
    factor = _log_uniform(rng, _FRONTS, len(places.z))
    # Turned a little, by as much as a solution of one wave varies.
    weight = factor[:, None] * places.gradient
    weight = weight + rng.uniform(-1.0, 1.0, weight.shape)
    return weight, -np.sum(weight * places.z, axis=1)


def bumps(places: Places, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Centres and steepness of Gaussians as narrow as the solution is steep."""
    factor = _log_uniform(rng, _BUMPS, len(places.z))
    steepness = factor * (1 + places.steepness)
    away = rng.standard_normal(places.z.shape) / (4 * steepness[:, None])
    return places.z + away, steepness


def _log_uniform(
    rng: np.random.Generator, limits: tuple[float, float], count: int
) -> np.ndarray:
    low, high = limits
    return low * (high / low) ** rng.uniform(0.0, 1.0, count)
