"""Make the tables of values that periodic problems of the catalogue are compared with.

By the exponential Runge-Kutta method of order four of Kassam & Trefethen, SIAM J. Sci.
Comput. 26 (2005), 1214-1233, in Fourier space with fixed steps: a program that shares
nothing with `pinn`. Each is made twice, with fewer waves and longer steps too; the
difference is printed, and stated in the docstring of the problem.

    python tests/benchmarks/periodic_tables.py [NAME ...]
"""

import sys
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parents[2] / "pinn" / "problems" / "data"
TIMES, PLACES = 41, 128


def etdrk4(symbol, nonlinear, u, step, count, keep):
    """Coefficients at every `keep`-th of `count` steps, the start first."""
    z = step * symbol
    e, half = np.exp(z), np.exp(z / 2)
    circle = np.exp(2j * np.pi * (np.arange(64) + 0.5) / 64)
    r = z[:, None] + circle
    mean = lambda a: step * np.mean(a, axis=1)
    q = mean((np.exp(r / 2) - 1) / r)
    f1 = mean((-4 - r + np.exp(r) * (4 - 3 * r + r**2)) / r**3)
    f2 = mean((2 + r + np.exp(r) * (r - 2)) / r**3)
    f3 = mean((-4 - 3 * r - r**2 + np.exp(r) * (4 - r)) / r**3)
    kept = [u]
    for n in range(1, count + 1):
        nu = nonlinear(u)
        a = half * u + q * nu
        na = nonlinear(a)
        b = half * u + q * na
        nb = nonlinear(b)
        c = half * a + q * (2 * nb - nu)
        u = e * u + nu * f1 + 2 * (na + nb) * f2 + nonlinear(c) * f3
        if n % keep == 0:
            kept.append(u)
    return np.array(kept)


def table(name, waves, steps):
    """Values ``(times, places)`` at equal times and the centres of equal cells."""
    lower, width, start, linear, nonlinear = CASES[name]
    k = 2 * np.pi * np.arange(waves + 1) / width
    fine = 2**18  # so that a kink at the seam does not alias
    x = lower + width * np.arange(fine) / fine
    u = np.fft.rfft(start(x), norm="forward")[: waves + 1]
    grid = 4 * waves

    def source(u):
        values = lambda u: np.fft.irfft(u, grid, norm="forward")
        return np.fft.rfft(nonlinear(values, u, k), norm="forward")[: waves + 1]

    def projected(u):
        return source(u) if name == "allen_cahn" else 1j * k * source(u)

    keep = steps // (TIMES - 1)
    found = etdrk4(linear(k), projected, u, 1.0 / steps, steps, keep)
    away = width * (np.arange(PLACES) + 0.5) / PLACES
    twice = np.where(k == 0, 1.0, 2.0)
    values = ((found * twice) @ np.exp(1j * np.outer(k, away))).real
    values[0] = start(lower + away)
    return values


CASES = {
    "allen_cahn": (
        -1.0,
        2.0,
        lambda x: x**2 * np.cos(np.pi * x),
        lambda k: -1e-4 * k**2 + 5 + 0j,
        lambda values, u, k: -5 * values(u) ** 3,
    ),
    "korteweg_de_vries": (
        -1.0,
        2.0,
        lambda x: np.cos(np.pi * x),
        lambda k: 1j * 0.022**2 * k**3,
        lambda values, u, k: -0.5 * values(u) ** 2,
    ),
    "kuramoto_sivashinsky": (
        0.0,
        2 * np.pi,
        lambda x: np.cos(x) * (1 + np.sin(x)),
        lambda k: 100 / 16**2 * k**2 - 100 / 16**4 * k**4 + 0j,
        lambda values, u, k: -100 / 32 * values(u) ** 2,
    ),
}
# Waves and steps, of the table and of the one it is compared with.
SIZES = {
    "allen_cahn": ((4000, 2000), (2000, 1000)),
    "korteweg_de_vries": ((384, 20_000), (320, 10_000)),
    "kuramoto_sivashinsky": ((192, 80_000), (144, 40_000)),
}


def main(names):
    for name in names or CASES:
        best, other = (table(name, *size) for size in SIZES[name])
        norm = np.linalg.norm
        half = TIMES // 2 + 1
        difference = norm(best - other) / norm(best)
        early = norm((best - other)[:half]) / norm(best[:half])
        print(f"{name}: {difference:.1e} (first half {early:.1e})", flush=True)
        np.savez_compressed(FOLDER / f"{name}.npz", values=best)


if __name__ == "__main__":
    main(sys.argv[1:])
