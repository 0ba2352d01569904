"""Where files can go, found out before anything that takes time."""

import tempfile
from pathlib import Path


def check_folder(argument: str, path: Path, way_out: str = "choose another") -> None:
    """Refuse a file in a folder that is missing or cannot be written.

    Raises
    ------
    ValueError
        Naming the argument.
    """
    folder = path.parent
    if folder.exists() and not folder.is_dir():
        raise ValueError(
            f"`{argument}`: '{folder}' is a file, so nothing can lie in it; {way_out}."
        )
    if not folder.is_dir():
        raise ValueError(
            f"`{argument}`: the folder '{folder}' does not exist; make it first."
        )
    # Writing tells more than asking: the super-user may write anywhere but on a disk
    # that is read-only or full.
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"0")
    except OSError as error:
        reason = error.strerror or str(error)
        raise ValueError(
            f"`{argument}`: the folder '{folder.resolve()}' cannot be written "
            f"({reason.lower()}); {way_out}."
        ) from error
