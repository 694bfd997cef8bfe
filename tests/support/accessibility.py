"""Checks of a page for accessibility by axe (WCAG 2.2 AA), at each width and in each color scheme."""

from functools import cache
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

WIDTHS = (1280, 320)
SCHEMES = ("light", "dark")

# The script is half a megabyte: a document gets it once.
_RUN = """async () => {
  const { violations } = await axe.run({ resultTypes: ["violations"] });
  return violations.map(({ id, nodes }) => [id, nodes[0].html]);
}"""
# An inherited color in transition would change one level of elements a frame.
_STILL = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("*, *::before, *::after { transition: none !important; animation: none !important; }");
  document.adoptedStyleSheets = [sheet];
}"""
_DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def faults(page: Page, name: str = "") -> list[Any]:
    """Return the violations of the page as it is now: at each width, in each scheme. Leaves it wide, light, and without
    transitions."""
    found: list[Any] = []
    page.evaluate(_STILL)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.evaluate(_DRAWN)
            found += [(name, width, scheme, *one) for one in violations(page)]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append((name, width, "wider than the screen"))
    page.set_viewport_size({"width": WIDTHS[0], "height": 800})
    page.emulate_media(color_scheme=SCHEMES[0])
    return found


def violations(page: Page) -> list[Any]:
    """Return the rules of axe that the page violates, each with its first element."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(_script())
    return list(page.evaluate(_RUN))


@cache
def _script() -> str:
    return Axe().axe_script
