"""A field that stays as it is, and such a field plus a correction that is sought."""

import math
from collections.abc import Iterator
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from .._checks import is_number
from .._propagate import interpret, propagate


class Frozen(eqx.Module):
    """Any field, none of whose numbers is trained.

    Its numbers are still arrays of the pytree: they are stored, loaded and resumed.

    Parameters
    ----------
    field
        A function of one point.

    Raises
    ------
    ValueError
        If `field` is not a function.
    """

    field: Any

    def __check_init__(self):
        if not callable(self.field):
            raise ValueError(
                "`field` of `Frozen` takes a function of one point, such as "
                f"`solution.field`; got {self.field!r}."
            )

    def __call__(self, *arguments: Any) -> Float[Array, "*d"]:
        return self.field(*arguments)

    def propagate_jet(self, *operands: Any) -> Any:
        """The jet of the field."""
        return propagate(self.field, *operands)


class Corrected(eqx.Module):
    r"""A frozen field plus a small correction, the only part that is trained.

    $$ u = u_0 + \varepsilon\, u_1 $$

    With $\varepsilon$ of the size of what $u_0$ lacks, the unknown $u_1$ is of order
    one, and so are the steps of a method that trains it. Where $\varepsilon = 1$ and
    the correction has a linear last layer `readout`, so has the sum: `LeastSquares`
    needs no size.

    Parameters
    ----------
    base
        $u_0$, a function of one point; it becomes `Frozen`.
    correction
        $u_1$, a function of the same arguments.
    size
        $\varepsilon > 0$, in the unit of the field over that of the correction.

    Raises
    ------
    ValueError
        If `base` or `correction` is not a function, or `size` not a positive number.

    References
    ----------
    Wang & Lai, J. Comput. Phys. 504 (2024), 112865, equation 15 (multi-stage networks).

    Examples
    --------
    >>> u = pinn.Corrected(lambda x: x[0], lambda x: x[0] ** 2, size=1e-3)
    >>> float(u(jnp.array([2.0])))
    2.004
    """

    base: Frozen
    correction: Any
    size: float = eqx.field(static=True)

    def __init__(self, base: Any, correction: Any, size: float = 1.0):
        for name, field in {"base": base, "correction": correction}.items():
            if not callable(field):
                raise ValueError(
                    f"`{name}` of `Corrected` takes a function of one point, such as "
                    f"`pinn.MLP(...)`; got {field!r}."
                )
        if not is_number(size) or not 0 < size < math.inf:
            raise ValueError(
                f"`size` of `Corrected` takes a positive number; got {size!r}."
            )
        self.base = base if isinstance(base, Frozen) else Frozen(base)
        self.correction, self.size = correction, float(size)

    @property
    def readout(self) -> Any:
        """The readout of the correction: the sum is affine in it."""
        if self.size != 1:  # features and the constant would have to be scaled with it
            raise AttributeError("`Corrected` has a `readout` where its size is 1")
        return self.correction.readout

    def features(self, *arguments: Any) -> Float[Array, " m"]:
        """The features of the correction at one point."""
        return self.correction.features(*arguments)

    @property
    def offset(self) -> Any:
        """What stands beside the features: the frozen field."""
        own = getattr(self.correction, "offset", None)
        return self.base if own is None else Corrected(self.base, own)

    def blocks(self, size: int) -> Iterator[tuple[np.ndarray, Any]]:
        """The features of the correction in networks of one shape."""
        if hasattr(self.correction, "blocks"):
            return self.correction.blocks(size)
        return iter([(np.arange(self.readout.weight.shape[-1]), self.correction)])

    def __call__(self, *arguments: Any) -> Float[Array, "*d"]:
        return self._joined(self.base(*arguments), self.correction(*arguments))

    def propagate_jet(self, *operands: Any) -> Any:
        """The jet of the field."""
        parts = (propagate(part, *operands) for part in (self.base, self.correction))
        return interpret(self._joined, *parts)

    def _joined(self, base: Any, correction: Any) -> Any:
        return base + (correction if self.size == 1 else self.size * correction)
