"""Enrollment service: enroll, list, pause, resume, exit, skip. The caller commits."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import case, select
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.audit.models import Act
from app.automation.sequences.definitions import find_sequence
from app.automation.sequences.enrollments.advance import skip_step
from app.automation.sequences.enrollments.enroll import EnrollmentResult, enroll
from app.automation.sequences.enrollments.exit import end_enrollments
from app.automation.sequences.enrollments.pause import pause, resume
from app.automation.sequences.enrollments.transitions import EnrollmentRow, lock_enrollments
from app.automation.sequences.enrollments.undelivered import with_message_counts
from app.automation.sequences.errors import EnrollmentIsOver
from app.automation.sequences.models import DisplayState, Enrollment, EnrollmentState, EnrollmentStep
from app.clock import now
from app.core.db import AnySelect
from app.core.pagination import Key, Page, page
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.events.keys import key
from app.engine.models import Reason, Step, StepState
from app.engine.sequences.definitions import sequences_of
from app.engine.sequences.models import SequenceRow
from app.engine.sequences.sequence import ExitReason
from app.errors import Invalid, NotFound
from app.identity.actor import Actor
from app.leads.models import Lead
from app.leads.search.lookup import get_lead, read_lead, visible_to
from app.messaging.models import Notification

NEWEST_FIRST: Final[list[Key]] = [(Enrollment.id, "desc")]
STATUS: Final[Mapping[EnrollmentResult, int]] = {EnrollmentResult.ENROLLED: 201, EnrollmentResult.NO_SUCH_LEAD: 404}

_HELD: Final = (Enrollment.state == EnrollmentState.ACTIVE) & Step.state.in_((StepState.FAILED, StepState.UNKNOWN))
_COLUMNS: Final = (
    select(
        Enrollment.id,
        Enrollment.lead_id,
        Enrollment.sequence_id,
        SequenceRow.slug.label("sequence"),
        Enrollment.sequence_version,
        Enrollment.key,
        case((_HELD, DisplayState.HELD), else_=Enrollment.state).label("state"),
        Enrollment.reason,
        Enrollment.step,
        Enrollment.step_id,
        Step.due_at.label("next_at"),
        Enrollment.waits_for_task_id,
        Enrollment.seconds_left,
        Enrollment.enrolled_at,
        Enrollment.enrolled_by,
        Enrollment.changed_at,
        Enrollment.ended_at,
    )
    .join(SequenceRow, SequenceRow.id == Enrollment.sequence_id)
    .outerjoin(Step, Step.id == Enrollment.step_id)
)


def enroll_by_hand(
    session: Session, actor: Actor, sequence_id: UUID, lead_ids: Sequence[UUID], *, about: str | None = None
) -> list[JsonDict]:
    """Enroll the leads that the actor may see. Return `lead_id`, `result` and `status` of each.

    `about`: the value of the sequence's key, such as the number of an invoice. Raises NotFound, Invalid.
    """
    sequence = find_sequence(session, actor, sequence_id)
    own = _key(session, actor, sequence, about) if about else ""
    known = set(session.scalars(select(Lead.id).where(Lead.id.in_(lead_ids), *visible_to(actor))))
    causes: dict[UUID, JsonDict] = {id_: {} for id_ in known}
    enrolled = enroll(
        session, actor.clinic, sequence.slug, causes, at=now(), by=actor.user_id, keys=dict.fromkeys(known, own)
    )
    new = [id_ for id_, result in enrolled.items() if result is EnrollmentResult.ENROLLED]
    audit_log.note_change(session, "lead", new, act=Act.UPDATE, after={"enrolled_in": sequence.slug})
    results = [(id_, enrolled.get(id_, EnrollmentResult.NO_SUCH_LEAD)) for id_ in dict.fromkeys(lead_ids)]
    return [{"lead_id": id_, "result": one, "status": STATUS.get(one, 409)} for id_, one in results]


def _key(session: Session, actor: Actor, sequence: SequenceRow, value: str) -> str:
    published = sequences_of(session, actor.clinic).by_slug.get(sequence.slug)
    if published is None or published.key is None:
        raise Invalid.at("/about", "The sequence has no `key`: its enrollments are about the lead.")
    return key(published.key, value)


def list_enrollments(session: Session, actor: Actor, sequence_id: UUID, query: JsonObject) -> Page:
    """List a sequence's enrollments of leads that the actor may see, newest first. Raises NotFound."""
    sequence = find_sequence(session, actor, sequence_id)
    found = _COLUMNS.join(Lead, Lead.id == Enrollment.lead_id).where(
        Enrollment.sequence_id == sequence.id, *visible_to(actor)
    )
    listed = _page(session, found, query)
    audit_log.note_read(session, "lead", [row["lead_id"] for row in listed.items])
    return listed


def list_enrollments_of_lead(session: Session, actor: Actor, lead_id: UUID, query: JsonObject) -> Page:
    """List the lead's enrollments, newest first. Raises NotFound."""
    read_lead(session, actor, lead_id)
    mine = _COLUMNS.where(Enrollment.lead_id == lead_id, Enrollment.clinic_id == actor.clinic.id)
    return _page(session, mine, query)


def get_enrollment(session: Session, actor: Actor, enrollment_id: UUID) -> JsonDict:
    """Return an enrollment with its finished steps, as EnrollmentDetailOut. Raises NotFound."""
    lead_id = _lead_of(session, actor, enrollment_id)
    read_lead(session, actor, lead_id)
    row = session.execute(_COLUMNS.where(Enrollment.id == enrollment_id)).one()
    [shown] = with_message_counts(session, [row])
    steps = (
        select(*EnrollmentStep.__table__.c, Notification.state.label("message_state"))
        .outerjoin(Notification, Notification.id == EnrollmentStep.notification_id)
        .where(EnrollmentStep.enrollment_id == enrollment_id)
        .order_by(EnrollmentStep.id)
    )
    return {**shown, "steps": session.execute(steps).all()}


def pause_enrollment(session: Session, actor: Actor, enrollment_id: UUID) -> JsonDict:
    """Pause an enrollment. Idempotent. Raises NotFound, EnrollmentIsOver."""

    def act(row: EnrollmentRow, at: datetime) -> None:
        if row.state == EnrollmentState.ACTIVE:
            pause(session, row, at=at)

    return _change(session, actor, enrollment_id, act, change="paused")


def resume_enrollment(session: Session, actor: Actor, enrollment_id: UUID) -> JsonDict:
    """Resume a paused enrollment. Idempotent. Raises NotFound, EnrollmentIsOver."""

    def act(row: EnrollmentRow, at: datetime) -> None:
        if row.state == EnrollmentState.PAUSED:
            resume(session, row, actor.clinic.calendar, at=at)

    return _change(session, actor, enrollment_id, act, change="resumed")


def exit_enrollment(session: Session, actor: Actor, enrollment_id: UUID) -> JsonDict:
    """End an enrollment. Raises NotFound, EnrollmentIsOver."""

    def act(row: EnrollmentRow, at: datetime) -> None:
        end_enrollments(session, [row.id], reason=ExitReason.BY_HAND, at=at)

    return _change(session, actor, enrollment_id, act, change="exited")


def skip_current_step(session: Session, actor: Actor, enrollment_id: UUID) -> JsonDict:
    """Skip the current step, even if it failed or waits for its task.

    Raises NotFound, EnrollmentIsOver.
    """

    def act(row: EnrollmentRow, at: datetime) -> None:
        skip_step(session, row, actor.clinic.calendar, reason=Reason.BY_HAND, at=at)

    return _change(session, actor, enrollment_id, act, change="step_skipped")


def _change(
    session: Session,
    actor: Actor,
    enrollment_id: UUID,
    action: Callable[[EnrollmentRow, datetime], None],
    *,
    change: str,
) -> JsonDict:
    """Lock the lead, then the enrollment: the order of every caller that changes the steps of a lead."""
    lead_id = _lead_of(session, actor, enrollment_id)
    get_lead(session, actor, lead_id, lock=True)
    row = lock_enrollments(session, [enrollment_id]).get(enrollment_id)
    if row is None:
        raise EnrollmentIsOver
    action(row, now())
    audit_log.note_change(session, "lead", [lead_id], act=Act.UPDATE, after={"enrollment": change})
    return get_enrollment(session, actor, enrollment_id)


def _lead_of(session: Session, actor: Actor, enrollment_id: UUID) -> UUID:
    found = session.scalar(
        select(Enrollment.lead_id).where(Enrollment.id == enrollment_id, Enrollment.clinic_id == actor.clinic.id)
    )
    if found is None:
        raise NotFound
    return found


def _page(session: Session, found: AnySelect, query: JsonObject) -> Page:
    listed = page(session, _in_state(found, query.get("state")), NEWEST_FIRST, query)
    return Page(with_message_counts(session, listed.items), listed.next_cursor, listed.total_count)


def _in_state(found: AnySelect, state: str | None) -> AnySelect:
    if state is None:
        return found
    if state == DisplayState.HELD:
        return found.where(_HELD)
    return found.where(Enrollment.state == state)
