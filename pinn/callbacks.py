"""Callbacks for `pinn.solve`: observers that keep what they are told."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class TensorBoard:
    """Writes the course of a solve to files that TensorBoard shows.

    A callable for ``pinn.solve(..., callbacks=[TensorBoard(folder)])``. The horizontal
    axis counts steps. After each compiled call it writes ``loss``; after each segment,
    on points that the method has not seen, ``residual`` (relative to the field),
    ``estimate`` (of the relative L2 error, where there is one) and the loss of each
    term, ``terms/NAME``. All are dimensionless but the losses, which have the square
    of the unit of the field.

    The files are whole after `close`, after a ``with`` block, or when the program ends;
    until then they lag by a second.

    Parameters
    ----------
    folder
        Where the files go; it is made if it does not exist. Each solve should have one
        of its own, below one that ``tensorboard --logdir`` is given.

    Raises
    ------
    ImportError
        If tensorboardX is not installed.
    ValueError
        If the folder cannot be made.
    """

    def __init__(self, folder: str | Path):
        try:
            from tensorboardX import SummaryWriter  # pyright: ignore
        except ImportError as error:
            raise ImportError(
                "`TensorBoard` needs the library tensorboardX: "
                "`pip install 'pinn[tensorboard]'`."
            ) from error
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(
                f"`folder`: '{folder}' cannot be made "
                f"({(error.strerror or str(error)).lower()}); choose another."
            ) from error
        self._writer = SummaryWriter(str(folder), flush_secs=1)
        self._steps = 0

    def __call__(self, record: Mapping[str, Any]) -> None:
        if "note" in record:
            self._write("residual", record["fresh"])
            self._write("estimate", record["estimate"])
            for name, loss in record["terms"].items():
                self._write(f"terms/{name}", loss)
        elif "loss" in record:
            self._steps += record.get("steps", 1)
            self._write("loss", record["loss"])

    def close(self) -> None:
        """Write what is still to be written, and close the files."""
        self._writer.close()

    def __enter__(self) -> "TensorBoard":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()

    def _write(self, name: str, value: float) -> None:
        if math.isfinite(value):  # an estimate that there is not
            self._writer.add_scalar(name, value, self._steps)
