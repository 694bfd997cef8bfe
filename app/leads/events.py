"""Lead events, with the facts of the lead that automation rules can test."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Final, Protocol, cast, overload
from uuid import UUID

from app.core.type_aliases import JsonDict, JsonObject
from app.engine.events.events import Event, EventName
from app.engine.rules.conditions import CARRIED
from app.leads.models import Lead
from app.security.encrypted_fields import decrypt_fields, encrypted_fields_of

Facts = JsonDict


class LeadColumns(Protocol):
    """The columns that become facts of rules."""

    @property
    def id(self) -> UUID: ...
    @property
    def status(self) -> str: ...
    @property
    def pipeline_stage(self) -> str: ...
    @property
    def failed_attempts(self) -> int: ...
    @property
    def contacted_at(self) -> datetime | None: ...
    @property
    def replied_at(self) -> datetime | None: ...
    @property
    def opted_out_at(self) -> datetime | None: ...
    @property
    def assigned_to_id(self) -> UUID | None: ...
    @property
    def email(self) -> str | None: ...
    @property
    def phone(self) -> str | None: ...
    @property
    def preferred_contact(self) -> str: ...
    @property
    def timezone(self) -> str | None: ...
    @property
    def language(self) -> str | None: ...
    @property
    def source_id(self) -> UUID: ...


class VersionedLead(LeadColumns, Protocol):
    """The columns of an event that can occur several times."""

    @property
    def version(self) -> int: ...


# The columns from which the time limits of stale leads and of leads too long in a stage count.
FLAGGED_SINCE: Final[Mapping[str, str]] = {
    EventName.LEAD_STALE: "last_activity_at",
    EventName.LEAD_STAGE_OVERDUE: "stage_entered_at",
}


# The plain columns that become facts of events. Contact data is encrypted: see `LazyContact`.
FACT_COLUMNS: Final = tuple(sorted(name for name in CARRIED if name not in encrypted_fields_of(Lead)))


class LazyContact:
    """Mixin for partial lead rows with `id` and `sealed`: decrypts its encrypted fields on access."""

    __slots__ = ()
    id: UUID
    sealed: bytes | None

    @property
    def email(self) -> str | None:
        """E-mail address, or None."""
        return _decrypted(self, "email")

    @property
    def phone(self) -> str | None:
        """Phone number in E.164, or None."""
        return _decrypted(self, "phone")

    @property
    def phone_alt(self) -> str | None:
        """Second phone number in E.164, or None."""
        return _decrypted(self, "phone_alt")


def _decrypted(row: LazyContact, name: str) -> str | None:
    value: str | None = decrypt_fields(Lead, row.id, row.sealed)[name]
    return value


for _name in encrypted_fields_of(Lead).keys() - vars(LazyContact).keys():
    setattr(LazyContact, _name, property(partial(_decrypted, name=_name)))


def lead_facts(lead: LeadColumns) -> Facts:
    """Return the facts of a `Lead`, or of a row with its columns. Ids are text, as in the rule language."""
    return {
        "id": str(lead.id),
        "status": lead.status,
        "pipeline_stage": lead.pipeline_stage,
        "failed_attempts": lead.failed_attempts,
        "contacted_at": lead.contacted_at,
        "replied_at": lead.replied_at,
        "opted_out_at": lead.opted_out_at,
        "assigned_to_id": str(lead.assigned_to_id) if lead.assigned_to_id else None,
        "email": lambda: lead.email,  # decrypted on use, because few rules need it
        "phone": lambda: lead.phone,
        "preferred_contact": lead.preferred_contact,
        "timezone": lead.timezone,
        "language": lead.language,
        "source_id": str(lead.source_id),
    }


def lead_created(lead: LeadColumns, at: datetime) -> Event:
    """Return the event `lead.created`, which happens once per lead."""
    about = {"stage": lead.pipeline_stage, "previous_stage": None}
    return lead_event(EventName.LEAD_CREATED, lead, at, about=about, key="")


def score_facts(score: int | None, previous: int | None) -> JsonDict:
    """Return the facts of `lead.scored`. A missing score counts as 0 in the change."""
    return {"score": score, "previous_score": previous, "score_change": (score or 0) - (previous or 0)}


def flag_event(name: EventName, lead: LeadColumns, at: datetime) -> Event:
    """Return the event of a sweep's flag. Until an activity or a stage change, it is the same event."""
    since: datetime = getattr(lead, FLAGGED_SINCE[name])
    facts = {"lead": lead_facts(lead)}
    return Event(name, lead.id, lead.id, at, facts=facts, key=since.isoformat(), rules_wait=_rules_wait(lead))


@overload
def lead_event(
    name: str,
    lead: LeadColumns,
    at: datetime,
    *,
    about: JsonObject | None = None,
    subject_id: UUID | None = None,
    key: str,
) -> Event: ...
@overload
def lead_event(
    name: str,
    lead: VersionedLead,
    at: datetime,
    *,
    about: JsonObject | None = None,
    subject_id: UUID | None = None,
    key: None = None,
) -> Event: ...
def lead_event(
    name: str,
    lead: LeadColumns,
    at: datetime,
    *,
    about: JsonObject | None = None,
    subject_id: UUID | None = None,
    key: str | None = None,
) -> Event:
    """Return an event with the lead's current facts. `about` becomes `facts.event`.

    Repeated events are distinguished by the lead's version, unless `key` is given.
    """
    return Event(
        name,
        lead.id,
        subject_id or lead.id,
        at,
        facts={"lead": lead_facts(lead), "event": about or {}},
        key=str(cast("VersionedLead", lead).version) if key is None else key,
        rules_wait=_rules_wait(lead),
    )


def _rules_wait(lead: object) -> bool:
    """Whether the rules wait for the lead. Rows without the column belong to leads for which somebody acts."""
    return getattr(lead, "rules_wait_since", None) is not None
