"""Lead capture over HTTP, compared with a minimal application and with a Django application that does the same."""

from collections.abc import Sequence

from bench import django_web
from bench.adapters import offered
from bench.django_web import DjangoRest
from bench.figures import Row
from bench.load import Load, http_request, measure
from bench.rounds import in_rounds
from bench.servers import Servers
from bench.web import HOST, BareFlask, WebApplication

TITLE = "Capture: leads over HTTP"
METHOD = """16 keep-alive clients in a separate process post 10,000 leads. Each client posts its next lead when the last
one is answered. gunicorn serves all applications with the same configuration: gthread, 2 workers of 8 threads. The
bare application has one route that reads the JSON, inserts one row over a pooled connection and commits. The Django
application is what engineers would build without Relance: Django REST framework, simplejwt, django-auditlog, persistent
connections. It gets the same body, has the main fields and checks of Relance's schema, looks for duplicates by e-mail
and phone, chooses a coordinator, stores the lead with a timeline row and an audit row in one transaction, and then
sends two Celery tasks with an ETA of 15 minutes and of 24 hours. It has no encryption, rules, rate limits or
idempotency keys. **web CPU** is the CPU time of the web processes per request. The first 500 requests warm up and
count only for the CPU time."""

WORKERS = 2
THREADS = 8
RATE = "requests/s"
CPU = "web CPU (ms)"
TARGET = 0.5  # share of the minimal application's rate
DJANGO_TARGET = 3.5  # times the rate of the Django application


class NotStored(Exception):
    """An application responded with 2xx for leads that it did not store."""


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    count = 1_000 if quick else 10_000
    everyone: list[WebApplication] = [
        BareFlask(servers),
        *django_web.web_applications(servers),
        *offered("web_applications", servers),
    ]
    chosen = [one for one in everyone if only.lower() in one.name.lower()]
    return in_rounds(chosen, runs, lambda one: _capture(one, count))


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Compare each rate of Relance with those of the other applications."""
    rates = {one.name: one.figures[RATE].median for one in rows}
    bare, django = rates.pop(BareFlask.name, 0), rates.pop(DjangoRest.name, 0)
    beside_bare = [_beside_bare(name, rate / bare) for name, rate in rates.items() if bare]
    return beside_bare + [_beside_django(name, rate / django) for name, rate in rates.items() if django]


def _beside_bare(name: str, share: float) -> str:
    return f"{name}: {share:.0%} of the bare rate (to reach: {TARGET:.0%})."


def _beside_django(name: str, times: float) -> str:
    reached = "reached" if times >= DJANGO_TARGET else "not reached"
    return f"{name}: {times:.1f} times {DjangoRest.name}: {reached} (to reach: {DJANGO_TARGET})."


def _capture(application: WebApplication, count: int) -> dict[str, float]:
    try:
        port = application.start(workers=WORKERS, threads=THREADS)
        headers = application.headers()
        requests = [
            http_request("POST", application.path, headers=headers, body=application.body(number))
            for number in range(count)
        ]
        began = application.cpu_seconds()
        measured = measure(Load(HOST, port, requests, warm_up=count // 20))
        cpu = (application.cpu_seconds() - began) * 1000 / count
        if application.stored() != count:
            raise NotStored(f"{application.name}: {application.stored()} of {count}")
    finally:
        application.stop()
    return {RATE: measured.per_second, "p50 (ms)": measured.p50, "p95 (ms)": measured.p95, CPU: cpu}
