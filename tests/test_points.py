"""Row inputs: how many for each term, where, and that fresh ones stay fresh."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import heat, refused
from numpy.testing import assert_allclose, assert_array_equal

import pinn
from pinn import Dirichlet, Neumann, Problem, laplacian
from pinn._domain import kronecker, uniform
from pinn._host_draw import on_host
from pinn._points import FRESH, PointSource

SQUARE = pinn.Box([0.0, 0.0], [2.0, 1.0])
HOLE = pinn.Disk([1.0, 0.5], 0.25)


def plate():
    conditions = [
        Dirichlet(SQUARE.boundary, 0.0, name="sides"),
        Neumann(HOLE.boundary, 0.0, name="rim"),
    ]
    return Problem(SQUARE - HOLE, lambda u, x: laplacian(u)(x), conditions)


@pytest.fixture(scope="module")
def source():
    return PointSource(plate(), None, key=jr.key(0))


def test_as_many_as_were_asked_for(source):
    counts = source.counts(300)
    assert counts["equation"] == 300
    points = source.draw(counts)
    assert {n: len(r.arguments[0]) for n, r in points.items()} == counts
    assert points["equation"].normal is None
    assert_allclose(np.linalg.norm(points["rim"].normal, axis=1), 1.0)


def test_conditions_get_the_spacing_of_the_interior(source):
    """Their number goes with their measure, and with the root of the interior's."""
    counts, more = source.counts(400), source.counts(1600)
    measures = {"sides": 6.0, "rim": np.pi / 2}
    assert_allclose(counts["sides"] / counts["rim"], 6 / (np.pi / 2), rtol=0.05)
    for name in measures:
        assert_allclose(more[name] / counts[name], 2.0, rtol=0.05)


def test_drawn_on_the_host_as_by_jax():
    """Also where candidates are refused, and with a tail that needs another block."""
    term, n = plate().equation, 5000
    key = jr.key(3)
    found = on_host(term.place, term.cube_dim, n, key=key)
    expected = term.sample(n, key=key, sequence=kronecker)
    assert_allclose(found.arguments[0], expected.arguments[0], rtol=0, atol=1e-14)


@pytest.mark.parametrize("n", [0, -1])
def test_no_points_are_refused_on_the_host_too(n):
    term = plate().equation
    with refused("`n` takes a number of points, at least 1"):
        on_host(term.place, term.cube_dim, n, key=jr.key(0))


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ({"equation": [[0.5, np.nan]]}, r"1 of 1 are not finite, first \[0.5, nan\]"),
        ({"equation": [[0.3, 0.2], [5, 5]]}, "1 of 2 do not lie in the domain"),
        ({"sides": [[0.5, 0.5]]}, "`points` of 'sides': 1 of 1 do not lie where"),
        ({"equatoin": 3}, "Did you mean 'equation'"),
    ],
)
def test_points_elsewhere_are_refused(points, message):
    with refused(message):
        PointSource(plate(), points, key=jr.key(0))


def test_numbers_of_points_do_not_depend_on_the_unit():
    def counts(unit):
        box = pinn.Box([0.0, 0.0], [2 * unit, unit])
        condition = Dirichlet(box.boundary, 0.0)
        problem = Problem(box, lambda u, x: laplacian(u)(x), [condition])
        return PointSource(problem, None, key=jr.key(0)).counts(500)

    assert counts(1.0) == counts(1e-3) == counts(1e3)


def test_the_same_key_gives_the_same_points(source):
    again = PointSource(plate(), None, key=jr.key(0))
    other = PointSource(plate(), None, key=jr.key(1))
    counts = source.counts(50)
    x = lambda s, stream: np.asarray(s.draw(counts, stream)["equation"].arguments[0])
    assert_array_equal(x(source, 1), x(again, 1))
    assert not np.any(x(source, 1) == x(other, 1))


def test_streams_share_no_point(source):
    counts = source.counts(500)
    drawn = [
        {tuple(p) for p in np.asarray(source.draw(counts, s)["equation"].arguments[0])}
        for s in (FRESH, 1, 2)
    ]
    assert len(set.union(*drawn)) == 1500


def test_a_larger_set_of_a_stream_holds_the_smaller(source):
    small, large = (
        np.asarray(source.draw(source.counts(n))["equation"].arguments[0])
        for n in (40, 90)
    )
    assert_array_equal(large[:40], small)


def test_fresh_points_are_uniform(source):
    x = np.asarray(source.draw({"equation": 8000}, FRESH)["equation"].arguments[0])
    area = 2 - np.pi / 16
    left = x[:, 0] < 1
    assert abs(left.mean() - 0.5) < 0.02
    corner = (x[:, 0] < 0.5) & (x[:, 1] < 0.5)
    assert abs(corner.mean() - 0.25 / area) < 0.02
    assert not np.any(np.asarray(jax.vmap(HOLE.contains)(jnp.asarray(x))))


def test_times_run_through_the_interval_and_start_at_the_start():
    source = PointSource(heat(), None, key=jr.key(0))
    points = source.draw(source.counts(200))
    t = np.asarray(points["equation"].arguments[0])
    assert 0 <= t.min() < 0.02
    assert 0.48 < t.max() <= 0.5
    assert np.all(np.asarray(points["initial"].arguments[0]) == 0.0)


def test_in_one_dimension_every_draw_holds_both_ends():
    """A boundary of two points is no sample: without one of them all is lost."""
    rod = pinn.Interval(0.0, 1.0)
    problem = Problem(rod, lambda u, x: laplacian(u)(x), [Dirichlet(rod.boundary, 0.0)])
    for seed in range(4):
        source = PointSource(problem, None, key=jr.key(seed))
        for stream in range(6):
            ends = source.draw(source.counts(100), stream)["dirichlet"].arguments[0]
            assert set(np.unique(ends)) == {0.0, 1.0}


def test_numbers_by_name():
    source = PointSource(plate(), {"equation": 77, "rim": 5}, key=jr.key(0))
    counts = source.counts(1000)
    assert (counts["equation"], counts["rim"]) == (77, 5)
    assert PointSource(plate(), 33, key=jr.key(0)).counts(1000)["equation"] == 33


def test_points_of_the_user_are_used_as_they_are():
    x = np.array([[0.5, 0.25], [0.1, 0.9], [1.9, 0.2]])
    rim = np.array([[1.25, 0.5], [1.0, 0.75]])
    source = PointSource(plate(), {"equation": x, "rim": rim}, key=jr.key(0))
    counts = source.counts(1000)
    assert (counts["equation"], counts["rim"]) == (3, 2)
    for stream in (1, 2):
        points = source.draw(counts, stream)
        assert_array_equal(points["equation"].arguments[0], x)
    # Outward from the plate is into the hole.
    assert_allclose(points["rim"].normal, [[-1.0, 0.0], [0.0, -1.0]], atol=1e-12)
    fresh = source.draw(counts, FRESH)
    assert not np.any(np.asarray(fresh["equation"].arguments[0]) == x)


def test_columns_of_the_user_are_time_first():
    table = np.array([[0.1, 0.7], [0.4, 0.2]])
    source = PointSource(heat(), {"equation": table}, key=jr.key(0))
    t, x = source.draw(source.counts(10))["equation"].arguments
    assert_array_equal(t, [0.1, 0.4])
    assert_array_equal(x, [[0.7], [0.2]])


def test_a_sequence_of_the_user_is_what_is_drawn():
    source = PointSource(plate(), uniform, key=jr.key(0))
    x = np.asarray(source.draw({"equation": 4000})["equation"].arguments[0])
    # Independent points clump: some pairs are far closer than a lattice allows.
    order = np.sort(x[:, 0])
    assert np.diff(order).min() < 1e-2 / 4000
    assert abs((x[:, 0] < 0.1).mean() - 0.1 / (2 - np.pi / 16)) < 0.02


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"rims": 5}, r"`points` names the term 'rims'.*'rim'"),
        ({"rim": 0}, "`points` of 'rim' is 0; at least 1"),
        (0, "`points` of 'equation' is 0"),
        (-3, "`points` of 'equation' is -3"),
        (True, "`points` takes a number"),
        (2.5, "`points` takes a number"),
        ("many", "`points` takes a number"),
        (np.zeros((5, 2)), "`points` takes a number, a mapping"),
        ({"rim": 2.5}, "`points` of 'rim'"),
        ({"rim": "few"}, "`points` of 'rim'"),
        ({"equation": np.zeros((5, 3))}, r"`points` of 'equation'.*\(n, 2\).*\(5, 3\)"),
        ({"equation": np.zeros(5)}, r"`points` of 'equation'.*\(5,\)"),
        ({"equation": np.zeros((0, 2))}, "`points` of 'equation'"),
    ],
)
def test_errors_name_the_argument(choice, message):
    with refused(message):
        PointSource(plate(), choice, key=jr.key(0))
