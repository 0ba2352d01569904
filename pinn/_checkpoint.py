"""Checkpoints of a solve: arrays and JSON in a folder, two generations of them.

A generation is written whole under another name, brought to the disk, and renamed; so
a process that is killed at any moment leaves the last one, and the one before it,
readable. Reading executes nothing.
"""

import contextlib
import io
import json
import os
import re
import tempfile
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from ._paths import check_folder

try:
    import fcntl
except ImportError:  # Windows: two processes are not kept apart
    fcntl = None

_FORMAT = "pinn-checkpoint-1"
_NAME = re.compile(r"state-(\d{8})\.npz")
_GENERATIONS = 2
# What reading a damaged file, or another one, can end with.
DAMAGES = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


class Checkpoint(NamedTuple):
    """One generation: what was written, and where it was read."""

    header: dict[str, Any]
    arrays: dict[str, np.ndarray]
    path: Path


class Folder:
    """A folder of checkpoints, used by one process at a time.

    Parameters
    ----------
    path
        The folder; it is made if it does not exist.
    new
        Whether it must hold no checkpoint yet.

    Raises
    ------
    ValueError
        If it cannot be made or written, is in use, or holds checkpoints where it
        should not, or none where it should.
    """

    def __init__(self, path: str | Path, *, new: bool):
        self.path = Path(path)
        if new:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ValueError(
                    f"`checkpoint`: the folder '{path}' cannot be made "
                    f"({(error.strerror or str(error)).lower()}); choose another."
                ) from error
        if not self.path.is_dir():
            raise ValueError(f"`folder`: there is no folder '{path}'.")
        check_folder("checkpoint" if new else "folder", self.path / "state")
        self._lock = _locked(self.path)
        self._number = max((n for n, _ in self._found()), default=0)
        if new and self._number:
            self.close()
            raise ValueError(
                f"`checkpoint`: the folder '{path}' holds checkpoints of a solve; go "
                f"on from them with `pinn.resume('{path}', problem)`, or choose "
                "another."
            )
        if not new and not self._number:
            self.close()
            raise ValueError(f"`folder`: there is no checkpoint in '{path}'.")

    def write(self, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Add a generation, and remove the one before the last.

        Raises
        ------
        OSError
            If the disk is full or gone; earlier generations stay.
        """
        self._number += 1
        path = self.path / f"state-{self._number:08d}.npz"
        write_archive(path, {"format": _FORMAT, **header}, arrays)
        for _, path in self._found()[:-_GENERATIONS]:
            path.unlink(missing_ok=True)

    def read(self, older: bool = False) -> Checkpoint:
        """The last generation, or the one before it.

        Raises
        ------
        ValueError
            If it is damaged or of another version; it says whether the one before is
            whole.
        """
        found = [path for _, path in self._found()]
        if older and len(found) < 2:
            raise ValueError(f"`older`: there is only one checkpoint in '{self.path}'.")
        path = found[-2] if older else found[-1]
        try:
            return _read(path)
        except DAMAGES as error:
            way_out = "Start anew."
            if not older and len(found) > 1:
                with contextlib.suppress(*DAMAGES):
                    _read(found[-2])
                    way_out = (
                        f"The one before it, '{found[-2].name}', is whole: pass "
                        "`older=True`."
                    )
            raise ValueError(
                f"`folder`: '{path}' is damaged, or of another version "
                f"({type(error).__name__}: {error}). {way_out}"
            ) from error

    def close(self) -> None:
        """Let another process use the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _found(self) -> list[tuple[int, Path]]:
        matches = ((_NAME.fullmatch(p.name), p) for p in self.path.iterdir())
        return sorted((int(m[1]), p) for m, p in matches if m)


def leaves_of(tree: Any, name: str) -> dict[str, np.ndarray]:
    """The arrays of a pytree under names that `filled` finds again."""
    arrays = jax.tree.leaves(eqx.filter(tree, eqx.is_array))
    plain = (jr.key_data(a) if _is_key(a) else a for a in arrays)
    return {f"{name}.{i}": np.asarray(a) for i, a in enumerate(plain)}


def filled(template: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """A pytree like `template` with the arrays that `leaves_of` took.

    Raises
    ------
    ValueError
        If `template` has another structure.
    """
    old, structure = jax.tree.flatten(eqx.filter(template, eqx.is_array))
    count = sum(re.fullmatch(rf"{name}\.\d+", key) is not None for key in arrays)
    new: list[Any] = []
    for i, a in enumerate(old):
        b = arrays.get(f"{name}.{i}")
        plain = jr.key_data(a) if _is_key(a) else a
        if b is None or b.shape != plain.shape or b.dtype != plain.dtype:
            break
        b = jnp.asarray(b)
        new.append(jr.wrap_key_data(b, impl=jr.key_impl(a)) if _is_key(a) else b)
    if len(new) != len(old) or len(old) != count:
        raise ValueError(
            "`field` or `method` has another structure than what the checkpoint holds. "
            "Pass both as they were passed to `solve`."
        )
    static = eqx.filter(template, eqx.is_array, inverse=True)
    return eqx.combine(jax.tree.unflatten(structure, new), static)


def write_archive(
    path: Path, header: dict[str, Any], arrays: dict[str, np.ndarray]
) -> None:
    """Write arrays, and a header as JSON, to one file, whole or not at all."""
    packed: dict[str, Any] = {
        **arrays,
        "header": np.frombuffer(json.dumps(header).encode(), np.uint8),
    }
    buffer = io.BytesIO()
    np.savez(buffer, **packed)
    write_whole(path, buffer.getvalue())


def read_archive(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Header and arrays of such a file; one of `DAMAGES` if it is none."""
    with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return json.loads(arrays.pop("header").tobytes()), arrays


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, also if the process or the machine stops."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    if fcntl is not None:  # the new name, too, must be on the disk
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _read(path: Path) -> Checkpoint:
    header, arrays = read_archive(path)
    if header["format"] != _FORMAT:
        raise ValueError(f"format {header['format']!r}, not {_FORMAT!r}")
    return Checkpoint(header, arrays, path)


def _locked(folder: Path) -> int | None:
    """Hold the folder's lock, which the system lets go when the process ends."""
    if fcntl is None:
        return None
    handle = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise ValueError(
            f"`checkpoint`: the folder '{folder}' is in use by another solve; choose "
            "another, or wait for its end."
        ) from None
    for part in folder.glob("state-*.npz*.part"):  # of a process that was killed
        part.unlink(missing_ok=True)
    return handle


def _is_key(array: Any) -> bool:
    return jnp.issubdtype(array.dtype, jax.dtypes.prng_key)
