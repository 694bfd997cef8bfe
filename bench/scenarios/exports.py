"""Exports: time and memory of a download of the work queue."""

import time
import urllib.request
from collections.abc import Sequence
from functools import partial

import psycopg

from app.ops.embedded import free_port
from bench.application import environment, run_action
from bench.bulk_methods import START_SECONDS, WEB, Clinic, answers, open_with_leads
from bench.figures import Row
from bench.peak_memory import peak_memory_of
from bench.procfile_processes import check, running
from bench.servers import Servers
from bench.sizes import on_memory, run_sizes, target_result
from bench.volume import add_tasks, loading
from bench.waiting import wait_until
from bench.web import HOST

TITLE = "Export: the work queue as a file"
METHOD = """`GET /api/followups/export` for the whole queue of a clinic with 5,000 leads, with e-mail addresses, phone
numbers and completion notes, until the last byte is received; gunicorn as in capture. The bare COPY writes all columns
of the same tasks as CSV, without the encrypted fields."""

SECONDS = "until the last byte (s)"
RATE = "rows/s"
SIZES, QUICK_SIZES = (5_000, 20_000), (1_000,)
LEADS = 5_000
WITHIN_SECONDS = 5.0


class NotWhole(Exception):
    """An export has fewer rows than the queue."""


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    return run_sizes(servers, QUICK_SIZES if quick else SIZES, VARIANTS, runs=runs, only=only)


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Compare each export with its time limit, and the memory of the larger with the smaller."""
    seconds = {one.name: one.figures[SECONDS].median for one in rows if WEB in one.figures}
    late = [
        f"{name}: {taken:.1f} s: {target_result(taken < WITHIN_SECONDS)}"
        f" (to reach: {WITHIN_SECONDS:.0f} s for 20,000 rows)."
        for name, taken in seconds.items()
        if name.startswith("20,000")
    ]
    kinds = ([one for one in rows if one.name.endswith(kind)] for kind in (CSV, XLSX))
    return [*late, *(line for ours in kinds for line in on_memory(ours, (WEB,)))]


def _by_relance(kind: str, servers: Servers, count: int) -> dict[str, float]:
    clinic = _open(servers, count)
    port = free_port()
    with running(servers, ("web",), environment(servers, PORT=str(port))) as parts:
        wait_until(lambda: answers(port), "web", timeout=START_SECONDS)
        _download(port, clinic, f"format={kind}&due_to=2000-01-01T00:00:00Z")
        with peak_memory_of(parts) as peaks:
            began = time.perf_counter()
            content = _download(port, clinic, f"format={kind}")
            seconds = time.perf_counter() - began
        check(parts)
        if kind == "csv" and (lines := content.count(b"\r\n")) != count + 1:
            raise NotWhole(f"{lines} lines of {count} rows")
    return {SECONDS: seconds, RATE: count / seconds, WEB: peaks["web"]}


def _by_copy(servers: Servers, count: int) -> dict[str, float]:
    _open(servers, count)
    with psycopg.connect(servers.database_url()) as connection:
        began = time.perf_counter()
        with connection.cursor().copy("COPY (SELECT * FROM lead_tasks) TO STDOUT (FORMAT csv)") as copy:
            for _ in copy:
                pass
        seconds = time.perf_counter() - began
    return {SECONDS: seconds, RATE: count / seconds}


CSV, XLSX = "CSV", "XLSX"
VARIANTS = {CSV: partial(_by_relance, "csv"), XLSX: partial(_by_relance, "xlsx"), "bare COPY": _by_copy}


def _open(servers: Servers, count: int) -> Clinic:
    clinic = open_with_leads(servers, LEADS)
    with loading(servers) as connection:
        add_tasks(connection, count)
    run_action(servers, "encrypt_people", "{}")
    return clinic


def _download(port: int, clinic: Clinic, query: str) -> bytes:
    asked = urllib.request.Request(
        f"http://{HOST}:{port}/api/followups/export?{query}", headers={"Authorization": f"Bearer {clinic.token}"}
    )
    with urllib.request.urlopen(asked, timeout=120) as answer:
        content: bytes = answer.read()
        return content
