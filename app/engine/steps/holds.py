"""Holds: while one is open, no step runs and nothing leaves the system. The API keeps accepting calls.

A hold is a row, so that all hosts see it. The statements that claim and publish steps check it, so it acts from the
commit on. A restored system starts with a hold. `relance resume` ends it.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.core.db import new_id
from app.core.type_aliases import JsonDict
from app.engine.models import Hold
from app.engine.step_kind import STEP_KINDS
from app.errors import Invalid

IS_HELD: Final = "EXISTS (SELECT FROM holds WHERE resumed_at IS NULL)"
# Whether the messages of a step `s` are skipped: it was planned before the hold, and due before the given time. The
# comparison with the latest given time is evaluated first, so that most statements do not search `holds` for each step.
SKIPS_MESSAGES: Final = (
    "(s.due_at < coalesce((SELECT max(skip_messages_before) FROM holds), '-infinity') AND"
    " EXISTS (SELECT FROM holds h WHERE h.skip_messages_before > s.due_at AND h.held_at >= s.created_at))"
)

_HOLD: Final = text(
    "INSERT INTO holds (id, because, held_at, backup_made_at)"
    f" SELECT :id, :because, :now, :backup_made_at WHERE NOT {IS_HELD}"
)
_RESUME: Final = text("UPDATE holds SET resumed_at = :now, skip_messages_before = :skip WHERE resumed_at IS NULL")
# Their messages were dropped meanwhile. The sweep publishes them again, without waiting until they are overdue.
_PUBLISH_AGAIN: Final = text("UPDATE steps SET state = 'planned', published_at = NULL WHERE state = 'published'")
_DUE: Final = text(
    "SELECT c.slug AS clinic, s.kind, count(*) AS due, min(s.due_at) AS oldest,"
    " count(*) FILTER (WHERE s.created_at <= :backup_made_at) AS may_be_repeated,"
    " count(*) FILTER (WHERE s.due_at < :skip AND s.created_at <= :held_at) AS without_messages"
    " FROM steps s JOIN clinics c ON c.id = s.clinic_id"
    " WHERE s.state IN ('planned', 'published') AND s.due_at <= :now GROUP BY c.slug, s.kind ORDER BY c.slug, s.kind"
)
_WITHOUT_RESULT: Final = text("SELECT count(*) FROM steps WHERE state IN ('running', 'unknown')")


def current_hold(session: Session) -> Hold | None:
    """Return the open hold, or None while steps run."""
    return session.scalars(select(Hold).where(Hold.resumed_at.is_(None)).order_by(Hold.held_at)).first()


def hold(session: Session, because: str, *, backup_made_at: datetime | None = None) -> None:
    """Stop all steps from the commit on. A call to a provider that has begun is still finished.

    Does nothing if the system is held. `backup_made_at`: the time of the backup that was restored.
    """
    given = {"id": new_id(), "because": because, "now": clock.now(), "backup_made_at": backup_made_at}
    session.execute(_HOLD, given)


def resume(session: Session, *, skip_messages_before: datetime | None = None) -> None:
    """End the hold, so that due steps run.

    `skip_messages_before`: the messages of steps that were due before this time are suppressed; all else that these
    steps do is done. Raises Invalid (when that time is in the future).
    """
    now = clock.now()
    if skip_messages_before and skip_messages_before > now:
        raise Invalid.at("/skip_messages_before", "must not be in the future")
    session.execute(_RESUME, {"now": now, "skip": skip_messages_before})
    session.execute(_PUBLISH_AGAIN)


def due_steps(session: Session, held: Hold, *, skip_messages_before: datetime | None = None) -> list[JsonDict]:
    """Return what runs at once after `resume`, by clinic and kind.

    Keys: clinic, kind, is_message, due (number), oldest (due time), may_be_repeated and without_messages (numbers).
    Steps that may be repeated were already planned in the restored backup, so the former system may have run them.
    Steps without messages were due before `skip_messages_before`.
    """
    given = {"now": clock.now(), "held_at": held.held_at, "backup_made_at": held.backup_made_at}
    rows = session.execute(_DUE, {**given, "skip": skip_messages_before}).mappings()
    return [{**row, "is_message": row["kind"] in message_kinds()} for row in rows]


def calls_without_result(session: Session) -> int:
    """Return the number of calls to providers that run now or whose result is unknown.

    Those with an unknown result are never repeated automatically.
    """
    return session.scalar(_WITHOUT_RESULT) or 0


def message_kinds() -> frozenset[str]:
    """Return the step kinds that send messages or call other systems."""
    return frozenset(name for name in STEP_KINDS if STEP_KINDS[name].outside or STEP_KINDS[name].writes_to_lead)
