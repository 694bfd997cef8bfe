"""Stopping what is pending, in the transaction of whatever stops it."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.core.ports import Listeners
from app.engine.events.events import Event, reason_of
from app.engine.models import Reason

# All listeners are called in the same transaction, with the leads' rows locked.
steps_cancelled: Listeners[[Session, Sequence[Any]]] = Listeners("steps_cancelled")  # rows: kind, params, reason
everything_cancelled: Listeners[[Session, UUID, Reason]] = Listeners("everything_cancelled")  # lead, reason
lead_merged: Listeners[[Session, UUID, UUID]] = Listeners("lead_merged")  # duplicate, survivor

# Of several events that stop a step, the first one is the reason.
_STOP = text(
    "UPDATE steps AS s SET state = 'cancelled', reason = hit.reason, finished_at = :now"
    " FROM (SELECT DISTINCT ON (t.id) t.id, e.reason FROM unnest(CAST(:leads AS uuid[]), CAST(:events AS text[]),"
    " CAST(:reasons AS text[]), CAST(:tasks AS text[])) WITH ORDINALITY AS e(lead, event, reason, task, place)"
    " JOIN steps AS t ON t.lead_id = e.lead AND t.state IN ('planned', 'published') AND t.stop_on @> ARRAY[e.event]"
    " AND (e.task IS NULL OR t.params ->> 'task_id' = e.task) ORDER BY t.id, e.place) AS hit"
    " WHERE s.id = hit.id AND s.state IN ('planned', 'published')"
    " RETURNING s.kind, s.params, s.reason"
)
_STOP_ALL = text(
    "UPDATE steps SET state = 'cancelled', reason = :reason, finished_at = :now"
    " WHERE lead_id = :lead AND state IN ('planned', 'published') RETURNING kind, params, reason"
)
# Those of sequences stay: the gate refuses each when it is due, and its sequence goes on with what follows.
_STOP_MESSAGES = text(
    "UPDATE steps SET state = 'cancelled', reason = :reason, finished_at = :now"
    " WHERE lead_id = :lead AND state IN ('planned', 'published')"
    " AND (kind = 'send_message' AND params ->> 'channel' = :channel AND NOT cause ? 'enrollment_id'"
    " OR kind = 'deliver' AND params ->> 'notification_id' = ANY(CAST(:written AS text[])))"
    " RETURNING kind, params, reason"
)
# The same step: of the same rule, for no task and no message of its own. What follows from being new happens once.
# Those of sequences end with their enrollments, or move along with them.
_CANCEL_DOUBLES = text(
    "UPDATE steps AS s SET state = 'cancelled', reason = :reason, finished_at = :now"
    " WHERE lead_id = :duplicate AND state IN ('planned', 'published')"
    " AND NOT params ?| ARRAY['task_id', 'notification_id'] AND NOT cause ? 'enrollment_id'"
    " AND EXISTS (SELECT 1 FROM steps AS own WHERE own.lead_id = :survivor AND own.kind = s.kind AND own.name = s.name"
    " AND NOT own.params ?| ARRAY['task_id', 'notification_id']"
    " AND (own.state IN ('planned', 'published', 'running')"
    " OR (own.cause ->> 'event' = 'lead.created' AND s.cause ->> 'event' = 'lead.created')))"
    " RETURNING kind, params, reason"
)
_HAND_OVER = text("UPDATE steps SET lead_id = :survivor WHERE lead_id = :duplicate")


def hand_over(session: Session, *, duplicate: UUID, survivor: UUID) -> None:
    """A lead becomes part of another (both rows are locked by the caller): its steps, past and pending, do so, too.

    Those that are pending and that the survivor has, too, are cancelled. Their keys name whom they were planned for,
    so none of them clashes.
    """
    leads = {"duplicate": duplicate, "survivor": survivor}
    doubles = {**leads, "reason": Reason.MERGED, "now": clock.now()}
    _tell(session, session.execute(_CANCEL_DOUBLES, doubles).all())
    lead_merged(session, duplicate, survivor)
    session.execute(_HAND_OVER, leads)


def stop(session: Session, events: Iterable[Event]) -> int:
    """Cancel the pending steps of the events' leads that say that one of these stops them; returns how many."""
    stopping = [(event, reason) for event in events if (reason := reason_of(event.name))]
    if not stopping:
        return 0
    given = {
        "leads": [event.lead_id for event, _ in stopping],
        "events": [event.name for event, _ in stopping],
        "reasons": [reason for _, reason in stopping],
        "tasks": [str(event.subject_id) if event.is_about_a_task else None for event, _ in stopping],
    }
    found = session.execute(_STOP, {**given, "now": clock.now()}).all()
    _tell(session, found)
    return len(found)


def cancel_pending(session: Session, lead_id: UUID, reason: Reason) -> int:
    """Cancel everything that is pending for a lead (its row is locked by the caller); returns how many."""
    found = session.execute(_STOP_ALL, {"lead": lead_id, "reason": reason, "now": clock.now()}).all()
    _tell(session, found)
    everything_cancelled(session, lead_id, reason)
    return len(found)


def cancel_messages(session: Session, lead_id: UUID, channel: str, *, written: Sequence[UUID], reason: Reason) -> int:
    """Cancel what a lead would get by a channel: what is not written yet, and the deliveries of these notifications.

    The lead's row is locked by the caller. Returns how many.
    """
    about = {"lead": lead_id, "channel": channel, "written": [str(id) for id in written]}  # noqa: A001
    found = session.execute(_STOP_MESSAGES, {**about, "reason": reason, "now": clock.now()}).all()
    _tell(session, found)
    return len(found)


def _tell(session: Session, cancelled: Sequence[Any]) -> None:
    if cancelled:
        steps_cancelled(session, cancelled)
