"""The touches of a lead: one more, and all of them."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import insert_many, new_id
from app.core.pagination import Key, Page, page
from app.identity.actor import Actor
from app.leads.attribution.touch_models import Touch
from app.leads.attribution.touch_rows import touch_row
from app.leads.capture.capture import channel_of, require_source
from app.leads.lookup import read_lead, unlocked_lead
from app.leads.models import Lead
from app.leads.pipeline.progress import tend, touch

CHRONOLOGICAL: Final[list[Key]] = [(Touch.occurred_at, "asc"), (Touch.id, "asc")]

_ROWS: Final = select(Touch.__table__)


def add_touch(session: Session, actor: Actor, lead_id: UUID, data: Mapping[str, Any]) -> Any:
    """The lead came again, as `data` (read by `TouchIn`) says. Raises NotFound, LeadIsLocked, Invalid."""
    lead = unlocked_lead(session, actor, lead_id)
    if "source_id" in data:
        require_source(session, lead.clinic_id, data["source_id"])
    made = note_touch(session, actor, lead, data)
    touch(lead, actor, made["created_at"])
    tend(lead, made["occurred_at"])
    return made


def note_touch(session: Session, actor: Actor, lead: Lead, data: Mapping[str, Any]) -> dict[str, Any]:
    """Write a touch of a lead that is locked, and which of its touches are the first and the last by now."""
    given = {"source_id": lead.source_id, "channel": channel_of(actor), **data}
    made = touch_row(lead.clinic_id, lead.id, at=now(), id=new_id(), created_by=actor.user_id)
    made |= given
    insert_many(session, Touch, [made])
    reckon_touch(lead, made["id"], made["occurred_at"], made["source_id"])
    return made


def reckon_touch(lead: Lead, touch_id: UUID, at: Any, source_id: UUID) -> None:
    """The lead came at that time, too: perhaps before all other times, or after them."""
    if lead.first_touch_at is None or at < lead.first_touch_at:
        lead.first_touch_id, lead.first_touch_at, lead.first_touch_source_id = touch_id, at, source_id
    if lead.last_touch_at is None or at >= lead.last_touch_at:
        lead.last_touch_id, lead.last_touch_at, lead.last_touch_source_id = touch_id, at, source_id


def touches_of(session: Session, actor: Actor, lead_id: UUID, query: Mapping[str, Any]) -> Page:
    """All touches of a lead, in the order they happened. Raises NotFound."""
    read_lead(session, actor, lead_id)
    return page(
        session, _ROWS.where(Touch.lead_id == lead_id, Touch.clinic_id == actor.clinic.id), CHRONOLOGICAL, query
    )
