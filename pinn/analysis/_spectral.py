"""Spectral bias: which frequencies of the error training removes first."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from .._arguments import check_key
from .._compiled import Compiled
from .._domain import AbstractBox
from .._equation import field_shape
from .._method import FirstOrder
from .._problem import Problem
from ._axes import axes, shades
from ._ensemble import begin, small_adam
from ._profile import named
from ._rows import check_count, check_problem, rows_of

# Points along each axis by the number of coordinates.
_GRID = {1: 512, 2: 64, 3: 24}


@dataclass(frozen=True)
class SpectralBias:
    r"""The error of a field by frequency while it is trained.

    Attributes
    ----------
    name
        Of the activation.
    steps
        Steps after which the error was measured, ``(records,)``.
    frequencies
        $k$, half waves across the domain, ``(K,)``; the last stands for all above it.
    error
        The part of the relative L2 error with these frequencies, ``(records, seeds,
        K)``: the squares over $k$ add up to that of the whole.
    exact
        The same parts of the exact solution, ``(K,)``.
    """

    name: str
    steps: np.ndarray
    frequencies: np.ndarray
    error: np.ndarray
    exact: np.ndarray

    def as_dict(self) -> dict[str, Any]:
        """Steps, frequencies and the median error over the seeds, for JSON."""
        return {
            "steps": self.steps.tolist(),
            "frequencies": self.frequencies.tolist(),
            "error": np.median(self.error, axis=1).tolist(),
        }

    def plot(self, ax: Any = None) -> Any:
        """Draw the error by frequency, a line for each record, dark to light; the
        exact solution is dotted. Returns the figure."""
        (ax,) = axes(ax)
        last = len(self.steps) - 1
        for i, (step, error) in enumerate(zip(self.steps, self.error, strict=True)):
            labelled = {"label": f"{step} steps"} if i in (0, last // 2, last) else {}
            ax.semilogy(
                self.frequencies,
                np.median(error, axis=0),
                color=shades(0.92 * i / max(last, 1)),
                **labelled,
            )
        ax.semilogy(self.frequencies, self.exact, "k:", label="exact solution")
        top = max(np.max(self.exact), np.max(self.error))
        if top > 0 and np.isfinite(top):
            ax.set_ylim(1e-8 * top, 3 * top)
        ax.set(xlabel="half waves across the domain", ylabel="part of the error")
        ax.set_title(self.name, fontsize=10)
        ax.legend(fontsize=7)
        ax.grid(alpha=0.3)
        return ax.figure


def error_spectrum(
    problem: Problem, fields: Any, *, n: int | None = None, stacked: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""The error of a field, and the exact solution, by frequency.

    In cosines $\prod_i \cos(k_i \pi \hat y_i)$ over the whole box of the arguments,
    time included, which need no conditions on its boundary, gathered by
    $k = \|(k_1, k_2, \dots)\|$ rounded.

    Parameters
    ----------
    problem
        A problem on an interval or box with a known solution.
    fields
        A field, or several in one tree whose arrays have a leading axis.
    n
        Points along each axis.
    stacked
        Whether `fields` are several.

    Returns
    -------
    tuple
        Frequencies ``(K,)``, the last for all above it; the error ``(K,)`` or
        ``(fields, K)``, and the exact solution ``(K,)``: root sums of squares over the
        norm of the exact solution.

    Raises
    ------
    ValueError
        If the domain is no box, the solution is not known, or there are more than
        three coordinates and no `n`.
    """
    check_problem(problem)
    if problem.exact is None:
        raise ValueError(
            "`problem` has no exact solution to compare with; give it `exact=`."
        )
    if not isinstance(problem.domain, AbstractBox):
        raise ValueError(
            "`problem` lies on a domain that is no box, where cosines are no basis; "
            f"got {type(problem.domain).__name__}."
        )
    size = problem.in_size
    if n is None:
        if size not in _GRID:
            raise ValueError(f"`n` is needed for {size} coordinates: n**{size} points.")
        n = _GRID[size]
    check_count(n=n)
    arguments = _cells(problem, n)
    values, exact = _values(fields, problem.exact, arguments, stacked)
    exact = np.asarray(exact, float).reshape((n,) * size + (-1,))
    values = np.asarray(values, float).reshape((-1, *exact.shape))
    shells, count = _shells(n, size)
    whole = np.sqrt(np.sum(exact**2))
    part = lambda a: _by_shell(a, shells, count) / whole
    errors = np.stack([part(v - exact) for v in values])
    return np.arange(count), errors if stacked else errors[0], part(exact)


def spectral_bias(
    problem: Problem,
    activation: str | Callable[..., Any] = "tanh",
    *,
    key: PRNGKeyArray,
    method: Callable[[Any], FirstOrder] = small_adam,
    seeds: int = 3,
    records: int = 12,
    points: Any = None,
    n: int | None = None,
) -> SpectralBias:
    """Train networks and follow their error by frequency.

    Parameters
    ----------
    problem
        A problem on an interval or box with a known solution.
    activation
        A name of the catalogue, or a function.
    key
        Draws the points and the networks.
    method
        Makes the training from an activation: a `FirstOrder`; by default 2000 steps of
        Adam for a network of two layers of 16 units.
    seeds
        Networks, trained side by side in one program.
    records
        Times at which the error is looked at, even in the logarithm of the steps.
    points
        As in `pinn.solve`; 200 for the equation by default.
    n
        Points along each axis for the spectrum.

    Raises
    ------
    ValueError
        If an argument is wrong, before anything is trained.

    References
    ----------
    Rahaman et al., ICML 2019; Xu, Zhang, Luo, Xiao & Ma, Commun. Comput. Phys. 28
    (2020), 1746-1767.
    """
    check_problem(problem)
    check_key(key)
    check_count(seeds=seeds, records=records)
    name, function = named(activation)
    chosen = method(function)
    if not isinstance(chosen, FirstOrder):
        raise ValueError(
            "`method` makes a `pinn.FirstOrder`, whose steps can be taken side by "
            f"side; got {type(chosen).__name__}."
        )
    frequencies, _, exact = error_spectrum(problem, problem.exact, n=n)
    shape = field_shape(problem)
    template = chosen.default_field(problem, shape, key=key)
    residuals, train = rows_of(problem, template, points, key)
    ensemble = begin(chosen, residuals, train, shape, seeds=seeds, key=key)
    steps = np.unique(np.geomspace(1, chosen.steps, records).round().astype(int))
    errors, done = [], 0
    for step in (0, *steps):
        if step > done:
            ensemble = ensemble.advance(int(step) - done)
            done = int(step)
        fields = ensemble.states.field
        errors.append(error_spectrum(problem, fields, n=n, stacked=True)[1])
    return SpectralBias(
        name, np.array([0, *steps]), frequencies, np.stack(errors), exact
    )


def _cells(problem: Problem, n: int) -> tuple[Any, ...]:
    """The centres of n cells along each axis, as arguments of the field."""
    lower, upper = problem.bounds
    middle = (np.arange(n) + 0.5) / n
    ticks = [a + (b - a) * middle for a, b in zip(lower, upper, strict=True)]
    grid = np.stack(np.meshgrid(*ticks, indexing="ij"), -1).reshape(-1, len(ticks))
    points = jnp.asarray(grid, jnp.result_type(float))
    if problem.time is None:
        return (points,)
    return points[:, 0], points[:, 1:]


def _shells(n: int, size: int) -> tuple[np.ndarray, int]:
    """The rounded length of every vector of frequencies, cut at n / 2."""
    squares = sum(k**2 for k in np.ogrid[(slice(n),) * size])
    lengths = np.sqrt(squares).round().astype(int)
    return np.minimum(lengths, n // 2 - 1), n // 2


def _by_shell(values: np.ndarray, shells: np.ndarray, count: int) -> np.ndarray:
    from scipy.fft import dctn

    coefficients = np.asarray(dctn(values, axes=range(values.ndim - 1), norm="ortho"))
    squares = np.sum(coefficients**2, axis=-1)
    return np.sqrt(np.bincount(shells.ravel(), squares.ravel(), count))


def _values_of(fields, exact, arguments, stacked):
    at_all = lambda field: jax.vmap(field)(*arguments)
    values = eqx.filter_vmap(at_all)(fields) if stacked else at_all(fields)
    return values, at_all(exact)


_values = Compiled(_values_of)
