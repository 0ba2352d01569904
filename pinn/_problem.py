"""A problem: a domain, an equation and conditions, together an ordered set of terms."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ._called import Called, check_names
from ._condition import (
    AbstractCondition,
    Condition,
    Dirichlet,
    Initial,
    Neumann,
    Robin,
    RowInput,
)
from ._domain import (
    AbstractBox,
    AbstractDomain,
    AbstractPart,
    Difference,
    Sequence,
    draw,
    part_of,
)
from ._entries import missing_entry
from ._periodic import Periodic, check_faces
from ._required import required
from ._types import FieldLike


class Term(eqx.Module):
    """One set of rows of a problem: where they are, and their residual.

    Attributes
    ----------
    name
        Key of the term in every named tree of residuals.
    residual
        ``residual(u, row)``: the residual of the field `u` at one `RowInput`.
    region
        The domain or part its points come from.
    time
        ``None`` without time, a pair of limits, or one fixed time.
    measure
        Of the region times that of the time interval, in the caller's units.
    weight
        Relative to the default balance, dimensionless; ``None`` is 1.
    partner
        From points of the region to those a periodic condition identifies them with.
    """

    name: str = eqx.field(static=True)
    residual: Callable[[FieldLike, RowInput], Any]
    region: AbstractDomain | AbstractPart
    time: tuple[float, ...] | None = eqx.field(static=True)
    weight: float | None = eqx.field(static=True)
    partner: Callable[[Float[Array, "*n dim"]], Float[Array, "*n dim"]] | None = None

    @property
    def moving(self) -> bool:
        """Whether the time of its points runs through an interval."""
        return self.time is not None and len(self.time) == 2

    @property
    def measure(self) -> float:
        if self.time is None or not self.moving:
            return self.region.measure
        return (self.time[1] - self.time[0]) * self.region.measure

    @property
    def cube_dim(self) -> int:
        return self.region.cube_dim + int(self.moving)

    def times(
        self, cube: Float[Array, "n cube"]
    ) -> tuple[tuple[Float[Array, " n"], ...], Float[Array, "n space"]]:
        """The times of points of the cube, if there is time, and what is left of it."""
        if self.time is None:
            return (), cube
        if self.moving:
            start, stop = self.time
            return (start + (stop - start) * cube[:, 0],), cube[:, 1:]
        return (jnp.full(cube.shape[:1], self.time[0], cube.dtype),), cube

    def place(
        self, cube: Float[Array, "n cube"]
    ) -> tuple[RowInput, Bool[Array, " n"] | None]:
        """Row inputs made of points of the unit cube, and which of them to keep."""
        times, cube = self.times(cube)
        if isinstance(self.region, AbstractPart):
            x, normal, keep = self.region.place(cube)
        else:
            (x, keep), normal = self.region.place(cube), None
        partner = None if self.partner is None else self.partner(x)
        return RowInput((*times, x), normal, partner), keep

    @property
    def straight_axes(self) -> tuple[int, ...]:
        """Axes of the cube that are axes of time or of a box, from end to end."""
        region = self.region
        while isinstance(region, Difference):
            region = region.a
        axes = [0] if self.moving else []
        if isinstance(region, AbstractBox):
            axes += [axis + int(self.moving) for axis in range(region.dim)]
        return tuple(axes)

    def sample(
        self, n: int, *, key: PRNGKeyArray, sequence: Sequence | None = None
    ) -> RowInput:
        """Exactly `n` row inputs, uniform by measure, stacked along a leading axis."""
        return draw(self.place, self.cube_dim, n, key=key, sequence=sequence)


class Problem(eqx.Module):
    r"""A boundary-value or evolution problem for one field.

    $$ F(y, u, \nabla u, \dots) = 0 \text{ in } \Omega, \quad
       \text{and conditions on parts of } \partial\Omega
       \text{ and at the initial time.} $$

    Parameters
    ----------
    domain
        $\Omega$, a region of space.
    residual
        ``residual(u, x)``, or ``residual(u, t, x)`` with a `time`: what is zero where
        the equation holds, at one point, for a field `u`. It returns a number, an
        array ``(k,)``, or a dictionary of these whose keys become names.
    conditions
        `Dirichlet`, `Neumann`, `Robin`, `Periodic`, `Initial`, `Condition`, in any
        order; ``[]`` for a field that has them built in.
    time
        First and last time ``(t0, t1)`` of an evolution; the field is then
        ``u(t, x)``.
    exact
        The solution, if it is known, as a field: used for reports only.
    conserved
        Densities ``q(u, t, x)`` by name, numbers or arrays, whose integrals over the
        domain an evolution conserves, such as ``{"mass": lambda u, t, x: u(t, x)}``:
        the report says by how much they change. They do not steer the solve.
    name
        What the problem is called in reports.

    Raises
    ------
    TypeError
        If `residual` or `conditions` is left out.
    ValueError
        If an argument has the wrong kind, `time` is not increasing, an `Initial`
        or `conserved` comes without `time`, a condition's part does not lie on the
        boundary of `domain`, or a face is periodic and has another condition too.

    Notes
    -----
    The problem is a pytree: coefficients that are leaves of `residual` (an
    `equinox.Module`) can be changed with `equinox.tree_at`.

    Examples
    --------
    >>> rod = pinn.Interval(0.0, 1.0)
    >>> def heat(u, t, x):
    ...     return pinn.dt(u)(t, x) - pinn.laplacian(u)(t, x)
    >>> ends = pinn.Dirichlet(rod.boundary, 0.0)
    >>> start = pinn.Initial(lambda x: jnp.sin(jnp.pi * x[0]))
    >>> problem = pinn.Problem(rod, heat, [ends, start], time=(0.0, 0.5))
    >>> [term.name for term in problem.terms]
    ['equation', 'dirichlet', 'initial']
    """

    domain: AbstractDomain
    residual: Callable[..., Any]
    conditions: tuple[AbstractCondition, ...]
    time: tuple[float, float] | None = eqx.field(static=True)
    exact: Callable[..., Any] | None
    conserved: dict[str, Callable[..., Any]]
    name: str | None = eqx.field(static=True)

    @required(
        residual="the equation as a function, `pinn.Problem(domain, residual, ...)`.",
        conditions="write `pinn.Problem(domain, residual, "
        "[pinn.Dirichlet(domain.boundary, 0.0)])`, or an empty list where the field "
        "has the conditions built in.",
    )
    def __init__(
        self,
        domain: AbstractDomain,
        residual: Callable[..., Any],
        conditions: Iterable[AbstractCondition] | AbstractCondition,
        *,
        time: tuple[float, float] | None = None,
        exact: Callable[..., Any] | None = None,
        conserved: Mapping[str, Callable[..., Any]] | None = None,
        name: str | None = None,
    ):
        if not isinstance(domain, AbstractDomain):
            raise ValueError(
                "`domain` takes a region such as `pinn.Box([0, 0], [1, 1])`; got "
                f"{domain!r}."
            )
        if not callable(residual):
            signature = "residual(u, x)" if time is None else "residual(u, t, x)"
            raise ValueError(
                f"`residual` takes a function `{signature}`; got {residual!r}."
            )
        if exact is not None and not callable(exact):
            raise ValueError(
                "`exact` takes a function of the field's arguments, or None; got "
                f"{exact!r}."
            )
        if isinstance(conditions, AbstractCondition):
            conditions = [conditions]
        self.domain, self.residual, self.exact = domain, residual, exact
        self.time = _check_time(time)
        point = ("x",) if self.time is None else ("t", "x")
        _check_call("`residual`", "residual", residual, ("u", *point))
        _check_call("`exact`", "exact", exact, point)
        self.conserved = _check_conserved(conserved, self.time)
        self.conditions = tuple(
            _on_boundary(condition, domain, self.time)
            for condition in _check_conditions(conditions)
        )
        if name is not None and not isinstance(name, str):
            raise ValueError(f"`name` of a problem takes a text; got {name!r}.")
        check_faces(self.conditions)
        self.conditions = tuple(
            condition.settled(residual, exact, self.time is not None)
            if isinstance(condition, Periodic)
            else condition
            for condition in self.conditions
        )
        self.name = name

    @property
    def terms(self) -> tuple[Term, ...]:
        """The equation first, then the conditions in their order."""
        names = _names(self.conditions)
        equation = Term(
            "equation", _Equation(self.residual), self.domain, self.time, None
        )
        others = []
        for name, condition in zip(names, self.conditions, strict=True):
            region: Any = condition.where
            time: tuple[float, ...] | None = self.time
            if isinstance(condition, Initial):
                assert self.time is not None
                region, time = self.domain, self.time[:1]
            partner = condition.across if isinstance(condition, Periodic) else None
            others.append(
                Term(name, condition.residual, region, time, condition.weight, partner)
            )
        return (equation, *others)

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper limits of all arguments in order, time before space."""
        lower, upper = (np.asarray(b, float) for b in self.domain.bounds)
        if self.time is None:
            return lower, upper
        return np.append(self.time[0], lower), np.append(self.time[1], upper)

    @property
    def in_size(self) -> int:
        """Number of coordinates in all arguments together."""
        return self.domain.dim + (self.time is not None)

    @property
    def equation(self) -> Term:
        return self.terms[0]


class _Equation(eqx.Module):
    residual: Callable[..., Any]

    def __call__(self, u: FieldLike, row: RowInput) -> Any:
        return self.residual(u, *row.arguments)


def _check_time(time: Any) -> tuple[float, float] | None:
    if time is None:
        return None
    try:
        start, stop = (float(t) for t in time)
    except (TypeError, ValueError):
        raise ValueError(
            f"`time` takes a pair of numbers `(t0, t1)`, or None; got {time!r}."
        ) from None
    if not start < stop or not np.isfinite([start, stop]).all():
        raise ValueError(
            f"`time` takes `(t0, t1)` with t0 < t1, both finite; got ({start}, {stop})."
        )
    return start, stop


def _check_conserved(
    conserved: Any, time: tuple[float, float] | None
) -> dict[str, Callable[..., Any]]:
    if conserved is None:
        return {}
    if not isinstance(conserved, Mapping) or not all(map(callable, conserved.values())):
        raise ValueError(
            '`conserved` takes densities by name, `{"mass": lambda u, t, x: u(t, x)}`; '
            f"got {conserved!r}."
        )
    if conserved and time is None:
        raise ValueError(
            "`conserved` needs a problem with a time: give `Problem(..., time=(t0, "
            "t1))`, or leave it out."
        )
    for name, density in conserved.items():
        _check_call(f"`conserved[{name!r}]`", "q", density, ("u", "t", "x"))
    return dict(conserved)


def _check_conditions(conditions: Any) -> list[AbstractCondition]:
    try:
        conditions = list(conditions)
    except TypeError:
        raise ValueError(
            f"`conditions` takes a list of conditions; got {conditions!r}."
        ) from None
    for condition in conditions:
        if not isinstance(condition, AbstractCondition):
            raise ValueError(
                "`conditions` takes conditions such as `pinn.Dirichlet(domain.boundary,"
                f" 0.0)`; got {condition!r}."
            )
    return conditions


def _check_call(
    what: str, name: str, function: Any, arguments: tuple[str, ...], **keywords: Any
) -> None:
    """Raise `ValueError` if a function cannot be called with so many arguments."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # no function, or one that does not tell
        return
    try:
        bound = signature.bind(*arguments, **keywords)
    except TypeError:
        call = ", ".join((*arguments, *keywords))
        way_out = (
            "With a time, `Problem(..., time=(t0, t1))`, fields are `u(t, x)`; without "
            "one they are `u(x)`."
        )
        if what.endswith("`Initial`"):
            way_out = "It is a function of space only."
        raise ValueError(
            f"{what} is called as `{name}({call})`; got a function of {signature}. "
            f"{way_out}"
        ) from None
    if "t" in arguments:
        check_names(what, [name for name in bound.arguments if name not in keywords])


def _check_calls(condition: AbstractCondition, point: tuple[str, ...]) -> None:
    kind = type(condition).__name__
    if isinstance(condition, Condition):
        function = condition.function
        keywords = {}
        if "normal" in inspect.signature(function).parameters:
            keywords = {"normal": None}
        what = "`residual` of `Condition`"
        _check_call(what, "residual", function, ("u", *point), **keywords)
    elif isinstance(condition, Dirichlet | Neumann | Robin | Initial):
        point = point[-1:] if isinstance(condition, Initial) else point
        for name in ("value", "rate", "a", "b"):
            function = getattr(condition, name, None)
            _check_call(f"`{name}` of `{kind}`", name, function, point)


def _on_boundary(
    condition: AbstractCondition,
    domain: AbstractDomain,
    time: tuple[float, float] | None,
) -> AbstractCondition:
    """The condition, on that part of its place which bounds this domain."""
    _check_calls(condition, ("x",) if time is None else ("t", "x"))
    if isinstance(condition, Initial):
        if time is None:
            raise ValueError(
                "`Initial` needs a problem with a time: give `Problem(..., time=(t0, "
                "t1))`, or for a stationary problem use `Dirichlet`."
            )
        return condition
    if condition.where is None:
        raise ValueError(f"`where` of a {condition.kind} condition is missing.")
    if condition.where.dim != domain.dim:
        raise ValueError(
            f"`where` of a {condition.kind} condition lies in {condition.where.dim} "
            f"dimension(s), the problem's domain in {domain.dim}."
        )
    if isinstance(condition, Periodic):
        return condition.within(domain)
    part = part_of(condition.where, domain)
    return eqx.tree_at(lambda c: c.where, condition, part)


def _names(conditions: tuple[AbstractCondition, ...]) -> list[str]:
    """One name per condition; the second of a name is called `name-2`."""
    names: list[str] = []
    for condition in conditions:
        base = condition.name or condition.kind
        name, count = base, 1
        while name in names or name == "equation":
            count += 1
            name = f"{base}-{count}"
        names.append(name)
    return names


def residual_shape(problem: Problem, term: Term, u: FieldLike) -> Any:
    """The tree of shapes that a term's residual has for the field `u`; nothing runs.

    Raises
    ------
    ValueError
        If an entry of the tree is neither a number nor an array ``(k,)``.
    """
    what = (
        "`residual` of the problem"
        if term.name == "equation"
        else (f"the residual of the condition {term.name!r}")
    )

    inputs = row_struct(problem, term)
    point = tuple(a.shape for a in inputs.arguments)

    def traced(row):
        try:
            result = term.residual(Called(u, point), row)
        except (AttributeError, IndexError, TypeError) as error:
            raise ValueError(_of_the_user(what, row, error)) from error
        for leaf in jax.tree.leaves(result, is_leaf=callable):
            if callable(leaf):
                raise ValueError(
                    f"{what} returns a function; it takes one point and returns "
                    "numbers. Evaluate operators at the point: `laplacian(u)(x)`."
                )
            if not eqx.is_array_like(leaf):
                raise ValueError(
                    f"{what} returns {type(leaf).__name__}; it returns numbers."
                )
        return result

    closed, shapes = jax.make_jaxpr(traced, return_shape=True)(inputs)
    missing = missing_entry(closed)
    if missing is not None:
        raise ValueError(
            f"{what} reads {missing}, which JAX would replace by the nearest one. "
            "Entries are counted from 0."
        )
    leaves = jax.tree_util.tree_leaves_with_path(shapes)
    if not leaves:
        raise ValueError(f"{what} returns nothing; return `left side - right side`.")
    for path, leaf in leaves:
        where = jax.tree_util.keystr(path)
        if len(leaf.shape) > 1:
            raise ValueError(
                f"{what} returns shape {leaf.shape}{' at ' + where if where else ''} "
                "at one point; it takes one point and returns a number `()` or an "
                "array `(k,)`. Evaluate operators at the point: `laplacian(u)(x)`."
            )
        if not jnp.issubdtype(leaf.dtype, jnp.inexact):
            raise ValueError(
                f"{what} returns {leaf.dtype}; it returns floating-point numbers."
            )
        if jnp.issubdtype(leaf.dtype, jnp.complexfloating):
            raise ValueError(
                f"{what} returns complex numbers; return real and imaginary part as "
                "an array `(2,)`."
            )
    return shapes


def _of_the_user(what: str, row: RowInput, error: Exception) -> str:
    """What a function of the user's was called with, and what came of it."""
    letters = ("t", "x")[-len(row.arguments) :]
    call = f"u({', '.join(letters)})"
    shapes = ", ".join(
        f"`{letter}` of shape {a.shape}"
        for letter, a in zip(letters, row.arguments, strict=True)
    )
    kind, text = type(error).__name__, str(error).split("\n")[0].rstrip(".")
    return (
        f"{what} fails at one point, with {shapes} and a field `{call}`: {kind}: "
        f"{text}.{_WAYS_OUT.get(kind, '')}"
    )


_NUMPY = " Use functions of `jax.numpy` in place of those of `numpy` and `math`."
_WAYS_OUT = {
    "TracerArrayConversionError": _NUMPY,
    "ConcretizationTypeError": _NUMPY,
    "TracerBoolConversionError": " Use `jnp.where(condition, a, b)` in place of `if`.",
}


def row_struct(problem: Problem, term: Term) -> RowInput:
    """The shapes of one row input of a term."""
    dtype = jnp.result_type(float)
    x = jax.ShapeDtypeStruct((problem.domain.dim,), dtype)
    times = () if problem.time is None else (jax.ShapeDtypeStruct((), dtype),)
    normal = x if isinstance(term.region, AbstractPart) else None
    partner = None if term.partner is None else x
    return RowInput((*times, x), normal, partner)  # type: ignore[arg-type]


def shape_of(field: Callable[..., Any], problem: Problem) -> tuple[int, ...]:
    """The shape of a field at one point of a problem."""
    return jax.eval_shape(field, *row_struct(problem, problem.equation).arguments).shape
