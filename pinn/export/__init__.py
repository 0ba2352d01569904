"""Fields for other programs: labelled arrays, ParaView, compiled functions, NumPy."""

from ._compiled_file import (
    load_compiled as load_compiled,
    to_compiled as to_compiled,
)
from ._file import FORMATS as FORMATS, write as write
from ._numpy import to_numpy as to_numpy
from ._paraview import to_paraview as to_paraview
from ._xarray import to_xarray as to_xarray
