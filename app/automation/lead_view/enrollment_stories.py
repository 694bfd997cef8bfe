"""Enrollments in the decision log of a lead: the beginning of each one, and how it ended."""

from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.automation.lead_view import explanations
from app.automation.sequences.models import Enrollment
from app.core.calendar.calendar import Calendar
from app.core.db import AnyRow
from app.core.type_aliases import JsonDict
from app.engine.events.keys import in_words
from app.engine.sequences.models import SequenceRow


class EnrolledBy(StrEnum):
    """The user or the part of the automation that began an enrollment."""

    USER = "user"
    BULK_JOB = "bulk_job"
    NURTURE = "nurture"
    RULE = "rule"


class _Beginning(NamedTuple):
    by: EnrolledBy
    name: str | None = None


def load_enrollments(session: Session, ids: Collection[UUID]) -> dict[UUID, AnyRow]:
    """Return the enrollments with the names of their sequences, by id."""
    if not ids:
        return {}
    wanted = select(Enrollment, SequenceRow.slug).join(SequenceRow, SequenceRow.id == Enrollment.sequence_id)
    return {row.Enrollment.id: row for row in session.execute(wanted.where(Enrollment.id.in_(ids)))}


def enrollment_response(row: AnyRow, calendar: Calendar) -> JsonDict:
    """Return an enrollment as WhyEnrollmentOut."""
    enrollment, beginning = row.Enrollment, _beginning(row.Enrollment)
    shown = {
        "sequence": row.slug,
        "version": enrollment.sequence_version,
        "about": in_words(enrollment.key),
        "begun_by": beginning.by,
        "begun_by_name": beginning.name,
        "user_id": enrollment.enrolled_by,
        "state": enrollment.state,
        "reason": enrollment.reason,
        "ended_at": enrollment.ended_at,
    }
    return {**shown, "because": explanations.of_enrollment(shown, calendar)}


def _beginning(enrollment: Enrollment) -> _Beginning:
    cause = enrollment.cause
    if "nurture" in cause:
        return _Beginning(EnrolledBy.NURTURE, cause["nurture"])
    if "bulk_job_id" in cause:
        return _Beginning(EnrolledBy.BULK_JOB)
    if enrollment.enrolled_by is not None:
        return _Beginning(EnrolledBy.USER)
    return _Beginning(EnrolledBy.RULE, cause.get("enrolled_by_rule"))
