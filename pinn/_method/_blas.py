"""BLAS and LAPACK on the host, and how many threads they get."""

import contextlib
import functools
import importlib
from typing import Any

# Operations beyond which several threads are worth it.
_PARALLEL = 2e10


def blas_threads(operations: int) -> Any:
    """One thread for work too small to gain from several.

    The threads of OpenBLAS wait for one another in busy loops: where another program
    has a core, a small product on all of them takes many times as long.
    """
    if operations >= _PARALLEL:
        return contextlib.nullcontext()
    return _blas().limit(limits=1, user_api="blas")


@functools.cache
def library(name: str) -> Any:
    return importlib.import_module(f"scipy.linalg.{name}")


@functools.cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController

    library("blas")  # it must be there to be limited

    return ThreadpoolController()
