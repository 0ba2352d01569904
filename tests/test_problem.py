"""Problems: terms in order, where their points lie, and what is refused."""

import inspect

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import refused
from numpy.testing import assert_allclose

import pinn
from pinn import Dirichlet, Initial, Neumann, Problem, dt, laplacian
from pinn._problem import residual_shape

SQUARE = pinn.Box([0.0, 0.0], [2.0, 1.0])
HOLE = pinn.Disk([1.0, 0.5], 0.25)
PLATE = SQUARE - HOLE
ROD = pinn.Interval(-1.0, 2.0)


def poisson(u, x):
    return -laplacian(u)(x) - 1.0


def heat(u, t, x):
    return dt(u)(t, x) - laplacian(u)(t, x)


def plate():
    conditions = [
        Dirichlet(SQUARE.faces["left"], 0.0, name="cold"),
        Neumann(HOLE.boundary, 1.0),
        Dirichlet(SQUARE.faces["right"], 1.0, name="cold", weight=4.0),
        Dirichlet(SQUARE.faces["top"], 1.0, name="equation"),
    ]
    return Problem(PLATE, poisson, conditions)


def rod():
    conditions = [Initial(0.0), Dirichlet(ROD.boundary, 0.0)]
    return Problem(ROD, heat, conditions, time=(1.0, 3.0))


def test_terms_in_order_with_names_of_their_own():
    names = [term.name for term in plate().terms]
    assert names == ["equation", "cold", "neumann", "cold-2", "equation-2"]
    assert [term.name for term in rod().terms] == ["equation", "initial", "dirichlet"]
    assert [term.weight for term in plate().terms] == [None, None, None, 4.0, None]


def test_measures_are_those_of_geometry():
    area = 2.0 - np.pi * 0.25**2
    measures = [term.measure for term in plate().terms]
    assert_allclose(measures, [area, 1.0, np.pi * 0.5, 1.0, 2.0], rtol=1e-3)
    # 3 long and 2 in time; the initial line; two ends, for the whole time.
    assert_allclose([term.measure for term in rod().terms], [6.0, 3.0, 4.0])


def test_bounds_are_those_of_all_arguments():
    assert_allclose(plate().bounds, ([0.0, 0.0], [2.0, 1.0]))
    assert_allclose(rod().bounds, ([1.0, -1.0], [3.0, 2.0]))
    assert (plate().in_size, rod().in_size) == (2, 2)


def test_points_lie_where_their_term_is(getkey):
    equation, initial, ends = (t.sample(100, key=getkey()) for t in rod().terms)
    t, x = equation.arguments
    assert t.shape == (100,)
    assert x.shape == (100, 1)
    assert jnp.all((t > 1.0) & (t < 3.0))
    assert jnp.all((x > -1.0) & (x < 2.0))
    assert equation.normal is None
    assert jnp.all(initial.arguments[0] == 1.0)
    assert initial.normal is None
    x, normal = ends.arguments[1], ends.normal
    assert set(np.unique(x)) == {-1.0, 2.0}
    assert_allclose(normal, np.where(x > 0, 1.0, -1.0))


def test_normals_are_outward_from_the_domain_of_the_problem(getkey):
    row = plate().terms[2].sample(50, key=getkey())
    outward = row.arguments[0] + 1e-3 * row.normal
    assert jnp.all(jax.vmap(HOLE.contains)(outward))
    assert not jnp.any(jax.vmap(PLATE.contains)(outward))
    alone = Problem(HOLE, poisson, [Neumann(HOLE.boundary, 1.0)])
    row = alone.terms[1].sample(50, key=getkey())
    assert not jnp.any(jax.vmap(HOLE.contains)(row.arguments[0] + 1e-3 * row.normal))


def test_a_part_is_cut_to_the_boundary_of_the_domain(getkey):
    corner = SQUARE - pinn.Disk([0.0, 0.0], 0.5)
    problem = Problem(corner, poisson, [Dirichlet(SQUARE.faces["left"], 0.0)])
    row = problem.terms[1].sample(200, key=getkey())
    assert jnp.min(row.arguments[0][:, 1]) > 0.5 - 1e-6
    assert_allclose(problem.terms[1].measure, 0.5, rtol=1e-3)


def test_points_are_traceable_with_static_shapes(getkey):
    draw = eqx.filter_jit(lambda p, key: [t.sample(7, key=key) for t in p.terms])
    for problem in (plate(), rod()):
        rows = draw(problem, getkey())
        assert all(row.arguments[-1].shape[0] == 7 for row in rows)


def test_one_condition_needs_no_list_and_a_generator_serves():
    one = Problem(SQUARE, poisson, Dirichlet(SQUARE.boundary, 0.0))
    some = Problem(SQUARE, poisson, (c for c in [Dirichlet(SQUARE.boundary, 0.0)]))
    assert [t.name for t in one.terms] == [t.name for t in some.terms]


class Diffusion(eqx.Module):
    diffusivity: jax.Array

    def __call__(self, u, t, x):
        return dt(u)(t, x) - self.diffusivity * laplacian(u)(t, x)


def test_coefficients_are_leaves_that_can_be_changed_and_differentiated():
    conditions = [Dirichlet(ROD.boundary, 0.0)]
    problem = Problem(ROD, Diffusion(jnp.asarray(2.0)), conditions, time=(0, 1))
    point = (jnp.asarray(0.5), jnp.array([0.3]))
    u = lambda t, x: t * x[0] ** 2

    @jax.jit
    def residual(nu):
        changed = eqx.tree_at(lambda p: p.residual.diffusivity, problem, nu)
        return changed.equation.residual(u, pinn.RowInput(point))

    nu = jnp.asarray(5.0)
    assert_allclose(residual(nu), 0.3**2 - 5.0 * 2 * 0.5, rtol=1e-14)
    assert_allclose(jax.grad(residual)(nu), -2 * 0.5, rtol=1e-14)


def test_a_residual_may_be_a_number_an_array_or_named():
    u = lambda x: x[0]
    residuals = {
        "number": (lambda u, x: u(x), [()]),
        "array": (lambda u, x: pinn.grad(u)(x), [(2,)]),
        "named": (lambda u, x: {"a": u(x), "b": pinn.grad(u)(x)}, [(), (2,)]),
    }
    for residual, shapes in residuals.values():
        problem = Problem(SQUARE, residual, [])
        found = jax.tree.leaves(residual_shape(problem, problem.equation, u))
        assert [leaf.shape for leaf in found] == shapes


@pytest.mark.parametrize(
    ("residual", "message"),
    [
        (lambda u, x: pinn.hessian(u)(x), r"`residual`.*shape \(2, 2\).*one point"),
        (lambda u, x: {"a": jnp.ones((1, 1))}, r"`residual`.*shape \(1, 1\).*'a'"),
        (lambda u, x: jnp.asarray(3), "`residual`.*int.*floating-point"),
        (
            lambda u, x: jax.lax.complex(u(x), u(x)),
            "`residual`.*complex.*real and imaginary",
        ),
        (lambda u, x: None, "`residual`.*returns nothing"),
        (lambda u, x: laplacian(u), r"`residual`.*at the point.*laplacian\(u\)\(x\)"),
        (lambda u, x: "zero", "`residual`.*str"),
    ],
)
def test_a_residual_of_the_wrong_kind_is_refused(residual, message):
    problem = Problem(SQUARE, residual, [Dirichlet(SQUARE.boundary, 0.0)])
    with refused(message):
        residual_shape(problem, problem.equation, lambda x: x[0])


def test_a_condition_of_the_wrong_kind_is_refused_by_name():
    part, name = SQUARE.boundary, "rim"
    condition = pinn.Condition(part, lambda u, x: pinn.hessian(u)(x), name=name)
    problem = Problem(SQUARE, poisson, [condition])
    with refused(r"condition 'rim'.*shape \(2, 2\)"):
        residual_shape(problem, problem.terms[1], lambda x: x[0])


EDGE = Dirichlet(SQUARE.boundary, 0.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Problem(SQUARE.boundary, poisson, []), "`domain` takes a region"),
        (lambda: Problem(SQUARE, 1.0, []), r"`residual`.*`residual\(u, x\)`; got 1.0"),
        (
            lambda: Problem(SQUARE, None, [], time=(0, 1)),
            r"`residual`.*residual\(u, t, x\)",
        ),
        (lambda: Problem(SQUARE, poisson, [1.0]), "`conditions`.*pinn.Dirichlet"),
        (lambda: Problem(SQUARE, poisson, 3), "`conditions` takes a list"),
        (lambda: Problem(SQUARE, poisson, [EDGE], exact=1.0), "`exact`.*function"),
        (lambda: Problem(ROD, heat, [], time=(1, 0)), r"`time`.*t0 < t1.*\(1.0, 0.0\)"),
        (lambda: Problem(ROD, heat, [], time=(0, 0)), "`time`.*t0 < t1"),
        (lambda: Problem(ROD, heat, [], time=(0, np.inf)), "`time`.*finite"),
        (lambda: Problem(ROD, heat, [], time=(0, np.nan)), "`time`.*finite"),
        (lambda: Problem(ROD, heat, [], time=1.0), "`time` takes a pair"),
        (lambda: Problem(ROD, heat, [], time=(0, 1, 2)), "`time` takes a pair"),
        (lambda: Problem(ROD, heat, [], time="ab"), "`time` takes a pair"),
        (
            lambda: Problem(SQUARE, poisson, [Initial(0.0)]),
            r"`Initial` needs.*time=\(t0, t1\)",
        ),
        (lambda: Problem(ROD, poisson, [EDGE]), "`where`.*2 dimension.*domain in 1"),
        (
            lambda: Problem(SQUARE, poisson, [Dirichlet(HOLE.boundary, 0.0)]),
            "empty part.*is on the boundary of Box",
        ),
        # Functions of the wrong arguments are found before anything is traced.
        (
            lambda: Problem(ROD, poisson, [], time=(0, 1)),
            r"`residual` is called as `residual\(u, t, x\)`",
        ),
        (
            lambda: Problem(SQUARE, heat, []),
            r"`residual` is called as `residual\(u, x\)`.*With a time",
        ),
        (
            lambda: Problem(SQUARE, poisson, [], exact=lambda t, x: t),
            r"`exact` is called as `exact\(x\)`",
        ),
        (
            lambda: Problem(
                ROD, heat, [Dirichlet(ROD.boundary, lambda x: x[0])], time=(0, 1)
            ),
            r"`value` of `Dirichlet` is called as `value\(t, x\)`",
        ),
        (
            lambda: Problem(ROD, heat, [Initial(lambda t, x: x[0])], time=(0, 1)),
            r"`value` of `Initial` is called as `value\(x\)`",
        ),
        (
            lambda: Problem(
                SQUARE, poisson, [pinn.Condition(SQUARE.boundary, lambda x: x[0])]
            ),
            r"`residual` of `Condition` is called as `residual\(u, x\)`",
        ),
        (
            lambda: Problem(
                SQUARE, poisson, [pinn.Condition(SQUARE.boundary, lambda u, x, y: y)]
            ),
            r"`residual` of `Condition` is called as `residual\(u, x\)`",
        ),
    ],
)
def test_errors_name_the_argument(make, message):
    with refused(message):
        make()


def test_what_is_left_out_is_named_with_a_line_to_write():
    missing = {
        r"`conditions` is missing.*pinn\.Dirichlet\(.*empty list": lambda: Problem(
            SQUARE, poisson
        ),
        r"`residual` is missing": lambda: Problem(SQUARE),
        r"`key` is missing.*key=jax\.random\.key\(0\)": lambda: pinn.solve(
            Problem(SQUARE, poisson, [EDGE])
        ),
    }
    for message, make in missing.items():
        with pytest.raises(TypeError, match=message):
            make()
    # Type checkers and readers still see that there is no default.
    key = inspect.signature(pinn.solve).parameters["key"]
    assert key.default is key.empty


def test_time_comes_first_is_said():
    cold = Dirichlet(ROD.boundary, 0.0)
    evolution = lambda residual: Problem(ROD, residual, [cold], time=(0, 1))
    with refused(r"`residual` takes the time first.*\(u, x, t\).*Write \(u, t, x\)"):
        evolution(lambda u, x, t: u(x, t))
    with refused(r"`value` of `Dirichlet` takes the time first"):
        Problem(ROD, heat, [Dirichlet(ROD.boundary, lambda x, t: t)], time=(0.0, 1.0))
    # A network would join the arguments in either order.
    for residual in (
        lambda u, t, x: u(x, t),
        lambda u, t, x: dt(u)(x, t),
        lambda u, t, x: laplacian(u)(x, t),
    ):
        problem = evolution(residual)
        with refused(r"takes the time first, `.*\(t, x\)`; .*shape \(1,\)"):
            residual_shape(problem, problem.equation, lambda *y: jnp.sum(y[0]))


def test_an_error_inside_a_residual_says_what_it_was_called_with():
    problem = Problem(SQUARE, lambda u, x: u(x) - x[0, 0], [EDGE])
    with refused(r"`residual` of the problem fails.*`x` of shape \(2,\).*IndexError"):
        residual_shape(problem, problem.equation, lambda x: x[0])


@pytest.mark.parametrize(
    ("residual", "message"),
    [
        (
            lambda u, x: u(x) - x[2],
            r"reads entry 2 of an axis of length 2 \(test_problem.py:\d+\)",
        ),
        (lambda u, x: u(x) - x[-3], "reads entry -3 of an axis of length 2"),
        (lambda u, x: pinn.grad(u)(x)[2], "reads entry 2 of an axis of length 2"),
        (lambda u, x: pinn.hessian(u)(x)[0, 2], "reads entry 2"),
        (jax.jit(lambda u, x: u(x) * x[5], static_argnums=0), "reads entry 5"),
        (lambda u, x: u(0.0, x), r"`u` is called as `u\(x\)`.*got \(\), \(2,\)"),
        (lambda u, x: u(jnp.stack([x, x])), r"`u`.*got \(2, 2\).*jax.vmap"),
        (lambda u, x: u(x) - np.sin(x[0]), "Use functions of `jax.numpy`"),
        (lambda u, x: u(x) if x[0] > 0 else x[0], "Use `jnp.where"),
    ],
)
def test_what_jax_would_do_without_a_word_is_refused(residual, message):
    problem = Problem(SQUARE, residual, [EDGE])
    with refused(message):
        residual_shape(problem, problem.equation, lambda x: jnp.sum(x**2))


def test_entries_that_are_there_are_read():
    residual = lambda u, x: u(x) - x[-2] + pinn.hessian(u)(x)[1, -1] + jnp.roll(x, 1)[0]
    problem = Problem(SQUARE, residual, [EDGE])
    inside = residual_shape(problem, problem.equation, lambda x: jnp.sum(x**2))
    assert inside.shape == ()
    # An index that is only known when it runs is left alone.
    moving = lambda u, x: u(x) - x[jnp.astype(x[0] * 0, int) + 1]
    problem = Problem(SQUARE, moving, [EDGE])
    assert residual_shape(problem, problem.equation, lambda x: x[0]).shape == ()


def test_functions_whose_signature_is_unknown_or_open_are_left_alone():
    Problem(SQUARE, lambda *arguments: arguments[0](arguments[1]), [])
    Problem(SQUARE, poisson, [Dirichlet(SQUARE.boundary, jnp.sum)], exact=jnp.max)
    with_normal = lambda u, x, normal: pinn.grad(u)(x) @ normal
    Problem(SQUARE, poisson, [pinn.Condition(SQUARE.boundary, with_normal)])
    Problem(SQUARE, poisson, [EDGE], exact=pinn.MLP(2, 1, 4, 1, key=jr.key(0)))
