"""Tasks along with whom they are about, and whose they are."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.api.leads.expand import PERSON
from app.audit import audit_log
from app.http.schemas.expand import with_parts
from app.identity.actor import Actor
from app.leads.lookup import visible_to
from app.leads.models import Lead
from app.security.encrypted_fields import open_or_none
from app.tasks.lookup import TaskPart


def expanded(session: Session, actor: Actor, tasks: Sequence[Any], parts: Collection[str]) -> Sequence[Any]:
    """The rows of tasks, each with these parts; a lead that the actor does not know of stays unknown."""
    if not parts:
        return tasks
    leads = select(Lead.id, Lead.first_name, Lead.last_name, Lead.sealed, Lead.pipeline_stage).where(*visible_to(actor))
    known: Mapping[str, tuple[str, Any]] = {
        TaskPart.LEAD: ("lead_id", leads),
        TaskPart.ASSIGNED_TO: ("assigned_to_id", PERSON),
    }
    rows = [task._mapping for task in tasks]  # noqa: SLF001  (a Row's public way to its names)
    shown = with_parts(session, rows, {part: known[part] for part in parts})
    seen = {task["lead_id"]: task["lead"] for task in shown if task.get("lead")}
    for lead_id, lead in seen.items():
        lead["phone"] = open_or_none(Lead, lead_id, lead["sealed"])["phone"]
    audit_log.saw(session, "lead", seen)
    return shown
