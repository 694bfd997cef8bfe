"""New leads of a chunk whose person exists: find the lead, or an earlier one of the same chunk, and update it."""

from collections.abc import Mapping
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.type_aliases import JsonObject
from app.engine.events.events import Event
from app.engine.jobs.items import Position
from app.errors import Forbidden, Invalid, RelanceError
from app.identity.actor import Actor
from app.identity.permissions import Permission, Scope
from app.leads.capture.bulk.new_leads import NewLead
from app.leads.capture.lead_validation import read_lead_changes
from app.leads.changes import LeadChanges
from app.leads.duplicates.known_leads import blind_indexes_of_row, newest_leads
from app.leads.models import Lead
from app.leads.search.lookup import require_unlocked

# A list changes neither the source nor the owner of an existing lead. The channel and touch are those of a capture.
NOT_UPDATED: Final = frozenset({"source_id", "assigned_to_id", "capture_channel", "touch"})


def match_rows(
    session: Session, clinic_id: UUID, rows: Mapping[Position, NewLead], *, creates_all: bool
) -> dict[Position, UUID]:
    """Return the lead of the same person for each row that has one: an existing lead, or that of an earlier row.

    With `creates_all`, matched rows become leads, too. One statement finds the leads of all rows.
    """
    known = newest_leads(session, clinic_id, (one.row for one in rows.values()))
    matches: dict[Position, UUID] = {}
    for place, one in rows.items():
        indexes = blind_indexes_of_row(one.row)
        found = next((known[way] for way in indexes if way in known), None)
        if found is not None:
            matches[place] = found
        lead_id = one.lead["id"] if found is None or creates_all else found
        for way in indexes:
            known.setdefault(way, lead_id)
    return matches


def require_update_of_all(actor: Actor) -> None:
    """Check that the actor may update every lead, as a list may name any person. Raises Forbidden."""
    if actor.permissions.get(Permission.LEAD_UPDATE) is not Scope.ALL:
        raise Forbidden(f"Updating leads by a list needs the permission {Permission.LEAD_UPDATE} for all leads.")


class UpdatedLeads(NamedTuple):
    """Leads that rows have updated, the errors of refused updates, and the rows whose lead is locked elsewhere."""

    leads: dict[Position, Lead]
    errors: dict[Position, str]
    busy: list[Position]
    events: list[Event]


def update_leads(
    session: Session, actor: Actor, matches: Mapping[Position, UUID], given: Mapping[Position, JsonObject]
) -> UpdatedLeads:
    """Update the matched leads with the values of their rows, in the order of the list."""
    wanted = select(Lead).where(Lead.id.in_({*matches.values()})).order_by(Lead.id)
    locked = wanted.with_for_update(skip_locked=True, key_share=True).execution_options(populate_existing=True)
    leads = {lead.id: lead for lead in session.scalars(locked)} if matches else {}
    changes = LeadChanges(session, actor)
    updated = UpdatedLeads({}, {}, [place for place, lead_id in matches.items() if lead_id not in leads], [])
    for place, lead_id in matches.items():
        if lead_id not in leads:
            continue
        try:
            _update(changes, leads[lead_id], given[place])
        except RelanceError as refusal:
            updated.errors[place] = error_text(refusal)
        else:
            updated.leads[place] = leads[lead_id]
    updated.events.extend(changes.finish())
    return updated


def error_text(refusal: RelanceError) -> str:
    """Return the errors of a refused row as one text."""
    if isinstance(refusal, Invalid):
        return "; ".join(f"{error.pointer}: {error.message}" for error in refusal.errors)
    return str(refusal)


def _update(changes: LeadChanges, lead: Lead, given: JsonObject) -> None:
    require_unlocked(lead)
    values = {name: value for name, value in given.items() if name not in NOT_UPDATED}
    changes.apply(lead, read_lead_changes(values))
