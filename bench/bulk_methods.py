"""Bulk follow-ups: Relance's bulk request, and plain inserts of the same task rows for comparison."""

import json
import time
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg

from app.ops.embedded import free_port
from bench.application import begin, environment, run_action
from bench.cpu import database_seconds
from bench.peak_memory import peak_memory_of
from bench.procfile_processes import check, running
from bench.servers import Servers
from bench.volume import Worker, add_leads, loading
from bench.waiting import wait_until
from bench.web import HOST

SECONDS = "until all are in (s)"
RATE = "tasks/s"
ANSWERED = "answered (s)"
WEB, BULK = "web, peak (MB)", "bulk workers, peak (MB)"
PARTS = ("web", "bulk", "steps")
WARM_UP = 20
START_SECONDS, MOST_SECONDS = 120.0, 300.0
FOLLOW_UP = {"title": "Invite to the open day", "type": "CALL", "due_in_minutes": 3 * 24 * 60}
COLUMNS = (
    "id",
    *("clinic_id", "lead_id", "title", "type", "priority", "assigned_to_id", "due_at", "status"),
    *("created_at", "updated_at", "version"),
)
COPY: LiteralString = f"COPY lead_tasks ({', '.join(COLUMNS)}) FROM STDIN"
INSERT: LiteralString = f"INSERT INTO lead_tasks ({', '.join(COLUMNS)}) VALUES ({', '.join(['%s'] * len(COLUMNS))})"


class NotAllMade(Exception):
    """A job is reported as finished, but its rows are missing."""


@dataclass(frozen=True)
class Clinic:
    """A clinic with open leads: its id, a coordinator's token and id, and the leads' ids."""

    id: str
    token: str
    user_id: str
    leads: Sequence[str]


def open_with_leads(servers: Servers, count: int) -> Clinic:
    """Create a database with one clinic of five users, this many leads, and no other work."""
    begin(servers, rules=True)
    [opened] = run_action(servers, "open_clinics", json.dumps({"clinics": 1}))
    workers = [
        Worker(0, place, opened["clinic_id"], opened["source_id"], user["id"])
        for place, user in enumerate(opened["users"])
    ]
    with loading(servers) as connection:
        add_leads(connection, workers, count, only_open=True)
        leads = [str(row[0]) for row in connection.execute("SELECT id FROM leads").fetchall()]
    return Clinic(opened["clinic_id"], opened["users"][0]["token"], opened["users"][0]["id"], leads)


def by_relance(servers: Servers, count: int) -> dict[str, float]:
    """`POST /api/followups/bulk`, with web and workers started as in the Procfile."""
    clinic = open_with_leads(servers, count + WARM_UP)
    port = free_port()
    env = environment(servers, PORT=str(port))
    with (
        running(servers, PARTS, env) as parts,
        psycopg.connect(servers.database_url(), autocommit=True) as connection,
    ):
        wait_until(lambda: answers(port), "web", timeout=START_SECONDS)
        _follow_up(connection, port, clinic, clinic.leads[:WARM_UP])
        workers, database = parts["bulk"].cpu_seconds(), database_seconds(servers)
        with peak_memory_of({name: parts[name] for name in ("web", "bulk")}) as peaks:
            answered, seconds = _follow_up(connection, port, clinic, clinic.leads[WARM_UP:])
        workers, database = parts["bulk"].cpu_seconds() - workers, database_seconds(servers) - database
        check(parts)
        _require_rows(connection, count + WARM_UP)
    return {
        SECONDS: seconds,
        RATE: count / seconds,
        ANSWERED: answered,
        "workers' CPU (s)": workers,
        "PostgreSQL's CPU (s)": database,
        WEB: peaks["web"],
        BULK: peaks["bulk"],
    }


def by_copy(servers: Servers, count: int) -> dict[str, float]:
    """COPY into the same table, with its indexes and foreign keys, and commit."""
    clinic = open_with_leads(servers, count)
    with psycopg.connect(servers.database_url()) as connection:
        began = time.perf_counter()
        with connection.cursor().copy(COPY) as copy:
            for task in _tasks(clinic):
                copy.write_row(task)
        connection.commit()
        return _figures(count, time.perf_counter() - began)


def by_executemany(servers: Servers, count: int) -> dict[str, float]:
    """One pipelined INSERT for each row, and one commit."""
    clinic = open_with_leads(servers, count)
    with psycopg.connect(servers.database_url()) as connection:
        began = time.perf_counter()
        connection.cursor().executemany(INSERT, _tasks(clinic))
        connection.commit()
        return _figures(count, time.perf_counter() - began)


def _figures(count: int, seconds: float) -> dict[str, float]:
    return {SECONDS: seconds, RATE: count / seconds}


def _tasks(clinic: Clinic) -> Iterator[tuple[Any, ...]]:
    at = datetime.now(UTC)
    due_at = at + timedelta(days=3)
    for lead in clinic.leads:
        what = (FOLLOW_UP["title"], FOLLOW_UP["type"], "NORMAL")
        yield (uuid.uuid4(), clinic.id, lead, *what, clinic.user_id, due_at, "PENDING", at, at, 1)


def _follow_up(
    connection: psycopg.Connection[Any], port: int, clinic: Clinic, leads: Sequence[str]
) -> tuple[float, float]:
    """Return the seconds from the request to its response, and from the request to the end of its job."""
    body = json.dumps({"lead_ids": leads, "followup": FOLLOW_UP}).encode()
    began = time.perf_counter()
    job_id = _post(port, body, clinic.token)
    answered = time.perf_counter() - began

    def done() -> bool:
        found = connection.execute("SELECT state FROM jobs WHERE id = %s", (job_id,)).fetchall()
        return bool(found[0][0] == "done")

    wait_until(done, f"a job of {len(leads)}", timeout=MOST_SECONDS, every=0.02)
    return answered, time.perf_counter() - began


def _post(port: int, body: bytes, token: str) -> str:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    asked = urllib.request.Request(f"http://{HOST}:{port}/api/followups/bulk", data=body, headers=headers)
    with urllib.request.urlopen(asked, timeout=120) as answer:
        return str(json.load(answer)["id"])


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/livez", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _require_rows(connection: psycopg.Connection[Any], count: int) -> None:
    """Check that each lead has a task and a planned reminder."""
    tasks = connection.execute("SELECT count(DISTINCT lead_id) FROM lead_tasks").fetchall()[0][0]
    reminders = connection.execute("SELECT count(DISTINCT lead_id) FROM steps WHERE kind = 'remind'").fetchall()[0][0]
    if (tasks, reminders) != (count, count):
        raise NotAllMade(f"{count} leads, {tasks} tasks, {reminders} reminders")
