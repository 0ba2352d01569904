"""Shapes: points of uniform density, normals that point out, measures that agree."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import refused
from numpy.testing import assert_allclose
from scipy.stats import chi2_contingency, chisquare, kstest

import pinn
from pinn._domain import (
    Ball,
    Box,
    Disk,
    Interval,
    draw,
    kronecker,
    part_of,
)

SQUARE = ([0.0, 0.0], [1.0, 1.0])


def holes():
    """A square with four round holes, one of them of another size."""
    centres = [(0.3, 0.3), (0.7, 0.3), (0.3, 0.7), (0.7, 0.7)]
    domain = Box(*SQUARE)
    for centre, radius in zip(centres, (0.1, 0.15, 0.1, 0.1), strict=True):
        domain = domain - Disk(centre, radius)
    return domain


SHAPES = {
    "interval": lambda: Interval(-1.0, 2.5),
    "box": lambda: Box([0.0, 1.0, -2.0], [1.0, 3.0, 1.0]),
    "disk": lambda: Disk([0.5, -0.5], 1.5),
    "ball": lambda: Ball([0.0, 1.0, 2.0], 0.5),
    "square with holes": holes,
    "ball in a box": lambda: Box([-1.0] * 3, [1.0] * 3) - Ball([0.0] * 3, 0.8),
    "bitten disk": lambda: Disk([0.0, 0.0], 1.0) - Box([0.0, -0.5], [2.0, 0.5]),
    "L": lambda: Box([0.0, 0.0], [2.0, 2.0]) - Box([1.0, 1.0], [2.0, 2.0]),
    "lens": lambda: Disk([0.0, 0.0], 1.0) & Disk([1.0, 0.0], 1.0),
    "union": lambda: Box([0.0, 0.0], [1.0, 1.0]) | Disk([1.0, 0.5], 0.5),
    "overlapping": lambda: Box([0.0, 0.0], [1.0, 1.0]) | Box([0.0, 0.0], [2.0, 1.0]),
    "nested": lambda: (
        (Disk([0.0, 0.0], 1.0) | Box([0.0, -0.5], [2.0, 0.5]))
        - (Box([1.0, -1.0], [1.5, 1.0]) - Disk([1.0, 0.0], 0.3))
    ),
    "intervals": lambda: (
        (Interval(0.0, 1.0) | Interval(2.0, 3.0) | Interval(0.5, 1.5))
        - Interval(0.1, 0.2)
    ),
}

# Area and volume by hand; the lens has the angle 2π/3 in each of its two circles.
BOUNDARY_AND_MEASURE = {
    "interval": (2, 3.5),
    "box": (2 * (2 + 3 + 6), 6),
    "disk": (3 * np.pi, 2.25 * np.pi),
    "ball": (np.pi, np.pi / 6),
    "square with holes": (4 + 0.9 * np.pi, 1 - np.pi * (0.03 + 0.15**2)),
    "ball in a box": (24 + 4 * np.pi * 0.64, 8 - 4 / 3 * np.pi * 0.8**3),
    "L": (8, 3),
    "lens": (4 * np.pi / 3, 2 * np.pi / 3 - np.sqrt(3) / 2),
    "union": (3 + np.pi / 2, 1 + np.pi / 8),
    "overlapping": (6, 2),
    "intervals": (6, 2.4),
}
EXACT = ["interval", "box", "disk", "ball"]
EXACT += ["square with holes", "ball in a box"]

every_shape = pytest.mark.parametrize("name", SHAPES)


@functools.cache
def shape(name):
    return SHAPES[name]()


@functools.cache
def boundary(name):
    return shape(name).boundary


# One way to draw, so that each shape is compiled once.
HOW = {"n": 10_000, "key": jr.key(0), "sequence": kronecker}


@functools.cache
def surface(name):
    """Points of the boundary, and normals, on the host."""
    x, n = boundary(name).sample_with_normals(**HOW)
    return np.asarray(x), np.asarray(n)


@eqx.filter_jit
def signed_distances(domain, points):
    return jax.vmap(domain.signed_distance)(points)


@eqx.filter_jit
def distances(part, points):
    return jax.vmap(part.distance)(points)


def signed_distance(domain, points):
    """Of any number of points, with one compilation a shape."""
    points = np.asarray(points)
    some = -len(points) % 20_000
    filled = np.concatenate([points, np.zeros((some, domain.dim))])
    batches = filled.reshape(-1, 20_000, domain.dim)
    found = [signed_distances(domain, jnp.asarray(batch)) for batch in batches]
    return np.concatenate(found)[: len(points)]


def contains(domain, points):
    return signed_distance(domain, points) <= 0


def p_value_of_one_density(points, reference, bounds):
    """Chi-square test of homogeneity of two samples, in the cells of a grid."""
    lower, upper = (np.asarray(x) for x in bounds)
    per_axis = {1: 24, 2: 6, 3: 3}.get(len(lower), 2)

    def counts(x):
        cell = np.floor((np.asarray(x) - lower) / (upper - lower) * per_axis)
        cell = np.clip(cell, 0, per_axis - 1).astype(int)
        flat = np.ravel_multi_index(tuple(cell.T), (per_axis,) * len(lower))
        return np.bincount(flat, minlength=per_axis ** len(lower))

    ours, theirs = counts(points), counts(reference)
    enough = theirs >= 100
    assert np.sum(enough) >= 3
    assert np.sum(ours[enough]) > 0.95 * len(points)
    return chi2_contingency([ours[enough], theirs[enough]]).pvalue


@every_shape
def test_points_are_uniform_in_the_domain(name):
    domain = shape(name)
    points = np.asarray(domain.sample(**HOW))
    assert points.shape == (10_000, domain.dim)
    assert np.all(contains(domain, points))

    lower, upper = (np.asarray(x) for x in domain.bounds)
    assert np.all((points >= lower) & (points <= upper))
    cube = np.random.default_rng(0).uniform(size=(60_000, domain.dim))
    candidates = lower + cube * (upper - lower)
    inside = candidates[contains(domain, candidates)]
    assert p_value_of_one_density(points, inside, domain.bounds) > 1e-4


@every_shape
def test_points_are_uniform_on_the_boundary(name):
    domain = shape(name)
    points, _ = surface(name)
    assert points.shape == (10_000, domain.dim)
    if domain.dim == 1:
        ends, count = np.unique(points, return_counts=True)
        assert len(ends) == boundary(name).measure
        assert chisquare(count).pvalue > 1e-4
        return

    # Another draw: every whole piece with the same number per area, then the rules of
    # a boundary by hand.
    densest = max(piece.measure for piece in domain.pieces)
    reference = []
    for i, piece in enumerate(domain.pieces):
        x, n = piece.sample_with_normals(20_000, key=jr.key(i))
        earlier = [distances(other, x) for other in domain.pieces[:i]]
        x, n = np.asarray(x), np.asarray(n)
        on = contains(domain, x + 1e-5 * n) ^ contains(domain, x - 1e-5 * n)
        on &= np.all([np.asarray(d) > 1e-9 for d in earlier], axis=0)
        same_density = np.arange(20_000) < 20_000 * piece.measure / densest
        reference.append(x[on & same_density])
    reference = np.concatenate(reference)
    assert p_value_of_one_density(points, reference, domain.bounds) > 1e-4


@pytest.mark.parametrize("name", ["bitten disk"])
def test_random_points_are_as_uniform_as_quasi_random_ones(name, getkey):
    domain, part = shape(name), boundary(name)
    points, reference = domain.sample(4000, key=getkey()), domain.sample(**HOW)
    assert p_value_of_one_density(points, reference, domain.bounds) > 1e-4
    points, reference = part.sample(4000, key=getkey()), surface(name)[0]
    assert p_value_of_one_density(points, reference, domain.bounds) > 1e-4


@pytest.mark.parametrize("dim", [2, 3, 4, 6])
def test_ball_is_isotropic_and_filled(dim, getkey):
    # (r / R)^dim is uniform; the first coordinate of a direction is so that
    # (1 + s) / 2 has the Beta distribution of both parameters (dim - 1) / 2.
    ball = Ball(jnp.zeros(dim), 3.0)
    x = np.asarray(ball.sample(4000, key=getkey()))
    r = np.linalg.norm(x, axis=1)
    assert kstest((r / 3) ** dim, "uniform").pvalue > 1e-4
    half = (dim - 1) / 2
    for axis in range(dim):
        assert kstest((1 + x[:, axis] / r) / 2, "beta", (half, half)).pvalue > 1e-4


@every_shape
def test_normals_are_unit_and_point_out(name):
    domain = shape(name)
    x, n = surface(name)
    assert_allclose(np.linalg.norm(n, axis=1), 1.0, rtol=1e-12)
    step = 1e-5 * float(np.max(domain.bounds[1] - domain.bounds[0])) * n
    assert not np.any(contains(domain, x + step))
    assert np.all(contains(domain, x - step))


@every_shape
def test_normals_are_gradients_of_the_signed_distance(name):
    # By central differences, which cross an edge for a few points only.
    domain = shape(name)
    x, n = (a[:1000] for a in surface(name))
    assert_allclose(signed_distance(domain, x), 0.0, atol=1e-12)
    slopes = [
        (signed_distance(domain, x + e) - signed_distance(domain, x - e)) / 2e-6
        for e in 1e-6 * np.eye(domain.dim)
    ]
    error = np.linalg.norm(np.stack(slopes, axis=1) - n, axis=1)
    assert np.quantile(error, 0.98) < 1e-5


@every_shape
def test_signed_distance_bounds_the_distance_to_the_boundary(name):
    domain = shape(name)
    lower, upper = (np.asarray(x) for x in domain.bounds)
    cube = np.random.default_rng(0).uniform(-0.5, 1.5, size=(50, domain.dim))
    x = lower + cube * (upper - lower)
    on, _ = surface(name)
    nearest = np.min(np.linalg.norm(x[:, None] - on, axis=2), axis=1)
    assert np.all(np.abs(signed_distance(domain, x)) <= nearest * (1 + 1e-9))
    whole = distances(boundary(name), jnp.asarray(x))
    assert np.all(np.asarray(whole) <= nearest * (1 + 1e-9))
    if name in ("interval", "disk", "ball"):
        assert_allclose(np.abs(signed_distance(domain, x)), nearest, atol=0.06)
        assert_allclose(whole, nearest, atol=0.06)


@every_shape
def test_divergence_theorem(name):
    r"""∫ x·n over the boundary is dim times the volume, and ∫ n is zero."""
    domain, part = shape(name), boundary(name)
    x, n = surface(name)
    middle = np.asarray(domain.bounds[0] + domain.bounds[1]) / 2
    flux = part.measure * np.mean(np.sum((x - middle) * n, axis=1))
    assert_allclose(flux, domain.dim * domain.measure, rtol=3e-3)
    assert_allclose(np.mean(n, axis=0), 0.0, atol=2e-3)


@pytest.mark.parametrize("name", BOUNDARY_AND_MEASURE)
def test_measures_are_those_of_geometry(name):
    area, volume = BOUNDARY_AND_MEASURE[name]
    rtol = 1e-12 if name in EXACT else 2e-3
    assert_allclose(shape(name).measure, volume, rtol=rtol)
    assert_allclose(boundary(name).measure, area, rtol=rtol)


def test_hole_keeps_its_exact_measure_and_takes_no_rejection():
    domain, hole = holes(), Disk([0.3, 0.3], 0.1)
    part = part_of(hole.boundary, domain)
    assert_allclose(part.measure, 0.2 * np.pi, rtol=1e-12)
    for p in (part, domain.boundary):
        cube = jnp.full((3, p.cube_dim), 0.4)
        assert p.place(cube)[-1] is None


def test_measure_of_unprovable_holes_is_estimated():
    # Two holes that overlap: their union has the area of a lens less.
    square, r = Box(*SQUARE), 0.2
    domain = square - Disk([0.4, 0.5], r) - Disk([0.4 + r, 0.5], r)
    lens = r**2 * (2 * np.pi / 3 - np.sqrt(3) / 2)
    assert_allclose(domain.measure, 1 - 2 * np.pi * r**2 + lens, rtol=1e-3)


def test_normals_of_a_hole_point_into_the_hole(getkey):
    square, hole = Box(*SQUARE), Disk([0.4, 0.5], 0.2)
    part = part_of(hole.boundary, square - hole)
    x, n = part.sample_with_normals(50, key=getkey())
    assert_allclose(n, -(x - hole.centre[None]) / 0.2, atol=1e-12)
    # A hole that is cut by the edge keeps only its arc inside.
    cut = Disk([0.0, 0.5], 0.2)
    part = part_of(cut.boundary, square - cut)
    x, n = part.sample_with_normals(50, key=getkey())
    assert np.all(x[:, 0] > 0)
    assert_allclose(n, -(x - cut.centre[None]) / 0.2, atol=1e-12)
    assert_allclose(part.measure, 0.2 * np.pi, rtol=1e-3)


def test_part_of_a_face_that_a_hole_cuts(getkey):
    square, cut = Box(*SQUARE), Disk([0.0, 0.5], 0.25)
    part = part_of(square.faces["left"], square - cut)
    x, n = part.sample_with_normals(200, key=getkey())
    assert np.all(jnp.abs(x[:, 1] - 0.5) >= 0.25)
    assert_allclose(n, np.tile([-1.0, 0.0], (200, 1)))
    assert_allclose(part.measure, 0.5, rtol=1e-3)


def test_part_of_does_not_change_under_repetition():
    part, whole = boundary("bitten disk"), shape("bitten disk")
    assert eqx.tree_equal(part_of(part, whole), part)


@pytest.mark.slow
def test_proof_agrees_with_sampling(getkey):
    # Under `jit` nothing is proven, and every point is tested.
    domain = holes()

    @jax.jit
    def tested(domain, key):
        return domain.boundary.sample_with_normals(2000, key=key, sequence=kronecker)

    x, n = tested(domain, getkey())
    proven = part_of(domain.boundary, domain)
    key = getkey()
    y, m = proven.sample_with_normals(2000, key=key, sequence=kronecker)
    assert_allclose(jnp.mean(x, 0), jnp.mean(y, 0), atol=5e-3)
    assert_allclose(jnp.mean(x[:, 0] * n[:, 0]), jnp.mean(y[:, 0] * m[:, 0]), atol=5e-3)


def test_union_of_parts_counts_coinciding_pieces_once(getkey):
    square = Box(*SQUARE)
    left, right = square.faces["left"], square.faces["right"]
    assert_allclose((left | right).measure, 2, rtol=1e-3)
    both = part_of(left | right | left, square)
    assert_allclose(both.measure, 2, rtol=1e-3)
    x = both.sample(1000, key=getkey())
    assert abs(float(jnp.mean(x[:, 0])) - 0.5) < 0.1
    whole = part_of(square.boundary | left, square)
    assert_allclose(whole.measure, 4, rtol=1e-3)


def test_covers():
    square = Box(*SQUARE)
    part = part_of(square.faces["left"], square - Disk([0.0, 0.5], 0.25))
    tol = jnp.asarray(1e-9)
    assert part.covers(jnp.array([0.0, 0.1]), tol)
    assert not part.covers(jnp.array([0.0, 0.5]), tol)
    assert not part.covers(jnp.array([0.1, 0.1]), tol)


def test_exactly_n_points_under_jit_and_vmap(getkey):
    domain = shape("bitten disk")

    @jax.jit
    def sample(domain, key):
        return domain.sample(101, key=key), domain.boundary.sample(101, key=key)

    points, on = jax.vmap(sample, (None, 0))(domain, jr.split(getkey(), 3))
    assert points.shape == on.shape == (3, 101, 2)
    assert np.all(contains(domain, points.reshape(-1, 2)))
    assert_allclose(signed_distance(domain, on.reshape(-1, 2)), 0.0, atol=1e-12)
    assert len(np.unique(points[:, 0, 0])) == 3

    key = getkey()
    alone = domain.sample(101, key=key)
    assert_allclose(sample(domain, key)[0], alone, rtol=1e-12)


def test_shapes_are_pytrees(getkey):
    # A family of shapes is a shape with batched leaves.
    radii = jnp.array([0.5, 1.0, 2.0])
    disks = eqx.filter_vmap(lambda r: Disk([0.0, 0.0], r))(radii)
    points = eqx.filter_vmap(lambda d: d.sample(10, key=jr.key(0)))(disks)
    assert_allclose(points[2], 4 * points[0], rtol=1e-12)
    moved = eqx.tree_at(
        lambda d: d.a.radius,
        (Disk([0.0, 0.0], 1.0) - Disk([0.2, 0.0], 0.5)),
        jnp.asarray(2.0),
    )
    assert_allclose(moved.measure, np.pi * (4 - 0.25), rtol=1e-12)


def test_gradient_with_respect_to_a_radius(getkey):
    # Accepted candidates move with the disc: d/dr of r times a fixed point.
    key = getkey()

    def first(r):
        domain = Disk([0.0, 0.0], r) - Box([0.0, 0.0], [1e-3, 1e-3])
        return jnp.sum(domain.sample(64, key=key))

    assert_allclose(jax.grad(first)(2.0), first(2.0) / 2.0, rtol=1e-12)

    def distance(r):
        return Disk([0.0, 0.0], r).signed_distance(jnp.array([0.0, 0.0]))

    assert jax.grad(distance)(2.0) == -1.0


@every_shape
def test_a_change_of_unit_and_origin_changes_nothing_else(name):
    domain = shape(name)

    def moved(length):
        def leaf(path, x):
            shift = 0.0 if path[-1].name == "radius" else 100.0 * length
            return x * length + shift

        return jax.tree_util.tree_map_with_path(leaf, domain)

    def points(domain, boundary):
        return domain.sample(**HOW), *boundary.sample_with_normals(**HOW)

    x, on, n = points(domain, boundary(name))
    for length in (1e-3, 1e3):
        other = moved(length)
        y, on_other, m = points(other, other.boundary)
        assert_allclose(y / length - 100, x, atol=1e-9)
        assert_allclose(on_other / length - 100, on, atol=1e-9)
        assert_allclose(m, n, atol=1e-9)
        assert_allclose(other.measure, domain.measure * length**domain.dim, rtol=1e-9)


def test_faces_have_names_and_numbers():
    box = Box([0.0, 1.0, 2.0, 3.0], [1.0, 2.0, 4.0, 9.0])
    names = ["left", "right", "bottom", "top", "back", "front"]
    assert list(box.faces) == names
    assert list(Interval(0.0, 1.0).faces) == names[:2]
    cube = jr.uniform(jr.key(0), (7, 3))
    total = 0.0
    for axis in range(4):
        for side, sign, level in (("lower", -1, box.lower), ("upper", 1, box.upper)):
            face = box.face(axis, side)
            x, n, keep = face.place(cube)
            assert keep is None
            assert np.all(x[:, axis] == level[axis])
            assert_allclose(n, np.tile(sign * np.eye(4)[axis], (7, 1)))
            total += face.measure
            if axis < 3:
                same = box.faces[names[2 * axis + (sign > 0)]]
                assert eqx.tree_equal(same, face)
    assert_allclose(total, box.boundary.measure)


def test_ends_of_an_interval(getkey):
    rod = Interval(2.0, 3.0)
    x, n = rod.boundary.sample_with_normals(2, key=getkey(), sequence=kronecker)
    assert sorted(zip(x[:, 0].tolist(), n[:, 0].tolist(), strict=True)) == [
        (2.0, -1.0),
        (3.0, 1.0),
    ]
    assert rod.boundary.measure == 2
    assert rod.faces["left"].measure == 1
    assert_allclose(rod.faces["right"].sample(3, key=getkey()), np.full((3, 1), 3.0))


def test_many_dimensions(getkey):
    box = Box(jnp.zeros(50), jnp.ones(50))
    x, n = box.boundary.sample_with_normals(200, key=getkey())
    assert_allclose(jnp.sum(jnp.abs(n), axis=1), 1.0)
    assert np.all(jax.vmap(box.boundary.distance)(x) == 0)
    ball = Ball(jnp.zeros(50), 1.0)
    assert np.all(contains(ball, ball.sample(200, key=getkey())))


def test_joint_draw_of_time_and_space(getkey):
    domain = shape("bitten disk")

    def place(cube):
        x, keep = domain.place(cube[:, 1:])
        return {"t": 2 + 3 * cube[:, 0], "x": x}, keep

    points = draw(place, 1 + domain.cube_dim, 500, key=getkey())
    assert points["t"].shape == (500,)
    assert kstest((np.asarray(points["t"]) - 2) / 3, "uniform").pvalue > 1e-4
    assert np.all(contains(domain, points["x"]))


def test_drawing_from_nothing_ends(getkey):
    def place(cube):
        return cube, jnp.zeros(cube.shape[0], bool)

    with pytest.raises(RuntimeError, match="is empty"):
        jax.block_until_ready(draw(place, 2, 10, key=getkey()))


def test_small_part_is_found(getkey):
    domain = Box(*SQUARE) & Box([0.5, 0.5], [9.5, 0.504])
    x = domain.sample(50, key=getkey())
    assert np.all((x[:, 1] <= 0.504) & (x[:, 1] >= 0.5) & (x[:, 0] >= 0.5))


def square():
    return Box(*SQUARE)


def right_half():
    return square() - Box([-1.0, -1.0], [0.5, 2.0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Interval(1.0, 0.0), r"takes finite numbers a < b; got a=1.0, b=0.0"),
        (lambda: Interval(0.0, np.inf), "finite"),
        (lambda: Box([0.0, 0.0], [1.0]), r"equal shape .* \(2,\) and \(1,\)"),
        (lambda: Box([0.0, 0.0], [1.0, 0.0]), "lower < upper"),
        (lambda: Box([0.0, np.nan], [1.0, 1.0]), "finite"),
        (lambda: Disk([0.0, 0.0], -1.0), "`radius` of a `Disk` .*positive.* got -1"),
        (lambda: Disk([0.0, 0.0, 0.0], 1.0), "use `Ball`"),
        (lambda: Ball([0.0], 1.0), "use `Interval`"),
        (lambda: Ball([0.0, np.inf], 1.0), "`centre` of a `Ball` takes finite"),
        (lambda: square() - Box([-1.0, -1.0], [2.0, 2.0]), "empty"),
        (lambda: square() - square(), "empty"),
        (lambda: square() & Disk([5.0, 5.0], 1.0), "empty"),
        (lambda: square() - Interval(0.0, 1.0), "equal dimension; got 2 and 1"),
        (lambda: square().faces["lefft"], "left, right, bottom, top.*mean 'left'"),
        (lambda: square().faces["front"], "left, right, bottom, top; got 'front'"),
        (lambda: square().face(2, "lower"), "from 0 to 1; got 2"),
        (lambda: square().sample(0, key=jr.key(0)), "`n` takes"),
        (lambda: square().contains(jnp.zeros(3)), r"one point of shape \(2,\)"),
        (
            lambda: part_of(Disk([0.5, 0.5], 0.1).boundary, square()),
            "empty part",
        ),
        (
            lambda: part_of(square().faces["left"], right_half()),
            "empty part",
        ),
        (
            lambda: part_of(Interval(0.0, 1.0).boundary, square()),
            "dimensions 1 and 2",
        ),
    ],
)  # fmt: skip
def test_errors_name_the_argument(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_domain_reads_like_its_code():
    domain = Box([0, 0], [1, 1]) - (Disk([0, 0], 0.5) | Disk([1, 1], 0.5))
    assert repr(domain) == (
        "Box([0., 0.], [1., 1.]) - (Disk([0., 0.], 0.5) | Disk([1., 1.], 0.5))"
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda a, b, c: a - b - c,
        lambda a, b, c: a - (b - c),
        lambda a, b, c: (a | b) - c,
        lambda a, b, c: a | (b - c),
        lambda a, b, c: (a & b) - c,
    ],
)
def test_the_description_of_a_combination_reads_back_as_the_same_domain(make):
    a, b, c = (
        Disk([0.0, 0.0], 1.0),
        Box([-0.5, -0.5], [1.5, 1.5]),
        Disk([0.5, 0.0], 0.2),
    )
    domain = make(a, b, c)
    names = {"Disk": lambda p, r: Disk([*p], r), "Box": lambda p, q: Box([*p], [*q])}
    assert eqx.tree_equal(eval(domain.describe(), names), domain)


REGIONS = {
    "interval": pinn.Interval(0.0, 2.0),
    "box": pinn.Box([0.0, 0.0], [2.0, 1.0]),
    "ball": pinn.Ball([0.0, 0.0, 0.0], 1.0),
    "difference": pinn.Box([0.0, 0.0], [2.0, 1.0]) - pinn.Disk([1.0, 0.5], 0.25),
}


@pytest.mark.parametrize("region", REGIONS.values(), ids=REGIONS)
def test_a_measure_is_a_number_of_the_host_while_something_else_is_traced(region):
    """Of a region that is known; one that is traced has none, and says so."""
    boundary = region.boundary
    inside = jax.jit(lambda x: x * region.measure * boundary.measure)(1.0)
    assert_allclose(inside, region.measure * boundary.measure, rtol=1e-15)
    for of in (lambda r: r.measure, lambda r: r.boundary.measure):
        with refused("`measure` is a number on the host.*`extent`"):
            jax.jit(of)(region)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pinn.Interval("0", 1.0), "`a` of an `Interval` takes real numbers"),
        (lambda: pinn.Box([0.0], ["1"]), "`upper` of a `Box` takes real numbers"),
        (lambda: pinn.Disk([0.0, 0.0], "1"), "`radius` of a `Disk` takes real numbers"),
        (lambda: pinn.Interval(0.0, 1.0) - 1.0, "`a - b` takes two domains.*got 1.0"),
    ],
)
def test_what_is_no_number_or_no_domain_is_named(make, message):
    with refused(message):
        make()
