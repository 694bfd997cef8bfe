"""Upsert of leads by their id in an external system."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.core.type_aliases import JsonObject
from app.core.validation.check_all import check_all
from app.engine.service import record
from app.errors import Invalid
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.leads.attribution.touches import write_touch
from app.leads.capture.capture import capture_lead, check_new_lead
from app.leads.changes import apply_changes
from app.leads.contact.phone_numbers import require_phones
from app.leads.custom_fields.values import require_valid_custom_values
from app.leads.enums import OnDuplicate
from app.leads.errors import DuplicateLead
from app.leads.fields import LONGEST_EXTERNAL_ID
from app.leads.models import Lead
from app.leads.pipeline.lead_state import mark_activity
from app.leads.search.lookup import get_lead, lock_editable_lead

# These fields describe the new touch; the lead's first touch stays unchanged.
_TOUCH_COLUMNS: Final[Mapping[str, str]] = {
    "source_id": "source_id",
    "capture_channel": "channel",
    "source_campaign": "campaign",
    "source_detail": "detail",
}
_NOT_REPLACED: Final = frozenset({*_TOUCH_COLUMNS, "external_source", "external_id", "on_duplicate", "touch"})
_ONE_AT_A_TIME: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


class Upserted(NamedTuple):
    """Created or updated lead, and whether it is new."""

    lead: Any
    is_new: bool


def upsert(session: Session, actor: Actor, external_id: str, data: JsonObject) -> Upserted:
    """Create or update the lead with this id in `data["external_source"]`; each call adds a touch.

    Concurrent calls for one id create one lead. A merged lead is updated in its survivor. If no lead has the id,
    `on_duplicate` decides about a lead of the same person; one that the caller may not see is refused.
    Raises Forbidden, Invalid, NotFound, LeadIsLocked, DuplicateLead.
    """
    _require_id(external_id)
    name = f"{actor.clinic.id} {data['external_source']} {external_id}"
    session.execute(_ONE_AT_A_TIME, {"name": name})
    known = _find(session, actor, external_id, data["external_source"])
    if known is None:
        return _capture(session, actor, {**data, "external_id": external_id})
    actor.require(Permission.LEAD_UPDATE)
    return Upserted(_update(session, actor, known, data), is_new=False)


def _capture(session: Session, actor: Actor, data: JsonObject) -> Upserted:
    """Create the lead, or handle a lead of the same person as `on_duplicate` says."""
    policy = data.get("on_duplicate", OnDuplicate.CREATE)
    if policy is OnDuplicate.CREATE:
        return Upserted(capture_lead(session, actor, data), is_new=True)
    try:
        with session.begin_nested():
            return Upserted(capture_lead(session, actor, {**data, "on_duplicate": OnDuplicate.REFUSE}), is_new=True)
    except DuplicateLead as found:
        if policy is OnDuplicate.REFUSE or not (lead_id := found.exact_id):
            raise
    if policy is OnDuplicate.SKIP:
        return Upserted(get_lead(session, actor.within(Permission.LEAD_READ), lead_id), is_new=False)
    actor.require(Permission.LEAD_UPDATE)
    lead = _update(session, actor, lead_id, data)
    if lead.external_id is None:
        lead.external_source, lead.external_id = data["external_source"], data["external_id"]
    return Upserted(lead, is_new=False)


def check_upsert(session: Session, actor: Actor, data: JsonObject, /, *, external_id: str) -> None:
    """Check what the schema cannot, for a new lead or for the one with this id. Raises Invalid."""
    known = None if _is_wrong(external_id) else _find(session, actor, external_id, data["external_source"])
    if known is None:
        check_all(lambda: _require_id(external_id), lambda: check_new_lead(session, actor, data))
    else:
        check_all(
            lambda: require_phones(data, actor.clinic.region),
            lambda: require_valid_custom_values(session, actor.clinic, data.get("custom", {}), complete=False),
        )


def _find(session: Session, actor: Actor, external_id: str, external_source: str) -> UUID | None:
    """Return the lead regardless of the caller's scope, because the id is unique in the clinic."""
    has_id = (Lead.external_id == external_id, Lead.external_source == external_source)
    found = select(func.coalesce(Lead.merged_into_id, Lead.id)).where(Lead.clinic_id == actor.clinic.id, *has_id)
    return session.scalar(found)


def _require_id(external_id: str) -> None:
    if _is_wrong(external_id):
        raise Invalid.at("/external_id", f"At most {LONGEST_EXTERNAL_ID} printable characters.")


def _is_wrong(external_id: str) -> bool:
    return not external_id.isprintable() or len(external_id) > LONGEST_EXTERNAL_ID


def _update(session: Session, actor: Actor, lead_id: UUID, data: JsonObject) -> Lead:
    lead = lock_editable_lead(session, actor.within(Permission.LEAD_UPDATE), lead_id)
    changes = {name: value for name, value in data.items() if name not in _NOT_REPLACED}
    events = apply_changes(session, actor, lead, changes)
    touch = {name: data[given] for given, name in _TOUCH_COLUMNS.items() if given in data}
    made = write_touch(session, actor, lead, {**data.get("touch", {}), **touch})
    mark_activity(lead, made["occurred_at"])
    record(session, actor.clinic, *events)
    return lead
