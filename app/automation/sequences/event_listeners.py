"""Event listeners of sequences: events of leads end enrollments, or continue those that wait for a task."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.automation.sequences.enrollments.exit import cancel_steps_and_labels, end_all_of_lead, end_enrollments
from app.automation.sequences.enrollments.go_on import let_go_on
from app.automation.sequences.enrollments.transitions import (
    Move,
    lock_enrollments_waiting_for,
    move_enrollments,
    sequence_texts,
)
from app.automation.sequences.models import ENDED_BY, IS_LIVE
from app.core.type_aliases import JsonDict
from app.engine.events.events import Event, EventName, stop_reason
from app.engine.events.keys import as_json
from app.engine.models import BegunBy, Kind, Reason
from app.engine.sequences.definitions import sequence_versions, sequences_of
from app.engine.sequences.sequence import EXIT_BY_EVENT, ExitReason
from app.engine.sequences.sequence import Sequence as SequenceText
from app.engine.service import add_steps, step_row
from app.identity.actor import Actor
from app.identity.clinic_context import ClinicContext
from app.leads.activities.messages import LostAnswer
from app.leads.models import Lead

GATEWAY_EVENTS: Final = frozenset({EventName.MESSAGE_BOUNCED, EventName.MESSAGE_OPENED, EventName.MESSAGE_CLICKED})
TASK_END_EVENTS: Final = frozenset({EventName.TASK_COMPLETED, EventName.TASK_CANCELLED})
COLLEAGUE_EXIT_EVENTS: Final = frozenset({EventName.LEAD_REPLIED, EventName.CONSULTATION_SCHEDULED})

# Of several events that end an enrollment, a goal event is the reason, else the first event.
_END_BY_EVENT: Final = text(
    "UPDATE enrollments AS n SET state = 'exited', reason = hit.reason, ended_at = :now, changed_at = :now,"  # noqa: S608
    f" cause = n.cause || jsonb_build_object('{ENDED_BY}', jsonb_build_object('subject_id', hit.subject,"
    " 'state', n.state, 'reason', n.reason))"
    " FROM (SELECT DISTINCT ON (t.id) t.id, CASE WHEN e.event = ANY(t.goal) THEN 'goal' ELSE e.reason END AS reason,"
    " e.subject"
    " FROM unnest(CAST(:leads AS uuid[]), CAST(:events AS text[]), CAST(:reasons AS text[]), CAST(:keys AS text[]),"
    " CAST(:subjects AS text[])) WITH ORDINALITY AS e(lead, event, reason, keys, subject, place)"
    f" JOIN enrollments AS t ON t.lead_id = e.lead AND t.{IS_LIVE}"
    " AND (e.event = ANY(t.goal) OR e.event = ANY(t.exit_on))"
    " AND (e.keys IS NULL OR t.key = '' OR CAST(e.keys AS jsonb) ? t.key)"
    " ORDER BY t.id, (e.event = ANY(t.goal)) DESC, e.place) AS hit"
    f" WHERE n.id = hit.id AND n.{IS_LIVE} RETURNING n.id, n.lead_id, n.step_id, n.label, n.reason"
)
_LIVE: Final = text(
    f"SELECT id, sequence_id, sequence_version FROM enrollments WHERE lead_id = :lead AND {IS_LIVE}"  # noqa: S608
)
_COLLEAGUES: Final = text(
    "SELECT n.id, n.lead_id, n.sequence_id FROM leads AS own JOIN enrollments AS n ON n.clinic_id = own.clinic_id"  # noqa: S608
    f" AND n.colleague_key IS NOT NULL AND n.{IS_LIVE} AND n.lead_id <> own.id"
    " JOIN leads AS l ON l.id = n.lead_id AND l.custom ->> n.colleague_key = own.custom ->> n.colleague_key"
    " WHERE own.id = ANY(:leads)"
)


def follow_events(session: Session, clinic: ClinicContext, events: Sequence[Event]) -> None:
    """End the enrollments that these events end, and continue those that waited for a closed task.

    No query runs for a clinic without sequences, or for an event that ends nothing, such as `lead.created`.
    """
    sequences = sequences_of(session, clinic)
    if not sequences:
        return
    if ending := ending_events(events):
        _end(session, ending, occasions=events)
    if over := [event for event in events if event.name in TASK_END_EVENTS]:
        _continue(session, clinic, over)
    if sequences.has_colleague_exits and (replied := {e.lead_id for e in events if e.name in COLLEAGUE_EXIT_EVENTS}):
        _exit_colleagues(session, clinic, replied)


def ending_events(events: Sequence[Event]) -> list[Event]:
    """Return the events that may end enrollments."""
    return [event for event in events if stop_reason(event.name) or event.name in GATEWAY_EVENTS]


def go_on_after_answer(session: Session, actor: Actor, lead: Lead, lost: LostAnswer) -> None:
    """Let the enrollments go on that an answer ended which did not reach the lead."""
    let_go_on(session, actor, lead, lost.entry.id, at=clock.now(), has_moved_back=lost.has_moved_back)


def go_on_after_reply(session: Session, actor: Actor, lead: Lead, entry_id: UUID) -> None:
    """Let the enrollments go on that a message ended which was no reply."""
    let_go_on(session, actor, lead, entry_id, at=clock.now())


def _end(session: Session, events: Sequence[Event], *, occasions: Sequence[Event]) -> None:
    """End what the events end. `occasions`: all events that happened; the first one of a lead led to its others."""
    at = clock.now()
    subjects: dict[UUID, str] = {}
    for event in occasions:
        subjects.setdefault(event.lead_id, str(event.subject_id))
    given = {
        "leads": [event.lead_id for event in events],
        "events": [event.name for event in events],
        "keys": [as_json(event.keys) for event in events],
        "subjects": [subjects[event.lead_id] for event in events],
        "reasons": [EXIT_BY_EVENT.get(event.name, ExitReason.STOPPED) for event in events],
    }
    cancel_steps_and_labels(session, session.execute(_END_BY_EVENT, {**given, "now": at}).all(), at=at)


def _continue(session: Session, clinic: ClinicContext, events: Sequence[Event]) -> None:
    """Continue the enrollments that waited for these completed or cancelled tasks."""
    waiting = lock_enrollments_waiting_for(
        session, [event.lead_id for event in events], [event.subject_id for event in events]
    )
    known = sequence_texts(session, waiting)
    moves = []
    for row in waiting:
        sequence = known[row.sequence_id, row.sequence_version]
        moves.append(Move(row, sequence, sequence.after(row.step), clinic.calendar))
    move_enrollments(session, moves, at=clock.now())


def _exit_colleagues(session: Session, clinic: ClinicContext, lead_ids: Iterable[UUID]) -> None:
    """Plan a step that ends each colleague's enrollment, because only the lead of the event is locked here."""
    found = session.execute(_COLLEAGUES, {"leads": list(lead_ids)}).all()
    slugs = {one.id: one.slug for one in sequences_of(session, clinic).by_slug.values()}
    add_steps(session, [_exit_step(clinic, row, slugs[row.sequence_id]) for row in found if row.sequence_id in slugs])


def _exit_step(clinic: ClinicContext, row: Any, slug: str) -> JsonDict:
    params = {"sequence": slug, "reason": ExitReason.COLLEAGUE_REPLIED}
    cause = {"event": EventName.LEAD_REPLIED, "sequence": slug, "of_enrollment": str(row.id)}
    return step_row(
        clinic.id,
        row.lead_id,
        kind=Kind.UNENROLL,
        name=slug,
        params=params,
        cause=cause,
        begun_by=BegunBy.COLLEAGUE,
        due_at=clock.now(),
    )


def end_all_enrollments(session: Session, lead_id: UUID, reason: Reason) -> None:
    """End all enrollments of a lead after its follow-ups were all cancelled."""
    end_all_of_lead(session, lead_id, reason=_EXIT_REASONS.get(reason, ExitReason.STOPPED), at=clock.now())


def exit_without_channel(session: Session, lead_id: UUID, channels: Collection[str]) -> None:
    """End the enrollments of a lead whose sequences reach it by these channels only: it has opted out of them."""
    rows = session.execute(_LIVE, {"lead": lead_id}).all()
    known = sequence_versions(session, {(row.sequence_id, row.sequence_version) for row in rows})
    ended = [row.id for row in rows if _reaches_by(known.get((row.sequence_id, row.sequence_version)), channels)]
    end_enrollments(session, ended, reason=ExitReason.OPTED_OUT, at=clock.now())


def _reaches_by(sequence: SequenceText | None, channels: Collection[str]) -> bool:
    """Whether the sequence writes to the lead by these channels only, and has no task for a person."""
    if sequence is None or any(step.kind == Kind.CREATE_TASK for step in sequence.steps):
        return False
    used = {step.settings["channel"] for step in sequence.steps if step.kind == Kind.SEND_MESSAGE}
    return bool(used) and used <= set(channels)


_EXIT_REASONS: Final = {Reason.ERASED: ExitReason.ERASED, Reason.RESTRICTED: ExitReason.RESTRICTED}
