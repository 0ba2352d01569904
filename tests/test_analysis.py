"""The laboratory, on cases whose answers are known."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import problem_of, refused

import pinn
from pinn import analysis
from pinn.analysis import _ensemble, _hessian, _ranking
from pinn.analysis._landscape import filter_normalised
from pinn.analysis._rows import rows_of

KEY = jr.key(0)
ROD = pinn.Interval(0.0, 1.0)
WAVE = lambda x: jnp.cos(3 * jnp.pi * x[0])


def fitting(exact=WAVE):
    """The equation of order zero: u = f, without conditions."""
    return pinn.Problem(ROD, lambda u, x: u(x) - exact(x), [], exact=exact, name="fit")


FIT = fitting()


def network(activation=jnp.tanh, in_size=1, width=4, depth=2, key=KEY):
    return pinn.MLP(in_size, "scalar", width, depth, activation, key=key)


class Bumps(eqx.Module):
    """A field that is linear in its parameters, each of which moves one point only."""

    height: jax.Array

    def __call__(self, x):
        places = self.places["equation"][:, 0]
        return jnp.sum(jnp.where(jnp.abs(x[0] - places) < 0.01, self.height, 0.0))

    @property
    def places(self):
        n = self.height.size
        return {"equation": (np.arange(n)[:, None] + 0.5) / n}


# --- the activation itself --------------------------------------------------------


def test_the_profile_of_a_sine_is_known():
    profile = analysis.activation_profile("sin", n=50, m=7)
    x = profile.x
    expected = np.stack([np.sin(x), np.cos(x), -np.sin(x), -np.cos(x)])
    np.testing.assert_allclose(profile.derivatives, expected, atol=1e-12)
    assert profile.kinks == ()
    a = profile.grid
    np.testing.assert_allclose(profile.surface, np.sin(a)[:, None] + np.sin(a))
    np.testing.assert_allclose(profile.steepness[2, 5], np.hypot(*np.cos(a[[2, 5]])))


def test_the_profile_of_a_kinked_function_of_ones_own_shows_the_kink():
    profile = analysis.activation_profile(lambda s: jnp.abs(s - 0.5), name="mine")
    assert profile.name == "mine"
    np.testing.assert_allclose(profile.kinks, [0.5], atol=1e-6)
    np.testing.assert_array_equal(np.abs(profile.derivatives[1]), 1.0)
    np.testing.assert_array_equal(profile.derivatives[2:], 0.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [row.name for row in pinn.activations.catalogue() if row.inputs == "entry"]
)
def test_every_entry_of_the_catalogue_has_a_profile(name, tmp_path):
    profile = analysis.activation_profile(name, n=41, m=9)
    value = jax.vmap(pinn.activations.get(name))(jnp.asarray(profile.x))
    np.testing.assert_allclose(profile.derivatives[0], value)
    profile.plot().savefig(tmp_path / "profile.png")


# --- layers -----------------------------------------------------------------------


def test_layers_of_any_network_are_found_in_its_trace(getkey):
    ours, x = network(in_size=2, key=getkey()), jr.normal(getkey(), (2,))

    def both(x):
        first = jnp.tanh(ours.hidden[0](ours.scaling(x)))
        return analysis.layer_outputs(ours, x), (first, ours.features(x))

    found, expected = jax.jit(both)(x)
    assert len(found) == 2
    np.testing.assert_allclose(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1])

    def of_equinox(key):
        net = pinn.Concatenated(eqx.nn.MLP(2, "scalar", 5, 3, jnp.sin, key=key))
        return analysis.layer_outputs(net, x)

    assert [a.shape for a in jax.eval_shape(of_equinox, getkey())] == [(5,)] * 3

    a, b = jr.normal(getkey(), (3, 2)), jr.normal(getkey(), (3,))
    (hidden,) = analysis.layer_outputs(jax.jit(lambda x: b @ jnp.exp(a @ x)), x)
    np.testing.assert_allclose(hidden, jnp.exp(a @ x))


def test_a_field_without_layers_says_so():
    with refused("`field` shows no hidden layer"):
        analysis.layer_outputs(lambda x: jnp.sin(x[0]), jnp.ones(1))


def test_statistics_are_those_of_the_layers_and_the_gradient_of_the_loss():
    u = network()
    points = {"equation": np.linspace(0, 1, 11)[:, None]}
    found = analysis.layer_statistics(FIT, u, key=KEY, points=points)
    features = jax.vmap(u.features)(jnp.asarray(points["equation"]))
    np.testing.assert_allclose(found.outputs[1], features, rtol=1e-12)
    np.testing.assert_allclose(found.output_spread[1], np.std(features), rtol=1e-12)

    def loss(u):  # the operator of u = f has the size 1
        return 0.5 * jnp.mean(
            jax.vmap(lambda x: (u(x) - WAVE(x)) ** 2)(jnp.asarray(points["equation"]))
        )

    gradient = eqx.filter_grad(loss)(u)
    np.testing.assert_allclose(
        found.gradients["hidden[1]"],
        np.concatenate([np.ravel(gradient.hidden[1].weight), gradient.hidden[1].bias]),
        rtol=1e-9,
    )
    assert set(found.gradients) == {"hidden[0]", "hidden[1]", "readout"}


def test_a_gradient_that_vanishes_shows_in_the_spread():
    """Saturated units pass nothing on: the layers before them stand still."""
    u = network()
    stuck = eqx.tree_at(lambda u: u.hidden[1].bias, u, u.hidden[1].bias + 10.0)
    spread = lambda u: analysis.layer_statistics(FIT, u, key=KEY).gradient_spread
    before, after = spread(u), spread(stuck)
    assert after["hidden[0]"] < 1e-6 * before["hidden[0]"]
    assert after["readout"] > 0.1 * before["readout"]


# --- dead units -------------------------------------------------------------------


def test_a_dead_unit_made_by_hand_is_found():
    """Units 1 and 2 never fire on [0, 1]; none of ReLU has a second derivative."""
    u = network(pinn.activations.relu, width=4, depth=1)
    weight = jnp.asarray([[1.0], [-1.0], [1.0], [0.5]])
    bias = jnp.asarray([0.0, 0.0, -100.0, 1.0])
    u = eqx.tree_at(lambda u: (u.hidden[0].weight, u.hidden[0].bias), u, (weight, bias))
    found = analysis.dead_units(FIT, u, key=KEY)
    np.testing.assert_array_equal(found.dead[0][0], [False, True, True, False])
    np.testing.assert_array_equal(found.dead[0][1], found.dead[0][0])
    np.testing.assert_array_equal(found.counts, [[2, 2, 4]])
    np.testing.assert_allclose(found.share, [0.5, 0.5, 1.0])
    np.testing.assert_allclose(found.size[0][1], [1.0, 0.0, 0.0, 0.5])


def test_smooth_units_live_and_nearly_flat_ones_die_by_the_tolerance():
    u = network(width=3, depth=1)
    u = eqx.tree_at(
        lambda u: u.hidden[0].weight, u, jnp.asarray([[1.0], [1.5], [1e-4]])
    )
    assert analysis.dead_units(FIT, u, key=KEY).counts.sum() == 0
    found = analysis.dead_units(FIT, u, key=KEY, tol=1e-6)
    np.testing.assert_array_equal(found.dead[0][2], [False, False, True])


def test_second_derivatives_are_looked_for_in_all_arguments():
    """tanh(t) is flat in space and bent in time."""
    u = network(in_size=2, width=2, depth=1)
    weight, bias = jnp.asarray([[1.0, 0.0], [0.0, 1.0]]), jnp.ones(2)
    u = eqx.tree_at(lambda u: (u.hidden[0].weight, u.hidden[0].bias), u, (weight, bias))
    found = analysis.dead_units(problem_of("heat"), u, key=KEY)
    assert found.counts.sum() == 0


def test_growth_counts_what_each_network_counts():
    names = (pinn.activations.relu, "tanh")
    sizes = {"widths": (3,), "depths": (1, 2)}
    found = analysis.dead_unit_growth(FIT, names, key=KEY, seeds=2, **sizes)
    assert found.activations == ("relu", "tanh")
    assert found.share.shape == (2, 2, 1, 3)
    np.testing.assert_array_equal(found.share[0, :, :, 2], 1.0)
    np.testing.assert_array_equal(found.share[1], 0.0)


# --- curvature --------------------------------------------------------------------


def test_lanczos_is_a_gauss_rule_of_the_spectrum():
    """Its moments are those of the matrix up to 2k - 1, and with k = p it is exact."""
    rng = np.random.default_rng(0)
    eigenvalues = np.array([-2.0, -0.5, 0.1, 0.3, 1.0, 4.0, 9.0])
    q, _ = np.linalg.qr(rng.normal(size=(7, 7)))
    matrix = jnp.asarray(q @ np.diag(eigenvalues) @ q.T)
    start = rng.normal(size=7)
    unit = start / np.linalg.norm(start)
    nodes, weights = _hessian.quadrature(
        *map(np.asarray, _hessian.lanczos(lambda v: matrix @ v, jnp.asarray(start), 3))
    )
    for j in range(6):
        moment = unit @ np.linalg.matrix_power(matrix, j) @ unit
        np.testing.assert_allclose(weights @ nodes**j, moment, rtol=1e-10)
    exact, _ = _hessian.quadrature(
        *map(np.asarray, _hessian.lanczos(lambda v: matrix @ v, jnp.asarray(start), 7))
    )
    np.testing.assert_allclose(exact, eigenvalues, atol=1e-10)


def test_lanczos_ends_where_the_krylov_space_does():
    """Two eigenvalues, of which what comes after adds nothing to the density."""
    matrix = jnp.diag(jnp.asarray([3.0, 3.0, 3.0, 5.0, 5.0]))
    diagonal, beside = _hessian.lanczos(lambda v: matrix @ v, jnp.ones(5), 5)
    nodes, weights = _hessian.quadrature(np.asarray(diagonal), np.asarray(beside))
    kept = weights > 1e-12
    np.testing.assert_allclose(nodes[kept], [3.0, 5.0])
    np.testing.assert_allclose(weights[kept], [0.6, 0.4])


def test_the_hessian_of_a_quadratic_loss_is_known():
    """A diagonal one, whose trace and norm any vector of signs gives exactly."""
    u = Bumps(jnp.asarray([1.0, -2.0, 0.5, 3.0]))
    found = analysis.hessian_spectrum(
        FIT, u, key=KEY, points=u.places, probes=2, steps=4
    )
    # loss = sum (c_i - f_i)^2 / 8
    assert found.size == 4
    np.testing.assert_allclose([found.largest, found.smallest], 0.25)
    np.testing.assert_allclose(found.trace, 1.0)
    np.testing.assert_allclose(found.frobenius, 0.5)
    f = [float(WAVE(x)) for x in u.places["equation"]]
    gradient = (np.asarray(u.height) - f) / 4
    np.testing.assert_allclose(found.instability, 0.5 / (gradient @ gradient))
    assert found.negative_share == 0.0


def test_the_spectrum_of_a_network_agrees_with_the_dense_hessian():
    u, steps = network(width=3, depth=1), 10
    residuals, points = rows_of(FIT, u, 20, KEY)
    flat, unravel = jax.flatten_util.ravel_pytree(eqx.filter(u, eqx.is_inexact_array))
    static = eqx.filter(u, eqx.is_inexact_array, inverse=True)
    loss = lambda q: residuals.loss(eqx.combine(unravel(q), static), points)
    dense = np.linalg.eigvalsh(jax.jit(jax.hessian(loss))(flat))
    found = analysis.hessian_spectrum(FIT, u, key=KEY, points=20, probes=1, steps=steps)
    assert flat.size == steps  # the Krylov space is then the whole one
    np.testing.assert_allclose(np.sort(found.nodes[0]), dense, atol=1e-9)
    np.testing.assert_allclose(np.sum(found.weights), 1.0)
    at = np.linspace(dense[0] - 1, dense[-1] + 1, 4001)
    np.testing.assert_allclose(np.trapezoid(found.density(at, 0.05), at), 1, rtol=1e-6)


def test_the_tangent_kernel_of_a_linear_field_is_known():
    """Rows (c_i - f_i) / sqrt n: all eigenvalues are 1 / n."""
    u = Bumps(jnp.ones(5))
    found = analysis.tangent_kernel(FIT, u, key=KEY, points=u.places)
    np.testing.assert_allclose(found.eigenvalues["all"], 0.2)
    np.testing.assert_allclose(found.eigenvalues["equation"], 0.2)
    assert found.rows == {"all": 5, "equation": 5}
    np.testing.assert_allclose(found.condition["all"], 1.0)
    np.testing.assert_allclose(found.effective_rank["all"], 5.0)


def test_the_kernel_of_all_rows_has_the_traces_of_the_terms():
    problem = problem_of("poisson_1d")
    found = analysis.tangent_kernel(problem, network(width=3, depth=1), key=KEY)
    parts = [found.trace[term.name] for term in problem.terms]
    np.testing.assert_allclose(found.trace["all"], sum(parts), rtol=1e-10)
    assert 1 <= found.effective_rank["all"] <= len(found.eigenvalues["all"]) == 10


# --- the loss ---------------------------------------------------------------------


def test_the_landscape_of_a_quadratic_loss_is_a_parabola():
    u = Bumps(jnp.asarray([1.0, -2.0, 0.5, 3.0]))
    found = analysis.loss_landscape(FIT, u, key=KEY, points=u.places, n=5)
    residuals, points = rows_of(FIT, u, u.places, KEY)
    np.testing.assert_allclose(found.loss[2, 2], residuals.loss(u, points), rtol=1e-12)
    for axis in (0, 1):
        np.testing.assert_allclose(np.diff(found.loss, 3, axis=axis), 0, atol=1e-12)
    d = np.asarray(found.directions[0].height)
    second = found.loss[3, 2] - 2 * found.loss[2, 2] + found.loss[1, 2]
    np.testing.assert_allclose(second, 0.5**2 * (d @ d) / 4, rtol=1e-10)


def test_directions_are_as_long_as_the_weights_filter_by_filter():
    u = network(width=5)
    d = filter_normalised(u, key=KEY)
    lengths = lambda u: np.linalg.norm(u.hidden[1].weight, axis=1)
    np.testing.assert_allclose(lengths(d), lengths(u))
    np.testing.assert_allclose(
        np.linalg.norm(d.readout.weight), np.linalg.norm(u.readout.weight)
    )
    np.testing.assert_array_equal(d.readout.bias, 0.0)  # as it is in the network


# --- frequencies ------------------------------------------------------------------


def test_the_error_of_a_cosine_has_its_frequency():
    frequencies, error, exact = analysis.error_spectrum(
        FIT, lambda x: 0.5 * WAVE(x) + 0.1 * jnp.cos(5 * jnp.pi * x[0])
    )
    expected = np.zeros(len(frequencies))
    expected[[3, 5]] = 0.5, 0.1
    np.testing.assert_allclose(error, expected, atol=1e-12)
    np.testing.assert_allclose(exact, np.arange(len(exact)) == 3, atol=1e-12)


def test_the_parts_add_up_to_the_relative_error():
    problem, n = problem_of("poisson_2d"), 16
    u = network(in_size=2)
    _, error, exact = analysis.error_spectrum(problem, u, n=n)
    middle = (np.arange(n) + 0.5) / n  # of the unit square
    grid = np.stack(np.meshgrid(middle, middle, indexing="ij"), -1).reshape(-1, 2)
    grid = jnp.asarray(grid)
    values, truth = jax.vmap(u)(grid), jax.vmap(problem.exact)(grid)
    whole = pinn.metrics.relative_l2(values, truth)
    np.testing.assert_allclose(np.sqrt(np.sum(error**2)), whole, rtol=1e-12)
    np.testing.assert_allclose(np.sum(exact**2), 1.0)


def small(activation, steps=20):
    return analysis.small_adam(activation, steps=steps, width=4, depth=1, points=16)


def test_spectral_bias_records_what_the_networks_had():
    found = analysis.spectral_bias(
        FIT, "tanh", key=KEY, method=small, seeds=2, records=3, points=16
    )
    np.testing.assert_array_equal(found.steps, [0, 1, 4, 20])
    assert found.error.shape == (4, 2, len(found.frequencies))
    start = small(pinn.activations.tanh).default_field(FIT, (), key=jr.fold_in(KEY, 1))
    _, error, _ = analysis.error_spectrum(FIT, start)
    np.testing.assert_allclose(found.error[0, 1], error, atol=1e-12)


# --- the study --------------------------------------------------------------------


def test_networks_train_side_by_side_as_they_would_alone():
    method = small(pinn.activations.tanh)
    start = method.default_field(FIT, (), key=jr.fold_in(KEY, 0))
    residuals, points = rows_of(FIT, start, 16, KEY)
    one, two = (
        _ensemble.begin(method, residuals, points, (), seeds=n, key=KEY).advance(20)
        for n in (1, 2)
    )
    alone, beside = (_ensemble.member(e.fields, 0) for e in (one, two))
    np.testing.assert_allclose(
        alone.readout.weight, beside.readout.weight, rtol=1e-8, atol=1e-10
    )
    looks = list(analysis.training(FIT, start, method, key=KEY, points=16, every=8))
    assert [steps for steps, _ in looks] == [0, 8, 16, 20]
    by_itself = looks[-1][1]
    np.testing.assert_allclose(
        by_itself.readout.weight, alone.readout.weight, rtol=1e-8, atol=1e-10
    )
    other = _ensemble.member(two.fields, 1).readout.weight
    assert jnp.max(jnp.abs(other - beside.readout.weight)) > 1e-3


def mine(s):
    """An activation of one's own."""
    return jnp.sin(s) + 0.1 * s


@pytest.mark.slow
def test_a_study_compares_what_it_is_given():
    told = []
    found = analysis.study(
        {"mine": mine, "relu": pinn.activations.relu},
        [problem_of("poisson_1d")],
        key=KEY,
        seeds=2,
        method=small,
        callbacks=[told.append],
    )
    assert found.activations == ("mine", "relu")
    assert np.isfinite(found.error[0]).all()
    assert np.isnan(found.error[1]).all()
    assert "refused: vanishing-derivative" in found.remarks["relu", "poisson-1d"]
    assert (found.dead[0] == 0).all()
    assert [row["activation"] for row in told] == ["mine", "relu"]
    assert [rank.name for rank in found.ranking()] == ["mine", "relu"]
    assert "mean rank" in str(found)
    assert found.error[0, 0, 0] != found.error[0, 0, 1]


@pytest.mark.slow
def test_a_study_without_the_check_shows_what_a_wrong_activation_does():
    """Of ReLU nothing but the boundary is learnt, and every unit is dead."""
    found = analysis.study(
        ["relu", "tanh"],
        [problem_of("poisson_1d")],
        key=KEY,
        seeds=3,
        check=False,
        method=lambda activation: analysis.small_adam(activation, steps=1000),
    )
    assert (found.dead[0] == 1).all()
    assert (found.error[0] > 0.5).all()
    assert (found.error[1] < 0.1).all()
    assert "in spite of vanishing-derivative" in found.remarks["relu", "poisson-1d"]


def test_a_study_takes_any_method():
    """Least squares on 40 sines fit what 20 steps of Adam do not."""
    method = lambda act: pinn.LeastSquares(features=40, largest=40, activation=act)
    found = analysis.study(["sin"], {"rod": FIT}, key=KEY, seeds=1, method=method)
    assert found.problems == ("rod",)
    assert found.error[0, 0, 0] < 1e-8
    assert found.seconds[0, 0] > 0


def test_ctrl_c_keeps_what_a_study_has_found():
    def stop(row):
        raise KeyboardInterrupt

    found = analysis.study(
        ["tanh", "sin"], [FIT], key=KEY, seeds=1, method=small, callbacks=[stop]
    )
    assert np.isfinite(found.error[0]).all()
    assert np.isnan(found.error[1]).all()


def test_ranks_are_means_over_blocks():
    errors = np.array([[[1.0, 1.0]], [[2.0, 3.0]], [[3.0, 2.0]], [[np.nan, 9.0]]])
    ranks = _ranking.ranking(("a", "b", "c", "d"), errors)
    assert [rank.name for rank in ranks] == ["a", "b", "c", "d"]
    assert [rank.mean for rank in ranks] == [1.0, 2.5, 2.5, 4.0]
    assert (ranks[0].low, ranks[0].high) == (1.0, 1.0)  # best in every block
    assert (ranks[1].low, ranks[1].high) == (2.0, 3.0)
    np.testing.assert_allclose(ranks[1].error, np.sqrt(6.0))


def test_equal_errors_share_their_places():
    ranks = _ranking.ranking(("a", "b"), np.ones((2, 1, 3)))
    assert [rank.mean for rank in ranks] == [1.5, 1.5]


# --- pictures and refusals --------------------------------------------------------


def test_everything_is_drawn_on_the_axes_of_the_caller():
    from matplotlib.figure import Figure

    line, square = np.linspace(1, 2, 5), np.ones((5, 5))
    looks = [
        analysis.ActivationProfile(
            "f", line, np.ones((4, 5)), (1.5,), line, square, square
        ),
        analysis.LayerStatistics((square,), {"hidden": line, "readout": line}),
        analysis.DeadUnits((np.ones((3, 4)),), (np.eye(3, 4) > 0,)),
        analysis.HessianSpectrum(np.array([[-1.0, 0.1, 3.0]]), np.eye(1, 3), 3, 1.0),
        analysis.TangentKernelSpectrum({"all": line[::-1]}, {"all": 5}),
        analysis.LossLandscape(line, np.outer(line, line), (None, None)),
        analysis.DeadUnitGrowth(("relu",), (4,), (1, 2), np.zeros((1, 2, 1, 3))),
        analysis.SpectralBias(
            "tanh", np.arange(3), np.arange(4), np.ones((3, 2, 4)), np.ones(4)
        ),
        analysis.Study(
            ("a", "b"), ("p",), np.ones((2, 1, 2)), np.ones((2, 1)),
            *(np.ones((2, 1, 2)),) * 3, {},
        ),
    ]  # fmt: skip
    for look in looks:
        figure = Figure()
        ax = figure.subplots()
        assert look.plot(ax=ax) is figure
        assert ax.has_data()
        assert look.plot() is not figure


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: analysis.activation_profile("tnah"), "`name` must be one of tanh"),
        (lambda: analysis.activation_profile(3.0), "`activation` takes a name"),
        (lambda: analysis.activation_profile("softmax"), "`activation` 'softmax'"),
        (
            lambda: analysis.activation_profile("tanh", limits=(1, 0)),
            "`limits` takes two numbers",
        ),
        (
            lambda: analysis.dead_units(FIT, network(), key=KEY, tol=2.0),
            "`tol` takes a number",
        ),
        (
            lambda: analysis.dead_units(WAVE, network(), key=KEY),
            "`problem` takes a `pinn.Problem`",
        ),
        (
            lambda: analysis.hessian_spectrum(FIT, network(), key=KEY, probes=0),
            "`probes` takes a whole number",
        ),
        (
            lambda: analysis.tangent_kernel(FIT, network(in_size=2), key=KEY),
            "`field` is called as",
        ),
        (
            lambda: analysis.loss_landscape(FIT, network(), key=KEY, n=4),
            "`n` takes an odd number",
        ),
        (
            lambda: analysis.layer_statistics(
                FIT,
                network(),
                key=KEY,
                points=pinn.sampling.AdaptiveDistribution(),
            ),
            "`points` follow the residual",
        ),
        (
            lambda: analysis.error_spectrum(problem_of("disk"), network(in_size=2)),
            "no box",
        ),
        (
            lambda: analysis.spectral_bias(
                FIT, key=KEY, method=lambda a: pinn.LeastSquares(activation=a)
            ),
            "`method` makes a `pinn.FirstOrder`",
        ),
        (lambda: analysis.study([], [FIT], key=KEY), "`activations` is empty"),
        (
            lambda: analysis.study(["tanh", "tanh"], [FIT], key=KEY),
            "`activations` has two",
        ),
        (lambda: analysis.study(["tanh"], [], key=KEY), "`problems` is empty"),
        (
            lambda: analysis.study(["tanh"], [FIT], key=KEY, seeds=0),
            "`seeds` takes a whole number",
        ),
        (
            lambda: analysis.study(["tanh"], [FIT], key=KEY, method=lambda a: a),
            "`method` takes a function",
        ),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_computed(call, message):
    with refused(message):
        call()
