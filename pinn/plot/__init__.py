"""Pictures of fields. Takes functions, domains and arrays; matplotlib only here."""

from ._activations import derivatives as derivatives
from ._animation import (
    ANIMATIONS as ANIMATIONS,
    animation as animation,
    check_animation as check_animation,
)
from ._curves import (
    convergence as convergence,
    history as history,
    spectrum as spectrum,
)
from ._figure import figure as figure
from ._file import FORMATS as FORMATS, check_path as check_path
from ._points import points as points
from ._slices import slices as slices
from ._streamlines import streamlines as streamlines
