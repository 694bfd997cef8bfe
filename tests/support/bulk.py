"""Create bulk jobs and run their chunks in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.db import sessions
from app.engine.models import Kind
from tests.support.desk import Caller, Desk
from workers import runner

FOLLOW_UP = {"type": "CALL", "title": "After the event", "due_in_minutes": 1440}


def ask(caller: Caller, **body: Any) -> dict[str, Any]:
    """Request a bulk follow-up and return its job."""
    answer = caller.post("/api/followups/bulk", {"followup": FOLLOW_UP, **body})
    assert answer.status == 202, answer.body
    job: dict[str, Any] = answer.body
    return job


def many_leads(desk: Desk, how_many: int) -> list[str]:
    """Create leads that differ only in their id and have no steps. Return their ids."""
    desk.multiply(desk.capture(), how_many - 1)
    return [str(lead.id) for lead in desk.sql("SELECT id FROM leads WHERE clinic_id = :c", c=desk.clinic_id)]


def chunks(desk: Desk, job: dict[str, Any]) -> list[UUID]:
    """Return the ids of the job's pending chunk steps, in order."""
    found = desk.sql(
        "SELECT id FROM steps WHERE kind = 'import_chunk' AND state IN ('planned', 'published')"
        " AND params ->> 'job_id' = :job ORDER BY (params ->> 'first')::int",
        job=job["id"],
    )
    return [step.id for step in found]


def run(*step_ids: UUID) -> int:
    """Run the steps as a worker does that received their message."""
    return runner.run(Kind.IMPORT_CHUNK, step_ids)


def work_off(desk: Desk, job: dict[str, Any]) -> dict[str, Any]:
    """Run all pending chunks and return the job."""
    run(*chunks(desk, job))
    return show(desk, job)


def show(desk: Desk, job: dict[str, Any]) -> dict[str, Any]:
    """Return the current job."""
    found: dict[str, Any] = desk.admin.get(f"/api/jobs/{job['id']}").body
    return found


def counts(job: dict[str, Any]) -> tuple[int, int, int, int]:
    """Return the numbers of pending, done, failed and cancelled items."""
    return job["pending"], job["done"], job["failed"], job["cancelled"]


def items(desk: Desk, job: dict[str, Any], **only: str) -> list[dict[str, Any]]:
    """Return the job's items, in order."""
    return desk.admin.every(f"/api/jobs/{job['id']}/items", **only)


def reasons(desk: Desk, job: dict[str, Any]) -> dict[int, str]:
    """Return the reasons of failed items by position."""
    return {item["position"]: item["reason"] for item in items(desk, job, status="failed")}


def tasks(desk: Desk) -> list[Any]:
    """Return the clinic's tasks by due time."""
    return desk.sql("SELECT * FROM lead_tasks WHERE clinic_id = :c ORDER BY due_at, id", c=desk.clinic_id)


@contextmanager
def busy(lead_id: str) -> Iterator[None]:
    """Lock the lead's row, as a concurrent change does."""
    with sessions()() as session:
        session.execute(text("SELECT id FROM leads WHERE id = :id FOR NO KEY UPDATE"), {"id": lead_id})
        yield
