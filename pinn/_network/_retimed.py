"""A stretch of time mapped to a reference, and fields with such a time."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from .._propagate import interpret, propagate


class Window(eqx.Module):
    r"""A part of a time interval, as the image of a reference interval.

    With the whole time $[t_0, t_0 + T]$ cut into $n$ equal parts, the window from part
    $i$ to part $j$ is

    $$ t = t_0 + T\, \frac{i + (j - i)\,\sigma}{n}, \qquad
       \sigma = \frac{s - s_0}{s_1 - s_0} \in [0, 1], $$

    so two windows differ in two whole numbers. These are an array, which enters a
    compiled function as an argument and, of integers, is never trained.

    Attributes
    ----------
    ticks
        $i$ and $j$.
    parts
        $n$.
    whole, reference
        $(t_0, t_0 + T)$ and $(s_0, s_1)$, in the caller's unit of time.
    """

    ticks: Int[Array, " 2"]
    parts: int = eqx.field(static=True)
    whole: tuple[float, float] = eqx.field(static=True)
    reference: tuple[float, float] = eqx.field(static=True)

    def __init__(
        self,
        first: int,
        last: int,
        parts: int,
        whole: tuple[float, float],
        reference: tuple[float, float],
    ):
        self.ticks = jax.device_put(np.array([first, last], np.int32))
        self.parts, self.whole, self.reference = parts, whole, reference

    @property
    def time(self) -> tuple[float, float]:
        """Where it begins and ends."""
        start, stop = self.whole
        first, last = np.asarray(self.ticks) / self.parts
        return float(start + (stop - start) * first), float(
            stop if last == 1 else start + (stop - start) * last
        )

    def time_at(self, s: Any) -> Float[Array, ""]:
        """The time $t$ at a time $s$ of the reference."""
        s = jnp.asarray(s)
        first, last = self.ticks.astype(s.dtype)
        begin, end = self.reference
        start, stop = self.whole
        ticks = first + (last - first) * ((s - begin) / (end - begin))
        return start + (stop - start) * (ticks / self.parts)

    def reference_at(self, t: Any) -> Float[Array, ""]:
        """The time $s$ of the reference at a time $t$."""
        t = jnp.asarray(t)
        first, last = self.ticks.astype(t.dtype)
        begin, end = self.reference
        start, stop = self.whole
        ticks = self.parts * ((t - start) / (stop - start))
        return begin + (end - begin) * ((ticks - first) / (last - first))

    def speed(self, dtype: Any) -> Float[Array, ""]:
        r"""$\mathrm dt / \mathrm ds$, dimensionless."""
        first, last = self.ticks.astype(dtype)
        begin, end = self.reference
        start, stop = self.whole
        return (stop - start) / (end - begin) * ((last - first) / self.parts)


class Retimed(eqx.Module):
    r"""A field of another time, $u(t, x) = v(\tau(t), x)$.

    Attributes
    ----------
    field
        $v$; what it has of `readout`, `features`, `offset` and `activation`, this
        field has.
    time
        $\tau$, such as `Window.reference_at` of one window.
    """

    field: Any
    time: Callable[[Any], Any]

    def __call__(self, t: Any, x: Any) -> Any:
        return self.field(self.time(t), x)

    def propagate_jet(self, t: Any, x: Any) -> Any:
        """The jet of the field: of the time, then of the field at that time."""
        return propagate(self.field, interpret(self.time, t), x)

    @property
    def readout(self) -> Any:
        return self.field.readout

    @property
    def features(self) -> "Retimed":
        return Retimed(self.field.features, self.time)

    @property
    def offset(self) -> "Retimed":
        return Retimed(self.field.offset, self.time)

    @property
    def activation(self) -> Any:
        return self.field.activation
