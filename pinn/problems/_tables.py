"""Tables of values that come with the catalogue."""

from importlib import resources

import numpy as np


def table(name: str, lower: float, upper: float) -> tuple[np.ndarray, np.ndarray]:
    """Points (t, x) and values of a table at equal times from 0 to 1 and the centres
    of equal cells; see `tests/benchmarks/periodic_tables.py`."""
    file = resources.files("pinn.problems") / "data" / f"{name}.npz"
    with resources.as_file(file) as path, np.load(path) as found:
        values = found["values"]
    times, places = values.shape
    t = np.linspace(0.0, 1.0, times)
    x = lower + (upper - lower) * (np.arange(places) + 0.5) / places
    points = np.stack([a.ravel() for a in np.meshgrid(t, x, indexing="ij")], axis=1)
    return points, values.ravel()
