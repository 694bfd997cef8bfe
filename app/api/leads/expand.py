"""Leads along with what is next for them, and with whom and what they name."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.http.schemas.expand import with_parts
from app.identity.models import User
from app.leads.attribution.models import LeadSource
from app.leads.models import Lead
from app.leads.next_actions.next_follow_up import SHOWN, with_next_follow_ups
from app.leads.search.listing import LeadPart
from app.security.encrypted_fields import fields_of

PERSON: Final = select(User.id, User.name)
_PARTS: Final[Mapping[str, tuple[str, Any]]] = {
    LeadPart.ASSIGNED_TO: ("assigned_to_id", PERSON),
    LeadPart.SOURCE: ("source_id", select(LeadSource.id, LeadSource.name, LeadSource.category)),
}


def expanded(session: Session, leads: Sequence[Any], query: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of leads of one clinic as `query` asks for them: with parts (`expand`), and all fields or some."""
    rows = with_parts(session, map(vars, leads), {part: _PARTS[part] for part in query.get("expand", ())})
    if "chosen" in query and SHOWN.isdisjoint(query["chosen"].split(",")):
        return rows
    return with_next_follow_ups(session, rows)


def shown(session: Session, lead: Lead) -> dict[str, Any]:
    """A lead that was just changed, as it is shown where it is read."""
    session.flush()
    row = {name: getattr(lead, name) for name in (*Lead.__table__.columns.keys(), *fields_of(Lead))}
    return with_next_follow_ups(session, [row])[0]
