"""Giving up a stage, and taking it up again. Its leads are moved by a sweep: they may be many."""

from uuid import UUID

from sqlalchemy.orm import Session

from app.clock import now
from app.errors import Conflict, Invalid
from app.leads.pipeline.models import PipelineStage
from app.leads.pipeline.service import lock_stages, one_of, put_before_the_ends, require_room


class StageIsNeeded(Conflict):
    """Leads begin or end in this stage: it cannot be given up."""


class StageIsArchived(Conflict):
    """The stage was given up already."""


class StageIsInUse(Conflict):
    """The stage was never given up."""


def archive_stage(session: Session, clinic_id: UUID, stage_id: UUID, *, moves_to: str) -> PipelineStage:
    """No lead enters the stage any more, and those in it go to the stage `moves_to` (a slug).

    Raises NotFound, StageIsArchived, StageIsNeeded, Invalid.
    """
    stages = lock_stages(session, clinic_id)
    stage = one_of(stages, stage_id)
    if stage.archived_at is not None:
        raise StageIsArchived
    if stage.is_default or stage.is_terminal:
        raise StageIsNeeded
    goals = {other.slug for other in stages if other.archived_at is None and not other.is_terminal} - {stage.slug}
    if moves_to not in goals:
        raise Invalid.at("/moves_to", f"Must be one of {', '.join(sorted(goals))}.")
    _touch(stage)
    stage.archived_at, stage.moves_to = stage.updated_at, moves_to
    for other in stages:
        if other.moves_to == stage.slug:  # whoever is on the way here goes there instead
            other.moves_to = moves_to
            other.version += 1
    session.flush()
    return stage


def restore_stage(session: Session, clinic_id: UUID, stage_id: UUID) -> PipelineStage:
    """The stage is in use again, before the terminal ones. Raises NotFound, StageIsInUse, TooManyStages."""
    stages = lock_stages(session, clinic_id)
    stage = one_of(stages, stage_id)
    if stage.archived_at is None:
        raise StageIsInUse
    require_room(stages)
    _touch(stage)
    stage.archived_at = stage.moves_to = None
    put_before_the_ends(stage, stages)
    session.flush()
    return stage


def _touch(stage: PipelineStage) -> None:
    stage.updated_at = now()
    stage.version += 1
