"""The life of one generated lead: what happens to it, until its fate or until now. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from math import exp
from random import Random
from typing import Final, NamedTuple

from app.core.calendar.calendar import Calendar
from app.core.type_aliases import JsonObject
from app.leads.timeline.models import ActivityType, Direction, Outcome
from app.ops.demo.history.truths import (
    BEST_HOUR,
    DECLINED_FOR,
    HOURS_OF_ANSWERS,
    REACHED_AT_BEST_HOUR,
    REACHED_AT_OTHER_HOURS,
    REFUSED_FOR,
    Coordinator,
)


class Fate(StrEnum):
    """How the first round of a lead ends."""

    CONVERTED = "converted"
    UNREACHED = "unreached"  # lost: no answer
    REFUSED = "refused"  # lost after the first conversation
    NO_SHOW = "no_show"  # lost: missed the consultation
    DECLINED = "declined"  # lost while deciding
    STUCK = "stuck"  # forgotten in its stage


class Happening(NamedTuple):
    """An entry of the timeline (`type`: an ActivityType), or `move`, `lose` or `reopen`."""

    at: datetime
    type: str
    values: JsonObject


class Chore(NamedTuple):
    """A task of the coordinator."""

    at: datetime
    due_at: datetime
    done_at: datetime
    title: str
    outcome: str


class Message(NamedTuple):
    """A message of the automation. It failed if `error` is set."""

    at: datetime
    channel: str
    template: str
    error: str | None


@dataclass
class Journey:
    """All that happens to a lead, in any order, also after the present."""

    happenings: list[Happening] = field(default_factory=list)
    chores: list[Chore] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)


MOVE, LOSE, REOPEN = "move", "lose", "reopen"
_FATES: Final[Mapping[Fate, float]] = {
    Fate.UNREACHED: 44,
    Fate.REFUSED: 22,
    Fate.NO_SHOW: 8,
    Fate.DECLINED: 18,
    Fate.STUCK: 8,
}
_MOST_CALLS: Final = 12
_BREAK_UP_AFTER: Final = 3  # failed calls
_HOURS: Final = range(24)
_AN_HOUR: Final = timedelta(hours=1)


class Life:
    """Draws the journey of one lead with its coordinator. `engaged` is a standard normal number."""

    def __init__(
        self, dice: Random, calendar: Calendar, coordinator: Coordinator, *, engaged: float, has_phone: bool
    ) -> None:
        self._dice, self._calendar, self._coordinator = dice, calendar, coordinator
        self._engaged, self._has_phone = engaged, has_phone
        self.journey = Journey()

    def begin(self, at: datetime, fate: Fate, *, reopened: bool) -> Journey:
        """Draw all that happens to a lead created at `at`. `reopened`: once it is lost, it gets a second round."""
        first = self._calendar.add_business_time(at, _AN_HOUR * self._coordinator.hours_to_contact * self._spread(0.8))
        self._send(at + timedelta(minutes=4), "email", "welcome")
        lost_at = self._round(at, first, fate)
        if lost_at and reopened:
            again = self._open(lost_at + timedelta(days=self._dice.uniform(20, 60)))
            self._happen(again, REOPEN, stage="contacted")
            self._converse(again + _AN_HOUR, Fate.CONVERTED if self._dice.random() < 0.3 else Fate.DECLINED)  # noqa: PLR2004
        return self.journey

    def _round(self, created: datetime, first: datetime, fate: Fate) -> datetime | None:
        """Call until the lead answers, then converse. Returns when the lead was lost."""
        at, asked, calls = first, created, 0
        most = self._dice.randint(3, 6) if fate is Fate.UNREACHED else _MOST_CALLS
        while True:
            calls += 1
            reached = fate is not Fate.UNREACHED and (self._answers(at) or calls == most)
            self._call(asked, at, reached=reached, first=calls == 1)
            if reached:
                break
            if calls == _BREAK_UP_AFTER:
                self._send(at + timedelta(minutes=1), "email", "break-up-email")
            if calls == most:
                return self._lose(at + timedelta(days=self._dice.uniform(3, 15)), "NO_RESPONSE")
            asked, at = at, self._some_hour(at + timedelta(days=self._dice.choice((1, 1, 1, 2, 3))))
        self._happen(at + timedelta(minutes=3), MOVE, stage="contacted")
        return self._converse(at, fate)

    def _converse(self, at: datetime, fate: Fate) -> datetime | None:
        """Draw what follows the first conversation. Returns when the lead was lost."""
        if fate is Fate.STUCK and self._dice.random() < 0.5:  # noqa: PLR2004
            return None
        if fate is Fate.REFUSED:
            return self._lose(at + self._days(9), self._one_of(REFUSED_FOR))
        booked = self._open(at + self._days(1.2))
        visit = self._some_hour(booked + self._days(7))
        self._happen(booked, ActivityType.CONSULTATION_SCHEDULED, scheduled_for=visit)
        self._happen(booked + timedelta(seconds=1), MOVE, stage="consultation_scheduled")
        self._send(booked + timedelta(minutes=1), "email", "consultation-confirmation")
        if fate is Fate.NO_SHOW or self._dice.random() < 0.12:  # noqa: PLR2004
            self._happen(visit, ActivityType.CONSULTATION_MISSED)
            if fate is Fate.NO_SHOW:
                return self._lose(visit + self._days(10), "NO_RESPONSE")
            visit = self._some_hour(visit + self._days(6))
        self._happen(visit, ActivityType.CONSULTATION_COMPLETED)
        self._happen(visit + timedelta(seconds=1), MOVE, stage="consultation_completed")
        return self._decide(visit, fate)

    def _decide(self, visit: datetime, fate: Fate) -> datetime | None:
        """Draw the decision after the consultation. Returns when the lead was lost."""
        quoted = self._open(visit + timedelta(hours=self._dice.uniform(1, 30)))
        self._happen(quoted, ActivityType.QUOTE_SENT, direction=Direction.OUTBOUND)
        self._happen(quoted + timedelta(seconds=1), MOVE, stage="pending_decision")
        if fate is Fate.STUCK:
            return None
        asked = self._some_hour(visit + timedelta(days=3))
        self._chore(visit, asked, "Follow up after the consultation", Outcome.SUCCESSFUL)
        self._happen(asked, ActivityType.PHONE_CALL, direction=Direction.OUTBOUND, outcome=Outcome.SPOKE)
        if fate is not Fate.CONVERTED:
            return self._lose(asked + self._days(14), self._one_of(DECLINED_FOR))
        accepted = self._open(asked + self._days(5))
        self._happen(accepted, MOVE, stage="treatment_accepted")
        self._happen(self._open(accepted + self._days(8)), MOVE, stage="treatment_started")
        return None

    def _call(self, asked: datetime, at: datetime, *, reached: bool, first: bool) -> None:
        title = "Initial Contact" if first else "Call again"
        missed = self._dice.choice((Outcome.NO_ANSWER, Outcome.VOICEMAIL))
        outcome = Outcome.SPOKE if reached else missed
        minutes = self._dice.randint(3, 14) if reached else 1
        self._chore(asked, at, title, outcome)
        how = ActivityType.PHONE_CALL if self._has_phone else ActivityType.IN_PERSON if reached else ActivityType.EMAIL
        self._happen(at, how, direction=Direction.OUTBOUND, outcome=outcome, duration_minutes=minutes)

    def _chore(self, asked: datetime, done: datetime, title: str, outcome: str) -> None:
        """Add a task that was done at `done`, after or before it was due."""
        early = timedelta(hours=self._dice.uniform(0.2, 4))
        late = timedelta(hours=self._dice.uniform(2, 60))
        due = done + early if self._dice.random() < self._coordinator.in_time else done - late
        self.journey.chores.append(Chore(asked, max(due, asked + timedelta(minutes=15)), done, title, outcome))

    def _send(self, at: datetime, channel: str, template: str) -> None:
        """Send a message of the automation. The lead may answer it, most likely around the best hour."""
        bounced = self._dice.random() < 0.02  # noqa: PLR2004
        self.journey.messages.append(Message(at, channel, template, "550 no such mailbox" if bounced else None))
        if bounced:
            return
        if self._dice.random() < 0.03:  # noqa: PLR2004
            self._happen(at + timedelta(minutes=1), ActivityType.EMAIL, direction=Direction.INBOUND, is_auto_reply=True)
        if self._dice.random() < 1 / (1 + exp(1.6 - 1.3 * self._engaged)):
            self._happen(self._answering_time(at), ActivityType.EMAIL, direction=Direction.INBOUND)

    def _answering_time(self, after: datetime) -> datetime:
        local = self._calendar.local(after)
        hour, minute = self._dice.choices(_HOURS, HOURS_OF_ANSWERS)[0], self._dice.randrange(60)
        day = local.date() + timedelta(days=self._dice.choice((0, 0, 1, 1, 2)))
        at = self._calendar.at_wall_time(day, local.time().replace(hour=hour, minute=minute))
        return at if at > after else at + timedelta(days=1)

    def _answers(self, at: datetime) -> bool:
        is_best = self._calendar.local(at).hour == BEST_HOUR
        return self._dice.random() < (REACHED_AT_BEST_HOUR if is_best else REACHED_AT_OTHER_HOURS)

    def _lose(self, at: datetime, reason: str) -> datetime:
        at = self._open(at)
        self._happen(at, LOSE, reason=reason)
        return at

    def _happen(self, at: datetime, type_: str, **values: object) -> None:
        self.journey.happenings.append(Happening(at, type_, values))

    def _open(self, at: datetime) -> datetime:
        """Return a time while the clinic is open, soon after `at`."""
        opens = self._calendar.next_open(at)
        return opens + timedelta(minutes=self._dice.randrange(50)) if opens > at else at

    def _some_hour(self, at: datetime) -> datetime:
        """Return a random time of the first day from `at` on, on which the clinic is open."""
        opens = self._calendar.next_open(self._calendar.at_wall_time(self._calendar.local(at).date(), _MIDNIGHT))
        return opens + timedelta(minutes=self._dice.randrange(9 * 60))

    def _spread(self, sigma: float) -> float:
        return self._dice.lognormvariate(0, sigma)

    def _days(self, median: float) -> timedelta:
        return timedelta(days=median * self._spread(0.5))

    def _one_of(self, weights: Mapping[str, float]) -> str:
        return self._dice.choices(list(weights), list(weights.values()))[0]


def draw_fate(dice: Random, chance: float, engaged: float) -> Fate:
    """Return the fate of a lead that converts with this chance. The less engaged, the more often it is not reached."""
    if dice.random() < chance:
        return Fate.CONVERTED
    weights = {fate: weight * (exp(-0.6 * engaged) if fate is Fate.UNREACHED else 1) for fate, weight in _FATES.items()}
    return dice.choices(list(weights), list(weights.values()))[0]


_MIDNIGHT: Final = datetime.min.time()
