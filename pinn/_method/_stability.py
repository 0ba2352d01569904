r"""How well small rows tell a small error.

To first order an error $e$ leaves the rows $J e$. The smallest ratio

$$ \sigma = \min_e \frac{\|J e\|}{\|e\|}, $$

with the root mean square of $e$ over the points of the equation, is 0.03 to 1 where
a problem is well posed, since the rows are divided by the sizes of their operators. On
a problem that is nearly singular it is tiny: close to a resonance, or for a front that
hardly anything holds at its place. Fields that are far from the solution then have
rows as small as the solution's. $\sigma$ is found among the readouts of the features by
inverse iteration, from the factorisation that solved for the readout; rounding can make
it larger, never smaller.
"""

import numpy as np

from .._feature_rows import FeatureRows
from ._nested import NestedRows
from ._regularised import RegularisedQR

# The ratio of two singular values is squared by each iteration, and on a nearly
# singular problem the smallest stands alone.
_ITERATIONS = 4


def stability(
    at: FeatureRows | NestedRows,
    matrix: np.ndarray,
    system: RegularisedQR | NestedRows,
) -> float:
    r"""$\sigma$, from the rows' derivatives in the readout and their factorisation."""
    features = at.features()
    n, columns = features.shape
    c = np.random.default_rng(0).standard_normal(at.count)
    least = np.inf
    for _ in range(_ITERATIONS):
        values = features @ c.reshape(-1, columns).T
        size = np.linalg.norm(values)
        if not 0 < size < np.inf:
            break
        least = min(least, float(np.linalg.norm(matrix @ c) / size * np.sqrt(n)))
        c = system.solve_normal((features.T @ (values / size)).T.ravel())
    return max(least, float(np.finfo(float).eps))
