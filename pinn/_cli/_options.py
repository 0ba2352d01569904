"""Options of the terminal as values of the library."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import optax

from .. import activations, problems
from .._checks import nearest_three
from .._method import (
    LBFGS,
    Evolve,
    FirstOrder,
    LeastSquares,
    LevenbergMarquardt,
    NeuralGalerkin,
    SelfScaledBroyden,
    TimeWindows,
)
from .._precision import Precision
from .._weighting import Causal, GradientNorm, TangentKernel
from ._errors import InputError


class _Method(NamedTuple):
    """How a method is made, and which options of the terminal it takes."""

    make: Callable[..., Any]
    takes: tuple[str, ...]


_FEATURES, _TRAINED = ("activation", "features"), ("activation", "steps")
_adam = _Method(lambda **options: FirstOrder(optax.adam(1e-3), **options), _TRAINED)
_METHODS = {
    "least-squares": _Method(LeastSquares, _FEATURES),
    "time-windows": _Method(lambda **o: TimeWindows(LeastSquares(**o)), _FEATURES),
    "evolve": _Method(Evolve, ("features",)),
    "neural-galerkin": _Method(NeuralGalerkin, ("activation",)),
    "levenberg-marquardt": _Method(LevenbergMarquardt, _TRAINED),
    "self-scaled-broyden": _Method(SelfScaledBroyden, _TRAINED),
    "lbfgs": _Method(LBFGS, _TRAINED),
    "first-order": _adam,
    "adam": _adam,
}
METHODS = ("auto", *_METHODS)
_BALANCES: dict[str, Callable[[], Any]] = {
    "gradient-norm": GradientNorm,
    "tangent-kernel": TangentKernel,
    "causal": Causal,
}
BALANCES = tuple(_BALANCES)
PRECISIONS = ("64", "32", "mixed")


def set_precision(precision: str, tol: float | None) -> Precision:
    """Choose 32 or 64 bits before any array is made."""
    if precision not in PRECISIONS:
        raise InputError(f"`--precision` takes 64, 32 or mixed; got {precision!r}.")
    if precision == "32" and tol is not None and tol < 1e-5:
        raise InputError(
            f"`--tol` {tol:g} needs 64-bit numbers; with `--precision 32` ask for at "
            "least 1e-5."
        )
    jax.config.update("jax_enable_x64", precision != "32")
    if precision == "mixed":
        return "mixed"
    return 32 if precision == "32" else 64


def method_named(
    name: str, activation: str | None, features: int | None, steps: int | None
) -> Any:
    """The method of that name with the options that belong to it; none is chosen yet
    for ``auto`` without any."""
    if name not in METHODS:
        raise InputError(
            f"`--method`: there is no method {name!r}; there are "
            f"{', '.join(METHODS)}.{problems.nearest(name, METHODS)}"
        )
    given = {"activation": activation, "features": features, "steps": steps}
    given = {option: value for option, value in given.items() if value is not None}
    if name == "auto":
        if not given:
            return None
        name = "least-squares"  # which is what is chosen for a field of its own
    make, takes = _METHODS[name]
    for option in given:
        if option not in takes:
            others = [other for other, m in _METHODS.items() if option in m.takes]
            raise InputError(
                f"`--{option}` is for `--method` {', '.join(others)}; {name} takes "
                f"{' and '.join(f'--{own}' for own in takes)}."
            )
    if activation is not None:
        given["activation"] = _activation(activation)
    return make(**given)


def balance_named(name: str | None) -> Any:
    """The balance of that name, with its defaults."""
    if name is None:
        return None
    if name not in _BALANCES:
        raise InputError(
            f"`--weighting`: there is no balance {name!r}; there are "
            f"{', '.join(BALANCES)}.{problems.nearest(name, BALANCES)}"
        )
    return _BALANCES[name]()


def _activation(name: str) -> Callable[..., Any]:
    names = [entry.name for entry in activations.catalogue()]
    if name not in names:
        raise InputError(
            f"`--activation`: there is no activation {name!r}. Nearest: "
            f"{nearest_three(name, names)}; `pinn activations` lists all {len(names)}."
        )
    return activations.get(name)
