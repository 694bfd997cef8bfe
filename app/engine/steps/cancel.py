"""Cancel pending steps, in the transaction of the change that cancels them."""

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.core.ports import Listeners
from app.engine.events.events import Event, EventName, stop_reason
from app.engine.events.keys import as_json
from app.engine.models import Reason

# All listeners are called in the same transaction. The leads' rows are locked.
steps_cancelled: Listeners[[Session, Sequence[object]]] = Listeners("steps_cancelled")  # rows: kind, params, reason
all_steps_cancelled: Listeners[[Session, UUID, Reason]] = Listeners("everything_cancelled")  # lead, reason
lead_merged: Listeners[[Session, UUID, UUID]] = Listeners("lead_merged")  # duplicate, survivor

# If several events stop a step, the first one sets the reason.
_STOP = text(
    "UPDATE steps AS s SET state = 'cancelled', reason = hit.reason, finished_at = :now"
    " FROM (SELECT DISTINCT ON (t.id) t.id, e.reason FROM unnest(CAST(:leads AS uuid[]), CAST(:events AS text[]),"
    " CAST(:reasons AS text[]), CAST(:tasks AS text[]), CAST(:own AS text[]), CAST(:keys AS text[]))"
    " WITH ORDINALITY AS e(lead, event, reason, task, own, keys, place)"
    " JOIN steps AS t ON t.lead_id = e.lead AND t.state IN ('planned', 'published') AND t.stop_on @> ARRAY[e.event]"
    " AND (e.task IS NULL OR t.params ->> 'task_id' = e.task) "
    " AND (e.keys IS NULL OR NOT t.cause ? 'key' OR CAST(e.keys AS jsonb) ? (t.cause ->> 'key'))"
    " AND strpos(coalesce(t.dedupe_key, ''), e.own) = 0 ORDER BY t.id, e.place) AS hit"
    " WHERE s.id = hit.id AND s.state IN ('planned', 'published')"
    " RETURNING s.kind, s.params, s.reason"
)
_STOP_ALL = text(
    "UPDATE steps SET state = 'cancelled', reason = :reason, finished_at = :now"
    " WHERE lead_id = :lead AND state IN ('planned', 'published') RETURNING kind, params, reason"
)
# The steps that rules planned because of these events about one subject.
_STOP_FOLLOWING = text(
    "UPDATE steps SET state = 'cancelled', reason = :reason, finished_at = :now"
    " WHERE lead_id = :lead AND state IN ('planned', 'published') AND cause ->> 'subject_id' = :subject"
    " AND cause ->> 'event' = ANY(:events) RETURNING kind, params, reason"
)
_STOP_THESE = text(
    "UPDATE steps SET state = 'cancelled', reason = :reason, finished_at = :now"
    " WHERE id = ANY(:ids) AND state IN ('planned', 'published') RETURNING kind, params, reason"
)
# Steps of sequences stay: the contact policy refuses each one when it is due, and the sequence continues.
_STOP_MESSAGES = text(
    "UPDATE steps SET state = 'cancelled', reason = :reason, finished_at = :now"
    " WHERE lead_id = :lead AND state IN ('planned', 'published')"
    " AND (kind = 'send_message' AND params ->> 'channel' = :channel AND NOT cause ? 'enrollment_id'"
    " OR kind = 'deliver' AND params ->> 'notification_id' = ANY(CAST(:written AS text[])))"
    " RETURNING kind, params, reason"
)
# Duplicate: a step of the same rule that belongs to no task and no message. Steps on `lead.created` run once.
# Steps of sequences end or move with their enrollment.
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


def move_steps(session: Session, *, duplicate: UUID, survivor: UUID) -> None:
    """Move all steps of a merged lead, past and pending, to the surviving lead. The caller locks both rows.

    Pending steps that the survivor also has are cancelled. Deduplication keys contain the lead that a step was planned
    for, so they do not clash.
    """
    leads = {"duplicate": duplicate, "survivor": survivor}
    doubles = {**leads, "reason": Reason.MERGED, "now": clock.now()}
    _notify_listeners(session, session.execute(_CANCEL_DOUBLES, doubles).all())
    lead_merged(session, duplicate, survivor)
    session.execute(_HAND_OVER, leads)


def cancel_stopped_steps(session: Session, events: Iterable[Event]) -> int:
    """Cancel pending steps of the events' leads that list one of these events in `stop_on`. Return how many.

    An event about one invoice of several cancels the steps that are about it, or about none.
    An event that is recorded again does not cancel the steps that it planned.
    """
    stopping = [(event, reason) for event in events if (reason := stop_reason(event.name))]
    if not stopping:
        return 0
    given = {
        "leads": [event.lead_id for event, _ in stopping],
        "events": [event.name for event, _ in stopping],
        "reasons": [reason for _, reason in stopping],
        "own": [f":{event.identity}:" for event, _ in stopping],
        "keys": [as_json(event.keys) for event, _ in stopping],
        "tasks": [str(event.subject_id) if event.is_about_a_task else None for event, _ in stopping],
    }
    found = session.execute(_STOP, {**given, "now": clock.now()}).all()
    _notify_listeners(session, found)
    return len(found)


def cancel_lead_steps(session: Session, lead_id: UUID, reason: Reason) -> int:
    """Cancel all pending steps of a lead and return how many. The caller locks the lead's row."""
    found = session.execute(_STOP_ALL, {"lead": lead_id, "reason": reason, "now": clock.now()}).all()
    _notify_listeners(session, found)
    all_steps_cancelled(session, lead_id, reason)
    return len(found)


def cancel_following(
    session: Session, lead_id: UUID, subject_id: UUID, events: Collection[EventName], *, reason: Reason
) -> int:
    """Cancel the pending steps that these events of a lead about one subject planned, and return how many.

    The caller locks the lead's row.
    """
    about = {"lead": lead_id, "subject": str(subject_id), "events": list(events)}
    found = session.execute(_STOP_FOLLOWING, {**about, "reason": reason, "now": clock.now()}).all()
    _notify_listeners(session, found)
    return len(found)


def cancel_steps(session: Session, ids: Collection[UUID], *, reason: Reason) -> int:
    """Cancel the pending ones of these steps, and return how many. The caller locks the row of their lead."""
    found = session.execute(_STOP_THESE, {"ids": list(ids), "reason": reason, "now": clock.now()}).all()
    _notify_listeners(session, found)
    return len(found)


def cancel_messages(session: Session, lead_id: UUID, channel: str, *, written: Sequence[UUID], reason: Reason) -> int:
    """Cancel a lead's pending messages on a channel: unsent steps, and deliveries of the notifications in `written`.

    The caller locks the lead's row. Returns how many steps were cancelled.
    """
    about = {"lead": lead_id, "channel": channel, "written": [str(id) for id in written]}  # noqa: A001
    found = session.execute(_STOP_MESSAGES, {**about, "reason": reason, "now": clock.now()}).all()
    _notify_listeners(session, found)
    return len(found)


def _notify_listeners(session: Session, cancelled: Sequence[object]) -> None:
    if cancelled:
        steps_cancelled(session, cancelled)
