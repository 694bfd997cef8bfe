"""Calls of sequence functions with sample values."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from app.automation.sequences.enrollments.bulk import enroll_many
from app.automation.sequences.enrollments.enroll import EnrollmentResult, enroll
from app.automation.sequences.enrollments.service import list_enrollments
from app.automation.sequences.event_listeners import follow_events
from app.automation.sequences.models import LIVE, Enrollment
from app.automation.sequences.performance.report import performance
from app.automation.sequences.versions.move_plan import plan_move
from app.automation.sequences.versions.version_moves import move_to_version
from app.core.calendar.date_range import DateRange
from app.core.db import new_id
from app.engine.jobs.process_chunk import process_chunk
from app.engine.sequences.models import SequenceRow, SequenceVersion
from app.identity.permissions import Scope
from app.leads.events import lead_event
from app.leads.models import Lead
from tests.support.large_clinic import LargeClinic, now

A_MONTH = DateRange(now() - timedelta(days=31), now() + timedelta(days=1))


def fifth_sequence(large: LargeClinic) -> tuple[Any, ...]:
    return SequenceRow.clinic_id == large.practice.clinic_id, SequenceRow.slug == "sequence-5"


def sequence_performance(session: Session, large: LargeClinic, *, scope: Scope = Scope.ALL) -> None:
    of_clinic = SequenceRow.clinic_id == large.practice.clinic_id
    sequence = session.scalars(select(SequenceRow).where(of_clinic, SequenceRow.slug == "sequence-3")).one()
    held = dict.fromkeys(large.actor.permissions, scope)
    told = performance(session, replace(large.actor, permissions=held), sequence.id, A_MONTH, version=None)
    assert told["steps"][0]["came"] > (300 if scope is Scope.ALL else 0)


def move_enrollments(session: Session, large: LargeClinic, *, leads: int) -> None:
    """Move `leads` enrollments to a version that renames their current step."""
    sequence = session.scalars(select(SequenceRow).where(*fifth_sequence(large))).one()
    steps = [{"name": "two", "create_task": {"type": "CALL", "title": "Call"}}]
    given = {"id": new_id(), "clinic_id": sequence.clinic_id, "sequence_id": sequence.id, "number": 2}
    text = {**(sequence.definition or {}), "steps": steps}
    session.add(SequenceVersion(**given, definition=text, created_at=now(), created_by=None))
    alike = Enrollment.sequence_id == sequence.id, Enrollment.state.in_(LIVE)
    some = select(Enrollment.id).where(*alike).order_by(Enrollment.id).limit(leads)
    session.execute(update(Enrollment).where(*alike, Enrollment.id.not_in(some)).values(sequence_version=2))
    session.flush()
    plan = plan_move(session, large.actor, sequence.id, 2)
    assert plan.total == leads
    move_to_version(
        session,
        large.actor,
        sequence.id,
        {"to": 2, "fingerprint": plan.fingerprint, "steps": {"one": "two"} if plan.total else {}},
    )


def enroll_by_job(session: Session, large: LargeClinic) -> None:
    sequence = session.scalars(select(SequenceRow).where(*fifth_sequence(large))).one()
    job = enroll_many(session, large.actor, sequence.id, {"filter": {"tag": "tag 7"}})
    assert job.total > 10
    process_chunk(session, {"job_id": job.id, "first": 0, "last": 499, "clinic": large.actor.clinic})


def process_reply(session: Session, large: LargeClinic) -> None:
    lead = session.get_one(Lead, large.other["enrolled"].lead_id)
    follow_events(session, large.actor.clinic, [lead_event("lead.replied", lead, now())])


def enroll_500_leads(session: Session, large: LargeClinic) -> None:
    ids = session.scalars(
        text("SELECT id FROM leads WHERE clinic_id = :c ORDER BY id LIMIT 500"), {"c": large.practice.clinic_id}
    )
    came = enroll(session, large.actor.clinic, "sequence-1", {id_: {} for id_ in ids.all()}, at=now())
    assert EnrollmentResult.ENROLLED in came.values()


def enrollments_of_sequence(session: Session, large: LargeClinic, query: Any) -> Any:
    return list_enrollments(session, large.actor, large.other["enrolled"].sequence_id, query)
