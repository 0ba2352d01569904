"""Triangle finite elements for equations of second order on plane domains."""

import dataclasses
import math
import warnings
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._checks import is_whole
from .._equation import analyse, field_shape
from .._precision import bits, turn_on
from .._problem import Problem
from .._rate import rate_of
from ..metrics import relative_l2
from . import _finite_elements_form as form
from ._finite_elements_field import Elements
from ._finite_elements_form import WeakForm
from ._finite_elements_mesh import triangles
from ._finite_elements_system import System
from ._initial import initial_values
from ._march import March
from ._newton import newton
from ._radau import radau

Degree = Literal[1, 2, 3, 4]

_ERROR_POINTS = 2000
_COARSER = 1.5  # times the length of the sides, to compare with
_LOOSER = 30.0  # tolerance of the integrator there, so that its error is seen too
_FEWEST = 3


class FiniteElements(eqx.Module):
    """A solution by finite elements. Call it like a field, ``u(x)`` or ``u(t, x)``.

    It is the combination of shape functions itself, on triangles with a curved side
    where they bound a hole or a rim; between steps in time it is a polynomial of
    degree seven. Outside of the domain and of `time` it is NaN.

    Attributes
    ----------
    n
        Triangles along the longer side of the domain, about.
    degree
        Of the polynomials on a triangle.
    unknowns
        Values at nodes that were solved for.
    error
        Estimated relative L2 error: the difference from a solution with sides 1.5
        times as long and a looser tolerance in time. It is the error of that solution,
        so an upper estimate of this one's; ``None`` if none was asked for.
    failure
        Why it ended early, ``None`` if it did not.
    elements
        The shape functions.
    march
        The values at all nodes, at every step; only one without time.
    shape
        Of a value.
    """

    n: int = eqx.field(static=True)
    degree: Degree = eqx.field(static=True)
    unknowns: int = eqx.field(static=True)
    error: float | None = eqx.field(static=True)
    failure: str | None = eqx.field(static=True)
    elements: Elements
    march: March
    shape: tuple[int, ...] = eqx.field(static=True)

    def __call__(self, *arguments: Any) -> Array:
        *time, x = (jnp.asarray(a, float) for a in arguments)
        return _evaluated(self, tuple(time), x)

    @property
    def time(self) -> tuple[float, float] | None:
        """First and last time; ``None`` for a stationary problem."""
        if len(self.march.times) == 1:
            return None
        return float(self.march.times[0]), float(self.march.times[-1])

    @property
    def steps(self) -> int:
        return len(self.march.times) - 1


@eqx.filter_jit
def _evaluated(reference, time, x):
    nodes, weights = reference.elements.at(x)
    values = reference.march.values
    if time:
        first, in_time = reference.march.weights(time[0])
        steps = first + jnp.arange(len(in_time))
        value = jnp.einsum(
            "s,b,sbd->d", in_time, weights, values[steps[:, None], nodes]
        )
    else:
        value = weights @ values[0, nodes]
    return value.reshape(reference.shape)


def finite_elements(
    problem: Problem,
    n: int | None = None,
    *,
    degree: Degree = 3,
    rtol: float = 1e-8,
    shape: tuple[int, ...] | None = None,
    estimate: bool = True,
) -> FiniteElements:
    r"""Solve an equation on a plane domain, independently of networks and training.

    The residual, whatever it is, is brought to its weak form through its jet, where
    its second derivatives are integrated by parts,

    $$ F = r(x, u, \nabla u) + A(x, u) : \nabla\nabla u , \qquad
       \int v\,\bigl(r - (\nabla\cdot A)\cdot\nabla u\bigr) - \nabla v : A \nabla u
       + \oint v\, n \cdot A \nabla u = 0 , $$

    on triangles by scikit-fem. A nonlinear equation is solved by Newton's method; an
    evolution, of first or second order in time, is integrated by Radau's method of
    order five. In space the L2 error falls with the power `degree` + 1 of the sides of
    the triangles, where the solution is that smooth.

    Parameters
    ----------
    problem
        On a domain in two dimensions, such as a `Disk`, a `Box` or ``square - hole``.
        Its residual is affine in the second derivatives, with coefficients that do not
        depend on the gradient. Everywhere on the boundary one condition for each
        component holds the field or its normal derivative.
    n
        Triangles along the longer side of the domain; by default 24. Small holes are
        surrounded by smaller ones.
    degree
        Of the polynomials on a triangle, 1 to 4.
    rtol
        Tolerance of the integrator, relative to the largest value.
    shape
        Of the field at one point; found by trying if ``None``.
    estimate
        Whether to estimate the error, which takes a second, smaller solve.

    Returns
    -------
    FiniteElements
        A field, for `jax.vmap` and `Solution.error`.

    Raises
    ------
    ValueError
        If the problem is of another kind, or an argument of another; if a part of the
        boundary has more or fewer conditions; if numbers have 32 bits.
    ImportError
        If scikit-fem is not installed.

    Warns
    -----
    RuntimeWarning
        If the iteration or the integration fails; what there is, is returned.

    References
    ----------
    Gustafsson & McBain, scikit-fem, Journal of Open Source Software 5 (2020), 2369.
    Ciarlet, The Finite Element Method for Elliptic Problems (1978), ch. 4 (curved
    triangles). Hairer & Wanner, Solving Ordinary Differential Equations II (1996).
    """
    if bits() == 32:
        raise ValueError(f"`finite_elements` needs 64-bit numbers. {turn_on()}")
    if problem.domain.dim != 2:
        raise ValueError(
            "`problem` takes a domain in two dimensions here; got one in "
            f"{problem.domain.dim}. On an `Interval` or a `Box` use "
            "`pinn.reference.method_of_lines`."
        )
    if degree not in (1, 2, 3, 4):
        raise ValueError(f"`degree` takes 1, 2, 3 or 4; got {degree!r}.")
    n = 24 if n is None else n
    if not is_whole(n) or n < _FEWEST:
        raise ValueError(
            f"`n` takes a number of triangles, at least {_FEWEST}; got {n!r}."
        )
    if not 0 < rtol < 1:
        raise ValueError(f"`rtol` takes a number between 0 and 1; got {rtol!r}.")
    try:
        import skfem  # noqa: F401 # pyright: ignore
    except ImportError as error:
        raise ImportError(
            "`finite_elements` needs the library scikit-fem: `pip install 'pinn[fem]'`."
        ) from error
    weak = _weak_form(problem, shape)
    fine = _solve(problem, weak, n, degree, rtol)
    if not estimate:
        return fine
    fewer = max(math.ceil(n / _COARSER), _FEWEST - 1)
    coarse = _solve(problem, weak, fewer, degree, min(_LOOSER * rtol, 0.1))
    return dataclasses.replace(fine, error=_difference(problem, fine, coarse))


def _weak_form(problem: Problem, shape: tuple[int, ...] | None) -> WeakForm:
    shape = field_shape(problem) if shape is None else shape
    rate = None if problem.time is None else rate_of(problem, shape)
    weak = WeakForm(problem.equation, rate, shape)
    bare = Problem(problem.domain, problem.residual, (), time=problem.time)
    rows = jax.tree.map(np.asarray, problem.equation.sample(8, key=jax.random.key(0)))
    jet = analyse(bare, shape, {"equation": rows})["equation"]
    in_space = jet.orders[-1]
    if not jet.local or in_space != 2 or not jet.affine_in[-1]:
        why = "nonlocal" if not jet.local else f"of order {in_space} in space"
        if jet.local and in_space == 2:
            why = "not affine in the second derivatives"
        raise ValueError(
            f"`residual` of the problem is {why}; finite elements take equations of "
            "second order, affine in the second derivatives with coefficients that do "
            "not depend on the gradient. Use `pinn.solve`."
        )
    _check_matrix(problem, weak, rows.arguments[-1])
    return weak


def _check_matrix(problem, weak, x):
    """The coefficients of second derivatives at two gradients, and at two rates."""
    rng = np.random.default_rng(0)
    lower, upper = problem.bounds
    unit = np.pi / np.max(upper[-2:] - lower[-2:])
    t = 0.0 if problem.time is None else float(np.mean(problem.time))
    c = rng.standard_normal((len(x), weak.unknowns, 3)) * np.array([1.0, unit, unit])
    other = c.copy()
    other[..., 1:] = rng.standard_normal(other[..., 1:].shape) * unit
    one, two = (form.matrices(weak, t, x, a) for a in (c, other))
    largest = np.max(np.abs(one))
    if np.max(np.abs(one - two)) > 1e-8 * largest:
        raise ValueError(
            "`residual` of the problem has second derivatives whose coefficients "
            "depend on the gradient; finite elements take those that depend on the "
            "place, the time and the field. Use `pinn.solve`."
        )
    size = weak.components
    if weak.levels == 2 and np.max(np.abs(one[:, :, size:])) > 1e-12 * largest:
        raise ValueError(
            "`residual` of the problem has second derivatives of u_t in space, which "
            "finite elements do not take here. Make u_t a component of the field."
        )
    own = np.max(np.abs(one[:, -size:, :size]), axis=(0, 3, 4))
    if not (np.diag(own) > 1e-10 * np.max(own)).all():
        raise ValueError(
            "`residual` of the problem has a component without second derivatives of "
            "the same component of the field, as a pressure has none; each needs them "
            "here. Use `pinn.solve`."
        )
    if weak.rate is None and one.shape[1] != size:
        raise ValueError(
            f"`residual` of the problem has {one.shape[1]} component(s) and the field "
            f"{size}; finite elements take one equation for each."
        )


def _solve(problem, weak, n, degree, rtol) -> FiniteElements:
    lower, upper = (np.asarray(b, float) for b in problem.domain.bounds)
    spacing = float(np.max(upper - lower)) / n
    mesh = triangles(problem.domain, spacing, curved=degree > 1)
    system = System(problem, weak, mesh, degree)
    if problem.time is None:
        start = np.zeros(system.size)
        start[system.fixed] = system.fixed_values(0.0)
        values, failure = newton(system.linearised, start)
        times, values = np.zeros(1), values[None]
    else:
        begin = problem.time[0]
        start = initial_values(problem, weak.rate, jnp.asarray(system.nodes))
        y = np.array(np.moveaxis(np.asarray(start), 0, 1)).reshape(-1)
        y[system.fixed] = system.fixed_values(begin)
        times, values, failure = radau(
            system.slope,
            lambda t, y: system.linearised(t, y)[1],
            system.mass(),
            y,
            problem.time,
            rtol=rtol,
            kinds=system.kinds,
        )
    if failure:
        warnings.warn(
            f"`finite_elements` ended early: {failure} Give more triangles, `n`.",
            RuntimeWarning,
            stacklevel=3,
        )
    table = values.reshape(len(times), -1, weak.unknowns)[..., : weak.components]
    march = March(jnp.asarray(times), jnp.asarray(table))
    return FiniteElements(
        n,
        degree,
        system.size,
        None,
        failure,
        Elements(system, degree),
        march,
        weak.shape,
    )


def _difference(
    problem: Problem, fine: FiniteElements, coarse: FiniteElements
) -> float:
    """The relative L2 difference at random points; infinite if one ended early."""
    if fine.failure or coarse.failure:
        return math.inf
    points = problem.equation.sample(_ERROR_POINTS, key=jax.random.key(0)).arguments
    values: list[Float[Array, "..."]] = [jax.vmap(u)(*points) for u in (coarse, fine)]
    return float(relative_l2(*values))
