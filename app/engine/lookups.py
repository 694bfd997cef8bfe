"""What the engine asks other domains about, which it does not know: they register here."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy.orm import Session

LookUp: TypeAlias = Callable[[Session, Collection[UUID], Collection[str]], Mapping[UUID, Mapping[str, Any]]]

# Facts of many leads that rules ask for and events do not carry, by lead and name. `app.leads.facts.lookup` sets it.
of_leads: dict[str, LookUp] = {}


def look_up(session: Session, lead_ids: Collection[UUID], names: Collection[str]) -> Mapping[UUID, Mapping[str, Any]]:
    """These facts of these leads, as they are now; without a query where there is nothing to ask."""
    if not names or not lead_ids:
        return {}
    return of_leads["facts"](session, lead_ids, names)
