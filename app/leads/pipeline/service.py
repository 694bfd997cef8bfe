"""Pipeline stages: list, create, update, reorder."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.pagination import Page, page
from app.core.type_aliases import JsonObject
from app.errors import Conflict, Invalid, NotFound
from app.identity.actor import Actor
from app.identity.clinics import bump_rules_version
from app.leads.pipeline.models import MOST_STAGES, PipelineStage


class StageSlugTaken(Conflict):
    """The clinic already has a stage with this slug."""


class TooManyStages(Conflict):
    """The clinic has reached the maximum number of stages."""


class NeedsDefault(Conflict):
    """New leads need a default stage: make another stage the default instead."""


def list_stages(session: Session, clinic_id: UUID, query: JsonObject) -> Page:
    """List the clinic's stages in order: active ones, or archived ones with `query["is_archived"]`."""
    archived = PipelineStage.archived_at.is_not(None) if query["is_archived"] else PipelineStage.archived_at.is_(None)
    statement = select(PipelineStage).where(PipelineStage.clinic_id == clinic_id, archived)
    return page(session, statement, [(PipelineStage.position, "asc"), (PipelineStage.id, "asc")], query)


def read_stage(session: Session, clinic_id: UUID, stage_id: UUID) -> PipelineStage:
    """Return one stage of the clinic, also an archived one. Raises NotFound."""
    stage = session.scalars(
        select(PipelineStage).where(PipelineStage.id == stage_id, PipelineStage.clinic_id == clinic_id)
    ).one_or_none()
    if stage is None:
        raise NotFound
    return stage


def first_stage(session: Session, clinic_id: UUID) -> str | None:
    """Return the slug of the stage for new leads: the default one, else the first."""
    stages = select(PipelineStage.slug).where(PipelineStage.clinic_id == clinic_id)
    return session.scalar(stages.order_by(PipelineStage.is_default.desc(), PipelineStage.position).limit(1))


def create_stage(session: Session, clinic_id: UUID, data: JsonObject) -> PipelineStage:
    """Create a stage from the fields of StageIn, before the first terminal one.

    Raises StageSlugTaken, TooManyStages.
    """
    stages = lock_stages(session, clinic_id)
    if any(stage.slug == data["slug"] for stage in stages):
        raise StageSlugTaken
    require_capacity(stages)
    at = now()
    stage = PipelineStage(
        **{**data, "is_default": False}, id=new_id(), clinic_id=clinic_id, created_at=at, updated_at=at
    )
    stage.is_terminal = False
    stage.version = 0  # `renumber` below makes it 1
    session.add(stage)
    place_before_terminal(stage, stages)
    if data["is_default"]:
        _make_default(stage, stages)
    session.flush()
    return stage


def update_stage(
    session: Session, clinic_id: UUID, stage_id: UUID, data: JsonObject, *, seen: SeenVersions = None
) -> PipelineStage:
    """Replace all values of a stage. Raises NotFound, ChangedMeanwhile, NeedsDefault, Invalid."""
    stages = lock_stages(session, clinic_id)
    stage = find_stage(stages, stage_id)
    require_version(stage, seen)
    if stage.is_default and not data["is_default"]:
        raise NeedsDefault
    for name in data.keys() - {"is_default"}:
        setattr(stage, name, data[name])
    if data["is_default"]:
        _make_default(stage, stages)
    stage.updated_at = now()
    stage.version += 1
    session.flush()
    return stage


def check_stage(session: Session, actor: Actor, data: JsonObject, /, *, stage_id: UUID) -> None:
    """Check that a stage which becomes the default can be it. Raises Invalid, NotFound."""
    if data["is_default"]:
        _require_possible_default(read_stage(session, actor.clinic.id, stage_id))


def place_before_terminal(stage: PipelineStage, stages: Sequence[PipelineStage]) -> None:
    """Place a stage after all active stages, before the terminal ones."""
    others = [other for other in stages if other is not stage and other.archived_at is None]
    open_stages, terminal = (
        [other for other in others if other.is_terminal is is_terminal] for is_terminal in (False, True)
    )
    renumber([*open_stages, stage, *terminal])


def require_capacity(stages: Sequence[PipelineStage]) -> None:
    """Check that the clinic may have one more active stage. Raises TooManyStages."""
    if sum(stage.archived_at is None for stage in stages) >= MOST_STAGES:
        raise TooManyStages


def reorder(session: Session, clinic_id: UUID, slugs: Sequence[str]) -> Sequence[PipelineStage]:
    """Put all active stages into this order, terminal ones last. Raises Invalid."""
    ordered = _ordered(lock_stages(session, clinic_id), slugs)
    renumber(ordered)
    session.flush()
    return ordered


def check_order(session: Session, actor: Actor, data: JsonObject, /, **_: object) -> None:
    """Check that the order names each active stage once, terminal ones last. Raises Invalid."""
    _ordered(active_stages(session, actor.clinic.id), data["slugs"])


def active_stages(session: Session, clinic_id: UUID) -> Sequence[PipelineStage]:
    """Return the clinic's active stages in order, without locking them."""
    stages = select(PipelineStage).where(PipelineStage.clinic_id == clinic_id, PipelineStage.archived_at.is_(None))
    return session.scalars(stages.order_by(PipelineStage.position, PipelineStage.id)).all()


def _ordered(found: Sequence[PipelineStage], slugs: Sequence[str]) -> list[PipelineStage]:
    stages = {stage.slug: stage for stage in found if stage.archived_at is None}
    if sorted(slugs) != sorted(stages):
        raise Invalid.at("/slugs", f"Name each of these once: {', '.join(stages)}.")
    ordered = [stages[slug] for slug in slugs]
    terminal = [stage.is_terminal for stage in ordered]
    if terminal != sorted(terminal):
        raise Invalid.at("/slugs", "Terminal stages come last.")
    return ordered


def lock_stages(session: Session, clinic_id: UUID) -> list[PipelineStage]:
    """Lock the clinic's stages and invalidate the clinic's caches; return all stages in order."""
    bump_rules_version(session, clinic_id)
    stages = select(PipelineStage).where(PipelineStage.clinic_id == clinic_id)
    return list(session.scalars(stages.order_by(PipelineStage.position, PipelineStage.id)))


def find_stage(stages: Sequence[PipelineStage], stage_id: UUID) -> PipelineStage:
    """Return the stage with this id. Raises NotFound."""
    for stage in stages:
        if stage.id == stage_id:
            return stage
    raise NotFound


def renumber(stages: Sequence[PipelineStage]) -> None:
    """Set the positions of the stages, from 0."""
    for position, stage in enumerate(stages):
        if stage.position != position:
            stage.position = position
            stage.version += 1


def _make_default(chosen: PipelineStage, stages: Sequence[PipelineStage]) -> None:
    _require_possible_default(chosen)
    for stage in stages:
        if stage.is_default and stage is not chosen:
            stage.is_default = False
            stage.version += 1
    chosen.is_default = True


def _require_possible_default(stage: PipelineStage) -> None:
    if stage.is_terminal or stage.archived_at is not None:
        raise Invalid.at("/is_default", "A terminal or archived stage cannot be the default.")
