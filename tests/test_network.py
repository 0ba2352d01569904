"""Networks: features and readout, scaling, kinks, other people's networks."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import evaluate, refused
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

import pinn
from pinn import activations
from pinn._residuals import is_linear_capable, readout_leaves

BOUNDS = ([0.0, -1.0, 3.0], [0.5, 1.0, 9.0])  # of (t, x_0, x_1)


def mlp(out_size, key, **options):
    return pinn.MLP(3, out_size, 10, 2, bounds=BOUNDS, key=key, **options)


def random_features(out_size, key, **options):
    return pinn.RandomFeatures(3, out_size, 10, bounds=BOUNDS, key=key, **options)


def with_holes(out_size, key):
    """What least squares draws for a domain with a hole."""
    shape = () if out_size == "scalar" else (out_size,)
    domain = pinn.Box([-1.0, 3.0], [1.0, 9.0]) - pinn.Disk([0.0, 5.0], 0.3)
    problem = pinn.Problem(domain, lambda u, t, x: u(t, x), [], time=(0.0, 0.5))
    field = pinn.LeastSquares(features=30).default_field(problem, shape, key=key)
    weight = jr.normal(key, field.readout.weight.shape)
    return eqx.tree_at(lambda u: u.readout.weight, field, weight)


NETWORKS = {"mlp": mlp, "random-features": random_features, "holes": with_holes}
T, X = jnp.asarray(0.2), jnp.array([0.3, 4.0])


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("out_size", "shape"), [("scalar", ()), (2, (2,))])
def test_a_field_is_its_features_times_its_readout(name, out_size, shape, getkey):
    u = NETWORKS[name](out_size, getkey())
    u = eqx.tree_at(lambda u: u.readout.bias, u, jr.normal(getkey(), shape))
    value, features = evaluate([u, u.features], T, X)
    assert value.shape == shape
    assert features.ndim == 1
    expected = u.readout.weight @ features + u.readout.bias
    assert_allclose(value, expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", NETWORKS)
def test_linear_in_the_readout(name, getkey):
    u, v = (NETWORKS[name](2, key) for key in jr.split(getkey()))
    w = jax.tree.map(lambda a, b: 2 * a - b, u.readout, v.readout)
    combined = eqx.tree_at(lambda u: u.readout, u, w)
    other = eqx.tree_at(lambda u: u.readout, u, v.readout)
    a, b, c = evaluate([combined, u, other], T, X)
    assert_allclose(a, 2 * b - c, rtol=1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_same_key_same_network(name, getkey):
    key = getkey()
    one, same = (NETWORKS[name]("scalar", key) for _ in range(2))
    assert eqx.tree_equal(one, same)
    assert not eqx.tree_equal(one, NETWORKS[name]("scalar", getkey()))


@pytest.mark.parametrize("name", ["mlp", "random-features"])
def test_every_inexact_array_is_trainable_and_nothing_else_is_an_array(name, getkey):
    u = NETWORKS[name]("scalar", getkey())

    @eqx.filter_jit
    @eqx.filter_grad
    def gradient(u):
        return jnp.sin(u(T, X))

    leaves = jax.tree.leaves(eqx.filter(gradient(u), eqx.is_array))
    assert len(leaves) == len(jax.tree.leaves(eqx.filter(u, eqx.is_array)))
    assert all(jnp.any(leaf != 0) for leaf in leaves)
    assert all(leaf.dtype == jnp.float64 for leaf in leaves)


@pytest.mark.parametrize("name", ["mlp", "random-features"])
def test_time_and_space_are_concatenated_in_order(name, getkey):
    u = NETWORKS[name]("scalar", getkey())
    one, other = u(T, X), u(jnp.append(T, X))
    assert_array_equal(one, other)


def first_layer(u):
    if isinstance(u, pinn.MLP):
        return u.hidden[0].weight, u.hidden[0].bias
    return u.weight, u.bias


@pytest.mark.parametrize("in_size", [1, 2, 5])
@pytest.mark.parametrize("kind", [pinn.MLP, pinn.RandomFeatures])
def test_kinks_meet_the_box_of_the_bounds(kind, in_size, getkey):
    depth = (1,) if kind is pinn.MLP else ()
    u = kind(in_size, "scalar", 500, *depth, key=getkey())
    weight, bias = first_layer(u)
    # The plane w.y + b = 0 meets the box [-1, 1]^n iff |b| <= |w|_1.
    assert jnp.all(jnp.abs(bias) <= jnp.sum(jnp.abs(weight), axis=1))


def test_kinks_are_uniform_in_an_interval(getkey):
    u = pinn.RandomFeatures(1, "scalar", 2000, bounds=([2.0], [6.0]), key=getkey())
    kinks = np.asarray(4 - 2 * u.bias / u.weight[:, 0])
    assert stats.kstest(kinks, stats.uniform(2, 4).cdf).pvalue > 1e-3
    at = lambda x: u.weight @ u.scaling(jnp.asarray(x)[None]) + u.bias
    inside = [abs(at(kinks[i])[i]) for i in range(3)]
    assert max(inside) < 1e-13


def test_scale_bounds_the_weights_of_each_coordinate(getkey):
    scale = [0.5, 2.0, 8.0]
    u = random_features("scalar", getkey(), scale=scale)
    wide = pinn.RandomFeatures(3, "scalar", 4000, scale=scale, key=getkey())
    assert jnp.all(jnp.max(jnp.abs(u.weight), axis=0) <= jnp.asarray(scale))
    for i, s in enumerate(scale):
        spread = stats.uniform(-s, 2 * s).cdf
        assert stats.kstest(np.asarray(wide.weight[:, i]), spread).pvalue > 1e-3


@pytest.mark.parametrize("interaction", [1, 2, 3])
def test_interaction_bounds_the_coordinates_of_most_features(interaction, getkey):
    u = pinn.RandomFeatures(6, "scalar", 600, interaction=interaction, key=getkey())
    counts = np.count_nonzero(u.weight, axis=1)
    few = counts <= interaction
    assert np.mean(few) == pytest.approx(0.8)
    assert np.all(counts[~few] == 6)
    assert set(counts[few]) == set(range(1, interaction + 1))
    served = np.count_nonzero(u.weight[few], axis=0)
    assert served.max() <= 2 * served.min()


@pytest.mark.parametrize("kind", [pinn.MLP, pinn.RandomFeatures])
def test_a_unit_and_an_origin_of_length_change_no_digit(kind, getkey):
    """With powers of two everything is exact: far away, small and large alike."""
    key = getkey()
    make = lambda lower, upper: kind(
        2,
        "scalar",
        10,
        *((2,) if kind is pinn.MLP else ()),
        bounds=(lower, upper),
        key=key,
    )
    x = jnp.array([0.25, 0.8125])
    plain = make([0.0, 0.0], [1.0, 1.0])(x)
    for unit, shift in ((1.0, 2.0**20), (2.0**-10, 0.0), (2.0**10, 2.0**30)):
        moved = make([shift, shift], [shift + unit, shift + unit])
        assert_array_equal(moved(shift + unit * x), plain)


@pytest.mark.parametrize("size", [4, 5, 10, 16])
def test_blocks_reproduce_the_features(size, getkey):
    u = random_features("scalar", getkey())
    whole = u.features(T, X)
    blocks = [u.block(start, size) for start in range(0, 10, size)]
    assert {block.bias.shape for block in blocks} == {(size,)}
    joined = jnp.concatenate([block.features(T, X) for block in blocks])
    assert_allclose(joined[:10], whole, rtol=1e-14)


def test_activation_is_pluggable(getkey):
    key = getkey()
    u = random_features("scalar", key, activation=activations.sin)
    v = random_features("scalar", key)
    inner = u.weight @ u.scaling(T, X) + u.bias
    assert_allclose(u.features(T, X), jnp.sin(inner), rtol=1e-14)
    assert_allclose(v.features(T, X), jnp.tanh(inner), rtol=1e-14)
    snake = pinn.MLP(3, "scalar", 4, 1, activations.get("snake"), key=key)
    assert snake(T, X).shape == ()


def test_each_layer_may_have_an_activation_of_its_own(getkey):
    """One for each layer is the network with these functions; the same one for all is
    the plain network, but every layer learns its own numbers."""
    key, x = getkey(), jr.normal(getkey(), (3,))
    plain = pinn.MLP(3, "scalar", 4, 2, key=key)
    mixed = pinn.MLP(3, "scalar", 4, 2, [jnp.tanh, jnp.sin], key=key)
    first, second = plain.hidden
    h = jnp.sin(second(jnp.tanh(first(plain.scaling(x)))))
    np.testing.assert_allclose(mixed(x), plain.readout(h), rtol=1e-14)
    both = lambda u: (pinn.laplacian(u)(x), jnp.trace(jax.hessian(u)(x)))
    np.testing.assert_allclose(*eqx.filter_jit(both)(mixed), rtol=1e-10)
    slope = activations.AdaptiveSlope(jnp.tanh)
    adaptive = pinn.MLP(3, "scalar", 4, 2, [slope, slope], key=key)
    np.testing.assert_allclose(adaptive(x), plain(x), rtol=1e-14)
    gradients = eqx.filter_grad(lambda u: u(x))(adaptive).activation
    assert gradients[0].a.value != gradients[1].a.value
    with pytest.raises(ValueError, match=r"`activation` takes.*`depth` = 3.*got 2"):
        pinn.MLP(3, "scalar", 4, 3, [jnp.tanh, jnp.sin], key=key)


def test_no_default_activation_has_a_kink(getkey):
    for u in (mlp("scalar", getkey()), random_features("scalar", getkey())):
        assert pinn.smoothness(u.activation).order == np.inf


def test_hidden_values_keep_their_size_through_the_layers(getkey):
    """Glorot: the features of a deep network neither vanish nor saturate."""
    u = pinn.MLP(2, "scalar", 128, 6, key=getkey())
    y = jr.uniform(getkey(), (64, 2), minval=-1.0, maxval=1.0)
    features = jax.jit(jax.vmap(u.features))(y)
    assert 0.05 < jnp.std(features) < 0.9


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda key: pinn.MLP(0, 1, 4, 1, key=key), "`in_size`.*positive integer.*0"),
        (lambda key: pinn.MLP(1, 1, 4, 0, key=key), "`depth`.*positive"),
        (lambda key: pinn.MLP(1, 1, 4.5, 1, key=key), "`width_size`.*4.5"),
        (lambda key: pinn.MLP(1, "vector", 4, 1, key=key), '`out_size`.*"scalar"'),
        (lambda key: pinn.RandomFeatures(1, 1, -3, key=key), "`num_features`.*-3"),
        (lambda key: pinn.RandomFeatures(2, 1, 3, scale=[1.0], key=key), "`scale`"),
        (lambda key: pinn.RandomFeatures(2, 1, 3, scale=0.0, key=key), "`scale`"),
        (
            lambda key: pinn.RandomFeatures(2, 1, 3, interaction=3, key=key),
            "`interaction`.*1 to 2.*3",
        ),
        (
            lambda key: pinn.MLP(2, 1, 4, 1, bounds=([0.0], [1.0]), key=key),
            "`bounds`.*`in_size` = 2.*`problem.bounds`",
        ),
        (
            lambda key: pinn.MLP(1, 1, 4, 1, bounds=([1.0], [0.0]), key=key),
            "`bounds` takes lower < upper",
        ),
        (
            lambda key: pinn.MLP(1, 1, 4, 1, "tanh", key=key),
            r"`activation` takes a function.*activations.get\('tanh'\)",
        ),
    ],
)
def test_errors_name_the_argument(make, message, getkey):
    with refused(message):
        make(getkey())


@pytest.mark.parametrize("name", ["mlp", "random-features"])
def test_a_point_of_the_wrong_size_is_refused(name, getkey):
    u = NETWORKS[name]("scalar", getkey())
    with refused("takes 3 numbers.*got 2"):
        u(X)
    with refused("`jax.vmap`"):
        u(jnp.zeros(5), jnp.zeros((5, 2)))


# Networks of one array, made by others.


def foreign(key, **options):
    return eqx.nn.MLP(3, "scalar", 8, 2, jnp.tanh, key=key, **options)


def test_concatenated_is_the_network_of_all_arguments(getkey):
    net = foreign(getkey())
    u = pinn.Concatenated(net)
    assert_array_equal(u(T, X), net(jnp.append(T, X)))
    assert u.activation is net.activation


def test_concatenated_finds_a_linear_last_layer(getkey):
    net = foreign(getkey())
    u = pinn.Concatenated(net)
    assert u.readout is net.layers[-1]
    assert is_linear_capable(u)
    chosen = jax.tree.leaves(eqx.filter(u, readout_leaves(u)))
    assert sum(a.size for a in chosen) == 8 + 1


@pytest.mark.parametrize("final", [jnp.tanh, lambda x: 2 * x, jnp.abs])
def test_concatenated_finds_no_readout_behind_a_final_activation(final, getkey):
    assert not is_linear_capable(
        pinn.Concatenated(foreign(getkey(), final_activation=final))
    )


def test_concatenated_passes_on_a_node_called_readout(getkey):
    class Mine(eqx.Module):
        inner: eqx.nn.Linear
        readout: eqx.nn.Linear

        def __call__(self, y):
            return self.readout(jnp.sin(self.inner(y)))

    net = Mine(
        eqx.nn.Linear(3, 8, key=getkey()), eqx.nn.Linear(8, "scalar", key=getkey())
    )
    u = pinn.Concatenated(net)
    assert u.readout is net.readout
    assert is_linear_capable(u)


def test_concatenated_of_a_plain_function_has_no_readout():
    u = pinn.Concatenated(lambda y: y[0] * y[1])
    assert_allclose(u(T, X), T * X[0])
    assert not is_linear_capable(u)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"activation": activations.Snake, "key": jr.key(0)},
            r"`activation` takes an instance, `pinn.activations.Snake\(\)`",
        ),
        ({"key": 0}, r"`key` takes a random key, `jax.random.key\(0\)`; got 0"),
    ],
)
def test_a_class_or_a_number_in_the_place_of_an_object_is_refused(options, message):
    with refused(message):
        pinn.MLP(2, "scalar", 8, 1, **options)
    with refused(message):
        pinn.RandomFeatures(2, "scalar", 8, **options)
