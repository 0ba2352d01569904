r"""Radau's method of order five for $M \dot y = f(t, y)$ with sparse matrices.

$M$ may be singular: rows of zeros are equations without a derivative, $0 = f_i(t, y)$,
such as values at a boundary.

References
----------
Hairer & Wanner, Solving Ordinary Differential Equations II (1996), sections IV.5, IV.8
(the method and its control) and VI.1 (singular $M$).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

_ROOT = np.sqrt(6.0)
_NODES = np.array([(4 - _ROOT) / 10, (4 + _ROOT) / 10, 1.0])
_TABLE = np.array(
    [
        [(88 - 7 * _ROOT) / 360, (296 - 169 * _ROOT) / 1800, (-2 + 3 * _ROOT) / 225],
        [(296 + 169 * _ROOT) / 1800, (88 + 7 * _ROOT) / 360, (-2 - 3 * _ROOT) / 225],
        [(16 - _ROOT) / 36, (16 + _ROOT) / 36, 1 / 9],
    ]
)
_ERROR = np.array([-13 - 7 * _ROOT, -13 + 7 * _ROOT, -1.0]) / 3
_ITERATIONS = 7
_FIRST = 1e-4  # of the first step, in units of the duration
_SMALLEST = 1e-13
_LONGEST = 1 / 16
_MOST_STEPS = 5000


def _diagonal() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Eigenvalues of the inverse of the table, the real one first, and vectors."""
    found, vectors = (
        np.asarray(a, complex) for a in np.linalg.eig(np.linalg.inv(_TABLE))
    )
    order = [int(np.argmin(np.abs(np.imag(found)))), int(np.argmax(np.imag(found)))]
    found, vectors = found[order], vectors[:, order]
    # The third is the conjugate of the second.
    whole = np.concatenate([vectors, vectors[:, 1:].conj()], axis=1)
    return found, vectors, np.linalg.inv(whole)[:2]


_VALUES, _VECTORS, _BACK = _diagonal()


def radau(
    slope: Callable[[float, np.ndarray], np.ndarray],
    jacobian: Callable[[float, np.ndarray], Any],
    mass: Any,
    start: np.ndarray,
    time: tuple[float, float],
    *,
    rtol: float,
    kinds: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, str | None]:
    """Integrate from the first to the last time.

    Parameters
    ----------
    slope, jacobian
        $f$ and its derivative in $y$, a sparse matrix.
    mass
        $M$, sparse.
    start
        $y$ at the first time; it meets the equations without a derivative.
    rtol
        Error of a step, relative to the largest value so far among the unknowns of the
        same kind.
    kinds
        A number for each unknown: those of one unit, and so of one size, have the same.

    Returns
    -------
    The times, the values ``(steps, n)``, and why it ended early if it did.
    """
    t, end = time
    y, duration = start, end - t
    h, largest = _FIRST * duration, _LONGEST * duration
    newton_tol = max(10 * np.finfo(float).eps / rtol, min(0.03, np.sqrt(rtol)))
    times, values = [t], [y]
    f = slope(t, y)
    matrix, fresh, factors, before = jacobian(t, y), True, None, None
    # What starts from zero has the size that one long step of Euler's gives it.
    trial = _factor(mass / largest - matrix)(slope(t + largest, y))
    sizes = np.maximum(_sizes(np.abs(y), kinds), _sizes(np.abs(y + trial), kinds))
    sizes[~(sizes > 0)] = 1.0
    rejected, previous = False, None
    while t < end:
        if h < _SMALLEST * duration or len(times) > _MOST_STEPS:
            why = (
                "its steps became too small"
                if len(times) <= _MOST_STEPS
                else (f"more than {_MOST_STEPS} steps would be needed")
            )
            return np.array(times), np.array(values), f"{why} (at t = {t:.6g})."
        if t + 1.01 * h > end:
            h, factors = end - t, None
        if factors is None:
            factors = [
                _factor(mu / h * mass - matrix) for mu in (_VALUES[0].real, _VALUES[1])
            ]
        scale = rtol * sizes[kinds]
        guess = (
            np.zeros((3, len(y))) if before is None else _extrapolated(before, t, h, y)
        )
        z, count, rate = _newton(
            slope, factors, mass, t, y, h, guess, scale, newton_tol
        )
        if z is None:
            if not fresh:
                matrix, fresh = jacobian(t, y), True
            else:
                h, before = h / 2, None
            factors = None
            continue
        new = y + z[2]
        part = mass @ (_ERROR @ z) / h
        error = factors[0](f + part)
        with np.errstate(over="ignore", invalid="ignore"):
            sizes_new = np.maximum(sizes, _sizes(np.abs(new), kinds))
            scale = rtol * sizes_new[kinds]
            norm = _norm(error, scale)
            if rejected and norm > 1:
                error = factors[0](slope(t, y + error) + part)
                norm = _norm(error, scale)
        safety = 0.9 * (2 * _ITERATIONS + 1) / (2 * _ITERATIONS + count)
        if not norm <= 1:
            h *= (
                max(0.2, safety * _factor_of(h, norm, previous))
                if norm < np.inf
                else 0.2
            )
            factors, rejected = None, True
            continue
        factor = min(10.0, safety * _factor_of(h, norm, previous))
        again = count > 2 and rate is not None and rate > 1e-3
        before, previous = (t, h, y, z), (h, norm)
        t, y, sizes = (end if t + h >= end else t + h), new, sizes_new
        times.append(t)
        values.append(y)
        f = slope(t, y)
        rejected = False
        if again:
            matrix = jacobian(t, y)
        # A new step takes new factors, which cost more than a step a little too short.
        longer = min(factor * h, largest)
        if again or longer >= 1.2 * h:
            factors, h = None, longer if longer >= 1.2 * h else h
        fresh = again
    return np.array(times), np.array(values), None


def _newton(slope, factors, mass, t, y, h, z, scale, tol):
    """The three stages less `y`, how many iterations, and how fast they converged."""
    w = _BACK @ z
    last, rate = None, None
    for k in range(_ITERATIONS):
        stages = np.stack(
            [slope(t + c * h, y + step) for c, step in zip(_NODES, z, strict=True)]
        )
        if not np.isfinite(stages).all():
            return None, k, rate
        right = _BACK @ stages
        real = factors[0](right[0].real - _VALUES[0].real / h * (mass @ w[0].real))
        other = factors[1](right[1] - _VALUES[1] / h * (mass @ w[1]))
        norm = _norm(np.stack([real, other.real, other.imag]), scale)
        if last is not None:
            rate = norm / last if last > 0 else 0.0
            left = rate ** (_ITERATIONS - k) / (1 - rate) * norm if rate < 1 else np.inf
            if rate >= 1 or left > tol:
                return None, k + 1, rate
        w = w + np.stack([real, other])
        z = np.real(np.outer(_VECTORS[:, 0], w[0]) + 2 * np.outer(_VECTORS[:, 1], w[1]))
        # The first vector and its component are real together, up to rounding; the
        # pair of conjugates adds up to twice a real part.
        if norm == 0 or (rate is not None and rate / (1 - rate) * norm < tol):
            return z, k + 1, rate
        last = norm
    return None, _ITERATIONS, rate


def _extrapolated(before, t, h, y):
    """The polynomial of the step before at the nodes of this one, less `y`."""
    start, width, y_start, z = before
    nodes = np.append(0.0, _NODES)
    places = (t + _NODES * h - start) / width
    weights = np.ones((3, 4))
    for i in range(4):
        for j in set(range(4)) - {i}:
            weights[:, i] *= (places - nodes[j]) / (nodes[i] - nodes[j])
    return weights[:, 1:] @ z + (y_start - y)


def _factor(matrix):
    """A solver of systems with a sparse matrix of finite elements."""
    from scipy.sparse.linalg import splu

    found = splu(
        matrix.tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.01,
        options={"SymmetricMode": True},
    )
    return found.solve


def _factor_of(h, norm, previous):
    if norm == 0:
        return 10.0
    factor = norm**-0.25
    if previous is not None and previous[1] > 0:
        old, old_norm = previous
        factor = min(1.0, h / old * (old_norm / norm) ** 0.25) * factor
    return factor


def _norm(table, scale):
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.sqrt(np.mean((table / scale) ** 2)))


def _sizes(y, kinds):
    sizes = np.zeros(kinds.max() + 1)
    np.maximum.at(sizes, kinds, y)
    return sizes
