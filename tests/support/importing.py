"""Upload files of leads and run their imports as workers do."""

from typing import Any

from app.engine.models import Kind
from tests.support.desk import Answer, Caller
from workers import runner

CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def send(caller: Caller, content: bytes, *, kind: str = CSV, key: str | None = None, **query: str) -> Answer:
    """Upload a file."""
    headers = {"Content-Type": kind, **({} if key is None else {"Idempotency-Key": key})}
    return caller._send("POST", "/api/imports", headers=headers, data=content, query_string=query)


def work_off(caller: Caller, kept: dict[str, Any], what: str = "start", **how: Any) -> dict[str, Any]:
    """Start or preview an import, run all its chunks and return it."""
    started = caller.post(f"/api/imports/{kept['id']}/{what}", how)
    assert started.status == 202, started.body
    while runner.run(Kind.IMPORT_CHUNK, []):
        pass
    shown: dict[str, Any] = caller.get(f"/api/imports/{kept['id']}").body
    return shown
