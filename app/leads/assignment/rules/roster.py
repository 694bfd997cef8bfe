"""Availability of the users that assignment rules may choose. Pure: no database access."""

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
    """Reason why a member of a rule cannot get the lead."""

    INACTIVE = "inactive"  # or no longer a user of the clinic, or may not work on leads
    OUT_OF_OFFICE = "out_of_office"
    OVER_CEILING = "over_ceiling"  # has as many open leads as the ceiling allows
    OFF_DUTY = "off_duty"  # strategy `schedule`: another member is on duty, or will be sooner


@dataclass(slots=True)
class RosterUser:
    """Availability and load of a user. `may_work`: is active and may work on leads.

    `hours` is None if the clinic's opening hours apply.
    """

    id: UUID
    may_work: bool = True
    out_until: datetime | None = None
    hours: BusinessHours | None = None
    open_leads: int = 0


@dataclass(slots=True)
class Roster:
    """Users that may be chosen at `at`, and the last choice of each rule. Updated with every assignment."""

    calendar: Calendar
    at: datetime
    people: Mapping[UUID, RosterUser]
    last: dict[UUID | None, UUID] = field(default_factory=dict)
    _on_duty: dict[UUID, datetime | None] = field(default_factory=dict)

    def record_assignment(self, user_id: UUID, rule: Rule) -> None:
        """Count one more open lead for the user, and record the rule's turn."""
        self.people[user_id].open_leads += 1
        self.last[rule.id] = user_id

    def obstacles(self, rule: Rule) -> list[tuple[Member, Obstacle | None]]:
        """Return each member of the rule with their obstacle; None if the member can take a lead."""
        found = [(member, self._obstacle(member)) for member in rule.members]
        if rule.strategy is not Strategy.SCHEDULE:
            return found
        free = [self.on_duty_from(member.user_id) for member, obstacle in found if obstacle is None]
        soonest = min(filter(None, free), default=self.at)
        return [
            (member, obstacle or (None if self.on_duty_from(member.user_id) == soonest else Obstacle.OFF_DUTY))
            for member, obstacle in found
        ]

    def is_available(self, user_id: UUID | None) -> bool:
        """Return whether the id belongs to a user who may work on leads and is not out of office."""
        return user_id is not None and self._obstacle(Member(user_id)) is None

    def on_duty_from(self, user_id: UUID) -> datetime | None:
        """Return `at`, or the next start of the user's working hours; None if they never work."""
        if user_id not in self._on_duty:
            self._on_duty[user_id] = self._compute_on_duty(user_id)
        return self._on_duty[user_id]

    def _compute_on_duty(self, user_id: UUID) -> datetime | None:
        person = self.people.get(user_id)
        try:
            return user_calendar(self.calendar, person.hours if person else None).next_open(self.at)
        except NeverOpen:
            return None

    def _obstacle(self, member: Member) -> Obstacle | None:
        person = self.people.get(member.user_id)
        if person is None or not person.may_work:
            return Obstacle.INACTIVE
        if person.out_until is not None:
            return Obstacle.OUT_OF_OFFICE
        if member.ceiling is not None and person.open_leads >= member.ceiling:
            return Obstacle.OVER_CEILING
        return None


@lru_cache(maxsize=1024)
def user_calendar(clinics: Calendar, hours: BusinessHours | None) -> Calendar:
    """Return the clinic's calendar with a user's hours. Cached, because a calendar caches the days it computed."""
    return replace(clinics, hours=hours) if hours else clinics
