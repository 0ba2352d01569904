from ._base import (
    Readout as Readout,
    hidden_layer as hidden_layer,
    out_size_of as out_size_of,
    scaled_layer as scaled_layer,
    zeros_of as zeros_of,
)
from ._bumps import Bumps as Bumps
from ._concatenated import Concatenated as Concatenated
from ._corrected import Corrected as Corrected, Frozen as Frozen
from ._evolved import Evolved as Evolved, begun as begun, hermite as hermite
from ._fourier_basis import FourierBasis as FourierBasis
from ._holes import (
    FeatureSets as FeatureSets,
    InvertedFeatures as InvertedFeatures,
    SingularFeatures as SingularFeatures,
    blocks as blocks,
)
from ._mlp import MLP as MLP
from ._moved import Moved as Moved, moved as moved
from ._periodic_embedding import PeriodicEmbedding as PeriodicEmbedding
from ._random_features import RandomFeatures as RandomFeatures
from ._retimed import Retimed as Retimed, Window as Window
from ._symmetric import Symmetric as Symmetric
from ._windowed import Windowed as Windowed
