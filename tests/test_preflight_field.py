"""The judgement of whole fields and residuals: no false alarm, nothing missed."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import pinn
from pinn import activations as act
from pinn._preflight._field import segments
from pinn._preflight._judge import judge_field

KEY = jr.key(0)
SMOOTH = [
    row.name
    for row in act.catalogue()
    if row.smoothness == math.inf and row.vanishes_from is None
    if row.inputs == "entry"
]
KINKED = {
    "relu": lambda z: jnp.maximum(z, 0.0),
    "relu of JAX": jax.nn.relu,
    "leaky": lambda z: jnp.where(z > 0, z, 0.1 * z),
    "shifted": lambda z: jax.nn.relu(z - 30.0) + jnp.tanh(z),
    "hard swish": jax.nn.hard_swish,
    "absolute": jnp.abs,
}


SQUARE = pinn.Box([0.0, 0.0], [1.0, 1.0])
PROBLEM = pinn.Problem(
    SQUARE, lambda u, x: pinn.laplacian(u)(x), [pinn.Dirichlet(SQUARE.boundary, 0.0)]
)
ROWS = {"equation": pinn.RowInput((np.random.default_rng(0).uniform(0, 1, (99, 2)),))}


def lines(sizes=None):
    return segments(PROBLEM, ROWS, lambda y: np.ones(len(y), bool), sizes)


def worst(field, order=2):
    judged, degree, _ = judge_field(field, (np.zeros(2),), order, lines)
    verdicts = {piece.verdict(order) for piece in judged}
    if degree < order or "error" in verdicts:
        return "error"
    return "warning" if "warning" in verdicts else "ok"


def network(seed, activation=jnp.tanh):
    rng = np.random.default_rng(seed)
    depth, width = int(rng.integers(1, 5)), int(rng.integers(8, 65))
    return pinn.MLP(2, "scalar", width, depth, activation, key=jr.key(seed))


class OneOther(eqx.Module):
    """A network in which one unit of one layer has another activation."""

    net: pinn.MLP
    layer: int = eqx.field(static=True)
    unit: int = eqx.field(static=True)
    other: object = eqx.field(static=True)

    def __call__(self, x):
        h = self.net.scaling(x)
        for i, layer in enumerate(self.net.hidden):
            z = layer(h)
            h = self.net.activation(z)
            if i == self.layer:
                h = h.at[self.unit].set(self.other(z[self.unit]))
        return self.net.readout(h)


def smooth_network(seed):
    """With an activation of the catalogue; every other time its name does not help."""
    activation = act.get(SMOOTH[seed // 2 % len(SMOOTH)])
    return network(seed, (lambda z: activation(z)) if seed % 2 else activation)


def spoilt_network(seed):
    net = smooth_network(seed)
    rng = np.random.default_rng(seed)
    layer = int(rng.integers(len(net.hidden)))
    unit = int(rng.integers(net.hidden[0].bias.size))
    kinked = list(KINKED.values())[seed % len(KINKED)]
    return OneOther(net, layer, unit, kinked)


# The slow tests below go on from here.
@pytest.mark.parametrize("seed", range(8))
def test_smooth_networks_pass(seed):
    assert worst(smooth_network(seed)) == "ok"


@pytest.mark.parametrize("seed", range(8))
def test_one_kinked_unit_is_found(seed):
    assert worst(spoilt_network(seed)) == "error"


@pytest.mark.slow
@pytest.mark.parametrize("block", range(25))
def test_no_false_alarm_in_500(block):
    seeds = range(20 * block, 20 * block + 20)
    assert [s for s in seeds if worst(smooth_network(s)) != "ok"] == []


@pytest.mark.slow
@pytest.mark.parametrize("block", range(25))
def test_no_miss_in_500(block):
    seeds = range(20 * block, 20 * block + 20)
    assert [s for s in seeds if worst(spoilt_network(s)) != "error"] == []


class Wrapped(eqx.Module):
    net: pinn.MLP
    how: object = eqx.field(static=True)

    def __call__(self, x):
        return self.how(self.net, x)


def normalised(net, x):
    h = net.features(x)
    return net.readout((h - h.mean()) / jnp.sqrt(h.var() + 1e-5))


# Each with the verdict for an equation of second order on the unit square.
TRANSFORMS = {
    "hard constraint": (lambda u, x: x[0] * (1 - x[0]) * u(x), "ok"),
    "output by softplus": (lambda u, x: jax.nn.softplus(u(x)), "ok"),
    "a max that never switches": (
        lambda u, x: jnp.maximum(jax.nn.softplus(u(x)), 0.1 * jax.nn.softplus(u(x))),
        "ok",
    ),
    "normalised layer": (normalised, "ok"),
    "softmax": (lambda u, x: u.readout(jax.nn.softmax(u.features(x))), "ok"),
    "absolute value out of reach": (lambda u, x: u(jnp.abs(x + 3.0)), "ok"),
    "norm about a point outside": (
        lambda u, x: u(x) * jnp.linalg.norm(x - 2.0),
        "ok",
    ),
    "norm about a point inside": (
        lambda u, x: u(x) * jnp.linalg.norm(x - 0.3),
        "error",
    ),
    "absolute value of the output": (lambda u, x: jnp.abs(u(x)), "error"),
    "clipped output": (lambda u, x: jnp.clip(u(x), -1.0, 1.0), "error"),
    "a kink that lies elsewhere": (
        lambda u, x: u(x) + jax.nn.relu(u(x) - 100.0),
        "error",
    ),
    "absolute value of a coordinate": (lambda u, x: u(jnp.abs(x - 0.3)), "error"),
    "distance with corners": (
        lambda u, x: jnp.minimum(x[0], 1 - x[0]) * u(x),
        "error",
    ),
    "chosen by place": (
        lambda u, x: jnp.where(x[0] < 0.5, u(x), 2.0 * u(x)),
        "error",
    ),
    "rounded": (lambda u, x: u(jnp.round(8 * x) / 8), "error"),
    "cast to integers": (
        lambda u, x: u((8 * x).astype(int).astype(float) / 8),
        "error",
    ),
    "stopped gradient": (lambda u, x: u(jax.lax.stop_gradient(x)), "error"),
    "squared rectifier": (lambda u, x: jax.nn.relu(u(x)) ** 2, "warning"),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms_inside_the_field(name):
    how, verdict = TRANSFORMS[name]
    assert worst(Wrapped(network(3), how)) == verdict


def test_the_line_in_the_source_is_named():
    field = Wrapped(network(3), lambda u, x: jnp.clip(u(x), -1.0, 1.0))
    judged, _, _ = judge_field(field, (np.zeros(2),), 2, lines)
    assert "`clip` (test_preflight_field.py:" in judged[0].subject


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_rule(order):
    """ReLU serves first order, its square second, and so on; one below warns."""
    for k in (1, 2, 3):
        power = lambda z, k=k: jnp.maximum(z, 0.0) ** k
        expected = "error" if k < order else "warning" if k == order else "ok"
        assert worst(network(5, power), order) == expected


def test_degrees_of_polynomials_multiply():
    square = lambda z: z**2
    deep = pinn.MLP(2, "scalar", 8, 2, square, key=KEY)
    flat = pinn.MLP(2, "scalar", 8, 1, square, key=KEY)
    assert worst(deep, 4) == "ok"
    assert worst(deep, 5) == "error"
    assert worst(flat, 3) == "error"


def test_lines_stay_in_the_domain(getkey):
    square = pinn.Box([-1.0, -1.0], [1.0, 1.0])
    plate = square - pinn.Disk([0.0, 0.0], 0.5)
    problem = pinn.Problem(
        plate, lambda u, x: pinn.laplacian(u)(x), [pinn.Dirichlet(plate.boundary, 0.0)]
    )
    rows = pinn.RowInput((np.asarray(plate.sample(200, key=getkey())),))
    inside = lambda y: np.linalg.norm(y, axis=1) >= 0.5
    drawn = segments(problem, {"equation": rows}, inside)
    share = np.linspace(0, 1, 50)[:, None, None]
    along = (1 - share) * drawn.start + share * drawn.stop
    assert np.linalg.norm(along, axis=2).min() > 0.45
