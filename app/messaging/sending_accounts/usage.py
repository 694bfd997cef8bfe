"""Counts of an account's messages in the database, so that all worker processes agree."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.db import insert_many
from app.engine.outcomes import AccountCount
from app.messaging.sending_accounts.limits import DAY, HOUR, Usage, day_start, minute_of
from app.messaging.sending_accounts.models import CountPeriod, SendingAccountCount

_FIND: Final = text(
    "SELECT account_id, period, starts_at, sent, promised FROM sending_account_counts"
    " WHERE account_id = ANY(:ids) AND (period = 'minute' AND starts_at >= :hour OR period = 'day'"
    " AND starts_at >= :days)"
)
_ADD: Final = (
    "ON CONFLICT (account_id, period, starts_at) DO UPDATE SET sent = sending_account_counts.sent + excluded.sent,"
    " promised = sending_account_counts.promised + excluded.promised"
)


def load_usage(session: Session, account_ids: Collection[UUID], *, now: datetime) -> Mapping[UUID, Usage]:
    """Return the usage of accounts by id. Lock the accounts before, so that it holds until the commit."""
    minutes: dict[UUID, tuple[dict[datetime, int], dict[datetime, int]]] = {one: ({}, {}) for one in account_ids}
    days: dict[UUID, tuple[dict[datetime, int], dict[datetime, int]]] = {one: ({}, {}) for one in account_ids}
    given = {"ids": list(account_ids), "hour": minute_of(now) - HOUR, "days": now - 2 * DAY}
    for row in session.execute(_FIND, given):
        sent, promised = (minutes if row.period == CountPeriod.MINUTE else days)[row.account_id]
        sent[row.starts_at], promised[row.starts_at] = row.sent, row.promised
    return {one: Usage(*minutes[one], *days[one]) for one in account_ids}


def count_rows(
    account_id: UUID, at: datetime, zone: ZoneInfo, *, sent: int = 0, promised: int = 0
) -> tuple[AccountCount, ...]:
    """Return the rows for `add_counts` of a message in the minute and on the day of `at`."""
    starts = {CountPeriod.MINUTE: minute_of(at), CountPeriod.DAY: day_start(at, zone)}
    return tuple(
        AccountCount(account_id=account_id, period=period, starts_at=starts_at, sent=sent, promised=promised)
        for period, starts_at in starts.items()
    )


def add_counts(session: Session, rows: Sequence[AccountCount]) -> None:
    """Add the rows to the counts. Call it in the transaction that locked the accounts."""
    total: dict[tuple[UUID, str, datetime], AccountCount] = {}
    for row in rows:
        key = row["account_id"], row["period"], row["starts_at"]
        before = total.get(key, {"sent": 0, "promised": 0})
        total[key] = {**row, "sent": before["sent"] + row["sent"], "promised": before["promised"] + row["promised"]}
    insert_many(session, SendingAccountCount, sorted(total.values(), key=str), tail=_ADD)
