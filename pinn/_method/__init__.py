from ._base import (
    TARGET as TARGET,
    AbstractFoundation as AbstractFoundation,
    AbstractMethod as AbstractMethod,
    Block as Block,
    Evidence as Evidence,
    Lack as Lack,
    Refinement as Refinement,
)
from ._evolve import Evolve as Evolve
from ._first_order import FirstOrder as FirstOrder
from ._lbfgs import LBFGS as LBFGS
from ._least_squares import LeastSquares as LeastSquares
from ._levenberg_marquardt import LevenbergMarquardt as LevenbergMarquardt
from ._neural_galerkin import NeuralGalerkin as NeuralGalerkin
from ._self_scaled_broyden import SelfScaledBroyden as SelfScaledBroyden
from ._sequence import Sequence as Sequence
from ._stages import Stages as Stages
from ._time_windows import TimeWindows as TimeWindows
