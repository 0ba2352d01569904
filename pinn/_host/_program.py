"""Functions of JAX evaluated on the host by NumPy, so that nothing is compiled.

What runs once on a few points is done here before a compiler would have started: a
Laplacian of a network is traced in 10 ms, compiled in 200 ms and evaluated in one.
The traced operations are the ones that would be compiled. An operation that has no
rule here is handed to JAX as it stands, which compiles it alone.
"""

import collections
import math
from collections.abc import Callable, Collection, Sequence
from typing import Any, no_type_check

import equinox as eqx
import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from ._bind import by_jax, plain
from ._rules import ENTRYWISE, RULES
from ._trace import body_of

_MOST_KEPT = 16
_OPENED = {
    *("jit", "pjit", "closed_call", "core_call", "remat", "checkpoint", "remat2"),
    *("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr"),
}


class Hosted:
    """A function evaluated by NumPy, traced once for each structure of its arguments.

    Behaves like `equinox.filter_jit`, but for arrays of NumPy in the result. A trace
    serves only the modes of JAX, 32 or 64 bit among them, that it was made under.

    Parameters
    ----------
    function
        A pure function of pytrees; what is not an array is static.
    beyond
        What takes its place where it computes more than `most` numbers: then a
        compiler pays.
    most
        Numbers, counted by the results of the traced operations, loops once.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        beyond: Callable[..., Any] | None = None,
        most: int = 2**24,
    ):
        self._function, self._beyond, self._most = function, beyond, most
        self._programs: collections.OrderedDict[Any, Any] = collections.OrderedDict()

    def __call__(self, *arguments: Any) -> Any:
        dynamic, static = eqx.partition(arguments, _is_array)
        leaves, structure = jax.tree.flatten(dynamic)
        shapes = tuple((leaf.shape, leaf.dtype) for leaf in leaves)
        static_leaves, static_structure = jax.tree.flatten(static)
        key = (structure, shapes, static_structure, tuple(static_leaves), _modes())
        try:
            found = self._programs.get(key)
        except TypeError:  # something static cannot be hashed
            key, found = None, None
        if found is None:
            found = self._trace(dynamic, static)
            if key is not None:
                if len(self._programs) >= _MOST_KEPT:
                    self._programs.popitem(last=False)
                self._programs[key] = found
        program, result = found
        if self._beyond is not None and program.numbers > self._most:
            return self._beyond(*arguments)
        made = iter(program(leaves))
        leaves, structure = jax.tree.flatten(result)
        filled = [next(made) if eqx.is_array(leaf) else leaf for leaf in leaves]
        return jax.tree.unflatten(structure, filled)

    def _trace(self, dynamic: Any, static: Any) -> tuple["Program", Any]:
        known: list[Any] = []

        def flat(dynamic):
            result = self._function(*eqx.combine(dynamic, static))
            known.append(jax.tree.map(_placeholder, result))
            return [a for a in jax.tree.leaves(result) if eqx.is_array(a)]

        closed = jax.make_jaxpr(flat)(dynamic)
        return Program(closed), known[0]


def _modes() -> tuple[bool, ...]:
    """What a trace depends on besides its arguments."""
    config: Any = jax.config
    return bool(config.jax_enable_x64), bool(config.jax_threefry_partitionable)


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array | np.ndarray)


def _placeholder(leaf: Any) -> Any:
    """What stands for an array of the result; other leaves are kept."""
    return np.zeros(()) if eqx.is_array(leaf) else leaf


class Program:
    """A traced function as a list of steps, what is not needed left out.

    Parameters
    ----------
    closed
        The traced function.
    watched
        Names of operations whose arguments are returned too, after the outputs, in a
        list for each of them.
    """

    def __init__(self, closed: ClosedJaxpr, watched: Collection[str] = ()):
        self._names, self._watched = watched, []
        self._steps: list[tuple[Callable[..., Any], list[int], list[int], Any]] = []
        self._values: list[Any] = []
        self._sizes: dict[int, int] = {}
        self._inputs = [self._new() for _ in closed.jaxpr.invars]
        self._outputs = self._open(closed.jaxpr, closed.consts, self._inputs)
        self._prune()

    def __call__(self, arguments: Sequence[Any]) -> list[Any]:
        values: list[Any] = list(self._values)
        for place, argument in zip(self._inputs, arguments, strict=True):
            values[place] = plain(argument)
        with np.errstate(all="ignore"):
            for (run, inputs, outputs, types), dead in zip(
                self._steps, self._dead, strict=True
            ):
                made = run(*[values[i] for i in inputs])
                if len(outputs) == 1 and not isinstance(made, list | tuple):
                    made = (made,)
                for place, value, dtype in zip(outputs, made, types, strict=True):
                    same = getattr(value, "dtype", dtype) == dtype
                    values[place] = value if same else value.astype(dtype)
                for place in dead:
                    values[place] = None
        result: list[Any] = [np.asarray(values[i]) for i in self._outputs]
        return result + [[values[i] for i in places] for places in self._watched]

    @property
    def numbers(self) -> int:
        """How many numbers are computed on the way, a measure of the time it takes."""
        return self._numbers

    # What is called for every operation is kept from a checker of types.
    @no_type_check
    def _new(self, value: Any = None) -> int:
        self._values.append(value)
        return len(self._values) - 1

    def _open(self, jaxpr: Jaxpr, consts: Any, inputs: list[int]) -> list[int]:
        known = dict(zip(jaxpr.invars, inputs, strict=True))
        for var, value in zip(jaxpr.constvars, consts, strict=True):
            known[var] = self._new(plain(value))

        @no_type_check
        def place(var: Any) -> int:
            if isinstance(var, Literal):
                aval: Any = var.aval
                return self._new(np.asarray(var.val, aval.dtype))
            return known[var]

        for eqn in jaxpr.eqns:
            arguments = [place(var) for var in eqn.invars]
            inner = body_of(eqn) if eqn.primitive.name in _OPENED else None
            if inner is not None:
                body, extra = inner
                outputs = self._open(body, extra, arguments)
            else:
                if eqn.primitive.name in self._names:
                    self._watched.append(arguments)
                outputs = [self._new() for _ in eqn.outvars]
                types = [getattr(var.aval, "dtype", None) for var in eqn.outvars]
                self._steps.append((_operation(eqn), arguments, outputs, types))
                shapes = [getattr(var.aval, "shape", ()) for var in eqn.outvars]
                self._sizes |= dict(zip(outputs, map(math.prod, shapes), strict=True))
            known |= dict(zip(eqn.outvars, outputs, strict=True))
        return [place(var) for var in jaxpr.outvars]

    def _prune(self) -> None:
        """Keep the steps that the outputs need; note the values each uses last."""
        wanted = {*self._outputs, *(i for places in self._watched for i in places)}
        steps, dead = [], []
        for step in reversed(self._steps):
            _, inputs, outputs, _ = step
            if not wanted.intersection(outputs):
                continue
            steps.append(step)
            dead.append([i for i in dict.fromkeys(inputs) if i not in wanted])
            dead[-1] += [i for i in outputs if i not in wanted]
            wanted |= set(inputs)
        self._steps, self._dead = steps[::-1], dead[::-1]
        self._numbers = sum(self._sizes[i] for step in steps for i in step[2])


def apply(eqn: Any, inputs: Sequence[Any]) -> list[Any]:
    """Apply one operation of a traced function to known numbers, by NumPy."""
    with np.errstate(all="ignore"):
        made = _operation(eqn)(*map(plain, inputs))
    several = isinstance(made, list | tuple)
    types = [getattr(var.aval, "dtype", None) for var in eqn.outvars]
    return [
        a if a.dtype == dtype else a.astype(dtype)
        for a, dtype in zip(made if several else [made], types, strict=True)
    ]


@no_type_check
def _operation(eqn: Any) -> Callable[..., Any]:
    name = eqn.primitive.name
    if name in ENTRYWISE:
        return ENTRYWISE[name]
    if name == "cond":
        return _cond(eqn)
    if name in RULES:
        found = RULES[name](eqn)
        if found is not None:
            return found
    return by_jax(eqn)


def _cond(eqn):
    branches = [Program(branch) for branch in eqn.params["branches"]]

    def run(which, *inputs):
        chosen = min(max(int(which), 0), len(branches) - 1)
        return branches[chosen](inputs)

    return run
