"""Chromium for the benchmark of the console: a signed-in page, and times that the page itself measures."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = ("--no-sandbox", "--disable-background-networking", "--disable-dev-shm-usage", "--disable-gpu")
PATIENCE = 60_000  # milliseconds

# Click the element that the first selector finds; without one, tell the page about its new address. Then wait frame by
# frame until the second selector finds `least` elements.
# The time counts from the click to the frame in which they are there.
_CLICK_AND_WAIT = """
([clicked, selector, least]) => new Promise((resolve) => {
  const begin = performance.now();
  const look = () => document.querySelectorAll(selector).length >= least
    ? resolve(performance.now() - begin) : requestAnimationFrame(look);
  clicked ? document.querySelector(clicked).click() : dispatchEvent(new PopStateEvent('popstate'));
  requestAnimationFrame(look);
})
"""


class NoBrowser(Exception):
    """There is no Chromium on this machine."""


@contextmanager
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        raise NoBrowser
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


def sign_in(browser: Browser, url: str, email: str, password: str) -> Page:
    """Return a page that shows Today, in a profile of its own."""
    page = browser.new_context(base_url=url, viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(PATIENCE)
    page.goto("/")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.locator("#content h1").first.wait_for()
    return page


def time_until(page: Page, selector: str, *, click: str = "", least: int = 1) -> float:
    """Return the milliseconds from a click until elements are drawn."""
    return float(page.evaluate(_CLICK_AND_WAIT, [click, selector, least]))


def time_of_visit(page: Page, path: str, selector: str, *, least: int = 1) -> float:
    """Return the milliseconds from a change of the address, as by a link, until elements are drawn."""
    page.evaluate("path => history.pushState(null, '', path)", path)
    return time_until(page, selector, least=least)


class PageWork:
    """CPU time of a page's main thread since this object was made, as Chromium counts it."""

    _METRICS: Final = {
        "page work (ms)": ("TaskDuration",),
        "of it scripts (ms)": ("ScriptDuration",),
        "of it styles and layout (ms)": ("LayoutDuration", "RecalcStyleDuration"),
    }

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})
        self._begin = self._read()

    def since_begin(self) -> dict[str, float]:
        """Return milliseconds by what they were spent on."""
        end = self._read()
        return {name: end[name] - self._begin[name] for name in self._METRICS}

    def _read(self) -> dict[str, float]:
        found = {one["name"]: one["value"] for one in self._session.send("Performance.getMetrics")["metrics"]}
        return {name: 1000 * sum(found[one] for one in parts) for name, parts in self._METRICS.items()}


def sizes_of(responses: list[Any]) -> float:
    """Return the kilobytes that the bodies of these responses had on the line."""
    return sum(one.request.sizes()["responseBodySize"] for one in responses) / 1000
