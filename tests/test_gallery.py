"""`pinn gallery`: what it runs, what it leaves, and what does not stop it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pinn._cli import _gallery
from pinn.cli import app

EXAMPLE = '''"""
{title}
=======

Text.
"""
import sys
from pathlib import Path
print("relative L2 error  1.5e-03")
print("largest error      2.0")
{body}
Path(sys.argv[1]).{write}
'''
PICTURE = r"write_bytes(b'\x89PNG')"


@pytest.fixture
def examples(tmp_path, monkeypatch):
    """A folder of examples that are quick, in the place of those of `pinn`."""
    folder = tmp_path / "examples"
    folder.mkdir()
    texts = {
        "good": ("A good one", "", PICTURE),
        "bad": ("A <bad> one", "raise ValueError('too <bad>')", PICTURE),
        "moving": ("One that moves", "", f"with_suffix('.gif').{PICTURE}"),
        "blind": ("No picture", "", "exists()"),
    }
    for name, (title, body, write) in texts.items():
        text = EXAMPLE.format(title=title, body=body, write=write)
        (folder / f"{name}.py").write_text(text)
    monkeypatch.setattr(_gallery, "folder", lambda: folder)
    monkeypatch.chdir(tmp_path)
    return folder


def run(*arguments):
    return CliRunner().invoke(app, ["gallery", *map(str, arguments)])


class Links(HTMLParser):
    """What a page names in `href` and `src`."""

    def __init__(self, path):
        super().__init__()
        self.found = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        self.found |= {v for k, v in attrs if k in ("href", "src")}


def test_a_failing_example_does_not_stop_the_others(examples, tmp_path):
    result = run("--jobs", 2)
    assert result.exit_code == 1
    page = (tmp_path / "gallery" / "index.html").read_text()
    assert page.count('<li class="ok">') == 2
    assert page.count("<strong>failed</strong>") == 2
    assert "ValueError: too &lt;bad&gt;" in page
    assert "it left no picture" in page
    assert "A &lt;bad&gt; one" in page
    assert "error 1.5e-03" in page
    assert "ValueError: too <bad>" in result.stdout


def test_every_link_of_the_pages_leads_to_a_file_beside_them(examples, tmp_path):
    run()
    pages = list((tmp_path / "gallery").glob("*.html"))
    assert len(pages) == 5
    for page in pages:
        for link in Links(page).found - {"data:,"}:
            assert (page.parent / link).is_file(), (page.name, link)
    assert "moving.gif" in Links(tmp_path / "gallery" / "index.html").found


def test_a_second_call_keeps_what_the_first_has_done(examples, tmp_path):
    assert run("good", "--out", "page", "--json").exit_code == 0
    result = run("moving", "--out", "page", "--json")
    told = json.loads(result.stdout)
    assert [row["name"] for row in told["examples"]] == ["moving"]
    assert told["examples"][0]["error"] == 1.5e-3
    page = Path(told["page"]).read_text()
    assert "A good one" in page
    assert "One that moves" in page


def test_an_example_that_takes_too_long_is_ended(examples):
    text = EXAMPLE.format(
        title="t", body="import time; time.sleep(60)", write="exists()"
    )
    (examples / "slow.py").write_text(text)
    result = run("slow", "--limit", 1)
    assert result.exit_code == 1
    assert "it was ended after 1 s" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["god"], ["'god'", "Did you mean 'good'?"]),
        (["--out", "examples"], ["`--out`", "'examples' holds other files"]),
        (["--out", "examples/good.py"], ["`--out`", "is a file"]),
        (["--out", "examples/good.py/page"], ["`--out`", "cannot be made"]),
        (["--out", "/proc/self/page"], ["`--out`", "/proc/self", "cannot be made"]),
    ],
)
def test_wrong_input_is_one_line_and_code_2(examples, arguments, expected):
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    for text in expected:
        assert text in result.stderr


def test_a_damaged_record_is_refused_and_kept(examples, tmp_path):
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "gallery.json").write_text("{")
    assert run("good", "--out", "page").exit_code == 2
    assert (tmp_path / "page" / "gallery.json").read_text() == "{"


def test_force_writes_between_the_files_of_a_folder(examples, tmp_path):
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "mine.txt").write_text("mine")
    assert run("good", "--out", "page").exit_code == 2
    assert run("good", "--out", "page", "--force").exit_code == 0
    assert (tmp_path / "page" / "mine.txt").read_text() == "mine"
    assert (tmp_path / "page" / "index.html").is_file()


def test_ctrl_c_keeps_what_was_done_and_ends_what_runs(examples, tmp_path):
    body = "import os, time; Path(sys.argv[1]).parents[0]; "
    body += f"Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))"
    body += "; time.sleep(120)"
    text = EXAMPLE.format(title="It waits", body=body, write="exists()")
    (examples / "waits.py").write_text(text)
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from pathlib import Path; from pinn._cli import _gallery\n"
        f"_gallery.folder = lambda: Path({str(examples)!r})\n"
        "from pinn.cli import app; app(['gallery', 'good', 'waits'])"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path)
    try:
        for _ in range(1200):
            if (tmp_path / "pid").is_file() and (tmp_path / "pid").read_text():
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    finally:
        process.kill()
    page = (tmp_path / "gallery" / "index.html").read_text()
    assert "A good one" in page
    assert "It waits" not in page
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_the_relative_error_that_was_printed_last_is_taken():
    text = (
        "relative L2 error  1e-3\nrelative L2 error at t = 1  2.5e-4\nlargest error 3"
    )
    assert _gallery.stated_error(text) == 2.5e-4
    assert _gallery.stated_error("maximal error: 0.5\n") == 0.5
    assert _gallery.stated_error("no number of an error here") is None


def test_every_example_of_pinn_has_a_title_and_states_its_error():
    assert len(_gallery.names()) >= 5
    assert set(_gallery.ORDER) <= set(_gallery.names())
    for path in _gallery.chosen([]):
        text = path.read_text()
        assert len(_gallery.title(text)) > 10, path
        assert re.search(r"\berror\b", text), path


@pytest.mark.slow
def test_a_wheel_brings_the_examples(tmp_path):
    pytest.importorskip("hatchling")
    root = Path(__file__).parents[1]
    build = ["pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", tmp_path]
    subprocess.run([sys.executable, "-m", *map(str, build), str(root)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    install = ["pip", "install", "--no-deps", "-q", "--target", tmp_path / "site"]
    subprocess.run([sys.executable, "-m", *map(str, install), str(wheel)], check=True)
    run_it = "from pinn.cli import app; app(['gallery', 'own_method', '--json'])"
    done = subprocess.run(
        [sys.executable, "-c", run_it],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["examples"][0]["error"] < 1e-5
