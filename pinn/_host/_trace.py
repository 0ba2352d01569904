"""What every reader of a traced function needs: bodies, needed operations, binding."""

from collections.abc import Sequence
from typing import Any, no_type_check

from jax.extend.core import ClosedJaxpr, Jaxpr, Literal


def body_of(eqn: Any) -> tuple[Jaxpr, Sequence[Any]] | None:
    """The trace that an operation calls and its constants; `None` if there is none."""
    for name in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
        inner = eqn.params.get(name)
        if isinstance(inner, ClosedJaxpr):
            return inner.jaxpr, inner.consts
        if isinstance(inner, Jaxpr):
            return inner, []
    return None


def needed(jaxpr: Jaxpr) -> list[Any]:
    """The operations that the outputs depend on, in order."""
    wanted = {var for var in jaxpr.outvars if not isinstance(var, Literal)}
    kept = []
    for eqn in reversed(jaxpr.eqns):
        if eqn.effects or wanted.intersection(eqn.outvars):
            kept.append(eqn)
            wanted.update(v for v in eqn.invars if not isinstance(v, Literal))
    return kept[::-1]


@no_type_check  # called for every operation, where a checker of types would count
def bind(eqn: Any, inputs: Sequence[Any]) -> Sequence[Any]:
    """Perform one operation, as JAX does; a sequence also of one result."""
    found = eqn.primitive.get_bind_params(eqn.params)
    # Before JAX 0.10 the functions of custom rules came apart from the options.
    functions, options = found if isinstance(found, tuple) else ((), found)
    with eqn.ctx.manager:
        results = eqn.primitive.bind(*functions, *inputs, **options)
    return results if eqn.primitive.multiple_results else [results]


def line_of(eqn: Any) -> str | None:
    """Where the user's program asks for an operation, as ``FILE:LINE``, if known."""
    try:
        from jax._src import source_info_util

        frame = source_info_util.user_frame(eqn.source_info.traceback)
        if frame is not None:
            return f"{frame.file_name.rsplit('/', 1)[-1]}:{frame.start_line}"
    except Exception:  # the place is a courtesy, in a private module of JAX
        pass
    return None
