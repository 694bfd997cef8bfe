"""Find messages to and from leads by the words of their subjects."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Uuid, select, text
from sqlalchemy.orm import Session

from app.core.db import is_among
from app.identity.actor import Actor
from app.leads.models import Lead
from app.leads.search.by_text.find import MOST_CANDIDATES, assigned_owners
from app.leads.search.by_text.query import Match, TextQuery, Why, match_fields
from app.leads.search.lookup import visible_to
from app.leads.timeline.models import Direction
from app.messaging.inbound.models import InboundEmail
from app.messaging.models import Notification
from app.security.encrypted_fields import decrypt_or_none
from app.security.search_keys import TextKind, keys_of_beginnings, search_secrets

# A function of the owner: under a row policy PostgreSQL uses no index for `@>`. It returns rows of the own clinic only.
_WITH_KEYS: Final = text(
    "SELECT messages_with_keys(CAST(:keys AS integer[]), CAST(:owners AS uuid[]), CAST(:most AS integer)) AS id"
).columns(id=Uuid)


class _Message(NamedTuple):
    id: UUID
    lead_id: UUID
    direction: Direction
    at: datetime
    subject: str | None


class FoundMessage(NamedTuple):
    """A message with the words of its subject that match."""

    id: UUID
    lead_id: UUID
    direction: Direction
    at: datetime
    match: Match


def find_messages(session: Session, actor: Actor, query: TextQuery) -> list[FoundMessage]:
    """Return the newest messages of visible leads with words in the subject that begin with those of the query."""
    owners, ids = assigned_owners(session, actor), list[UUID]()
    for secret in search_secrets():
        keys = keys_of_beginnings(actor.clinic.id, TextKind.SUBJECTS, query.words, secret)
        ids += session.scalars(_WITH_KEYS, {"keys": keys, "owners": owners, "most": MOST_CANDIDATES})
    messages = _messages(session, actor, ids) if ids else ()
    found = ((one, match_fields(query, [(Why.SUBJECT, one.subject)], inside=False)) for one in messages)
    return [FoundMessage(*one[:-1], match) for one, match in found if match]


def _messages(session: Session, actor: Actor, ids: Sequence[UUID]) -> Iterator[_Message]:
    sent = select(Notification.id, Notification.lead_id, Notification.created_at, Notification.subject)
    for row in session.execute(_of_leads(sent, Notification, actor, ids)):
        yield _Message(row.id, row.lead_id, Direction.OUTBOUND, row.created_at, row.subject)
    arrived = select(InboundEmail.id, InboundEmail.lead_id, InboundEmail.received_at, InboundEmail.sealed)
    for row in session.execute(_of_leads(arrived, InboundEmail, actor, ids)):
        subject = decrypt_or_none(InboundEmail, row.id, row.sealed)["subject"]
        yield _Message(row.id, row.lead_id, Direction.INBOUND, row.received_at, subject)


def _of_leads(rows: Any, model: Any, actor: Actor, ids: Sequence[UUID]) -> Any:
    return rows.join(Lead, Lead.id == model.lead_id).where(is_among(model.id, ids), *visible_to(actor))
