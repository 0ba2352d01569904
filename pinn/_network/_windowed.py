"""A field made of one field for each window of time."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp


class Windowed(eqx.Module):
    r"""A field $u(t, x) = u_k(t, x)$ for $t_k \le t < t_{k+1}$.

    Before the first window it is the first field, after the last one the last.

    Attributes
    ----------
    fields
        $u_0, u_1, \dots$, functions of ``(t, x)``.
    borders
        $t_1, t_2, \dots$, increasing, one fewer than fields; in the caller's unit of
        time.
    """

    fields: tuple[Any, ...]
    borders: tuple[float, ...] = eqx.field(static=True)

    def __call__(self, t: Any, x: Any) -> Any:
        value = self.fields[0](t, x)
        for border, field in zip(self.borders, self.fields[1:], strict=True):
            # Not `lax.cond`: under `vmap` it is this, and the host evaluates this too.
            later = jnp.asarray(t) >= border
            value = jax.tree.map(
                lambda before, after, later=later: jnp.where(later, after, before),
                value,
                field(t, x),
            )
        return value
