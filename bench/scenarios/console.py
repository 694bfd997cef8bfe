"""Console: times in a browser, from the click to the frame that shows the result."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import psycopg
from playwright.sync_api import Browser, expect

from bench.application import COORDINATOR_PASSWORD, begin, environment
from bench.browser import PATIENCE, PageWork, chromium, sign_in, sizes_of, time_of_visit, time_until
from bench.figures import Row
from bench.processes import Processes, python
from bench.rounds import in_rounds
from bench.servers import Servers
from bench.sizes import target_result
from bench.volume import Worker, add_leads, loading
from bench.waiting import wait_until
from bench.web import HOST, serve

TITLE = "Console: pages in Chromium with 5,000 open leads"
METHOD = """One clinic has 5,000 open leads, one of them with 20,000 entries on its timeline, and 10,000 failed
messages. Headless Chromium, the web application with two processes and live updates run on the same machine. The page
measures the time itself, from the click to the frame that shows the result. **First page**: a new profile without a
cache opens Today, signed in; its size is that of all scripts, styles and images on the line. **Other user's change**:
from the request of a program until the note is on the screen. **Retry**: from the confirming click until the page says
that the 10,000 messages are sent again. **Page work** is the CPU time of the page's main thread for the act, as
Chromium reports it: all tasks, and the scripts, styles and layout among them. It depends less on other load."""

TIME, SIZE = "time (ms)", "size (kB)"
FIRST, BOARD, MOVED = "first page, cold", "board", "card moved"
TIMELINE, CHANGE, RETRY = "timeline", "other user's change", "retry of many messages"
TARGETS = {FIRST: 1500.0, BOARD: 1000.0, MOVED: 100.0, TIMELINE: 1000.0, CHANGE: 1000.0}
LARGEST_PAGE = 200.0
EMAIL = "ada@bench.example"

MESSAGES = """
INSERT INTO notifications (
    id, clinic_id, user_id, channel, template, subject, body, state, error, attempts, created_at)
SELECT gen_random_uuid(), %s, %s, 'email', 'task-reminder', 'Coming up', 'Call Ada', 'failed', '550 refused', 8, now()
FROM generate_series(1, %s)
"""
ENTRIES = """
INSERT INTO lead_activities (id, clinic_id, lead_id, type, occurred_at, created_at, created_by)
SELECT gen_random_uuid(), clinic_id, id, 'PHONE_CALL', now() - n * interval '1 minute', now(), assigned_to_id
FROM leads, generate_series(1, %s) AS n WHERE id = %s
"""


@dataclass
class Subject:
    """A measured act."""

    name: str
    run: Callable[[], Mapping[str, float]]


class Console:
    """The page of a signed-in admin, and what it shows."""

    def __init__(self, servers: Servers, browser: Browser, port: int, clinic: Mapping[str, Any]) -> None:
        self._servers, self._browser, self._clinic = servers, browser, clinic
        self._port, self._lead = port, clinic["lead_id"]
        self._url = f"http://{HOST}:{port}"
        self._page = sign_in(browser, self._url, EMAIL, COORDINATOR_PASSWORD)

    def first_page(self) -> Mapping[str, float]:
        context = self._browser.new_context(base_url=self._url, storage_state=self._page.context.storage_state())
        page, responses = context.new_page(), []
        work = PageWork(page)
        page.on("response", lambda one: responses.append(one) if "/console/" in one.url or one.url == begun else None)
        begun = f"{self._url}/today"
        page.goto("/today", wait_until="commit")
        page.locator("#content h1").first.wait_for()
        found = float(page.evaluate("performance.now()"))
        size, spent = sizes_of(responses), work.since_begin()
        self._page.context.add_cookies([one for one in context.cookies() if one["name"] == "relance_refresh"])
        context.close()
        return {TIME: found, **spent, SIZE: size}

    def board(self) -> Mapping[str, float]:
        self._without_data()
        work = PageWork(self._page)
        return {TIME: time_of_visit(self._page, "/board", ".lead-card", least=20), **work.since_begin()}

    def move_card(self) -> Mapping[str, float]:
        page = self._page
        time_of_visit(page, "/board", ".lead-card", least=20)
        column = page.locator("section.column").first
        card = column.locator(".lead-card").first
        name = card.get_attribute("data-key")
        card.get_by_role("button", name="Move").click()
        page.get_by_role("menuitem").first.wait_for()
        work = PageWork(page)
        found = time_until(page, f'section.column:nth-child(2) .lead-card[data-key="{name}"]', click="[role=menuitem]")
        spent = work.since_begin()
        page.locator(".toast").first.wait_for()
        return {TIME: found, **spent}

    def timeline(self) -> Mapping[str, float]:
        self._without_data()
        work = PageWork(self._page)
        found = time_of_visit(self._page, f"/leads/{self._lead}", ".timeline > li", least=50)
        return {TIME: found, **work.since_begin()}

    def change(self) -> Mapping[str, float]:
        self.timeline()
        self._page.locator(".live.on").wait_for(state="attached")
        words = f"Seen at {time.monotonic_ns()}"
        begun = time.monotonic()
        self._post(f"/api/leads/{self._lead}/activities", {"type": "NOTE", "notes": words})
        self._page.get_by_text(words).wait_for()
        return {TIME: 1000 * (time.monotonic() - begun)}

    def retry(self) -> Mapping[str, float]:
        page = self._page
        with psycopg.connect(self._servers.database_url(), autocommit=True) as connection:
            connection.execute("UPDATE notifications SET state = 'failed' WHERE error = '550 refused'")
        expect(page.locator(".toast")).to_have_count(0, timeout=PATIENCE)  # of the card that was moved
        time_of_visit(page, "/messages?state=failed", "#content table tbody tr")
        page.get_by_role("button", name="All that match").click()
        page.locator(".dialog footer .primary:not([disabled])").wait_for()
        return {TIME: time_until(page, ".toast:not(.bad)", click=".dialog footer .primary")}

    def _without_data(self) -> None:
        """Load a page anew, which has no data of others but their scripts."""
        self._page.goto("/inbox")
        self._page.locator(".live.on").wait_for(state="attached")

    def _post(self, path: str, body: Mapping[str, str]) -> None:
        headers = {"Authorization": f"Bearer {self._clinic['token']}", "Content-Type": "application/json"}
        connection = HTTPConnection(HOST, self._port)
        connection.request("POST", path, json.dumps(body), headers)
        assert connection.getresponse().status == 201
        connection.close()


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    leads, entries, messages = (600, 2_000, 500) if quick else (5_000, 20_000, 10_000)
    clinic = begin(servers, rules=False)
    lead = _fill(servers, clinic, leads=leads, entries=entries, messages=messages)
    env = environment(servers, STREAM_SOCKET=str(servers.folder / "console.sock"), WEB_WORKERS="2", WEB_THREADS="8")
    web, stream = Processes(servers.folder / "console_web.log"), Processes(servers.folder / "console_stream.log")
    try:
        stream.start(python("-m", "app.ops.live_updates"), env)
        wait_until((servers.folder / "console.sock").exists, "the stream process", timeout=30)
        port = serve("app:create_app()", web, env)
        with chromium() as browser:
            shown = Console(servers, browser, port, {**clinic, "lead_id": lead})
            acts = (
                *((FIRST, shown.first_page), (BOARD, shown.board), (MOVED, shown.move_card)),
                *((TIMELINE, shown.timeline), (CHANGE, shown.change), (RETRY, shown.retry)),
            )
            subjects = [Subject(*act) for act in acts if only.lower() in act[0]]
            return in_rounds(subjects, runs, lambda one: one.run())
    finally:
        web.stop()
        stream.stop()


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Compare each time with its target."""
    found = []
    for row in rows:
        if row.name in TARGETS:
            median, most = row.figures[TIME].median, TARGETS[row.name]
            result = target_result(median < most)
            found.append(f"{row.name.capitalize()}: {median:.0f} ms: {result} (to reach: under {most:.0f} ms).")
        if SIZE in row.figures:
            size = row.figures[SIZE].median
            result = target_result(size < LARGEST_PAGE)
            found.append(f"Size of the first page: {size:.0f} kB: {result} (to reach: under {LARGEST_PAGE:.0f} kB).")
    return found


def _fill(servers: Servers, clinic: Mapping[str, Any], *, leads: int, entries: int, messages: int) -> str:
    """Insert leads, entries of one lead and failed messages. Returns the id of that lead."""
    worker = Worker(0, 0, clinic["clinic_id"], clinic["source_id"], clinic["user_id"])
    with loading(servers) as connection:
        connection.execute("UPDATE users SET role = 'clinic_admin' WHERE id = %s", [clinic["user_id"]])
        add_leads(connection, [worker], leads, only_open=True)
        lead = str(connection.execute("SELECT id FROM leads ORDER BY id DESC LIMIT 1").fetchall()[0][0])
        connection.execute(ENTRIES, [entries, lead])
        connection.execute(MESSAGES, [clinic["clinic_id"], clinic["user_id"], messages])
    return lead
