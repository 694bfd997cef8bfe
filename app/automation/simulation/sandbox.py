"""Simulate a shipped playbook with a sample lead in a sample clinic. Pure: needs no database.

The sample clinic has the default hours and stages of a new clinic.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from app.automation.language.playbooks import PlaybookTaskTemplate
from app.automation.nurtures.models import Nurture
from app.automation.playbooks import shipped
from app.automation.playbooks.shipped import Playbook
from app.automation.simulation.facts import Facts, read_facts, read_instant
from app.automation.simulation.lead import sample_lead, set_facts
from app.automation.simulation.run import simulate
from app.automation.simulation.script import InvalidScript, read_script
from app.automation.simulation.timeline import Simulation
from app.automation.simulation.world import Setting, World
from app.clock import zones
from app.core.calendar.calendar import BusinessHours, Calendar, HolidayCalendar
from app.core.type_aliases import JsonObject
from app.core.validation.validation_errors import Mistake, one_of
from app.engine.rules.rules import RuleSet, read_rule
from app.engine.sequences.definitions import PublishedSequences
from app.engine.sequences.sequence import read_sequence
from app.identity.clinic_context import ClinicContext
from app.identity.models import WEEKDAYS_9_TO_18, Role
from app.identity.users.lookup import ActiveUser
from app.leads.pipeline.defaults import default_stages
from app.leads.pipeline.models import LOST, STARTED
from app.leads.pipeline.stages import Stage, Stages
from app.messaging.rendering.variants import Template
from app.messaging.templates.template_definitions import variants_of_definition
from app.tasks.templates.models import TaskTemplate

MOST_DAYS: Final = 366
DAYS: Final = 90
_CLINIC: Final = UUID(int=0xC)
_ROLES: Final = (Role.TREATMENT_COORDINATOR, Role.MANAGER, Role.CLINIC_ADMIN)

_DEFAULTS: Final[JsonObject] = {
    "start": None,
    "days": DAYS,
    "zone": "America/New_York",
    "region": "US",
    "facts": {},
    "script": (),
}


def try_playbook(name: str, trial: JsonObject, *, now: datetime) -> Simulation:
    """Simulate the playbook with a new lead.

    `trial` may hold `start` (default: now), `days`, the clinic's `zone` and `region`, the lead's `facts`, a `script`.
    Raises InvalidPlaybook (when no shipped playbook has this name), InvalidScript, UnknownHolidays.
    """
    wrong = [mistake for part in trial for mistake in one_of(part, _DEFAULTS, str(part))]
    if wrong:
        raise InvalidScript(wrong)
    options = {**_DEFAULTS, **trial}
    start, facts = _start(options, now), read_facts(options["facts"], "facts", start=now, about=("lead",))
    if mistakes := [*facts.mistakes, *_mistakes(options)]:
        raise InvalidScript(mistakes)
    return _run(name, options, facts, start=start)


def _run(name: str, options: JsonObject, facts: Facts, *, start: datetime) -> Simulation:
    until = start + timedelta(days=options["days"])
    setting = sample_setting(shipped.load(name), zone=ZoneInfo(options["zone"]), region=options["region"])
    script = read_script(options["script"], start=start, until=until)
    lead = sample_lead(stage=setting.first_stage, zone=options["zone"], at=start)
    set_facts(lead, facts.by_group["lead"])
    return simulate(name, World(setting, lead, now=start), script, until=until)


def _start(options: JsonObject, now: datetime) -> datetime:
    try:
        return now if options["start"] is None else read_instant(options["start"], now)
    except ValueError as problem:
        raise InvalidScript([Mistake("start", str(problem))]) from None


def _mistakes(options: JsonObject) -> list[Mistake]:
    days, zone = options["days"], options["zone"]
    is_length = isinstance(days, int) and 1 <= days <= MOST_DAYS
    mistakes = [] if is_length else [Mistake("days", f"must be a number from 1 to {MOST_DAYS}")]
    if zone not in zones():
        mistakes.append(Mistake("zone", "must be a zone such as America/New_York"))
    return mistakes


def sample_setting(playbook: Playbook, *, zone: ZoneInfo, region: str) -> Setting:
    """Return the playbook's rules and stages in a clinic of this time zone and country. Raises UnknownHolidays."""
    calendar = Calendar(zone, BusinessHours.from_json(WEEKDAYS_9_TO_18), closed_on=HolidayCalendar(region))
    people = [ActiveUser(UUID(int=i), role.title(), f"{role}@clinic.example", role) for i, role in enumerate(_ROLES, 1)]
    most = {stage.slug: stage.max_days for stage in default_stages() if stage.max_days}
    return Setting(
        ClinicContext(_CLINIC, "Example", region, calendar, rules_version=1),
        rules_of(playbook),
        with_stages(_DEFAULT, playbook),
        next(iter(_DEFAULT)),
        {**most, **max_days_of(playbook)},
        {person.id: person for person in people},
        sequences_of(playbook),
        nurtures_of(playbook),
        templates=templates_of(playbook),
        task_templates=task_templates_of(playbook),
    )


def rules_of(playbook: Playbook) -> RuleSet:
    """Return all rules of a playbook as active rules, with the trigger rules of its sequences."""
    triggers = [one.trigger for one in sequences_of(playbook).by_slug.values() if one.trigger]
    return RuleSet.of([*map(read_rule, playbook.rules), *triggers])


def sequences_of(playbook: Playbook) -> PublishedSequences:
    """Return all sequences of a playbook as active sequences."""
    found = [read_sequence(definition, id=_id(definition["name"])) for definition in playbook.sequences]
    return PublishedSequences({one.slug: one for one in found}, frozenset(one.id for one in found if one.id))


def max_days_of(playbook: Playbook) -> dict[str, int]:
    """Return the maximum days in the playbook's own stages, by slug."""
    return {stage["slug"]: stage["max_days_in_stage"] for stage in playbook.stages if "max_days_in_stage" in stage}


def nurtures_of(playbook: Playbook) -> list[Nurture]:
    """Return all nurtures of a playbook as active nurtures."""
    return [Nurture(**one) for one in playbook.nurtures]


def templates_of(playbook: Playbook) -> dict[str, Template]:
    """Return the message templates of a playbook by slug."""
    return {slug: Template(_id(slug), variants_of_definition(text)) for slug, text in playbook.templates.items()}


def task_templates_of(playbook: Playbook) -> dict[str, TaskTemplate]:
    """Return the task templates of a playbook by name."""
    read = map(PlaybookTaskTemplate.model_validate, playbook.task_templates)
    return {one.name: TaskTemplate(id=_id(one.name), **one.model_dump(mode="json")) for one in read}


def _id(slug: str) -> UUID:
    """Return a deterministic id, because planned steps contain it."""
    return uuid5(_CLINIC, slug)


def with_stages(stages: Stages, playbook: Playbook) -> Stages:
    """Add the playbook's missing stages before the terminal stages, as its installation does."""
    new = [stage["slug"] for stage in playbook.stages if stage["slug"] not in stages]
    ahead = [stage.slug for stage in stages.values() if not stage.is_terminal]
    ends = [stage.slug for stage in stages.values() if stage.is_terminal]
    firsts = {stage.slug for stage in stages.values() if stage.is_default}
    slugs = enumerate([*ahead, *new, *ends])
    return {slug: Stage(slug, position, slug in ends, slug in firsts) for position, slug in slugs}


_DEFAULT: Final[Stages] = {
    stage.slug: Stage(stage.slug, position, stage.slug in {LOST, STARTED}, position == 0)
    for position, stage in enumerate(default_stages())
}
