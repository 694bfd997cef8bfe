"""Who could take a lead just now, and what keeps the others from it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from uuid import UUID

from app.core.calendar.calendar import BusinessHours, Calendar, NeverOpen
from app.leads.assignment.models import Strategy
from app.leads.assignment.rules.rules import Member, Rule


class Obstacle(StrEnum):
    """Why a member of a rule does not get the lead."""

    INACTIVE = "inactive"  # or no longer there at all
    OUT_OF_OFFICE = "out_of_office"
    OVER_CEILING = "over_ceiling"  # has as many open leads as they may have
    OFF_DUTY = "off_duty"  # with `schedule`: somebody else is on duty, or is so sooner


@dataclass(slots=True)
class Colleague:
    """A user, as far as it matters for a new lead. `hours` is None where the clinic's own hold."""

    id: UUID
    is_active: bool = True
    out_until: datetime | None = None
    hours: BusinessHours | None = None
    open_leads: int = 0


@dataclass(slots=True)
class Roster:
    """Everybody who may be chosen at `at`, and whom each rule chose last. Counts along as leads are given out."""

    calendar: Calendar
    at: datetime
    people: Mapping[UUID, Colleague]
    last: dict[UUID | None, UUID] = field(default_factory=dict)
    _on_duty: dict[UUID, datetime | None] = field(default_factory=dict)

    def take(self, user_id: UUID, rule: Rule) -> None:
        """They were given one more lead."""
        self.people[user_id].open_leads += 1
        self.last[rule.id] = user_id

    def standing(self, rule: Rule) -> list[tuple[Member, Obstacle | None]]:
        """Each member of the rule, and what keeps them from taking a lead; None where nothing does."""
        found = [(member, self._obstacle(member)) for member in rule.members]
        if rule.strategy is not Strategy.SCHEDULE:
            return found
        free = [self.on_duty_from(member.user_id) for member, obstacle in found if obstacle is None]
        soonest = min(filter(None, free), default=self.at)
        return [
            (member, obstacle or (None if self.on_duty_from(member.user_id) == soonest else Obstacle.OFF_DUTY))
            for member, obstacle in found
        ]

    def is_there(self, user_id: UUID | None) -> bool:
        """Whether somebody of that id works here, and is in the office."""
        return user_id is not None and self._obstacle(Member(user_id)) is None

    def on_duty_from(self, user_id: UUID) -> datetime | None:
        """Now, or whenever their working hours next begin; None where they never do."""
        if user_id not in self._on_duty:
            self._on_duty[user_id] = self._next_duty(user_id)
        return self._on_duty[user_id]

    def _next_duty(self, user_id: UUID) -> datetime | None:
        person = self.people.get(user_id)
        try:
            return calendar_of(self.calendar, person.hours if person else None).next_open(self.at)
        except NeverOpen:
            return None

    def _obstacle(self, member: Member) -> Obstacle | None:
        person = self.people.get(member.user_id)
        if person is None or not person.is_active:
            return Obstacle.INACTIVE
        if person.out_until is not None:
            return Obstacle.OUT_OF_OFFICE
        if member.ceiling is not None and person.open_leads >= member.ceiling:
            return Obstacle.OVER_CEILING
        return None


@lru_cache(maxsize=1024)
def calendar_of(clinics: Calendar, hours: BusinessHours | None) -> Calendar:
    """The clinic's calendar with somebody's own hours. Kept, for it remembers the days it has worked out."""
    return replace(clinics, hours=hours) if hours else clinics
