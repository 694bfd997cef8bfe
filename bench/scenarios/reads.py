"""Reads: response times of lists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench import list_requests
from bench.application import begin, environment
from bench.cpu import database_seconds
from bench.figures import Row
from bench.list_requests import SEARCH, listings
from bench.load import Load, measure
from bench.processes import Processes
from bench.rounds import in_rounds
from bench.servers import Servers
from bench.web import HOST, serve

TITLE = "Reads: lists at 100,000 leads, 1,000,000 tasks and 1,000,000 activities"
METHOD = """Twenty clinics of realistic, unequal size: the largest has 30,000 leads, and the oldest leads have timelines
of hundreds of entries. The users of the five largest clinics read pages of 50, one request at a time; the timelines
belong to leads with more than 50 entries. Latency is measured by the client. **CPU** is that of the web workers and of
PostgreSQL, per request. gunicorn serves all as in capture, with Relance's own configuration. The bare application
answers with one indexed SELECT of 50 rows of the same columns, as JSON, without authentication."""

WORKERS, THREADS = 2, 8
TARGET_P95_MS = 20.0
TARGET_OF_SEARCH_MS = 50.0
P95 = "p95 (ms)"


@dataclass(frozen=True)
class Site:
    """A served application."""

    port: int
    processes: Processes


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    begin(servers, rules=True)
    readers = list_requests.fill(servers, leads=5_000 if quick else 100_000, each=50_000 if quick else 1_000_000)
    count = 200 if quick else 1_500
    bare, ours = (Processes(servers.folder / name) for name in ("bare_reads.log", "relance_reads.log"))
    try:
        sites = {True: _serve_bare(servers, bare), False: _serve_relance(servers, ours)}
        chosen = [one for one in listings(sites[False].port, readers) if only.lower() in one.name]
        return in_rounds(chosen, runs, lambda one: _read(servers, sites[one.bare], one.requests(readers, count)))
    finally:
        bare.stop()
        ours.stop()


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Compare each list and search of Relance with its target."""
    late = {one.name: one.figures[P95].median for one in rows if not one.name.startswith("bare")}
    searches = {name: value for name, value in late.items() if name.startswith(SEARCH)}
    lists = {name: value for name, value in late.items() if name not in searches}
    return [
        *_compared("list", lists, TARGET_P95_MS),
        *_compared("search", searches, TARGET_OF_SEARCH_MS),
    ]


def _compared(what: str, late: Mapping[str, float], target: float) -> list[str]:
    if not late:
        return []
    missed = [name for name, value in late.items() if value >= target]
    slowest = max(late, key=lambda name: late[name])
    result = f"NOT reached by {', '.join(missed)}" if missed else "reached by all"
    return [
        f"p95 of the slowest {what}, {slowest}: {late[slowest]:.1f} ms; {result} (to reach: under {target:.0f} ms)."
    ]


def _serve_bare(servers: Servers, processes: Processes) -> Site:
    env = {"BENCH_DATABASE_URL": servers.database_url(), "WEB_WORKERS": str(WORKERS), "WEB_THREADS": str(THREADS)}
    return Site(serve("bench.peers.bare_reads:app", processes, env), processes)


def _serve_relance(servers: Servers, processes: Processes) -> Site:
    env = environment(servers, WEB_WORKERS=str(WORKERS), WEB_THREADS=str(THREADS))
    return Site(serve("app:create_app()", processes, env), processes)


def _read(servers: Servers, site: Site, requests: Sequence[str]) -> dict[str, float]:
    web, database = site.processes.cpu_seconds(), database_seconds(servers)
    measured = measure(Load(HOST, site.port, requests, clients=1, warm_up=len(requests) // 10))
    each = 1000 / len(requests)
    return {
        "p50 (ms)": measured.p50,
        P95: measured.p95,
        "p99 (ms)": measured.p99,
        "web CPU (ms)": (site.processes.cpu_seconds() - web) * each,
        "PostgreSQL CPU (ms)": (database_seconds(servers) - database) * each,
    }
