"""The check itself: inspect, sample, combine."""

import contextlib
import dataclasses
import inspect
import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np
from jax.extend.core import ClosedJaxpr

from ._cells import Mesh, default_mesh, interval_mesh
from ._inspect import Inspection, inspect_jaxpr
from ._numerics import Finding, examine
from ._result import Break, Smoothness, derivative_name
from ._tower import Tower
from ._widen import widen

_CACHE: OrderedDict[Any, Smoothness] = OrderedDict()
# In place of an order, on lines where parameters move.
_NOT_ASKED = -1
_PROBES = {0.0, 1.0, -1.0, 3.0, -3.0, 6.0, -6.0, 20.0, -20.0}


def smoothness(
    f: Callable[..., Any],
    max_order: int = 4,
    *,
    sample: Any = None,
    interval: tuple[float, float] | None = None,
    seed: int = 0,
) -> Smoothness:
    r"""Find out of what class $C^k$ a function is, and if its derivatives are true.

    Functions of class $C^0$, not only ReLU, ruin an equation of second order: automatic
    differentiation omits the jumps of the first derivative from the second, so that a
    small residual no longer means a small error.

    If the function consists of analytic operations only, that settles it. Otherwise it
    is compiled with its derivatives in 64-bit precision on the CPU, whatever the
    settings of the caller, and each derivative is integrated and compared with the one
    below; where they disagree, the place is located and looked at on shrinking
    intervals. Trainable parameters are moved too: the class is the lowest one met.

    Parameters
    ----------
    f
        A function of one number, or an elementwise function such as an activation: a
        plain callable or an `equinox.Module`, whose inexact arrays are its parameters.
        A field `u` can be examined along a line, as ``lambda s: u(x + s * v)``. A
        keyword `key` without default receives a fixed random key.
    max_order
        The highest order of an equation that will be asked about.
    sample
        For a function of arrays: an argument of the shape it takes, or a tuple of
        arguments. It is then examined along random lines near that point.
    interval
        Examine only between these two numbers; by default up to $\pm 1024$, and most
        closely up to $\pm 4$.
    seed
        Of the random lines and parameters.

    Returns
    -------
    A `Smoothness` of plain Python numbers, whose `verdict` of an order is ``"ok"``,
    ``"warning"`` or ``"error"``.

    Raises
    ------
    ValueError
        If JAX cannot trace the function, or an argument is out of range.

    Notes
    -----
    Samples prove nothing: features narrower than about 1e-2 that leave the function
    unchanged on both sides, jumps below 1e-6 of the scale, and kinks beyond 1024 stay
    unseen. The class of a function with parameters may change in training.

    Examples
    --------
    >>> pinn.smoothness(jax.nn.relu).kinks
    (0.0,)
    >>> pinn.smoothness(jax.nn.relu).verdict(2)
    'error'
    >>> pinn.smoothness(jnp.tanh).order
    inf
    """
    if max_order < 1:
        raise ValueError(f"`max_order` must be at least 1; got {max_order}.")
    if interval is not None and not interval[0] < interval[1]:
        raise ValueError(f"`interval` must be an increasing pair; got {interval}.")
    identity = _identity(f, max_order, sample, interval, seed)
    if identity is not None and identity in _CACHE:
        _CACHE.move_to_end(identity)
        return _CACHE[identity]
    with own_settings(), jax.ensure_compile_time_eval():
        result = _check(f, max_order, sample, interval, seed)
    if identity is not None:
        _CACHE[identity] = result
        if len(_CACHE) > 256:
            _CACHE.popitem(last=False)
    return result


@contextlib.contextmanager
def own_settings():
    """64-bit on the CPU with defaults of JAX, for this thread and block only."""
    with (
        jax.enable_x64(True),
        jax.default_device(jax.local_devices(backend="cpu")[0]),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
        jax.debug_nans(False),
        jax.default_matmul_precision("highest"),
        jax.transfer_guard("allow"),
    ):
        yield


def _identity(f: Any, *options: Any) -> Any:
    """What makes two calls equal, or `None` if that cannot be told."""
    leaves, structure = jtu.tree_flatten((f, options))
    plain = tuple(
        (leaf.shape, str(leaf.dtype), np.asarray(leaf).tobytes())
        if eqx.is_array(leaf)
        and not jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.extended)
        else leaf
        for leaf in leaves
    )
    try:
        hash((plain, structure))
    except TypeError:
        return None
    return plain, structure


@dataclasses.dataclass(frozen=True)
class _Problem:
    """A function `call(parameters, point)` with a flat output, and where to look."""

    call: Callable
    point: Any
    parameters: Any
    random: bool


def _prepare(f: Callable, sample: Any, key: int) -> _Problem:
    wide = lambda a: np.asarray(a, complex if np.iscomplexobj(a) else float)
    parameters, rest = eqx.partition(f, eqx.is_inexact_array)
    parameters = jtu.tree_map(wide, parameters)
    if sample is None:
        point: Any = (np.zeros(()),)
    else:
        point = jtu.tree_map(wide, sample if isinstance(sample, tuple) else (sample,))
    options = {}
    random = _needs_key(f)
    if random:
        options["key"] = jax.random.key(key)

    def call(parameters, point):
        out = eqx.combine(parameters, rest)(*point, **options)
        leaves = [_real(leaf) for leaf in jtu.tree_leaves(out)]
        return jnp.concatenate(leaves)

    return _Problem(call, point, parameters, random)


def _real(leaf: Any) -> Any:
    leaf = jnp.ravel(jnp.asarray(leaf))
    if jnp.iscomplexobj(leaf):
        return jnp.concatenate([leaf.real, leaf.imag])
    return leaf.astype(float)


def _needs_key(f: Callable) -> bool:
    try:
        parameter = inspect.signature(f).parameters.get("key")
    except (TypeError, ValueError):
        return False
    return parameter is not None and parameter.default is inspect.Parameter.empty


def _check(
    f: Callable,
    max_order: int,
    sample: Any,
    interval: tuple[float, float] | None,
    seed: int,
) -> Smoothness:
    problem = _prepare(f, sample, seed)
    closed, inspection = _inspect(problem)
    hazards = []
    if problem.random or inspection.random:
        hazards.append("The function is random: a residual is not reproducible.")
    narrow = inspection.narrow
    if narrow:
        try:
            problem = dataclasses.replace(problem, call=_widened(closed))
            _, inspection = _inspect(problem)
        except TypeError:
            reason = "The function rounds to 32 bits inside and could not be examined."
            return _unbroken(max_order, False, (), (*hazards, reason))
    if inspection.analytic and inspection.degree == math.inf:
        reason = "Every operation is analytic."
        return _unbroken(max_order, True, (reason,), tuple(hazards))

    tower = Tower(problem.call, problem.point, problem.parameters, max_order + 1)
    mesh = default_mesh(inspection.thresholds)
    if interval is not None:
        mesh = interval_mesh(*interval)
    findings = list(_examine(problem, tower, mesh, inspection, sample, seed))
    result = _combine(findings, inspection, tower, max_order, hazards)
    if narrow:
        reason = "The function rounds to 32 bits inside; it was examined without that."
        result = dataclasses.replace(result, reasons=(*result.reasons, reason))
    return result


def _unbroken(
    max_order: int, certified: bool, reasons: tuple[str, ...], hazards: tuple[str, ...]
) -> Smoothness:
    return Smoothness(
        order=math.inf,
        kinks=(),
        vanishes_from=None,
        consistent=True,
        max_order=max_order,
        certified=certified,
        reasons=reasons,
        hazards=hazards,
    )


def _inspect(problem: _Problem) -> tuple[ClosedJaxpr, Inspection]:
    try:
        closed = jax.make_jaxpr(problem.call)(problem.parameters, problem.point)
    except jax.errors.JAXTypeError as error:
        raise ValueError(
            "`f` cannot be traced by JAX: write it with `jax.numpy` and `jnp.where`, "
            f"without NumPy, `float` or `if` on its argument. {error}"
        ) from error
    parameters = len(jtu.tree_leaves(problem.parameters))
    point = len(jtu.tree_leaves(problem.point))
    return closed, inspect_jaxpr(closed, [1] * parameters + [2] * point)


def _widened(closed: ClosedJaxpr) -> Callable:
    wide = widen(closed)
    return lambda parameters, point: wide(*jtu.tree_leaves((parameters, point)))[0]


def _examine(
    problem: _Problem,
    tower: Tower,
    mesh: Mesh,
    inspection: Inspection,
    sample: Any,
    seed: int,
):
    """Findings on each line: the given parameters, moved ones, and both moving."""
    rng = np.random.default_rng(seed)
    normal = lambda a: rng.standard_normal(np.shape(a))
    p = problem.parameters
    spread = lambda a: 0.3 * np.abs(a) + 0.1
    still = jtu.tree_map(np.zeros_like, p)
    whole = mesh.unit == 1.0
    spots: set[float] = set()
    if sample is None:
        inside = lambda c: abs(c - mesh.centre) < mesh.core * (250 if whole else 1)
        spots = {c for c in _PROBES | inspection.thresholds if inside(c)}

    def line(parameters, motion):
        signs = rng.choice([-1.0, 1.0], tower.size) if tower.size > 1 else np.ones(1)
        w = signs * (rng.uniform(0.5, 1.5, tower.size) if tower.size > 1 else 1.0)
        if sample is None:
            z, v = (np.zeros(()),), (np.ones(()),)
        else:
            z = jtu.tree_map(lambda a: a + 0.5 * normal(a), problem.point)
            v = jtu.tree_map(normal, problem.point)
            norm = math.sqrt(sum(np.sum(a**2) for a in jtu.tree_leaves(v)))
            v = jtu.tree_map(lambda a: a / norm, v)
        return [
            way(z, v, parameters, motion, w) for way in (tower.along, tower.decisions)
        ]

    for i in range(1 if sample is None else 5):
        g, decisions = line(p, still)
        yield examine(g, tower.levels, mesh, spots, seed + i, decisions)
    if not jtu.tree_leaves(p):
        return
    for i in range(2):
        moved = jtu.tree_map(lambda a: a + spread(a) * normal(a), p)
        g, decisions = line(moved, still)
        yield examine(g, tower.levels, mesh, set(), seed + 10 + i, decisions)
    near = mesh if not whole else default_mesh(set(), reach=4.0)
    for i in range(2):
        # Parameters that move with the argument expose gradients that are cut. What
        # else happens on such a line is no property of the function.
        motion = jtu.tree_map(lambda a: spread(a) * normal(a) / 8, p)
        g, _ = line(p, motion)
        finding = examine(g, tower.levels, near, set(), seed + i)
        yield Finding([], finding.wrong_from, _NOT_ASKED, [], None)


def _combine(
    findings: list[Finding],
    inspection: Inspection,
    tower: Tower,
    max_order: int,
    hazards: list[str],
) -> Smoothness:
    order: float = math.inf
    breaks: list[Break] = []
    reasons: list[str] = []
    for finding in findings:
        classes = [b.derivative - 1 for b in finding.breaks]
        if finding.undefined is not None:
            classes.append(-1)
            reasons.append(finding.undefined)
        if min(classes, default=math.inf) < order:
            order = min(classes)
            breaks = finding.breaks
        hazards = [*hazards, *finding.hazards]
    wrong = [f.wrong_from for f in findings if f.wrong_from is not None]
    wrong_from = min(wrong, default=None)
    if wrong_from is not None:
        order = min(order, wrong_from - 1)
    # At general parameters: a polynomial whose last coefficient starts at 0 has its
    # full degree later.
    vanishing = [f.vanishes_from for f in findings if f.vanishes_from != -1]
    vanishes_from = (
        None if None in vanishing else max(v for v in vanishing if v is not None)
    )

    lowest = [b for b in breaks if b.derivative - 1 == order]
    for b in lowest[:4]:
        after = derivative_name(b.derivative + 1)
        reasons.append(f"{b}, which automatic differentiation omits from {after}.")
    if len(lowest) > 4:
        reasons.append(f"There are {len(lowest) - 4} more such places.")
    if wrong_from is not None:
        reasons.append(
            f"The automatic {derivative_name(wrong_from)} does not integrate back to "
            f"{derivative_name(wrong_from - 1)}: a rule of differentiation is wrong."
        )
    if vanishes_from is not None:
        reasons.append(f"{derivative_name(vanishes_from)} is zero almost everywhere.")
    if inspection.suspects and (order < math.inf or wrong_from is not None):
        names = list(dict.fromkeys(inspection.suspects))
        reasons.append(f"Operations to look at: {', '.join(names[:6])}.")
    if tower.reverse:
        reasons.append(
            "The function has no forward mode: only reverse mode was examined."
        )
    if order == math.inf and wrong_from is None:
        reasons.append(f"No break was found up to derivative {max_order}.")
    return Smoothness(
        order=order,
        kinks=tuple(sorted(b.place for b in breaks)),
        vanishes_from=vanishes_from,
        consistent=wrong_from is None,
        max_order=max_order,
        certified=inspection.analytic,
        reasons=tuple(reasons),
        breaks=tuple(breaks),
        wrong_from=wrong_from,
        hazards=tuple(dict.fromkeys(hazards)),
    )
