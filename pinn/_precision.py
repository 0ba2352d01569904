"""In which numbers a solve computes: 32 or 64 bits, or both."""

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any, Literal, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

Precision: TypeAlias = Literal[32, 64, "mixed"]
Tree = TypeVar("Tree")


def turn_on(wide: bool = True) -> str:
    """The way to 64-bit numbers, or back from them, as a sentence."""
    return (
        f'Write `jax.config.update("jax_enable_x64", {wide})` after importing jax; at '
        f"the terminal, `--precision {64 if wide else 32}`."
    )


def bits() -> int:
    """Bits of a number in this program or `arithmetic`, 32 or 64."""
    return 64 if jnp.result_type(float) == jnp.float64 else 32


def resolved(precision: Any) -> Precision:
    """The precision that is asked for; by default that of the program.

    Raises
    ------
    ValueError
        If there is no such precision, or the program has 32-bit numbers only.
    """
    if precision is None:
        return 64 if bits() == 64 else 32
    if isinstance(precision, bool) or precision not in (32, 64, "mixed"):
        raise ValueError(
            f'`precision` takes 32, 64, "mixed" or `None`; got {precision!r}.'
        )
    if precision != 32 and bits() == 32:
        raise ValueError(
            f"`precision` = {precision!r} needs 64-bit numbers. {turn_on()}"
        )
    return precision


@contextlib.contextmanager
def arithmetic(precision: Precision) -> Iterator[None]:
    """Numbers of 32 bits in this thread and block, where that is asked for.

    Arrays of 64 bits that a function closes over are rounded where they meet others;
    JAX would warn of each, but here it is what was asked for.
    """
    if precision != 32 or bits() == 32:
        yield
        return
    with warnings.catch_warnings(), jax.enable_x64(False):
        warnings.filterwarnings("ignore", "Explicitly requested dtype")
        yield


def fitting(tree: Tree) -> Tree:
    """A pytree whose 64-bit arrays are of 32 bits inside a 32-bit `arithmetic`."""
    if bits() == 64:
        return tree

    def fit(leaf: Any) -> Any:
        if not isinstance(leaf, jax.Array | np.ndarray):
            return leaf
        dtype = _NARROW.get(str(leaf.dtype))
        return leaf if dtype is None else jnp.asarray(leaf, dtype)

    return jax.tree.map(fit, tree)


_NARROW = {"float64": "float32", "complex128": "complex64", "int64": "int32"}
