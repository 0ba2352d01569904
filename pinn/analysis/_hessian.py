"""The curvature of the loss: the spectrum of its Hessian, which is never formed."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray

from .._compiled import Compiled
from .._method._parameters import parameters, with_parameters
from .._problem import Problem
from ._axes import axes, colour
from ._rows import check_count, rows_of

# Below this share of the whole density a Ritz value is rounding.
_LEAST_WEIGHT = 1e-14
# A Lanczos vector so much shorter than the matrix is large spans nothing new.
_BREAKDOWN = 1e-13


@dataclass(frozen=True)
class HessianSpectrum:
    r"""The eigenvalues of the Hessian $H$ of the loss, as a density.

    Each probe gives a quadrature: nodes $\lambda_i$ and weights $w_i$ with
    $\sum_i w_i \lambda_i^j = v^\top H^j v$ up to $j = 2k - 1$ for $k$ steps and a
    random unit vector $v$; over probes its mean is $\operatorname{tr} H^j / p$.

    Attributes
    ----------
    nodes, weights
        Of every probe, ``(probes, k)``; the weights of a probe add up to 1.
    size
        $p$, the number of parameters.
    gradient_norm
        $\|g\|$, the length of the gradient of the loss.
    """

    nodes: np.ndarray
    weights: np.ndarray
    size: int
    gradient_norm: float

    @property
    def largest(self) -> float:
        """The largest Ritz value, a lower bound of the largest eigenvalue."""
        return float(np.max(self._kept))

    @property
    def smallest(self) -> float:
        """The smallest Ritz value, an upper bound of the smallest eigenvalue."""
        return float(np.min(self._kept))

    @property
    def _kept(self) -> np.ndarray:
        return self.nodes[self.weights > _LEAST_WEIGHT]

    @property
    def trace(self) -> float:
        r"""Estimate of $\operatorname{tr} H$ (Hutchinson)."""
        return self.size * float(np.mean(np.sum(self.weights * self.nodes, axis=1)))

    @property
    def frobenius(self) -> float:
        r"""Estimate of $\|H\|_F = (E \|H z\|^2)^{1/2}$ for random signs $z$."""
        squares = np.sum(self.weights * self.nodes**2, axis=1)
        return math.sqrt(self.size * float(np.mean(squares)))

    @property
    def negative_share(self) -> float:
        """Share of the eigenvalues below zero, from 0 to 1, by the quadrature."""
        return float(np.mean(np.sum(self.weights * (self.nodes < 0), axis=1)))

    @property
    def instability(self) -> float:
        r"""The dynamic instability index $\|H\|_F / \|g\|^2$: how much curvature a step
        along the gradient meets for what it gains. Its unit is one over that of the
        loss, and it has no meaning at a minimum."""
        if self.gradient_norm == 0:
            return math.inf
        return self.frobenius / self.gradient_norm**2

    def density(self, at: Any, width: float) -> np.ndarray:
        """The density at some values, with a Gaussian of that width for each node."""
        gap = (np.asarray(at)[:, None] - self.nodes.ravel()) / width
        kernel = np.exp(-0.5 * gap**2) / (width * math.sqrt(2 * math.pi))
        return kernel @ self.weights.ravel() / len(self.nodes)

    def as_dict(self) -> dict[str, float]:
        """The figures, as numbers that JSON can hold."""
        names = ("largest", "smallest", "trace", "frobenius", "negative_share")
        figures = {name: getattr(self, name) for name in names}
        return figures | {
            "gradient_norm": self.gradient_norm,
            "instability": self.instability,
        }

    def plot(self, ax: Any = None) -> Any:
        """Draw the density as a histogram, its bins even in the logarithm for large
        eigenvalues of either sign. Returns the figure."""
        (ax,) = axes(ax)
        top = float(np.max(np.abs(self._kept))) or 1.0
        scale = 1e-4 * top
        stretched = np.arcsinh(self.nodes / scale)
        edges = np.linspace(np.min(stretched) - 0.1, np.max(stretched) + 0.1, 60)
        weights = self.weights / len(self.nodes)
        mass, _ = np.histogram(stretched, edges, weights=weights)
        ax.stairs(mass, scale * np.sinh(edges), fill=True, color=colour(0))
        ax.set_xscale("symlog", linthresh=scale)
        # Ticks of a scale over both signs crowd around zero.
        ax.set_xticks([s * top * 10.0**-k for s in (-1, 1) for k in (0, 2)] + [0.0])
        ax.set_xticks([], minor=True)
        ax.set_xlim(scale * math.sinh(edges[0]), scale * math.sinh(edges[-1]))
        ax.set_xticks(
            [t for t in ax.get_xticks() if self.smallest <= t <= self.largest]
        )
        ax.xaxis.set_major_formatter("{x:.0e}")
        ax.tick_params(axis="x", labelsize=7)
        ax.set_yscale("log")
        ax.set_ylim(0.1 / self.size, 1.5)
        ax.set(xlabel="eigenvalue of the Hessian", ylabel="share of eigenvalues")
        return ax.figure


def hessian_spectrum(
    problem: Problem,
    field: Any,
    *,
    key: PRNGKeyArray,
    points: Any = None,
    probes: int = 8,
    steps: int = 48,
) -> HessianSpectrum:
    """The spectrum of the Hessian of the loss over all parameters of a field.

    By stochastic Lanczos quadrature: products of the Hessian with vectors, of which
    each costs about two gradients, with full reorthogonalisation.

    Parameters
    ----------
    problem
        The problem whose rows make the loss, half the sum of their squares.
    field
        Any network.
    key
        Draws the points and the probes.
    points
        As in `pinn.solve`; 200 for the equation by default.
    probes
        Random vectors.
    steps
        Of Lanczos for each, at most the number of parameters.

    Raises
    ------
    ValueError
        If an argument is wrong.

    References
    ----------
    Ghorbani, Krishnan & Xiao, ICML 2019 (the density); Yao et al., IEEE Big Data 2020
    (PyHessian); Ubaru, Chen & Saad, SIAM J. Matrix Anal. 38 (2017), 1075-1099.
    """
    check_count(probes=probes, steps=steps)
    residuals, train = rows_of(problem, field, points, key)
    theta = parameters(field)
    steps = min(steps, theta.size)
    signs = jr.rademacher(jr.fold_in(key, 1), (probes, theta.size), theta.dtype)
    gradient_norm, diagonal, beside = _lanczos_of_loss(
        residuals, field, theta, train, signs, jnp.zeros(steps)
    )
    pairs = [
        quadrature(a, b)
        for a, b in zip(np.asarray(diagonal), np.asarray(beside), strict=True)
    ]
    nodes, weights = (np.stack(part) for part in zip(*pairs, strict=True))
    return HessianSpectrum(nodes, weights, theta.size, float(gradient_norm))


def lanczos(
    product: Callable[[Array], Array], start: Float[Array, " p"], steps: int
) -> tuple[Float[Array, " k"], Float[Array, " k"]]:
    """The tridiagonal matrix of a symmetric one, its diagonal and what is beside it.

    The last entry beside it belongs to the vector that would come next. Where the
    Krylov space ends, what follows is decoupled, with zeros beside the diagonal.
    """
    first = start / jnp.linalg.norm(start)
    basis = jnp.zeros((steps, start.size), start.dtype).at[0].set(first)

    def step(carry, i):
        basis, q, scale = carry
        w = product(q)
        alpha = q @ w
        scale = jnp.maximum(scale, jnp.linalg.norm(w))
        for _ in range(2):  # once loses the orthogonality that it restores
            w = w - basis.T @ (basis @ w)
        beta = jnp.linalg.norm(w)
        alive = beta > _BREAKDOWN * scale
        q = jnp.where(alive, w / jnp.where(alive, beta, 1.0), jnp.zeros_like(w))
        basis = basis.at[i + 1].set(q, mode="drop")
        return (basis, q, scale), (alpha, jnp.where(alive, beta, 0.0))

    begin = (basis, first, jnp.zeros((), start.dtype))
    _, (diagonal, beside) = lax.scan(step, begin, jnp.arange(steps))
    return diagonal, beside


def quadrature(diagonal: np.ndarray, beside: np.ndarray) -> tuple[Any, Any]:
    """Nodes and weights of the Gauss rule of a tridiagonal matrix (Golub, Welsch)."""
    from scipy.linalg import eigh_tridiagonal

    nodes, vectors = eigh_tridiagonal(diagonal, beside[:-1])
    return nodes, vectors[0] ** 2


def _lanczos_all(residuals, field, theta, points, signs, steps):
    loss = lambda q: residuals.loss(with_parameters(field, q), points)
    gradient = jax.grad(loss)

    def one(sign):
        product = lambda v: jax.jvp(gradient, (theta,), (v,))[1]
        return lanczos(product, sign, steps.size)

    norm = jnp.linalg.norm(gradient(theta))
    return (norm, *lax.map(one, signs))


_lanczos_of_loss = Compiled(_lanczos_all)
