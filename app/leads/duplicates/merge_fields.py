"""Field values of a merged lead, as `app.leads.personal_data.leads` declares them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from app.leads.duplicates.search import has_name
from app.leads.enums import LeadStatus
from app.leads.fields import DEFAULTS, LONGEST_NOTE, Merged
from app.leads.models import Lead
from app.leads.personal_data.tables import merged_as
from app.leads.pipeline.lead_state import mark_active, mark_activity, seconds_by_stage


def fill_missing_fields(survivor: Lead, duplicate: Lead) -> None:
    """Fill the survivor's empty fields from the duplicate. For times and opt-outs see `merge_contact_facts`."""
    if not has_name(vars(survivor)):
        _copy(survivor, duplicate, merged_as(Merged.WITH_NAME))
    _copy(survivor, duplicate, [name for name in merged_as(Merged.FILLED) if _is_missing(survivor, name)])
    _keep_second_number(survivor, duplicate)
    survivor.custom = {**duplicate.custom, **survivor.custom}
    _merge(survivor, duplicate, Merged.UNITED, _union)
    _merge(survivor, duplicate, Merged.JOINED, _joined)


def _is_missing(lead: Lead, name: str) -> bool:
    value = getattr(lead, name)
    return value is None or value == DEFAULTS.get(name)  # nobody has chosen a default


def _merge(survivor: Lead, duplicate: Lead, merged: Merged, combine: Callable[[Any, Any], Any]) -> None:
    for name in merged_as(merged):
        setattr(survivor, name, combine(getattr(survivor, name), getattr(duplicate, name)))


def merge_contact_facts(survivor: Lead, duplicate: Lead) -> None:
    """Merge contact times, touches and opt-outs. An opt-out of either lead holds for the survivor."""
    _merge_past_stages(survivor, duplicate)
    survivor.conversation_done_at = _conversation_done_at(survivor, duplicate)
    _merge(survivor, duplicate, Merged.EARLIEST, _earliest)
    _merge(survivor, duplicate, Merged.LATEST, _latest)
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


def _union(own: list[str] | None, more: list[str] | None) -> list[str] | None:
    return None if own is None and more is None else list(dict.fromkeys([*(own or ()), *(more or ())]))


def _joined(own: str | None, more: str | None) -> str | None:
    parts = list(dict.fromkeys(part for part in (own, more) if part))
    return "\n\n".join(parts)[:LONGEST_NOTE] if parts else None


def _latest(own: Any, other: Any) -> Any:
    return max((at for at in (own, other) if at), default=None)


def _earliest(own: Any, other: Any) -> Any:
    return min((at for at in (own, other) if at), default=None)
