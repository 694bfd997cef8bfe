"""Fixture `browsing`: the console in Chromium, on a real web server, live updates and workers.

browsing.sign_in(desk.admin)                       a page of a signed-in user
browsing.open(page, "/leads")                      go there as a link does
Each test fails on errors of scripts, on violations of the security policy, and on calls that docs/openapi.json lacks.
"""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from app.identity.password_policy import hash_password
from tests.support.desk import Caller, Desk
from tests.support.environment import ROOT
from tests.support.processes import Process, Processes

PASSWORD = "seven green umbrellas"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = ("--no-sandbox", "--disable-background-networking", "--disable-dev-shm-usage", "--disable-gpu")
PATIENCE = 60_000  # milliseconds; CI machines are slow
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium; Debian: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def console_server(chromium: Browser, shared_processes: Processes) -> Process:
    """The web server, with live updates and workers of steps. Not started without a browser."""
    shared_processes.start_stream()
    shared_processes.start_worker("steps,deliveries,bulk", wait=False)
    return shared_processes.start_web(env={"RATE_LIMIT_PER_MINUTE": "0"})


@pytest.fixture
def browsing(chromium: Browser, console_server: Process, desk: Desk) -> Iterator["Browsing"]:
    here = Browsing(chromium, console_server.url, desk)
    yield here
    here.close()
    assert not here.problems, here.problems


@dataclass
class Browsing:
    """Pages of users of one clinic, and what went wrong in them."""

    browser: Browser
    url: str
    desk: Desk
    problems: list[str] = field(default_factory=list)
    _pages: list[Page] = field(default_factory=list)

    def visit(self, path: str = "/", **options: Any) -> Page:
        """Open a page in a browser profile of its own."""
        return self._watched(self.browser.new_context(base_url=self.url, **options).new_page(), path)

    def tab(self, page: Page, path: str) -> Page:
        """Open another tab beside the page, with its cookies."""
        return self._watched(page.context.new_page(), path)

    def _watched(self, page: Page, path: str) -> Page:
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", self._note_message)
        page.on("request", self._note_request)
        self._pages.append(page)
        page.goto(path)
        return page

    def sign_in(self, who: Caller, path: str = "/", *, page: Page | None = None, **options: Any) -> Page:
        """Sign in through the form, in a new page unless one is given, and wait for the page of the address."""
        page = page or self.visit(path, **options)
        page.get_by_label("E-mail address").fill(self.email_of(who))
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.locator("#content h1").first.wait_for()
        return page

    def email_of(self, who: Caller) -> str:
        """Give the user the password of these tests, and return the address."""
        self.desk.sql("UPDATE users SET password_hash = :hash WHERE id = :id", hash=_password_hash(), id=who.id)
        [found] = self.desk.sql("SELECT email FROM users WHERE id = :id", id=who.id)
        return str(found.email)

    def open(self, page: Page, path: str) -> None:
        """Go to a page of the console without loading the document again."""
        page.evaluate(
            "path => { history.pushState(null, '', path); dispatchEvent(new PopStateEvent('popstate')) }", path
        )
        expect(page.locator("#content h1").first).to_be_visible(timeout=PATIENCE)
        expect(page.locator("#content .skeleton")).to_have_count(0, timeout=PATIENCE)

    def close(self) -> None:
        """Close all pages."""
        for page in self._pages:
            page.context.close()

    def _note_message(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "Content-Security-Policy" in message.text:
            self.problems.append(message.text)

    def _note_request(self, request: Request) -> None:
        path = urlsplit(request.url).path
        if not request.url.startswith(self.url):
            self.problems.append(f"a request to another host: {request.url}")
        if path.startswith("/api") and not any(
            pattern.fullmatch(f"{request.method} {path}") for pattern in _operations()
        ):
            self.problems.append(f"docs/openapi.json has no {request.method} {path}")


@cache
def _operations() -> list[re.Pattern[str]]:
    described = json.loads((ROOT / "docs" / "openapi.json").read_text())
    return [
        re.compile(f"{method.upper()} " + re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))
        for path, item in described["paths"].items()
        for method in item
    ]


@cache
def _password_hash() -> str:
    return hash_password(PASSWORD)
