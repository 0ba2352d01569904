"""`pinn gallery`: every example in a process of its own, and what each of them left."""

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from .. import problems
from .._interrupt import Interrupts
from .._paths import check_folder
from ._errors import InputError

# From the first thing to read to the last; examples that are not listed come after.
ORDER = (
    "poisson",
    "heat",
    "heat_2d",
    "heat_on_a_disk",
    "heat_long",
    "wave_equation",
    "helmholtz",
    "nonlinear_poisson",
    "burgers",
    "allen_cahn",
    "korteweg_de_vries",
    "poisson_holes",
    "poisson_5d",
    "high_dimension",
    "inverse",
    "own_network",
    "own_activation",
    "own_method",
    "restart",
    "relu_laplacian",
    "kinked_loss",
    "broken_line",
    "dead_units",
    "adaptive_activations",
    "activation_study",
)
RECORDS = "gallery.json"
# An animation is shown rather than a picture.
PICTURES = (".gif", ".webp", ".png", ".svg")
_NUMBER = r"([-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)"
_ERROR = re.compile(rf"\berror\b.*?\s{_NUMBER}[ \t]*$", re.MULTILINE)
_RELATIVE = re.compile(rf"\brelative L2 error\b.*?\s{_NUMBER}[ \t]*$", re.MULTILINE)
_RAISED = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit)\b.*", re.M)


@dataclass(frozen=True)
class Outcome:
    """What an example left.

    `error` is the relative L2 error that it printed, `picture` the name of a file
    beside the page, `message` why it failed, `wall_s` its seconds with the start of
    Python, `source` and `output` the texts of its page.
    """

    name: str
    title: str
    ok: bool
    error: float | None
    wall_s: float
    picture: str | None
    message: str
    source: str
    output: str

    def as_dict(self) -> dict[str, object]:
        """What a program wants to know: all but the texts."""
        whole = asdict(self)
        return {k: v for k, v in whole.items() if k not in ("source", "output")}


def folder() -> Path:
    """Where the examples lie: in the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    installed, checkout = package / "_examples", package.parent / "examples"
    if installed.is_dir():
        return installed
    # A folder of that name beside an installed package is somebody else's.
    if checkout.is_dir() and (package.parent / "pyproject.toml").is_file():
        return checkout
    raise InputError("this installation has no examples; install `pinn` again.")


def names() -> tuple[str, ...]:
    """The names of all examples, in the order in which they are best read."""
    return tuple(sorted((path.stem for path in folder().glob("*.py")), key=place))


def place(name: str) -> tuple[int, str]:
    """The place of an example among the others."""
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)


def chosen(wanted: Iterable[str]) -> list[Path]:
    """The files of the examples of these names, or of all."""
    known, found = names(), []
    for name in wanted:
        if name.replace("-", "_") not in known:
            raise InputError(
                f"`NAME`: there is no example {name!r}; there are {', '.join(known)}."
                f"{problems.nearest(name, known)}"
            )
        found.append(name.replace("-", "_"))
    return [folder() / f"{name}.py" for name in dict.fromkeys(found or known)]


def title(source: str) -> str:
    """The first line of an example's text."""
    return (ast.get_docstring(ast.parse(source)) or "example").split("\n")[0]


def make_folder(out: Path, force: bool = False) -> list[Outcome]:
    """Make the folder, or find in it what an earlier call has left.

    Raises
    ------
    InputError, ValueError
        If it holds other files, or cannot be written.
    """
    records = out / RECORDS
    if out.exists() and not out.is_dir():
        raise InputError(f"`--out`: '{out}' is a file; name a folder.")
    strange = out.is_dir() and any(out.iterdir()) and not records.is_file()
    if strange and not force:
        raise InputError(
            f"`--out`: '{out}' holds other files; name a new folder, or pass --force "
            "to write between them."
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(
            f"`--out`: the folder '{out}' cannot be made ({reason}); choose another."
        ) from error
    check_folder("--out", records)
    if not records.is_file():
        return []
    try:
        return [Outcome(**record) for record in json.loads(records.read_text())]
    except (ValueError, TypeError) as error:
        if force:
            return []
        raise InputError(
            f"`--out`: '{records}' is not what `pinn gallery` wrote; name a "
            "new folder, or pass --force to replace it."
        ) from error


def write_records(out: Path, outcomes: Iterable[Outcome]) -> None:
    write(out / RECORDS, json.dumps([asdict(o) for o in outcomes], indent=1))


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def run(
    paths: Iterable[Path],
    out: Path,
    *,
    jobs: int,
    limit_s: float,
    started: Callable[[str], None],
) -> Iterator[Outcome]:
    """Run the examples, and give the outcome of each when it has ended.

    Parameters
    ----------
    paths
        The scripts.
    out
        Where their pictures go.
    jobs
        How many run at the same time.
    limit_s
        Seconds after which one is ended.
    started
        Told the name of each when it starts.

    Raises
    ------
    KeyboardInterrupt
        At Ctrl-C or SIGTERM, when those that run have been ended.
    """
    waiting, running = deque(paths), list[_Run]()
    with Interrupts() as interrupts:
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    running.append(_Run(waiting.popleft(), limit_s))
                    started(running[-1].path.stem)
                time.sleep(0.02)
                interrupts.check()
                for ended in [job for job in running if job.ended()]:
                    yield ended.outcome(out)
                    running.remove(ended)
        finally:
            for job in running:
                job.end()


class _Run:
    """An example under way."""

    def __init__(self, path: Path, limit_s: float):
        self.path, self.limit_s = path, limit_s
        self.begin, self.late = time.perf_counter(), False
        self.scratch = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        # An example in a checkout finds the `pinn` of the checkout.
        beside = [str(path.parents[1])] if path.parent.name == "examples" else []
        before = os.environ.get("PYTHONPATH")
        paths = os.pathsep.join([*beside, *([before] if before else [])])
        where = {"PYTHONPATH": paths} if paths else {}
        # A session of its own: Ctrl-C is for the gallery, which ends its examples.
        self.output = Path(self.scratch.name) / "output.txt"
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(path), str(self.picture)],
                cwd=self.scratch.name,
                env={**os.environ, "MPLBACKEND": "Agg", "PYTHONUTF8": "1", **where},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def picture(self) -> Path:
        return Path(self.scratch.name) / f"{self.path.stem}.png"

    def ended(self) -> bool:
        if self.process.poll() is not None:
            return True
        self.late = time.perf_counter() - self.begin > self.limit_s
        if self.late:
            self._kill()
        return self.late

    def outcome(self, out: Path) -> Outcome:
        wall_s, code = time.perf_counter() - self.begin, self.process.returncode
        text = self.output.read_text(encoding="utf-8", errors="replace")
        picture = self._keep_picture(out) if code == 0 else None
        message = "" if code == 0 else _message(text, code)
        if self.late:
            message = f"it was ended after {self.limit_s:g} s"
        elif code == 0 and picture is None:
            message = "it left no picture"
        self.end()
        source = self.path.read_text(encoding="utf-8")
        return Outcome(
            self.path.stem,
            title(source),
            not message,
            stated_error(text) if code == 0 else None,
            round(wall_s, 2),
            picture,
            message,
            source,
            text,
        )

    def end(self) -> None:
        if self.process.poll() is None:
            self._kill()
        self.scratch.cleanup()

    def _kill(self) -> None:
        if hasattr(os, "killpg"):  # with what it has started itself
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()

    def _keep_picture(self, out: Path) -> str | None:
        for ending in PICTURES:
            left = self.picture.with_suffix(ending)
            if left.is_file():
                shutil.move(left, out / left.name)
                return left.name
        return None


def stated_error(output: str) -> float | None:
    """The error that an example printed last, a relative L2 error if there is one."""
    found = _RELATIVE.findall(output) or _ERROR.findall(output)
    return float(found[-1]) if found else None


def _message(output: str, code: int) -> str:
    if code < 0:
        return f"it was ended by signal {-code}"
    # Below the line of the error, JAX adds notes of its own.
    raised = _RAISED.findall(output)
    lines = [line for line in output.splitlines() if line.strip()]
    return raised[-1] if raised else (lines or [f"it ended with code {code}"])[-1]
