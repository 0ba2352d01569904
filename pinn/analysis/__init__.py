"""The activation laboratory: what an activation does to a network.

Functions look at a problem and a field, and return named arrays with a `plot`. The rows
are those that `pinn.solve` makes small.
"""

from ._dead import (
    DeadUnitGrowth as DeadUnitGrowth,
    DeadUnits as DeadUnits,
    dead_unit_growth as dead_unit_growth,
    dead_units as dead_units,
)
from ._ensemble import small_adam as small_adam, training as training
from ._hessian import (
    HessianSpectrum as HessianSpectrum,
    hessian_spectrum as hessian_spectrum,
)
from ._kernel import (
    TangentKernelSpectrum as TangentKernelSpectrum,
    tangent_kernel as tangent_kernel,
)
from ._landscape import (
    LossLandscape as LossLandscape,
    loss_landscape as loss_landscape,
)
from ._layers import layer_outputs as layer_outputs
from ._profile import (
    ActivationProfile as ActivationProfile,
    activation_profile as activation_profile,
)
from ._ranking import Rank as Rank
from ._spectral import (
    SpectralBias as SpectralBias,
    error_spectrum as error_spectrum,
    spectral_bias as spectral_bias,
)
from ._statistics import (
    LayerStatistics as LayerStatistics,
    layer_statistics as layer_statistics,
)
from ._study import Study as Study, study as study
