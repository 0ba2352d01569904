"""Solutions to compare with, made without networks and training."""

from ._cole_hopf import cole_hopf as cole_hopf
from ._method_of_lines import Reference as Reference, method_of_lines as method_of_lines
