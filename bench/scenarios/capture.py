"""Lead capture over HTTP, compared with a minimal application."""

from collections.abc import Sequence

from bench.adapters import offered
from bench.figures import Row
from bench.load import Load, http_request, measure
from bench.rounds import in_rounds
from bench.servers import Servers
from bench.web import HOST, BareFlask, WebApplication

TITLE = "Capture: leads over HTTP"
METHOD = """16 keep-alive clients in a separate process post 10,000 leads. Each client posts its next lead when the last
one is answered. gunicorn serves both applications with the same configuration: gthread, 2 workers of 8 threads. The
bare application has one route that reads the JSON, inserts one row over a pooled connection and commits. The first 500
requests warm up."""

WORKERS = 2
THREADS = 8
RATE = "requests/s"
TARGET = 0.5  # share of the minimal application's rate


class NotStored(Exception):
    """An application responded with 2xx for leads that it did not store."""


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    count = 1_000 if quick else 10_000
    everyone: list[WebApplication] = [BareFlask(servers), *offered("web_applications", servers)]
    chosen = [one for one in everyone if only.lower() in one.name.lower()]
    return in_rounds(chosen, runs, lambda one: _capture(one, count))


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Return each application's rate as a share of the minimal one's, which comes first."""
    shares = {one.name: one.figures[RATE].median / rows[0].figures[RATE].median for one in rows[1:]}
    return [f"{name}: {share:.0%} of the bare rate (to reach: {TARGET:.0%})." for name, share in shares.items()]


def _capture(application: WebApplication, count: int) -> dict[str, float]:
    try:
        port = application.start(workers=WORKERS, threads=THREADS)
        headers = application.headers()
        requests = [
            http_request("POST", application.path, headers=headers, body=application.body(number))
            for number in range(count)
        ]
        measured = measure(Load(HOST, port, requests, warm_up=count // 20))
        if application.stored() != count:
            raise NotStored(f"{application.name}: {application.stored()} of {count}")
    finally:
        application.stop()
    return {RATE: measured.per_second, "p50 (ms)": measured.p50, "p95 (ms)": measured.p95}
