r"""
Poisson's equation in a thousand dimensions
===========================================

.. math::

    -\Delta u = f \text{ for } |x|^2 < d = 1000, \qquad u = 0 \text{ for } |x|^2 = d,

with the solution :math:`u = (1 - |x|^2/d)\,(\sin a\cdot x + \cos b\cdot x)`. Each step
estimates the Laplacian from eight random directions instead of a thousand axes; the
factor :math:`1 - |x|^2/d` in front of the network keeps the boundary value. After 6000
steps (15 s on two CPU cores, in single precision) the relative L2 error is 2.2e-2.
"""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from matplotlib.figure import Figure

import pinn

DIM, BATCH, DIRECTIONS = 1000, 64, 8
A, B = jr.normal(jr.key(1), (2, DIM)) / jnp.sqrt(DIM)
edge = pinn.Field(lambda x: 1 - jnp.sum(x**2) / DIM)


def exact(x):
    return edge(x) * (jnp.sin(A @ x) + jnp.cos(B @ x))


def source(x):
    w, slope = jnp.sin(A @ x) + jnp.cos(B @ x), jnp.cos(A @ x) * A - jnp.sin(B @ x) * B
    bend = jnp.sum(A**2) * jnp.sin(A @ x) + jnp.sum(B**2) * jnp.cos(B @ x)
    return 2 * w + 4 / DIM * x @ slope + edge(x) * bend


def draw(n, key):
    """Points of the ball of radius √d, uniform in direction and in |x|²."""
    one, two = jr.split(key)
    x, square = jr.normal(one, (n, DIM)), jr.uniform(two, (n, 1))
    return x * jnp.sqrt(DIM * square) / jnp.linalg.norm(x, axis=1, keepdims=True)


def residual(u, x, key):
    estimate = pinn.laplacian(u, "stochastic", key=key, directions=DIRECTIONS)
    return -estimate(x) - source(x)


def loss(net, key):
    x, one, two = draw(BATCH, key), *jr.split(jr.fold_in(key, 1))
    # The square of an estimate is biased; a product of independent ones is not.
    pair = lambda x: residual(edge * net, x, one) * residual(edge * net, x, two)
    return jnp.mean(jax.vmap(pair)(x))


def main(steps=6000):
    bounds, sine = ([-3.0] * DIM, [3.0] * DIM), pinn.activations.sin
    net = pinn.MLP(DIM, "scalar", 32, 1, sine, bounds=bounds, key=jr.key(0))
    adam = optax.adam(optax.cosine_decay_schedule(5e-3, steps))
    weights, static = eqx.partition(net, eqx.is_inexact_array)

    def step(carry, key):
        weights, state = carry
        gradient = jax.grad(lambda w: loss(eqx.combine(w, static), key))(weights)
        updates, state = adam.update(gradient, state)
        return (eqx.apply_updates(weights, updates), state), None

    carry = (weights, adam.init(weights))
    keys = jr.split(jr.key(2), steps)
    (weights, _), _ = jax.jit(lambda c: jax.lax.scan(step, c, keys))(carry)
    u, x = edge * eqx.combine(weights, static), draw(2000, jr.key(3))
    found, truth = jax.vmap(u)(x), jax.vmap(exact)(x)
    error = pinn.metrics.relative_l2(found, truth)
    print(f"relative L2 error in {DIM} dimensions  {error:.1e}")
    return found, truth


def plot(solution, path=None):
    axes = Figure(figsize=(4, 4), layout="constrained").subplots()
    axes.plot(solution[1], solution[0], ".", markersize=2)
    axes.set(xlabel="exact solution", ylabel="network", aspect="equal")
    return axes.figure if path is None else axes.figure.savefig(path)


if __name__ == "__main__":
    plot(main(), *sys.argv[1:2])
