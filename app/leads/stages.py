"""Moving a lead through the pipeline (lead-management.md, rule 4)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.automation.events import Event
from app.automation.service import record
from app.clock import now
from app.errors import Forbidden, Invalid
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.leads.closing import become_patient, give_up_on
from app.leads.consultations import EVENT_OF, consultation_event
from app.leads.errors import NoWayBack, StageIsFinal
from app.leads.lookup import open_lead
from app.leads.models import Lead
from app.leads.progress import enter_stage, touch
from app.pipeline.models import LOST, STARTED, PipelineStage


class Stage(NamedTuple):
    """What decides whether a lead may move."""

    slug: str
    position: int
    is_terminal: bool


Stages = Mapping[str, Stage]


def change_stage(session: Session, actor: Actor, lead_id: UUID, data: Mapping[str, Any]) -> Lead:
    """Move the lead to the stage in `data` (as `StageMove` reads it); where it is already, nothing happens.

    The two ends of the pipeline are what `lose` and `convert` do, with what they need.
    Raises NotFound, LeadIsLocked, LeadIsClosed, NoWayBack, StageIsFinal, Forbidden, Invalid.
    """
    lead = open_lead(session, actor, lead_id)
    if data["stage"] == lead.pipeline_stage:
        return lead
    if data["stage"] == LOST:
        return _lose(session, actor, lead, data)
    if data["stage"] == STARTED:
        return _convert(session, actor, lead)
    _require_forward(stages_of(session, lead, data["stage"]), lead, data["stage"])
    return _move(session, actor, lead, data)


def advance(session: Session, actor: Actor, lead: Lead, stage: str, *, at: datetime) -> list[Event]:
    """Move the lead on to the stage if it is behind it; returns what happened, which the caller records."""
    stages = stages_of(session, lead, stage)
    if stage not in stages or not _is_behind(stages, lead, stage):
        return []
    return [enter_stage(session, actor, lead, stage, at=at)]


def _move(session: Session, actor: Actor, lead: Lead, data: Mapping[str, Any]) -> Lead:
    at, stage = now(), data["stage"]
    touch(lead, actor, at)
    events = [enter_stage(session, actor, lead, stage, at=at)]
    if stage in EVENT_OF:
        scheduled_for = data.get("scheduled_for")
        events.append(consultation_event(stage, lead, actor.clinic, at=at, scheduled_for=scheduled_for))
    record(session, actor.clinic, *events)
    return lead


def _lose(session: Session, actor: Actor, lead: Lead, data: Mapping[str, Any]) -> Lead:
    if "reason" not in data:  # rule 5
        raise Invalid.at("/reason", "Say why the lead is lost.")
    return give_up_on(session, actor, lead, data)


def _convert(session: Session, actor: Actor, lead: Lead) -> Lead:
    if not actor.allows(Permission.LEAD_CONVERT):
        raise Forbidden
    return become_patient(session, actor, lead)


def stages_of(session: Session, lead: Lead, wanted: str) -> Stages:
    """The stage the lead is in and the one it shall go to, by slug, as far as the clinic uses them."""
    stages = (
        select(PipelineStage.slug, PipelineStage.position, PipelineStage.is_terminal)
        .where(PipelineStage.clinic_id == lead.clinic_id, PipelineStage.slug.in_((lead.pipeline_stage, wanted)))
        .where(PipelineStage.archived_at.is_(None))
    )
    return {row.slug: Stage(*row) for row in session.execute(stages)}


def _require_forward(stages: Stages, lead: Lead, wanted: str) -> None:
    if wanted not in stages:
        raise Invalid.at("/stage", "Not a stage of your clinic.")
    if lead.pipeline_stage in stages and stages[lead.pipeline_stage].is_terminal:
        raise StageIsFinal
    if not _is_behind(stages, lead, wanted):
        raise NoWayBack


def _is_behind(stages: Stages, lead: Lead, wanted: str) -> bool:
    """Whether the stage lies ahead. From a stage that the clinic has given up, every other does."""
    here = stages.get(lead.pipeline_stage)
    return here is None or here.position < stages[wanted].position
