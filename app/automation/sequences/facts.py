"""Enrollment facts `enrollment.*` for conditions, and the current steps of enrollments."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.automation.sequences.models import IS_LIVE
from app.core.type_aliases import JsonDict, JsonObject
from app.messaging.channels.registry import CHANNELS

# Gateways report opens and clicks, and tracked e-mails. Without such a message the fact is unknown: null.
_REPORTS: Final = "(n.channel = ANY(CAST(:told_of AS text[])) OR coalesce(m.{}, false))"
_REPORTS_OPENS, _REPORTS_CLICKS = _REPORTS.format("opens"), _REPORTS.format("clicks")
_FACTS: Final = text(
    f"SELECT e.id, coalesce(bool_or({_REPORTS_OPENS}), false) AS reports_opens,"  # noqa: S608  (constants)
    f" coalesce(bool_or({_REPORTS_CLICKS}), false) AS reports_clicks,"
    " bool_or(n.opened_at IS NOT NULL) AS opened, bool_or(n.clicked_at IS NOT NULL) AS clicked,"
    f" (array_agg({_REPORTS_OPENS} ORDER BY s.id DESC))[1] AS last_reports_opens,"
    f" (array_agg({_REPORTS_CLICKS} ORDER BY s.id DESC))[1] AS last_reports_clicks,"
    " (array_agg(n.opened_at IS NOT NULL ORDER BY s.id DESC))[1] AS last_opened,"
    " (array_agg(n.clicked_at IS NOT NULL ORDER BY s.id DESC))[1] AS last_clicked,"
    " coalesce(l.replied_at > e.enrolled_at, false) AS replied"
    " FROM enrollments e JOIN leads l ON l.id = e.lead_id"
    " LEFT JOIN enrollment_steps s ON s.enrollment_id = e.id AND s.notification_id IS NOT NULL"
    " LEFT JOIN notifications n ON n.id = s.notification_id LEFT JOIN tracked_messages m ON m.id = n.id"
    " WHERE e.id = ANY(CAST(:ids AS uuid[])) GROUP BY e.id, l.replied_at"
)


def enrollment_facts(session: Session, ids: Collection[str]) -> Mapping[str, JsonObject]:
    """Return facts by enrollment id: opened, clicked, last_opened, last_clicked (None: unknown) and replied."""
    asked = {"ids": list(ids), "told_of": CHANNELS.names_with_gateway()}
    return {str(row.id): facts_of_reports(row) for row in session.execute(_FACTS, asked)}


def current_steps(session: Session, ids: Collection[str]) -> set[UUID]:
    """Return the ids of the current steps of the live enrollments among these."""
    return set(session.scalars(_CURRENT, {"ids": list(ids)}))


_CURRENT: Final = text(
    f"SELECT step_id FROM enrollments WHERE id = ANY(CAST(:ids AS uuid[])) AND {IS_LIVE}"  # noqa: S608  (of the models)
)


class UnsentMessage(NamedTuple):
    """An earlier message of an enrollment that is pending or being handed over, and when its next try is due."""

    id: UUID
    next_try: datetime


def unsent_messages(session: Session, ids: Collection[str]) -> Mapping[str, UnsentMessage]:
    """Return the unsent message whose next try is the last, by enrollment id, for enrollments with unsent ones.

    A failed or unknown message is not unsent: it waits for a person.
    """
    found = session.execute(_UNSENT, {"ids": list(ids)})
    return {str(row.enrollment_id): UnsentMessage(row.id, row.due_at) for row in found}


_UNSENT: Final = text(
    "SELECT DISTINCT ON (s.enrollment_id) s.enrollment_id, n.id, coalesce(d.due_at, n.created_at) AS due_at"
    " FROM enrollment_steps s JOIN notifications n ON n.id = s.notification_id AND n.state IN ('pending', 'sending')"
    " LEFT JOIN steps d ON d.lead_id = n.lead_id AND d.kind = 'deliver' AND d.state IN ('planned', 'published')"
    " AND d.params ->> 'notification_id' = CAST(n.id AS text)"
    " WHERE s.enrollment_id = ANY(CAST(:ids AS uuid[])) ORDER BY s.enrollment_id, due_at DESC"
)


class MessageReports(NamedTuple):
    """Reports about the messages of an enrollment, and whether there are any. None: no message."""

    reports_opens: bool
    reports_clicks: bool
    opened: bool | None
    clicked: bool | None
    last_reports_opens: bool | None
    last_reports_clicks: bool | None
    last_opened: bool | None
    last_clicked: bool | None
    replied: bool


def facts_of_reports(row: Any) -> JsonDict:
    """Return the facts of an enrollment from its `MessageReports`, or from a row with these columns."""
    return {
        "opened": row.opened or (False if row.reports_opens else None),
        "clicked": row.clicked or (False if row.reports_clicks else None),
        "last_opened": row.last_opened or (False if row.last_reports_opens else None),
        "last_clicked": row.last_clicked or (False if row.last_reports_clicks else None),
        "replied": row.replied,
    }
