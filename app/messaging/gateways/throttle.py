"""Rate limit of gateways: calls per hour, counted in one row per minute.

A call at 10:00:59 still counts at 11:00:58. A minute therefore counts until all of it is an hour ago: sixty whole
minutes and the current one.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.db import insert_many
from app.engine.outcomes import GatewayCalls
from app.messaging.gateways.models import GatewayMinute

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)

_LOCK_GATEWAYS: Final = text("SELECT id FROM gateways WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE")
_FIND_USAGE: Final = text(
    "SELECT gateway_id, minute, sent, promised FROM gateway_minutes WHERE gateway_id = ANY(:ids) AND minute >= :since"
)


@dataclass(frozen=True, slots=True)
class Usage:
    """Calls by minute: those made (`sent`), and those deferred to that minute (`promised`)."""

    sent: Mapping[datetime, int] = field(default_factory=dict)
    promised: Mapping[datetime, int] = field(default_factory=dict)


def has_capacity(usage: Usage, per_hour: int, now: datetime) -> bool:
    """Return whether one more call stays within `per_hour` in any sixty minutes."""
    since = minute_of(now) - HOUR
    return sum(calls for minute, calls in usage.sent.items() if minute >= since) < per_hour


def next_available_minute(usage: Usage, per_hour: int, now: datetime) -> datetime:
    """Return the first minute with capacity, after the calls already deferred.

    Call it only when `has_room` is False.
    """
    current = minute_of(now)
    calls_by_minute = Counter(usage.sent) + Counter({at: n for at, n in usage.promised.items() if at > current})
    candidates = sorted(at + HOUR + MINUTE for at in calls_by_minute)  # capacity returns when a minute expires
    return next(at for at in candidates if at > current and _calls_in_hour_before(calls_by_minute, at) < per_hour)


def _calls_in_hour_before(calls_by_minute: Mapping[datetime, int], minute: datetime) -> int:
    return sum(calls for at, calls in calls_by_minute.items() if minute - HOUR <= at <= minute)


def minute_of(at: datetime) -> datetime:
    """Return the start of the minute that contains the instant."""
    return at.replace(second=0, microsecond=0)


def lock_usage(session: Session, gateway_ids: Collection[UUID], *, now: datetime) -> dict[UUID, Usage]:
    """Return the gateways' usage in the last hour.

    It locks their rows until the commit, so that no other transaction counts calls meanwhile.
    """
    session.execute(_LOCK_GATEWAYS, {"ids": list(gateway_ids)})
    sent: dict[UUID, dict[datetime, int]] = {gateway_id: {} for gateway_id in gateway_ids}
    promised: dict[UUID, dict[datetime, int]] = {gateway_id: {} for gateway_id in gateway_ids}
    for row in session.execute(_FIND_USAGE, {"ids": list(gateway_ids), "since": minute_of(now) - HOUR}):
        sent[row.gateway_id][row.minute] = row.sent
        promised[row.gateway_id][row.minute] = row.promised
    return {gateway_id: Usage(sent[gateway_id], promised[gateway_id]) for gateway_id in gateway_ids}


def minute_row(gateway_id: UUID, at: datetime, *, sent: int = 0, promised: int = 0) -> GatewayCalls:
    """Return a row for `count_calls`, for the minute of `at`."""
    return {"gateway_id": gateway_id, "minute": minute_of(at), "sent": sent, "promised": promised}


def count_calls(session: Session, rows: Sequence[GatewayCalls]) -> None:
    """Add the rows to the counts. Call it in the transaction of `lock_usage`, with each gateway and minute once."""
    insert_many(session, GatewayMinute, rows, tail=_ADD_TO_MINUTE)


_ADD_TO_MINUTE: Final = (
    "ON CONFLICT (gateway_id, minute) DO UPDATE SET sent = gateway_minutes.sent + excluded.sent,"
    " promised = gateway_minutes.promised + excluded.promised"
)
