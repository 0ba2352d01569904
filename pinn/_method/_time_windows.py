"""A method for space and time, used on one window of time after another."""

import equinox as eqx

from .._checks import is_whole
from ._base import AbstractMethod
from ._evolve import Evolve
from ._least_squares import LeastSquares
from ._stages import Stages


class TimeWindows(eqx.Module):
    """Space-time solves in windows: each starts from what the one before ended with.

    A long time asks for features, or a network, that grow with it; a window asks for
    few. What ends a window is the initial data of the next, also its rate for an
    equation of second order in time, so the field is continuous up to the tolerance. Of
    a tolerance each window gets the share of its duration.

    Without a number of windows the first is the whole time. A window in which the
    method does not meet its tolerance is halved, as long as that makes the error
    smaller; and one that follows two that were easy is doubled.

    Parameters
    ----------
    method
        Solves each window; `LeastSquares()` by default. A field that the user passes
        to `solve` is started, in each window, from where the one before has left it.
    windows
        How many windows of equal duration.

    Raises
    ------
    ValueError
        If `method` is `Evolve`, which makes windows of its own, or `Stages`, whose
        field would grow from window to window; if `windows` is no positive integer;
        from `solve`, if the problem has no time or no initial data.

    References
    ----------
    Krishnapriyan et al., NeurIPS 34 (2021): sequence-to-sequence learning.
    """

    method: AbstractMethod
    windows: int | None = eqx.field(static=True)

    def __init__(
        self, method: AbstractMethod | None = None, windows: int | None = None
    ):
        self.method = LeastSquares() if method is None else method
        self.windows = windows
        space_time = isinstance(self.method, AbstractMethod)
        if not space_time or isinstance(method, Evolve | Stages):
            raise ValueError(
                "`method` takes a method for space and time, such as "
                f"`pinn.LeastSquares()`; got {method!r}."
            )
        if windows is not None and not (is_whole(windows) and windows >= 1):
            raise ValueError(
                f"`windows` takes a positive integer, or None; got {windows!r}."
            )
