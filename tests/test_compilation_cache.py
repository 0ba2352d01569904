"""The cache of compiled programs: used where the user asks, and only there."""

import os
import subprocess
import sys

PROGRAM = """
import jax, pinn
from pinn._task import Clock
Clock()
print(jax.config.jax_compilation_cache_dir)
jax.jit(lambda x: x * 2 + 1)(3.0)
"""


def test_programs_are_kept_in_the_folder_that_is_named(tmp_path):
    def run(**more):
        others = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
        return subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**others, **more},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    folder = tmp_path / "cache"
    assert run() == "None"
    assert run(PINN_COMPILATION_CACHE=str(folder)) == str(folder)
    assert len(list(folder.iterdir())) > 0
