"""Simulations in a clinic: of a playbook, of the active rules, of one rule, or of a sequence. Nothing is written."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.automation.nurtures.models import Nurture
from app.automation.playbooks import shipped
from app.automation.rules.dry_run import draft_or_published
from app.automation.sequences.definitions import SEQUENCES, find_sequence
from app.automation.simulation import sandbox
from app.automation.simulation.facts import Facts, read_facts
from app.automation.simulation.lead import sample_lead, set_facts
from app.automation.simulation.run import simulate
from app.automation.simulation.script import InvalidScript, Script, read_script
from app.automation.simulation.start_state import start_as_is, start_as_new
from app.automation.simulation.world import Setting, World
from app.clock import now
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.check_all import check_all
from app.core.validation.validation_errors import Mistake
from app.engine.active_rules import load_active_rules
from app.engine.rules.rules import RuleSet
from app.engine.sequences.definitions import PublishedSequences, sequences_of
from app.engine.sequences.sequence import Sequence, read_sequence
from app.errors import Conflict, FieldError, Invalid, NotFound
from app.identity.actor import Actor
from app.identity.users.lookup import active_users
from app.leads.facts.best_time.load import best_hours_of_clinic
from app.leads.facts.template_values import display_names
from app.leads.pipeline.models import PipelineStage
from app.leads.pipeline.stages import Stage
from app.leads.scoring.basis import load_basis
from app.leads.search.lookup import lead_reader, read_lead
from app.messaging.templates.library import load_all_templates
from app.tasks.templates.models import TaskTemplate

OWN: Final = "own"  # the clinic's active rules instead of a shipped playbook


def simulate_playbook(session: Session, actor: Actor, name: str, data: JsonObject) -> JsonDict:
    """Simulate a playbook (`own`: the clinic's active rules) with a lead. `data` has the fields of `SimulationIn`.

    Raises NotFound, Forbidden (when the actor may not read leads), LeadWasMerged, Invalid.
    """
    return _simulate(session, actor, _setting(session, actor, name), data, name=name)


def _simulate(
    session: Session, actor: Actor, setting: Setting, data: JsonObject, *, name: str, into: str | None = None
) -> JsonDict:
    check_simulation(session, actor, data)
    start = _start(data)
    script, facts = _read_script(data, start), _read_facts(data, start)
    world = _begin(session, actor, setting, data, start=start)
    set_facts(world.lead, facts.by_group["lead"])
    return simulate(name, world, script, until=_until(data, start), is_new=data["is_new"], into=into).as_json()


def simulate_sequence(session: Session, actor: Actor, sequence_id: UUID, data: JsonObject) -> JsonDict:
    """Simulate a sequence by itself (its draft, if it has one) with a lead that is enrolled at the start.

    Raises NotFound, Conflict (when the sequence has no definition), Forbidden, LeadWasMerged, Invalid.
    """
    sequence = _sequence_definition(session, actor, sequence_id)
    alone = PublishedSequences({sequence.slug: sequence}, frozenset({sequence_id}))
    setting = replace(_own_setting(session, actor), rules=RuleSet(), sequences=alone, nurtures=())
    return _simulate(session, actor, setting, data, name=sequence.slug, into=sequence.slug)


def simulate_rule(session: Session, actor: Actor, rule_id: UUID, data: JsonObject) -> JsonDict:
    """Simulate a rule by itself (its draft, if it has one) with a lead. The clinic's sequences can enroll the lead.

    Raises NotFound, Conflict (when the rule has no definition), Forbidden, LeadWasMerged, Invalid.
    """
    rule = draft_or_published(session, actor, rule_id)
    setting = replace(_own_setting(session, actor), rules=RuleSet.of([rule]), nurtures=())
    return _simulate(session, actor, setting, data, name=rule.slug)


def _sequence_definition(session: Session, actor: Actor, sequence_id: UUID) -> Sequence:
    found = find_sequence(session, actor, sequence_id)
    draft = SEQUENCES.draft(session, found)
    text = draft.definition if draft else found.definition
    if text is None:
        raise Conflict("The sequence has no definition yet.")
    return read_sequence(text, id=found.id, version=found.published or 0)


def check_simulation(_session: Session, _actor: Actor, data: JsonObject, /, **_path: object) -> None:
    """Check the facts, the script and the state of the lead. Raises Invalid with a pointer to every mistake."""
    check_all(
        lambda: _read_facts(data, _start(data)),
        lambda: _require_valid(_check_existing_lead(data)),
        lambda: _read_script(data, _start(data)),
    )


def _start(data: JsonObject) -> datetime:
    start: datetime = data.get("start") or now()
    return start


def _until(data: JsonObject, start: datetime) -> datetime:
    return start + timedelta(days=data["days"])


def _read_facts(data: JsonObject, start: datetime) -> Facts:
    facts = read_facts(data["facts"], "facts", start=start, about=("lead",))
    _require_valid(facts.mistakes)
    return facts


def _read_script(data: JsonObject, start: datetime) -> Script:
    try:
        return read_script(data["script"], start=start, until=_until(data, start))
    except InvalidScript as invalid:
        raise _invalid(invalid.mistakes) from None


def _require_valid(mistakes: Iterable[Mistake]) -> None:
    if found := list(mistakes):
        raise _invalid(found)


def _invalid(mistakes: Iterable[Mistake]) -> Invalid:
    return Invalid(*(FieldError(mistake.pointer, mistake.problem) for mistake in mistakes))


def _check_existing_lead(data: JsonObject) -> Iterator[Mistake]:
    if data["is_new"]:
        return
    if "lead_id" not in data:
        yield Mistake("is_new", "must be true without a lead_id: only an existing lead can continue as it is")
    if "start" in data:
        yield Mistake("start", "must be omitted when is_new is false: an existing lead continues from now")


def _begin(session: Session, actor: Actor, setting: Setting, data: JsonObject, *, start: datetime) -> World:
    if "lead_id" not in data:
        zone = actor.clinic.calendar.zone.key
        sample = sample_lead(stage=setting.first_stage, zone=zone, at=start)
        sample.best_hours = best_hours_of_clinic(session, actor.clinic.id)
        return World(setting, sample, now=start)
    lead = read_lead(session, lead_reader(actor), data["lead_id"])
    begin = start_as_new if data["is_new"] else start_as_is
    return begin(session, setting, lead, at=start)


def _setting(session: Session, actor: Actor, name: str) -> Setting:
    """Return the clinic's setting with its own rules, or with a playbook's rules and stages. Raises NotFound."""
    own = _own_setting(session, actor)
    if name == OWN:
        return own
    if name not in shipped.names():
        raise NotFound
    playbook = shipped.load(name)
    return replace(
        own,
        rules=sandbox.rules_of(playbook),
        sequences=sandbox.sequences_of(playbook),
        nurtures=sandbox.nurtures_of(playbook),
        templates={**sandbox.templates_of(playbook), **own.templates},
        task_templates={**sandbox.task_templates_of(playbook), **own.task_templates},
        stages=sandbox.with_stages(own.stages, playbook),
        max_days={**sandbox.max_days_of(playbook), **own.max_days},
    )


def _own_setting(session: Session, actor: Actor) -> Setting:
    clinic = actor.clinic
    in_use = select(PipelineStage).where(PipelineStage.clinic_id == clinic.id, PipelineStage.archived_at.is_(None))
    stages = session.scalars(in_use.order_by(PipelineStage.position)).all()
    nurtures = select(Nurture).where(Nurture.clinic_id == clinic.id, Nurture.is_active)
    first = next((stage for stage in stages if stage.is_default), stages[0])
    return Setting(
        clinic,
        replace(load_active_rules(session, clinic), paused=frozenset()),  # no simulated event resumes a paused rule
        {stage.slug: Stage(stage.slug, stage.position, stage.is_terminal, stage.is_default) for stage in stages},
        first.slug,
        {stage.slug: stage.max_days_in_stage for stage in stages if stage.max_days_in_stage},
        active_users(session, clinic.id),
        sequences_of(session, clinic),
        session.scalars(nurtures.order_by(Nurture.id)).all(),
        display_names(session, clinic),
        load_all_templates(session, clinic.id),
        load_basis(session, clinic.id),
        {one.name: one for one in session.scalars(select(TaskTemplate).where(TaskTemplate.clinic_id == clinic.id))},
    )
