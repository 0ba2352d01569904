"""JAX is kept strict here: 64-bit, no silent promotion of ranks or types."""

import inspect
import os
import tempfile

os.environ.setdefault("MPLBACKEND", "Agg")

import jax
import jax.random as jr
import jaxtyping
import pytest

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

# Tests compile the same programs again and again. Each worker keeps its own in a new
# folder, where its child processes find them too: JAX does not write whole files at
# once, so what another worker is just writing might be read.
_compiled = tempfile.TemporaryDirectory(prefix="compiled-")
for _option, _value in {
    "jax_compilation_cache_dir": _compiled.name,
    "jax_persistent_cache_min_compile_time_secs": 0.0,
    "jax_persistent_cache_min_entry_size_bytes": -1,
}.items():
    jax.config.update(_option, _value)
    os.environ[_option.upper()] = str(_value)


_jaxtyped = jaxtyping.jaxtyped


def _checked(*function, **options):
    """`jaxtyped`, but functions without annotations stay as they are.

    They have nothing to check, and wrapping one that is inside another takes most of
    a millisecond at each call of that.
    """
    if function:
        return _jaxtyped(*function, **options)
    check = _jaxtyped(**options)
    return lambda f: f if inspect.isfunction(f) and not f.__annotations__ else check(f)


jaxtyping.jaxtyped = _checked  # what the import hook of pytest's option calls


@pytest.fixture(autouse=True, scope="module")
def _forget_compiled():
    """Free what a module has compiled: a whole run would need gigabytes."""
    yield
    jax.clear_caches()


@pytest.fixture
def getkey():
    """A function that returns a new random key at each call; seeded by its place."""
    key = jr.key(5678)
    count = 0

    def _getkey():
        nonlocal count
        count += 1
        return jr.fold_in(key, count)

    return _getkey
