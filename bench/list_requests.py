"""Measured lists, their readers and requests, for Relance and for the minimal application."""

import json
import random
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import psycopg

from bench.application import run_action
from bench.load import http_request
from bench.servers import Servers
from bench.volume import Worker, add_activities, add_leads, add_tasks, loading
from bench.web import HOST

CLINICS = 20
BUSIEST = 5  # number of clinics with readers: they have two thirds of the leads
PAGE = 50
LATE_PAGES = 25  # of 200 leads each, turned before the late page is read
LEAD_STATUSES = ("NEW", "ACTIVE", "CONVERTED", "LOST")
STAGES = ("new_lead", "contacted", "consultation_scheduled", "pending_decision", "lost")
LETTERS = ("a", "b", "c", "d", "e", "f", "g", "l")
TYPED = ("ada", "lovelace 12", "chloe l", "lovelace 77 e", "ada lovelace 1", "nobody")
THREE_LETTERS = ("ada", "lov", "gra", "vel", "sum", "ins")  # parts of names, words of notes and of tasks
SEARCH = "search of all kinds"
LONG = "SELECT lead_id FROM lead_activities WHERE clinic_id = %s GROUP BY lead_id HAVING count(*) > 50 LIMIT 50"
ACCESS_MINUTES = "600"


@dataclass(frozen=True)
class Reader:
    """A user who sends the requests: token, clinic, user, and leads with long timelines."""

    token: str
    clinic_id: str
    user_id: str
    leads: Sequence[str]


@dataclass(frozen=True)
class Listing:
    """A list by name. `path` builds the path of a request; `bare`: whether the minimal application serves it.

    `body` builds the body of a POST.
    """

    name: str
    path: Callable[[Reader], str]
    bare: bool = False
    body: Callable[[], Mapping[str, str]] | None = None

    def requests(self, readers: Sequence[Reader], count: int) -> list[str]:
        """Return complete requests, of each reader in turn."""
        return [_request(readers[number % len(readers)], self) for number in range(count)]


def listings(port: int, readers: Sequence[Reader]) -> list[Listing]:
    """Return all measured lists. `port` is Relance's, which is asked for the cursor of a late page."""
    late = {reader.user_id: _late_page(port, reader) for reader in readers}
    return [
        Listing("bare tasks", lambda reader: f"/tasks/{reader.user_id}", bare=True),
        Listing("my tasks", lambda _: "/api/leads/tasks/my-tasks?limit=50"),
        Listing("overdue tasks", lambda _: "/api/leads/tasks/overdue?limit=50"),
        Listing(
            "overdue, by assignee", lambda reader: f"/api/leads/tasks/overdue?limit=50&assigned_to_id={reader.user_id}"
        ),
        Listing("bare activities", lambda reader: f"/activities/{_one_of(reader.leads)}", bare=True),
        Listing("timeline", lambda reader: f"/api/leads/{_one_of(reader.leads)}/activities?limit=50"),
        Listing("bare leads", lambda reader: f"/leads/{reader.clinic_id}", bare=True),
        Listing("leads", lambda _: "/api/leads?limit=50"),
        Listing("leads, 101st page", lambda reader: f"/api/leads?limit=50&cursor={late[reader.user_id]}"),
        Listing("leads by status", lambda _: f"/api/leads?limit=50&status={_one_of(LEAD_STATUSES)}"),
        Listing("leads by stage", lambda _: f"/api/leads?limit=50&stage={_one_of(STAGES)}"),
        Listing("leads by name, one letter", lambda _: f"/api/leads?limit=20&q={_one_of(LETTERS)}"),
        Listing("leads by name, as typed", lambda _: f"/api/leads?limit=20&q={quote(_one_of(TYPED))}"),
        Listing("leads of a person, as typed", lambda _: "/api/leads/check", body=_typed_person),
        Listing(f"{SEARCH}, as typed", lambda _: "/api/search", body=lambda: {"q": _one_of(TYPED)}),
        Listing(f"{SEARCH}, three letters", lambda _: "/api/search", body=lambda: {"q": _one_of(THREE_LETTERS)}),
        Listing(
            f"{SEARCH}, four digits", lambda _: "/api/search", body=lambda: {"q": f"{random.randrange(10_000):04}"}
        ),
        Listing("leads by assignee", lambda reader: f"/api/leads?limit=50&assigned_to_id={reader.user_id}"),
    ]


def fill(servers: Servers, *, leads: int, each: int) -> list[Reader]:
    """Create clinics with this many leads, and `each` tasks and activities. Returns readers of the busiest clinics."""
    clinics = run_action(
        servers, "open_clinics", json.dumps({"clinics": CLINICS}), {"ACCESS_TOKEN_MINUTES": ACCESS_MINUTES}
    )
    with loading(servers) as connection:
        add_leads(connection, _workers(clinics), leads)
        add_tasks(connection, each)
        add_activities(connection, each)
        run_action(servers, "encrypt_people", "{}")
        run_action(servers, "index_for_search", "{}")
    with psycopg.connect(servers.database_url()) as connection:
        return [reader for clinic in clinics[:BUSIEST] for reader in _readers(connection, clinic)]


def _workers(clinics: Sequence[Mapping[str, Any]]) -> list[Worker]:
    return [
        Worker(number, place, clinic["clinic_id"], clinic["source_id"], user["id"])
        for number, clinic in enumerate(clinics)
        for place, user in enumerate(clinic["users"])
    ]


def _readers(connection: psycopg.Connection[Any], clinic: Mapping[str, Any]) -> list[Reader]:
    long = [str(row[0]) for row in connection.execute(LONG, (clinic["clinic_id"],)).fetchall()]
    return [Reader(user["token"], clinic["clinic_id"], user["id"], long) for user in clinic["users"]]


def _request(reader: Reader, listing: Listing) -> str:
    headers, path = {"Authorization": f"Bearer {reader.token}"}, listing.path(reader)
    if listing.body is None:
        return http_request("GET", path, headers=headers)
    return http_request(
        "POST", path, headers={**headers, "Content-Type": "application/json"}, body=json.dumps(listing.body())
    )


def _typed_person() -> Mapping[str, str]:
    """Return what is in the form of a new lead at some key stroke."""
    number = random.randrange(100_000)
    person = {
        "first_name": "Ada",
        "last_name": f"Lovelace {number}",
        "phone": f"+1212{number:07}",
        "email": f"lead.{number}@gmail.com",
    }
    return dict(list(person.items())[: random.choice((2, 3, 4))])


def _late_page(port: int, reader: Reader) -> str:
    cursor = ""
    for _ in range(LATE_PAGES):
        page = _get(port, f"/api/leads?limit=200{cursor and '&cursor='}{cursor}", reader)
        if page["next_cursor"] is None:
            break
        cursor = page["next_cursor"]
    return cursor


def _get(port: int, path: str, reader: Reader) -> Any:
    asked = urllib.request.Request(f"http://{HOST}:{port}{path}", headers={"Authorization": f"Bearer {reader.token}"})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return json.load(answer)


def _one_of(some: Sequence[str]) -> str:
    return random.choice(some)
