"""Posting jobs and working them off as a worker does, in this process."""

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
    """A job, as it was answered with."""
    answer = caller.post("/api/followups/bulk", {"followup": FOLLOW_UP, **body})
    assert answer.status == 202, answer.body
    job: dict[str, Any] = answer.body
    return job


def many_leads(desk: Desk, how_many: int) -> list[str]:
    """Leads that differ in their id only, without steps of their own."""
    desk.multiply(desk.capture(), how_many - 1)
    return [str(lead.id) for lead in desk.sql("SELECT id FROM leads WHERE clinic_id = :c", c=desk.clinic_id)]


def chunks(desk: Desk, job: dict[str, Any]) -> list[UUID]:
    """The steps that are planned for the job and were not run, in their order."""
    found = desk.sql(
        "SELECT id FROM steps WHERE kind = 'import_chunk' AND state IN ('planned', 'published')"
        " AND params ->> 'job_id' = :job ORDER BY (params ->> 'first')::int",
        job=job["id"],
    )
    return [step.id for step in found]


def run(*step_ids: UUID) -> int:
    """What a worker does with a message."""
    return runner.run(Kind.IMPORT_CHUNK, step_ids)


def work_off(desk: Desk, job: dict[str, Any]) -> dict[str, Any]:
    """Run every chunk that is due; returns the job as it is then."""
    run(*chunks(desk, job))
    return show(desk, job)


def show(desk: Desk, job: dict[str, Any]) -> dict[str, Any]:
    """The job as it is now."""
    found: dict[str, Any] = desk.admin.get(f"/api/jobs/{job['id']}").body
    return found


def counts(job: dict[str, Any]) -> tuple[int, int, int, int]:
    """Pending, done, failed and cancelled items."""
    return job["pending"], job["done"], job["failed"], job["cancelled"]


def items(desk: Desk, job: dict[str, Any], **only: str) -> list[dict[str, Any]]:
    """The job's items, in their order."""
    return desk.admin.every(f"/api/jobs/{job['id']}/items", **only)


def reasons(desk: Desk, job: dict[str, Any]) -> dict[int, str]:
    """Why items failed, by their place."""
    return {item["position"]: item["reason"] for item in items(desk, job, status="failed")}


def tasks(desk: Desk) -> list[Any]:
    """The clinic's tasks, by their due time."""
    return desk.sql("SELECT * FROM lead_tasks WHERE clinic_id = :c ORDER BY due_at, id", c=desk.clinic_id)


@contextmanager
def busy(lead_id: str) -> Iterator[None]:
    """Somebody is just changing the lead."""
    with sessions()() as session:
        session.execute(text("SELECT id FROM leads WHERE id = :id FOR NO KEY UPDATE"), {"id": lead_id})
        yield
