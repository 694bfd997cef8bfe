"""Figures of rules and sequences equal a brute-force count over random leads, messages and replies."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.analytics.periods import Compare
from app.analytics.work.automation_effect import automation_report
from app.clock import now
from app.core.calendar.calendar import Calendar
from app.core.db import insert_many, new_id, transaction
from app.leads.duplicates.merge import merge
from app.leads.privacy.service import erase_lead
from app.messaging.models import Notification
from app.security.encrypted_fields import encrypt_row
from tests.support.analytics_oracle import Expected
from tests.support.figure_lists import compare, shown
from tests.support.lead_histories import utc
from tests.support.practice import Practice, Watch
from tests.support.rolling_up import roll_up

pytest_plugins = ["tests.support.practice"]

SERIES = ["break-up-email", "welcome", "nurture"]
A_WEEK = timedelta(days=7)
# Also no time, and exactly the time within which a reply counts.
STEPS = [timedelta(0), timedelta(minutes=50), timedelta(hours=9), timedelta(hours=31), A_WEEK]
ACTS = [*["capture"] * 4, *["exchange"] * 8, "plan", "send", "reply", "merge", "erase"]
ANSWERS = ["reply", "auto_reply", "convert"]


@dataclass
class MessagedLead:
    """A lead with the messages of rules and sequences, and its replies."""

    id: UUID
    created: datetime
    planned: set[str] = field(default_factory=set)
    sent: list[tuple[str, datetime]] = field(default_factory=list)
    replies: list[datetime] = field(default_factory=list)
    converted: datetime | None = None
    is_there: bool = True

    def sent_by(self, series: str) -> list[datetime]:
        return [at for one, at in self.sent if one == series]

    def has_replied_to(self, series: str) -> bool:
        return any(at < reply <= at + A_WEEK for at in self.sent_by(series) for reply in self.replies)

    def was_converted_after(self, series: str) -> bool:
        return self.converted is not None and any(at < self.converted for at in self.sent_by(series))


@dataclass
class Acts:
    """Random acts in a clinic, and the leads as an oracle knows them."""

    practice: Practice
    watch: Watch
    chance: random.Random
    leads: list[MessagedLead] = field(default_factory=list)

    def act(self, times: int) -> None:
        for _ in range(times):
            self._wait()
            living = [lead for lead in self.leads if lead.is_there]
            name = self.chance.choice(ACTS)
            if name == "capture" or not living:
                self.leads.append(MessagedLead(self.practice.capture(), now()))
            else:
                getattr(self, f"_{name}")(self.chance.choice(living))

    def _wait(self) -> None:
        self.watch.advance(seconds=self.chance.choice(STEPS).total_seconds())

    def _exchange(self, lead: MessagedLead) -> None:
        """Send a message and answer it, perhaps at once, and perhaps too late."""
        self._send(lead)
        self._wait()
        getattr(self, f"_{self.chance.choice(ANSWERS)}")(lead)

    def _send(self, lead: MessagedLead) -> None:
        series = self.chance.choice(SERIES)
        self._write(lead, series, state="sent", sent_at=now(), handed_over_at=now())
        lead.sent.append((series, now()))

    def _plan(self, lead: MessagedLead) -> None:
        state = self.chance.choice(["pending", "suppressed", "failed"])
        self._write(lead, self.chance.choice(SERIES), state=state)

    def _write(self, lead: MessagedLead, series: str, **columns: Any) -> None:
        row = {
            "id": new_id(),
            "clinic_id": self.practice.clinic_id,
            "lead_id": lead.id,
            "series": series,
            "channel": "email",
            "template": "one",
            "address": "mia@lead.example",
            "subject": "x",
            "body": "x",
            "attempts": 0,
            "created_at": now(),
            **columns,
        }
        with transaction() as session:
            insert_many(session, Notification, [encrypt_row(Notification, row)])
        lead.planned.add(series)

    def _reply(self, lead: MessagedLead) -> None:
        if not lead.converted:
            self.practice.hear_from(lead.id)
            lead.replies.append(now())

    def _auto_reply(self, lead: MessagedLead) -> None:
        if not lead.converted:
            self.practice.log(lead.id, "EMAIL", direction="INBOUND", is_auto_reply=True)

    def _convert(self, lead: MessagedLead) -> None:
        if not lead.converted:
            self.practice.convert(lead.id)
            lead.converted = now()

    def _merge(self, lead: MessagedLead) -> None:
        twins = [one for one in self.leads if one.is_there and one is not lead and not one.converted]
        if lead.converted or not twins:
            return
        twin = self.chance.choice(twins)
        with transaction() as session:
            merge(session, self.practice.actor(), lead.id, duplicate_id=twin.id)
        twin.is_there = False
        lead.planned |= twin.planned
        lead.sent += twin.sent
        lead.replies += twin.replies

    def _erase(self, lead: MessagedLead) -> None:
        if self.chance.random() < 0.4:
            with transaction() as session:
                erase_lead(session, self.practice.actor(), lead.id, reason="They asked.")
            lead.is_there = False


@dataclass
class AutomationOracle:
    """The leads of a clinic, and the period: local days from `first` to before `end`."""

    leads: list[MessagedLead]
    calendar: Calendar
    first: date
    end: date
    mature_before: date

    def created(self) -> list[MessagedLead]:
        return [lead for lead in self.leads if lead.is_there and self.first <= self._day(lead) < self.end]

    def _day(self, lead: MessagedLead) -> date:
        return self.calendar.local(lead.created).date()

    def keys(self) -> set[str]:
        return {series for lead in self.created() for series in lead.planned}

    def figures(self, series: str) -> dict[str, Expected]:
        created = self.created()
        planned = [lead for lead in created if series in lead.planned]
        sent = [lead for lead in created if lead.sent_by(series)]
        others = [lead for lead in created if not lead.sent_by(series)]
        mature, mature_others = (
            [lead for lead in leads if self._day(lead) < self.mature_before] for leads in (sent, others)
        )
        return {
            "planned_leads": Expected(len(planned), planned),
            "sent_leads": Expected(len(sent), sent),
            "reply_rate": share([lead for lead in sent if lead.has_replied_to(series)], sent),
            "reply_rate_without": share([lead for lead in others if lead.replies], others),
            "conversion_rate_after": share([lead for lead in mature if lead.was_converted_after(series)], mature),
            "conversion_rate_without": share([lead for lead in mature_others if lead.converted], mature_others),
        }


def share(leads: list[Any], among: list[Any]) -> Expected:
    return Expected(len(leads) / len(among) if among else None, leads, among)


@pytest.mark.parametrize(
    ("zone", "begin"),
    [
        ("America/New_York", "2026-03-06T20:00"),
        ("Africa/Cairo", "2026-04-22T20:00"),  # clocks go forward at midnight
        ("Australia/Lord_Howe", "2026-04-02T20:00"),  # clocks go back by half an hour
    ],
)
def test_figures_of_automation_equal_a_brute_force_count(
    open_practice: Callable[..., Practice], watch: Watch, zone: str, begin: str
):
    watch.set(utc(begin))
    practice = open_practice(timezone=zone)
    acts = Acts(practice, watch, random.Random(zone))
    acts.act(50)
    watch.advance(days=3)
    roll_up()
    acts.act(25)  # changes leads of counted days
    calendar = practice.actor().clinic.calendar
    today = calendar.local(now()).date()
    for days, mature_days in ((300, 0), (300, 90), (40, 20)):
        mature_before = today - timedelta(days=mature_days)
        begins = today - timedelta(days=days)
        check(practice, AutomationOracle(acts.leads, calendar, begins, today, mature_before), mature_days)


def check(practice: Practice, oracle: AutomationOracle, mature_days: int) -> None:
    actor = practice.actor()
    query = {"from_": oracle.first, "to": oracle.end, "mature_days": mature_days, "compare": Compare.PREVIOUS_PERIOD}
    found = shown(automation_report, actor, query)
    before = replace(oracle, first=oracle.first - (oracle.end - oracle.first), end=oracle.first)
    for part, of_days in ((found, oracle), (found["comparison"], before)):
        assert {row["key"] for row in part["rows"]} == of_days.keys()
        for row in part["rows"]:
            compare(actor, row, of_days.figures(row["key"]))
