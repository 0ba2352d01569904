"""What several test files share."""

import contextlib
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

import pinn
from pinn import Dirichlet, Initial, Neumann, Residuals, dt, dtt, laplacian
from pinn._equation import Structure, analyse, order_bound, structure
from pinn._weighting import by_operator


def hurried(function, *arguments):
    """A function compiled in a hurry, because it runs once."""
    dynamic, static = eqx.partition(arguments, eqx.is_array)
    lowered = jax.jit(lambda d: function(*eqx.combine(d, static))).lower(dynamic)
    options = {"xla_backend_optimization_level": 0}
    return lowered.compile(compiler_options=options)(dynamic)


def evaluate(functions, *point):
    """The values of many functions at one point, compiled together."""
    return hurried(lambda *point: [f(*point) for f in functions], *point)


@contextlib.contextmanager
def refused(message):
    """A `ValueError` whose message matches, as users get it: without a type checker."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        with pytest.raises(ValueError, match=message) as caught:
            yield caught
    finally:
        jaxtyping.config.update("jaxtyping_disable", before)


# Problems with known solutions, one of each kind.


def manufactured(domain, operator, exact, conditions, *, time=None, name):
    """The problem whose equation is `operator(u) = operator(exact)`."""
    residual = lambda u, *point: operator(u, *point) - operator(exact, *point)
    return pinn.Problem(domain, residual, conditions, time=time, exact=exact, name=name)


def poisson_1d():
    rod = pinn.Interval(-1.0, 1.0)
    exact = lambda x: jnp.sin(3 * x[0]) * jnp.exp(x[0])
    operator = lambda u, x: -laplacian(u)(x)
    conditions = [Dirichlet(rod.boundary, exact)]
    return manufactured(rod, operator, exact, conditions, name="poisson-1d")


def poisson_2d():
    square = pinn.Box([0.0, 0.0], [1.0, 1.0])
    exact = lambda x: jnp.sin(jnp.pi * x[0]) * jnp.sin(jnp.pi * x[1])

    def residual(u, x):
        return -laplacian(u)(x) - 2 * jnp.pi**2 * exact(x)

    return pinn.Problem(
        square,
        residual,
        [Dirichlet(square.boundary, 0.0)],
        exact=exact,
        name="poisson-2d",
    )


def variable_coefficient():
    box = pinn.Box([0.0, 0.0], [2.0, 1.0])
    k = lambda x: 1 + 0.5 * jnp.sin(2 * x[0]) * x[1]
    exact = lambda x: jnp.cos(2 * x[0] + x[1]) + x[0] * x[1]
    operator = lambda u, x: -pinn.divergence(k * pinn.grad(u))(x)
    conditions = [Dirichlet(box.boundary, exact)]
    return manufactured(box, operator, exact, conditions, name="variable-coefficient")


def neumann():
    square = pinn.Box([0.0, 0.0], [1.0, 1.0])
    exact = lambda x: jnp.exp(x[0]) * jnp.cos(2 * x[1])

    def residual(u, x):
        return -laplacian(u)(x) - 3 * exact(x)

    conditions = [
        Dirichlet(square.faces["left"], exact),
        Neumann(square.faces["right"], exact, name="outflow"),
        Neumann(square.faces["bottom"], 0.0, name="symmetry"),
        Neumann(square.faces["top"], lambda x: -2 * jnp.exp(x[0]) * jnp.sin(2.0)),
    ]
    return pinn.Problem(square, residual, conditions, exact=exact, name="neumann")


def robin():
    rod = pinn.Interval(0.0, 2.0)
    exact = lambda x: jnp.exp(-x[0]) * jnp.sin(4 * x[0])
    operator = lambda u, x: -laplacian(u)(x) + u(x)
    right = lambda x: 3 * exact(x) + 2 * pinn.partial(exact, 0)(x)
    conditions = [
        Neumann(rod.faces["left"], -4.0),
        pinn.Robin(rod.faces["right"], 3.0, 2.0, right),
    ]
    return manufactured(rod, operator, exact, conditions, name="robin")


def heat():
    rod = pinn.Interval(0.0, 1.0)
    exact = lambda t, x: jnp.exp(-(jnp.pi**2) * t) * jnp.sin(jnp.pi * x[0])

    def residual(u, t, x):
        return dt(u)(t, x) - laplacian(u)(t, x)

    conditions = [
        Dirichlet(rod.boundary, 0.0),
        Initial(lambda x: jnp.sin(jnp.pi * x[0])),
    ]
    return pinn.Problem(
        rod, residual, conditions, time=(0.0, 0.5), exact=exact, name="heat"
    )


def advection_diffusion():
    square = pinn.Box([0.0, 0.0], [1.0, 1.0])
    velocity = lambda x: jnp.stack([1.0 + x[1], -x[0]])
    exact = lambda x: jnp.exp(-3 * jnp.sum((x - 0.4) ** 2))

    def operator(u, x):
        return velocity(x) @ pinn.grad(u)(x) - 0.1 * laplacian(u)(x)

    conditions = [Dirichlet(square.boundary, exact)]
    return manufactured(square, operator, exact, conditions, name="advection-diffusion")


def wave():
    rod = pinn.Interval(0.0, 1.0)
    speed = 2.0
    exact = lambda t, x: (
        jnp.sin(jnp.pi * x[0])
        * (jnp.cos(speed * jnp.pi * t) + 0.5 * jnp.sin(speed * jnp.pi * t))
    )

    def residual(u, t, x):
        return dtt(u)(t, x) - speed**2 * laplacian(u)(t, x)

    start = lambda x: jnp.sin(jnp.pi * x[0])
    conditions = [
        Initial(start, lambda x: 0.5 * speed * jnp.pi * start(x)),
        Dirichlet(rod.boundary, 0.0),
    ]
    return pinn.Problem(
        rod, residual, conditions, time=(0.0, 0.75), exact=exact, name="wave"
    )


def helmholtz():
    square = pinn.Box([-1.0, -1.0], [1.0, 1.0])
    k = 5.0
    exact = lambda x: jnp.sin(3 * x[0] + 4 * x[1])  # |(3, 4)| = 5: no source

    def residual(u, x):
        return laplacian(u)(x) + k**2 * u(x)

    # Impedance, for 25 is close to an eigenvalue of the Dirichlet problem.
    datum = lambda u, x, *, normal: pinn.grad(u)(x) @ normal + u(x)
    conditions = [
        pinn.Condition(
            square.boundary,
            lambda u, x, *, normal: (
                datum(u, x, normal=normal) - datum(exact, x, normal=normal)
            ),
        )
    ]
    return pinn.Problem(square, residual, conditions, exact=exact, name="helmholtz")


def disk():
    domain = pinn.Disk([1.0, -2.0], 0.5)
    exact = lambda x: jnp.exp(x[0]) * jnp.sin(x[1]) + jnp.sum(x**2)

    def residual(u, x):
        return -laplacian(u)(x) + 4.0

    conditions = [Dirichlet(domain.boundary, exact)]
    return pinn.Problem(domain, residual, conditions, exact=exact, name="disk")


def nonlinear():
    square = pinn.Box([0.0, 0.0], [1.0, 1.0])
    exact = lambda x: 1 + jnp.sin(2 * x[0]) * jnp.cos(3 * x[1])
    operator = lambda u, x: -laplacian(u)(x) + u(x) ** 3
    conditions = [Dirichlet(square.boundary, exact)]
    return manufactured(square, operator, exact, conditions, name="nonlinear")


def elasticity():
    square = pinn.Box([0.0, 0.0], [1.0, 1.0])
    exact = lambda x: jnp.stack([jnp.sin(2 * x[0] + x[1]), x[0] * jnp.cos(x[1])])

    def operator(u, x):
        compression = pinn.grad(pinn.divergence(u))
        return -laplacian(u)(x) - 2 * compression(x)

    conditions = [
        Dirichlet(square.boundary, lambda x: exact(x)[0], component=0, name="u"),
        Dirichlet(square.boundary, lambda x: exact(x)[1], component=1, name="v"),
    ]
    return manufactured(square, operator, exact, conditions, name="elasticity")


def burgers():
    """A travelling front, u = c - a tanh(a (x - c t) / 2 nu), and a wide one."""
    rod = pinn.Interval(-1.0, 1.0)
    nu, a, c = 0.3, 0.7, 0.3
    exact = lambda t, x: c - a * jnp.tanh(a * (x[0] - c * t) / (2 * nu))

    def residual(u, t, x):
        u_t, u_x, u_xx = dt(u), pinn.partial(u, 0), laplacian(u)
        return u_t(t, x) + u(t, x) * u_x(t, x) - nu * u_xx(t, x)

    conditions = [
        Dirichlet(rod.boundary, exact),
        Initial(lambda x: exact(jnp.zeros_like(x[0]), x)),
    ]
    return pinn.Problem(
        rod, residual, conditions, time=(0.0, 1.0), exact=exact, name="burgers"
    )


PROBLEMS = {
    make.__name__: make
    for make in (
        poisson_1d,
        poisson_2d,
        variable_coefficient,
        neumann,
        robin,
        heat,
        advection_diffusion,
        wave,
        helmholtz,
        disk,
        nonlinear,
        elasticity,
        burgers,
    )
}


# Among them is everything that makes a difference; the others are for slow tests.
KINDS = ("neumann", "robin", "wave", "elasticity", "burgers", "poisson_1d")


def some_rows(problem, term, n=16, seed=0):
    """Row inputs of a term, drawn by NumPy, which compiles nothing.

    In the box around the term's region; the normals are unit vectors, not the true
    ones.
    """
    rng = np.random.default_rng(seed)
    lower, upper = (np.asarray(b) for b in term.region.bounds)
    x = jnp.asarray(lower + (upper - lower) * rng.random((n, len(lower))))
    normal = None
    if isinstance(term.region, pinn.AbstractPart):
        normal = jnp.asarray(rng.permuted(np.eye(len(lower))[[0] * n], axis=1))
    if problem.time is None:
        return pinn.RowInput((x,), normal)
    return pinn.RowInput((jnp.asarray(rng.uniform(*problem.time, n)), x), normal)


def some_points(problem, n=16, conditions=None, seed=0):
    """Row inputs of every term, `n` for the equation."""
    return {
        term.name: some_rows(problem, term, n if i == 0 else conditions or n, seed + i)
        for i, term in enumerate(problem.terms)
    }


def residuals_of(problem, shape=(), weights=None):
    """The rows of a problem under the default balance."""
    jets = analyse(problem, shape, some_points(problem))
    return Residuals(problem, by_operator(problem, jets, weights), structure(jets))


def shape_of(problem):
    """The shape of the exact solution."""
    point = (a[0] for a in some_points(problem)["equation"].arguments)
    return jax.eval_shape(problem.exact, *point).shape


def unbalanced(problem):
    """Rows with random factors, of a problem that is known to be local."""
    rng, shape = np.random.default_rng(0), shape_of(problem)
    factors, orders = {}, []
    for term in problem.terms:
        row = jax.tree.map(lambda a: a[0], some_points(problem)[term.name])
        found = jax.eval_shape(lambda row, t=term: t.residual(problem.exact, row), row)
        size = sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(found))
        factors[term.name] = jnp.asarray(rng.uniform(1, 2, size))
        orders.append((term.name, order_bound(problem, term, shape)))
    return Residuals(problem, factors, Structure(True, False, tuple(orders)))


@functools.cache
def problem_of(name):
    """One problem of each kind for all tests, so that what is compiled serves all."""
    return PROBLEMS[name]()


def solution_of(name, tol=1e-6):
    """One solution of each kind for all tests; nobody changes it."""
    return _solution_of(name, tol)


@functools.cache
def _solution_of(name, tol):
    return pinn.solve(problem_of(name), tol=tol, key=jax.random.key(0))


@contextlib.contextmanager
def compilations():
    """A list that gets an entry for every program that is compiled."""
    found, running = [], True

    def listen(event, seconds, **_):
        if running and event == "/jax/core/compile/backend_compile_duration":
            found.append(seconds)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield found
    running = False  # JAX keeps its listeners
