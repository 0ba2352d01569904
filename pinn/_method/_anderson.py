r"""Anderson's acceleration of an iteration $x \leftarrow x - g(x)$.

Of the iterates so far the combination is taken whose $g$, were it linear between them,
is least; the next one starts there. On linear problems these are the iterates of GMRES
(Walker & Ni), so slow modes of the iteration are found and taken out, one for each
iterate that is kept.

References
----------
Anderson, J. ACM 12 (1965), 547-560; Walker & Ni, SIAM J. Numer. Anal. 49 (2011),
1715-1735.
"""

from typing import Any

import equinox as eqx

# A difference of which less than this is left, beside the others, is rounding.
_NEW = 1e-8


class Anderson(eqx.Module):
    """What the iterates so far have told: all arrays of NumPy, or all of JAX.

    Attributes
    ----------
    units
        (m, P), the differences of $g$ between iterates, made orthonormal row by row;
        zero where there is none yet.
    moves
        (m, P), by how much $x - g(x)$ has changed along with each of them.
    x, g
        The last iterate, and $g$ there.
    """

    units: Any
    moves: Any
    x: Any
    g: Any

    @classmethod
    def start(cls, xp: Any, like: Any, most: int) -> "Anderson":
        """No iterate, and room for `most` differences."""
        none = xp.zeros((most, like.size), like.dtype)
        return cls(none, none, xp.zeros_like(like), xp.zeros_like(like))

    def after(self, xp: Any, count: Any, x: Any, g: Any) -> "Anderson":
        """With one more iterate, where there have been `count` of them."""
        unit, move = g - self.g, (x - self.x) - (g - self.g)
        size = xp.sqrt(unit @ unit)
        shares = self.units @ unit
        unit, move = unit - shares @ self.units, move - shares @ self.moves
        left = xp.sqrt(unit @ unit)
        new = left > _NEW * size
        scale = xp.where(new, 1 / xp.where(new, left, 1.0), 0.0)
        here = (xp.arange(self.units.shape[0]) == count - 1)[:, None]
        return Anderson(
            xp.where(here, scale * unit, self.units),
            xp.where(here, scale * move, self.moves),
            x,
            g,
        )

    @property
    def next(self) -> Any:
        """The next iterate; $x - g(x)$ while there is only one."""
        return self.x - self.g - (self.units @ self.g) @ self.moves
