"""Lead imports: Relance's import, and a plain COPY of the same rows for comparison."""

import json
import time
import urllib.request
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, LiteralString

import psycopg

from app.ops.embedded import free_port
from bench.application import begin, environment, run_action
from bench.bulk_methods import BULK, MOST_SECONDS, PARTS, START_SECONDS, WEB, answers
from bench.cpu import database_seconds
from bench.peak_memory import peak_memory_of
from bench.procfile_processes import check, running
from bench.servers import Servers
from bench.waiting import wait_until
from bench.web import HOST

SECONDS = "until all are in (s)"
RATE = "rows/s"
UPLOADED = "uploaded (s)"
HEAD = "First name,Last name,E-mail,Phone,City,ZIP,Notes"
COLUMNS = (
    *("id", "clinic_id", "status", "pipeline_stage", "stage_entered_at", "patient_first_name", "patient_last_name"),
    *("patient_relationship", "first_name", "last_name", "preferred_contact", "city", "postal_code"),
    *("source_id", "treatment_interest", "sealed", "failed_attempts", "last_activity_at", "created_at", "updated_at"),
    "version",
)
COPY: LiteralString = f"COPY leads ({', '.join(COLUMNS)}) FROM STDIN"


def by_relance(servers: Servers, count: int) -> dict[str, float]:
    """`POST /api/imports`, then its start, with web and workers started as in the Procfile."""
    clinic = _open(servers)
    port = free_port()
    with (
        running(servers, PARTS, environment(servers, PORT=str(port))) as parts,
        psycopg.connect(servers.database_url(), autocommit=True) as connection,
    ):
        wait_until(lambda: answers(port), "web", timeout=START_SECONDS)
        token, file = clinic["users"][0]["token"], _file(count)
        workers, database = parts["bulk"].cpu_seconds(), database_seconds(servers)
        with peak_memory_of({name: parts[name] for name in ("web", "bulk")}) as peaks:
            began = time.perf_counter()
            created = _post(port, "/api/imports", file, token, kind="text/csv")
            uploaded = time.perf_counter() - began
            body = json.dumps({"source_id": clinic["source_id"]}).encode()
            _post(port, f"/api/imports/{created['id']}/start", body, token, kind="application/json")
            wait_until(lambda: _is_done(connection), f"{count} rows", timeout=MOST_SECONDS, every=0.02)
            seconds = time.perf_counter() - began
        workers, database = parts["bulk"].cpu_seconds() - workers, database_seconds(servers) - database
        check(parts)
        [(made,)] = connection.execute("SELECT count(*) FROM leads").fetchall()
        if made != count:
            raise RuntimeError(f"{made} leads of {count} rows")
    return {
        SECONDS: seconds,
        RATE: count / seconds,
        UPLOADED: uploaded,
        "workers' CPU (s)": workers,
        "PostgreSQL's CPU (s)": database,
        WEB: peaks["web"],
        BULK: peaks["bulk"],
    }


def by_copy(servers: Servers, count: int) -> dict[str, float]:
    """COPY the same rows into the same table, with its indexes and foreign keys, and commit."""
    clinic = _open(servers)
    with psycopg.connect(servers.database_url()) as connection:
        began = time.perf_counter()
        with connection.cursor().copy(COPY) as copy:
            for row in _bare_rows(clinic, count):
                copy.write_row(row)
        connection.commit()
        seconds = time.perf_counter() - began
    return {SECONDS: seconds, RATE: count / seconds}


def _open(servers: Servers) -> dict[str, Any]:
    begin(servers, rules=True)
    [opened] = run_action(servers, "open_clinics", json.dumps({"clinics": 1}))
    return dict(opened)


def _people(count: int) -> Iterator[tuple[str, ...]]:
    for n in range(count):
        last = f"{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676 % 26)}son"
        yield (
            f"Ada{n}",
            last.title(),
            f"ada{n}@example.com",
            f"+1415{2_000_000 + n}",
            "San Francisco",
            "94107",
            "Afternoons",
        )


def _file(count: int) -> bytes:
    return "\n".join([HEAD, *(",".join(person) for person in _people(count))]).encode()


def _bare_rows(clinic: dict[str, Any], count: int) -> Iterator[tuple[Any, ...]]:
    at = datetime.now(UTC)
    for first, last, email, phone, city, code, notes in _people(count):
        yield (
            *(uuid.uuid4(), clinic["clinic_id"], "NEW", "new_lead", at, first, last, "SELF", first, last),
            *("PHONE", city, code, clinic["source_id"], [], f"{email} {phone} {notes}".encode(), 0, at, at, at, 1),
        )


def _is_done(connection: psycopg.Connection[Any]) -> bool:
    found = connection.execute("SELECT state FROM jobs").fetchall()
    return bool(found and found[0][0] == "done")


def _post(port: int, path: str, body: bytes, token: str, *, kind: str) -> dict[str, Any]:
    headers = {"Content-Type": kind, "Authorization": f"Bearer {token}"}
    asked = urllib.request.Request(f"http://{HOST}:{port}{path}", data=body, headers=headers)
    with urllib.request.urlopen(asked, timeout=120) as answer:
        return dict(json.load(answer))
