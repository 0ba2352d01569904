"""Space-time solves in windows of time."""

import shutil

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

import pinn
from pinn._in_windows import _remarks
from pinn._network import Windowed

ROD = pinn.Interval(0.0, 1.0)


def decay(stop=1.0):
    """u_t = u_xx from one sine: exp(-pi^2 t) sin(pi x)."""
    exact = lambda t, x: jnp.exp(-(jnp.pi**2) * t) * jnp.sin(jnp.pi * x[0])
    residual = lambda u, t, x: pinn.dt(u)(t, x) - pinn.laplacian(u)(t, x)
    conditions = [
        pinn.Dirichlet(ROD.boundary, 0.0),
        pinn.Initial(lambda x: jnp.sin(jnp.pi * x[0])),
    ]
    return pinn.Problem(ROD, residual, conditions, time=(0.0, stop), exact=exact)


def string():
    """u_tt = u_xx from one sine at rest: cos(pi t) sin(pi x)."""
    exact = lambda t, x: jnp.cos(jnp.pi * t) * jnp.sin(jnp.pi * x[0])
    residual = lambda u, t, x: pinn.dtt(u)(t, x) - pinn.laplacian(u)(t, x)
    conditions = [
        pinn.Dirichlet(ROD.boundary, 0.0),
        pinn.Initial(lambda x: jnp.sin(jnp.pi * x[0]), rate=0.0),
    ]
    return pinn.Problem(ROD, residual, conditions, time=(0.0, 2.0), exact=exact)


def solved(problem, method, tol=1e-5, **options):
    return pinn.solve(problem, method=method, key=jr.key(0), tol=tol, **options)


def few(largest=150, scale=(1.0, 6.0)):
    return pinn.LeastSquares(features=100, largest=largest, scale=scale)


def at(field, t):
    x = jnp.linspace(0.0, 1.0, 41)[:, None]
    return np.asarray(jax.vmap(lambda x: field(jnp.asarray(t), x))(x))


def test_a_windowed_field_is_the_field_of_each_window():
    fields = (lambda t, x: t * x[0], lambda t, x: t**2 * x[0], lambda t, x: x[0] ** 3)
    field = Windowed(fields, (1.0, 2.0))
    x = jnp.array([2.0])
    for t, value, rate in [
        (-1, -2, 2),
        (0.5, 1, 2),
        (1, 2, 4),
        (1.5, 4.5, 6),
        (2, 8, 0),
    ]:
        assert field(jnp.asarray(float(t)), x) == value
        assert pinn.dt(field)(jnp.asarray(float(t)), x) == rate
    with_time = jax.vmap(field, (0, None))(jnp.array([0.5, 1.5, 2.5]), x)
    np.testing.assert_array_equal(with_time, [1.0, 4.5, 8.0])


def test_windows_of_equal_duration_meet_without_a_jump():
    solution = solved(string(), pinn.TimeWindows(few(scale=(3.0, 6.0)), windows=2))
    assert solution.report.reached
    assert solution.report.relative_l2 <= 1e-5
    assert "2 windows" in solution.report.method
    assert solution.field.borders == (1.0,)
    before, after = solution.field.fields
    np.testing.assert_allclose(at(before, 1.0), at(after, 1.0), atol=1e-6)
    # Second order in time: the rate goes on too.
    rates = [at(pinn.dt(field), 1.0) for field in (before, after)]
    np.testing.assert_allclose(*rates, atol=1e-5)
    assert {record["window"] for record in solution.history} == {(0, 1.0), (1.0, 2.0)}


@pytest.mark.slow
def test_a_window_that_fails_is_halved_until_its_tolerance_is_met():
    method = few(largest=100)
    alone = solved(decay(), method)
    assert not alone.report.reached
    solution = solved(decay(), pinn.TimeWindows(method))
    assert solution.report.reached
    assert len(solution.field.fields) >= 2
    assert solution.report.relative_l2 <= 3e-5


@pytest.mark.slow
def test_errors_of_windows_add_up():
    one = solved(decay(0.2), pinn.TimeWindows(few(), windows=1))
    two = solved(decay(0.2), pinn.TimeWindows(few(), windows=2))
    assert two.report.estimate >= two.report.relative_l2 / 3
    assert one.report.estimate >= one.report.relative_l2 / 3


@pytest.mark.slow
def test_a_field_of_the_user_goes_on_from_window_to_window():
    seen = []
    field = pinn.MLP(2, "scalar", 8, 1, bounds=decay().bounds, key=jr.key(1))
    solution = pinn.solve(
        decay(0.2),
        field,
        pinn.TimeWindows(pinn.FirstOrder(optax.sgd(0.0), steps=2), windows=3),
        key=jr.key(0),
        points=64,
        callbacks=[seen.append],
    )
    # Steps of length zero leave it what it was, in all three.
    x, t = jnp.array([0.3]), jnp.asarray(0.1)
    for own in solution.field.fields:
        assert own(t, x) == field(t, x)
    assert sum("preflight" in record for record in seen) == 3


@pytest.mark.slow
def test_resume_goes_on_to_the_same_bits(tmp_path):
    method = pinn.TimeWindows(few(), windows=3)
    folder = tmp_path / "run"
    whole = solved(decay(0.3), method, checkpoint=folder)
    shutil.rmtree(folder / "window-0003")  # as if it had been killed before that
    again = pinn.resume(folder, decay(0.3), method=method)
    assert again.report.estimate == whole.report.estimate
    for t in (0.05, 0.15, 0.25):
        np.testing.assert_array_equal(at(again, t), at(whole, t))
    with pytest.raises(ValueError, match="`method` is TimeWindows"):
        pinn.resume(folder, decay(0.3), method=pinn.TimeWindows(few(), windows=2))


@pytest.mark.slow
def test_an_interrupt_keeps_the_windows_that_were_solved():
    count = 0

    def interrupt(record):
        nonlocal count
        count += "preflight" in record
        if count == 2:
            raise KeyboardInterrupt

    method = pinn.TimeWindows(few(), windows=2)
    solution = solved(decay(0.2), method, callbacks=[interrupt])
    assert solution.result is pinn.Result.interrupted
    assert "ends at t = 0.1" in " ".join(solution.report.remarks)
    exact = decay().exact
    np.testing.assert_allclose(at(solution, 0.05), at(exact, 0.05), atol=1e-4)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="`method` takes a method for space and time"):
        pinn.TimeWindows(pinn.Evolve())
    with pytest.raises(ValueError, match="`windows` takes a positive integer"):
        pinn.TimeWindows(windows=0)
    method = pinn.TimeWindows()
    with pytest.raises(ValueError, match="needs a problem with a time"):
        solved(pinn.problems.poisson(), method)
    without = pinn.Problem(
        ROD,
        decay().residual,
        [pinn.Dirichlet(ROD.boundary, 0.0)],
        time=(0.0, 1.0),
    )
    with pytest.raises(ValueError, match=r"`pinn\.Initial`, which the problem lacks"):
        solved(without, method)
    with pytest.raises(ValueError, match="`points` of 'equation' are an array"):
        solved(decay(), method, points={"equation": np.zeros((4, 2))})


def test_what_every_window_remarks_is_said_once():
    """The same but for its numbers, with how often; anything else stays."""
    assert _remarks(
        [
            ((0.0, 1.0), ("a residual of only 2e-16",)),
            ((1.0, 2.0), ("a residual of only 3.5e-07", "a jump")),
            ((2.0, 3.0), ()),
        ]
    ) == [
        "t = 0 to 1: a residual of only 2e-16 (so in 2 windows)",
        "t = 1 to 2: a jump",
    ]
