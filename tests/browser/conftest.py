"""Chromium of the system, and a local server of the pages that were built before."""

import functools
import http.server
import shutil
import threading
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


def pytest_addoption(parser):
    group = parser.getgroup("pages", "pages to open in a browser")
    group.addoption("--site", type=Path, help="folder of the built documentation")
    group.addoption("--gallery", type=Path, help="folder that `pinn gallery` has left")
    group.addoption("--screenshots", type=Path, help="folder to keep pictures in")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="session")
def address(request):
    """Addresses of the folders named on the command line, by the name of the option."""
    servers = {}
    for name in ("site", "gallery"):
        folder = request.config.getoption(name)
        if folder is None or not (folder / "index.html").is_file():
            pytest.skip(f"`--{name} FOLDER` names no folder with an index.html")
        handler = functools.partial(_Quiet, directory=str(folder))
        servers[name] = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=servers[name].serve_forever, daemon=True).start()
    yield {k: f"http://127.0.0.1:{s.server_port}/" for k, s in servers.items()}
    for server in servers.values():
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def browser():
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("there is no Chromium here (Debian: `apt-get install chromium`)")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        # The pages are our own, and in a container the sandbox cannot be set up.
        options = {"executable_path": program, "args": ["--no-sandbox"]}
        chromium = started.chromium.launch(**options)
        yield chromium
        chromium.close()
