"""What the methods share that train all parameters of a field."""

from typing import Any

from .._residuals import Residuals, trainable_leaves
from ._base import AbstractMethod


class AbstractTraining(AbstractMethod):
    """Steps that change all parameters. A leaf says how, and what its options are.

    Of its state two things are known: `batch`, the points and weights at present, and
    `failed`, whether numbers are no longer finite.
    """

    def unknowns(self, field: Any) -> Any:
        return trainable_leaves(field)

    def failed(self, state: Any) -> bool:
        return bool(state.failed)

    def weights(self, residuals: Residuals, state: Any) -> dict[str, float]:
        return state.batch.mean_weights(residuals)
