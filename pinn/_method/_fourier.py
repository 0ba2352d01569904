r"""An evolution equation in the Fourier coefficients of a periodic box.

The rate is split, $\partial_t u = \lambda(\partial)\, u + g$. The coefficients of
$\lambda$ are the means of $\partial f/\partial(\partial^\alpha u)$ over the initial
field, and g, all that is left, is evaluated at the points of a grid that is fine enough
for cubic terms.
"""

import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._host import Hosted
from .._problem import Problem
from .._rate import Index, Rate

# Points of the grid per highest wave number: products of three waves are seen right.
_FINE = 4
# Points of the grid that the initial field is taken from, in all.
_START_POINTS = 2**16
_PROBES = 256


class Waves:
    """The waves of a box up to a number along each axis, and their grid.

    Parameters
    ----------
    rate
        The equation.
    problem
        On a box that is periodic along all axes.
    highest
        Largest wave number along each axis.

    Attributes
    ----------
    waves
        Wave numbers, one of each pair k and -k, ``(modes, dim)``.
    twice
        1 for the mean and 2 for all others: what a mode counts in a sum of squares.
    """

    def __init__(self, rate: Rate, problem: Problem, highest: int):
        assert problem.time is not None
        self.rate, self.problem, self.highest = rate, problem, highest
        self.time = problem.time
        lower, upper = (np.asarray(b, float) for b in problem.domain.bounds)
        self.lower, self.widths, dim = lower, upper - lower, len(lower)
        self.components = math.prod(rate.shape)
        self.waves = wave_numbers(dim, highest)
        self.twice = np.where(np.any(self.waves != 0, axis=1), 2.0, 1.0)
        self.grid = (_fast(_FINE * highest + 2),) * dim
        self.points = self._points(self.grid)
        self._places = self._places_in(self.grid)
        angular = 2j * np.pi * self.waves / self.widths
        self.symbols = {
            index: np.prod([angular[:, axis] for axis in index], axis=0)
            if index
            else np.ones(len(self.waves))
            for index in rate.indices[0]
        }
        self.slopes: dict[Index, np.ndarray] = {}
        self.linear = np.zeros((self.components, len(self.waves)), complex)

    def _points(self, grid: tuple[int, ...]) -> np.ndarray:
        axes = [
            a + w * np.arange(n) / n
            for a, w, n in zip(self.lower, self.widths, grid, strict=True)
        ]
        mesh = np.meshgrid(*axes, indexing="ij")
        return np.stack([m.ravel() for m in mesh], axis=1)

    def _places_in(self, grid: tuple[int, ...]) -> tuple[np.ndarray, ...]:
        """Where the modes stand in a transform over a grid, axis by axis."""
        return tuple(k % n for k, n in zip(self.waves.T, grid, strict=True))

    def transformed(self, values: np.ndarray, grid: Any = None) -> np.ndarray:
        """Coefficients ``(..., modes)`` of values ``(..., *grid)``."""
        grid = self.grid if grid is None else grid
        axes = tuple(range(-len(grid), 0))
        waves = np.fft.rfftn(values, axes=axes, norm="forward")
        places = self._places if grid == self.grid else self._places_in(grid)
        return waves[(..., *places)]

    def values(self, coefficients: np.ndarray) -> np.ndarray:
        """Values on the grid, ``(..., *grid)``."""
        grid = self.grid
        shape = (*grid[:-1], grid[-1] // 2 + 1)
        waves = np.zeros((*coefficients.shape[:-1], *shape), complex)
        waves[(..., *self._places)] = coefficients
        if len(grid) > 1:  # where the last number is 0 both of a pair stand in it
            zero = self.waves[:, -1] == 0
            places = tuple(
                -p[zero] % n for p, n in zip(self._places, grid, strict=True)
            )
            waves[(..., *places)] = np.conj(coefficients[..., zero])
        return np.fft.irfftn(
            waves, s=grid, axes=tuple(range(-len(grid), 0)), norm="forward"
        )

    def start(self, initial: Any) -> np.ndarray:
        """The coefficients ``(d, modes)`` of a function of points ``(n, dim)``, taken
        on a finer grid, so that a kink at the seam does no harm to the low ones."""
        dim = len(self.grid)
        n = max(self.grid[0], round(_START_POINTS ** (1 / dim)))
        grid = (_fast(n),) * dim
        values = initial(self._points(grid))
        return self.transformed(values.T.reshape(self.components, *grid), grid)

    def linearise(self, start: np.ndarray) -> None:
        """Take the linear part from the mean slopes of the rate at a field."""
        step = max(1, len(self.points) // _PROBES)
        jet = {i: a[0, ::step] for i, a in self._jets(start[None]).items()}
        x = self.points[::step]
        slopes = _slopes(self.rate, np.asarray(self.time[0]), x, jet)
        means = {i: np.mean(np.asarray(slope), axis=0) for i, slope in slopes.items()}
        # What is not finite is left to the source, which says where.
        self.take({i: np.where(np.isfinite(m), m, 0.0) for i, m in means.items()})

    def take(self, slopes: dict[Index, np.ndarray]) -> None:
        """Take a linear part with given coefficients ``(d,)``."""
        self.slopes = slopes
        span = self.time[1] - self.time[0]
        self.linear = np.zeros_like(self.linear)
        for index, slope in slopes.items():
            self.linear += span * slope[:, None] * self.symbols[index]

    def _jets(self, u: np.ndarray) -> dict[Index, np.ndarray]:
        """Derivatives on the grid of coefficients ``(s, d, m)``, ``(s, n, *shape)``."""
        found = {}
        for index, symbol in self.symbols.items():
            values = self.values(u * symbol).reshape(*u.shape[:2], -1)
            found[index] = np.moveaxis(values, 1, 2).reshape(
                len(u), -1, *self.rate.shape
            )
        return found

    def source(self, taus: np.ndarray, u: np.ndarray) -> np.ndarray:
        """$g$ at several times, of coefficients ``(s, d, modes)``, in the time τ."""
        start, stop = self.time
        t = start + (stop - start) * taus
        f = np.asarray(_rates(self.rate, t, self.points, self._jets(u)))
        f = np.moveaxis(f.reshape(len(u), -1, self.components), 2, 1)
        f = self.transformed(f.reshape(*u.shape[:2], *self.grid))
        return (stop - start) * f - self.linear * u

    def norm(self, u: np.ndarray) -> float:
        """Root mean square over the box."""
        return float(np.sqrt(np.sum(self.twice * np.abs(u) ** 2)))

    def tail(self, u: np.ndarray) -> float:
        """That of the upper third of the waves."""
        high = np.max(np.abs(self.waves), axis=1) > 2 * self.highest / 3
        return float(np.sqrt(np.sum(self.twice[high] * np.abs(u[..., high]) ** 2)))

    def moved_to(self, other: "Waves", u: np.ndarray) -> np.ndarray:
        """The same coefficients ``(..., modes)`` among other waves."""
        result = np.zeros((*u.shape[:-1], len(other.waves)), complex)
        where = {tuple(k): i for i, k in enumerate(other.waves.tolist())}
        pairs = [
            (i, where[tuple(k)])
            for i, k in enumerate(self.waves.tolist())
            if tuple(k) in where
        ]
        mine, theirs = np.array(pairs).T
        result[..., theirs] = u[..., mine]
        return result


def wave_numbers(dim: int, highest: int) -> np.ndarray:
    """One of each pair of waves k, -k: the one whose last number that is not zero is
    positive. The mean comes first."""
    axes = [range(-highest, highest + 1)] * (dim - 1) + [range(highest + 1)]
    waves = np.array(list(itertools.product(*axes)))
    signs = np.zeros(len(waves))
    for column in waves.T:
        signs = np.where(column != 0, np.sign(column), signs)
    waves = waves[signs >= 0]
    order = np.argsort(np.max(np.abs(waves), axis=1), kind="stable")
    return waves[order]


def _fast(n: int) -> int:
    from scipy import fft

    length: Any = fft.next_fast_len(n, real=True)
    return int(length + length % 2)


@Hosted
def _slopes(rate, t, x, jet):
    """Of each component of the rate in its own derivatives, ``(n, d)`` each."""
    size = math.prod(rate.shape)

    def at(x, jet):
        jacobian = jax.jacfwd(lambda jet: jnp.reshape(rate(t, x, [jet]), size))(jet)
        own = lambda g: jnp.diagonal(jnp.reshape(g, (size, size)))
        return {index: own(g) for index, g in jacobian.items()}

    return jax.vmap(at)(x, jet)


def _rates_of(rate, t, x, jets):
    at = lambda t, x, jets: rate(t, x, [jets])
    return jax.vmap(jax.vmap(at, (None, 0, 0)), (0, None, 0))(t, x, jets)


_rates = Hosted(_rates_of)
