"""Who is best over many problems and seeds, and how sure that is."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Rank:
    """The place of one activation.

    Attributes
    ----------
    name
        Its name.
    mean
        Mean rank over problems and seeds, 1 for the best.
    low, high
        Ends of its confidence interval.
    error
        Geometric mean of its errors; NaN where one is missing.
    """

    name: str
    mean: float
    low: float
    high: float
    error: float


def ranking(
    names: tuple[str, ...],
    errors: np.ndarray,
    *,
    resamples: int = 2000,
    level: float = 0.95,
) -> list[Rank]:
    """Mean ranks with intervals from the bootstrap, the best first.

    In each block, a seed of a problem, activations are ranked by their errors; equal
    ones share the mean of their places, and a missing error shares the last ones. The
    blocks are drawn anew with replacement, and the interval holds the middle `level`
    of the mean ranks.

    Parameters
    ----------
    names
        Of the activations.
    errors
        ``(activations, problems, seeds)``, NaN where there is none.
    resamples
        Draws of the bootstrap.
    level
        Share of the draws within the interval.
    """
    from scipy.stats import rankdata

    blocks = errors.reshape(len(names), -1)
    ranks = rankdata(np.where(np.isfinite(blocks), blocks, np.inf), axis=0)
    # The draws are part of the method, not of the study: always the same ones.
    chosen = np.random.default_rng(0).integers(
        ranks.shape[1], size=(resamples, ranks.shape[1])
    )
    means = np.mean(ranks[:, chosen], axis=-1)
    ends = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=1)
    with np.errstate(divide="ignore"):
        typical = np.exp(np.mean(np.log(blocks), axis=1))
    rows = [
        Rank(name, float(mean), float(low), float(high), float(error))
        for name, mean, low, high, error in zip(
            names, np.mean(ranks, axis=1), *ends, typical, strict=True
        )
    ]
    return sorted(rows, key=lambda rank: rank.mean)
