"""What leads to what: whatever is recorded while a step's effects are written follows from that step."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.engine.events.events import FROM_OUTSIDE, Chain, Event

_KEY = "chain"  # under which a session keeps it


@contextmanager
def led_by(session: Session, chain: Chain) -> Iterator[None]:
    """Until its end, events that the session records go on with this chain."""
    before = session.info.get(_KEY)
    session.info[_KEY] = chain
    try:
        yield
    finally:
        session.info[_KEY] = before


def chains_of(session: Session, step_ids: Collection[UUID]) -> Mapping[UUID, Chain]:
    """What led to each of these steps, and so to what they made; without a query where there are none."""
    if not step_ids:
        return {}
    return {row.id: Chain.of(row.cause) for row in session.execute(_CAUSES, {"ids": list(step_ids)})}


_CAUSES: Final = text("SELECT id, cause FROM steps WHERE id = ANY(:ids)")


def linked(session: Session, event: Event) -> Event:
    """The event with what led to it, where it does not say so itself."""
    chain = session.info.get(_KEY)
    return event if chain is None or event.chain is not FROM_OUTSIDE else event.following(chain)
