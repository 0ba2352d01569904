from ._base import (
    Readout as Readout,
    hidden_layer as hidden_layer,
    scaled_layer as scaled_layer,
)
from ._bumps import Bumps as Bumps
from ._concatenated import Concatenated as Concatenated
from ._evolved import DEGREE as DEGREE, Evolved as Evolved, hermite as hermite
from ._holes import (
    FeatureSets as FeatureSets,
    InvertedFeatures as InvertedFeatures,
    SingularFeatures as SingularFeatures,
    blocks as blocks,
)
from ._mlp import MLP as MLP
from ._moved import Moved as Moved, moved as moved
from ._random_features import RandomFeatures as RandomFeatures
