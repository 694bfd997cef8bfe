"""Undelivered messages of enrollments. They hold no enrollment, so they are shown with it."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.type_aliases import JsonDict
from app.engine.events.keys import in_words

_COUNTS: Final = text(
    "SELECT s.enrollment_id, count(*) FILTER (WHERE n.state = 'unknown') AS unknown_messages,"
    " count(*) FILTER (WHERE n.state = 'failed') AS failed_messages"
    " FROM enrollment_steps s JOIN notifications n ON n.id = s.notification_id"
    " WHERE s.enrollment_id = ANY(:ids) AND n.state IN ('unknown', 'failed') GROUP BY s.enrollment_id"
)


def with_message_counts(session: Session, rows: Sequence[Any]) -> list[JsonDict]:
    """Return the rows of enrollments, what each is about in words, and the numbers of unknown and failed messages."""
    counts = {row.enrollment_id: row for row in session.execute(_COUNTS, {"ids": [row.id for row in rows]})}
    return [
        dict(row._mapping) | {"about": in_words(row.key)} | _numbers(counts, row.id)  # noqa: SLF001  (public)
        for row in rows
    ]


def _numbers(counts: dict[UUID, Any], enrollment_id: UUID) -> JsonDict:
    found = counts.get(enrollment_id)
    return {
        "unknown_messages": found.unknown_messages if found else 0,
        "failed_messages": found.failed_messages if found else 0,
    }
