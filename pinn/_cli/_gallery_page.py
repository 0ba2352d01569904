"""The pages of `pinn gallery`: plain HTML that loads nothing from elsewhere."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from ._gallery import Outcome, write

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; padding: 1rem; max-width: 80rem; }
a { color: inherit; }
ul { display: grid; gap: 1rem; padding: 0; list-style: none;
     grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); }
li { border: 1px solid #8886; border-radius: 8px; padding: 0.8rem; }
h2 { margin: 0 0 0.5rem; font-size: 1.05rem; }
img { background: white; border-radius: 4px; max-width: 100%; }
li img { display: block; width: 100%; height: 11rem; object-fit: contain; }
p { margin: 0.5rem 0 0; overflow-wrap: anywhere; }
.failed { border-color: #c33; }
.failed strong { color: #c33; }
pre { overflow-x: auto; padding: 0.8rem; border-radius: 8px; background: #8882;
      font-size: 0.85rem; }
"""


def write_pages(out: Path, outcomes: Sequence[Outcome]) -> Path:
    """Write the page of thumbnails, and one for each example; give the first one."""
    for outcome in outcomes:
        write(out / f"{outcome.name}.html", _page(outcome.title, _whole(outcome)))
    failed = sum(not outcome.ok for outcome in outcomes)
    count = f"{len(outcomes)} example{'s' * (len(outcomes) != 1)}"
    summary = f"{count}, {failed} failed." if failed else f"{count}."
    items = "\n".join(_item(outcome) for outcome in outcomes)
    body = f"<h1>Examples</h1>\n<p>{summary}</p>\n<ul>\n{items}\n</ul>"
    write(out / "index.html", _page("Examples", body))
    return out / "index.html"


def _item(outcome: Outcome) -> str:
    page = f"{outcome.name}.html"
    shown = f'<a href="{page}">{_image(outcome)}</a>' if outcome.picture else ""
    links = f'<a href="{page}">source and output</a>'
    if outcome.picture:
        links += f' · <a href="{outcome.picture}">picture</a>'
    return (
        f'<li class="{"ok" if outcome.ok else "failed"}">'
        f'<h2><a href="{page}">{escape(outcome.title)}</a></h2>\n'
        f"{shown}\n<p>{_figures(outcome)}</p>\n<p>{links}</p></li>"
    )


def _whole(outcome: Outcome) -> str:
    picture = _image(outcome)
    if outcome.picture:
        picture = f'<a href="{outcome.picture}">{picture}</a>'
    return (
        '<p><a href="index.html">all examples</a></p>\n'
        f"<h1>{escape(outcome.title)}</h1>\n<p>{_figures(outcome)}</p>\n{picture}\n"
        f"<h2>{outcome.name}.py</h2>\n<pre>{escape(outcome.source)}</pre>\n"
        f"<h2>What it prints</h2>\n<pre>{escape(outcome.output)}</pre>"
    )


def _image(outcome: Outcome) -> str:
    if outcome.picture is None:
        return ""
    text = escape(outcome.title, quote=True)
    return f'<img src="{outcome.picture}" alt="{text}">'


def _figures(outcome: Outcome) -> str:
    seconds = f"{outcome.wall_s:.1f} s"
    if not outcome.ok:
        return f"<strong>failed</strong> after {seconds}: {escape(outcome.message)}"
    if outcome.error is None:
        return seconds
    return f"error {outcome.error:.1e} · {seconds}"


def _page(title: str, body: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Without an icon of its own a browser asks the server for one.
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)} · pinn</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )
