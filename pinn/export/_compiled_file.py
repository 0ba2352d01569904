"""Fields as compiled functions in files, which need JAX but not `pinn`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

PLATFORMS = ("cpu", "cuda", "tpu")


def to_compiled(field: Callable[..., Any], dim: int, *, time: bool = False) -> bytes:
    """A field at any number of points, as a program of StableHLO with its numbers.

    `load_compiled` reads it back, and so does JAX alone, within the half year or more
    that it promises:
    ``jax.export.deserialize(bytearray(data)).call(t, x)``.

    Parameters
    ----------
    field
        ``u(x)``, or ``u(t, x)`` with `time`.
    dim
        Number of coordinates of space.
    time
        Whether the field has a time.

    Returns
    -------
    bytes
        A function of ``x`` of the shape ``(n, dim)``, or of ``t``, ``(n,)``, and ``x``,
        for any n, on CPU, GPU and TPU.

    Raises
    ------
    ImportError
        If flatbuffers is not installed, which JAX writes these files with.
    """
    export = _library("to_compiled")
    arrays, rest = eqx.partition(field, eqx.is_array)
    dtype = jnp.result_type(float)
    (n,) = export.symbolic_shape("n")
    points = (jax.ShapeDtypeStruct((n, dim), dtype),)
    if time:
        points = (jax.ShapeDtypeStruct((n,), dtype), *points)

    def values(*arguments):
        return jax.vmap(eqx.combine(arrays, rest))(*arguments)

    with jax.default_matmul_precision("highest"):
        exported = export.export(jax.jit(values), platforms=PLATFORMS)(*points)
    return bytes(exported.serialize())


def load_compiled(path: str | Path) -> Callable[..., Any]:
    """Read a function back that `to_compiled` made.

    Returns
    -------
    callable
        A function of arrays, ``f(x)`` or ``f(t, x)``, that JAX can transform no
        further.

    Raises
    ------
    ImportError
        If flatbuffers is not installed.
    ValueError
        If there is no such file, or it holds something else.
    """
    export = _library("load_compiled")
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"`path`: there is no file '{path}'.")
    try:
        return export.deserialize(bytearray(path.read_bytes())).call
    except Exception as error:  # whatever reading foreign bytes raises
        raise ValueError(
            f"`path`: '{path}' is no compiled function, or is damaged "
            f"({type(error).__name__})."
        ) from error


def _library(name: str) -> Any:
    try:
        import flatbuffers  # noqa: F401 # pyright: ignore
    except ImportError as error:
        raise ImportError(
            f"`{name}` needs the library flatbuffers: `pip install 'pinn[compiled]'`."
        ) from error
    from jax import export

    return export
