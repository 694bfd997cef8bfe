"""Field values of a merged lead: the survivor's value wins; its empty fields are filled from the duplicate."""

from datetime import datetime
from typing import Any, Final

from app.leads.duplicates.search import has_name
from app.leads.enums import LeadStatus
from app.leads.models import LONGEST_NOTE, Lead
from app.leads.pipeline.lead_state import mark_active, mark_activity, seconds_by_stage

FILLED: Final = (
    *("patient_dob", "email", "phone", "phone_alt", "preferred_time", "timezone", "language"),
    *("address_line1", "address_line2", "city", "state", "postal_code"),
    *("source_campaign", "source_detail", "referring_provider_id", "referring_patient_id"),
    *("insurance_carrier", "insurance_member_id", "consultation_id", "lead_value", "score"),
    *("social_platform", "social_handle", "assigned_to_id", "assigned_at"),
)
NAMES: Final = ("first_name", "last_name", "patient_first_name", "patient_last_name", "patient_relationship")


def fill_missing_fields(survivor: Lead, duplicate: Lead) -> None:
    """Fill the survivor's empty fields from the duplicate. For times and opt-outs see `merge_contact_facts`."""
    if not has_name(vars(survivor)):
        _copy(survivor, duplicate, NAMES)
    _copy(survivor, duplicate, [name for name in FILLED if getattr(survivor, name) is None])
    _keep_second_number(survivor, duplicate)
    survivor.treatment_interest = _union(survivor.treatment_interest, duplicate.treatment_interest)
    survivor.tags = _union(survivor.tags, duplicate.tags)
    survivor.custom = {**duplicate.custom, **survivor.custom}
    survivor.notes = _joined(survivor.notes, duplicate.notes)


def merge_contact_facts(survivor: Lead, duplicate: Lead) -> None:
    """Merge contact times, touches and opt-outs. An opt-out of either lead holds for the survivor."""
    survivor.first_contact_at = _earliest(survivor.first_contact_at, duplicate.first_contact_at)
    _merge_past_stages(survivor, duplicate)
    survivor.contacted_at = _latest(survivor.contacted_at, duplicate.contacted_at)
    survivor.conversation_done_at = _conversation_done_at(survivor, duplicate)
    survivor.replied_at = _latest(survivor.replied_at, duplicate.replied_at)
    survivor.opted_out_at = _earliest(survivor.opted_out_at, duplicate.opted_out_at)
    survivor.opted_out_channels = _union(survivor.opted_out_channels, duplicate.opted_out_channels)
    mark_activity(survivor, duplicate.last_activity_at)
    if duplicate.status != LeadStatus.NEW:
        mark_active(survivor)
    for which, choose in (("first", _earliest), ("last", _latest)):
        at = getattr(duplicate, f"{which}_touch_at")
        if at and choose(getattr(survivor, f"{which}_touch_at"), at) == at:
            _copy(survivor, duplicate, [f"{which}_touch_{name}" for name in ("id", "at", "source_id")])


def _conversation_done_at(survivor: Lead, duplicate: Lead) -> datetime | None:
    """Return None if either conversation is open."""
    if _has_open_conversation(survivor) or _has_open_conversation(duplicate):
        return None
    latest: datetime | None = _latest(survivor.conversation_done_at, duplicate.conversation_done_at)
    return latest


def _has_open_conversation(lead: Lead) -> bool:
    done_at = lead.conversation_done_at
    return lead.replied_at is not None and (done_at is None or done_at < lead.replied_at)


def _merge_past_stages(survivor: Lead, duplicate: Lead) -> None:
    """Keep the stages that either lead has left, each with the longer time: both are the same person."""
    spent = seconds_by_stage(survivor)
    for stage, seconds in seconds_by_stage(duplicate).items():
        spent[stage] = max(spent.get(stage, 0.0), seconds)
    survivor.past_stages, survivor.past_stage_seconds = list(spent), list(spent.values())


def _copy(survivor: Lead, duplicate: Lead, names: Any) -> None:
    for name in names:
        setattr(survivor, name, getattr(duplicate, name))


def _keep_second_number(survivor: Lead, duplicate: Lead) -> None:
    """Keep one further phone number as `phone_alt`, if that is empty."""
    known = {survivor.phone, survivor.phone_alt}
    others = [number for number in (duplicate.phone, duplicate.phone_alt) if number and number not in known]
    if others and survivor.phone_alt is None:
        survivor.phone_alt = others[0]


def _union(own: list[str], more: list[str]) -> list[str]:
    return list(dict.fromkeys([*own, *more]))


def _joined(own: str | None, more: str | None) -> str | None:
    parts = list(dict.fromkeys(part for part in (own, more) if part))
    return "\n\n".join(parts)[:LONGEST_NOTE] if parts else None


def _latest(own: Any, other: Any) -> Any:
    return max((at for at in (own, other) if at), default=None)


def _earliest(own: Any, other: Any) -> Any:
    return min((at for at in (own, other) if at), default=None)
