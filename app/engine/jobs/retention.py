"""Delete old finished jobs, with the personal data in their items."""

from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

_FORGET: Final = text(
    "DELETE FROM jobs WHERE id = (SELECT id FROM jobs WHERE finished_at < :before"
    " ORDER BY finished_at LIMIT 1 FOR UPDATE SKIP LOCKED)"
)


def forget_old_job(session: Session, before: datetime) -> int:
    """Delete one job that finished before then, with its items. Return 1, or 0 if there was none."""
    return session.execute(_FORGET, {"before": before}).rowcount  # type: ignore[attr-defined, no-any-return]
