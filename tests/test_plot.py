"""Pictures: the right panels, the true shape, and no work for a wrong path."""

import itertools
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import PROBLEMS, problem_of, refused, solution_of

import pinn
from pinn import plot
from pinn.plot import (
    animation,
    convergence,
    derivatives,
    figure,
    history,
    points,
    slices,
    spectrum,
    streamlines,
)

SQUARE = pinn.Box([0.0, 0.0], [2.0, 1.0])
ROD = pinn.Interval(0.0, 1.0)
HOLE = pinn.Disk([1.0, 0.5], 0.25)
SMALL = {"resolution": 21}


def u(x):
    return jnp.sin(jnp.sum(x))


def u_t(t, x):
    return t * jnp.sin(x[0])


def panels(fig):
    """The axes that are no colour bars."""
    return [ax for ax in fig.axes if ax.get_label() != "<colorbar>"]


def image(ax):
    """The values of a map, masked where there are none."""
    (drawn,) = [*ax.images, *ax.collections]
    return np.ma.masked_invalid(drawn.get_array())


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_formats(tmp_path, ending):
    path = tmp_path / f"picture.{ending}"
    figure(u, ROD, path, **SMALL)
    head = path.read_bytes()[:300]
    assert {"png": b"PNG", "pdf": b"%PDF", "svg": b"<svg"}[ending] in head.replace(
        b"<!DOCTYPE svg", b"<svg"
    )


def test_the_upper_case_ending_serves(tmp_path):
    figure(u, ROD, str(tmp_path / "picture.PNG"), **SMALL)
    assert (tmp_path / "picture.PNG").exists()


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 1),
        ({"exact": u}, 2),
        ({"residual": u}, 2),
        ({"exact": lambda x: u(x) + 1e-3 * x[0], "residual": u}, 3),
    ],
)
@pytest.mark.parametrize("domain", [ROD, SQUARE], ids=["line", "map"])
def test_a_panel_for_what_is_known(domain, options, count):
    titles = [ax.get_title() for ax in panels(figure(u, domain, **options, **SMALL))]
    assert len(titles) == count
    assert "solution" in titles[0]


def test_a_line_is_the_function():
    (ax,) = panels(figure(u, ROD, **SMALL))
    x, y = ax.lines[0].get_data()
    np.testing.assert_allclose(y, np.sin(x), rtol=1e-12)
    assert (x[0], x[-1]) == (0.0, 1.0)


def test_a_map_is_the_function_on_the_true_shape():
    (ax,) = panels(figure(u, SQUARE, **SMALL))
    assert ax.get_aspect() in (1.0, "equal")
    values = image(ax)
    assert np.ma.count_masked(values) == 0
    np.testing.assert_allclose(values.ravel()[[0, -1]], [0.0, np.sin(3.0)], atol=1e-12)
    assert values.size == 21 * 10 or values.size == 21 * 11


def test_holes_are_left_out():
    fig = figure(u, SQUARE - HOLE, resolution=81, exact=u, residual=u)
    for ax in panels(fig):
        share = np.ma.count_masked(image(ax)) / image(ax).size
        if ax is panels(fig)[0]:
            assert share == pytest.approx(np.pi / 16 / 2, abs=0.01)
    disk = panels(figure(u, HOLE, resolution=81))[0]
    share = np.ma.count_masked(image(disk)) / image(disk).size
    assert share == pytest.approx(1 - np.pi / 4, abs=0.02)


def test_space_and_time_are_a_map():
    ax, beside = panels(figure(u_t, ROD, time=(0.0, 2.0), **SMALL))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$t$", "$x$")
    assert image(ax).max() == pytest.approx(2 * np.sin(1.0))
    assert len(beside.lines) == 5


def test_snapshots_are_the_field_at_their_times():
    fig = figure(u_t, ROD, time=(0.0, 2.0), times=[0.3, 1.7], **SMALL)
    for line, t in zip(panels(fig)[1].lines, [0.3, 1.7], strict=True):
        x, y = line.get_data()
        np.testing.assert_allclose(y, t * np.sin(x), rtol=1e-12, atol=1e-14)


def test_snapshots_of_maps_share_one_scale():
    fig = figure(u_t, SQUARE, time=(0.0, 2.0), times=[0.5, 1.0, 2.0], **SMALL)
    assert len(panels(fig)) == 3
    assert sum(ax.images[0].colorbar is not None for ax in panels(fig)) == 1
    (limits,) = {ax.images[0].get_clim() for ax in panels(fig)}
    assert limits == pytest.approx((0.0, 2.0), abs=1e-2)


def test_given_axes_are_drawn_in():
    from matplotlib.figure import Figure

    fig = Figure()
    one, other = fig.subplots(1, 2)
    for field, domain, options, ax in (
        (u, ROD, {"exact": u}, one),
        (u_t, SQUARE, {"time": (0.0, 1.0)}, other),
    ):
        assert figure(field, domain, ax=ax, **options, **SMALL) is fig
    assert len(one.lines) == 1
    assert len(other.images) == 1
    three = Figure().subplots(1, 3)
    cube = pinn.Box([0.0, 0.0, 0.0], [1.0, 1.0, 1.0])
    assert slices(u, cube, ax=three, **SMALL) is three[0].figure
    assert all(len(ax.images) == 1 for ax in three)
    four = Figure().subplots(1, 4)
    derivatives({"tanh": jnp.tanh}, ax=four)
    s, slope = four[1].lines[0].get_data()
    np.testing.assert_allclose(slope, 1 / np.cosh(s) ** 2, rtol=1e-9, atol=1e-12)
    with refused("`ax` takes 3 axes for slices; got 4"):
        slices(u, cube, ax=four)


def test_a_scale_is_as_high_as_its_map():
    fig = figure(u, SQUARE, exact=lambda x: u(x) + x[0], **SMALL)
    fig.draw_without_rendering()
    for ax in panels(fig):
        ax.apply_aspect()
        scale = ax.images[0].colorbar.ax.get_window_extent()
        assert scale.height == pytest.approx(ax.get_window_extent().height, abs=2)


def test_large_pictures_are_evaluated_in_blocks():
    """More points than one block: the last is filled up, and nothing is lost."""
    (ax,) = panels(figure(lambda x: x[0] + 10 * x[1], SQUARE, resolution=230))
    x, y = np.linspace(0, 2, 230), np.linspace(0, 1, 115)
    np.testing.assert_allclose(image(ax), x + 10 * y[:, None], rtol=1e-12, atol=1e-12)


def test_streamlines_follow_the_vector_field():
    turning = lambda x: jnp.stack([-x[1], x[0]])
    fig = streamlines(turning, HOLE - pinn.Disk([1.0, 0.5], 0.1), resolution=41)
    (ax, *_) = panels(fig)
    (lines,) = (c for c in ax.collections if hasattr(c, "get_segments"))
    for line in lines.get_segments():
        middle, along = (line[1:] + line[:-1]) / 2, np.diff(line, axis=0)
        cosine = np.sum(along * middle, axis=1)  # the field turns about the origin
        size = np.linalg.norm(along, axis=1) * np.linalg.norm(middle, axis=1)
        assert np.all(np.abs(cosine) <= 0.05 * size)
    size = np.nanmax(ax.images[0].get_array())
    assert size == pytest.approx(np.hypot(1.25, 0.5), rel=0.05)


def test_slices_go_through_the_point():
    cube = pinn.Box([0.0, 0.0, 0.0], [1.0, 1.0, 4.0])
    fig = slices(lambda x: x[2], cube, through=[0.5, 0.5, 1.0], resolution=11)
    first, second, third = panels(fig)
    np.testing.assert_allclose(image(first), 1.0)
    assert image(second).max() == image(third).max() == 4.0
    assert "x_2 = 1" in first.get_title()


def test_points_are_drawn_by_term():
    inside = SQUARE.sample(50, key=jax.random.key(0))
    ax = points({"equation": inside, "initial": (np.zeros(9), np.ones((9, 1)))}).axes[0]
    np.testing.assert_array_equal(ax.lines[0].get_data(), np.asarray(inside).T)
    assert [len(line.get_xdata()) for line in ax.lines] == [50, 9]


def test_convergence_and_spectrum():
    sizes = np.array([10.0, 20.0, 40.0])
    ax = convergence(sizes, {"u": sizes**-2}, orders=[2]).axes[0]
    np.testing.assert_allclose(ax.lines[1].get_ydata(), sizes**-2)
    ax = spectrum({"modes": [1.0, -3.0, 2.0]}).axes[0]
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [3.0, 2.0, 1.0])
    with refused("one for each of `sizes`"):
        convergence(sizes, {"u": [1.0]})


@pytest.mark.parametrize(("ending", "domain"), [("gif", ROD), ("gif", SQUARE - HOLE)])
def test_a_film_has_a_frame_for_each_time(tmp_path, ending, domain):
    from PIL import Image

    path = tmp_path / f"film.{ending}"
    times = [0.0, 0.5, 1.0, 2.0]
    animation(u_t, domain, path, time=(0.0, 2.0), times=times, **SMALL)
    with Image.open(path) as film:
        assert film.n_frames == 4
        frames = []
        for i in range(4):
            film.seek(i)
            frames.append(np.asarray(film.convert("RGB")))
    assert all((a != b).any() for a, b in itertools.pairwise(frames))


def test_a_film_of_mp4_is_read_back(tmp_path):
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    path = tmp_path / "film.mp4"
    times = np.linspace(0, 2, 6)
    animation(u_t, SQUARE, path, time=(0.0, 2.0), times=times, **SMALL)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path), "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, text=True).stderr
    assert "frame=    6" in said


def test_films_are_refused_before_anything_is_computed(tmp_path, monkeypatch):
    with refused("`path` takes a file ending in .gif or .mp4"):
        animation(never, ROD, tmp_path / "film.avi", time=(0.0, 1.0))
    with refused("this one has none"):
        animation(never, ROD, tmp_path / "film.gif", time=None)
    with refused("`times` takes times from 0 to 1"):
        animation(never, ROD, tmp_path / "film.gif", time=(0.0, 1.0), times=[2.0])
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ImportError, match=r"pip install 'pinn\[video\]'"):
        animation(never, ROD, tmp_path / "film.mp4", time=(0.0, 1.0))


@pytest.mark.parametrize("times", [[1.0, 0.5], [3.0], []])
def test_times_that_do_not_fit_are_refused(times):
    with refused("`times` takes"):
        figure(never, SQUARE, time=(0.0, 2.0), times=times)
    with refused("`times` needs a field with a time"):
        figure(never, SQUARE, times=[1.0])


@pytest.mark.parametrize(("at", "moment"), [(None, 2.0), (0.5, 0.5)])
def test_of_many_dimensions_in_time_one_moment(at, moment):
    fig = figure(u_t, SQUARE, time=(0.0, 2.0), at=at, **SMALL)
    assert f"t = {moment:g}" in fig.get_suptitle()
    assert image(panels(fig)[0]).max() == pytest.approx(moment, rel=1e-2)


def test_of_three_dimensions_a_slice_through_the_centre():
    cube = pinn.Box([0.0, 0.0, 0.0], [1.0, 1.0, 4.0])
    fig = figure(lambda x: x[2], cube, title="cube", **SMALL)
    np.testing.assert_allclose(image(panels(fig)[0]), 2.0)
    assert "slice" in fig.get_suptitle()
    assert "cube" in fig.get_suptitle()


@pytest.mark.parametrize("component", [0, 1])
def test_a_component_of_a_vector_field(component):
    v = lambda x: jnp.stack([x[0], 5 * x[1]])
    fig = figure(v, SQUARE, component=component, exact=v, residual=v, **SMALL)
    assert image(panels(fig)[0]).max() == pytest.approx([2.0, 5.0][component])


def test_an_error_of_zero_and_a_constant_field_can_be_drawn(tmp_path):
    flat = lambda x: 0.0 * x[0]
    for domain in (ROD, SQUARE):
        path = tmp_path / f"{domain.dim}.png"
        figure(flat, domain, path, exact=flat, residual=flat, **SMALL)
        assert path.stat().st_size > 1000


@pytest.mark.slow
def test_a_solution_draws_itself(tmp_path):
    solution = solution_of("poisson_1d")
    path = tmp_path / "solution.png"
    fig = solution.plot(path, **SMALL)
    assert len(panels(fig)) == 3
    assert path.exists()
    assert "poisson-1d" in fig.get_suptitle()
    solution.plot(path, **SMALL)  # replaces it
    assert len(panels(solution_of("wave").plot(**SMALL))) == 4
    (disk, *_) = panels(solution_of("disk").plot(**SMALL))
    assert np.ma.count_masked(image(disk)) > 0


def test_the_history_is_drawn(tmp_path):
    path = tmp_path / "history.svg"
    fig = history(solution_of("poisson_1d").history, path)
    assert len(fig.axes[0].lines) == 2
    assert path.exists()
    with refused("`path`"):
        history(solution_of("poisson_1d").history, tmp_path / "history.txt")


def never(x):
    raise AssertionError("computed before the path was looked at")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("picture.bmp", r"`path` takes a file ending in \.png, \.pdf, \.svg"),
        ("picture", "`path` takes a file ending in"),
        ("missing/picture.png", "`path`: the folder .* does not exist; make it"),
    ],
)
def test_a_wrong_path_is_refused_before_anything_is_computed(tmp_path, name, message):
    with refused(message):
        figure(never, SQUARE, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "folder.png").mkdir()
    with refused("`path`"):
        figure(never, SQUARE, tmp_path / "folder.png")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_without_permission_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with refused("`path`: the folder .* cannot be written"):
        figure(never, SQUARE, tmp_path / "picture.png")


def test_pictures_open_no_window_and_change_no_setting():
    import matplotlib

    before = dict(matplotlib.rcParams)
    figure(u, SQUARE, **SMALL)
    assert dict(matplotlib.rcParams) == before
    assert plot.FORMATS == (".png", ".pdf", ".svg")


@pytest.mark.slow
@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem_can_be_drawn(name, tmp_path):
    problem = problem_of(name)
    path = tmp_path / "p.png"
    fig = figure(
        problem.exact,
        problem.domain,
        path,
        time=problem.time,
        exact=problem.exact,
        residual=lambda *point: problem.residual(problem.exact, *point),
        **SMALL,
    )
    lines = problem.time is not None and problem.domain.dim == 1
    assert len(panels(fig)) == 3 + lines
