r"""The residual of a term as a function of the point and the local jet.

In place of a network the residual is handed the polynomial

$$ u_c(y) = \sum_k \frac{1}{k!}\, c_k[p, \dots, p], \qquad p = Q (y - z), $$

about the point $z$, with $c_k$ a tensor of order k. This turns it into a function
$F(z, c)$ of finitely many numbers. Its derivatives $\partial F/\partial c$ at random
$c$ say which derivatives of the field enter, in which argument, to which order, in
which of them the residual is affine, and how large each coefficient is.

The variables $p$ are dimensionless: $Q$ measures each coordinate in the width of the
domain over π, the length over which the slowest mode changes by its own size. So the
coefficients of every order have the unit of $u$ and can be compared and added.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from ._compiled import Compiled
from ._condition import RowInput
from ._counting import count_derivatives
from ._domain import real
from ._host import Hosted
from ._problem import Problem, Term, residual_shape, row_struct
from ._types import FieldLike

# Entries of the largest tensor of the jet; beyond, the jet is taken along random
# lines, one per argument.
_MOST_ENTRIES = 20_000
# The share of a residual's source that no field can balance, above which it is no error
# of rounding.
_CONTRADICTION = 1e-3
# Points that are looked at: so many that a derivative which enters in a hundredth of
# the domain alone is found; fewer where jets are so large that they would not fit.
PROBES, _LEAST_PROBES, _MOST_NUMBERS = 512, 16, 4_000_000
_JETS = 5  # at each: two that are random, zero, that of a wave and that of a field


@dataclass(frozen=True)
class TermJet:
    """What the local jet tells of one term.

    Attributes
    ----------
    name
        The term's.
    order
        Order of the highest derivative of the field that enters.
    orders
        The same for each argument of the field, from slow to fast: ``(time, space)``.
    affine
        Whether the residual is affine in the field.
    affine_in
        For each argument, whether it is affine in that argument's highest derivatives.
    local
        Whether it looks at the field at its own point only.
    depends
        Whether it depends on the field at all.
    scale
        Size of the operator for each component of the residual: root mean square over
        points of $\\sum_\\alpha |\\partial F/\\partial c_\\alpha|$, in the unit of the
        residual per unit of the field.
    contradictory
        Whether a combination of its components does not contain the field and is not
        zero, so that no field satisfies all of them.
    """

    name: str
    order: int
    orders: tuple[int, ...]
    affine: bool
    affine_in: tuple[bool, ...]
    local: bool
    depends: bool
    scale: np.ndarray
    contradictory: bool = False


@dataclass(frozen=True)
class Structure:
    """What the jets of all terms allow a method to rely on; static and comparable.

    Attributes
    ----------
    local
        Whether every residual looks at the field at its own point only.
    affine
        Whether every residual is affine in the field.
    orders
        Pairs of a term's name and the order of its highest derivative.
    """

    local: bool = False
    affine: bool = False
    orders: tuple[tuple[str, int], ...] = ()


def structure(jets: Mapping[str, TermJet]) -> Structure:
    """The structure of a problem with these jets."""
    return Structure(
        local=all(jet.local for jet in jets.values()),
        affine=all(jet.affine for jet in jets.values()),
        orders=tuple((jet.name, jet.order) for jet in jets.values()),
    )


def field_shape(problem: Problem) -> tuple[int, ...]:
    """The shape of the field that a problem is about, found by trying.

    The exact solution's, if there is one; else the first of a scalar and vectors of up
    to four components (or one for each coordinate) that every residual accepts, those
    preferred for which the equation has as many components as the field: a vector
    equation often accepts a scalar, by broadcasting.

    Raises
    ------
    ValueError
        If none of them is accepted, with the reason that a scalar is not.
    """
    terms = problem.terms
    if problem.exact is not None:
        point = row_struct(problem, terms[0]).arguments
        try:
            shape = jax.eval_shape(problem.exact, *point).shape
        except (TypeError, AttributeError) as error:
            raise ValueError(
                "`exact` takes the arguments of the field, "
                f"{'u(x)' if problem.time is None else 'u(t, x)'}, one point; calling "
                f"it gave {type(error).__name__}: {error}"
            ) from error
        for term in terms:
            residual_shape(problem, term, _constant(shape))
        return shape
    first_error: Exception | None = None
    accepted: list[tuple[int, ...]] = []
    vectors = dict.fromkeys((1, 2, 3, 4, problem.domain.dim, problem.in_size))
    for shape in ((), *((d,) for d in vectors)):
        try:
            trees = [residual_shape(problem, t, _constant(shape)) for t in terms]
        except Exception as error:  # whatever the user's function raises
            first_error = first_error or error
            continue
        components = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(trees[0]))
        if components == math.prod(shape):
            return shape
        accepted.append(shape)
    if accepted:
        return accepted[0]
    assert first_error is not None
    raise first_error


def analyse(
    problem: Problem,
    shape: tuple[int, ...],
    points: dict[str, RowInput],
    *,
    field: FieldLike | None = None,
) -> dict[str, TermJet]:
    """Read every term's order, affinity and scale from its local jet.

    Parameters
    ----------
    problem
        The problem.
    shape
        Shape of the field at one point.
    points
        Row inputs of every term; the first 512 are looked at, fewer in many
        dimensions.
    field
        Where the coefficients of a nonlinear residual are taken; the field that is
        zero if ``None``.

    Raises
    ------
    ValueError
        If a residual has the wrong shape.
    """
    terms = problem.terms
    bounds = []
    for term in terms:
        residual_shape(problem, term, _constant(shape))
        bounds.append(order_bound(problem, term, shape))
    axes, owner = jet_frame(problem, max(bounds))
    frame = np.asarray(axes)
    rng = np.random.default_rng(0)
    centre = np.concatenate(problem.bounds).reshape(2, -1).mean(axis=0)
    found = {}
    for term, order in zip(terms, bounds, strict=True):
        most = _number_of_probes(len(frame), order, shape)
        rows = jax.tree.map(
            lambda a, most=most: np.asarray(a)[:most], points[term.name].alone
        )
        wave = _Wave(
            rng.standard_normal((3, len(frame))).astype(frame.dtype),
            rng.uniform(0, 2 * np.pi, (*shape, 3)).astype(frame.dtype),
            frame,
            centre.astype(frame.dtype),
        )
        jets = _probe_jets(rng, len(rows.arguments[-1]), order, frame, shape)
        with np.errstate(all="ignore"):  # a residual may be infinite somewhere
            raw = _measure(term, field, frame, rows, jets, wave, order)
            found[term.name] = _digest(term.name, raw, owner)
    return found


def order_bound(problem: Problem, term: Term, shape: tuple[int, ...]) -> int:
    """An upper bound of a residual's order; nothing is computed for it."""
    row = row_struct(problem, term)

    def run(u):
        jax.eval_shape(lambda row: term.residual(u, row), row)

    return count_derivatives(run, shape)


def taylor(
    coefficients: tuple[Array, ...], frame: Float[Array, "q in"], centre: Array
) -> FieldLike:
    """The field that has the given jet about `centre`, in the variables of `frame`."""

    def u(*arguments):
        p = frame @ (_flat(arguments) - centre)
        value, factorial = coefficients[0], 1.0
        for k, c in enumerate(coefficients[1:], start=1):
            factorial *= k
            for _ in range(k):
                c = c @ p
            value = value + c / factorial
        return value

    return u


def jet(
    u: Callable[[Array], Array], p: Float[Array, " q"], order: int
) -> tuple[Array, ...]:
    """Value and derivatives of `u` at `p` up to an order, as a tuple of tensors."""
    derivatives, f = [], u
    for _ in range(order + 1):
        derivatives.append(f(p))
        f = jax.jacfwd(f)
    return tuple(derivatives)


def unit_frame(problem: Problem) -> np.ndarray:
    """One over the length of each coordinate over which the slowest mode changes."""
    lower, upper = problem.bounds
    return np.diag(np.pi / (upper - lower))


def ravelled(term: Term, u: FieldLike, row: RowInput) -> Float[Array, " k"]:
    """A term's residual at one row input, all its components in one array."""
    leaves = jax.tree.leaves(term.residual(u, row))
    return jnp.concatenate([jnp.ravel(jnp.asarray(leaf)) for leaf in leaves])


def _flat(arguments: tuple[Array, ...]) -> Array:
    return jnp.concatenate([jnp.ravel(a) for a in arguments])


def _constant(shape: tuple[int, ...]) -> FieldLike:
    def u(*arguments):
        s = sum(jnp.sum(a) for a in arguments)
        return jnp.broadcast_to(jnp.asarray(s), shape)

    return u


def jet_frame(problem: Problem, order: int) -> tuple[Array, tuple[int, ...]]:
    """The variables $Q$ of the jet, and which argument of the field each belongs to."""
    unit = unit_frame(problem)
    size, dim = problem.in_size, problem.domain.dim
    owner = np.maximum(np.arange(size) - (size - dim), 0) + (size - dim)
    owner[: size - dim] = np.arange(size - dim)
    owner[size - dim :] = size - dim
    if size**order > _MOST_ENTRIES:
        signs = np.random.default_rng(0).choice([-1.0, 1.0], size)
        lines = [
            np.where(owner == argument, signs * np.diag(unit), 0.0)
            for argument in range(size - dim + 1)
        ]
        unit, owner = np.stack(lines), np.arange(size - dim + 1)
    return real(unit), tuple(int(i) for i in owner)


class _Wave(eqx.Module):
    """A smooth field that is no polynomial, a sum of three plane waves."""

    directions: Float[np.ndarray, "3 q"]
    phases: Float[np.ndarray, "*d 3"]
    frame: Float[np.ndarray, "q in"]
    reference: Float[np.ndarray, " in"]

    def __call__(self, *arguments: Array) -> Float[Array, "*d"]:
        s = self.directions @ (self.frame @ (_flat(arguments) - self.reference))
        waves = jnp.sin(jnp.broadcast_to(s, self.phases.shape) + self.phases)
        return jnp.sum(waves, axis=-1)

    def jets(self, rows: RowInput, order: int) -> tuple[np.ndarray, ...]:
        r"""Its jets at row inputs: $\sum_w \sin(s_w + k\pi/2)\, d_w^{\otimes k}$."""
        n, d = len(rows.arguments[-1]), self.directions
        y = np.concatenate([np.reshape(a, (n, -1)) for a in rows.arguments], axis=1)
        s = (y - self.reference) @ self.frame.T @ d.T
        s = s.reshape(n, *(1,) * (self.phases.ndim - 1), 3) + self.phases
        jets, powers = [], np.ones(3, s.dtype)
        for k in range(order + 1):
            waves = np.sin(s + s.dtype.type(k * np.pi / 2))
            jets.append(np.tensordot(waves, powers, 1))
            powers = np.einsum("w...,wq->w...q", powers, d)
        return tuple(jets)


def _number_of_probes(q: int, order: int, shape: tuple[int, ...]) -> int:
    entries = math.prod(shape) * sum(q**k for k in range(order + 1))
    fitting = _MOST_NUMBERS // (_JETS * entries)
    return min(PROBES, max(_LEAST_PROBES, fitting))


def _probe_jets(rng, n, order, frame, shape):
    """Two random jets at each of n points, and the jet that is zero: (3, n, ...)."""
    q = frame.shape[0]
    jets = []
    for k in range(order + 1):
        c = rng.standard_normal((3, n, *shape, *(q,) * k))
        c[2] = 0.0
        jets.append(c.astype(frame.dtype))
    return tuple(jets)


def _measure(term, field, frame, rows, jets, wave, order):
    """Sizes and differences of ∂F/∂c over points and jets, for one term."""
    # The jets of the wave, and of the field if one is given, join the random ones so
    # that the residual is traced once for all.
    wave_jets = wave.jets(rows, order)
    kinds = [jets, tuple(c[None] for c in wave_jets)]
    if field is not None:
        given = _jets_of(field, rows, frame, order)
        kinds.append(tuple(c[None] for c in given))
    stacked = [np.concatenate(same) for same in zip(*kinds, strict=True)]
    count, n = stacked[0].shape[:2]
    several = jax.tree.map(lambda a: np.concatenate([a] * count), rows)
    flat = tuple(c.reshape(-1, *c.shape[2:]) for c in stacked)
    values, derivatives = _differentiated(term, frame, several, flat)
    split = lambda a: a.reshape(count, n, *a.shape[1:])
    values, derivatives = split(values), tuple(split(g) for g in derivatives)

    at = lambda i: tuple(g[i] for g in derivatives)
    # Its residual and that of its own jet differ where a residual looks elsewhere
    # than at its point.
    of_wave = _residual_at(term, wave, rows)
    size = sum(
        np.sum(np.abs(g * c[:, None]), axis=tuple(range(2, g.ndim)))
        for g, c in zip(at(3), wave_jets, strict=True)
    )
    peak = lambda parts: [
        np.max(np.where(np.isnan(a), 0.0, np.abs(a)), axis=0) for a in parts
    ]
    changes = [a - b for a, b in zip(at(0), at(1), strict=True)]
    (mismatch,), (mismatch_size,) = peak([of_wave - values[3]]), peak([size])
    return {
        "size": peak(at(0)),
        "change": peak(changes),
        "scale": (_scale(at(2 if field is None else 4)), _scale(at(0))),
        "mismatch": mismatch,
        "mismatch_size": mismatch_size,
        "gap": _gap(values[2], at(0), at(1)),
    }


def _gap(constant: np.ndarray, *derivatives: tuple[np.ndarray, ...]) -> float:
    r"""How far the components of a residual F contradict one another, from 0 to 1.

    Where $w^T \partial F/\partial c = 0$ at random jets, $w^T F$ does not depend on
    the field, so that F = 0 asks for $w^T F(z, 0) = 0$. Its size is taken relative to
    that of $F(z, 0)$, the largest over the points.
    """
    n, k = constant.shape
    parts = [g.reshape(n, k, -1) for at in derivatives for g in at]
    rows = np.concatenate(parts, axis=2)
    known = np.isfinite(rows).all(axis=(1, 2)) & np.isfinite(constant).all(axis=1)
    if k == 1 or not known.any():
        return 0.0
    rows, constant = rows[known], constant[known]
    norms = np.linalg.norm(rows, axis=2, keepdims=True)
    norms = np.where(norms > 0, norms, 1.0)  # components may differ in their units
    digits = np.finfo(rows.dtype).eps
    rows = (rows / norms).astype(float)
    squares, w = np.linalg.eigh(rows @ rows.swapaxes(1, 2))
    free = squares <= max(1e-13, (100 * digits) ** 2) * squares[:, -1:]
    scaled = constant / norms[..., 0]
    left = np.where(free, np.einsum("nij,ni->nj", w, scaled), 0.0)
    size = np.max(np.abs(scaled))
    return float(np.max(np.abs(left)) / size) if size > 0 else 0.0


@Hosted
def _differentiated(term, frame, rows, coefficients):
    """The residual as a function of jets, and its derivatives in them."""

    def both(row, coefficients):
        residual = lambda c: ravelled(term, taylor(c, frame, _flat(row.arguments)), row)
        value, pullback = jax.vjp(residual, coefficients)
        (derivative,) = jax.vmap(pullback)(jnp.eye(value.size, dtype=value.dtype))
        return value, derivative

    return jax.vmap(both)(rows, coefficients)


@Hosted
def _residual_at(term, u, rows):
    return jax.vmap(lambda row: ravelled(term, u, row))(rows)


@Hosted
def _jets_of(field, rows, frame, order):
    return jax.vmap(lambda row: _jet_of(field, row, frame, order))(rows)


def _scale(derivatives):
    """Root mean square over points of Σ|∂F/∂c|, per component of the residual.

    The first points will do, and a coefficient that is infinite somewhere counts less
    than with many; all are taken for a component that nothing enters at those.
    """
    sizes = [np.sum(np.abs(g), axis=tuple(range(2, g.ndim))) for g in derivatives]
    total = np.sum(sizes, axis=0)
    few, all_of_them = (_finite_rms(a) for a in (total[:_LEAST_PROBES], total))
    return np.where(few > 0, few, all_of_them)


def _finite_rms(values):
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    return np.sqrt(np.sum(np.where(known, values, 0.0) ** 2, axis=0) / count)


def _jet_of(field, row, frame, order):
    """The jet of a given field at one row input, in the variables of the frame."""
    centre = _flat(row.arguments)
    times = len(row.arguments) - 1
    # Where the frame is a set of lines it has more columns than rows, and the jet is
    # that of the field along them.
    back = jnp.linalg.pinv(frame)

    def along(p):
        y = centre + back @ p
        return field(*(y[i] for i in range(times)), y[times:])

    return jet(along, jnp.zeros(frame.shape[0], frame.dtype), order)


def _digest(name: str, raw: dict[str, Any], owner: tuple[int, ...]) -> TermJet:
    tiny = 100 * float(np.finfo(raw["mismatch"].dtype).eps)
    largest = max(float(np.max(g)) for g in raw["size"])
    order, arguments = 0, sorted(set(owner))
    orders = [0] * len(arguments)
    affine_in = [True] * len(arguments)
    affine = True
    for k, (size, change) in enumerate(zip(raw["size"], raw["change"], strict=True)):
        # Components of the residual and of the field first, then the k axes of q.
        lead = size.ndim - k
        size = np.max(size, axis=tuple(range(lead)))
        change = np.max(change, axis=tuple(range(lead)))
        for index in np.argwhere(size > tiny * largest):
            order = max(order, k)
            # Rounding of a coefficient is relative to the largest one.
            linear = bool(change[tuple(index)] <= 1e4 * tiny * largest)
            affine &= linear
            for slot, argument in enumerate(arguments):
                count = sum(owner[i] == argument for i in index)
                if count > orders[slot]:
                    orders[slot], affine_in[slot] = count, linear
                elif count == orders[slot] and count > 0:
                    affine_in[slot] &= linear
    linearised, typical = (np.asarray(s, float) for s in raw["scale"])
    # A component whose coefficients vanish where the field does (u u_x = f).
    scale = np.where(linearised > tiny * typical, linearised, typical)
    limit = min(1e6 * tiny, 1e-3) * np.maximum(raw["mismatch_size"], 0)
    local = bool(np.all(raw["mismatch"] <= np.maximum(limit, 1e-300)))
    return TermJet(
        name=name,
        order=order,
        orders=tuple(orders),
        affine=affine and local,
        affine_in=tuple(affine_in),
        local=local,
        depends=largest > 0,
        scale=scale,
        contradictory=raw["gap"] > _CONTRADICTION,
    )


def residual_size(
    term: Term,
    field: FieldLike,
    rows: RowInput,
    frame: Float[Array, "q in"],
    order: int,
) -> tuple[Float[Array, "n k"], Float[Array, "n k"]]:
    r"""The residual of a field, and $\sum_\alpha |\partial F/\partial c_\alpha
    \,\partial^\alpha u|$, the sum of the sizes of its parts, at many points.

    Their ratio says how small a residual is against what cancels in it. `frame` is
    from `jet_frame`.
    """

    def at(row):
        coefficients = _jet_of(field, row, frame, order)

        def residual(c):
            return ravelled(term, taylor(c, frame, _flat(row.arguments)), row)

        _, pullback = jax.vjp(residual, coefficients)
        value = ravelled(term, field, row)
        (derivative,) = jax.vmap(pullback)(jnp.eye(value.size, dtype=value.dtype))
        parts = jnp.zeros_like(value)
        for g, c in zip(derivative, coefficients, strict=True):
            parts += jnp.sum(jnp.abs(g * c[None]), axis=tuple(range(1, g.ndim)))
        return value, parts

    return jax.vmap(at)(rows)


def fingerprint(problem: Problem, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers that tell a problem from another: what its residuals are for one field.

    The residuals of a fixed smooth field at a few fixed points of every term, so they
    hold the equation, its coefficients, the conditions, the shape and the times.
    """
    raw = jax.device_get(_fingerprint(problem, shape))
    return np.concatenate([np.ravel(np.asarray(a, float)) for a in raw])


def _fingerprint_rows(problem, shape):
    def field(*arguments):
        y = _flat(arguments)
        # Slow waves in the middle of the first row input's scale: any smooth field
        # serves that no residual treats as special.
        s = jnp.sum(jnp.sin(y + jnp.arange(1.0, y.size + 1, dtype=y.dtype)))
        return jnp.reshape(
            jnp.sin(s + jnp.arange(1.0, math.prod(shape) + 1, dtype=y.dtype)), shape
        )

    rows = []
    for i, term in enumerate(problem.terms):
        inputs = term.sample(4, key=jr.key(i))
        rows.append(jax.vmap(lambda row, t=term: ravelled(t, field, row))(inputs))
        rows += list(inputs.arguments)
    return rows


_fingerprint = Compiled(_fingerprint_rows)
