r"""Steps in time of a network's parameters: implicit Runge-Kutta, stage by stage.

A stage of a diagonally implicit method asks for the field $v$ with
$v - h\gamma f(t_i, v) = g$, where $g = u_n + h \sum_{j<i} a_{ij} k_j$ is known at the
quadrature points. It is projected onto the network,

$$ \theta_i = \arg\min_\theta \| U(\theta) - h\gamma f(t_i, U(\theta)) - g \|^2
                            + \|b(\theta, t_i)\|^2, \qquad
   k_i = \frac{U(\theta_i) - g}{h \gamma}, $$

by Gauss-Newton steps (`_settle.py`), the first of which is the regularised flow of the
parameters. The conditions are met anew at each stage, so they do not drift, and the
last stage is the step itself.
"""

import functools
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ._moving_rows import MovingRows, Rows, rows_of, slopes_of
from ._settle import Linearised, settle

# Of the tolerance of a step, what the projection of a stage may leave.
_SHARE = 0.1
_SAFETY, _LEAST = 0.9, 0.2
# Panels of the field hold three steps, and want them to be alike.
_MOST = 2.0
# Steps do not grow beyond this right after one that failed.
_CAUTIOUS, _RECOVERY = 1.3, 1.5
# Where half the step leaves more than this share of what the whole one left, per time,
# so many times in turn, the network cannot follow, however short the steps. So much is
# then allowed, up to a share of the rate.
_IN_VAIN, _TIMES, _ALLOWANCE, _MOST_LOST = 0.7, 2, 1.5, 0.03


class Tableau(NamedTuple):
    """Of a diagonally implicit method whose last stage is the step."""

    a: np.ndarray
    error: np.ndarray
    c: np.ndarray


@functools.cache
def tableau() -> Tableau:
    """Kvaerno's method of order five, with one of order four to compare with."""
    import diffrax  # it takes a third of a second

    kept = diffrax.Kvaerno5.tableau
    a = np.zeros((len(kept.b_sol),) * 2)
    for i, row in enumerate(kept.a_lower):
        a[i + 1, : i + 1] = row
    a += np.diag(np.asarray(kept.a_diagonal))
    return Tableau(a, np.asarray(kept.b_error), np.append(0.0, kept.c))


@dataclass(frozen=True)
class Point:
    """A time of the march.

    Attributes
    ----------
    t, theta
        The time and the parameters.
    values, rates
        $u$ and the rate of the integration there, weighted (see `Rows`).
    """

    t: float
    theta: np.ndarray
    values: np.ndarray
    rates: np.ndarray


@dataclass(frozen=True)
class Pace:
    """How the steps go.

    Attributes
    ----------
    length
        Of the next step.
    growth
        Its largest factor.
    lost, vain
        Per time, what the projection left of the last step that failed (infinite
        after one that did not), and how often in turn half the step was no better.
    allowance
        Per time, what it may leave because the network can do no better.
    """

    length: float
    growth: float = _MOST
    lost: float = np.inf
    vain: int = 0
    allowance: float = 0.0


class Taken(NamedTuple):
    """An attempt at a step: where it has come to, ``None`` if it failed."""

    point: Point | None
    pace: Pace
    misfit: float


def point_at(rows: MovingRows, t: float, theta: np.ndarray) -> Point:
    """The point a march begins at."""
    found = evaluated(rows, t, theta)
    return Point(t, theta, found.values, found.rates)


def evaluated(rows: MovingRows, t: float, theta: np.ndarray) -> Rows:
    return jax.device_get(rows_of(rows, jnp.asarray(theta), jnp.asarray(t)))


def linearised(rows: MovingRows, t: float, theta: np.ndarray) -> Rows:
    return jax.device_get(slopes_of(rows, jnp.asarray(theta), jnp.asarray(t)))


def take_step(
    rows: MovingRows, begin: Point, end: float, pace: Pace, tolerance: float
) -> Taken:
    """Try one step of at most `pace.length` towards a time.

    `tolerance` is that of a step, in the unit of the field.
    """
    a, error, c = tableau()
    rest = end - begin.t
    h = rest if rest <= pace.length else min(pace.length, rest / 2)
    slopes: list[np.ndarray] = [begin.rates]
    values, theta, system, misfit = begin.values, begin.theta, None, 0.0
    allowed = max(_SHARE * tolerance, pace.allowance * h)
    for i in range(1, len(c)):
        g = begin.values + h * sum(w * k for w, k in zip(a[i], slopes, strict=False))
        stage = _Stage(rows, begin.t + c[i] * h, h * a[i, i], g)
        found = settle(stage.rows, stage.slopes, theta, allowed, system)
        if not found.settled:
            new = _failed(pace, h, found.misfit, np.linalg.norm(begin.rates))
            return Taken(None, new, found.misfit)
        theta, system = found.theta, found.linearised
        values, misfit = found.more.values, max(misfit, found.misfit)
        slopes.append((values - g) / (h * a[i, i]))
    off = h * float(np.linalg.norm(error @ np.stack(slopes))) / tolerance
    factor = float(np.clip(_SAFETY * max(off, 1e-10) ** -0.2, _LEAST, _MOST))
    if not off <= 1:
        shorter = h * (factor if np.isfinite(factor) else _LEAST)
        return Taken(None, replace(pace, length=float(shorter)), misfit)
    growth = min(_MOST, max(_CAUTIOUS, _RECOVERY * pace.growth))
    new = Pace(h * min(factor, pace.growth), growth, allowance=pace.allowance)
    time = end if h == rest else begin.t + h
    return Taken(Point(time, theta, values, slopes[-1]), new, misfit)


def rate_of_parameters(
    rows: MovingRows, point: Point, allowed: float
) -> tuple[np.ndarray, Rows]:
    r"""$\eta$ with $\partial_\theta U\, \eta$ the rate at a point of the march, and the
    derivatives there."""
    slopes = linearised(rows, point.t, point.theta)
    step, *_ = Linearised(slopes.values).step(-point.rates, allowed)
    return step, slopes


class _Stage:
    """The rows of one stage, as functions of the parameters."""

    def __init__(self, moving: MovingRows, t: float, step: float, g: np.ndarray):
        self._moving, self._t, self._step, self._g = moving, t, step, g

    def rows(self, theta: np.ndarray) -> tuple[Rows, np.ndarray]:
        found = evaluated(self._moving, self._t, theta)
        r = found.values - self._step * found.rates - self._g
        return found, np.concatenate([r, found.conditions])

    def slopes(self, theta: np.ndarray) -> np.ndarray:
        found = linearised(self._moving, self._t, theta)
        return np.concatenate(
            [found.values - self._step * found.rates, found.conditions]
        )


def _failed(pace: Pace, h: float, misfit: float, rate: Any) -> Pace:
    """Half the step; or the same again with what cannot be had allowed."""
    lost = misfit / h
    vain = pace.vain + 1 if lost > _IN_VAIN * pace.lost else 0
    if vain >= _TIMES and lost < _MOST_LOST * rate:
        return Pace(h, 1.0, allowance=_ALLOWANCE * lost)
    return Pace(h / 2, 1.0, lost, vain, pace.allowance)
