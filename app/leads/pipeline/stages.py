"""Stage changes of a lead (lead-management.md, rule 4)."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.type_aliases import JsonObject
from app.core.validation.check_all import check_all
from app.engine.events.events import Event, EventName
from app.engine.service import record
from app.errors import FieldError, Invalid
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.leads.errors import NoWayBack, StageIsFinal
from app.leads.events import LeadColumns
from app.leads.models import Lead
from app.leads.pipeline import transitions
from app.leads.pipeline.closing import convert_locked_lead, lose_locked_lead
from app.leads.pipeline.consultations import SCHEDULED
from app.leads.pipeline.lead_state import contact_told, save_stage_change
from app.leads.pipeline.models import CONTACTED, LOST, STARTED, PipelineStage
from app.leads.search.lookup import get_lead, lock_open_lead


class Stage(NamedTuple):
    """Stage data that decides whether a lead may move."""

    slug: str
    position: int
    is_terminal: bool
    is_default: bool = False  # the stage of new leads


Stages = Mapping[str, Stage]


def change_stage(session: Session, actor: Actor, lead_id: UUID, data: JsonObject) -> Lead:
    """Move the lead to the stage in `data` (fields of StageMove). Does nothing if the lead is already there.

    The stages `lost` and `treatment_started` close the lead, as `lose` and `convert` do.
    Raises NotFound, LeadIsLocked, LeadIsClosed, NoWayBack, StageIsFinal, Forbidden, Invalid.
    """
    lead = lock_open_lead(session, actor, lead_id)
    if data["stage"] == lead.pipeline_stage:
        return lead
    _check_details(data)
    if data["stage"] == LOST:
        return lose_locked_lead(session, actor, lead, data)
    if data["stage"] == STARTED:
        return _convert(session, actor, lead)
    stages = stages_of(session, lead, data["stage"])
    _require_forward(stages, lead, data["stage"])
    return _move(session, actor, lead, data, stages=stages)


def check_move(session: Session, actor: Actor, data: JsonObject, /, *, lead_id: UUID) -> None:
    """Check that the stage exists, and that the details fit it. Raises Invalid, and NotFound without the lead."""
    lead = get_lead(session, actor, lead_id)
    check_all(
        lambda: _check_details(data),
        lambda: _require_stage(stages_of(session, lead, data["stage"]), data["stage"]),
    )


def can_move(stages: Stages, current: str, target: str) -> bool:
    """Return whether the move goes forward. From an archived stage, every move to a stage in `stages` does."""
    if target not in stages or (current in stages and stages[current].is_terminal):
        return False
    return current not in stages or stages[current].position < stages[target].position


def tells_contact(stages: Stages, stage: str) -> bool:
    """Return whether a lead in this stage was contacted: in the stage `contacted` and in every stage after it.

    Without that stage, in every stage after the one of new leads. The stage `lost` never tells it.
    """
    if stage == LOST or stage not in stages:
        return False
    if CONTACTED in stages:
        return stages[CONTACTED].position <= stages[stage].position
    return any(first.is_default and first.position < stages[stage].position for first in stages.values())


def after_contact(stages: Stages, lead: LeadColumns, stage: str) -> str:
    """Return the stage, or `contacted` if a user was in contact with the lead and the stage does not tell it."""
    is_behind = lead.contacted_at is not None and CONTACTED in stages and not tells_contact(stages, stage)
    return CONTACTED if is_behind else stage


def move_forward(session: Session, actor: Actor, lead: Lead, *, stage: str, reason: str | None = None) -> None:
    """Move a locked lead forward on behalf of an automation rule. `reason` is for the stage `lost`."""
    if stage == LOST:
        lose_locked_lead(session, actor, lead, {"reason": reason})
    elif stage == STARTED:
        convert_locked_lead(session, actor, lead)
    else:
        _move(session, actor, lead, {"stage": stage}, stages=stages_of(session, lead, stage))


def _move(session: Session, actor: Actor, lead: Lead, data: JsonObject, /, *, stages: Stages) -> Lead:
    stage, scheduled_for = data["stage"], data.get("scheduled_for")
    is_contact = tells_contact(stages, stage)
    events = transitions.move(lead, actor, stage, at=now(), is_contact=is_contact, scheduled_for=scheduled_for)
    save_stage_change(session, actor, lead, events[0])
    record(session, actor.clinic, *events)
    announce_contact(session, actor, lead, events)
    return lead


def announce_contact(session: Session, actor: Actor, lead: Lead, events: Sequence[Event]) -> None:
    """Call the listeners of a contact, if one of these events of a stage change tells it."""
    for event in events:
        if event.name == EventName.LEAD_CONTACTED:
            contact_told(session, actor, lead, event.occurred_at)


def _check_details(data: JsonObject) -> None:
    if data["stage"] == LOST and "reason" not in data:  # rule 5
        raise Invalid.at("/reason", "Give the reason why the lead is lost.")
    if data["stage"] != LOST and (given := [name for name in ("reason", "notes") if data.get(name)]):
        raise Invalid(*(FieldError(f"/{name}", "Only for the stage `lost`.") for name in given))
    if data["stage"] != SCHEDULED and data.get("scheduled_for"):
        raise Invalid.at("/scheduled_for", f"Only for the stage `{SCHEDULED}`.")


def _convert(session: Session, actor: Actor, lead: Lead) -> Lead:
    actor.require(Permission.LEAD_CONVERT)
    return convert_locked_lead(session, actor, lead)


def stages_of(session: Session, lead: Lead, *wanted: str) -> Stages:
    """Return the lead's current stage and the wanted ones by slug, and those that `tells_contact` needs.

    Archived stages are left out.
    """
    slugs = (lead.pipeline_stage, CONTACTED, *wanted)
    stages = (
        select(PipelineStage.slug, PipelineStage.position, PipelineStage.is_terminal, PipelineStage.is_default)
        .where(PipelineStage.clinic_id == lead.clinic_id, PipelineStage.archived_at.is_(None))
        .where(or_(PipelineStage.slug.in_(slugs), PipelineStage.is_default))
    )
    return {row.slug: Stage(*row) for row in session.execute(stages)}


def stages_by_clinic(session: Session, clinic_ids: Collection[UUID]) -> Mapping[UUID, Stages]:
    """Return the active stages of these clinics, by clinic id and slug."""
    stages = select(PipelineStage).where(PipelineStage.clinic_id.in_(clinic_ids), PipelineStage.archived_at.is_(None))
    found: dict[UUID, dict[str, Stage]] = {clinic_id: {} for clinic_id in clinic_ids}
    for stage in session.scalars(stages):
        found[stage.clinic_id][stage.slug] = Stage(stage.slug, stage.position, stage.is_terminal, stage.is_default)
    return found


def _require_stage(stages: Stages, wanted: str) -> None:
    if wanted not in stages:
        raise Invalid.at("/stage", "Not a stage of your clinic.")


def _require_forward(stages: Stages, lead: Lead, wanted: str) -> None:
    _require_stage(stages, wanted)
    if lead.pipeline_stage in stages and stages[lead.pipeline_stage].is_terminal:
        raise StageIsFinal
    if not can_move(stages, lead.pipeline_stage, wanted):
        raise NoWayBack
