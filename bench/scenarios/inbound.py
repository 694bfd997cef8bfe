"""Inbound mail: time from an answer in the mailbox to the cancelled steps."""

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from app.ops.mailbox.imap_server import ImapServer
from app.ops.mailbox.inboxes import Inbox, Inboxes, add_account
from bench.application import begin, environment, run_action
from bench.figures import Row, percentile
from bench.procfile_processes import running
from bench.rounds import in_rounds
from bench.servers import Servers

TITLE = "Inbound mail: an answer in the mailbox stops what is pending"
METHOD = """One process `inbound` reads a mailbox by IMAP with IDLE. Each lead has a planned escalation and answers one
message. The value is the commit time of the cancelled step minus the time at which the mail was put into the mailbox,
in milliseconds. In the first row a mail arrives every 100 ms, in the second row all mails arrive at once."""

ADDRESS = "hello@bench.example"
PERCENTS = {"p50 (ms)": 50, "p95 (ms)": 95, "p99 (ms)": 99, "max (ms)": 100}
RATE = "mails/s"
TARGET_P99_MS = 5_000
PATIENCE = 300.0  # seconds


class NotAllCancelled(Exception):
    """Some answers cancelled nothing in time."""


@dataclass(frozen=True)
class Arrival:
    """How the mails arrive."""

    name: str
    gap: float  # seconds between two mails


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    kinds = [Arrival("a mail every 100 ms", 0.1), Arrival("all mails at once", 0.0)]
    chosen = [kind for kind in kinds if only.lower() in kind.name.lower()]
    return in_rounds(chosen, runs, lambda kind: _measure(servers, kind, 20 if quick else 300))


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Compare the steady arrival with the target."""
    late = rows[0].figures["p99 (ms)"].median
    return [f"{rows[0].name}: p99 {late:.0f} ms (to reach: under {TARGET_P99_MS:,} ms)."]


def _measure(servers: Servers, kind: Arrival, number: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, _mailbox(Path(folder)) as (server, inbox, password):
        env = {"OUTGOING_ALLOW": f"127.0.0.1:{server.port}"}
        clinic = begin(servers, rules=True)
        login = {"host": "127.0.0.1", "port": server.port, "security": "none", "username": ADDRESS}
        options = {"name": "bench", "folder": "INBOX", "is_active": True, "mark_seen": False, "since": None}
        mailbox = {**login, **options, "password": password}
        params = {"clinic_id": clinic["clinic_id"], "address": ADDRESS, "mailbox": mailbox, "number": number}
        leads = run_action(servers, "prepare_answers", json.dumps(params), env)
        with (
            running(servers, ["inbound"], environment(servers, **env)),
            psycopg.connect(servers.database_url(), autocommit=True) as connection,
        ):
            _wait(connection, "SELECT count(*) FROM mailboxes WHERE last_seen_at IS NOT NULL", 1)
            sent = _deliver(inbox, leads, kind.gap)
            _wait(connection, "SELECT count(DISTINCT lead_id) FROM steps WHERE reason = 'replied'", number)
            done = dict(connection.execute(_CANCELLED).fetchall())
    late = [(done[lead_id] - at) / timedelta(milliseconds=1) for lead_id, at in sent.items()]
    span = (max(done.values()) - min(sent.values())).total_seconds()
    return {**{title: percentile(late, percent) for title, percent in PERCENTS.items()}, RATE: number / span}


_CANCELLED = (
    "SELECT lead_id::text, min(pg_xact_commit_timestamp(xmin)) FROM steps WHERE reason = 'replied' GROUP BY lead_id"
)


@contextmanager
def _mailbox(folder: Path) -> Iterator[tuple[ImapServer, Inbox, str]]:
    password, inboxes = add_account(folder, ADDRESS), Inboxes(folder)
    inbox = inboxes.of_recipient(ADDRESS)
    assert inbox is not None, "the account was just created"
    with ImapServer(inboxes, "127.0.0.1", 0).running() as server:
        yield server, inbox, password


def _deliver(inbox: Inbox, leads: Sequence[dict[str, str]], gap: float) -> dict[str, datetime]:
    """Put an answer of each lead into the mailbox. Return the times by lead."""
    sent = {}
    for number, lead in enumerate(leads):
        head = (
            f"From: {lead['sender']}\r\nTo: {lead['to']}\r\nSubject: Re: Hello\r\nMessage-ID: <{number}@people.example>"
        )
        sent[lead["lead_id"]] = datetime.now(UTC)
        inbox.deliver(f"{head}\r\n\r\nOn Tuesday, please.\r\n".encode())
        time.sleep(gap)
    return sent


def _wait(connection: psycopg.Connection[Any], query: Any, number: int) -> None:
    until = time.monotonic() + PATIENCE
    while connection.execute(query).fetchall()[0][0] < number:
        if time.monotonic() > until:
            raise NotAllCancelled
        time.sleep(0.1)
