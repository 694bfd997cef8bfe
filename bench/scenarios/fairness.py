"""Fairness: a burst of one clinic, and the lateness of another clinic."""

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg

from app.ops.embedded import free_port
from bench.application import begin, environment, run_action
from bench.figures import Row, percentile
from bench.processes import Processes, python
from bench.procfile_processes import check, running
from bench.rounds import in_rounds
from bench.servers import Servers
from bench.waiting import wait_until

TITLE = "Fairness: one clinic's burst and another clinic's steps"
METHOD = """30,000 steps and 10,000 e-mails of clinic A are due at once, 60 steps and 20 e-mails of clinic B one second
later. All are planned before. Beat and the workers run as in the Procfile, and the mailbox takes the e-mails.
**Lateness** is the commit of a step's end minus its due time, at B's 99th percentile. **A's steps** and **A's e-mails**
are their rates from the first commit to the last, by PostgreSQL's clock."""

PARTS = ("steps", "deliveries", "sweeps", "beat")
TARGETS = {"B's steps p99 (s)": 1.0, "B's e-mails p99 (s)": 5.0}
TIMEOUT_SECONDS = 1200.0
LATER = timedelta(seconds=1)
STEP, EMAIL = "create_task", "deliver_to_user"

_ENDS = (
    "SELECT kind, due_at, pg_xact_commit_timestamp(xmin) FROM steps WHERE clinic_id = %s AND state = 'done' ORDER BY 3"
)


class PlannedTooLate(Exception):
    """Planning took longer than the lead-in, so steps were late before all of them existed."""


@dataclass(frozen=True)
class Burst:
    """The number of steps and e-mails of clinic A, and the time in which they are planned."""

    steps: int
    emails: int
    lead_in: timedelta

    @property
    def name(self) -> str:
        return f"{self.steps:,} steps and {self.emails:,} e-mails of A"


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    burst = Burst(3_000, 500, timedelta(seconds=75)) if quick else Burst(30_000, 10_000, timedelta(seconds=100))
    return in_rounds([burst] if only.lower() in burst.name.lower() else [], runs, partial(_measure, servers))


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Compare B's lateness with the targets."""
    late = [(title, row.figures[title].median, target) for row in rows for title, target in TARGETS.items()]
    return [f"{title}: {value:.2f} (to reach: under {target:.0f})." for title, value, target in late]


def _measure(servers: Servers, burst: Burst) -> Mapping[str, float]:
    busy = begin(servers, rules=False)
    small = run_action(servers, "open", json.dumps({"rules": False, "slug": "small"}))
    with _mailbox(servers) as smtp_url, running(servers, PARTS, environment(servers, SMTP_URL=smtp_url)) as parts:
        _plan(servers, small, datetime.now(UTC), steps=1, emails=1)  # shows that the workers run
        _wait(servers, parts, small, 2)
        due_at = datetime.now(UTC) + burst.lead_in
        _plan(servers, busy, due_at, steps=burst.steps, emails=burst.emails)
        _plan(servers, small, due_at + LATER, steps=60, emails=20)
        if datetime.now(UTC) > due_at:
            raise PlannedTooLate(burst.name)
        _wait(servers, parts, small, 82)
        _wait(servers, parts, busy, burst.steps + burst.emails)
    return {**_lateness(servers, small), **_rates(servers, busy)}


@contextmanager
def _mailbox(servers: Servers) -> Iterator[str]:
    port, mailbox = free_port(), Processes(servers.folder / "mailbox.log")
    ports = {"MAILBOX_SMTP_PORT": str(port), "MAILBOX_PORT": str(free_port()), "RELANCE_HOME": str(servers.folder)}
    mailbox.start(python("-m", "app.ops.mailbox"), ports)
    try:
        yield f"smtp://127.0.0.1:{port}"
    finally:
        mailbox.stop()


def _plan(servers: Servers, clinic: Mapping[str, Any], due_at: datetime, *, steps: int, emails: int) -> None:
    leads = [str(uuid.uuid4()) for _ in range(steps)]
    params = {"clinic": clinic, "due_at": due_at.isoformat(), "leads": leads, "emails": emails}
    run_action(servers, "add_burst", json.dumps(params))


def _wait(servers: Servers, parts: Mapping[str, Processes], clinic: Mapping[str, Any], count: int) -> None:
    def all_done() -> bool:
        check(parts)
        return len(_ends(servers, clinic)) >= count

    wait_until(all_done, f"{count} steps of {clinic['clinic_id']}", timeout=TIMEOUT_SECONDS, every=1)


def _ends(servers: Servers, clinic: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with psycopg.connect(servers.database_url(), autocommit=True) as connection:
        return connection.execute(_ENDS, [clinic["clinic_id"]]).fetchall()


def _lateness(servers: Servers, clinic: Mapping[str, Any]) -> dict[str, float]:
    late: dict[str, list[float]] = {STEP: [], EMAIL: []}
    for kind, due_at, ended_at in _ends(servers, clinic):
        late[kind].append((ended_at - due_at).total_seconds())
    # The first of each kind waited until the workers had started.
    steps, emails = sorted(late[STEP])[:-1], sorted(late[EMAIL])[:-1]
    return {"B's steps p99 (s)": percentile(steps, 99), "B's e-mails p99 (s)": percentile(emails, 99)}


def _rates(servers: Servers, clinic: Mapping[str, Any]) -> dict[str, float]:
    ends = _ends(servers, clinic)
    found = {kind: [at for one, _, at in ends if one == kind] for kind in (STEP, EMAIL)}
    rates = {kind: len(times) / (times[-1] - times[0]).total_seconds() for kind, times in found.items()}
    return {"A's steps (1/s)": rates[STEP], "A's e-mails (1/s)": rates[EMAIL]}
