"""Check of a person before a lead is saved, while a user types."""

from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.leads.contact.phone_numbers import PHONE_FIELDS, normalise_phone
from app.leads.duplicates.search import Duplicates, duplicates_of_person
from app.leads.models import Lead

_SHOWN: Final = (Lead.id, Lead.first_name, Lead.last_name, Lead.status, Lead.pipeline_stage, Lead.assigned_to_id)


def check_person(session: Session, actor: Actor, data: JsonObject) -> Duplicates:
    """Return leads of the person, each with its name, stage and owner. `data` has any fields of CheckIn.

    Values that are not complete yet, such as half a phone number, are not compared. Leads that the actor may not see
    are only counted.
    """
    reader = actor.within(Permission.LEAD_READ)
    found = duplicates_of_person(session, reader, _complete_values(actor, data))
    shown = _shown(session, found)
    audit_log.note_read(session, "lead", [one["lead_id"] for one in found.duplicates])
    return Duplicates([one | shown[one["lead_id"]] for one in found.duplicates], found.hidden_duplicates)


def _complete_values(actor: Actor, data: JsonObject) -> JsonDict:
    values = {"first_name": "", "last_name": "", **data}
    for name in PHONE_FIELDS:
        if text := data.get(name):
            try:
                values[name] = normalise_phone(text, actor.clinic.region)
            except ValueError:
                values[name] = None
    return values


def _shown(session: Session, found: Duplicates) -> dict[UUID, JsonDict]:
    ids = [one["lead_id"] for one in found.duplicates]
    rows = session.execute(select(*_SHOWN).where(Lead.id.in_(ids))) if ids else ()
    return {row.id: {name: value for name, value in row._mapping.items() if name != "id"} for row in rows}  # noqa: SLF001  (public accessor of SQLAlchemy's Row)
