"""Space-time solves in windows of time."""

import shutil

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from helpers import compilations

import pinn
from pinn._compiled import Compiled
from pinn._in_windows import _remarks
from pinn._network import Retimed, Window, Windowed
from pinn._window import in_window

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


def moving():
    """A problem with data that changes in time, in every kind of condition."""
    exact = lambda t, x: jnp.sin(2 * t + x[0])
    left, right = (ROD.faces[side] for side in ("left", "right"))

    def flux(u, t, x, normal):
        return pinn.normal_derivative(u, normal)(t, x) - t * u(t, x)

    return pinn.Problem(
        ROD,
        lambda u, t, x: pinn.dtt(u)(t, x) - t * pinn.laplacian(u)(t, x),
        [
            pinn.Dirichlet(left, exact),
            pinn.Robin(right, lambda t, x: 1 + t, 1.0, exact, name="robin"),
            pinn.Condition(right, flux),
            pinn.Initial(lambda x: exact(1.0, x), lambda x: 2 * jnp.cos(2 + x[0])),
        ],
        time=(1.0, 4.0),
        exact=exact,
    )


def rows_of(problem, field, times, x):
    found = {}
    for term in problem.terms:
        inside = jnp.ones(1) if term.name == "robin" else x
        normal = None if term.region is ROD else jnp.ones(1)
        t = times[0] if term.name == "initial" else times[1]
        row = pinn.RowInput((jnp.asarray(t), inside), normal)
        found[term.name] = term.residual(field, row)
    return found


def test_a_problem_in_the_time_of_a_reference_is_the_problem():
    problem, x = moving(), jnp.array([0.3])
    # From 2 to 3, seen from a reference that lasts twice as long.
    window = Window(1, 2, 3, (1.0, 4.0), (1.0, 3.0))
    assert window.time == (2.0, 3.0)
    assert window.time_at(1.5) == 2.25
    assert window.reference_at(2.25) == 1.5
    field = lambda t, x: jnp.exp(t * x[0]) + t**3
    seen = Retimed(field, window.time_at)
    # The window before ends with another field.
    before = lambda t, x: field(t, x) + t * x[0]
    first = Window(0, 1, 3, (1.0, 4.0), (1.0, 3.0))
    inner = in_window(problem, window, (Retimed(before, first.time_at), first))
    assert [t.name for t in inner.terms] == [t.name for t in problem.terms]
    got = rows_of(inner, seen, (1.0, 1.5), x)
    expected = rows_of(problem, field, (1.0, 2.25), x)
    expected["initial"] = {"value": -2.0 * x[0], "rate": -x[0] / 2}
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, 1e-12), got, expected)
    start = in_window(problem, first, None)
    got = rows_of(start, Retimed(field, first.time_at), (1.0, 1.5), x)["initial"]
    rows = rows_of(problem, field, (1.0, 2.25), x)["initial"]
    np.testing.assert_allclose(got["value"], rows["value"], rtol=1e-12)
    np.testing.assert_allclose(got["rate"], rows["rate"] / 2, rtol=1e-12)


def test_windows_differ_in_arguments_of_what_is_compiled():
    problem, x = moving(), jnp.array([0.3])
    field = pinn.RandomFeatures(2, "scalar", 5, key=jr.key(0))
    residuals = Compiled(lambda problem, t: rows_of(problem, field, (1.0, t), x))
    before, values = Window(0, 1, 6, (1.0, 4.0), (1.0, 1.5)), []
    for first, last in [(1, 2), (2, 3), (3, 6)]:
        window = Window(first, last, 6, (1.0, 4.0), (1.0, 1.5))
        inner = in_window(problem, window, (field, before))
        values.append(float(residuals(inner, jnp.asarray(1.2))["equation"]))
    assert len(residuals._executables) == 1
    assert len(set(values)) == 3


@pytest.mark.slow
def test_windows_after_the_second_compile_nothing():
    counts = []

    def seen(record):
        if "preflight" in record:
            counts.append(len(programs))

    with compilations() as programs:
        method = pinn.TimeWindows(pinn.LBFGS(steps=2), windows=4)
        field = pinn.MLP(2, "scalar", 8, 1, bounds=decay().bounds, key=jr.key(1))
        pinn.solve(decay(), field, method, key=jr.key(0), points=64, callbacks=[seen])
    assert counts[1] > counts[0]
    assert counts[3] == counts[2]


@pytest.mark.slow
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
    said = [
        ((0.0, 1.0), ("a residual of only 2e-16",)),
        ((1.0, 2.0), ("a residual of only 3.5e-07", "a jump")),
        ((2.0, 3.0), ()),
    ]
    assert _remarks(said) == [
        "t = 0 to 1: a residual of only 2e-16 (so in 2 windows)",
        "t = 1 to 2: a jump",
    ]
