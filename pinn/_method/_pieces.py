"""Pieces of a march, each a polynomial in time, whatever integrates."""

from typing import Any, NamedTuple

import numpy as np

from .._network import hermite
from ._collocation import Collocation
from ._march import System, coefficients_of, look
from ._runge_kutta import advance

# Panels from one look at the clock and the keyboard to the next.
_PANELS = 8
# Steps of a method of diffrax that make a panel, for each order in time: two numbers at
# six times, or three at four.
_STEPS = {1: 5, 2: 3}
# A leg that gets no further than this share of the duration ends the march.
_STANDSTILL = 1e-9


class Piece(NamedTuple):
    """The solution at some times, and the polynomial through it.

    Attributes
    ----------
    taus, states
        Times, the begin and the end among them; parts of the state there, ``(k, q)``.
    rates
        Whether the polynomial meets the rates too.
    """

    taus: np.ndarray
    states: tuple[np.ndarray, ...]
    rates: bool

    def table(self, system: System, degree: int) -> np.ndarray:
        """Chebyshev coefficients of $y$, ``(degree + 1, d, r)``."""
        if self.rates:
            values = look(system, self.taus, self.states).coefficients
        else:
            values = (coefficients_of(system, self.taus, self.states)[0],)
        return hermite(self.taus, [np.asarray(a) for a in values], degree)


def march(
    system: System,
    integrator: Any,
    tau: float,
    state: tuple[np.ndarray, ...],
    length: float,
    tolerance: float,
    size: float,
) -> tuple[list[Piece], float, bool]:
    """Go on from one time.

    Returns
    -------
    tuple
        Pieces; the length to go on with; and whether one can go no further.
    """
    if not isinstance(integrator, Collocation):
        return _stepped(system, integrator, tau, state, length, tolerance, size)
    whole, pieces = np.concatenate(state), []
    while tau < 1 and len(pieces) < _PANELS:
        panel = integrator.panel(tau, whole, length)
        if panel is None:
            return pieces, length, True
        parts = np.split(panel.states, len(state), axis=1)
        pieces.append(Piece(panel.taus, tuple(parts), rates=False))
        tau, whole, length = float(panel.taus[-1]), panel.states[-1], panel.length
    return pieces, length, False


def _stepped(system, integrator, tau, state, length, tolerance, size):
    """The same by steps of diffrax."""
    leg = advance(system, integrator, tau, state, length, tolerance, size)
    n = int(leg.steps) + 1
    taus, states = np.asarray(leg.taus)[:n], tuple(a[:n] for a in leg.states)
    finite = np.isfinite(states[0]).all(axis=1)
    n = n if finite.all() else int(np.argmin(finite))
    failed = leg.failed or n <= int(leg.steps) or taus[n - 1] - taus[0] < _STANDSTILL
    pieces, steps = [], _STEPS[len(state)]
    for start in range(0, n - 1, steps):
        some = slice(start, min(start + steps, n - 1) + 1)
        pieces.append(Piece(taus[some], tuple(a[some] for a in states), rates=True))
    length = float(taus[n - 1] - taus[n - 2]) if n > 1 else length
    return pieces, length, bool(failed)
