"""Expand tasks with their lead and assignee."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.api.leads.expand import USER_COLUMNS
from app.audit import audit_log
from app.http.schemas.expand import expand_rows
from app.identity.actor import Actor
from app.leads.models import Lead
from app.leads.search.lookup import visible_to
from app.security.encrypted_fields import decrypt_or_none
from app.tasks.lookup import TaskPart


def expand_tasks(session: Session, actor: Actor, tasks: Sequence[Any], parts: Collection[str]) -> Sequence[Any]:
    """Return the tasks' rows with these parts. A lead that the actor may not see is None."""
    if not parts:
        return tasks
    leads = select(Lead.id, Lead.first_name, Lead.last_name, Lead.sealed, Lead.pipeline_stage).where(*visible_to(actor))
    known: Mapping[str, tuple[str, Any]] = {
        TaskPart.LEAD: ("lead_id", leads),
        TaskPart.ASSIGNED_TO: ("assigned_to_id", USER_COLUMNS),
    }
    rows = [task._mapping for task in tasks]  # noqa: SLF001  (the public name of a row's mapping)
    shown = expand_rows(session, rows, {part: known[part] for part in parts})
    seen = {task["lead_id"]: task["lead"] for task in shown if task.get("lead")}
    for lead_id, lead in seen.items():
        lead["phone"] = decrypt_or_none(Lead, lead_id, lead["sealed"])["phone"]
    audit_log.note_read(session, "lead", seen)
    return shown
