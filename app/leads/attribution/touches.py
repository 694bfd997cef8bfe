"""Touches of a lead: list and add."""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import insert_many, new_id
from app.core.pagination import Key, Page, page
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor
from app.leads.attribution.sources import require_source
from app.leads.attribution.touch_models import Touch
from app.leads.attribution.touch_rows import touch_row
from app.leads.enums import CaptureChannel
from app.leads.models import Lead
from app.leads.pipeline.lead_state import mark_activity, mark_updated
from app.leads.search.lookup import lock_editable_lead, read_lead

CHRONOLOGICAL: Final[list[Key]] = [(Touch.occurred_at, "asc"), (Touch.id, "asc")]

_ROWS: Final = select(Touch.__table__)


def add_touch(session: Session, actor: Actor, lead_id: UUID, data: JsonObject) -> object:
    """Add a touch from `data` (fields of TouchIn). Raises NotFound, LeadIsLocked, Invalid."""
    lead = lock_editable_lead(session, actor, lead_id)
    if "source_id" in data:
        require_source(session, lead.clinic_id, data["source_id"])
    made = write_touch(session, actor, lead, data)
    mark_updated(lead, actor, made["created_at"])
    mark_activity(lead, made["occurred_at"])
    return made


def write_touch(session: Session, actor: Actor, lead: Lead, data: JsonObject) -> JsonDict:
    """Insert a touch of a locked lead, and update the lead's first and last touch."""
    given = {"source_id": lead.source_id, "channel": default_channel(actor), **data}
    made = touch_row(lead.clinic_id, lead.id, at=now(), id=new_id(), created_by=actor.user_id)
    made |= given
    insert_many(session, Touch, [made])
    update_first_and_last_touch(lead, made["id"], made["occurred_at"], made["source_id"])
    lead.rules_wait_since = lead.rules_wait_until = None  # the lead came again
    return made


def update_first_and_last_touch(lead: Lead, touch_id: UUID, at: Any, source_id: UUID) -> None:
    """Update the lead's first and last touch, if the new touch is earlier or later."""
    if lead.first_touch_at is None or at < lead.first_touch_at:
        lead.first_touch_id, lead.first_touch_at, lead.first_touch_source_id = touch_id, at, source_id
    if lead.last_touch_at is None or at >= lead.last_touch_at:
        lead.last_touch_id, lead.last_touch_at, lead.last_touch_source_id = touch_id, at, source_id


def list_touches(session: Session, actor: Actor, lead_id: UUID, query: JsonObject) -> Page:
    """List the touches of a lead, oldest first. Raises NotFound."""
    read_lead(session, actor, lead_id)
    return page(
        session, _ROWS.where(Touch.lead_id == lead_id, Touch.clinic_id == actor.clinic.id), CHRONOLOGICAL, query
    )


def default_channel(actor: Actor) -> CaptureChannel:
    """Return the channel of a capture that names none: API for API keys, else MANUAL."""
    return CaptureChannel.API if actor.api_key_id else CaptureChannel.MANUAL
