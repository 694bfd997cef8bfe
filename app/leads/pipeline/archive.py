"""Archive and restore stages. A sweep moves the leads of an archived stage, because they may be many."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.orm import Session

from app.clock import now
from app.core.type_aliases import JsonObject
from app.errors import Conflict, Invalid
from app.identity.actor import Actor
from app.leads.pipeline.models import PipelineStage
from app.leads.pipeline.service import active_stages, find_stage, lock_stages, place_before_terminal, require_capacity


class StageIsNeeded(Conflict):
    """The default stage and terminal stages cannot be archived."""


class StageIsArchived(Conflict):
    """The stage is already archived."""


class StageIsInUse(Conflict):
    """The stage is not archived."""


def archive_stage(session: Session, clinic_id: UUID, stage_id: UUID, *, moves_to: str) -> PipelineStage:
    """Archive a stage: no lead can enter it, and its leads move to the stage `moves_to` (a slug).

    Raises NotFound, StageIsArchived, StageIsNeeded, Invalid.
    """
    stages = lock_stages(session, clinic_id)
    stage = find_stage(stages, stage_id)
    if stage.archived_at is not None:
        raise StageIsArchived
    if stage.is_default or stage.is_terminal:
        raise StageIsNeeded
    _require_target(stages, stage, moves_to)
    _mark_updated(stage)
    stage.archived_at, stage.moves_to = stage.updated_at, moves_to
    for other in stages:
        if other.moves_to == stage.slug:  # leads of other archived stages skip this one
            other.moves_to = moves_to
            other.version += 1
    session.flush()
    return stage


def check_archival(session: Session, actor: Actor, data: JsonObject, /, *, stage_id: UUID) -> None:
    """Check the stage that gets the leads. Raises Invalid, and NotFound without the stage."""
    stages = active_stages(session, actor.clinic.id)
    _require_target(stages, find_stage(stages, stage_id), data["moves_to"])


def _require_target(stages: Iterable[PipelineStage], stage: PipelineStage, moves_to: str) -> None:
    targets = {other.slug for other in stages if other.archived_at is None and not other.is_terminal} - {stage.slug}
    if moves_to not in targets:
        raise Invalid.at("/moves_to", f"Must be one of {', '.join(sorted(targets))}.")


def restore_stage(session: Session, clinic_id: UUID, stage_id: UUID) -> PipelineStage:
    """Restore a stage, before the terminal ones. Raises NotFound, StageIsInUse, TooManyStages."""
    stages = lock_stages(session, clinic_id)
    stage = find_stage(stages, stage_id)
    if stage.archived_at is None:
        raise StageIsInUse
    require_capacity(stages)
    _mark_updated(stage)
    stage.archived_at = stage.moves_to = None
    place_before_terminal(stage, stages)
    session.flush()
    return stage


def _mark_updated(stage: PipelineStage) -> None:
    stage.updated_at = now()
    stage.version += 1
