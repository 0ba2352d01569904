"""Integration in time by diffrax, and interpolation between its steps.

diffrax takes a quarter of a second to import, so this is done where it is used.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._compiled import Compiled
from ._axis import lagrange

_STEPS = 256  # of one call, so that memory is not set aside for all there may be
_SMALLEST = 1e-14  # of a step, in units of the duration
_FIRST = 1e-8  # of the first step; the next ones may grow tenfold
_NEIGHBOURS = 8  # steps that a value in between is interpolated from


class March(eqx.Module):
    r"""A solution $y(t)$ at the steps that an integrator made.

    In between it is the polynomial through the eight nearest steps. Its error falls
    with the eighth power of the step, while the integrators of diffrax that are stiff
    come with cubic interpolation, which would lose several digits against their steps.

    Attributes
    ----------
    times, values
        The steps.
    """

    times: Float[Array, " steps"]
    values: Float[Array, "steps ..."]

    def weights(self, t: Float[Array, ""]) -> tuple[Array, Float[Array, " _"]]:
        """The first of the steps that `t` is interpolated from, and their weights."""
        last = len(self.times) - _NEIGHBOURS
        cell = jnp.searchsorted(self.times, t).astype(int) - 1
        first = jnp.clip(cell - _NEIGHBOURS // 2 + 1, 0, last)
        near = jax.lax.dynamic_slice_in_dim(self.times, first, _NEIGHBOURS)
        inside = (t >= self.times[0]) & (t <= self.times[-1])
        return first, jnp.where(inside, lagrange(t, near), jnp.nan)


def march(
    slope: Callable[..., Any],
    start: Float[Array, "..."],
    time: tuple[float, float],
    *,
    solver: Any,
    rtol: float,
) -> tuple[March, str | None]:
    """Integrate ``y' = slope(t, y, None)`` for `y` of the size of one.

    Returns
    -------
    The solution as far as it went, and why it ended early if it did.
    """
    import diffrax

    begin, end = time
    step = _FIRST * (end - begin)
    times, values = [np.asarray([begin])], [np.asarray(start)[None]]
    while True:
        t = times[-1][-1]
        numbers = jnp.asarray([t, end, min(step, end - t), rtol, _SMALLEST * (end - t)])
        made = _advance(slope, solver, numbers, jnp.asarray(values[-1][-1]))
        count = int(made.stats["num_accepted_steps"])
        times.append(np.asarray(made.ts[:count]))
        values.append(np.asarray(made.ys[:count]))
        if count:
            known = np.concatenate(times)
            step = float(known[-1] - known[-2])
        if count == 0 or made.result != diffrax.RESULTS.max_steps_reached:
            break
    ts, ys = np.concatenate(times), np.concatenate(values)
    why = None
    if made.result != diffrax.RESULTS.successful:
        why = f"{diffrax.RESULTS[made.result]} (at t = {ts[-1]:.6g})"
    return March(jnp.asarray(ts), jnp.asarray(ys)), why


def _integrate(slope, solver, numbers, y):
    import diffrax

    t, end, step, rtol, smallest = numbers
    return diffrax.diffeqsolve(
        diffrax.ODETerm(slope),
        solver,
        t,
        end,
        step,
        y,
        saveat=diffrax.SaveAt(steps=True),
        stepsize_controller=diffrax.PIDController(
            rtol=rtol, atol=rtol, dtmin=smallest, force_dtmin=False
        ),
        max_steps=_STEPS,
        adjoint=diffrax.ForwardMode(),  # nothing is differentiated; traces faster
        throw=False,
    )


_advance = Compiled(_integrate)
