"""Leads along with whom and what they name."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.http.expanding import with_parts
from app.identity.models import User
from app.leads.schemas import LeadPart
from app.sources.models import LeadSource

PERSON: Final = select(User.id, User.name)
_PARTS: Final[Mapping[str, tuple[str, Any]]] = {
    LeadPart.ASSIGNED_TO: ("assigned_to_id", PERSON),
    LeadPart.SOURCE: ("source_id", select(LeadSource.id, LeadSource.name, LeadSource.category)),
}


def expanded(session: Session, leads: Sequence[Any], parts: Collection[str]) -> Sequence[Any]:
    """The rows of leads of one clinic, each with these parts."""
    if not parts:
        return leads
    return with_parts(session, map(vars, leads), {part: _PARTS[part] for part in parts})
