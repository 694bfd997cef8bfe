"""Assignment history of a lead."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.pagination import Page, page
from app.core.type_aliases import JsonObject
from app.identity.actor import Actor
from app.leads.assignment.models import AssignmentEntry
from app.leads.search.lookup import read_lead


def list_assignments(session: Session, actor: Actor, lead_id: UUID, query: JsonObject) -> Page:
    """List every change of the lead's coordinator, newest first. Raises NotFound."""
    read_lead(session, actor, lead_id)
    entries = select(AssignmentEntry).where(AssignmentEntry.lead_id == lead_id)
    return page(session, entries, [(AssignmentEntry.id, "desc")], query)
