"""What happens to leads, and what it means for the sequences that they are in. Whoever records events imports this."""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.automation.sequences.enrollments.exit import clear_up, end_all_of
from app.automation.sequences.enrollments.transitions import Move, move, texts, waiting_for
from app.automation.sequences.models import IS_LIVE
from app.engine.events.events import Event, EventName, stop_reason
from app.engine.models import Kind, Reason
from app.engine.sequences.definitions import sequences_of
from app.engine.sequences.sequence import EXIT_BY_EVENT, ExitReason
from app.engine.service import add_steps, step_row
from app.identity.clinic_context import ClinicContext

TOLD_BY_GATEWAYS: Final = frozenset({EventName.MESSAGE_BOUNCED, EventName.MESSAGE_OPENED, EventName.MESSAGE_CLICKED})
OVER_WITH: Final = frozenset({EventName.TASK_COMPLETED, EventName.TASK_CANCELLED})
BY_COLLEAGUES: Final = frozenset({EventName.LEAD_REPLIED, EventName.CONSULTATION_SCHEDULED})

# Of several events that end an enrollment, the first one is the reason; what it is for counts before all else.
_END_BY_EVENT: Final = text(
    "UPDATE enrollments AS n SET state = 'exited', reason = hit.reason, ended_at = :now, changed_at = :now"  # noqa: S608
    " FROM (SELECT DISTINCT ON (t.id) t.id, CASE WHEN e.event = ANY(t.goal) THEN 'goal' ELSE e.reason END AS reason"
    " FROM unnest(CAST(:leads AS uuid[]), CAST(:events AS text[]), CAST(:reasons AS text[]))"
    " WITH ORDINALITY AS e(lead, event, reason, place)"
    f" JOIN enrollments AS t ON t.lead_id = e.lead AND t.{IS_LIVE}"
    " AND (e.event = ANY(t.goal) OR e.event = ANY(t.exit_on))"
    " ORDER BY t.id, (e.event = ANY(t.goal)) DESC, e.place) AS hit"
    f" WHERE n.id = hit.id AND n.{IS_LIVE} RETURNING n.id, n.lead_id, n.step_id, n.label, n.reason"
)
_COLLEAGUES: Final = text(
    "SELECT n.id, n.lead_id, n.sequence_id FROM leads AS own JOIN enrollments AS n ON n.clinic_id = own.clinic_id"  # noqa: S608
    f" AND n.colleague_key IS NOT NULL AND n.{IS_LIVE} AND n.lead_id <> own.id"
    " JOIN leads AS l ON l.id = n.lead_id AND l.custom ->> n.colleague_key = own.custom ->> n.colleague_key"
    " WHERE own.id = ANY(:leads)"
)


def follow_events(session: Session, clinic: ClinicContext, events: Sequence[Event]) -> None:
    """End the enrollments that these events end, and go on with those that waited for a task.

    A clinic without sequences pays nothing for it, nor does an event that stops nothing, such as `lead.created`.
    """
    sequences = sequences_of(session, clinic)
    if not sequences:
        return
    if ending := [event for event in events if stop_reason(event.name) or event.name in TOLD_BY_GATEWAYS]:
        _end(session, ending)
    if over := [event for event in events if event.name in OVER_WITH]:
        _go_on(session, clinic, over)
    if sequences.has_colleague_exits and (heard := {e.lead_id for e in events if e.name in BY_COLLEAGUES}):
        _tell_colleagues(session, clinic, heard)


def _end(session: Session, events: Sequence[Event]) -> None:
    at = clock.now()
    given = {
        "leads": [event.lead_id for event in events],
        "events": [event.name for event in events],
        "reasons": [EXIT_BY_EVENT.get(event.name, ExitReason.STOPPED) for event in events],
    }
    clear_up(session, session.execute(_END_BY_EVENT, {**given, "now": at}).all(), at=at)


def _go_on(session: Session, clinic: ClinicContext, events: Sequence[Event]) -> None:
    """The task that they waited for is done, or called off: it goes on."""
    waiting = waiting_for(session, [event.lead_id for event in events], [event.subject_id for event in events])
    known = texts(session, waiting)
    moves = []
    for row in waiting:
        sequence = known[row.sequence_id, row.sequence_version]
        moves.append(Move(row, sequence, sequence.after(row.step), clinic.calendar))
    move(session, moves, at=clock.now())


def _tell_colleagues(session: Session, clinic: ClinicContext, lead_ids: Iterable[UUID]) -> None:
    """As steps of their own: nobody holds other leads than the one that something happened to."""
    found = session.execute(_COLLEAGUES, {"leads": list(lead_ids)}).all()
    slugs = {one.id: one.slug for one in sequences_of(session, clinic).by_slug.values()}
    add_steps(session, [_leaving(clinic, row, slugs[row.sequence_id]) for row in found if row.sequence_id in slugs])


def _leaving(clinic: ClinicContext, row: Any, slug: str) -> dict[str, Any]:
    params = {"sequence": slug, "reason": ExitReason.COLLEAGUE_REPLIED}
    cause = {"event": EventName.LEAD_REPLIED, "sequence": slug, "of_enrollment": str(row.id)}
    return step_row(
        clinic.id, row.lead_id, kind=Kind.UNENROLL, name=slug, params=params, cause=cause, due_at=clock.now()
    )


def end_all_enrollments(session: Session, lead_id: UUID, reason: Reason) -> None:
    """End every enrollment of a lead for which everything is cancelled."""
    end_all_of(session, lead_id, reason=_FOR_GOOD.get(reason, ExitReason.STOPPED), at=clock.now())


_FOR_GOOD: Final = {Reason.ERASED: ExitReason.ERASED, Reason.RESTRICTED: ExitReason.RESTRICTED}
