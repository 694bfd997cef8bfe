"""Sent and planned messages of leads, for the contact gate: many leads with one query."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.messaging.contact_policy.gate_input import DEFAULT_PRIORITY, PlannedMessage, SentMessage
from app.messaging.models import CONTACTED_AT, IS_CONTACT


@dataclass(slots=True)
class History:
    """Sent and planned messages of one lead."""

    sent: list[SentMessage] = field(default_factory=list)
    planned: list[PlannedMessage] = field(default_factory=list)


@dataclass(slots=True)
class HistoryQuery:
    """The history to load.

    `since`: sent messages after this instant, by lead id. `series`: all sent messages of this lead and series. `until`:
    planned messages before this instant, by lead id.
    """

    since: dict[UUID, datetime] = field(default_factory=dict)
    series: set[tuple[UUID, str]] = field(default_factory=set)
    until: dict[UUID, datetime] = field(default_factory=dict)
    most: int = 1  # sent messages per lead, the latest

    def __bool__(self) -> bool:
        return bool(self.since or self.series or self.until)


def load_histories(
    session: Session,
    query: HistoryQuery,
    *,
    exclude_steps: Collection[UUID],
    exclude_notifications: Collection[UUID],
    is_handed_over: bool,
) -> Mapping[UUID, History]:
    """Return sent and planned messages by lead id, without the excluded steps and notifications (ids).

    Pending messages count as sent, unless `is_handed_over`: of several pending messages, the first one handed over is
    sent and then counts for the others.
    """
    found: Mapping[UUID, History] = defaultdict(History)
    if not query:
        return found
    given = {
        "excluded_steps": list(exclude_steps),
        "excluded_notifications": list(exclude_notifications),
        "waiting": not is_handed_over,
        "most": query.most,
    }
    seen: set[UUID] = set()
    for row in session.execute(_FIND, {**given, **_parameters(query)}):
        if row.is_ahead:
            found[row.lead_id].planned.append(PlannedMessage(row.at, row.priority))
        elif row.id not in seen:
            seen.add(row.id)
            found[row.lead_id].sent.append(SentMessage(row.at, row.series))
    return found


def _parameters(query: HistoryQuery) -> dict[str, Sequence[object]]:
    return {
        "leads": list(query.since),
        "since": list(query.since.values()),
        "series_of": [lead_id for lead_id, _ in query.series],
        "series": [series for _, series in query.series],
        "ahead_of": list(query.until),
        "until": list(query.until.values()),
    }


_SENT: Final = f"""
CROSS JOIN LATERAL (
  SELECT n.id, {CONTACTED_AT} AS at, n.series FROM notifications n
  WHERE n.lead_id = w.lead_id AND {IS_CONTACT} AND n.id <> ALL(CAST(:excluded_notifications AS uuid[]))
    AND (CAST(:waiting AS boolean) OR n.state <> 'pending') AND {{which}}
  ORDER BY {CONTACTED_AT} DESC LIMIT CAST(:most AS int)
) AS g
"""  # noqa: S608  (constants only)
_SENT_SINCE: Final = _SENT.format(which=f"{CONTACTED_AT} > w.since")
_SENT_IN_SERIES: Final = _SENT.format(which="n.series = w.series")
_FIND: Final = text(f"""
SELECT w.lead_id, g.id, g.at, g.series, false AS is_ahead, NULL::int AS priority
FROM unnest(CAST(:leads AS uuid[]), CAST(:since AS timestamptz[])) AS w(lead_id, since) {_SENT_SINCE}
UNION ALL
SELECT w.lead_id, g.id, g.at, g.series, false, NULL
FROM unnest(CAST(:series_of AS uuid[]), CAST(:series AS text[])) AS w(lead_id, series) {_SENT_IN_SERIES}
UNION ALL
SELECT s.lead_id, s.id, s.due_at, NULL, true, coalesce((s.cause ->> 'priority')::int, {DEFAULT_PRIORITY})
FROM unnest(CAST(:ahead_of AS uuid[]), CAST(:until AS timestamptz[])) AS w(lead_id, until)
JOIN steps s ON s.lead_id = w.lead_id AND s.due_at < w.until
WHERE s.kind = 'send_message' AND s.state IN ('planned', 'published') AND s.id <> ALL(CAST(:excluded_steps AS uuid[]))
""")  # noqa: S608  (as above)
