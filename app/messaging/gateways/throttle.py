"""How many calls a gateway gets in an hour: counted by the minute, never by looking at what was sent.

A call at 10:00:59 still counts at 11:00:58. So a minute counts until all of it is an hour past: sixty whole minutes and
the one that has begun.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.db import insert_many
from app.messaging.gateways.models import GatewayMinute

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)

_HOLD: Final = text("SELECT id FROM gateways WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE")
_USED: Final = text(
    "SELECT gateway_id, minute, sent, promised FROM gateway_minutes WHERE gateway_id = ANY(:ids) AND minute >= :since"
)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a gateway had and will have: calls by the minute, and those that wait, by the minute they come back in."""

    sent: Mapping[datetime, int] = field(default_factory=dict)
    promised: Mapping[datetime, int] = field(default_factory=dict)


def has_room(usage: Usage, per_hour: int, now: datetime) -> bool:
    """Whether one more call keeps it to `per_hour` in any sixty minutes."""
    since = minute_of(now) - HOUR
    return sum(calls for minute, calls in usage.sent.items() if minute >= since) < per_hour


def first_room(usage: Usage, per_hour: int, now: datetime) -> datetime:
    """The first minute at which there is room again, behind those that wait already. Call it when there is none."""
    begun = minute_of(now)
    taken = Counter(usage.sent) + Counter({at: calls for at, calls in usage.promised.items() if at > begun})
    falls = sorted(at + HOUR + MINUTE for at in taken)  # there is more room in a minute only when an older one is past
    return next(minute for minute in falls if minute > begun and _load(taken, minute) < per_hour)


def _load(taken: Mapping[datetime, int], minute: datetime) -> int:
    return sum(calls for at, calls in taken.items() if minute - HOUR <= at <= minute)


def minute_of(at: datetime) -> datetime:
    """The minute that an instant is in."""
    return at.replace(second=0, microsecond=0)


def usages(session: Session, gateway_ids: Collection[UUID], *, now: datetime) -> dict[UUID, Usage]:
    """What these gateways had of late; until the commit nobody else counts a call of theirs."""
    session.execute(_HOLD, {"ids": list(gateway_ids)})
    sent: dict[UUID, dict[datetime, int]] = {gateway_id: {} for gateway_id in gateway_ids}
    promised: dict[UUID, dict[datetime, int]] = {gateway_id: {} for gateway_id in gateway_ids}
    for row in session.execute(_USED, {"ids": list(gateway_ids), "since": minute_of(now) - HOUR}):
        sent[row.gateway_id][row.minute] = row.sent
        promised[row.gateway_id][row.minute] = row.promised
    return {gateway_id: Usage(sent[gateway_id], promised[gateway_id]) for gateway_id in gateway_ids}


def minute_row(gateway_id: UUID, at: datetime, *, sent: int = 0, promised: int = 0) -> dict[str, Any]:
    """A row for `count_calls`: so much more in the minute of `at`."""
    return {"gateway_id": gateway_id, "minute": minute_of(at), "sent": sent, "promised": promised}


def count_calls(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Count these, in the transaction that `usages` was asked in; each gateway and minute once."""
    insert_many(session, GatewayMinute, rows, tail=_MORE)


_MORE: Final = (
    "ON CONFLICT (gateway_id, minute) DO UPDATE SET sent = gateway_minutes.sent + excluded.sent,"
    " promised = gateway_minutes.promised + excluded.promised"
)
