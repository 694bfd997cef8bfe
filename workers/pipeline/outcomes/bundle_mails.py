"""E-mails about many escalations within an hour: a user gets the first ones, and the others in the daily digest."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.engine.models import Kind, Reason
from app.engine.outcomes import Done, Row
from app.messaging.models import NotificationState
from app.messaging.user_preferences.kinds import DIGEST_CHANNEL
from workers.pipeline.outcomes.follow_calls import Decided

MOST: Final = 3  # e-mails to a user in the period
PERIOD: Final = timedelta(hours=1)

_SENT: Final = text(
    "SELECT user_id, count(*) AS n FROM notifications WHERE clinic_id = ANY(:clinics) AND created_at > :since"
    " AND user_id = ANY(:users) AND template = ANY(:templates) AND channel = :channel AND state <> 'suppressed'"
    " GROUP BY user_id"
)


def bundle_mails(session: Session, decided: Sequence[Decided]) -> list[Decided]:
    """Return the outcomes; e-mails of escalations beyond the limit wait for the digest of their recipient.

    Notices on other channels stay as they are.
    """
    places = [place for place, one in enumerate(decided) if _mails(one)]
    bundled = list(decided)
    if not places:
        return bundled
    sent = _sent(session, [decided[place] for place in places])
    for place in places:
        bundled[place] = _within_limit(decided[place], sent)
    return bundled


def _mails(one: Decided) -> list[Row]:
    context, end = one
    if context.step.kind != Kind.ESCALATE:
        return []
    return [row for row in end.effects.notifications if _is_mail(row)]


def _is_mail(row: Row) -> bool:
    return bool(row["channel"] == DIGEST_CHANNEL and row["state"] == NotificationState.PENDING)


def _sent(session: Session, escalations: Collection[Decided]) -> Counter[UUID]:
    """Return how many such e-mails each recipient got within the period."""
    rows = [row for one in escalations for row in _mails(one)]
    given = {
        "clinics": list({row["clinic_id"] for row in rows}),
        "users": list({row["user_id"] for row in rows}),
        "templates": list({row["template"] for row in rows}),
        "channel": DIGEST_CHANNEL,
        "since": min(context.now for context, _ in escalations) - PERIOD,
    }
    return Counter({row.user_id: row.n for row in session.execute(_SENT, given)})


def _within_limit(one: Decided, sent: Counter[UUID]) -> Decided:
    """Count the e-mails of an escalation, and let those beyond the limit wait."""
    context, end = one
    if not isinstance(end, Done):
        return one
    rows: list[Row] = []
    for row in end.effects.notifications:
        waits = _is_mail(row) and sent[row["user_id"]] >= MOST
        sent[row["user_id"]] += _is_mail(row)
        state = {"state": NotificationState.SUPPRESSED, "reason": Reason.WAITS_FOR_DIGEST}
        rows.append({**row, **state} if waits else row)
    return context, replace(end, effects=replace(end.effects, notifications=tuple(rows)))
