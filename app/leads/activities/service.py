"""Activities: log an activity and apply its effects; list the timeline."""

from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.pagination import Key, Page, page
from app.core.type_aliases import JsonObject
from app.engine.events.events import Event, EventName
from app.engine.service import record
from app.identity.actor import Actor
from app.leads.activities.effects import STAGE_OF, activity_event, apply_contact, extra_events, with_implied_values
from app.leads.models import Lead
from app.leads.pipeline.consultations import consultation_event
from app.leads.pipeline.lead_state import mark_active, mark_activity, mark_updated
from app.leads.pipeline.rotting import update_rotting_date
from app.leads.pipeline.stages import advance
from app.leads.search.lookup import lock_editable_lead, read_lead, require_open
from app.leads.timeline.entries import write_entry
from app.leads.timeline.models import Activity

CHRONOLOGICAL: Final[list[Key]] = [(Activity.occurred_at, "asc"), (Activity.id, "asc")]


def log_activity(session: Session, actor: Actor, lead_id: UUID, data: JsonObject) -> Activity:
    """Log an activity from `data` (fields of ActivityIn), and apply its effects on the lead.

    A conversation counts as contact, an inbound message as a reply, an unanswered call as a failed attempt.
    A consultation moves the lead to its stage. Raises NotFound, LeadIsLocked, LeadIsClosed (for a consultation).
    """
    lead = lock_editable_lead(session, actor, lead_id)
    if data["type"] in STAGE_OF:
        require_open(lead)
    at = now()
    mark_updated(lead, actor, at)
    entry = write_entry(session, actor, lead, at=at, **with_implied_values(data))
    mark_activity(lead, entry.occurred_at)
    events = apply_contact(lead, entry)
    if events:
        update_rotting_date(session, actor.clinic, lead)
    events += _consultation(session, actor, lead, entry)
    events += extra_events(lead, entry)
    record(session, actor.clinic, activity_event(EventName.ACTIVITY_LOGGED, lead, entry), *events)
    return entry


def timeline(session: Session, actor: Actor, lead_id: UUID, query: JsonObject) -> Page:
    """List the activities of a lead, oldest first. Raises NotFound, LeadWasMerged."""
    read_lead(session, actor, lead_id)
    entries = _ROWS.where(Activity.lead_id == lead_id, Activity.clinic_id == actor.clinic.id)
    return page(session, entries, CHRONOLOGICAL, query)


_ROWS: Final = select(Activity.__table__)


def _consultation(session: Session, actor: Actor, lead: Lead, entry: Activity) -> list[Event]:
    stage = STAGE_OF.get(entry.type)
    if stage is None:
        return []
    mark_active(lead)
    moved = advance(session, actor, lead, stage, at=entry.created_at)
    event = consultation_event(stage, lead, actor.clinic, at=entry.occurred_at, scheduled_for=entry.scheduled_for)
    return [*moved, event]
