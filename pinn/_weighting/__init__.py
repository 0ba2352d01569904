"""The balance of the terms: what each squared residual is multiplied with.

By default every term is divided by the size of its operator, which has no unit and
needs no tuning, and a mapping gives fixed weights beside that. The balances of this
module change the weights while a method works.
"""

from ._attention import ResidualAttention as ResidualAttention
from ._base import AbstractBalance as AbstractBalance
from ._causal import Causal as Causal
from ._fixed import by_operator as by_operator, weights_of as weights_of
from ._gradient_norm import GradientNorm as GradientNorm
from ._tangent_kernel import TangentKernel as TangentKernel
