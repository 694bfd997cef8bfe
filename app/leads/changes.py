"""Changing what is known of a lead, and who looks after it."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.clock import now
from app.core.optimistic_locking import Seen, require_seen
from app.engine.events.events import Event, EventName
from app.engine.service import record
from app.errors import Forbidden
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.leads.capture.capture import require_source
from app.leads.contact.phone_numbers import normalise_phones, require_reachable
from app.leads.custom_fields.values import merged, require_custom
from app.leads.facts.events import lead_event
from app.leads.lookup import unlocked_lead
from app.leads.models import HIGHEST_SCORE, MOST_TAGS, PRIVATE, Lead, PatientRelationship
from app.leads.pipeline.progress import touch

# What an automation rule may write down of a lead.
AMENDED: Final = frozenset({"add_tags", "remove_tags", "score", "add_score", "custom"})


def update_lead(session: Session, actor: Actor, lead_id: UUID, data: Mapping[str, Any], *, seen: Seen = None) -> Lead:
    """Replace the fields in `data` (as `LeadChanges` reads them); those not given stay as they are.

    Raises Forbidden, NotFound, LeadIsLocked, ChangedMeanwhile, Invalid.
    """
    lead = unlocked_lead(session, actor, lead_id)
    require_seen(lead, seen)
    record(session, actor.clinic, *replace(session, actor, lead, data))
    return lead


def replace(session: Session, actor: Actor, lead: Lead, data: Mapping[str, Any]) -> list[Event]:
    """Give a lead that is locked these values; returns what happened, which the caller records.

    Raises Forbidden, Invalid.
    """
    before = {name: getattr(lead, name) for name in data}
    _require_may_write(actor, data)
    if data.get("source_id", lead.source_id) != lead.source_id:
        require_source(session, lead.clinic_id, data["source_id"])
    require_custom(session, actor.clinic, data.get("custom", {}), complete=False)
    phones = normalise_phones(data, actor.clinic.region)
    custom = {"custom": merged(lead.custom, data["custom"])} if "custom" in data else {}
    for name, value in {**data, **_names_that_follow(lead, data), **phones, **custom}.items():
        setattr(lead, name, value)
    require_reachable(lead.phone, lead.email, lead.social_handle)
    touch(lead, actor, at := now())
    return list(what_changed(lead, before, at))


def amend(session: Session, actor: Actor, lead: Lead, amendment: Mapping[str, Any]) -> None:
    """What an automation rule writes down of a lead that is locked: tags, score, the clinic's own fields.

    `amendment` holds add_tags, remove_tags, score, add_score and custom, any of them. Raises Invalid.
    """
    record(session, actor.clinic, *replace(session, actor, lead, amended(lead, amendment)))


def amended(lead: Any, amendment: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the lead that an amendment sets, with their values; all else in it is not for the lead."""
    data: dict[str, Any] = {}
    if amendment.keys() & {"add_tags", "remove_tags"}:
        without = {tag.lower() for tag in amendment.get("remove_tags", ())}
        tags = dict.fromkeys([*lead.tags, *(tag.lower() for tag in amendment.get("add_tags", ()))])
        data["tags"] = [tag for tag in tags if tag not in without][:MOST_TAGS]
    if amendment.keys() & {"score", "add_score"}:
        score = amendment.get("score", lead.score or 0) + amendment.get("add_score", 0)
        data["score"] = min(max(score, 0), HIGHEST_SCORE)
    if "custom" in amendment:
        data["custom"] = amendment["custom"]
    return data


def what_changed(lead: Any, before: Mapping[str, Any], at: datetime) -> Iterator[Event]:
    """What rules hear of an edit: which fields, and of the score what it was; nothing when all is as it was."""
    changed = [name for name, value in before.items() if getattr(lead, name) != value and name != "custom"]
    changed += [f"custom.{key}" for key in _keys_that_differ(before.get("custom", {}), lead.custom)]
    if changed:
        yield lead_event(EventName.LEAD_UPDATED, lead, at, about={"changed": changed})
    if "score" in changed:
        scores = {"score": lead.score, "previous_score": before["score"]}
        yield lead_event(EventName.LEAD_SCORED, lead, at, about=scores)


def _keys_that_differ(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [key for key in {**before, **after} if before.get(key) != after.get(key)]


def _require_may_write(actor: Actor, data: Mapping[str, Any]) -> None:
    """What somebody may not see they do not overwrite. Raises Forbidden."""
    if not actor.allows(Permission.LEAD_PRIVATE) and (names := [name for name in PRIVATE if name in data]):
        raise Forbidden(f"Your role does not allow changing {', '.join(names)}.")


def _names_that_follow(lead: Lead, data: Mapping[str, Any]) -> dict[str, Any]:
    """Who asks for themselves has one name: a correction of it holds for the patient, too."""
    if data.get("patient_relationship", lead.patient_relationship) != PatientRelationship.SELF:
        return {}
    names = ("first_name", "last_name")
    return {f"patient_{name}": data[name] for name in names if name in data and f"patient_{name}" not in data}
