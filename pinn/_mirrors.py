r"""Mirror images that a field and its problem stay the same under.

A problem that looks the same in a mirror takes no even change of the field for an odd
one: where the field is odd, its residual is all of the error's odd part. So where a
field has the symmetry of its problem, changes that break it say nothing of its error.
The mirrors are in the middle of the domain, across each axis of space. Both are tried
out, to rounding: the field at points and their images; and for the problem, whether
the residuals of the field, and of another with the same symmetry, are alike there.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ._compiled import Compiled
from ._condition import RowInput
from ._measure import rms
from ._network import blocks
from ._points import Points, on_device
from ._residuals import Residuals

# What is the same, over its size, in units of rounding: sums of many terms differ by
# their order.
_SAME = 1e4


class Mirror(NamedTuple):
    """An axis of space, the place of the mirror, and whether signs change in it."""

    axis: int
    centre: float
    odd: bool

    def image(self, x: Any) -> Any:
        return x.at[..., self.axis].set(2 * self.centre - x[..., self.axis])

    def joined(self, here: Any, image: Any) -> Any:
        return (here - image) / 2 if self.odd else (here + image) / 2


class Mirrored(eqx.Module):
    """A network with all its features made even or odd, but for the constant."""

    network: Any
    mirror: Mirror = eqx.field(static=True)

    @property
    def readout(self) -> Any:
        return self.network.readout

    def features(self, *arguments: Any) -> Any:
        image = self.network.features(*arguments[:-1], self.mirror.image(arguments[-1]))
        return self.mirror.joined(self.network.features(*arguments), image)

    def blocks(self, size: int) -> Iterator[tuple[np.ndarray, Any]]:
        for columns, block in blocks(self.network, size):
            yield columns, Mirrored(block, self.mirror)

    def __call__(self, *arguments: Any) -> Any:
        return self.readout(self.features(*arguments))


def shared_mirrors(residuals: Residuals, field: Any, points: Points) -> list[Mirror]:
    """The mirrors that leave a field, up to its sign, and its problem as they are."""
    problem, found = residuals.problem, []
    points = on_device(points)
    arguments = points["equation"].arguments
    values = np.asarray(_values(field, arguments))
    size = rms(values)
    lower, upper = (np.asarray(b) for b in problem.domain.bounds)
    for axis, centre in enumerate((lower + upper) / 2):
        mirror = Mirror(axis, float(centre), odd=False)
        image = np.asarray(
            _values(field, _images(points, mirror)["equation"].arguments)
        )
        for odd in (False, True):
            mirror = mirror._replace(odd=odd)
            unlike = rms(values + image if odd else values - image)
            if size > 0 and unlike <= _rounding(values) * size:
                if _leaves(residuals, field, points, mirror, size):
                    found.append(mirror)
                break
    return found


def _leaves(
    residuals: Residuals, field: Any, points: Points, mirror: Mirror, size: float
) -> bool:
    """Whether a problem is the same in a mirror."""
    domain, images = residuals.problem.domain, _images(points, mirror)
    if not np.all(np.asarray(_contained(domain, images["equation"].arguments[-1]))):
        return False
    wave = _wave(residuals.problem, mirror)
    at = lambda amount, where: jax.device_get(
        _rows(residuals, field, wave, jnp.asarray(amount), where)
    )
    changed, changed_image = at(size, points), at(size, images)
    own, own_image = at(0.0, points), at(0.0, images)
    for name, there in changed.items():
        for k in range(there.shape[1]):
            pairs = (
                (there[:, k], changed_image[name][:, k]),
                (own[name][:, k], own_image[name][:, k]),
            )
            allowed = _rounding(there) * max(rms(there), size)
            unlike = lambda sign, pairs=pairs: max(rms(a - sign * b) for a, b in pairs)
            # Not at all where a row is not a number.
            if not min(unlike(1), unlike(-1)) <= allowed:
                return False
    return True


def _wave(problem: Any, mirror: Mirror) -> Mirrored:
    """A function of the mirror's symmetry and of no other."""
    lower, upper = problem.bounds
    return Mirrored(_Wave(jnp.asarray(lower), jnp.asarray(upper)), mirror)


class _Wave(eqx.Module):
    lower: Any
    upper: Any

    def features(self, *arguments: Any) -> Any:
        y = jnp.concatenate([jnp.ravel(a) for a in arguments])
        slopes = jnp.arange(1.0, y.size + 1, dtype=y.dtype) ** 0.5
        return jnp.sin(1 + slopes @ ((y - self.lower) / (self.upper - self.lower)))


def _images(points: Points, mirror: Mirror) -> Points:
    """Row inputs in the mirror."""

    def image(row: RowInput) -> RowInput:
        *slow, x = row.arguments
        normal, partner = row.normal, row.partner
        if normal is not None:
            normal = normal.at[..., mirror.axis].multiply(-1.0)
        if partner is not None:
            partner = mirror.image(partner)
        return RowInput((*slow, mirror.image(x)), normal, partner)

    return {name: image(row) for name, row in points.items()}


def _rounding(values: np.ndarray) -> float:
    return _SAME * float(np.finfo(values.dtype).eps)


_values = Compiled(lambda field, arguments: jax.vmap(field)(*arguments))
_contained = Compiled(lambda domain, x: jax.vmap(domain.contains)(x))
_rows = Compiled(
    lambda residuals, field, wave, amount, points: residuals.by_term(
        lambda *y: field(*y) + amount * wave.features(*y), points
    )
)
