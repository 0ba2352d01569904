"""The panels of a march gathered into a field that is smooth in time."""

from typing import Any

import equinox as eqx
import jax
import numpy as np

from .._network import Evolved


class Panels:
    """Polynomials in time, one panel after the other.

    Parameters
    ----------
    network
        The features of the first window.
    time
        First and last time.
    shape
        Of the field.
    degree
        Of the polynomials.
    """

    def __init__(
        self,
        network: Any,
        time: tuple[float, float],
        shape: tuple[int, ...],
        degree: int,
    ):
        self.networks = [network]
        self.time, self.shape, self.degree = time, shape, degree
        self._edges, self._tables, self._windows = [0.0], [], []

    def add(self, end: float, table: np.ndarray) -> None:
        """A panel from the last to a time τ: Chebyshev coefficients of the readout,
        ``(degree + 1, d, m + 1)``."""
        self._tables.append(table)
        self._edges.append(end)
        self._windows.append(len(self.networks) - 1)

    def turn(self, network: Any) -> None:
        """Go on with other features."""
        self.networks.append(network)

    def field(self) -> Evolved:
        """The field so far; from there on it stays as it is."""
        edges, tables, windows = self._edges[:], self._tables[:], self._windows[:]
        m = self.networks[0].readout.weight.shape[-1]
        components = int(np.prod(self.shape))
        if edges[-1] < 1:
            last = np.zeros((self.degree + 1, components, m + 1))
            if tables:  # the value at its end, where all polynomials are one
                last[0] = tables[-1].sum(axis=0)
            edges, tables = [*edges, 1.0], [*tables, last]
            windows = [*windows, windows[-1] if windows else 0]
        # Filled up, so that fields of about the same length have the same structure.
        missing = (1 << (len(tables) - 1).bit_length()) - len(tables)
        step = edges[-1] - edges[-2]
        edges += [edges[-1] + step * (i + 1) for i in range(missing)]
        stays = np.zeros_like(tables[-1])
        stays[0] = tables[-1].sum(axis=0)
        tables += [stays] * missing
        windows += [windows[-1]] * missing
        start, stop = self.time
        edges = start + (stop - start) * np.asarray(edges)
        if missing:
            # The last time belongs to the panel that ends there, which has its rate.
            ulp = np.spacing(max(abs(start), abs(stop)))
            edges[-missing - 1] = max(edges[-missing - 1], stop) + 4 * ulp
        coefficients = np.stack(tables).reshape(
            len(tables), self.degree + 1, *self.shape, m + 1
        )
        networks = [eqx.filter(n, eqx.is_array) for n in self.networks]
        # By NumPy: JAX would compile something for each shape.
        stacked = jax.tree.map(lambda *a: jax.device_put(np.stack(a)), *networks)
        rest = eqx.filter(self.networks[0], eqx.is_array, inverse=True)
        numbers = (
            edges,
            (edges[1:] + edges[:-1]) / 2,
            2 / np.diff(edges),
            coefficients,
            np.asarray(windows, np.int32),
        )
        return Evolved(eqx.combine(stacked, rest), *jax.device_put(numbers))
