r"""From a problem, a field and row inputs to residuals, rows and Jacobian rows.

The residuals are a named tree, ``{"equation": r, "dirichlet": b}``; the *rows* are the
same numbers, weighted and in one vector. A row of a term with $n$ row inputs, residual
$r_i$, weight $w$ and operator size $s$ is

$$ \rho_i = \sqrt{w / n}\; r_i / s, $$

so that more points never shift the balance between terms, and every row has the unit
of the field. ($\sum_i \rho_i^2$ is $w$ times the mean of $(r/s)^2$ over the region:
the measure of the region and the size of the operator cancel in the default weight.)
Weights that change while a method works, for a term or for each of its rows, multiply
the squares of the rows.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from ._condition import RowInput
from ._equation import Structure, ravelled
from ._network import Frozen
from ._points import Points
from ._problem import Problem, Term
from ._types import FieldLike

# Rows of the Jacobian that are computed at once: enough to keep the cores busy, few
# enough that the intermediate derivatives need little memory beside it.
_CHUNK = 2048


class Residuals(eqx.Module):
    """The rows of a problem.

    Parameters
    ----------
    problem
        The problem, with the coefficients it has at present.
    factors
        For each term, what its residuals are multiplied with, one number for each
        component of the residual, ``(k,)``.
    structure
        What is known of the residuals from their jets; nothing by default.
    weights
        What the squared rows of a term are multiplied with: one number ``()``, or one
        for each row input ``(n,)``; 1 for terms that are not named. Dimensionless.
    balance
        How such weights change while a method works (see `pinn.weighting`), if they
        do.
    sampler
        How the points of the equation follow its residual while a method works (see
        `pinn.sampling`), if they do.
    sequence
        The sequence that the user chose for points (see `pinn.sampling`), if any.
    given
        Names of the terms whose points the user gave as arrays; these stay.
    """

    problem: Problem
    factors: dict[str, Float[Array, " k"]]
    structure: Structure = eqx.field(static=True, default=Structure())
    weights: dict[str, Array] = eqx.field(default_factory=dict)
    balance: Any = None
    sampler: Any = None
    sequence: Any = None
    given: tuple[str, ...] = eqx.field(static=True, default=())

    def tree(self, field: FieldLike, points: Points) -> dict[str, Any]:
        """The residuals of every term at all its row inputs, unweighted.

        Returns
        -------
        dict
            For each term what its residual returns, with a leading axis of n.
        """
        return {
            term.name: jax.vmap(lambda row, term=term: term.residual(field, row))(
                points[term.name]
            )
            for term in self.problem.terms
        }

    def by_term(
        self, field: FieldLike, points: Points
    ) -> dict[str, Float[Array, "n k"]]:
        """The residuals of every term divided by the size of its operator.

        They have the unit of the field; components of a residual are the columns.
        """
        return {
            term.name: jax.vmap(lambda row, term=term: self.row(term, field, row))(
                points[term.name]
            )
            for term in self.problem.terms
        }

    def row(self, term: Term, field: FieldLike, inputs: RowInput) -> Float[Array, " k"]:
        """The same at one row input of one term."""
        return self.factors[term.name] * ravelled(term, field, inputs)

    def squares(
        self, field: FieldLike, points: Points
    ) -> dict[str, Float[Array, " n"]]:
        """The weighted squares of `by_term`, summed over the components.

        Half the sum of their means over the points is the loss.
        """
        return {
            name: self.weight_of(name, r.shape[0]) * jnp.sum(r**2, axis=1)
            for name, r in self.by_term(field, points).items()
        }

    def weight_of(self, name: str, n: int) -> Float[Array, " n"]:
        """The weights of the rows of a term."""
        weight = self.weights.get(name, jnp.ones((), self.factors[name].dtype))
        return jnp.broadcast_to(weight, (n,))

    def weighted(self, weights: Mapping[str, Array]) -> "Residuals":
        """The same rows with their weights multiplied by others, of terms by name."""
        product = dict(self.weights)
        for name, weight in weights.items():
            product[name] = weight * product[name] if name in product else weight
        return dataclasses.replace(self, weights=product)

    def rows(self, field: FieldLike, points: Points) -> Float[Array, " rows"]:
        """All residuals, weighted, in one vector: terms in order, then points."""
        parts = []
        for name, r in self.by_term(field, points).items():
            if name in self.weights:
                r = jnp.sqrt(self.weight_of(name, r.shape[0]))[:, None] * r
            parts.append(jnp.ravel(r) / jnp.sqrt(jnp.asarray(r.shape[0], r.dtype)))
        return jnp.concatenate(parts)

    def loss(self, field: FieldLike, points: Points) -> Float[Array, ""]:
        """Half the sum of the squared rows."""
        return 0.5 * jnp.sum(self.rows(field, points) ** 2)

    def linearise(
        self, field: FieldLike, trainable: Any, points: Points
    ) -> tuple[Float[Array, " rows"], Float[Array, "rows p"]]:
        """The rows and their derivatives in the unknowns.

        Parameters
        ----------
        field
            The field.
        trainable
            A tree like `field`, true at the leaves that are unknowns.
        points
            Row inputs of every term.

        Returns
        -------
        tuple
            The rows, and the Jacobian with one column for each number of the unknown
            leaves, in the order of `jax.flatten_util.ravel_pytree`. Each row is
            differentiated on its own in reverse mode.
        """
        unknown, known = eqx.partition(field, trainable)
        flat, unravel = ravel_pytree(unknown)

        def rows_of(term: Term, inputs: RowInput):
            n = length_of(inputs)
            weights = (
                self.weight_of(term.name, n) if term.name in self.weights else None
            )

            def row(parameters: Array, one: RowInput, weight: Array | None) -> Array:
                u = eqx.combine(unravel(parameters), known)
                r = self.row(term, u, one)
                r = r if weight is None else jnp.sqrt(weight) * r
                return r / jnp.sqrt(jnp.asarray(n, flat.dtype))

            def both(one: tuple[RowInput, Array | None]):
                value, pullback = jax.vjp(lambda q: row(q, *one), flat)
                # On a CPU, XLA computes the activations again for every entry of the
                # outer products that they enter, five times the work, where this does
                # not stand (`Compiled` with `barriers`).
                value, pullback = jax.lax.optimization_barrier((value, pullback))
                unit = jnp.eye(value.size, dtype=flat.dtype)
                (derivative,) = jax.vmap(pullback)(unit)
                return value, derivative

            return _in_chunks(jax.vmap(both), (inputs, weights), n)

        values, derivatives = zip(
            *(rows_of(t, points[t.name]) for t in self.problem.terms), strict=True
        )
        return (
            jnp.concatenate([jnp.ravel(v) for v in values]),
            jnp.concatenate([d.reshape(-1, flat.size) for d in derivatives]),
        )


def trainable_leaves(field: Any) -> Any:
    """A tree like `field`, true at the numbers that a method may train.

    These are all inexact arrays but those of parts that are `Frozen`.

    Parameters
    ----------
    field
        A field, or any pytree.
    """
    frozen = lambda node: isinstance(node, Frozen)

    def of(node: Any) -> Any:
        if frozen(node):
            return jax.tree.map(lambda _: False, node)
        return eqx.is_inexact_array(node)

    return jax.tree.map(of, field, is_leaf=frozen)


def trainable_size(field: Any) -> int:
    """How many numbers those arrays hold."""
    return sum(a.size for a in jax.tree.leaves(eqx.filter(field, eqx.is_inexact_array)))


def readout_leaves(field: Any) -> Any:
    """A tree like `field`, true at the arrays of its `readout` only."""
    # Found by identity: `readout` may be a property that looks at other leaves, which
    # a tree of booleans, or `equinox.tree_at`, would have replaced.
    chosen = {id(leaf) for leaf in jax.tree.leaves(field.readout)}
    return jax.tree.map(
        lambda leaf: eqx.is_inexact_array(leaf) and id(leaf) in chosen, field
    )


def is_linear_capable(field: Any) -> bool:
    """Whether a field has a node `readout`, its linear last layer."""
    return hasattr(field, "readout")


def _in_chunks(function: Any, inputs: Any, n: int) -> Any:
    """Apply a batched function to equal chunks, one after the other."""
    count = -(-n // _CHUNK)
    if count == 1:
        return function(inputs)
    size = -(-n // count)
    missing = count * size - n  # the last rows are repeated, and dropped again
    stack = lambda a: jnp.concatenate([a, a[n - missing :]]).reshape(
        count, size, *a.shape[1:]
    )
    result = jax.lax.map(function, jax.tree.map(stack, inputs))
    return jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:])[:n], result)


def length_of(inputs: RowInput) -> int:
    """How many row inputs are stacked."""
    return jax.tree.leaves(inputs)[0].shape[0]
