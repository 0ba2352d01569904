"""The commands of the terminal, one a file."""

from ._activations import show_activations as show_activations
from ._check import check as check
from ._gallery import gallery as gallery
from ._lab import laboratory as laboratory
from ._list import list_problems as list_problems
from ._solve import solve as solve
