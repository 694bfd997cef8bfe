"""Lead updates: by users, imports, integrators and automation rules."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from app.clock import now
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.check_all import check_all
from app.engine.events.events import Event, EventName
from app.engine.service import record
from app.errors import Forbidden
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.leads.attribution.sources import require_source
from app.leads.contact.phone_numbers import normalise_phones, require_phones, require_reachable
from app.leads.custom_fields.values import merge_custom_values, require_valid_custom_values
from app.leads.enums import PatientRelationship
from app.leads.events import lead_event, score_facts
from app.leads.fields import MOST_TAGS, PRIVATE
from app.leads.models import Lead
from app.leads.pipeline.lead_state import WritableLead, mark_updated
from app.leads.scoring.given import ADD_SCORE, GIVEN_SCORE, Given, first_score_event, give_scores, given_score
from app.leads.search.lookup import get_lead, lock_editable_lead

# Fields of a lead that an automation rule may change.
AMENDABLE_FIELDS: Final = frozenset({"add_tags", "remove_tags", "score", "add_score", "custom"})


def update_lead(session: Session, actor: Actor, lead_id: UUID, data: JsonObject, *, seen: SeenVersions = None) -> Lead:
    """Replace the fields in `data` (fields of LeadChanges). Fields that are not given stay unchanged.

    Raises Forbidden, NotFound, LeadIsLocked, ChangedMeanwhile, Invalid.
    """
    lead = lock_editable_lead(session, actor, lead_id)
    require_version(lead, seen)
    record(session, actor.clinic, *apply_changes(session, actor, lead, data))
    return lead


def apply_changes(session: Session, actor: Actor, lead: Lead, data: JsonObject) -> list[Event]:
    """Apply changes to a locked lead. Returns the events, which the caller records.

    Raises Forbidden, Invalid.
    """
    changes = LeadChanges(session, actor)
    changes.apply(lead, data)
    return changes.finish()


class _Changed(NamedTuple):
    """A lead with changed fields, its values before, and the score that it is given."""

    lead: Lead
    before: JsonDict
    given: Given | None


class LeadChanges:
    """Changes of locked leads. Their scores are set together, by few statements."""

    def __init__(self, session: Session, actor: Actor) -> None:
        self._session, self._actor = session, actor
        self._changed: dict[UUID, _Changed] = {}
        self._events: list[Event] = []

    def apply(self, lead: Lead, data: JsonObject) -> None:
        """Replace the fields in `data`. The score follows with `finish`. Raises Forbidden, Invalid."""
        session, actor = self._session, self._actor
        if lead.id in self._changed:
            self._set_scores()
        _require_private_access(actor, data)
        _require_source(session, lead, data)
        require_valid_custom_values(session, actor.clinic, data.get("custom", {}), complete=False)
        phones = normalise_phones(data, actor.clinic.region)
        for name, value in _patient_names(lead, data).items():
            setattr(lead, name, value)
        before = set_fields(lead, actor, {**data, **phones}, at=now())
        require_reachable(lead.phone, lead.email, lead.social_handle)
        self._changed[lead.id] = _Changed(lead, before, given_score(data))

    def finish(self) -> list[Event]:
        """Set the scores. Returns the events of all changes, which the caller records."""
        self._set_scores()
        return self._events

    def _set_scores(self) -> None:
        changed = [*self._changed.values()]
        given = {one.lead: one.given for one in changed if one.given}
        new = give_scores(self._session, self._actor.clinic, given) if given else {}
        for lead, before, _ in changed:
            at = lead.updated_at
            if lead.id in new:
                self._events.append(first_score_event(lead, new[lead.id], at))
            self._events += update_events(lead, before, at)
        self._changed.clear()


def check_changes(session: Session, actor: Actor, data: JsonObject, /, *, lead_id: UUID) -> None:
    """Check what the schema of changes cannot: source, phone numbers, custom fields, contact data.

    Raises Invalid, and NotFound without the lead.
    """
    lead = get_lead(session, actor, lead_id)
    check_all(
        lambda: _require_source(session, lead, data),
        lambda: require_phones(data, actor.clinic.region),
        lambda: require_valid_custom_values(session, actor.clinic, data.get("custom", {}), complete=False),
        lambda: require_reachable(
            *(data.get(name, getattr(lead, name)) for name in ("phone", "email", "social_handle"))
        ),
    )


def set_fields(lead: Any, actor: Actor, values: JsonObject, *, at: datetime) -> JsonDict:
    """Set these columns of a lead; custom fields that are not given stay. Returns what they were before.

    The score is left to the caller: it depends on the other fields. `lead` is a `Lead` or an object with its columns.
    """
    before = {name: getattr(lead, name) for name in values if name != ADD_SCORE} | {"score": lead.score}
    for name, value in values.items():
        if name not in GIVEN_SCORE:
            setattr(lead, name, merge_custom_values(lead.custom, value) if name == "custom" else value)
    mark_updated(lead, actor, at)
    return before


def apply_amendment(session: Session, actor: Actor, lead: Lead, amendment: JsonObject) -> None:
    """Apply the changes of an automation rule to a locked lead: tags, score, custom fields.

    `amendment` has any of the keys add_tags, remove_tags, score, add_score and custom. Raises Forbidden, Invalid.
    """
    record(session, actor.clinic, *apply_changes(session, actor, lead, amendment_values(lead, amendment)))


def amendment_values(lead: WritableLead, amendment: JsonObject) -> JsonDict:
    """Return the lead's fields that an amendment sets, with their new values, and `add_score`. Ignores other keys."""
    data: JsonDict = {}
    if amendment.keys() & {"add_tags", "remove_tags"}:
        without = {tag.lower() for tag in amendment.get("remove_tags", ())}
        tags = dict.fromkeys([*lead.tags, *(tag.lower() for tag in amendment.get("add_tags", ()))])
        data["tags"] = [tag for tag in tags if tag not in without][:MOST_TAGS]
    return data | {name: amendment[name] for name in ("custom", *GIVEN_SCORE) if name in amendment}


def update_events(lead: WritableLead, before: JsonObject, at: datetime) -> Iterator[Event]:
    """Yield the events of an update: changed fields, and the previous score. No events if nothing changed."""
    changed = [name for name, value in before.items() if getattr(lead, name) != value and name != "custom"]
    changed += [f"custom.{key}" for key in _changed_keys(before.get("custom", {}), lead.custom)]
    if changed:
        yield lead_event(EventName.LEAD_UPDATED, lead, at, about={"changed": changed})
    if "score" in changed:
        yield lead_event(EventName.LEAD_SCORED, lead, at, about=score_facts(lead.score, before["score"]))


def _changed_keys(before: JsonObject, after: JsonObject) -> list[str]:
    return [key for key in {**before, **after} if before.get(key) != after.get(key)]


def _require_private_access(actor: Actor, data: JsonObject) -> None:
    """Refuse changes to private fields that the caller may not read. Raises Forbidden."""
    if not actor.allows(Permission.LEAD_PRIVATE) and (names := [name for name in data if name in PRIVATE]):
        raise Forbidden(f"Changing {', '.join(names)} needs the permission {Permission.LEAD_PRIVATE}.")


def _require_source(session: Session, lead: Lead, data: JsonObject) -> None:
    """Check a new source. The present one may have become inactive."""
    if data.get("source_id", lead.source_id) != lead.source_id:
        require_source(session, lead.clinic_id, data["source_id"])


def _patient_names(lead: Lead, data: JsonObject) -> JsonDict:
    """Return the patient's names to update: if the contact is the patient, both have the same name."""
    if data.get("patient_relationship", lead.patient_relationship) != PatientRelationship.SELF:
        return {}
    names = ("first_name", "last_name")
    return {f"patient_{name}": data[name] for name in names if name in data and f"patient_{name}" not in data}
