r"""Rows of a problem for a readout on frozen features, through their local jets.

Where the residual looks at the field at its own point only, a row is a function of the
field's derivatives there, $\rho_i = F(z_i, \partial^\alpha u(z_i))$ (`_equation.py`),
and with $u = \sum_j c_j \varphi_j$ those are linear in the readout:

$$ \frac{\partial \rho_i}{\partial c_j}
   = \sum_\alpha \frac{\partial F}{\partial c_\alpha}(z_i)\,
     \partial^\alpha \varphi_j(z_i). $$

So the user's residual is differentiated in a handful of numbers per point, whatever
the number of features, and the features are differentiated once. Both are compiled for
blocks of a fixed size: nothing is compiled again when features or points grow, when
the scale of the weights changes, or from one Gauss-Newton step to the next.
"""

import collections
import copy
import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from ._compiled import Compiled
from ._condition import RowInput
from ._domain import real
from ._equation import ravelled, unit_frame
from ._host import Hosted
from ._network import Readout
from ._points import Points, on_device
from ._problem import Problem
from ._residuals import Residuals, readout_leaves

Index = tuple[int, ...]  # the axes along which a derivative is taken, sorted

_POINTS = 512  # rows of a block
_FEATURES = 256  # features of a block
_MOST_DERIVATIVES = 400


def serves(residuals: Residuals, field: Any) -> bool:
    """Whether the rows of this field can be had through its features' jets."""
    readout = getattr(field, "readout", None)
    if not isinstance(readout, Readout) or not hasattr(field, "features"):
        return False
    if not residuals.structure.local:
        return False
    most = max(order for _, order in residuals.structure.orders)
    return len(indices_up_to(residuals.problem.in_size, most)) <= _MOST_DERIVATIVES


class FeatureRows:
    """The rows of a problem as functions of the readout `c` of one field.

    Parameters
    ----------
    residuals
        The rows.
    field
        A field with `features` and a `Readout`.
    points
        Row inputs of every term.

    Attributes
    ----------
    count
        Number of unknowns: for each component of the field, the weights and the bias.
    """

    def __init__(self, residuals: Residuals, field: Any, points: Points):
        self.residuals, self.field, self.points = residuals, field, points
        problem = residuals.problem
        self.shape = field.readout.bias.shape
        self._components = int(np.prod(self.shape))
        self._indices = {
            name: indices_up_to(problem.in_size, order)
            for name, order in residuals.structure.orders
        }
        self._features: dict[str, dict[Index, np.ndarray]] = {
            term.name: {} for term in problem.terms
        }
        self._offsets: dict[str, np.ndarray] = {}
        frame = unit_frame(problem)
        self._frame, self._unit = real(frame), real(1 / np.diag(frame))
        self.count = self._components * (field.readout.weight.shape[-1] + 1)
        self._structure()

    def start(self) -> np.ndarray:
        """The readout of the field as it is, in one vector."""
        readout = self.field.readout
        weight = np.asarray(readout.weight).reshape(self._components, -1)
        bias = np.asarray(readout.bias).reshape(self._components, 1)
        return np.concatenate([weight, bias], axis=1).ravel().astype(float)

    def with_readout(self, c: np.ndarray) -> Any:
        """The field whose readout is `c`."""
        return with_readout(self.field, c.reshape(self._components, -1))

    def widened(self, field: Any) -> "FeatureRows":
        """The same for a field whose first features are those of this one: only the
        others are differentiated, and the residual is not asked again."""
        old, new = (f.readout.weight.shape[-1] for f in (self.field, field))
        rest, result = self.of(field.block(old, new - old)), self.of(field)
        for name, known in self._features.items():
            result._features[name] = {
                index: np.concatenate(
                    [table[:, :-1], rest._derivative(name, index)], axis=1
                )
                for index, table in known.items()
            }
        return result

    def of(self, field: Any) -> "FeatureRows":
        """The same for another field with the same offset, or none: what the residual
        and the offset are at the points is kept."""
        result = copy.copy(self)
        result.field, result._features = field, {name: {} for name in self._features}
        result.count = self._components * (field.readout.weight.shape[-1] + 1)
        return result

    def values(self, c: np.ndarray) -> np.ndarray:
        """The field at the points of the equation, ``(n, d)``."""
        return self._jet("equation", (), c)

    def features(self) -> np.ndarray:
        """The features, and the constant, at the points of the equation."""
        return self._derivative("equation", ())

    def rows(self, c: np.ndarray, share: float = 1.0) -> np.ndarray:
        """The weighted rows, terms in order; see `linearise`."""
        rows, _, _ = self._at(c, share)
        return _joined(rows)

    def linearise(
        self, c: np.ndarray, share: float = 1.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """The weighted rows and their derivatives in `c`.

        Of the equation only the leading derivatives, the highest in space and in time,
        count in full: all else, its source too, is multiplied with `share`.
        """
        rows, derivatives, _ = self._at(c, share)
        return _joined(rows), np.concatenate(
            [self._matrix(name, g) for name, g in derivatives.items()]
        )

    def sizes(self, c: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        r"""For each term its residuals $r_i / s$ and the sizes of what cancels in them.

        The latter are $\sum_\alpha |\partial F/\partial c_\alpha\,
        \partial^\alpha u| / s$; both are ``(n, k)``.
        """
        rows, derivatives, jets = self._at(c)
        result = {}
        for name, g in derivatives.items():
            parts = np.einsum("nkdi,ndi->nk", np.abs(g), np.abs(jets[name]))
            scale = np.sqrt(len(parts))
            result[name] = (scale * rows[name], scale * parts)
        return result

    def _at(
        self, c: np.ndarray, share: float = 1.0
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Rows, their derivatives in the jet, and the jet, for each term."""
        jets = {
            name: np.stack([self._jet(name, index, c) for index in indices], axis=-1)
            for name, indices in self._indices.items()
        }
        if self._affine is not None:
            values, derivatives = self._affine
            rows = {
                name: values[name] + np.einsum("nkdi,ndi->nk", g, jets[name])
                for name, g in derivatives.items()
            }
        else:
            rows, derivatives = self._local(jets)
        if share < 1:
            name = self.residuals.problem.equation.name
            g, leading = derivatives[name], self._leading(name)
            first = np.einsum("nkdi,ndi->nk", g, np.where(leading, jets[name], 0.0))
            rows[name] = first + share * (rows[name] - first)
            derivatives[name] = np.where(leading, g, share * g)
        return rows, derivatives, jets

    def _leading(self, name: str) -> np.ndarray:
        """Which derivatives are of the highest order in space, or in time."""
        problem = self.residuals.problem
        times = problem.in_size - problem.domain.dim
        orders = {
            index: (sum(i < times for i in index), sum(i >= times for i in index))
            for index in self._needed[name]
        }
        in_time, in_space = (max(o[k] for o in orders.values()) for k in (0, 1))
        most = lambda o: (o[1] == in_space > 0) or (o[0] == in_time > 0)
        return np.array([i in orders and most(orders[i]) for i in self._indices[name]])

    def _matrix(self, name: str, derivatives: np.ndarray) -> np.ndarray:
        """Derivatives in `c` from those in the jet, ``(n, k, d, indices)``."""
        n, k, d, _ = derivatives.shape
        result = np.zeros((n, k, d, self.count // d))
        for position, index in enumerate(self._indices[name]):
            g = derivatives[..., position]
            if not g.any():
                continue
            phi = self._derivative(name, index)
            for a, b in itertools.product(range(k), range(d)):
                if g[:, a, b].any():
                    result[:, a, b] += g[:, a, b, None] * phi
        return result.reshape(n * k, self.count)

    def _jet(self, name: str, index: Index, c: np.ndarray) -> np.ndarray:
        table = c.reshape(self._components, -1)
        if index not in self._needed[name]:
            return np.zeros((_length(self.points[name]), self._components))
        jet = self._derivative(name, index) @ table.T
        if hasattr(self.field, "offset"):
            jet = jet + self._offset(name)[self._all_needed.index(index)]
        return jet

    def _offset(self, name: str) -> np.ndarray:
        """All derivatives of what is added to the features, ``(indices, n, d)``."""
        if name not in self._offsets:
            n = _length(self.points[name])
            result = np.zeros((len(self._all_needed), n, self._components))
            for sign, arguments in sides(self.points[name]):
                for rows, some in _chunks(arguments, n):
                    table = np.asarray(
                        _offset_derivatives(
                            self.field.offset, some, self._unit, self._all_needed
                        )
                    )
                    result[:, rows] += sign * table[:, : rows.stop - rows.start]
            self._offsets[name] = result
        return self._offsets[name]

    # A block of points through the residuals of all terms.
    _localised: ClassVar[Callable[..., Any]]

    def _structure(self) -> None:
        """Which derivatives enter anywhere: those with a coefficient at random jets.

        An affine residual has the same coefficients at all jets, so it is evaluated
        only here, where the field is zero.
        """
        rng = np.random.default_rng(0)
        affine = self.residuals.structure.affine
        jets = {}
        for name, indices in self._indices.items():
            shape = (_length(self.points[name]), self._components, len(indices))
            jets[name] = np.zeros(shape) if affine else rng.standard_normal(shape)
        values, derivatives = self._local(jets)
        self._affine = (values, derivatives) if affine else None
        self._needed: dict[str, set[Index]] = {n: set() for n in self._indices}
        self._needed["equation"].add(())
        for name, g in derivatives.items():
            for position, index in enumerate(self._indices[name]):
                if g[..., position].any():
                    self._needed[name].add(index)
        everything = set.union(*self._needed.values())
        self._all_needed = tuple(sorted(everything, key=lambda i: (len(i), i)))

    def _derivative(self, name: str, index: Index) -> np.ndarray:
        """∂^α of all features, and of the constant, at the points of a term."""
        cache = self._features[name]
        if index not in cache:
            wanted = tuple(i for i in self._all_needed if i in self._needed[name])
            if index not in wanted:
                wanted = (index,)
            for i, table in zip(wanted, self._differentiate(name, wanted), strict=True):
                cache[i] = table
        return cache[index]

    def _differentiate(self, name: str, indices: tuple[Index, ...]) -> np.ndarray:
        """All derivatives at all points, block by block, ``(indices, n, m + 1)``."""
        n, m = _length(self.points[name]), self.field.readout.weight.shape[-1]
        result = np.zeros((len(indices), n, m + 1))
        # One executable serves every term: it computes all that any of them needs.
        computed = (
            self._all_needed if set(indices) <= set(self._all_needed) else indices
        )
        pick = [computed.index(i) for i in indices]
        for sign, arguments in sides(self.points[name]):
            for rows, columns, table in tables(
                self.field, arguments, self._unit, computed
            ):
                result[:, rows, columns] += sign * table[pick]
            for position, index in enumerate(indices):
                result[position, :, m] += sign if index == () else 0.0
        return result

    def _local(
        self, jets: dict[str, np.ndarray]
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Weighted rows ``(n, k)``, and what they change by with the jet,
        ``(n, k, d, indices)``."""
        names = list(self._indices)
        lengths = {name: _length(self.points[name]) for name in names}
        # What is affine is asked once for each set of points.
        localised = _hosted if self.residuals.structure.affine else self._localised
        pieces: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {n: [] for n in names}
        for start in range(0, max(lengths.values()), _POINTS):
            # All terms go together, a block of each at a time.
            inputs, local_jets = {}, {}
            for name in names:
                first = min(start, lengths[name] - 1)
                rows = slice(first, min(first + _POINTS, lengths[name]))
                inputs[name] = _padded(self.points[name].alone, rows)
                local_jets[name] = _padded(jets[name], rows)
            result = localised(
                self.residuals,
                inputs,
                local_jets,
                self._frame,
                self.shape,
                tuple(self._indices.items()),
            )
            for name in names:
                if start < lengths[name]:
                    height = min(_POINTS, lengths[name] - start)
                    value, derivative = (np.asarray(a) for a in result[name])
                    pieces[name].append((value[:height], derivative[:height]))
        values, derivatives = {}, {}
        for name in names:
            scale = 1 / np.sqrt(lengths[name])
            values[name] = scale * np.concatenate([v for v, _ in pieces[name]])
            derivatives[name] = scale * np.concatenate([g for _, g in pieces[name]])
        return values, derivatives


class AutodiffRows:
    """The same for any field with a node `readout`, by differentiating the network.

    For residuals that look elsewhere than at their own point, readouts of another
    kind, and fields without `features`. Compiled anew for each shape.
    """

    def __init__(self, residuals: Residuals, field: Any, points: Points):
        self.residuals, self.field = residuals, field
        self.points = on_device(points)
        self._unknown = readout_leaves(field)
        flat, self._unravel = ravel_pytree(eqx.filter(field, self._unknown))
        self._dtype, self.count = flat.dtype, flat.size

    def of(self, field: Any) -> "AutodiffRows":
        """The same for another field."""
        return AutodiffRows(self.residuals, field, self.points)

    def start(self) -> np.ndarray:
        flat, _ = ravel_pytree(eqx.filter(self.field, self._unknown))
        return np.asarray(flat, float)

    def with_readout(self, c: np.ndarray) -> Any:
        known = eqx.filter(self.field, self._unknown, inverse=True)
        return eqx.combine(self._unravel(jnp.asarray(c, self._dtype)), known)

    def values(self, c: np.ndarray) -> np.ndarray:
        values = _evaluated(self.with_readout(c), self.points["equation"].arguments)
        return np.asarray(values).reshape(len(values), -1)

    def rows(self, c: np.ndarray) -> np.ndarray:
        return np.asarray(_rows(self.residuals, self.with_readout(c), self.points))

    def linearise(self, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows, matrix = _linearised(
            self.residuals, self.with_readout(c), self._unknown, self.points
        )
        return np.asarray(rows), np.asarray(matrix)


def readout_rows(
    residuals: Residuals, field: Any, points: Points
) -> FeatureRows | AutodiffRows:
    """The rows as functions of the readout, the fast way where there is one."""
    kind = FeatureRows if serves(residuals, field) else AutodiffRows
    return kind(residuals, field, points)


_linearised = Compiled(lambda residuals, *rest: residuals.linearise(*rest))
_rows = Compiled(lambda residuals, *rest: residuals.rows(*rest))
_evaluated = Compiled(lambda field, arguments: jax.vmap(field)(*arguments))


def slopes(
    field: Any, arguments: tuple[Any, ...], unit: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The values and the gradient of a field with `features` and a `Readout`.

    Parameters
    ----------
    field
        The field.
    arguments
        Its arguments at n points.
    unit
        The unit of each coordinate that the gradient is taken in, ``(in,)``.

    Returns
    -------
    tuple
        ``(n, d)`` and ``(n, d, in)``, d = 1 for a scalar.
    """
    indices = ((), *((axis,) for axis in range(len(unit))))
    n, m = len(arguments[-1]), field.readout.weight.shape[-1]
    weight = np.asarray(field.readout.weight).reshape(-1, m)
    result = np.zeros((len(indices), n, len(weight)))
    result[0] = np.ravel(field.readout.bias)
    scale = real(unit)
    for rows, columns, table in tables(field, arguments, scale, indices):
        result[:, rows] += table @ weight[:, columns].T
    return result[0], np.moveaxis(result[1:], 0, -1)


def fitted(
    field: Any,
    other: Any,
    arguments: tuple[Any, ...],
    solve: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> Any:
    """The field with the readout for which it is closest to another one at points.

    `solve` is the least-squares solver, `solve(matrix, right)`.
    """
    unit = np.ones(sum(np.size(a[0]) for a in arguments))
    n, m = len(arguments[-1]), field.readout.weight.shape[-1]
    values, _ = slopes(other, arguments, unit)
    matrix = np.ones((n, m + 1))
    scale = real(unit)
    for rows, columns, table in tables(field, arguments, scale, ((),)):
        matrix[rows, columns] = table[0]
    return with_readout(field, np.stack([solve(matrix, value) for value in values.T]))


def with_readout(field: Any, table: np.ndarray) -> Any:
    """The field with weights and bias of its readout from the rows of a table."""
    old = field.readout
    weight = table[:, :-1].reshape(old.weight.shape).astype(old.weight.dtype)
    bias = table[:, -1].reshape(old.bias.shape).astype(old.bias.dtype)
    return eqx.tree_at(
        lambda f: (f.readout.weight, f.readout.bias),
        field,
        jax.device_put((weight, bias)),
    )


def indices_up_to(size: int, order: int) -> tuple[Index, ...]:
    """All derivatives of `size` variables up to an order."""
    return tuple(
        index
        for k in range(order + 1)
        for index in itertools.combinations_with_replacement(range(size), k)
    )


def _joined(rows: dict[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([r.ravel() for r in rows.values()])


def _length(inputs: RowInput) -> int:
    return len(inputs.arguments[-1])


def sides(inputs: RowInput) -> Iterator[tuple[float, tuple[Any, ...]]]:
    """Where the field is looked at, and with which sign: with a partner a row is a
    function of the jump, whose derivatives are differences of the field's."""
    yield 1.0, inputs.arguments
    if inputs.partner is not None:
        yield -1.0, (*inputs.arguments[:-1], inputs.partner)


def _padded(tree: Any, rows: slice) -> Any:
    """Some rows of every array, the last repeated to fill a block."""
    return jax.tree.map(functools.partial(_filled, rows=rows), tree)


def _filled(array: Any, rows: slice) -> Any:
    piece = np.asarray(array)[rows]
    missing = _POINTS - len(piece)
    if missing:
        piece = np.concatenate([piece, np.repeat(piece[-1:], missing, axis=0)])
    return real(piece)


def _chunks(arguments: tuple[Any, ...], n: int) -> Iterator[tuple[slice, Any]]:
    for start in range(0, n, _POINTS):
        rows = slice(start, min(start + _POINTS, n))
        yield rows, _padded(arguments, rows)


def tables(
    field: Any, arguments: Any, unit: Any, indices: tuple[Index, ...]
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Derivatives of some features at some points, with the rows and columns they
    belong to, ``(indices, rows, columns)``."""
    chunks = list(_chunks(arguments, len(arguments[-1])))
    for columns, block in _blocks(field, field.readout.weight.shape[-1]):
        real = np.flatnonzero(columns >= 0)
        for rows, some in chunks:
            table = np.asarray(_differentiated(block, some, unit, indices))
            yield rows, columns[real], table[:, : rows.stop - rows.start][:, :, real]


def _blocks(field: Any, m: int) -> Iterator[tuple[np.ndarray, Any]]:
    """Parts of the features, with the columns they stand for."""
    if hasattr(field, "blocks"):
        return field.blocks(_FEATURES)
    return iter([(np.arange(m), field)])


def _differentiate_all(function, arguments, unit, indices):
    """Derivatives of a function of one point at many, ``(indices, n, size)``."""
    times = len(arguments) - 1

    def at(*point):
        y = jnp.concatenate([jnp.ravel(a) for a in point])

        def moved(p):
            z = y + unit * p
            return jnp.ravel(function(*(z[i] for i in range(times)), z[times:]))

        zero = jnp.zeros_like(y)
        return jnp.stack([_along(moved, index, zero)(zero) for index in indices])

    return jnp.moveaxis(jax.vmap(at)(*arguments), 1, 0)


def _along(f, index, like):
    for axis in index:
        e = jnp.zeros_like(like).at[axis].set(1.0)
        f = lambda p, f=f, e=e: jax.jvp(f, (p,), (e,))[1]
    return f


def _differentiate_block(field, *rest):
    return _differentiate_all(field.features, *rest)


_differentiated = Compiled(_differentiate_block)
_offset_derivatives = Compiled(_differentiate_all)


def localise(residuals, inputs, jets, frame, shape, indices):
    problem: Problem = residuals.problem
    tables = dict(indices)
    result = {}
    for term in problem.terms:

        def at(row, numbers, term=term):
            def rows(numbers):
                centre = jnp.concatenate([jnp.ravel(a) for a in row.arguments])
                table = tables[term.name]
                field = _polynomial(numbers, table, shape, frame, centre)
                return residuals.factors[term.name] * ravelled(term, field, row)

            value, pullback = jax.vjp(rows, numbers)
            (derivative,) = jax.vmap(pullback)(jnp.eye(value.size, dtype=value.dtype))
            return value, derivative

        result[term.name] = jax.vmap(at)(inputs[term.name], jets[term.name])
    return result


_hosted = Hosted(localise)
FeatureRows._localised = staticmethod(Compiled(localise))


def _polynomial(numbers, indices, shape, frame, centre):
    r"""The field with given derivatives about `centre`, in the variables of `frame`.

    $u(p) = \sum_\alpha c_\alpha\, p^\alpha / \alpha!$. All monomials are products of
    entries of $(1, p)$, chosen by constant matrices: a program of a few operations,
    however many derivatives there are, which compiles fast.
    """
    size, order = frame.shape[0], max(len(index) for index in indices)
    choose = np.zeros((order, len(indices), size + 1))
    for position, index in enumerate(indices):
        for k in range(order):
            choose[k, position, index[k] + 1 if k < len(index) else 0] = 1.0
    counts = [collections.Counter(index).values() for index in indices]
    over = 1 / np.array([math.prod(map(math.factorial, c)) for c in counts])
    scaled = numbers * over.astype(numbers.dtype)[None, :]
    matrices = jnp.asarray(choose, numbers.dtype)

    def u(*arguments):
        y = jnp.concatenate([jnp.ravel(a) for a in arguments])
        p = jnp.concatenate([jnp.ones((1,), y.dtype), frame @ (y - centre)])
        monomials = jnp.ones(len(indices), y.dtype)
        for k in range(order):
            monomials = monomials * (matrices[k] @ p)
        return (scaled @ monomials).reshape(shape)

    return u
