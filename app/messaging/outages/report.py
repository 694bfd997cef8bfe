"""Open outages as admins see them: since when, why, the next probe, and how many messages wait."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.config import get_settings
from app.engine.steps.waiting import outage_of
from app.messaging.gateways.models import Gateway
from app.messaging.outages.breaker import probe_interval
from app.messaging.sending_accounts.models import SendingAccount

CHANNEL_REASON: Final = "The server takes no messages. The operator of this installation sees the cause."

_OUTAGES: Final = text("SELECT * FROM clinic_outages()")  # the table belongs to no clinic
_WAITING: Final = text(
    "SELECT waits_for, count(*) AS waiting FROM steps WHERE clinic_id = :clinic AND waits_for = ANY(:keys)"
    " AND waits_for IS NOT NULL AND state IN ('planned', 'published') GROUP BY 1"
)


@dataclass(frozen=True, slots=True)
class OpenOutage:
    """An outage for which messages of a clinic wait: of a channel, a gateway or a sending account."""

    channel: str | None
    gateway_id: UUID | None
    gateway: str | None  # its name
    account_id: UUID | None
    account: str | None  # its name
    since: datetime
    reason: str
    next_probe_at: datetime | None
    waiting_messages: int  # of the clinic, with its webhooks


@dataclass(frozen=True, slots=True)
class SenderWithOutage:
    """A gateway or a sending account, and its open outage. It has all attributes of the former."""

    sender: Gateway | SendingAccount
    outage: OpenOutage | None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sender, name)


def clinic_outages(session: Session, clinic_id: UUID) -> list[OpenOutage]:
    """Return the open outages of all channels and of the clinic's gateways, the longest first.

    The session is restricted to the clinic.
    """
    found = session.execute(_OUTAGES).all()
    if not found:
        return []
    given = {"clinic": clinic_id, "keys": [outage_of(outage.target) for outage in found]}
    waiting = {row.waits_for: row.waiting for row in session.execute(_WAITING, given)}
    return [_open_outage(outage, waiting.get(outage_of(outage.target), 0)) for outage in found]


def with_outages(
    senders: Iterable[Gateway | SendingAccount], outages: Iterable[OpenOutage]
) -> Sequence[SenderWithOutage]:
    """Return the gateways or sending accounts with their open outages."""
    found = {outage.gateway_id or outage.account_id: outage for outage in outages}
    return [SenderWithOutage(sender, found.get(sender.id)) for sender in senders]


def _open_outage(outage: Any, waiting: int) -> OpenOutage:
    """Return the outage; `outage` is a row of `clinic_outages()`."""
    return OpenOutage(
        channel=None if outage.gateway_id or outage.account_id else outage.target,
        gateway_id=outage.gateway_id,
        gateway=outage.gateway,
        account_id=outage.account_id,
        account=outage.account,
        since=outage.failing_since,
        reason=outage.error or CHANNEL_REASON,
        next_probe_at=outage.checked_at and outage.checked_at + _interval(outage),
        waiting_messages=waiting,
    )


def _interval(outage: Any) -> timedelta:
    longest = timedelta(seconds=get_settings().channel_probe_seconds)
    return probe_interval(outage.checked_at - outage.failing_since, outage.error, longest=longest)
