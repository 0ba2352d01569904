"""The operations of JAX in NumPy, by the names of the primitives."""

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from ._bind import by_jax
from ._random import RANDOM


def _logistic(x):
    # Of the two forms the one whose exponential does not overflow.
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, e) / (1.0 + e)


def _select(which, *cases):
    if which.dtype == bool:
        return np.where(which, cases[1], cases[0])
    return np.choose(np.broadcast_to(which, np.shape(cases[0])), cases)


def _shift_right_logical(x, by):
    word = np.dtype(f"u{x.dtype.itemsize}")
    return np.right_shift(x.view(word), by.view(word)).view(x.dtype)


ENTRYWISE: dict[str, Callable[..., Any]] = {
    "abs": np.abs,
    "acos": np.arccos,
    "acosh": np.arccosh,
    "add": np.add,
    "add_any": np.add,
    "and": np.bitwise_and,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "atanh": np.arctanh,
    "cbrt": np.cbrt,
    "ceil": np.ceil,
    "clamp": lambda low, x, high: np.minimum(np.maximum(x, low), high),
    "conj": np.conj,
    "copy": lambda x: x,
    "copy_p": lambda x: x,
    "cos": np.cos,
    "cosh": np.cosh,
    "eq": np.equal,
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "floor": np.floor,
    "ge": np.greater_equal,
    "gt": np.greater,
    "imag": np.imag,
    "is_finite": np.isfinite,
    "le": np.less_equal,
    "log": np.log,
    "log1p": np.log1p,
    "logistic": _logistic,
    "lt": np.less,
    "max": np.maximum,
    "min": np.minimum,
    "mul": np.multiply,
    "ne": np.not_equal,
    "neg": np.negative,
    "nextafter": np.nextafter,
    "not": np.invert,
    "optimization_barrier": lambda *x: list(x),
    "or": np.bitwise_or,
    "pow": np.power,
    "real": np.real,
    "rem": np.fmod,
    "rsqrt": lambda x: 1.0 / np.sqrt(x),
    "select_n": _select,
    "shift_left": np.left_shift,
    "shift_right_arithmetic": np.right_shift,
    "shift_right_logical": _shift_right_logical,
    "sign": np.sign,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "square": lambda x: x * x,
    "stop_gradient": lambda x: x,
    "sub": np.subtract,
    "tan": np.tan,
    "tanh": np.tanh,
    "xor": np.bitwise_xor,
}


def _div(eqn):
    if eqn.outvars[0].aval.dtype.kind in "fc":
        return np.divide
    # Integers are divided towards zero by JAX.
    return lambda a, b: np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))


def _integer_pow(eqn):
    power = eqn.params["y"]

    def run(x):
        result, square, left = None, x, abs(power)
        while left:
            if left & 1:
                result = square if result is None else result * square
            left >>= 1
            square = square * square if left else square
        result = np.ones_like(x) if result is None else result
        return 1.0 / result if power < 0 else result

    return run


def _convert(eqn):
    dtype = eqn.params["new_dtype"]
    if jax.dtypes.issubdtype(dtype, jax.dtypes.extended):
        return None
    return lambda x: np.asarray(x).astype(dtype)


def _broadcast(eqn):
    shape, dimensions = eqn.params["shape"], eqn.params["broadcast_dimensions"]
    if len(eqn.invars) > 1:  # shapes that are not static
        return None

    def run(x):
        wide = [1] * len(shape)
        for axis, size in zip(dimensions, np.shape(x), strict=True):
            wide[axis] = size
        return np.broadcast_to(np.reshape(x, wide), shape)

    return run


def _reshape(eqn):
    if eqn.params.get("dimensions") is not None:
        return None
    shape = eqn.params["new_sizes"]
    return lambda x, *_: np.reshape(x, shape)


def _to_shape(eqn):
    shape = eqn.outvars[0].aval.shape
    return lambda x: np.reshape(x, shape)


def _transpose(eqn):
    order = eqn.params["permutation"]
    return lambda x: np.transpose(x, order)


def _of_keys(eqn) -> bool:
    """Whether the result holds random keys, which NumPy has no arrays of."""
    return jax.dtypes.issubdtype(eqn.outvars[0].aval.dtype, jax.dtypes.extended)


def _concatenate(eqn):
    if _of_keys(eqn):
        return None
    axis = eqn.params["dimension"]
    return lambda *x: np.concatenate(x, axis=axis)


def _stack(eqn):
    if _of_keys(eqn):
        return None
    axis = eqn.params["axis"]
    return lambda *x: np.stack(x, axis=axis)


def _unstack(eqn):
    axis = eqn.params["axis"]
    return lambda x: list(np.moveaxis(x, axis, 0))


def _slice(eqn):
    start, stop = eqn.params["start_indices"], eqn.params["limit_indices"]
    steps = eqn.params["strides"] or (1,) * len(start)
    parts = tuple(map(slice, start, stop, steps))
    return lambda x: x[parts]


def _split(eqn):
    ends, axis = np.cumsum(eqn.params["sizes"])[:-1], eqn.params["axis"]
    return lambda x: np.split(x, ends, axis=axis)


def _dynamic_slice(eqn):
    sizes = eqn.params["slice_sizes"]

    def run(x, *start):
        if len(start) != len(sizes):
            return by_jax(eqn)(x, *start)
        return x[_window(x.shape, sizes, start)]

    return run


def _dynamic_update_slice(eqn):
    def run(x, part, *start):
        result = np.array(x)
        result[_window(x.shape, part.shape, start)] = part
        return result

    return run


def _window(shape, sizes, start):
    # As in JAX a window that would leave the array is moved inside.
    first = [
        min(max(int(s), 0), n - m) for s, n, m in zip(start, shape, sizes, strict=True)
    ]
    return tuple(slice(s, s + m) for s, m in zip(first, sizes, strict=True))


def _pad(eqn):
    config = eqn.params["padding_config"]
    if any(low < 0 or high < 0 or inner for low, high, inner in config):
        return None
    widths = [(low, high) for low, high, _ in config]
    return lambda x, fill: np.pad(x, widths, constant_values=fill)


def _rev(eqn):
    axes = eqn.params["dimensions"]
    return lambda x: np.flip(x, axes)


def _iota(eqn):
    shape, axis = eqn.params["shape"], eqn.params["dimension"]
    wide = [1] * len(shape)
    wide[axis] = shape[axis]
    steps = np.arange(shape[axis], dtype=eqn.params["dtype"]).reshape(wide)
    return lambda *_: np.broadcast_to(steps, shape)


def _reduction(function):
    def rule(eqn):
        axes = tuple(eqn.params["axes"])
        return lambda x: function(x, axis=axes)

    return rule


def _place_of(function):
    def rule(eqn):
        (axis,) = eqn.params["axes"]
        return lambda x: function(x, axis=axis)

    return rule


def _cumulative(function):
    def rule(eqn):
        axis = eqn.params["axis"]
        if eqn.params["reverse"]:
            return lambda x: np.flip(function(np.flip(x, axis), axis=axis), axis)
        return lambda x: function(x, axis=axis)

    return rule


def _sort(eqn):
    axis = eqn.params["dimension"]
    if len(eqn.invars) > 1:
        return None
    return lambda x: (np.sort(x, axis=axis, kind="stable"),)


def _dot_general(eqn):
    (left, right), (left_batch, right_batch) = eqn.params["dimension_numbers"]
    sizes = [var.aval.shape for var in eqn.invars]
    free = [
        [i for i in range(len(shape)) if i not in (*used, *batch)]
        for shape, used, batch in zip(
            sizes, (left, right), (left_batch, right_batch), strict=True
        )
    ]
    lengths = lambda side, axes: [sizes[side][i] for i in axes]
    batch = lengths(0, left_batch)
    count = math.prod(lengths(0, left))
    rows, columns = (math.prod(lengths(i, free[i])) for i in (0, 1))
    shape = [*batch, *lengths(0, free[0]), *lengths(1, free[1])]
    first = (*left_batch, *free[0], *left)
    second = (*right_batch, *right, *free[1])
    dtype = eqn.outvars[0].aval.dtype

    def run(a, b):
        a = np.transpose(a, first).reshape(*batch, rows, count)
        b = np.transpose(b, second).reshape(*batch, count, columns)
        return np.matmul(a.astype(dtype), b.astype(dtype)).reshape(shape)

    return run


def _gather(eqn):
    d, sizes = eqn.params["dimension_numbers"], eqn.params["slice_sizes"]
    fills = "FILL" in str(eqn.params["mode"])
    offsets = [
        i
        for i in range(len(sizes))
        if i not in (*d.collapsed_slice_dims, *d.operand_batching_dims)
    ]

    def run(x, indices):
        batch = indices.shape[:-1]
        tail = (1,) * len(offsets)
        places = []
        for axis in range(x.ndim):
            here: Any = np.zeros((1,) * len(batch) + tail, np.int64)
            if axis in d.start_index_map:
                start = indices[..., d.start_index_map.index(axis)].astype(np.int64)
                inside = np.clip(start, 0, x.shape[axis] - sizes[axis])
                if fills and (inside != start).any():
                    return by_jax(eqn)(x, indices)
                here = inside.reshape(batch + tail)
            elif axis in d.operand_batching_dims:
                i = d.start_indices_batching_dims[d.operand_batching_dims.index(axis)]
                wide = [1] * (len(batch) + len(tail))
                wide[i] = batch[i]
                here = np.arange(batch[i]).reshape(wide)
            if axis in offsets:
                wide = [1] * (len(batch) + len(tail))
                wide[len(batch) + offsets.index(axis)] = sizes[axis]
                here = here + np.arange(sizes[axis]).reshape(wide)
            places.append(here)
        taken = x[tuple(places)] if places else x
        whole = batch + tuple(sizes[i] for i in offsets)
        taken = np.broadcast_to(taken, whole)
        order = np.zeros(len(whole), int)
        rest = [i for i in range(len(whole)) if i not in d.offset_dims]
        order[list(d.offset_dims)] = len(batch) + np.arange(len(offsets))
        order[rest] = np.arange(len(batch))
        return np.transpose(taken, order)

    return run


RULES: dict[str, Callable[[Any], Callable[..., Any] | None]] = {
    "argmax": _place_of(np.argmax),
    "argmin": _place_of(np.argmin),
    "broadcast_in_dim": _broadcast,
    "concatenate": _concatenate,
    "convert_element_type": _convert,
    "cummax": _cumulative(np.maximum.accumulate),
    "cumprod": _cumulative(np.cumprod),
    "cumsum": _cumulative(np.cumsum),
    "div": _div,
    "dot_general": _dot_general,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
    "expand_dims": _to_shape,
    "gather": _gather,
    "integer_pow": _integer_pow,
    "iota": _iota,
    "pad": _pad,
    "reduce_and": _reduction(np.all),
    "reduce_max": _reduction(np.max),
    "reduce_min": _reduction(np.min),
    "reduce_or": _reduction(np.any),
    "reduce_prod": _reduction(np.prod),
    "reduce_sum": _reduction(np.sum),
    "reshape": _reshape,
    "rev": _rev,
    "slice": _slice,
    "sort": _sort,
    "split": _split,
    "squeeze": _to_shape,
    "stack": _stack,
    "transpose": _transpose,
    "unstack": _unstack,
    **RANDOM,
}
