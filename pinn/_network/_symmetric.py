"""A field made even or odd in a coordinate by its mirror image."""

import math
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from .._checks import is_number, is_whole
from .._propagate import interpret, propagate


class Symmetric(eqx.Module):
    r"""Any field, made even or odd in one coordinate of space.

    $$ u(t, x) = \tfrac12 \left( v(t, x) \pm v(t, R x) \right), \qquad
       (R x)_i = 2 c - x_i, $$

    with plus for an even field and minus for an odd one, whatever the parameters of
    $v$ are. It suits problems that are symmetric, data and domain included. What the
    symmetry forbids need not be learnt: an odd front cannot leave its place, where the
    residual hardly tells that it has. A point costs two values of $v$.

    Parameters
    ----------
    field
        $v$, of any arguments with space last.
    odd
        Whether $u(R x) = -u(x)$ instead of $u(R x) = u(x)$, for all components.
    axis
        $i$, the axis of space that is mirrored.
    centre
        $c$, in the unit of that coordinate.

    Raises
    ------
    ValueError
        If `field` is not a function, `axis` not a whole number of at least 0, or
        `centre` not a finite number.
    """

    field: Any
    odd: bool = eqx.field(static=True, kw_only=True)
    axis: int = eqx.field(static=True, default=0, kw_only=True)
    centre: float = eqx.field(static=True, default=0.0, kw_only=True)

    def __check_init__(self):
        if not callable(self.field):
            raise ValueError(
                "`field` of `Symmetric` takes a function of one point, such as "
                f"`pinn.MLP(...)`; got {self.field!r}."
            )
        if not is_whole(self.axis) or self.axis < 0:
            raise ValueError(
                "`axis` of `Symmetric` takes an axis of space, 0 or more; got "
                f"{self.axis!r}."
            )
        if not is_number(self.centre) or not math.isfinite(self.centre):
            raise ValueError(
                f"`centre` of `Symmetric` takes a finite number; got {self.centre!r}."
            )

    def __call__(self, *arguments: Any) -> Float[Array, "*d"]:
        image = self.field(*arguments[:-1], self._mirrored(arguments[-1]))
        return self._joined(self.field(*arguments), image)

    def propagate_jet(self, *operands: Any) -> Any:
        """The jet of the field: of both images, then of their mean."""
        mirrored = interpret(self._mirrored, operands[-1])
        image = propagate(self.field, *operands[:-1], mirrored)
        return interpret(self._joined, propagate(self.field, *operands), image)

    def _mirrored(self, x: Float[Array, " dim"]) -> Float[Array, " dim"]:
        if self.axis >= x.shape[0]:
            raise ValueError(
                f"`axis` = {self.axis} of `Symmetric` is none of a point of "
                f"{x.shape[0]} coordinates; they count from 0."
            )
        return x.at[self.axis].set(2 * self.centre - x[self.axis])

    def _joined(self, here: Array, image: Array) -> Array:
        return (here - image) / 2 if self.odd else (here + image) / 2
