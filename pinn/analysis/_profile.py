"""What an activation is: its values, its derivatives, and how steep its surface is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import activations
from .._checks import is_number
from .._smoothness import smoothness
from ._axes import COLOURS, MAP, axes, shades
from ._rows import check_count


@dataclass(frozen=True)
class ActivationProfile:
    r"""An activation $f$ on an interval, and the surface $f(x) + f(y)$.

    Attributes
    ----------
    name
        What it is called.
    x
        Points of the interval, ``(n,)``, dimensionless.
    derivatives
        $f, f', f'', f'''$ at these points, ``(4, n)``, by automatic differentiation:
        what a jump or a kink adds to a derivative is not seen.
    kinks
        Where `pinn.smoothness` finds that the class ends.
    grid
        Coordinates of the surface along both axes, ``(m,)``.
    surface
        $f(x_i) + f(x_j)$, ``(m, m)``.
    steepness
        $\sqrt{f'(x_i)^2 + f'(x_j)^2}$, the size of its gradient, ``(m, m)``.
    """

    name: str
    x: np.ndarray
    derivatives: np.ndarray
    kinks: tuple[float, ...]
    grid: np.ndarray
    surface: np.ndarray
    steepness: np.ndarray

    def plot(self, ax: Any = None) -> Any:
        """Draw value and derivatives on `ax`; without it the surface too, in 3-D and
        as a map of its steepness. Returns the figure."""
        if ax is not None:
            self._curves(ax)
            return ax.figure
        curves, middle, right = axes(None, 1, 3)
        figure = curves.figure
        self._curves(curves)
        place = middle.get_subplotspec()
        middle.remove()
        self._relief(figure.add_subplot(place, projection="3d"))
        ends = (self.grid[0], self.grid[-1])
        image = right.imshow(
            self.steepness.T, origin="lower", extent=(*ends, *ends), cmap=MAP
        )
        right.set(xlabel="$x$", ylabel="$y$", title="size of the gradient")
        figure.colorbar(image, ax=right, shrink=0.8)
        return figure

    def _curves(self, ax: Any) -> None:
        breaks = np.searchsorted(self.x, self.kinks)
        x = np.insert(self.x, breaks, np.nan)
        labels = ("$f$", "$f'$", "$f''$", "$f'''$")
        for label, values, colour in zip(
            labels, self.derivatives, COLOURS, strict=False
        ):
            ax.plot(x, np.insert(values, breaks, np.nan), color=colour, label=label)
        for kink in self.kinks:
            ax.axvline(kink, color="grey", lw=0.8, ls="--")
        ax.set(xlabel="$x$", title=self.name)
        ax.legend(fontsize=8)
        ax.grid(alpha=0.3)

    def _relief(self, ax: Any) -> None:
        top = float(np.max(self.steepness)) or 1.0
        first, second = np.meshgrid(self.grid, self.grid, indexing="ij")
        ax.plot_surface(
            first,
            second,
            self.surface,
            facecolors=shades(self.steepness / top),
            rstride=1,
            cstride=1,
            linewidth=0,
            antialiased=False,
            shade=False,
        )
        ax.set(xlabel="$x$", ylabel="$y$", title="$f(x) + f(y)$")


def activation_profile(
    activation: str | Callable[..., Any],
    *,
    limits: tuple[float, float] = (-4.0, 4.0),
    n: int = 401,
    m: int = 61,
    name: str | None = None,
) -> ActivationProfile:
    r"""Value, three derivatives and surface of an activation.

    Parameters
    ----------
    activation
        A name of the catalogue, or a function of one number.
    limits
        The interval, dimensionless.
    n, m
        Points of the curves, and of each axis of the surface.
    name
        What it is called; by default its own name.

    Raises
    ------
    ValueError
        If there is no such activation, it does not act on one number, or the interval
        is empty.
    """
    name, function = named(activation, name)
    check_count(n=n, m=m)
    if not (
        len(limits) == 2
        and all(is_number(v) for v in limits)
        and -np.inf < limits[0] < limits[1] < np.inf
    ):
        raise ValueError(
            f"`limits` takes two numbers, the lower one first; got {limits!r}."
        )
    # Moved a little, so that no point meets a kink at a round number.
    x = np.linspace(*limits, n) + 1e-7 * (limits[1] - limits[0])
    grid = np.linspace(*limits, m) + 1e-7 * (limits[1] - limits[0])
    scalar = on_one_number(function, name)
    tower, rows = scalar, []
    for _ in range(4):
        rows.append(np.asarray(jax.vmap(tower)(jnp.asarray(x)), float))
        tower = jax.grad(tower)
    value = np.asarray(jax.vmap(scalar)(jnp.asarray(grid)), float)
    slope = np.asarray(jax.vmap(jax.grad(scalar))(jnp.asarray(grid)), float)
    inside = [k for k in smoothness(scalar).kinks if limits[0] <= k <= limits[1]]
    return ActivationProfile(
        name=name,
        x=x,
        derivatives=np.stack(rows),
        kinks=tuple(inside),
        grid=grid,
        surface=value[:, None] + value[None, :],
        steepness=np.hypot(slope[:, None], slope[None, :]),
    )


def named(
    activation: str | Callable[..., Any], name: str | None = None
) -> tuple[str, Callable[..., Any]]:
    """An activation with what it is to be called."""
    if isinstance(activation, str):
        return name or activation, activations.get(activation)
    if not callable(activation):
        raise ValueError(
            "`activation` takes a name of the catalogue or a function; got "
            f"{activation!r}."
        )
    return name or getattr(
        activation, "__name__", type(activation).__name__
    ), activation


def on_one_number(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The same as a function from one number to one."""

    def scalar(s):
        return jnp.asarray(function(s))

    number = jax.ShapeDtypeStruct((), jnp.result_type(float))
    try:
        shape = jax.eval_shape(scalar, number).shape
    except Exception as error:
        raise ValueError(
            f"`activation` {name!r} cannot be called with one number: {error}"
        ) from error
    if shape != ():
        raise ValueError(
            f"`activation` {name!r} makes an array of shape {shape} of one number; it "
            "acts on each number alone."
        )
    return scalar
