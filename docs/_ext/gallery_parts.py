"""The order of the examples, and their pictures."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from pinn._cli._gallery import PICTURES, place

_SCRATCH = tempfile.TemporaryDirectory()


def order(file_name: str) -> tuple[int, str]:
    """The place of an example, the same as in `pinn gallery`."""
    return place(Path(file_name).stem)


def forget(gallery_conf: dict[str, Any], file_name: str) -> None:
    """Start each example as a process of its own would: in 32 bits, nothing compiled.

    All of them run in this process, which would keep every compiled program.
    """
    import jax

    jax.config.update("jax_enable_x64", False)
    jax.clear_caches()


def arguments(gallery_conf: dict[str, Any], script_vars: dict[str, Any]) -> list[str]:
    """Where an example draws to: given as at the terminal."""
    return [str(_drawn(script_vars))]


def picture(
    block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]
) -> str:
    """What an example has drawn, shown below the block that drew it."""
    from sphinx_gallery.scrapers import figure_rst

    for ending in PICTURES:
        drawn = _drawn(block_vars).with_suffix(ending)
        if drawn.is_file():
            path = Path(next(block_vars["image_path_iterator"])).with_suffix(ending)
            shutil.move(drawn, path)
            return figure_rst([str(path)], gallery_conf["src_dir"])
    return ""


def _drawn(script: dict[str, Any]) -> Path:
    return Path(_SCRATCH.name) / f"{Path(script['src_file']).stem}.png"
