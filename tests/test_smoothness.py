"""The check of smoothness, against functions whose class is known."""

import functools
import itertools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from jax import lax
from jax.lax import stop_gradient

from pinn import activations
from pinn._smoothness import smoothness

INF = math.inf
ROWS = {row.name: row for row in activations.catalogue()}
# Verdicts for equations of the orders 1 to 4: R ok, U warning, X error. A test of its
# own, written from the mathematics: neither the catalogue nor the check is consulted.
VERDICTS = {
    "RRXX": "quadratic bilinear",
    "RRRX": "cubic hermite_polynomial",
    "RUXX": "softsign elu celu pelu smelu finer relu2 mscale_phi s2relu",
    "RRUX": "relu3 relu_k isrlu wendland_c2 b_spline",
    "RRRU": "relu4",
    "UXXX": "relu relu6 leaky_relu prelu rrelu rrelu_paper absolute "
    "hard_tanh hard_sigmoid "
    "hard_sigmoid_fifth hard_sigmoid_half hard_swish selu trainable_elu laplacian "
    "mscale_srelu nipuna sgt pau_a pau_b s_shaped_relu "
    "reglu maxout group_sort crelu sparsemax",
    "XXXX": "step sign sawtooth top_gate",
}
LETTERS = {"ok": "R", "warning": "U", "error": "X"}


def letters(result):
    return "".join(LETTERS[result.verdict(k)] for k in (1, 2, 3, 4))


def check(name):
    f, inputs = activations.get(name), ROWS[name].inputs
    if inputs == "entry":
        return smoothness(f)
    sample = jnp.array([0.1, -0.4, 0.7, 0.2])
    return smoothness(f, sample=sample if inputs == "vector" else (sample, sample + 1))


# These take seconds each, for their many operations.
HEAVY = ("abu", "b_spline", "sgt", "mixture", "trainable_sinc")
NAMES = [
    pytest.param(name, marks=[pytest.mark.slow] if name in HEAVY else [])
    for name in ROWS
]


@pytest.mark.parametrize("name", NAMES)
def test_verdicts_on_the_catalogue(name):
    expected = [v for v, names in VERDICTS.items() if name in names.split()]
    assert letters(check(name)) == (expected or ["RRRR"])[0]


@pytest.mark.parametrize("name", NAMES)
def test_catalogue_and_check_agree(name):
    row, result = ROWS[name], check(name)
    # Of C^4 and better, a check up to order 4 cannot tell.
    assert result.order == (row.smoothness if row.smoothness < 4 else INF)
    assert result.consistent
    assert not result.hazards
    vanishing = row.vanishes_from
    assert result.vanishes_from == (vanishing if (vanishing or 9) <= 5 else None)
    if row.inputs == "entry" and row.smoothness < 4:
        found = [x for x in result.kinks if abs(x) < 3.6]
        np.testing.assert_allclose(found, [x for x in row.kinks if x < 3.6], atol=1e-7)


def relu(x):
    return jnp.maximum(x, 0.0)


def with_rule(f, derivative):
    """`f` with a forward rule that multiplies by `derivative`."""
    g = jax.custom_jvp(f)
    g.defjvp(lambda x, dx: (f(x[0]), derivative(x[0]) * dx[0]))
    return g


def with_reverse_rule(f, derivative):
    """`f` with a reverse rule only."""
    g = jax.custom_vjp(f)
    g.defvjp(lambda x: (f(x), x), lambda x, bar: (derivative(x) * bar,))
    return g


def masked(f):
    """A smooth `f` in a form that cannot be certified."""
    return lambda x: jnp.where(x > 0, f(x), f(x))


def cardinal_spline(degree, x):
    return sum(
        (-1) ** m * math.comb(degree + 1, m) * relu(x + 1.3 - m) ** degree
        for m in range(degree + 2)
    )


def gate_with(x, gate):
    return gate * jnp.tanh(x) + (1 - gate) * jnp.sin(x)


# Name: function, class, whether its rules are true, order from which it vanishes.
SMOOTH = {
    "steep tanh": masked(lambda x: jnp.tanh(50 * x)),
    "very steep tanh": masked(lambda x: jnp.tanh(1e4 * (x - 0.77))),
    "fast sine": masked(lambda x: jnp.sin(30 * x)),
    "very fast sine": masked(lambda x: jnp.sin(1000 * x)),
    "steep arctan": lambda x: jnp.arctan2(1000 * x, 1.0),
    "steep swish": masked(lambda x: x * lax.logistic(25 * x)),
    "narrow gaussian": masked(lambda x: jnp.exp(-(x**2) / 0.02)),
    "ninth power": masked(lambda x: x**9),
    "logcosh with abs": lambda x: jnp.abs(x) + jnp.log1p(jnp.exp(-2 * jnp.abs(x))),
    "softplus of JAX": jax.nn.softplus,
    "softplus with a threshold": lambda x: jnp.where(
        x > 20, x, jnp.log1p(jnp.exp(jnp.where(x > 20, 0.0, x)))
    ),
    "softplus that overflows": masked(lambda x: jnp.log(1 + jnp.exp(x))),
    "mish of JAX": jax.nn.mish,
    "sinc of JAX": jnp.sinc,
    "squareplus of JAX": jax.nn.squareplus,
    "smooth gate": lambda x: gate_with(x, lax.logistic(3 * x)),
    "loop": lambda x: lax.fori_loop(0, 3, lambda _, y: jnp.sin(y), x),
    "true reverse rule": with_reverse_rule(jnp.tanh, lambda x: 1 / jnp.cosh(x) ** 2),
    "true forward rule": with_rule(jnp.tanh, lambda x: 1 - jnp.tanh(x) ** 2),
}
KINKED = {
    "kink at an odd place": (lambda x: jnp.abs(x - 0.3137) + jnp.tanh(x), 0),
    "tiny kink": (lambda x: jnp.tanh(x) + 1e-3 * jnp.abs(x - 1.2345), 0),
    "tiny jump of f''": (lambda x: jnp.sin(x) + 1e-3 * relu(x - 3.3) ** 2, 1),
    "tiny jump of f'''": (lambda x: jnp.sin(x) + 1e-3 * relu(x + 2.7) ** 3, 2),
    "jump of f^(4)": (lambda x: jnp.sin(x) + 1e-2 * relu(x + 0.7) ** 4, 3),
    "far kink": (lambda x: jnp.tanh(x) + jnp.abs(x - 37.7), 0),
    "kink in the tail": (lambda x: jnp.where(x > 5, 0.1, 1) * (x - 5) + jnp.sin(x), 0),
    "huber of width 1e-4": (
        lambda x: jnp.where(
            jnp.abs(x) < 1e-4, 0.5 * x * x, 1e-4 * (jnp.abs(x) - 0.5e-4)
        ),
        1,
    ),
    "smelu of width 1e-3": (activations.SmeLU(1e-3), 1),
    "elu with 1.001": (activations.ELU(1.001, trainable=False), 0),
    "many kinks": (lambda x: jnp.abs(jnp.sin(40 * x)), 0),
    "infinite slope": (lambda x: jnp.sqrt(jnp.abs(x)), 0),
    "unbounded f''": (lambda x: x**2 * jnp.log(jnp.abs(x)), 1),
    "power 1.5": (lambda x: jnp.abs(x) ** 1.5, 1),
    "power 2.5": (lambda x: jnp.abs(x) ** 2.5, 2),
    "cond": (lambda x: lax.cond(x > 0.5, lambda y: y * y, lambda y: y - 0.25, x), 1),
    "median": (lambda x: jnp.sort(jnp.stack([x, 0.4 * x + 1, jnp.sin(x)]))[1], 0),
    "switch": (
        lambda x: jnp.stack([jnp.sin(x), jnp.cos(x)])[
            jnp.argmax(jnp.stack([x, 0.3 - x]))
        ],
        -1,
    ),
    "rounding": (lambda x: jnp.tanh(x) + jnp.round(x), -1),
    "comparison": (lambda x: x > 0.2, -1),
    "hard gate": (lambda x: gate_with(x, jnp.clip(x, 0.0, 1.0)), 0),
    "gate of class C^1": (lambda x: gate_with(x, relu(x - 0.5) ** 2 / (1 + x**2)), 1),
    "minimum in a boundary ansatz": (lambda x: jnp.minimum(x, 1 - x) * jnp.tanh(x), 0),
    **{
        f"spline of degree {p}": (functools.partial(cardinal_spline, p), p - 1)
        for p in (1, 2, 3, 4)
    },
}
# Name: function, the lowest order whose automatic derivative is wrong.
LYING = {
    "gate behind stop_gradient": (lambda x: x * stop_gradient(lax.logistic(x)), 1),
    "part behind stop_gradient": (lambda x: jnp.sin(x) + stop_gradient(jnp.cos(x)), 1),
    "straight-through rounding": (lambda x: x + stop_gradient(jnp.round(x) - x), 1),
    "straight-through sign": (
        lambda x: jnp.tanh(x) + stop_gradient(jnp.sign(x) - jnp.tanh(x)),
        1,
    ),
    "quantised": (
        lambda x: (
            jnp.tanh(x) + stop_gradient(jnp.round(64 * jnp.tanh(x)) / 64 - jnp.tanh(x))
        ),
        1,
    ),
    "relu with f'' = 1": (
        with_rule(relu, with_rule(lambda x: (x > 0) * 1.0, lambda x: (x > 0) * 1.0)),
        2,
    ),
    "f' off by 1e-4": (
        with_rule(jnp.tanh, lambda x: 1.0001 * (1 - jnp.tanh(x) ** 2)),
        1,
    ),
    "sign of f''": (with_rule(jnp.sin, with_rule(jnp.cos, jnp.sin)), 2),
    "sign of f'''": (
        with_rule(
            jnp.sin, with_rule(jnp.cos, with_rule(lambda x: -jnp.sin(x), jnp.cos))
        ),
        3,
    ),
    "wrong in a window": (
        with_rule(jnp.sin, lambda x: jnp.cos(x) + 0.1 * (jnp.abs(x - 0.71) < 0.02)),
        1,
    ),
    "gelu with the rule of its approximation": (
        with_rule(activations.gelu, jax.grad(activations.gelu_tanh)),
        1,
    ),
    "clipped gradient": (
        with_rule(lambda x: x**3, lambda x: jnp.clip(3 * x**2, -1.0, 1.0)),
        1,
    ),
    "wrong reverse rule": (with_reverse_rule(jnp.tanh, lambda x: 1 - jnp.tanh(x)), 1),
    "surrogate gradient": (
        with_reverse_rule(lambda x: (x > 0) * 1.0, lambda x: 1 / (1 + x**2)),
        1,
    ),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_functions_pass(name):
    result = smoothness(SMOOTH[name])
    assert result.order == INF
    assert result.kinks == ()
    assert letters(result) == "RRRR"


@pytest.mark.parametrize("name", KINKED)
def test_kinked_functions_are_found(name):
    f, order = KINKED[name]
    result = smoothness(f)
    assert result.order == order
    assert result.consistent
    assert result.kinks


@pytest.mark.parametrize("name", LYING)
def test_wrong_rules_are_found(name):
    f, level = LYING[name]
    result = smoothness(f)
    assert not result.consistent
    assert result.wrong_from == level
    assert [result.verdict(k) for k in range(level, 5)] == ["error"] * (5 - level)
    if level > 1:
        assert result.verdict(level - 1) == "warning"


def test_kinks_are_located_and_measured():
    result = smoothness(lambda x: jnp.tanh(x) + 0.25 * jnp.abs(x - 0.3137))
    np.testing.assert_allclose(result.kinks, [0.3137], atol=1e-8)
    np.testing.assert_allclose(result.breaks[0].size, 0.5, rtol=1e-3)
    assert "f' jumps by 0.5 at 0.3137" in result.reasons[0]
    assert any("abs" in reason for reason in result.reasons)


def test_certificate_needs_no_samples():
    assert smoothness(activations.tanh).certified
    assert smoothness(activations.tanh).verdict(99) == "ok"
    assert not smoothness(activations.softplus).certified
    assert smoothness(lambda x: x**2 + 3 * x).vanishes_from == 3
    assert smoothness(lambda x: 0 * x + 1.0).vanishes_from == 1
    # A denominator without roots is recognised; one with roots is looked at.
    assert smoothness(lambda x: 1 / (1 + x**2)).certified
    assert not smoothness(lambda x: 1 / (x - 0.3)).certified


def test_poles_are_errors():
    for f in (lambda x: 1 / (x - 0.3), jnp.log, lambda x: jnp.tan(x)):
        assert smoothness(f).verdict(1) == "error"


def test_single_points_with_wrong_derivatives_are_warnings():
    result = smoothness(lambda x: relu(x) + jnp.log1p(jnp.exp(-jnp.abs(x))))
    assert result.order == INF
    assert "f' is wrong at the single point 0" in result.hazards[0]
    assert result.verdict(2) == "warning"
    naive = smoothness(lambda x: jnp.sin(x) / x)
    assert "f is not finite at the single point 0" in naive.hazards[0]


def test_noise_is_reported_and_no_kink():
    smooth = smoothness(lambda x, *, key: jnp.tanh(x) + 0.1 * jr.normal(key))
    assert smooth.order == INF
    assert "random" in smooth.hazards[0]
    assert smooth.verdict(2) == "warning"
    kinked = smoothness(lambda x, *, key: jnp.abs(x + jr.normal(key)))
    assert kinked.order == 0


class Weighted(eqx.Module):
    weight: jax.Array

    def __call__(self, x):
        return jnp.tanh(x) + self.weight * relu(x)


def test_class_is_that_of_general_parameters():
    # Smooth where they start: a leaky ReLU of slope 1, a blend with no weight on ReLU.
    assert smoothness(activations.LeakyReLU(1.0)).order == 0
    assert smoothness(activations.LeakyReLU(1.0, trainable=False)).order == INF
    assert smoothness(Weighted(jnp.array(0.0))).order == 0
    assert smoothness(activations.ELU()).order == 0


class Detached(eqx.Module):
    slope: jax.Array

    def __call__(self, x):
        return jnp.tanh(stop_gradient(self.slope) * x)


def test_detached_parameters_are_found():
    assert not smoothness(Detached(jnp.array(0.7))).consistent


@pytest.mark.slow
def test_whole_networks_and_their_lines(getkey):
    net = lambda phi: eqx.nn.MLP(2, "scalar", 16, 2, phi, key=jr.key(1))
    point = jnp.array([0.2, 0.4])
    line = lambda u: lambda s: u(point + s * jnp.array([0.6, -0.8]))
    assert smoothness(line(net(jnp.tanh))).order == INF
    assert smoothness(line(net(activations.relu))).verdict(2) == "error"
    assert smoothness(net(activations.softplus), sample=point).order == INF
    assert smoothness(net(activations.relu), sample=point).order == 0


def test_interval_keeps_to_the_domain():
    log = lambda s: jnp.log(s) + 0.1 * jnp.abs(s - 0.3137)
    assert smoothness(log).verdict(1) == "error"
    result = smoothness(log, interval=(0.1, 2.0))
    assert result.order == 0
    np.testing.assert_allclose(result.kinks, [0.3137], atol=1e-7)
    assert smoothness(jnp.log, interval=(0.1, 2.0)).order == INF


def test_settings_of_the_caller_stay_and_do_not_matter():
    f = lambda x: jnp.float32(0.5) * jax.nn.softplus(x)
    with jax.enable_x64(False), jax.numpy_dtype_promotion("strict"):
        result = smoothness(f)
        assert jnp.ones(()).dtype == jnp.float32
        net = eqx.nn.MLP("scalar", "scalar", 4, 1, jax.nn.relu, key=jr.key(0))
        assert smoothness(net).order == 0
    assert result.order == INF
    assert isinstance(result.order, float)
    assert jax.config.jax_numpy_dtype_promotion == "strict"

    @jax.jit
    def traced(x):
        kinks = smoothness(lambda s: jnp.abs(s - 0.123)).kinks
        return x * kinks[0]

    np.testing.assert_allclose(traced(1.0), 0.123, atol=1e-8)


def test_functions_computed_in_single_precision_are_no_liars():
    result = smoothness(lambda x: jax.nn.softplus(x.astype(jnp.float32)))
    assert result.order == INF
    assert result.consistent
    kinked = smoothness(lambda x: jnp.abs(x.astype(jnp.float32) - 0.25))
    assert kinked.order == 0


def test_second_call_is_answered_from_memory():
    f = lambda x: jnp.abs(x - 0.7)
    assert smoothness(f) is smoothness(f)
    assert smoothness(activations.Snake()) is smoothness(activations.Snake())
    assert smoothness(f, 2) is not smoothness(f, 3)


def test_errors_name_the_way_out():
    with pytest.raises(ValueError, match="cannot be traced by JAX"):
        smoothness(lambda x: x if x > 0 else -x)
    with pytest.raises(ValueError, match=r"Call `smoothness\(f, max_order=5\)`"):
        smoothness(activations.relu).verdict(5)
    with pytest.raises(ValueError, match="`max_order` must be at least 1"):
        smoothness(activations.relu, 0)
    with pytest.raises(ValueError, match="`interval` must be an increasing pair"):
        smoothness(activations.relu, interval=(1.0, 0.0))


SMOOTH_NAMES = [
    row.name
    for row in ROWS.values()
    if row.inputs == "entry"
    and row.smoothness == INF
    and row.vanishes_from is None
    # A bump is dead over most of a line, and a sine of frequency 30 in several layers
    # is faster than any mesh.
    and row.name not in ("bump", "siren")
]
HIDDEN = {"relu": 0, "absolute": 0, "leaky_relu": 0, "elu": 1, "relu2": 1}


def network(seed, hidden=None):
    """A random network along a line; `hidden` replaces one unit, and is crossed."""
    rng = np.random.default_rng(seed)
    name = str(rng.choice(SMOOTH_NAMES))
    phi = activations.get(name)
    depth, width = int(rng.integers(1, 5)), int(2 ** rng.integers(3, 7))
    dim = int(rng.integers(1, 4))
    gain = min(ROWS[name].gain, 4.0)
    sizes = [dim] + [width] * depth
    weights = [
        rng.standard_normal((b, a)) * math.sqrt(gain / a)
        for a, b in itertools.pairwise(sizes)
    ]
    biases = [0.3 * rng.standard_normal(b) for b in sizes[1:]]
    readout = rng.standard_normal(width) / math.sqrt(width)
    start, direction = rng.standard_normal((2, dim))
    direction /= np.linalg.norm(direction)
    layer, unit = int(rng.integers(depth)), int(rng.integers(width))
    place = float(rng.uniform(-3, 3))
    mask = np.arange(width) == unit

    def forward(s, stop=None):
        h = jnp.asarray(start) + s * jnp.asarray(direction)
        for i in range(depth):
            y = jnp.asarray(weights[i]) @ h + jnp.asarray(biases[i])
            if i == stop:
                return y[unit]
            h = phi(y)
            if hidden is not None and i == layer:
                h = jnp.where(jnp.asarray(mask), activations.get(hidden)(y), h)
        return jnp.asarray(readout) @ h

    biases[layer][unit] -= float(forward(jnp.asarray(place), layer))
    return forward


def assert_smooth_network_passes(seed, max_order):
    result = smoothness(network(seed), max_order)
    assert result.order == INF
    assert result.verdict(max_order) == "ok"


def assert_hidden_unit_is_found(seed, max_order):
    hidden = list(HIDDEN)[seed % len(HIDDEN)]
    result = smoothness(network(seed, hidden), max_order)
    assert result.order == HIDDEN[hidden]
    assert result.consistent
    assert result.verdict(2) == ("error" if HIDDEN[hidden] == 0 else "warning")


@pytest.mark.parametrize("seed", range(6))
def test_smooth_networks_pass(seed):
    assert_smooth_network_passes(seed, max_order=2)


@pytest.mark.parametrize("seed", range(6))
def test_one_hidden_kink_is_found(seed):
    assert_hidden_unit_is_found(seed, max_order=2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 600))
def test_many_smooth_networks_pass(seed):
    assert_smooth_network_passes(seed, max_order=4)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 600))
def test_many_hidden_kinks_are_found(seed):
    assert_hidden_unit_is_found(seed, max_order=4)
