"""Activities: log an activity and apply its effects; list the timeline."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.pagination import Key, Page, page
from app.core.ports import Listeners
from app.core.type_aliases import JsonObject
from app.engine.events.events import Event, EventName
from app.engine.service import record
from app.identity.actor import Actor
from app.leads.activities.attempts import attempts_since_response
from app.leads.activities.effects import (
    CONTACT_EVENTS,
    STAGE_OF,
    apply_activity,
    apply_contact,
    is_answer,
    is_contact,
    is_reply,
    with_implied_values,
)
from app.leads.models import Lead
from app.leads.pipeline.lead_state import mark_updated, save_stage_change
from app.leads.pipeline.rotting import update_rotting_date
from app.leads.pipeline.stages import Stages, stages_of
from app.leads.search.lookup import lock_editable_lead, read_lead, require_open
from app.leads.timeline.entries import write_entry
from app.leads.timeline.models import Activity, CountsAs

# Called in the same transaction when an activity was logged, to complete the tasks that it answers.
activity_logged: Listeners[[Session, Actor, Lead, Activity]] = Listeners("activity_logged")


class TimelineSort(StrEnum):
    """Sort orders of a lead's activities."""

    OLDEST = "occurred_at"
    NEWEST = "-occurred_at"


TIMELINE_ORDERS: Final[Mapping[str, list[Key]]] = {
    TimelineSort.OLDEST: [(Activity.occurred_at, "asc"), (Activity.id, "asc")],
    TimelineSort.NEWEST: [(Activity.occurred_at, "desc"), (Activity.id, "desc")],
}


def log_activity(session: Session, actor: Actor, lead_id: UUID, data: JsonObject) -> Activity:
    """Log an activity from `data` (fields of ActivityIn), and apply its effects on the lead.

    Raises NotFound, LeadIsLocked, LeadIsClosed (for a consultation).
    """
    return log_on_locked_lead(session, actor, lock_editable_lead(session, actor, lead_id), data)


def log_on_locked_lead(session: Session, actor: Actor, lead: Lead, data: JsonObject) -> Activity:
    """Log an activity of a locked lead: every way to tell a contact ends here.

    A conversation or a consultation counts as contact, an inbound message as a reply, an unanswered call or an outbound
    message as a failed attempt. The open tasks that it answers are completed. A contact moves the lead to its stage.
    Raises LeadIsLocked, LeadIsClosed (for a consultation).
    """
    if data["type"] in STAGE_OF:
        require_open(lead)
    at = now()
    mark_updated(lead, actor, at)
    entry = write_entry(session, actor, lead, at=at, **with_implied_values(data))
    if entry.counts_as is None and is_answer(lead, entry):
        entry.counts_as = CountsAs.ANSWER
    known = _known(session, lead, entry)
    events = apply_activity(lead, actor, entry, known.stages, later_attempts=known.later_attempts)
    _save_effects(session, actor, lead, entry=entry, events=events)
    return entry


def count_as_reply(
    session: Session, actor: Actor, lead: Lead, activity_id: UUID, *, counts_as: CountsAs | None = None
) -> None:
    """Count an inbound message of a locked lead as a reply, or as `counts_as` says.

    It was logged as automatic, so it had no effect yet.
    """
    entry = session.get_one(Activity, activity_id)
    entry.is_auto_reply, entry.counts_as = False, counts_as
    count(session, actor, lead, entry, at=entry.created_at)


def count(session: Session, actor: Actor, lead: Lead, entry: Activity, *, at: datetime) -> None:
    """Apply an entry that had no effect when it was logged."""
    mark_updated(lead, actor, now())
    known = _known(session, lead, entry)
    session.flush()
    events = apply_contact(lead, entry, known.stages, at=at, later_attempts=known.later_attempts)
    _save_effects(session, actor, lead, entry=entry, events=events)


class _Known(NamedTuple):
    """Facts besides the lead that decide the effects of an entry."""

    stages: Stages
    later_attempts: int


def _known(session: Session, lead: Lead, entry: Activity) -> _Known:
    """Load the facts for an entry. A message, a note and an attempt need none."""
    tells_contact = is_contact(entry)
    stages = stages_of(session, lead, STAGE_OF.get(entry.type, lead.pipeline_stage)) if tells_contact else {}
    is_late = lead.failed_attempts > 0 and entry.occurred_at < lead.last_activity_at
    if is_late and (tells_contact or is_reply(entry)):
        return _Known(stages, attempts_since_response(session, lead, at=entry.occurred_at))
    return _Known(stages, 0)


def _save_effects(session: Session, actor: Actor, lead: Lead, /, *, entry: Activity, events: Sequence[Event]) -> None:
    """Write what follows from the changed lead, record the events, and complete the tasks that the entry answers."""
    if any(event.name in CONTACT_EVENTS for event in events):
        update_rotting_date(session, actor.clinic, lead)
    for moved in (event for event in events if event.name == EventName.LEAD_STAGE_CHANGED):
        save_stage_change(session, actor, lead, moved, counts_as=CountsAs.FOLLOWS)
    record(session, actor.clinic, *events)
    activity_logged(session, actor, lead, entry)


def timeline(session: Session, actor: Actor, lead_id: UUID, query: JsonObject) -> Page:
    """List the activities of a lead, by the fields of TimelineQuery. Raises NotFound, LeadWasMerged."""
    read_lead(session, actor, lead_id)
    entries = _ROWS.where(Activity.lead_id == lead_id, Activity.clinic_id == actor.clinic.id)
    if "type" in query:
        entries = entries.where(Activity.type.in_(query["type"]))
    return page(session, entries, TIMELINE_ORDERS[query.get("sort", TimelineSort.OLDEST)], query)


_ROWS: Final = select(Activity.__table__)
