"""How far a march in time has come."""

from dataclasses import dataclass
from typing import Any

from jaxtyping import PRNGKeyArray

from ._panels import Panels
from ._windows import Window


@dataclass(frozen=True)
class State:
    """How far the integration has come, in the time τ that runs from 0 to 1.

    Attributes
    ----------
    window
        The features of now.
    panels
        What was computed.
    integrator
        What integrates in this window: `Collocation`, or the name of a method of
        diffrax.
    size
        Of the coefficients at the start, which errors are measured against.
    tau, state, length
        The time, the coefficients there, and the length that the next panel or step
        is to have.
    key
        Draws the features of later windows.
    begin, start
        When the window began, and the defect there.
    failed
        Whether the integrator could go no further.
    hopeless
        Whether the features are so far from following the solution that others
        should be tried.
    """

    window: Window
    panels: Panels
    integrator: Any
    size: float
    tau: float
    state: tuple[Any, ...]
    length: float
    key: PRNGKeyArray
    begin: float = 0.0
    start: float | None = None
    failed: bool = False
    hopeless: bool = False
