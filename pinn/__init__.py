"""Solve partial differential equations with smooth neural networks, in JAX."""

from . import (
    _sampling,
    _weighting,
    activations as activations,
    analysis as analysis,
    callbacks as callbacks,
    export as export,
    metrics as metrics,
    plot as plot,
    problems as problems,
    reference as reference,
)
from ._condition import (
    AbstractCondition as AbstractCondition,
    Condition as Condition,
    Dirichlet as Dirichlet,
    Initial as Initial,
    Neumann as Neumann,
    Robin as Robin,
    RowInput as RowInput,
)
from ._domain import (
    AbstractDomain as AbstractDomain,
    AbstractPart as AbstractPart,
    Ball as Ball,
    Box as Box,
    Difference as Difference,
    Disk as Disk,
    Intersection as Intersection,
    Interval as Interval,
    Union as Union,
)
from ._files import load as load, save as save
from ._method import (
    LBFGS as LBFGS,
    AbstractFoundation as AbstractFoundation,
    AbstractMethod as AbstractMethod,
    Block as Block,
    Evidence as Evidence,
    Evolve as Evolve,
    FirstOrder as FirstOrder,
    Lack as Lack,
    LeastSquares as LeastSquares,
    LevenbergMarquardt as LevenbergMarquardt,
    NeuralGalerkin as NeuralGalerkin,
    Refinement as Refinement,
    SelfScaledBroyden as SelfScaledBroyden,
    Sequence as Sequence,
    Stages as Stages,
    TimeWindows as TimeWindows,
)
from ._network import (
    MLP as MLP,
    Concatenated as Concatenated,
    Corrected as Corrected,
    Frozen as Frozen,
    PeriodicEmbedding as PeriodicEmbedding,
    RandomFeatures as RandomFeatures,
    Readout as Readout,
    Symmetric as Symmetric,
)
from ._operators import (
    Field as Field,
    advect as advect,
    biharmonic as biharmonic,
    curl as curl,
    cylindrical_laplacian as cylindrical_laplacian,
    directional as directional,
    divergence as divergence,
    dt as dt,
    dtt as dtt,
    grad as grad,
    hessian as hessian,
    jacobian as jacobian,
    laplacian as laplacian,
    laplacian_samples as laplacian_samples,
    material_derivative as material_derivative,
    normal_derivative as normal_derivative,
    partial as partial,
    polar_laplacian as polar_laplacian,
    spherical_laplacian as spherical_laplacian,
    strain as strain,
)
from ._periodic import Periodic as Periodic
from ._preflight import (
    Finding as Finding,
    PreflightError as PreflightError,
    Report as Report,
    preflight as preflight,
)
from ._problem import Problem as Problem, Term as Term
from ._residuals import Residuals as Residuals, trainable_leaves as trainable_leaves
from ._smoothness import Smoothness as Smoothness, smoothness as smoothness
from ._solution import (
    Result as Result,
    Solution as Solution,
    SolveReport as SolveReport,
)
from ._solve import resume as resume, solve as solve
from ._version import __version__ as __version__

sampling, weighting = _sampling, _weighting
