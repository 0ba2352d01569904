"""Options of the terminal as values of the library."""

from collections.abc import Callable
from typing import Any

import jax
import optax

from .. import activations, problems
from .._method import (
    LBFGS,
    Evolve,
    FirstOrder,
    LeastSquares,
    LevenbergMarquardt,
    SelfScaledBroyden,
)
from .._precision import Precision
from .._weighting import Causal, GradientNorm, TangentKernel
from ._errors import InputError

_TRAINED: dict[str, Callable[..., Any]] = {
    "levenberg-marquardt": LevenbergMarquardt,
    "self-scaled-broyden": SelfScaledBroyden,
    "lbfgs": LBFGS,
    "first-order": lambda **options: FirstOrder(optax.adam(1e-3), **options),
    "adam": lambda **options: FirstOrder(optax.adam(1e-3), **options),
}
METHODS = ("auto", "least-squares", "evolve", *_TRAINED)
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
    options: dict[str, Any] = {}
    if name == "auto":
        if steps is None and features is None and activation is None:
            return None
        name = "least-squares"  # which is what is chosen for a field of its own
    if activation is not None:
        if name == "evolve":
            raise InputError("`--activation`: `--method evolve` chooses its own.")
        options["activation"] = _activation(activation)
    if name in ("least-squares", "evolve"):
        if steps is not None:
            raise InputError(
                "`--steps` belongs to the methods that train all parameters, such as "
                "`--method levenberg-marquardt` or `first-order`."
            )
        if features is not None:
            options["features"] = features
        return LeastSquares(**options) if name != "evolve" else Evolve(**options)
    if features is not None:
        raise InputError(
            "`--features` belongs to `--method least-squares` and `evolve`."
        )
    if steps is not None:
        options["steps"] = steps
    return _TRAINED[name](**options)


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
            f"`--activation`: there is no activation {name!r}."
            f"{problems.nearest(name, names)} There are {', '.join(names)}."
        )
    return activations.get(name)
