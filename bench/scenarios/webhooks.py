"""Webhooks: deliveries per second, and the delay of a delivery at a steady rate of events."""

import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg

from app.core.http_client.signing import new_secret, sign
from app.ops.embedded import free_port
from bench.application import begin, environment, run_action
from bench.figures import Row, percentile
from bench.processes import Processes, python
from bench.procfile_processes import check, running
from bench.rounds import in_rounds
from bench.servers import Servers
from bench.sizes import target_result
from bench.waiting import wait_until

TITLE = "Webhooks: events posted to an endpoint"
METHOD = """The receiver runs on the same machine and answers at once. **Backlog**: 10,000 deliveries are due when
the workers of the Procfile start; the rate is from the first call to the last commit. **Steady**: 300 events per
second are recorded for 20 seconds, ten in each transaction, on the same two cores; the delay is from the commit of
the event to the call.
The bare loop signs and posts the same bodies with one httpx client over one connection."""

RATE, DELAY = "deliveries/s", "delay p99 (s)"
PARTS = ("webhooks", "sweeps", "beat")
GOAL = 300.0
TIMEOUT_SECONDS = 300.0
WARM_UP = 20
_ENDS = (
    "SELECT d.created_at, d.attempted_at, pg_xact_commit_timestamp(d.xmin) FROM webhook_deliveries d"
    " WHERE d.state = 'delivered' ORDER BY 3"
)


class Lost(Exception):
    """An event did not arrive, or its delivery is not finished."""


@dataclass(frozen=True)
class Load:
    """Events to record, per second. A backlog is recorded before the workers start."""

    name: str
    events: int
    per_second: float
    is_backlog: bool


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    loads = [
        Load("bare httpx loop", 1_000 if quick else 5_000, 0, is_backlog=True),
        Load("backlog", 1_000 if quick else 10_000, 1e9, is_backlog=True),
        Load("steady, 300 events/s", 1_500 if quick else 6_000, GOAL, is_backlog=False),
    ]
    chosen = [load for load in loads if only.lower() in load.name.lower()]
    return in_rounds(chosen, runs, partial(_measure, servers))


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Compare the rates with the goal, and with the bare loop."""
    rates = {row.name: row.figures[RATE].median for row in rows}
    bare = rates.get("bare httpx loop")
    ratio = f", {rates['backlog'] / bare:.2f} times the bare loop" if bare and "backlog" in rates else ""
    found = f"{rates.get('backlog', 0.0):.0f} deliveries/s{ratio}"
    return [f"{found}: {target_result(rates.get('backlog', 0.0) >= GOAL)} (to reach: {GOAL:.0f})."]


def _measure(servers: Servers, load: Load) -> Mapping[str, float]:
    with _receiver(servers) as (url, file):
        return _bare(url, load.events) if load.per_second == 0 else _relance(servers, load, url, file)


@contextmanager
def _receiver(servers: Servers) -> Iterator[tuple[str, Path]]:
    port, file, process = free_port(), servers.folder / "received", Processes(servers.folder / "receiver.log")
    file.unlink(missing_ok=True)
    process.start(python("-m", "bench.webhook_receiver", str(port), str(file)), {})
    try:
        wait_until(file.exists, "the receiver", timeout=20)
        time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/hook", file
    finally:
        process.stop()


def _bare(url: str, events: int) -> Mapping[str, float]:
    secret, ids = new_secret(), [str(uuid.uuid4()) for _ in range(6)]
    names = ("clinic_id", "endpoint_id", "event_id", "lead_id")
    body = json.dumps({"type": "quote.sent", "timestamp": ids[0], "data": dict(zip(names, ids, strict=False))}).encode()
    took = []
    with httpx.Client() as client:
        began = time.perf_counter()
        for _ in range(events):
            one = time.perf_counter()
            headers = sign([secret], str(uuid.uuid4()), body, at=datetime.now(UTC))
            client.post(url, content=body, headers=headers).raise_for_status()
            took.append(time.perf_counter() - one)
        seconds = time.perf_counter() - began
    return {RATE: events / seconds, DELAY: percentile(took, 99)}


def _relance(servers: Servers, load: Load, url: str, file: Path) -> Mapping[str, float]:
    clinic = begin(servers, rules=False)
    allow = {"OUTGOING_ALLOW": url.removeprefix("http://").removesuffix("/hook")}
    params = {"clinic": clinic, "url": url}
    run_action(servers, "add_webhook", json.dumps(params), allow)
    if load.is_backlog:
        _record(servers, clinic, load.events, load.per_second)
    with running(servers, PARTS, environment(servers, **allow)) as parts:
        if not load.is_backlog:
            _record(servers, clinic, WARM_UP, 50)
            _wait(servers, parts, WARM_UP)
            _record(servers, clinic, load.events, load.per_second)
        total = load.events + (0 if load.is_backlog else WARM_UP)
        _wait(servers, parts, total)
    ids = file.read_text().split()
    if len(set(ids)) != total:
        raise Lost(f"{len(set(ids))} of {total}")
    return _figures(_ends(servers)[-load.events :], is_backlog=load.is_backlog)


def _record(servers: Servers, clinic: Mapping[str, Any], count: int, per_second: float) -> None:
    run_action(servers, "record_events", json.dumps({"clinic": clinic, "count": count, "per_second": per_second}))


def _wait(servers: Servers, parts: Mapping[str, Processes], count: int) -> None:
    def all_done() -> bool:
        check(parts)
        return len(_ends(servers)) >= count

    wait_until(all_done, f"{count} deliveries", timeout=TIMEOUT_SECONDS, every=1)


def _ends(servers: Servers) -> list[tuple[Any, ...]]:
    with psycopg.connect(servers.database_url(), autocommit=True) as connection:
        return connection.execute(_ENDS).fetchall()


def _figures(ends: Sequence[tuple[Any, ...]], *, is_backlog: bool) -> Mapping[str, float]:
    begun = min(attempted for _, attempted, _ in ends)
    seconds = (ends[-1][2] - begun).total_seconds()
    delays = [(attempted - (begun if is_backlog else created)).total_seconds() for created, attempted, _ in ends]
    return {RATE: len(ends) / seconds, DELAY: percentile(delays, 99)}
