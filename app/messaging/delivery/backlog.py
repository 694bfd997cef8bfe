"""Messages and webhooks that were tried without success, or that wait for a channel, over all clinics."""

from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.engine.models import Kind, Reason

# Messages that only wait for a better moment, such as the morning, are not counted.
_BACKLOG: Final = text(
    "SELECT count(*) FILTER (WHERE attempts > 0) AS retrying, count(*) FILTER (WHERE reason = :reason) AS waiting,"
    " min(created_at) FILTER (WHERE attempts > 0 OR reason = :reason) AS oldest"
    " FROM steps WHERE kind = ANY(:kinds) AND state IN ('planned', 'published')"
)


class Backlog(NamedTuple):
    """Numbers of steps. `retrying`: tried without success; `waiting`: for a channel; `oldest`: when it was written."""

    retrying: int
    waiting: int
    oldest: datetime | None


def message_backlog(session: Session) -> Backlog:
    """Return how many messages and webhooks are late, and since when."""
    kinds = [*Kind.DELIVERIES, Kind.CALL_WEBHOOK]
    return Backlog(*session.execute(_BACKLOG, {"kinds": kinds, "reason": Reason.CHANNEL_DOWN}).one())
