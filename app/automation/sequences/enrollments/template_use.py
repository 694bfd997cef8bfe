"""Task templates that live enrollments still need: each goes on in the version with which it began."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from app.automation.sequences.models import LIVE, Enrollment
from app.engine.sequences.models import SequenceRow, SequenceVersion
from app.tasks.templates.service import names_template


def enrolled_by_template(session: Session, clinic_id: UUID, name: str) -> Sequence[str]:
    """Return the names of the sequences of which a version with live enrollments names the task template."""
    live = (
        select(Enrollment.id)
        .where(
            Enrollment.sequence_id == SequenceVersion.sequence_id,
            Enrollment.state.in_(LIVE),
            Enrollment.sequence_version == SequenceVersion.number,
        )
        .exists()
    )
    naming = (
        select(SequenceRow.slug)
        .distinct()
        .join(SequenceVersion, and_(SequenceVersion.sequence_id == SequenceRow.id, SequenceVersion.number.is_not(None)))
        .where(SequenceRow.clinic_id == clinic_id, names_template(SequenceVersion.definition, name), live)
    )
    return session.scalars(naming).all()
