"""Films of fields in time."""

import itertools
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .._domain import AbstractDomain
from ._file import check_path
from ._grid import Grid, evaluate
from ._panel import SOLUTION, draw_panel

ANIMATIONS = (".gif", ".mp4")
_FRAMES = 60
_DPI = 100


def check_animation(path: Any) -> Path:
    """A path that a film can be written to.

    Raises
    ------
    ImportError
        If it is a film of MP4 and imageio-ffmpeg is not installed.
    ValueError
        If its ending is neither GIF nor MP4, or its folder cannot be written.
    """
    path = check_path(path, ANIMATIONS, " or ")
    if path.suffix.lower() == ".mp4":
        try:
            import imageio_ffmpeg  # noqa: F401 # pyright: ignore
        except ImportError as error:
            raise ImportError(
                "`animate` needs the library imageio-ffmpeg for MP4: "
                "`pip install 'pinn[video]'`, or write a GIF."
            ) from error
    return path


def animation(
    field: Callable[..., Any],
    domain: AbstractDomain,
    path: str | Path,
    *,
    time: tuple[float, float] | None,
    times: Any = None,
    frames_per_second: int = 20,
    title: str = "",
    component: int = 0,
    resolution: int | None = None,
) -> None:
    """Write a film of a field in time: a line over one dimension of space, else a map.

    Axes and colours stay the same from frame to frame.

    Parameters
    ----------
    field
        ``u(t, x)``.
    domain
        The region of space.
    path
        A file ending in ``.gif`` or ``.mp4``; one of that name is replaced.
    time
        First and last time.
    times
        The time of each frame; by default 60 at equal distances.
    frames_per_second
        Of the film.
    title, component, resolution
        See `figure`.

    Raises
    ------
    ImportError
        If imageio-ffmpeg is not installed, for MP4.
    ValueError
        If there is no time, `times` lie outside of it, or `path` has another ending or
        cannot be written: before anything is computed.
    """
    path = check_animation(path)
    if time is None:
        raise ValueError(
            "`animate` takes a solution in time; this one has none. Use `plot`."
        )
    moments = np.linspace(*time, _FRAMES) if times is None else np.ravel(times)
    if not len(moments) or min(moments) < time[0] or max(moments) > time[1]:
        raise ValueError(
            f"`times` takes times from {time[0]:g} to {time[1]:g}; got {times!r}."
        )
    # A field at one time is a field of space, so that a line is drawn in one dimension.
    grid = Grid(domain, None if domain.dim == 1 else time, None, resolution)
    x = grid.arguments[-1]
    tables = [
        evaluate(field, None, None, domain, (np.full(len(x), float(t)), x), component)[
            "field"
        ].reshape(grid.shape)
        for t in moments
    ]
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    fig = Figure(figsize=_even(grid.panel_size), dpi=_DPI, layout="constrained")
    canvas, ax = FigureCanvasAgg(fig), fig.subplots()
    limits = (float(np.nanmin(tables)), float(np.nanmax(tables)))
    drawn = draw_panel(fig, ax, grid, "", SOLUTION, tables[0], False, limits)
    if grid.is_line:
        margin = 0.05 * ((limits[1] - limits[0]) or 1.0)
        ax.set_ylim(limits[0] - margin, limits[1] + margin)

    def frames():
        for t, values in zip(moments, tables, strict=True):
            if grid.is_line:
                drawn.set_ydata(values)
            else:
                drawn.set_data(values.T)
            ax.set_title(f"{title}  $t = {t:.4f}$".strip(), fontsize=10)
            canvas.draw()
            yield np.asarray(canvas.buffer_rgba())[..., :3].copy()

    write = _write_gif if path.suffix.lower() == ".gif" else _write_mp4
    write(path, frames(), frames_per_second)


def _even(size: tuple[float, float]) -> tuple[float, float]:
    """Inches that give an even number of pixels, as films take them."""
    width, height = (2 * round(s * _DPI / 2) / _DPI for s in size)
    return width, height


def _write_gif(path, frames, frames_per_second):
    from PIL import Image

    pictures = [Image.fromarray(frame) for frame in frames]
    pictures[0].save(
        path,
        save_all=True,
        append_images=pictures[1:],
        duration=round(1000 / frames_per_second),
        loop=0,
    )


def _write_mp4(path, frames, frames_per_second):
    import imageio_ffmpeg  # pyright: ignore

    first = next(frames)
    height, width, _ = first.shape
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error"]
    command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
    command += ["-r", str(frames_per_second), "-i", "-"]
    # Players take this arrangement of colours, and few take others.
    command += ["-pix_fmt", "yuv420p", str(path)]
    # By a pipe of our own: that of imageio-ffmpeg forks, which JAX warns of.
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for frame in itertools.chain([first], frames):
            process.stdin.write(frame.tobytes())
    if process.returncode:
        raise OSError(f"ffmpeg could not write '{path}'; its message is above.")
