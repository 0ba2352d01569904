r"""Points: sequences in the unit cube, grids, and points that follow the residual.

``domain.sample(n, key=key, sequence=kronecker)`` and ``part.sample`` take any of the
sequences `uniform`, `kronecker`, `latin_hypercube`, `sobol`; so does any function
``sequence(key, dim)`` that returns a traceable ``stream(start, count)``, the points
``start, ..., start + count - 1`` in the open unit cube, with shape ``(count, dim)``.

`AdaptiveDistribution` and `AdaptiveRefinement` are passed to `solve` as `points`.
"""

from .._domain import (
    Sequence as Sequence,
    Stream as Stream,
    kronecker as kronecker,
    uniform as uniform,
)
from ._adaptive import (
    AbstractAdaptive as AbstractAdaptive,
    AdaptiveDistribution as AdaptiveDistribution,
    AdaptiveRefinement as AdaptiveRefinement,
    residual_adaptive as residual_adaptive,
)
from ._grid import grid as grid
from ._sequences import latin_hypercube as latin_hypercube, sobol as sobol
