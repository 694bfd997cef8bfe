"""A clinic to try a playbook in where there is none: with the hours and the stages that every clinic begins with."""

from typing import Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from app.automation.playbooks.shipped import Playbook
from app.automation.simulation.state import Nurture, Setting
from app.core.calendar.calendar import BusinessHours, Calendar, HolidayCalendar
from app.engine.rules.rules import RuleSet, read_rule
from app.engine.sequences.definitions import PublishedSequences
from app.engine.sequences.sequence import read_sequence
from app.identity.clinic_context import ClinicContext
from app.identity.models import WEEKDAYS_9_TO_18, Role
from app.leads.assignment.coordinators import ActiveUser
from app.leads.pipeline.defaults import default_stages
from app.leads.pipeline.models import LOST, STARTED
from app.leads.pipeline.stages import Stage, Stages

STALE_AFTER_DAYS: Final = 14
_CLINIC: Final = UUID(int=0xC)
_HIRED: Final = (Role.TREATMENT_COORDINATOR, Role.MANAGER, Role.CLINIC_ADMIN)


def sample_setting(playbook: Playbook, *, zone: ZoneInfo, region: str) -> Setting:
    """The playbook's rules and stages in a clinic of that zone and country. Raises UnknownHolidays."""
    calendar = Calendar(zone, BusinessHours.from_json(WEEKDAYS_9_TO_18), closed_on=HolidayCalendar(region))
    people = [ActiveUser(UUID(int=i), role.title(), f"{role}@clinic.example", role) for i, role in enumerate(_HIRED, 1)]
    most = {stage.slug: stage.max_days for stage in default_stages() if stage.max_days}
    own = {stage["slug"]: stage["max_days_in_stage"] for stage in playbook.stages if "max_days_in_stage" in stage}
    return Setting(
        ClinicContext(_CLINIC, "Example", region, calendar, rules_version=1, stale_after_days=STALE_AFTER_DAYS),
        rules_of(playbook),
        with_stages(_DEFAULT, playbook),
        next(iter(_DEFAULT)),
        {**most, **own},
        {person.id: person for person in people},
        sequences_of(playbook),
        nurtures_of(playbook),
    )


def rules_of(playbook: Playbook) -> RuleSet:
    """All rules of a playbook, as if they were in force; those that enroll into its sequences among them."""
    triggers = [one.trigger for one in sequences_of(playbook).by_slug.values() if one.trigger]
    return RuleSet.of([*map(read_rule, playbook.rules), *triggers])


def sequences_of(playbook: Playbook) -> PublishedSequences:
    """All sequences of a playbook, as if they were switched on."""
    found = [read_sequence(definition, id=_id(definition["name"])) for definition in playbook.sequences]
    return PublishedSequences({one.slug: one for one in found}, frozenset(one.id for one in found if one.id))


def nurtures_of(playbook: Playbook) -> list[Nurture]:
    """All nurtures of a playbook, as if they were switched on."""
    return [Nurture(**{name: one[name] for name in Nurture._fields if name in one}) for one in playbook.nurtures]


def _id(slug: str) -> UUID:
    """The same each time; what is planned names it."""
    return uuid5(_CLINIC, slug)


def with_stages(stages: Stages, playbook: Playbook) -> Stages:
    """With those of the playbook that are missing, where installing it would put them: before the ends."""
    new = [stage["slug"] for stage in playbook.stages if stage["slug"] not in stages]
    ahead = [stage.slug for stage in stages.values() if not stage.is_terminal]
    ends = [stage.slug for stage in stages.values() if stage.is_terminal]
    slugs = enumerate([*ahead, *new, *ends])
    return {slug: Stage(slug, position, slug in ends) for position, slug in slugs}


_DEFAULT: Final[Stages] = {
    stage.slug: Stage(stage.slug, position, stage.slug in {LOST, STARTED})
    for position, stage in enumerate(default_stages())
}
