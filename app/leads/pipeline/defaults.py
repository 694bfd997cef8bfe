"""Default pipeline stages of a new clinic (lead-management.md, 8.1.3)."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.leads.pipeline.models import LOST, STARTED, PipelineStage


class DefaultStage(NamedTuple):
    """Default stage. A lead that stays longer than `max_days` is flagged as overdue."""

    slug: str
    name: str
    description: str
    color: str
    max_days: int | None = None


def default_stages() -> list[DefaultStage]:
    """Return the eight stages in order. New leads start in the first; the last two are terminal."""
    return [
        DefaultStage("new_lead", "New Lead", "Just captured, not yet contacted", "#5b8def", 3),
        DefaultStage("contacted", "Contacted", "Initial outreach made", "#4aa3a2", 14),
        DefaultStage("consultation_scheduled", "Consultation Scheduled", "Appointment booked", "#7c6fd6", 30),
        DefaultStage(
            "consultation_completed", "Consultation Completed", "Exam done, treatment presented", "#9b59b6", 7
        ),
        DefaultStage("pending_decision", "Pending Decision", "Considering treatment options", "#e0a030", 30),
        DefaultStage("treatment_accepted", "Treatment Accepted", "Contract signed", "#6aa84f", 30),
        DefaultStage(STARTED, "Treatment Started", "Active patient", "#2e7d32"),
        DefaultStage(LOST, "Lost", "Did not convert", "#8a8f98"),
    ]


def install_defaults(session: Session, clinic_id: UUID) -> None:
    """Create the default stages of a new clinic."""
    at = now()
    session.add_all(
        PipelineStage(
            id=new_id(),
            clinic_id=clinic_id,
            name=stage.name,
            slug=stage.slug,
            description=stage.description,
            position=position,
            color=stage.color,
            max_days_in_stage=stage.max_days,
            is_terminal=stage.slug in {STARTED, LOST},
            is_default=position == 0,
            created_at=at,
            updated_at=at,
        )
        for position, stage in enumerate(default_stages())
    )
