"""Mails: messages handed to a local mail server by one process."""

import json
import smtplib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from app.ops.embedded import free_port
from bench.application import begin, environment, run_action
from bench.cpu import database_seconds
from bench.figures import Row
from bench.processes import Processes, python
from bench.procfile_processes import check, running
from bench.rounds import in_rounds
from bench.servers import Servers
from bench.sizes import target_result
from bench.waiting import wait_until

TITLE = "Mails: messages handed to a local mail server by one process"
METHOD = """The mail server runs on the same machine and accepts at once. 3,000 messages to as many leads are due
when the workers start: one process of `deliveries`. Each message is checked by the contact policy, gets its footer
and its headers to unsubscribe, and is marked as being sent before it is sent. The rate is from the first commit to the
last. The bare loop sends the same text with smtplib over one connection. **CPU** is that of the worker and of
PostgreSQL together, for each message."""

RATE, CPU = "mails/s", "CPU (ms)"
BARE, RELANCE = "bare smtplib loop", "one process of deliveries"
GOAL = 300.0
BODY = """Hello Ada,

thank you for your interest in Invisalign. Dr. Okafor has time for a first consultation on Tuesday and on Thursday
afternoon. Which day suits you? An answer to this message is enough.

Kind regards
Your team at Bench
"""
TIMEOUT_SECONDS = 300.0
_SENT = "SELECT count(*), min(pg_xact_commit_timestamp(xmin)), max(pg_xact_commit_timestamp(xmin)) FROM deliveries"
_ENDED = f"{_SENT} WHERE finished_at IS NOT NULL"


class NotOnce(Exception):
    """A message did not arrive, or arrived twice."""


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    number = 300 if quick else 3_000
    contestants = [_Contestant(BARE, _bare), _Contestant(RELANCE, partial(_relance, servers))]
    chosen = [one for one in contestants if only.lower() in one.name]
    return in_rounds(chosen, runs, lambda one: _measure(servers, one.send_all, number))


class _Contestant:
    def __init__(self, name: str, send_all: Callable[[int, int], Mapping[str, float]]) -> None:
        self.name, self.send_all = name, send_all


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Compare the rate with the goal, and with the bare loop."""
    rates = {row.name: row.figures[RATE].median for row in rows}
    if RELANCE not in rates:
        return []
    share = f", {rates[RELANCE] / rates[BARE]:.0%} of the bare loop" if BARE in rates else ""
    result = target_result(rates[RELANCE] >= GOAL)
    return [f"{rates[RELANCE]:.0f} mails/s by one process{share}: {result} (to reach: {GOAL:.0f})."]


def _measure(servers: Servers, send_all: Callable[[int, int], Mapping[str, float]], number: int) -> Mapping[str, float]:
    with _receiver(servers) as (port, file):
        figures = send_all(port, number)
        arrived = file.read_text().split()
    if not len(arrived) == len(set(arrived)) == number:
        raise NotOnce(f"{len(arrived)} arrived, {len(set(arrived))} different, of {number}")
    return figures


@contextmanager
def _receiver(servers: Servers) -> Iterator[tuple[int, Path]]:
    port, file, process = free_port(), servers.folder / "mails", Processes(servers.folder / "mail_receiver.log")
    file.unlink(missing_ok=True)
    process.start(python("-m", "bench.mail_receiver", str(port), str(file)), {})
    try:
        wait_until(file.exists, "the mail server", timeout=20)
        time.sleep(0.5)
        yield port, file
    finally:
        process.stop()


def _bare(port: int, number: int) -> Mapping[str, float]:
    head = "From: Bench <no-reply@bench.example>\r\nTo: ada@example.com\r\nSubject: Your consultation\r\nMessage-ID: "
    text = BODY.replace("\n", "\r\n")
    with smtplib.SMTP("127.0.0.1", port) as connection:
        began, worked = time.perf_counter(), time.process_time()
        for one in range(number):
            mail = f"{head}<{one}@bench.example>\r\n\r\n{text}".encode()
            connection.sendmail("no-reply@bench.example", "ada@example.com", mail)
        seconds, cpu = time.perf_counter() - began, time.process_time() - worked
    return {RATE: number / seconds, CPU: cpu * 1000 / number}


def _relance(servers: Servers, port: int, number: int) -> Mapping[str, float]:
    clinic = begin(servers, rules=False)
    run_action(servers, "enqueue_mails", json.dumps({"clinic": clinic, "number": number, "body": BODY}))
    with psycopg.connect(servers.database_url(), autocommit=True) as connection:
        connection.execute("ANALYZE")  # autovacuum would do it later, during the measurement
        return _send(servers, connection, port, number)


def _send(servers: Servers, connection: psycopg.Connection[Any], port: int, number: int) -> Mapping[str, float]:
    mail = {"SMTP_URL": f"smtp://127.0.0.1:{port}", "MAIL_FROM": "Bench <no-reply@bench.example>"}
    env = environment(servers, DELIVERY_WORKERS="1", **mail)
    with running(servers, ["deliveries"], env) as parts:
        worker = parts["deliveries"]

        def sent() -> tuple[int, Any, Any]:
            check(parts)
            count, first, last = connection.execute(_ENDED).fetchall()[0]
            return count, first, last

        wait_until(lambda: sent()[0] > 0, "the first mail", timeout=60, every=0.05)
        already, before = sent()[0], worker.cpu_seconds() + database_seconds(servers)
        wait_until(lambda: sent()[0] >= number, f"{number} mails", timeout=TIMEOUT_SECONDS, every=0.5)
        cpu = worker.cpu_seconds() + database_seconds(servers) - before
        _, first, last = sent()
    return {RATE: number / (last - first).total_seconds(), CPU: cpu * 1000 / (number - already)}
