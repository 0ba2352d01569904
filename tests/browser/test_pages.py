"""The pages in a real browser: nothing fails to load, nothing sticks out, search finds.

They are built first:

    python -m sphinx -W -b html docs docs/_build/html
    pinn gallery --out gallery
    pytest -n 0 tests/browser --site docs/_build/html --gallery gallery
"""

import contextlib

import pytest

PAGES = {
    "first page": ("site", "index.html"),
    "tutorial": ("site", "tutorial.html"),
    "API": ("site", "api/generated/pinn.solve.html"),
    "examples": ("site", "gallery/index.html"),
    "gallery": ("gallery", "index.html"),
}
SIZES = {"phone": (390, 844), "desk": (1280, 800)}


@contextlib.contextmanager
def opened(browser, url, size):
    """A page at this address; whatever went wrong on it is an error in the end."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    wrong = []
    page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
    page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url}"))
    page.on("console", lambda m: m.type == "error" and wrong.append(f"says: {m.text}"))
    page.on("response", lambda r: r.status >= 400 and wrong.append(f"none: {r.url}"))
    page.on("request", lambda r: outside(r.url) and wrong.append(f"outside: {r.url}"))
    try:
        page.goto(url, wait_until="networkidle")
        yield page
        assert wrong == []
    finally:
        page.close()


def outside(url):
    return not url.startswith(("http://127.0.0.1:", "data:"))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_and_fits(browser, address, request, name, size):
    where, path = PAGES[name]
    with opened(browser, address[where] + path, SIZES[size]) as page:
        empty = page.evaluate(
            "[...document.images].filter(i => !i.naturalWidth).map(i => i.src)"
        )
        assert empty == []
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= SIZES[size][0], f"{width} pixels are wider than the screen"
        folder = request.config.getoption("screenshots")
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=folder / f"{name}, {size}.png")


def test_every_picture_of_the_gallery_leads_to_its_source(browser, address):
    with opened(browser, address["gallery"] + "index.html", SIZES["desk"]) as page:
        assert page.locator("li img").count() > 0
        page.locator("li h2 a").first.click()
        assert "def main(" in page.locator("pre").first.inner_text()


@pytest.mark.parametrize("size", SIZES)
def test_search_finds_the_laplacian(browser, address, size):
    url = address["site"] + "search.html?q=laplacian"
    with opened(browser, url, SIZES[size]) as page:
        page.wait_for_selector("#search-results li a")
        found = page.locator("#search-results li a").all_inner_texts()
        assert any("laplacian" in text.lower() for text in found), found


def test_mathematics_is_drawn_by_the_browser(browser, address):
    with opened(browser, address["site"] + "index.html", SIZES["desk"]) as page:
        sizes = page.evaluate(
            "[...document.querySelectorAll('math')].map(m => m.clientWidth"
            " || m.getBoundingClientRect().width)"
        )
        assert len(sizes) > 0
        assert min(sizes) > 0
