"""Views: response times of each list with each filter and order, of the boards and the dashboard."""

from collections.abc import Sequence

from bench import list_requests
from bench.application import begin, environment
from bench.cpu import database_seconds
from bench.figures import Row
from bench.load import Load, measure
from bench.processes import Processes
from bench.rounds import in_rounds
from bench.servers import Servers
from bench.view_requests import views
from bench.web import HOST, serve

TITLE = "Views: every filter and order at 100,000 leads, 1,000,000 tasks and 1,000,000 activities"
METHOD = """The clinics, readers and rows of the reads scenario; one request at a time, all readers in turn, pages of 50
unless the view has its own size. Latency is measured by the client; **CPU** as in reads."""

WORKERS, THREADS = 2, 8
TARGET_P95_MS = 50.0
P95 = "p95 (ms)"


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    begin(servers, rules=True)
    readers = list_requests.fill(servers, leads=5_000 if quick else 100_000, each=50_000 if quick else 1_000_000)
    count = 50 if quick else 150
    processes = Processes(servers.folder / "views.log")
    try:
        env = environment(servers, WEB_WORKERS=str(WORKERS), WEB_THREADS=str(THREADS))
        port = serve("app:create_app()", processes, env)
        chosen = [view for view in views() if only.lower() in view.name]
        return in_rounds(chosen, runs, lambda view: _measure(servers, port, processes, view.requests(readers, count)))
    finally:
        processes.stop()


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Compare each view with the target."""
    late = {one.name: one.figures[P95].median for one in rows}
    missed = {name: value for name, value in late.items() if value >= TARGET_P95_MS}
    slowest = max(late, key=lambda name: late[name])
    result = f"NOT reached by {', '.join(missed)}" if missed else "reached by all"
    return [f"p95 of the slowest view, {slowest}: {late[slowest]:.1f} ms; {result} (to reach: under 50 ms)."]


def _measure(servers: Servers, port: int, processes: Processes, requests: Sequence[str]) -> dict[str, float]:
    web, database = processes.cpu_seconds(), database_seconds(servers)
    measured = measure(Load(HOST, port, requests, clients=1, warm_up=len(requests) // 10))
    each = 1000 / len(requests)
    return {
        "p50 (ms)": measured.p50,
        P95: measured.p95,
        "p99 (ms)": measured.p99,
        "web CPU (ms)": (processes.cpu_seconds() - web) * each,
        "PostgreSQL CPU (ms)": (database_seconds(servers) - database) * each,
    }
