"""Regions of space, the pieces of their boundaries, and points in both."""

from ._ball import AbstractBall as AbstractBall, Ball as Ball, Disk as Disk
from ._base import AbstractDomain as AbstractDomain
from ._box import AbstractBox as AbstractBox, Box as Box, Interval as Interval
from ._check import real as real, tolerance as tolerance
from ._combine import (
    Difference as Difference,
    Intersection as Intersection,
    Union as Union,
)
from ._draw import choose as choose, draw as draw
from ._part import AbstractPart as AbstractPart, Pieces as Pieces
from ._part_of import part_of as part_of
from ._round_holes import round_holes as round_holes
from ._stream import (
    Sequence as Sequence,
    Stream as Stream,
    kronecker as kronecker,
    uniform as uniform,
)
