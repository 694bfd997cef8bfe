"""Expand tasks with their lead and assignee."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.api.leads.expand import USER_COLUMNS, with_lead_names
from app.audit import audit_log
from app.core.pagination import Page
from app.core.type_aliases import ColumnValues, JsonDict, JsonObject
from app.http.schemas.expand import expand_rows
from app.identity.actor import Actor
from app.leads.models import Lead
from app.leads.search.lookup import visible_to
from app.security.encrypted_fields import decrypt_or_none
from app.tasks.lookup import TaskPart
from app.tasks.service import list_tasks

NAMES: Final = frozenset({"lead_name", "assigned_to_name"})


def with_names(session: Session, actor: Actor, tasks: Sequence[Any]) -> list[JsonDict]:
    """Return the tasks' rows with the names of lead and assignee, with one query each.

    The name of a lead that the actor may not see is None.
    """
    named = with_lead_names(session, actor, map(_as_mapping, tasks))
    shown = expand_rows(session, named, {"_user": ("assigned_to_id", USER_COLUMNS)})
    for task in shown:
        user = task.pop("_user")
        task["assigned_to_name"] = user and user["name"]
    return shown


def list_named_tasks(session: Session, actor: Actor, query: JsonObject) -> Page:
    """List tasks with names, unless `fields` leaves the names out, and with the parts in `expand`."""
    found, chosen = list_tasks(session, actor, query), query.get("chosen")
    skip_names = chosen and NAMES.isdisjoint(chosen.split(","))
    named = found.items if skip_names else with_names(session, actor, found.items)
    return replace(found, items=expand_tasks(session, actor, named, query.get("expand", ())))


def _as_mapping(task: Any) -> ColumnValues:
    return task if isinstance(task, dict) else task._mapping  # noqa: SLF001  (the public name of a row's mapping)


def expand_tasks(session: Session, actor: Actor, tasks: Sequence[Any], parts: Collection[str]) -> Sequence[Any]:
    """Return the tasks' rows with these parts. A lead that the actor may not see is None."""
    if not parts:
        return tasks
    leads = select(Lead.id, Lead.first_name, Lead.last_name, Lead.sealed, Lead.pipeline_stage).where(*visible_to(actor))
    known: Mapping[str, tuple[str, Any]] = {
        TaskPart.LEAD: ("lead_id", leads),
        TaskPart.ASSIGNED_TO: ("assigned_to_id", USER_COLUMNS),
    }
    shown = expand_rows(session, map(_as_mapping, tasks), {part: known[part] for part in parts})
    seen = {task["lead_id"]: task["lead"] for task in shown if task.get("lead")}
    for lead_id, lead in seen.items():
        lead["phone"] = decrypt_or_none(Lead, lead_id, lead["sealed"])["phone"]
    audit_log.note_read(session, "lead", seen)
    return shown
