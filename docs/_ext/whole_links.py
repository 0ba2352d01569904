"""Every link inside the pages leads to a page and a place on it: checked when built.

The first page has to be light too. Nothing of this needs a network.
"""

from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urlsplit

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

LARGEST_FIRST_PAGE = 300_000  # bytes, with all it loads but fonts
_FONTS = (".woff", ".woff2", ".ttf")


class _Page(HTMLParser):
    """The places of a page, what it links to, and what it loads."""

    def __init__(self, path: Path):
        super().__init__()
        self.places: set[str] = set()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value}
        self.places |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.add(values["href"])
        elif tag == "link" and values.get("rel") in ("stylesheet", "icon"):
            self.loads.add(values["href"])
        elif tag in ("img", "script") and "src" in values:
            self.loads.add(values["src"])


def check(app: Sphinx, exception: Any) -> None:
    if exception is not None or app.builder.format != "html":
        return
    root = Path(app.outdir)
    page_at = cache(_Page)
    broken = []
    for path in sorted(root.rglob("*.html")):
        page = page_at(path)
        for link in sorted(page.links | page.loads):
            if urlsplit(link).scheme or link.startswith("//"):
                continue
            target, place = (unquote(part) for part in urldefrag(link))
            file = path.parent / target.partition("?")[0] if target else path
            if file.is_dir():
                file /= "index.html"
            if not file.is_file():
                broken.append(f"{path.relative_to(root)}: {link}")
            elif place and place not in page_at(file.resolve()).places:
                broken.append(f"{path.relative_to(root)}: {link} (no such place)")
    if broken:
        raise ExtensionError("links that lead nowhere:\n" + "\n".join(broken))
    _check_size(root, page_at(root / "index.html"))


def _check_size(root: Path, page: _Page) -> None:
    files = [root / link.partition("?")[0] for link in page.loads if ":" not in link]
    sizes = {f.name: f.stat().st_size for f in files if f.suffix not in _FONTS}
    whole = sum(sizes.values()) + (root / "index.html").stat().st_size
    if whole > LARGEST_FIRST_PAGE:
        raise ExtensionError(f"the first page loads {whole} bytes: {sizes}")
