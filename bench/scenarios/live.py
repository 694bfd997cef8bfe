"""Live updates: the time until an event reaches 1,000 clients, and what open streams cost the API."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import IO, Any

from bench.application import begin, environment, lead_body, run_action
from bench.figures import Row
from bench.load import Load, http_request, measure
from bench.processes import ROOT, Processes, python
from bench.rounds import in_rounds
from bench.servers import Servers
from bench.waiting import wait_until
from bench.web import HOST, serve

TITLE = "Live updates: 1,000 open streams"
METHOD = """1,000 clients of 200 users in one clinic keep a stream open (`GET /api/stream`). **Fan-out** is the time
from the answer of `POST /api/leads` until the event has reached a client, for each of 200 leads, five a second, and
each client. **Memory** is the proportional set size of the stream process. Then 16 keep-alive clients post leads as in
the scenario capture, once without streams and once while the 1,000 streams of another clinic are open."""

PER_USER = 5
FAN_OUT, MEMORY, RECEIVED = "fan-out p99 (ms)", "memory (MB)", "events received"
RATE, P95 = "requests/s", "p95 (ms)"
TARGETS = {FAN_OUT: 250.0, MEMORY: 150.0}
API_HEADERS = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Subject:
    """A load, with this number of open streams."""

    name: str
    streams: int
    leads: int  # of the measured clinic
    is_fan_out: bool


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    streams, leads, load = (100, 20, 500) if quick else (1_000, 200, 4_000)
    subjects = [
        Subject(f"fan-out to {streams:,} streams", streams, leads, is_fan_out=True),
        Subject("API without streams", 0, load, is_fan_out=False),
        Subject(f"API with {streams:,} streams of another clinic", streams, load, is_fan_out=False),
    ]
    return in_rounds([one for one in subjects if only.lower() in one.name.lower()], runs, partial(_measure, servers))


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Return the figures with a target, and the API's 95th percentile with streams as a share of that without."""
    found = [
        f"{title}: {rows[0].figures[title].median:.0f} (to reach: {most:.0f}).".capitalize()
        for title, most in TARGETS.items()
        if title in rows[0].figures
    ]
    p95 = [row.figures[P95].median for row in rows if P95 in row.figures]
    return [*found, f"API p95 with open streams: {p95[1] / p95[0]:.0%} of that without."] if len(p95) > 1 else found


def _measure(servers: Servers, subject: Subject) -> Mapping[str, float]:
    clinic = begin(servers, rules=True)
    env = environment(servers, STREAM_SOCKET=str(servers.folder / "live.sock"))
    web, stream = Processes(servers.folder / "live_web.log"), Processes(servers.folder / "live_stream.log")
    try:
        stream.start(python("-m", "app.ops.live_updates"), env)
        wait_until((servers.folder / "live.sock").exists, "the stream process", timeout=30)
        port = serve("app:create_app()", web, env)
        if subject.is_fan_out:
            return _fan_out(servers, subject, clinic, port=port, stream=stream)
        return _load(servers, subject, clinic, port=port)
    finally:
        web.stop()
        stream.stop()


def _fan_out(
    servers: Servers, subject: Subject, clinic: Mapping[str, Any], *, port: int, stream: Processes
) -> Mapping[str, float]:
    bodies = [json.dumps(lead_body(number, clinic["source_id"])) for number in range(subject.leads)]
    task = {"requests": bodies, "pause": 0.2, "headers": {**API_HEADERS, "Authorization": f"Bearer {clinic['token']}"}}
    with _clients(_users(servers, clinic, subject), port, task) as output:
        found = json.loads(output.readline())
        return {
            FAN_OUT: found["p99"],
            "fan-out p50 (ms)": found["p50"],
            RECEIVED: found["received"],
            MEMORY: stream.memory_mb(),
        }


def _load(servers: Servers, subject: Subject, clinic: Mapping[str, Any], *, port: int) -> Mapping[str, float]:
    headers = {**API_HEADERS, "Authorization": f"Bearer {clinic['token']}"}
    requests = [
        http_request("POST", "/api/leads", headers=headers, body=json.dumps(lead_body(number, clinic["source_id"])))
        for number in range(subject.leads)
    ]
    other = run_action(servers, "open", json.dumps({"rules": False, "slug": "other"}))
    with _clients(_users(servers, other, subject), port, {"requests": []}):
        found = measure(Load(HOST, port, requests, warm_up=subject.leads // 20))
    return {RATE: found.per_second, P95: found.p95}


def _users(servers: Servers, clinic: Mapping[str, Any], subject: Subject) -> list[str]:
    params = {"clinic_id": clinic["clinic_id"], "users": subject.streams // PER_USER}
    tokens: list[str] = run_action(servers, "hire", json.dumps(params))
    return tokens


@contextmanager
def _clients(tokens: Sequence[str], port: int, task: Mapping[str, Any]) -> Iterator[IO[str]]:
    """Run the clients beside the block, once all streams are open. Yields their output."""
    process = subprocess.Popen(
        python("-m", "bench.live_clients"), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin
    assert process.stdout
    with process:
        process.stdin.write(json.dumps({**task, "port": port, "tokens": tokens, "per_token": PER_USER}) + "\n")
        process.stdin.flush()
        json.loads(process.stdout.readline())
        yield process.stdout
        process.stdin.close()
