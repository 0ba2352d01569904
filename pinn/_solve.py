"""`solve`: from a problem to a solution with an error estimate; and `resume`."""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from jaxtyping import PRNGKeyArray

from ._checkpoint import Folder
from ._checks import is_number
from ._in_windows import InWindows
from ._kept import check_kept, options
from ._method import AbstractMethod, TimeWindows
from ._precision import Precision, resolved
from ._problem import Problem
from ._required import required
from ._solution import Solution
from ._task import Clock, Task
from ._weighting import AbstractBalance


@required(
    problem="give a `pinn.Problem`, `pinn.solve(problem, key=jax.random.key(0))`.",
    key="everything random is drawn from it; write "
    "`pinn.solve(problem, key=jax.random.key(0))`.",
)
def solve(
    problem: Problem,
    field: Callable[..., Any] | None = None,
    method: AbstractMethod | TimeWindows | None = None,
    *,
    key: PRNGKeyArray,
    tol: float | None = None,
    points: Any = None,
    weighting: Mapping[str, float] | AbstractBalance | None = None,
    precision: Precision | None = None,
    allow: Iterable[str] = (),
    budget_s: float | None = None,
    checkpoint: str | Path | None = None,
    every: float = 30.0,
    callbacks: Iterable[Callable[[Mapping[str, Any]], None]] = (),
    progress: bool | None = None,
) -> Solution:
    """Solve a problem: check it, make its residuals small, say how good the answer is.

    Parameters
    ----------
    problem
        What to solve.
    field
        The network to use, a function of one point. It is never resized. By default
        the method draws its own.
    method
        By default the one that suits: `LeastSquares` for the readout of the field,
        `Evolve` for evolutions that are nonlinear, of second order in time or without
        diffusion, or whose initial data disagrees with a condition,
        `LevenbergMarquardt` for a field without one, `FirstOrder` for very large ones.
        The report says which and why. For example `FirstOrder(optax.adam(1e-3))`
        trains all parameters; `TimeWindows` uses any of them on one window of time
        after another.
    key
        Everything random is drawn from it: the same key gives the same solution.
    tol
        Bound for the *estimated relative L2 error* of the field, dimensionless. The
        method works until the estimate meets it; the report says whether it does.
    points
        A number of points for the equation; a mapping from the names of terms to
        numbers or arrays ``(n, in_size)``; a sequence of `pinn.sampling`; or points
        that follow the residual of the equation, such as
        ``pinn.sampling.AdaptiveDistribution()``, which a mapping takes too.
    weighting
        Weights of terms by name, relative to the default balance, dimensionless; or a
        balance of `pinn.weighting`, which changes them while the method works. Fields
        are always judged and compared under the default balance.
    precision
        In which numbers it computes: 64, 32 or ``"mixed"`` (the Jacobian in 32 bit,
        rows and solve in 64, for the methods that have such a form); by default those
        of the program. With 32 all arrays are rounded first, also those that functions
        close over, and the field comes back in 32 bit. The report says what ran.
    allow
        Identifiers of pre-flight errors that shall not stop the solve.
    budget_s
        Seconds after which the best solution so far is returned.
    checkpoint
        A folder, without checkpoints yet, to keep the solve in while it runs: if it is
        interrupted or killed, `resume` goes on from there, bit for bit.
    every
        Seconds between two checkpoints; one is also written after each segment.
    callbacks
        Functions called with a record (a mapping): first ``{"preflight": report}``,
        then one after each step or compiled call, with its ``loss``, and after each
        segment, with its ``note``; they observe and cannot steer. `StopIteration`
        raised in one ends the solve with the best solution so far.
    progress
        Whether to show progress on standard error; by default if that is a terminal.

    Returns
    -------
    Solution
        Also when the tolerance was not reached or Ctrl-C was pressed: `result` says
        how it ended.

    Raises
    ------
    TypeError
        If `problem` or `key` is left out.
    ValueError
        If an argument is wrong, before anything is compiled for the solve.
    PreflightError
        If the pre-flight check finds an error that is not allowed.
    KeyboardInterrupt
        If Ctrl-C is pressed before there is any solution to return.

    Examples
    --------
    >>> rod = pinn.Interval(0.0, 1.0)
    >>> exact = lambda x: jnp.sin(jnp.pi * x[0])
    >>> def poisson(u, x):
    ...     return pinn.laplacian(u)(x) + jnp.pi**2 * exact(x)
    >>> problem = pinn.Problem(rod, poisson, [pinn.Dirichlet(rod.boundary, 0.0)])
    >>> solution = pinn.solve(problem, tol=1e-8, key=jax.random.key(0))
    >>> solution.result
    <Result.reached: 'The estimated error is within the tolerance.'>
    >>> bool(solution.error(exact) < 1e-8)
    True
    """
    clock = Clock()
    if isinstance(allow, str) or not isinstance(allow, Iterable):
        raise ValueError('`allow` takes a list of names, `allow=["dead-residual"]`.')
    task = Task(
        problem=problem,
        field=field,
        method=method.method if isinstance(method, TimeWindows) else method,
        key=key,
        tol=tol,
        points=points,
        weighting=weighting,
        precision=resolved(precision),
        allow=tuple(allow),
        budget_s=budget_s,
        callbacks=callbacks,
        progress=progress,
    )
    _check_every(every)
    work = InWindows(task, method) if isinstance(method, TimeWindows) else task
    if checkpoint is None:
        return work.run(clock)
    with contextlib.closing(Folder(checkpoint, new=True)) as folder:
        return work.run(clock, folder=folder, every=every)


def resume(
    folder: str | Path,
    problem: Problem,
    field: Callable[..., Any] | None = None,
    method: AbstractMethod | TimeWindows | None = None,
    *,
    points: Any = None,
    weighting: AbstractBalance | None = None,
    older: bool = False,
    budget_s: float | None = None,
    every: float = 30.0,
    callbacks: Iterable[Callable[[Mapping[str, Any]], None]] = (),
    progress: bool | None = None,
) -> Solution:
    """Go on with a solve that was interrupted or killed.

    The result is that of the solve without an interruption, bit for bit on the same
    machine: parameters, state of the method, random keys, points and history are in
    the checkpoint. Key, tolerance, weights, points and precision are read from it; the
    structure comes from the caller, since a checkpoint holds no code.

    Parameters
    ----------
    folder
        The `checkpoint` that was given to `solve`.
    problem, field, method
        As they were given to `solve`.
    points
        Only where they were a function or an object that is not one of
        `pinn.sampling`: the same.
    weighting
        Only where it was a balance that is not one of `pinn.weighting`: the same.
    older
        Go on from the checkpoint before the last, where the last is damaged.
    budget_s, every, callbacks, progress
        As in `solve`.

    Returns
    -------
    Solution
        As from `solve`. Its report counts the time of this call only.

    Raises
    ------
    ValueError
        If there is no checkpoint; if it is damaged, in use, or of another version,
        problem, field, method or precision.
    """
    clock = Clock()
    _check_every(every)
    with contextlib.closing(Folder(folder, new=False)) as kept:
        # Of windows, it is their own folders that may be damaged.
        saved = kept.read(older and not isinstance(method, TimeWindows))
        check_kept(saved, problem, field, method)
        task = Task(
            problem=problem,
            field=field,
            method=method.method if isinstance(method, TimeWindows) else method,
            budget_s=budget_s,
            callbacks=callbacks,
            progress=progress,
            **options(saved, points, weighting),
        )
        if isinstance(method, TimeWindows):
            work = InWindows(task, method, older)
        else:
            work = task
        return work.run(clock, folder=kept, every=every, saved=saved)


def _check_every(every: Any) -> None:
    if not is_number(every) or not every >= 0:
        raise ValueError(f"`every` takes seconds, at least 0; got {every!r}.")
