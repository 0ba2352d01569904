"""The order of the examples, and their pictures."""

from pathlib import Path
from typing import Any

from pinn._cli._gallery import place


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


def picture(
    block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]
) -> str:
    """What an example's `plot` returned as `figure`, shown below its block.

    An animation of matplotlib becomes a GIF, a figure a PNG.
    """
    from sphinx_gallery.scrapers import figure_rst

    figure = block_vars["example_globals"].pop("figure", None)
    if figure is None:
        return ""
    path = next(block_vars["image_path_iterator"])
    if hasattr(figure, "to_jshtml"):
        path = str(Path(path).with_suffix(".gif"))
        figure.save(path, writer="pillow", dpi=80)
    else:
        figure.savefig(path, dpi=120)
    return figure_rst([path], gallery_conf["src_dir"], srcsetpaths=[{0: path}])
