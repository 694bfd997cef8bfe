"""The clinic's pipeline: its stages and their order."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.optimistic_locking import Seen, require_seen
from app.core.pagination import Page, page
from app.errors import Conflict, Invalid, NotFound
from app.identity.clinics import count_up
from app.leads.pipeline.models import MOST_STAGES, PipelineStage


class StageSlugTaken(Conflict):
    """The clinic has a stage of this slug."""


class TooManyStages(Conflict):
    """The clinic has as many stages as it may have."""


class NeedsDefault(Conflict):
    """New leads must begin somewhere: make another stage the default instead."""


def list_stages(session: Session, clinic_id: UUID, query: Mapping[str, Any]) -> Page:
    """The clinic's stages in their order: those in use, or with `query["is_archived"]` the others."""
    archived = PipelineStage.archived_at.is_not(None) if query["is_archived"] else PipelineStage.archived_at.is_(None)
    statement = select(PipelineStage).where(PipelineStage.clinic_id == clinic_id, archived)
    return page(session, statement, [(PipelineStage.position, "asc"), (PipelineStage.id, "asc")], query)


def first_stage(session: Session, clinic_id: UUID) -> str | None:
    """The slug of the stage in which leads begin: the default one, else the first."""
    stages = select(PipelineStage.slug).where(PipelineStage.clinic_id == clinic_id)
    return session.scalar(stages.order_by(PipelineStage.is_default.desc(), PipelineStage.position).limit(1))


def create_stage(session: Session, clinic_id: UUID, data: Mapping[str, Any]) -> PipelineStage:
    """A new stage of what StageIn read, before the first terminal one. Raises Conflict of some kind."""
    stages = lock_stages(session, clinic_id)
    if any(stage.slug == data["slug"] for stage in stages):
        raise StageSlugTaken
    require_room(stages)
    at = now()
    stage = PipelineStage(
        **{**data, "is_default": False}, id=new_id(), clinic_id=clinic_id, created_at=at, updated_at=at
    )
    stage.is_terminal = False
    stage.version = 0  # its first place, below, is its first version
    session.add(stage)
    put_before_the_ends(stage, stages)
    if data["is_default"]:
        _make_default(stage, stages)
    session.flush()
    return stage


def update_stage(
    session: Session, clinic_id: UUID, stage_id: UUID, data: Mapping[str, Any], *, seen: Seen = None
) -> PipelineStage:
    """Give a stage these values, all of them. Raises NotFound, ChangedMeanwhile, NeedsDefault, Invalid."""
    stages = lock_stages(session, clinic_id)
    stage = one_of(stages, stage_id)
    require_seen(stage, seen)
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


def put_before_the_ends(stage: PipelineStage, stages: Sequence[PipelineStage]) -> None:
    """Give a stage its place among the others in use: the last before the terminal ones."""
    others = [other for other in stages if other is not stage and other.archived_at is None]
    going_on, ends = ([other for other in others if other.is_terminal is end] for end in (False, True))
    number([*going_on, stage, *ends])


def require_room(stages: Sequence[PipelineStage]) -> None:
    """Raises TooManyStages where one more in use would be too many."""
    if sum(stage.archived_at is None for stage in stages) >= MOST_STAGES:
        raise TooManyStages


def reorder(session: Session, clinic_id: UUID, slugs: Sequence[str]) -> Sequence[PipelineStage]:
    """Put all stages in use into this order, terminal ones last. Raises Invalid."""
    stages = {stage.slug: stage for stage in lock_stages(session, clinic_id) if stage.archived_at is None}
    if sorted(slugs) != sorted(stages):
        raise Invalid.at("/slugs", f"Name each of these once: {', '.join(stages)}.")
    ordered = [stages[slug] for slug in slugs]
    terminal = [stage.is_terminal for stage in ordered]
    if terminal != sorted(terminal):
        raise Invalid.at("/slugs", "Terminal stages come last.")
    number(ordered)
    session.flush()
    return ordered


def lock_stages(session: Session, clinic_id: UUID) -> list[PipelineStage]:
    """All stages in order; who else would change them waits, and what is cached of the clinic is outdated."""
    count_up(session, clinic_id)
    stages = select(PipelineStage).where(PipelineStage.clinic_id == clinic_id)
    return list(session.scalars(stages.order_by(PipelineStage.position, PipelineStage.id)))


def one_of(stages: Sequence[PipelineStage], stage_id: UUID) -> PipelineStage:
    """Raises NotFound where it is none of these."""
    for stage in stages:
        if stage.id == stage_id:
            return stage
    raise NotFound


def number(stages: Sequence[PipelineStage]) -> None:
    """Give the stages their places, from 0."""
    for position, stage in enumerate(stages):
        if stage.position != position:
            stage.position = position
            stage.version += 1


def _make_default(chosen: PipelineStage, stages: Sequence[PipelineStage]) -> None:
    if chosen.is_terminal or chosen.archived_at is not None:
        raise Invalid.at("/is_default", "A lead cannot begin at an end, or in a stage that was given up.")
    for stage in stages:
        if stage.is_default and stage is not chosen:
            stage.is_default = False
            stage.version += 1
    chosen.is_default = True
