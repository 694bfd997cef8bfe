"""Let enrollments go on that a contact or a reply ended which turned out to be none."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.automation.sequences.enrollments.enroll import lead_refusal
from app.automation.sequences.enrollments.labels import add_labels
from app.automation.sequences.enrollments.pause import resume
from app.automation.sequences.enrollments.transitions import (
    EnrollmentRow,
    Move,
    lock_enrollments,
    move_enrollments,
    sequence_texts,
)
from app.automation.sequences.models import ENDED_BY, IS_LIVE, PauseReason
from app.engine.events.events import EventName
from app.identity.actor import Actor
from app.leads.models import Lead
from app.messaging.contact_policy.load_facts import open_questions

# An enrollment stays ended if another event has happened since that ends it, if its sequence was deleted, or if the
# lead is enrolled in the same sequence or in another exclusive one again. An enrollment is paused like one that waits
# for a decision, with the rest of its wait, unless its step was not pending.
_GO_ON: Final = text(
    "UPDATE enrollments AS n SET ended_at = NULL, changed_at = :now, cause = n.cause - :ended_by,"  # noqa: S608  (constants)
    " state = CASE WHEN w.was_pending THEN 'paused' ELSE w.state END,"
    f" reason = coalesce(w.reason, CASE WHEN w.was_pending THEN '{PauseReason.QUESTION}' END),"
    " step_id = CASE WHEN w.was_pending THEN NULL ELSE n.step_id END,"
    " seconds_left = CASE WHEN w.was_pending THEN w.seconds_left ELSE n.seconds_left END"
    " FROM (SELECT t.id, t.cause -> :ended_by ->> 'state' AS state, t.cause -> :ended_by ->> 'reason' AS reason,"
    " s.id IS NOT NULL AS was_pending,"
    " greatest(extract(epoch FROM s.due_at - t.ended_at), 0) AS seconds_left"
    " FROM enrollments AS t JOIN sequences AS q ON q.id = t.sequence_id AND q.deleted_at IS NULL"
    " LEFT JOIN steps AS s ON s.id = t.step_id AND s.state = 'cancelled'"
    " WHERE t.lead_id = :lead AND t.state = 'exited' AND t.cause -> :ended_by ->> 'subject_id' = :subject"
    " AND NOT EXISTS (SELECT FROM events AS e WHERE e.lead_id = t.lead_id AND e.occurred_at > t.ended_at"
    " AND (e.name = ANY(t.exit_on) OR e.name = ANY(t.goal)) AND e.subject_id <> CAST(:subject AS uuid)"
    " AND e.name <> ALL(:own))"
    " AND NOT EXISTS (SELECT FROM enrollments AS o WHERE o.lead_id = t.lead_id"
    f" AND o.{IS_LIVE} AND (o.sequence_id = t.sequence_id AND o.key = t.key OR o.is_exclusive AND t.is_exclusive))"
    " ) AS w WHERE n.id = w.id RETURNING n.id, n.label"
)
# Enrollments whose step ended, or whose task was closed, while they were ended.
_PASSED: Final = text(
    "SELECT n.id FROM enrollments AS n LEFT JOIN steps AS s ON s.id = n.step_id"
    " LEFT JOIN lead_tasks AS t ON t.id = n.waits_for_task_id WHERE n.id = ANY(:ids)"
    " AND (s.state IN ('done', 'skipped') OR t.status IN ('COMPLETED', 'CANCELLED'))"
)


def let_go_on(
    session: Session, actor: Actor, lead: Lead, subject_id: UUID, *, at: datetime, has_moved_back: bool = False
) -> None:
    """Let the enrollments of a locked lead go on that the events about this entry ended.

    Each goes on where it stopped, with the rest of its wait. `has_moved_back`: the changes of stage since then are
    those of the entry.
    """
    if lead_refusal(lead, {}) is not None:
        return
    own = [EventName.LEAD_STAGE_CHANGED] if has_moved_back else []
    given = {"lead": lead.id, "subject": str(subject_id), "ended_by": ENDED_BY, "own": own, "now": at}
    found = session.execute(_GO_ON, given).all()
    for one in found:
        add_labels(session, {lead.id: one.label} if one.label else {})
    rows = lock_enrollments(session, [row.id for row in found])
    passed = set(session.scalars(_PASSED, {"ids": list(rows)})) if rows else set()
    _pass(session, actor, [rows[id_] for id_ in passed], at=at)
    waits = bool(open_questions(session, [lead.id]))
    for row in rows.values():
        if row.reason == PauseReason.QUESTION and row.id not in passed and not waits:
            resume(session, row, actor.clinic.calendar, at=at)


def _pass(session: Session, actor: Actor, rows: Sequence[EnrollmentRow], *, at: datetime) -> None:
    """Move these enrollments to the step after the one that is over."""
    known = sequence_texts(session, rows)
    moves = []
    for row in rows:
        sequence = known[row.sequence_id, row.sequence_version]
        moves.append(Move(row, sequence, sequence.after(row.step), actor.clinic.calendar))
    move_enrollments(session, moves, at=at)
