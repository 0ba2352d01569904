"""The Laplacian and its relatives."""

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from .._types import FieldLike
from ._engines import ENGINES, Options, forward_laplacian
from ._field import Field
from ._named import Named, check_point, in_space, named, shape_at
from ._seed import bundle, taylor
from ._stochastic import ESTIMATORS, samples


def laplacian(
    u: FieldLike,
    method: str = "auto",
    *,
    key: PRNGKeyArray | None = None,
    directions: int = 16,
    estimator: str = "rademacher",
    order: int = 4,
    step: float | None = None,
) -> Field:
    r"""The Laplacian $\Delta u = \sum_i \partial_{ii} u$, componentwise.

    Parameters
    ----------
    u
        A scalar or vector field.
    method
        How it is computed; all but the last two are exact.

        ``"auto"``
            the forward Laplacian, which was the fastest in every dimension measured.
        ``"forward-laplacian"``
            value, gradient and Laplacian are pushed through the field together, at the
            cost of about ``dim + 2`` evaluations; no matrix of second derivatives is
            formed. An operation of the field without a rule is differentiated as a
            whole, with a warning.
        ``"taylor"``
            Taylor polynomials of second order along each axis.
        ``"forward-over-forward"``
            nested differentiation of JAX, axis by axis; so are
            ``"forward-over-reverse"`` and ``"reverse-over-forward"``.
        ``"stochastic"``
            an unbiased estimate from random directions, for very many coordinates; see
            below.
        ``"finite-difference"``
            central differences, for fields that JAX cannot differentiate, such as a
            call of a foreign program. They do not rescue a kinked activation: the
            second derivative of a ReLU network is zero almost everywhere, and a
            difference quotient across a kink grows like one over the step.
    key
        Draws the directions of ``"stochastic"``, the same at every point of a batch
        unless each point is given a key of its own.
    directions
        Number of random directions.
    estimator
        ``"rademacher"`` or ``"gaussian"``: $\Delta u \approx \frac1m \sum_k
        v_k^\top H v_k$ with $E v v^\top = I$ (Hutchinson 1990). ``"sparse"``:
        $m$ different axes, times ``dim / m`` (Hu et al. 2023), without any error for a
        sum of equal terms.
    order
        Of ``"finite-difference"``: 2, 4 or 6.
    step
        Of ``"finite-difference"``, in the unit of `x`; by default
        $\varepsilon^{1/(p+2)} \max(1, |x_i|)$, with the precision $\varepsilon$ of the
        numbers and the order $p$, which balances rounding and truncation for fields
        that vary over lengths of 1.

    Returns
    -------
    Field
        Of the shape of `u`, in its unit per squared unit of length.

    Raises
    ------
    ValueError
        If the method, the estimator or the order is not known, ``"stochastic"`` has no
        key, or the field is given many points at once, or an integer point.

    References
    ----------
    Li et al. 2023, Forward Laplacian, arXiv:2307.08214. Bettencourt, Johnson & Duvenaud
    2019, Taylor-mode automatic differentiation. Hutchinson 1990, Commun. Stat. Simul.
    Comput. 19, 433-450. Hu, Shukla, Karniadakis & Kawaguchi 2023, Tackling the curse of
    dimensionality with PINNs, arXiv:2307.12306. Shi, Hu, Lin & Kawaguchi 2024,
    Stochastic Taylor derivative estimator, arXiv:2412.00088.

    Examples
    --------
    >>> u = lambda x: x[0] ** 2 + 3 * x[1] ** 2
    >>> float(pinn.laplacian(u)(jnp.array([1.0, 2.0])))
    8.0
    >>> points = jnp.ones((5, 2))
    >>> jax.vmap(pinn.laplacian(u))(points).shape
    (5,)
    """
    if method not in ENGINES:
        raise ValueError(
            f"`method` of `laplacian` takes one of {', '.join(map(repr, ENGINES))}; "
            f"got {method!r}."
        )
    if method == "stochastic":
        _check_random(key, directions, estimator)
    if order not in (2, 4, 6):
        raise ValueError(f"`order` of `laplacian` takes 2, 4 or 6; got {order!r}.")
    options = Options(directions, estimator, order, step)
    return Field(_Laplacian(named("laplacian", u), key, method, options))


def laplacian_samples(
    u: FieldLike,
    *,
    key: PRNGKeyArray,
    directions: int = 16,
    estimator: str = "rademacher",
) -> Field:
    r"""Independent unbiased estimates of the Laplacian, one for each direction.

    Their mean is ``laplacian(u, "stochastic", ...)`` with the same arguments, and their
    variance over the number of directions is its variance (for ``"sparse"``, without
    replacement, a little more than it). Arguments as in `laplacian`.

    Returns
    -------
    Field
        Of shape ``(directions, *d)``.

    Raises
    ------
    ValueError
        As `laplacian`.
    """
    _check_random(key, directions, estimator)
    options = Options(directions, estimator)
    return Field(_Samples(named("laplacian_samples", u), key, options))


def hessian(u: FieldLike) -> Field:
    r"""The Hessian $H_{ij} = \partial_i \partial_j u$ of a field.

    Returns a field of shape ``(dim, dim)`` for a scalar and ``(d, dim, dim)`` for a
    vector field.
    """
    return Field(_Hessian(named("hessian", u)))


def biharmonic(u: FieldLike) -> Field:
    r"""The biharmonic operator $\Delta^2 u = \Delta(\Delta u)$, componentwise.

    Up to three dimensions it is a sum of fourth derivatives along a few directions,

    $$ \Delta^2 u = \tfrac89 \sum_{k=1}^{3} D_{e_k}^4 u, \qquad
       \Delta^2 u = \tfrac56 \sum_{k=1}^{6} D_{e_k}^4 u, $$

    with directions at angles of 60° in the plane, and the axes of an icosahedron in
    space: sets over which averages of quartic polynomials equal those over the sphere.
    In more dimensions one forward Laplacian is pushed through another.

    Returns
    -------
    Field
        Of the shape of `u`, in its unit per fourth power of the unit of length.
    """
    return Field(_Biharmonic(named("biharmonic", u)))


def _check_random(key: Any, directions: Any, estimator: Any) -> None:
    if key is None:
        raise ValueError(
            'The method "stochastic" of `laplacian` draws random directions; give it '
            "`key=jax.random.key(0)`, another one at every step."
        )
    if not isinstance(directions, int) or directions < 1:
        raise ValueError(
            f"`directions` takes a positive number of directions; got {directions!r}."
        )
    if estimator not in ESTIMATORS:
        raise ValueError(
            f"`estimator` takes one of {', '.join(map(repr, ESTIMATORS))}; got "
            f"{estimator!r}."
        )


class _Laplacian(eqx.Module):
    u: Named
    key: PRNGKeyArray | None
    method: str = eqx.field(static=True)
    options: Options = eqx.field(static=True)

    def __call__(self, *arguments: Any) -> Array:
        check_point("laplacian", arguments)
        return ENGINES[self.method](self.u, arguments, self.key, self.options)


class _Samples(eqx.Module):
    u: Named
    key: PRNGKeyArray
    options: Options = eqx.field(static=True)

    def __call__(self, *arguments: Any) -> Array:
        check_point("laplacian_samples", arguments)
        return samples(self.u, arguments, self.key, self.options)


class _Hessian(eqx.Module):
    u: Named

    def __call__(self, *arguments: Any) -> Array:
        check_point("hessian", arguments)
        of_space = in_space(self.u, arguments)
        if shape_at(self.u, arguments) == ():
            return jax.jacfwd(jax.grad(of_space))(arguments[-1])
        return jax.jacfwd(jax.jacfwd(of_space))(arguments[-1])


_GOLDEN = (1 + np.sqrt(5)) / 2
_ICOSAHEDRON = np.array(
    [np.roll([0.0, 1.0, s * _GOLDEN], i) for i in range(3) for s in (1.0, -1.0)]
) / np.sqrt(1 + _GOLDEN**2)
_TRIANGLE = np.array([[np.cos(a), np.sin(a)] for a in np.pi * np.arange(3) / 3])
_QUARTIC = {1: (np.ones((1, 1)), 1.0), 2: (_TRIANGLE, 8 / 9), 3: (_ICOSAHEDRON, 5 / 6)}


class _Biharmonic(eqx.Module):
    u: Named

    def __call__(self, *arguments: Any) -> Array:
        check_point("biharmonic", arguments)
        x = arguments[-1]
        if x.shape[0] not in _QUARTIC:
            once = lambda *a: forward_laplacian(self.u, a)
            return forward_laplacian(once, arguments)
        vectors, factor = _QUARTIC[x.shape[0]]
        jet = taylor(self.u, arguments, bundle(vectors, x.dtype), 4)
        parts = jet.coefficients[3]
        return factor * sum(parts[1:], parts[0])
