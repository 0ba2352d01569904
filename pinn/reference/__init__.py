"""Solutions to compare with, made without networks and training."""

from ._cole_hopf import cole_hopf as cole_hopf
from ._finite_elements import (
    FiniteElements as FiniteElements,
    finite_elements as finite_elements,
)
from ._method_of_lines import Reference as Reference, method_of_lines as method_of_lines
