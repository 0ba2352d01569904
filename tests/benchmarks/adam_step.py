"""One step of Adam: an MLP 3 x 64, Poisson, 2000 + 400 points, 32 bit.

Beside `pinn.FirstOrder` stand the least that JAX needs for the same gradient and
update, a `lax.scan` of them without resampling and without keeping the best; and that
of the same loss written by hand (Laplacian by forward differentiation along the axes).
"""

import argparse
import statistics
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import optax

import pinn
from pinn._equation import analyse, structure
from pinn._merge import merged
from pinn._points import PointSource, on_device
from pinn._weighting import by_operator

N, CONDITIONS, STEPS = 2000, 400, 200
TARGET, RATIO = 7.0, 1.1


def problem() -> pinn.Problem:
    return pinn.problems.poisson()


def network() -> pinn.MLP:
    return pinn.MLP(
        2, "scalar", 64, 3, bounds=([0.0, 0.0], [1.0, 1.0]), key=jax.random.key(0)
    )


def pinn_steps(resample: int):
    """Many steps of `FirstOrder`, through `solve`, after the first call."""
    marks = []

    def mark(record):
        if "steps" in record:
            marks.append((time.perf_counter(), record["steps"]))

    method = pinn.FirstOrder(optax.adam(1e-3), steps=3 * STEPS, resample=resample)
    points = {"equation": N, "dirichlet": CONDITIONS}
    pinn.solve(
        problem(),
        network(),
        method,
        points=points,
        key=jax.random.key(0),
        callbacks=[mark],
        progress=False,
    )
    # Compilation comes before the first call has ended.
    begin, end = marks[0][0], marks[-1][0]
    return (end - begin) / sum(steps for _, steps in marks[1:])


def bare_steps():
    """The same gradient and update in one `lax.scan`."""
    ours, field = problem(), network()
    counts = {"equation": N, "dirichlet": CONDITIONS}
    points = on_device(PointSource(ours, counts, key=jax.random.key(1)).draw(counts))
    jets = analyse(ours, (), points)
    residuals = pinn.Residuals(ours, by_operator(ours, jets), structure(jets))
    _, fixed = eqx.partition(field, eqx.is_inexact_array)

    def loss(trainable):
        u = lambda q: eqx.combine(q, fixed)
        return merged(lambda q: residuals.loss(u(q), points), trainable)

    return scanned(loss)


def written_steps():
    """The same loss and step, written out, in one `lax.scan`."""
    square = pinn.Box([0.0, 0.0], [1.0, 1.0])
    x = square.sample(N, key=jax.random.key(1))
    edge = square.boundary.sample(CONDITIONS, key=jax.random.key(2))
    source = 2 * jnp.pi**2 * jnp.prod(jnp.sin(jnp.pi * x), axis=1)
    _, fixed = eqx.partition(network(), eqx.is_inexact_array)
    axes = jnp.eye(2)

    def laplacian(u, x):
        def second(e):
            first = lambda y: jax.jvp(u, (y,), (e,))[1]
            return jax.jvp(first, (x,), (e,))[1]

        return jnp.sum(jax.vmap(second)(axes))

    def loss(trainable):
        u = eqx.combine(trainable, fixed)
        r = jax.vmap(lambda x: laplacian(u, x))(x) + source
        b = jax.vmap(u)(edge)
        return 0.5 * (jnp.mean(r**2) / (2 * jnp.pi**2) ** 2 + jnp.mean(b**2))

    return scanned(loss)


def scanned(loss):
    """Seconds of a step of Adam on a function of the trainable part of the network."""
    trainable, _ = eqx.partition(network(), eqx.is_inexact_array)
    optimizer = optax.adam(1e-3)

    def step(carry, _):
        trainable, state = carry
        value, gradient = jax.value_and_grad(loss)(trainable)
        updates, state = optimizer.update(gradient, state)
        return (eqx.apply_updates(trainable, updates), state), value

    @jax.jit
    def many(carry):
        return jax.lax.scan(step, carry, None, length=STEPS)

    carry = (trainable, optimizer.init(trainable))
    carry, _ = jax.block_until_ready(many(carry))
    begin = time.perf_counter()
    jax.block_until_ready(many(carry))
    return (time.perf_counter() - begin) / STEPS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    rows = {
        "bare lax.scan": bare_steps,
        "bare lax.scan, written out": written_steps,
        "pinn, fixed points": lambda: pinn_steps(0),
        "pinn, new points every 100": lambda: pinn_steps(100),
    }
    print(f"{'one step':30}{'median':>9}{'least':>9}{'most':>9}{'target':>9}   [ms]")
    # In turn, so that what else the machine does meets all of them.
    times = [[1e3 * measure() for measure in rows.values()] for _ in range(runs)]
    for name, found in zip(rows, zip(*times, strict=True), strict=True):
        row = (statistics.median(found), min(found), max(found))
        target = f"{TARGET:9.1f}" if name.startswith("pinn") else ""
        print(f"{name:30}" + "".join(f"{t:9.2f}" for t in row) + target)
    ratio = statistics.median(fixed / bare for bare, _, fixed, _ in times)
    print(f"pinn with fixed points over the bare scan: {ratio:.2f} (target {RATIO})")


if __name__ == "__main__":
    main()
