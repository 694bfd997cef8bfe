"""A lead as rules see it, and the events that happen to it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from app.engine.events.events import Event, EventName
from app.leads.models import Lead
from app.security.encrypted_fields import open_fields

Facts = dict[str, Any]


class Reachable:
    """For light rows of leads, of a few columns with `id` and `sealed`: how the lead is reached, if somebody asks."""

    __slots__ = ()
    id: UUID
    sealed: bytes | None

    @property
    def email(self) -> Any:
        """The address, if any."""
        return open_fields(Lead, self.id, self.sealed)["email"]

    @property
    def phone(self) -> Any:
        """The number, if any."""
        return open_fields(Lead, self.id, self.sealed)["phone"]

    @property
    def phone_alt(self) -> Any:
        """The other number, if any."""
        return open_fields(Lead, self.id, self.sealed)["phone_alt"]


def lead_facts(lead: Any) -> Facts:
    """The facts of a `Lead`, or of a row with its columns; ids as text, for rules are written in text."""
    return {
        "id": str(lead.id),
        "status": lead.status,
        "pipeline_stage": lead.pipeline_stage,
        "failed_attempts": lead.failed_attempts,
        "contacted_at": lead.contacted_at,
        "replied_at": lead.replied_at,
        "opted_out_at": lead.opted_out_at,
        "assigned_to_id": str(lead.assigned_to_id) if lead.assigned_to_id else None,
        "email": lambda: lead.email,  # sealed, and few rules ask
        "phone": lambda: lead.phone,
        "preferred_contact": lead.preferred_contact,
        "timezone": lead.timezone,
        "language": lead.language,
        "source_id": str(lead.source_id),
    }


def lead_created(lead: Any, at: datetime) -> Event:
    """That the lead came in: once, and into its first stage."""
    about = {"stage": lead.pipeline_stage, "previous_stage": None}
    return lead_event(EventName.LEAD_CREATED, lead, at, about=about, key="")


def lead_event(
    name: str,
    lead: Any,
    at: datetime,
    *,
    about: Mapping[str, Any] | None = None,
    subject_id: UUID | None = None,
    key: str | None = None,
) -> Event:
    """Something that happened to the lead as it is now. `about` becomes `facts.event`.

    What happens twice is two events, told apart by the lead's version, unless `key` says otherwise.
    """
    return Event(
        name,
        lead.id,
        subject_id or lead.id,
        at,
        facts={"lead": lead_facts(lead), "event": about or {}},
        key=str(lead.version) if key is None else key,
    )
