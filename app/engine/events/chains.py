"""Event chains: events recorded while a step's effects are written are linked to that step."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.engine.events.events import NO_CHAIN, Chain, Event

_KEY = "chain"  # key in `session.info`


@contextmanager
def use_chain(session: Session, chain: Chain) -> Iterator[None]:
    """Link the events that the session records in this context to the chain."""
    before = session.info.get(_KEY)
    session.info[_KEY] = chain
    try:
        yield
    finally:
        session.info[_KEY] = before


def chains_of(session: Session, step_ids: Collection[UUID]) -> Mapping[UUID, Chain]:
    """Return the chain of each step by step id. Runs no query if `step_ids` is empty."""
    if not step_ids:
        return {}
    return {row.id: Chain.of(row.cause) for row in session.execute(_CAUSES, {"ids": list(step_ids)})}


_CAUSES: Final = text("SELECT id, cause FROM steps WHERE id = ANY(:ids)")


def with_current_chain(session: Session, event: Event) -> Event:
    """Return the event with the session's current chain, unless it already has one."""
    chain = session.info.get(_KEY)
    return event if chain is None or event.chain is not NO_CHAIN else event.with_chain(chain)
