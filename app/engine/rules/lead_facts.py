"""Lead facts that rules need and that events do not carry."""

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy.orm import Session

from app.core.ports import Port
from app.core.type_aliases import JsonObject

# (session, lead ids, fact names) -> facts by lead and name.
lead_facts: Port[[Session, Collection[UUID], Collection[str]], Mapping[UUID, JsonObject]] = Port("lead_facts")


def fetch_lead_facts(session: Session, lead_ids: Collection[UUID], names: Collection[str]) -> Mapping[UUID, JsonObject]:
    """Return the current values of these facts by lead id and fact name. Runs no query if there is nothing to fetch."""
    if not names or not lead_ids:
        return {}
    return lead_facts(session, lead_ids, names)
