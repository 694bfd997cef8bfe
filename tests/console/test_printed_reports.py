"""Printed reports in Chromium: the strict policy applies, they are accessible, and they fit A4."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Route

from tests.support.accessibility import violations
from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]

URL = "http://report.example/"
A4_WIDTH = 688  # CSS pixels between margins of 14 mm
ALL = ["lead-summary", "conversion-funnel", "source-comparison", "lost-lead-analysis", "marketing-roi", "total-leads"]


@pytest.fixture
def printed(desk: Desk) -> dict[str, tuple[bytes, str]]:
    """Page and policy of each report, by name."""
    ids = [desk.capture(phone=f"+1212555014{number}", lead_value="123456.00")["id"] for number in range(3)]
    desk.admin.post(f"/api/leads/{ids[0]}/convert", {})
    desk.admin.post(f"/api/leads/{ids[1]}/lost", {"reason": "NO_RESPONSE"})
    name = "Doctor referrals <script>document.title = 'hacked'</script>"
    desk.admin.patch(f"/api/lead-sources/{desk.source_id}", {"monthly_cost": "98765.00", "name": name})
    query = {"format": "html", "compare": "previous_period", "by": "month", "mature_days": 0}
    answers = {one: desk.admin.get(f"/api/leads/analytics/reports/{one}", **query) for one in ALL}
    return {one: (answer.body, answer.headers["Content-Security-Policy"]) for one, answer in answers.items()}


def test_pages_are_accessible_and_fit_the_paper(printed: dict[str, tuple[bytes, str]], chromium: Browser) -> None:
    page, found, said = chromium.new_page(), [], []
    page.on("console", lambda message: said.append(message.text))
    for name, (html, policy) in printed.items():
        page.unroute_all()
        page.route("**/*", _answer(html, policy))
        page.goto(URL)
        assert "hacked" not in page.title()
        assert page.evaluate("getComputedStyle(document.querySelector('table')).borderCollapse") == "collapse"
        for width in (1280, 320):
            page.set_viewport_size({"width": width, "height": 800})
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                found.append((name, width, "wider than the screen"))
        found += [(name, *one) for one in _violations(html, chromium)]
        page.emulate_media(media="print")
        page.set_viewport_size({"width": A4_WIDTH, "height": 900})
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append((name, "wider than the paper"))
        page.emulate_media(media="screen")
    page.close()
    assert (found, said) == ([], [])


def _answer(html: bytes, policy: str) -> Callable[[Route], None]:
    headers = {"Content-Security-Policy": policy, "Content-Type": "text/html; charset=utf-8"}

    def answer(route: Route) -> None:
        if route.request.url == URL:
            route.fulfill(status=200, body=html, headers=headers)
        else:
            route.fulfill(status=204)

    return answer


def _violations(html: bytes, chromium: Browser) -> list[Any]:
    """Return the violations. Axe is a script, so it runs on the page without its policy."""
    page = chromium.new_page()
    page.set_content(html.decode())
    found = violations(page)
    page.close()
    return found
