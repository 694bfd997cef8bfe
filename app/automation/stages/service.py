"""Pipeline stages with their automation. The caller commits."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.automation.rules.service import RULES
from app.automation.sequences.definitions import SEQUENCES
from app.automation.stages import reactions, stage_rule
from app.automation.stages.reactions import Reaction
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.check_all import check_all
from app.engine.rules.models import RuleRow
from app.engine.sequences.models import SequenceRow
from app.identity.actor import Actor
from app.leads.pipeline import service as pipeline
from app.leads.pipeline.models import PipelineStage
from app.tasks.templates.models import TaskTemplate

_SETTINGS = frozenset(stage_rule.StageActions._fields)


def list_stages(session: Session, actor: Actor, query: JsonObject) -> Page:
    """List the clinic's stages in order, with their automation."""
    found = pipeline.list_stages(session, actor.clinic.id, query)
    return Page(to_responses(session, actor, found.items), found.next_cursor, found.total_count)


def read_stage(session: Session, actor: Actor, stage_id: UUID) -> JsonDict:
    """Return a stage with its automation. Raises NotFound."""
    return to_response(session, actor, pipeline.read_stage(session, actor.clinic.id, stage_id))


def create_stage(session: Session, actor: Actor, data: JsonObject) -> JsonDict:
    """Create a stage and, if it names templates, its rule. Raises StageSlugTaken, TooManyStages, Invalid, Forbidden."""
    stage = pipeline.create_stage(session, actor.clinic.id, _columns(data))
    stage_rule.set_actions(session, actor, stage, data)
    return to_response(session, actor, stage)


def update_stage(session: Session, actor: Actor, stage_id: UUID, data: JsonObject, *, seen: SeenVersions) -> JsonDict:
    """Replace a stage. Templates that are not given stay.

    Raises NotFound, ChangedMeanwhile, NeedsDefault, StageRuleHasDraft, Invalid, Forbidden.
    """
    stage = pipeline.update_stage(session, actor.clinic.id, stage_id, _columns(data), seen=seen)
    stage_rule.set_actions(session, actor, stage, data)
    return to_response(session, actor, stage)


def check_new_stage(session: Session, actor: Actor, data: JsonObject, /, **_: object) -> None:
    """Check the templates of a new stage. Raises Invalid with every mistake."""
    stage_rule.check_settings(session, actor, data)


def check_stage(session: Session, actor: Actor, data: JsonObject, /, *, stage_id: UUID) -> None:
    """Check what a changed stage refers to. Raises Invalid with every mistake, and NotFound without the stage."""
    stage = pipeline.read_stage(session, actor.clinic.id, stage_id)
    check_all(
        lambda: pipeline.check_stage(session, actor, data, stage_id=stage_id),
        lambda: stage_rule.check_settings(session, actor, data, stage=stage),
    )


def to_response(session: Session, actor: Actor, stage: PipelineStage) -> JsonDict:
    """Return the stage with its automation."""
    [response] = to_responses(session, actor, [stage])
    return response


def to_responses(session: Session, actor: Actor, stages: Sequence[PipelineStage]) -> list[JsonDict]:
    """Return the stages with their automation."""
    clinic_id = actor.clinic.id
    rules = session.scalars(RULES.of_clinic(clinic_id).order_by(RuleRow.slug)).all()
    ids = stage_rule.ids_by_stage(session, clinic_id, stages, rules)
    found = _reactions(session, clinic_id, stages, [rule for rule in rules if rule.active])
    columns = PipelineStage.__table__.c.keys()
    return [
        {
            **{name: getattr(stage, name) for name in columns},
            **ids[stage.slug],
            "automation": found[stage.slug],
        }
        for stage in stages
    ]


def _reactions(
    session: Session, clinic_id: UUID, stages: Sequence[PipelineStage], rules: Sequence[RuleRow]
) -> dict[str, list[Reaction]]:
    active = SEQUENCES.of_clinic(clinic_id).where(SequenceRow.active).order_by(SequenceRow.slug)
    sequences: Sequence[SequenceRow] = session.scalars(active).all()
    templates = select(TaskTemplate).where(TaskTemplate.clinic_id == clinic_id, TaskTemplate.stage.is_not(None))
    found: dict[str, list[Reaction]] = defaultdict(list)
    for stage in stages:
        for rule in rules:
            found[stage.slug] += reactions.of_rule(rule.definition or {}, rule.id, stage)
        for sequence in sequences:
            found[stage.slug] += reactions.of_sequence(sequence.definition or {}, sequence.id, stage)
    for template in session.scalars(templates.order_by(TaskTemplate.name)):
        found[str(template.stage)].append(reactions.of_task_template(template))
    return found


def _columns(data: JsonObject) -> JsonDict:
    return {name: value for name, value in data.items() if name not in _SETTINGS}
