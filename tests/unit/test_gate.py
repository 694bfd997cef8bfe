"""Checks of the contact policy, one by one and combined. March 2026 in New York, on daylight-saving time."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.core.calendar.calendar import BusinessHours, Calendar, HolidayCalendar, QuietHours
from app.engine.models import Reason
from app.identity.contact_policy import ContactPolicy
from app.messaging.contact_policy.checks import CHECKS
from app.messaging.contact_policy.gate import Allow, GateDecision, Never, Until, evaluate_gate, explain_gate
from app.messaging.contact_policy.gate_input import ContactAttempt, ContactFacts, PlannedMessage, SentMessage

NEW_YORK, LOS_ANGELES, BERLIN = map(ZoneInfo, ("America/New_York", "America/Los_Angeles", "Europe/Berlin"))
WEEK = {day: [["09:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
CLINIC = Calendar(NEW_YORK, BusinessHours.from_json(WEEK), closed_on=HolidayCalendar("US", closed=frozenset()))


def at(wall: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime.fromisoformat(wall).replace(tzinfo=zone).astimezone(UTC)


TUESDAY = at("2026-03-10 11:00")
TOUCH = ContactAttempt("email", "mia@lead.example", planned_at=TUESDAY - timedelta(days=1), series="check-in")
KNOWN = ContactFacts(CLINIC)


def policy(**rules: Any) -> ContactFacts:
    return replace(KNOWN, policy=ContactPolicy(**rules))


def hours(n: float) -> timedelta:
    return timedelta(hours=n)


def sent_at(*walls: str, series: str | None = None) -> list[SentMessage]:
    return [SentMessage(at(wall), series) for wall in walls]


def test_gate_blocks_a_message_if_its_zones_leave_no_time_of_day():
    # Quiet for 13 hours from 8 to 21; in the zone 12 hours away that is from 20 to 9.
    days = Calendar(NEW_YORK, CLINIC.hours, quiet=QuietHours(time(8), time(21)))
    known = replace(KNOWN, calendar=days, places=(ZoneInfo("UTC"), ZoneInfo("Etc/GMT+12")))
    assert evaluate_gate(TOUCH, known, TUESDAY) == Never(Reason.OUTSIDE_HOURS)


def test_gate_allows_a_message_without_obstacles():
    assert evaluate_gate(TOUCH, KNOWN, TUESDAY) == Allow()
    assert {finding.decision for finding in explain_gate(TOUCH, KNOWN, TUESDAY)} == {Allow()}


BEFORE, AFTER = TOUCH.planned_at - hours(1), TOUCH.planned_at + hours(1)


@pytest.mark.parametrize(
    ("touch", "known", "verdict"),
    [
        ({}, {"restricted_at": BEFORE}, Never(Reason.RESTRICTED)),
        ({}, {"opted_out_at": BEFORE}, Never(Reason.OPTED_OUT)),
        ({}, {"opted_out_channels": ["email"]}, Never(Reason.OPTED_OUT_OF_CHANNEL)),
        ({}, {"opted_out_channels": ["http"]}, Allow()),
        ({"address": None}, {}, Never(Reason.NO_ADDRESS)),
        ({"address": ""}, {}, Never(Reason.NO_ADDRESS)),
        ({}, {"is_suppressed": True}, Never(Reason.SUPPRESSED)),
        ({"address": "mia@lead@example"}, {}, Never(Reason.INVALID_ADDRESS)),
        ({"address": "mia keller@lead.example"}, {}, Never(Reason.INVALID_ADDRESS)),
        ({"stops_at_reply": True}, {"replied_at": AFTER}, Never(Reason.REPLIED)),
        ({"stops_at_reply": True}, {"replied_at": BEFORE}, Allow()),
        (
            {"stops_at_reply": True},
            {"replied_at": TOUCH.planned_at},
            Allow(),
        ),  # a message triggered by the reply itself
        ({}, {"replied_at": AFTER}, Allow()),  # a confirmation is sent after a reply, too
        # several obstacles: the first check decides
        ({"address": None}, {"opted_out_at": BEFORE, "restricted_at": BEFORE}, Never(Reason.RESTRICTED)),
        ({"address": None}, {"opted_out_at": BEFORE}, Never(Reason.OPTED_OUT)),
    ],
)
@pytest.mark.parametrize("is_transactional", [False, True])
def test_gate_blocks_a_message_for_good(
    touch: dict[str, Any], known: dict[str, Any], verdict: GateDecision, is_transactional: bool
):
    touch = {**touch, "is_transactional": is_transactional}
    assert evaluate_gate(replace(TOUCH, **touch), replace(KNOWN, **known), TUESDAY) == verdict


@pytest.mark.parametrize(
    ("places", "now", "until"),
    [
        ((), "2026-03-10 20:59", None),
        ((), "2026-03-10 21:00", "2026-03-11 08:00"),
        ((), "2026-03-11 07:59", "2026-03-11 08:00"),
        ((LOS_ANGELES,), "2026-03-10 10:59", "2026-03-10 11:00"),  # 07:59 there, three hours earlier
        ((LOS_ANGELES,), "2026-03-10 21:00", None),  # 18:00 there
        ((LOS_ANGELES, NEW_YORK), "2026-03-10 21:00", "2026-03-11 11:00"),  # when it is 08:00 in both
        ((), "2026-03-07 23:00", "2026-03-08 08:00"),  # the night in which the clocks go forward
    ],
)
def test_gate_defers_during_quiet_hours_of_the_leads_zones(places: tuple[ZoneInfo, ...], now: str, until: str | None):
    verdict = evaluate_gate(TOUCH, replace(KNOWN, places=places), at(now))
    assert verdict == (Until(at(until), Reason.OUTSIDE_HOURS) if until else Allow())


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-03-13 20:00", None),  # Friday
        ("2026-03-14 12:00", "2026-03-16 08:00"),  # until Monday, and then it is night until 8
        ("2026-03-15 23:59", "2026-03-16 08:00"),
        ("2026-03-16 08:00", None),
    ],
)
def test_gate_defers_at_weekends(now: str, until: str | None):
    assert evaluate_gate(TOUCH, KNOWN, at(now)) in (Allow(), Until(at("2026-03-16 08:00"), Reason.OUTSIDE_HOURS))
    verdict = evaluate_gate(TOUCH, policy(weekends=False), at(now))
    if until is None:
        assert verdict == Allow()
    else:
        assert isinstance(verdict, Until)
        assert verdict.instant == at(until)


def test_weekend_is_computed_in_the_leads_zone():
    auckland = replace(policy(weekends=False), places=(ZoneInfo("Pacific/Auckland"),))
    # 16:00 on Friday in New York is 09:00 on Saturday in Auckland, which is 17 hours ahead until April.
    assert evaluate_gate(TOUCH, auckland, at("2026-03-13 16:00")) == Until(
        at("2026-03-16 08:00", ZoneInfo("Pacific/Auckland")), Reason.WEEKEND
    )


@pytest.mark.parametrize(
    ("now", "until", "reason"),
    [
        ("2026-07-02 12:00", None, None),  # Thursday
        ("2026-07-03 12:00", "2026-07-05 08:00", Reason.HOLIDAY),  # the 4th is a Saturday, and observed on Friday
        (
            "2026-07-02 22:00",
            "2026-07-05 08:00",
            Reason.OUTSIDE_HOURS,
        ),  # a night, and two holidays
        ("2026-12-25 12:00", "2026-12-26 08:00", Reason.HOLIDAY),
    ],
)
def test_gate_defers_on_the_clinics_holidays(now: str, until: str | None, reason: Reason | None):
    verdict = evaluate_gate(TOUCH, policy(holidays=False), at(now))
    assert verdict == (Until(at(until), reason) if until and reason else Allow())


def test_gate_defers_on_holidays_of_the_leads_country():
    known = replace(policy(holidays=False), places=(BERLIN,), days_off=HolidayCalendar("DE"))
    unity = at("2026-10-03 10:00", BERLIN)
    assert evaluate_gate(TOUCH, known, unity) == Until(at("2026-10-04 08:00", BERLIN), Reason.HOLIDAY)
    assert evaluate_gate(TOUCH, replace(known, policy=ContactPolicy()), unity) == Allow()


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-03-10 17:59", None),
        ("2026-03-10 18:00", "2026-03-11 09:00"),
        ("2026-03-13 18:00", "2026-03-16 09:00"),  # Friday evening
        ("2026-07-02 18:00", "2026-07-06 09:00"),  # Thursday, and Friday is a holiday
    ],
)
def test_gate_defers_outside_business_hours(now: str, until: str | None):
    verdict = evaluate_gate(TOUCH, policy(business_hours_only=True), at(now))
    assert verdict == (Until(at(until), Reason.OUTSIDE_BUSINESS_HOURS) if until else Allow())


@pytest.mark.parametrize(
    ("cap", "walls", "until"),
    [
        (2, ["2026-03-10 08:30"], None),
        (2, ["2026-03-10 08:30", "2026-03-10 09:30"], "2026-03-11 08:00"),  # at midnight, and then it is night
        (1, ["2026-03-09 20:59"], None),  # yesterday
        (1, ["2026-03-10 00:00"], "2026-03-11 08:00"),
        (1, ["2026-03-11 00:00"], None),  # pending, and tomorrow
    ],
)
def test_gate_applies_the_daily_cap(cap: int, walls: list[str], until: str | None):
    verdict = evaluate_gate(TOUCH, replace(policy(daily_cap=cap), sent=sent_at(*walls)), TUESDAY)
    assert verdict == (Until(at(until), Reason.DAILY_CAP) if until else Allow())


def test_daily_cap_uses_the_leads_zone():
    known = replace(policy(daily_cap=1), places=(LOS_ANGELES,), sent=sent_at("2026-03-10 01:00"))
    # 01:00 in New York was 22:00 of the day before in Los Angeles.
    assert evaluate_gate(TOUCH, known, at("2026-03-10 12:00")) == Allow()
    both = replace(known, places=(LOS_ANGELES, NEW_YORK))
    assert evaluate_gate(TOUCH, both, at("2026-03-10 12:00")) == Until(at("2026-03-11 11:00"), Reason.DAILY_CAP)


@pytest.mark.parametrize(
    ("walls", "until"),
    [
        (["2026-03-09 08:00"], None),
        (["2026-03-09 08:00", "2026-03-10 08:00"], "2026-03-16 08:00"),  # from Monday, the 9th, to Sunday, the 15th
        (["2026-03-08 20:00", "2026-03-10 08:00"], None),  # Sunday was last week
    ],
)
def test_gate_applies_the_weekly_cap(walls: list[str], until: str | None):
    verdict = evaluate_gate(TOUCH, replace(policy(weekly_cap=2), sent=sent_at(*walls)), TUESDAY)
    assert verdict == (Until(at(until), Reason.WEEKLY_CAP) if until else Allow())


@pytest.mark.parametrize(
    ("walls", "series", "verdict"),
    [
        (["2024-01-01 10:00", "2026-01-01 10:00"], "check-in", Never(Reason.SEQUENCE_CAP)),  # however long ago
        (["2026-01-01 10:00"], "check-in", Allow()),
        (["2024-01-01 10:00", "2026-01-01 10:00"], "another", Allow()),
    ],
)
def test_gate_applies_the_cap_per_sequence(walls: list[str], series: str, verdict: GateDecision):
    known = replace(policy(per_sequence_cap=2), sent=sent_at(*walls, series=series))
    assert evaluate_gate(TOUCH, known, TUESDAY) == verdict
    assert evaluate_gate(replace(TOUCH, series=None), known, TUESDAY) == Allow()


@pytest.mark.parametrize(
    ("walls", "until"),
    [
        (["2026-03-10 07:00"], None),  # 4 h ago exactly
        (["2026-03-10 08:30"], "2026-03-10 12:30"),
        (["2026-03-10 08:30", "2026-03-10 10:00"], "2026-03-10 14:00"),
    ],
)
def test_gate_applies_the_minimum_interval(walls: list[str], until: str | None):
    verdict = evaluate_gate(TOUCH, replace(policy(minimum_interval=hours(4)), sent=sent_at(*walls)), TUESDAY)
    assert verdict == (Until(at(until), Reason.MINIMUM_INTERVAL) if until else Allow())


@pytest.mark.parametrize(
    ("walls", "ahead", "until"),
    [
        (["2026-03-09 11:00"], [], None),  # 24 h ago exactly
        (["2026-03-09 12:00"], [], "2026-03-10 12:00"),
        (["2026-03-10 10:00"], [], "2026-03-11 10:00"),
        ([], [("2026-03-10 15:00", 1)], "2026-03-11 15:00"),  # it is to go in 4 h, and matters more
        ([], [("2026-03-10 15:00", 100)], None),  # ... as much: first come, first served
        ([], [("2026-03-10 15:00", 101)], None),
        ([], [("2026-03-11 11:00", 1)], None),  # in 24 h exactly
        (["2026-03-10 10:00"], [("2026-03-11 20:00", 1)], "2026-03-12 20:00"),  # then it would be 10 h before the other
        ([], [("2026-03-10 22:00", 1)], "2026-03-12 08:00"),  # 22:00 of the 11th is in the night
    ],
)
def test_gate_allows_one_message_per_window(walls: list[str], ahead: list[tuple[str, int]], until: str | None):
    planned = [PlannedMessage(at(wall), priority) for wall, priority in ahead]
    known = replace(policy(window=hours(24)), sent=sent_at(*walls), planned=planned)
    verdict = evaluate_gate(TOUCH, known, TUESDAY)
    assert verdict == (Until(at(until), Reason.ANOTHER_TOUCH) if until else Allow())


def test_gate_defers_while_the_gateway_is_throttled():
    known = replace(KNOWN, throttled_until=at("2026-03-10 11:20"))
    for touch in (TOUCH, replace(TOUCH, is_transactional=True)):
        assert evaluate_gate(touch, known, TUESDAY) == Until(at("2026-03-10 11:20"), Reason.THROTTLED)
        assert evaluate_gate(touch, known, at("2026-03-10 11:20")) == Allow()


def test_reason_is_the_check_that_explains_the_time():
    """A daily cap ends at midnight; only the window of a day explains eleven o'clock."""
    known = replace(policy(daily_cap=1, window=timedelta(days=1)), sent=sent_at("2026-03-10 10:00"))
    verdict = evaluate_gate(TOUCH, known, TUESDAY)
    assert verdict == Until(at("2026-03-11 10:00"), Reason.ANOTHER_TOUCH)
    assert isinstance(verdict, Until)
    assert verdict.moves == (
        (Reason.DAILY_CAP, at("2026-03-11 00:00")),
        (Reason.OUTSIDE_HOURS, at("2026-03-11 08:00")),
        (Reason.ANOTHER_TOUCH, at("2026-03-11 10:00")),
    )


def test_gate_defers_for_400_days_at_most():
    limit = TUESDAY + timedelta(days=400)
    for until, verdict in (
        (limit, Until(limit, Reason.THROTTLED)),
        (limit + timedelta(microseconds=1), Never(Reason.THROTTLED)),
    ):
        assert evaluate_gate(TOUCH, replace(KNOWN, throttled_until=until), TUESDAY) == verdict


def test_transactional_message_ignores_hours_and_caps():
    busy = replace(
        policy(
            daily_cap=1, weekly_cap=1, per_sequence_cap=1, minimum_interval=hours(4), window=hours(24),
            business_hours_only=True, weekends=False, holidays=False,
        ),
        sent=sent_at("2026-07-03 22:50", series="check-in"),
        planned=[PlannedMessage(at("2026-07-03 23:30"), 1)],
    )  # fmt: skip
    night = at("2026-07-03 23:00")
    awaited = replace(TOUCH, is_transactional=True)
    assert evaluate_gate(awaited, busy, night) == Allow()
    assert {finding.decision for finding in explain_gate(awaited, busy, night)} == {Allow()}
    spared = {finding.check for finding in explain_gate(awaited, busy, night) if not finding.applies}
    assert spared == {finding.check for finding in explain_gate(TOUCH, busy, night) if finding.decision != Allow()} | {
        Reason.WEEKEND,  # it is Friday
        Reason.AWAITS_DECISION,
    }


SATURDAYS = Calendar(NEW_YORK, BusinessHours.from_json({"sat": WEEK["mon"]}))


@pytest.mark.parametrize(
    ("clinic", "rules"),
    [
        (Calendar(NEW_YORK, BusinessHours.from_json({})), {"business_hours_only": True}),  # never opens
        (SATURDAYS, {"business_hours_only": True, "weekends": False}),
        (Calendar(NEW_YORK, SATURDAYS.hours, quiet=QuietHours(time(8), time(19))), {"business_hours_only": True}),
    ],
)
def test_gate_blocks_a_message_that_no_time_of_a_year_allows(clinic: Calendar, rules: dict[str, Any]):
    known = replace(KNOWN, calendar=clinic, policy=ContactPolicy(**rules))
    assert isinstance(evaluate_gate(TOUCH, known, at("2026-03-10 11:00")), Never)


def test_default_priority_is_100():
    assert (TOUCH.priority, PlannedMessage(TUESDAY).priority) == (100, 100)


def test_reply_check_needs_a_reply():
    assert evaluate_gate(replace(TOUCH, stops_at_reply=True), KNOWN, TUESDAY) == Allow()


def test_cap_per_sequence_does_not_count_messages_without_a_sequence():
    known = replace(policy(per_sequence_cap=1), sent=sent_at("2026-03-01 10:00"))
    for series in (None, "check-in"):
        assert evaluate_gate(replace(TOUCH, series=series), known, TUESDAY) == Allow()


@pytest.mark.parametrize("channel", ["in_app", "pigeon"])
def test_address_is_not_checked_for_a_channel_that_reaches_no_leads(channel: str):
    assert evaluate_gate(replace(TOUCH, channel=channel, address="not@an@address"), KNOWN, TUESDAY) == Allow()


WHATSAPP = replace(TOUCH, channel="whatsapp", address="+12125550143")
OUTSIDE = Never(Reason.OUTSIDE_SESSION)


@pytest.mark.parametrize(
    ("attempt", "last_inbound_at", "decision"),
    [
        (WHATSAPP, None, OUTSIDE),
        (WHATSAPP, TUESDAY, Allow()),
        (WHATSAPP, TUESDAY - timedelta(hours=23, minutes=59), Allow()),
        (WHATSAPP, TUESDAY - timedelta(hours=24), OUTSIDE),
        (replace(WHATSAPP, is_transactional=True), None, OUTSIDE),  # the provider would refuse it too
        (replace(WHATSAPP, has_provider_template=True), None, Allow()),
        (replace(WHATSAPP, channel="sms"), None, Allow()),
    ],
)
def test_free_text_by_whatsapp_needs_a_message_of_the_lead_in_24_hours(
    attempt: ContactAttempt, last_inbound_at: datetime | None, decision: GateDecision
):
    known = replace(KNOWN, last_inbound_at=last_inbound_at)
    assert evaluate_gate(attempt, known, TUESDAY) == decision


def test_session_that_ends_in_quiet_hours_allows_no_later_text():
    known = replace(KNOWN, last_inbound_at=at("2026-03-10 02:00"))
    assert evaluate_gate(WHATSAPP, known, at("2026-03-11 01:00")) == OUTSIDE
    assert isinstance(
        evaluate_gate(WHATSAPP, replace(known, last_inbound_at=at("2026-03-10 22:00")), at("2026-03-11 01:00")), Until
    )


def test_explanation_shows_the_facts_of_each_check():
    rules = {"daily_cap": 9, "weekly_cap": 8, "per_sequence_cap": 7, "minimum_interval": hours(1), "window": hours(2)}
    sent = [*sent_at("2026-03-02 10:00", series="check-in"), *sent_at("2026-03-03 10:00")]
    known = replace(
        policy(weekends=False, holidays=False, business_hours_only=True, **rules),
        restricted_at=BEFORE,
        opted_out_at=AFTER,
        opted_out_channels=("http",),
        is_suppressed=True,
        replied_at=AFTER,
        sent=sent,
        planned=[PlannedMessage(at("2026-03-01 10:00"), 1), PlannedMessage(at("2026-03-19 10:00"), 200)],
        throttled_until=at("2026-03-11 10:00"),
    )
    there = {"America/New_York": "2026-03-10T11:00-04:00"}
    gone = [at("2026-03-02 10:00"), at("2026-03-03 10:00")]
    shown = [(finding.check, finding.facts) for finding in explain_gate(TOUCH, known, TUESDAY)]
    assert shown == [
        (Reason.RESTRICTED, {"restricted_at": BEFORE}),
        (Reason.OPTED_OUT, {"opted_out_at": AFTER}),
        (Reason.OPTED_OUT_OF_CHANNEL, {"channel": "email", "opted_out_channels": ["http"]}),
        (Reason.NO_ADDRESS, {"has_address": True}),
        (Reason.SUPPRESSED, {"is_suppressed": True}),
        (Reason.INVALID_ADDRESS, {"is_valid": True}),
        (Reason.REPLIED, {"stops_at_reply": False, "planned_at": TOUCH.planned_at, "replied_at": AFTER}),
        (Reason.OUTSIDE_SESSION, {"last_inbound_at": None, "has_provider_template": False}),
        (Reason.SEQUENCE_CAP, {"per_sequence_cap": 7, "series": "check-in", "gone": gone[:1]}),
        (Reason.AWAITS_DECISION, {"decide_by": None}),
        (Reason.THROTTLED, {"throttled_until": at("2026-03-11 10:00")}),
        (Reason.OUTSIDE_HOURS, {"quiet": CLINIC.quiet, "there": there}),
        (Reason.WEEKEND, {"weekends": False, "there": there}),
        (Reason.HOLIDAY, {"holidays": False, "there": there}),
        (Reason.OUTSIDE_BUSINESS_HOURS, {"business_hours_only": True}),
        (Reason.DAILY_CAP, {"daily_cap": 9, "gone": gone}),
        (Reason.WEEKLY_CAP, {"weekly_cap": 8, "gone": gone}),
        (Reason.MINIMUM_INTERVAL, {"minimum_interval": hours(1), "gone": gone}),
        (Reason.ANOTHER_TOUCH, {"window": hours(2), "priority": 100, "rivals": [at("2026-03-01 10:00"), *gone]}),
    ]


def test_explanation_says_that_an_address_is_missing_or_wrong():
    for address, has_address, is_valid in ((None, False, False), ("mia@lead@example", True, False)):
        found = {one.check: one.facts for one in explain_gate(replace(TOUCH, address=address), KNOWN, TUESDAY)}
        assert (found[Reason.NO_ADDRESS], found[Reason.INVALID_ADDRESS]) == (
            {"has_address": has_address},
            {"is_valid": is_valid},
        )


def test_explanation_lists_every_check_with_its_facts_in_order():
    known = replace(policy(daily_cap=1, weekends=False), sent=sent_at("2026-03-14 10:00"), places=(NEW_YORK,))
    saturday_night = at("2026-03-14 22:00")
    findings = explain_gate(TOUCH, known, saturday_night)
    assert [finding.check for finding in findings] == [check.reason for check in CHECKS]
    said = {finding.check: finding for finding in findings}
    assert said[Reason.OUTSIDE_HOURS].decision == Until(at("2026-03-15 08:00"), Reason.OUTSIDE_HOURS)
    assert said[Reason.OUTSIDE_HOURS].facts["there"] == {"America/New_York": "2026-03-14T22:00-04:00"}
    assert said[Reason.WEEKEND].decision == Until(at("2026-03-16 00:00"), Reason.WEEKEND)
    assert said[Reason.DAILY_CAP].decision == Until(at("2026-03-15 00:00"), Reason.DAILY_CAP)
    assert said[Reason.DAILY_CAP].facts == {"daily_cap": 1, "gone": [at("2026-03-14 10:00")]}
    assert evaluate_gate(TOUCH, known, saturday_night) == Until(at("2026-03-16 08:00"), Reason.WEEKEND)
    assert "mia@" not in str(findings)


def test_policy_is_read_from_its_stored_form():
    kept = {"daily_cap": 3, "minimum_interval": "1 day 4 hours", "window": None, "weekends": False}
    assert ContactPolicy.from_json(kept) == ContactPolicy(daily_cap=3, minimum_interval=hours(28), weekends=False)
    assert ContactPolicy.from_json({}) == ContactPolicy()


@pytest.mark.parametrize(
    ("rules", "looks_back", "most"),
    [
        ({}, timedelta(), 1),
        ({"holidays": False, "business_hours_only": True}, timedelta(), 1),
        ({"daily_cap": 3}, timedelta(days=2), 3),
        ({"weekly_cap": 5, "window": timedelta(days=10)}, timedelta(days=10), 5),
        ({"per_sequence_cap": 5}, timedelta(), 5),
    ],
)
def test_policy_reads_only_as_much_history_as_it_needs(rules: dict[str, Any], looks_back: timedelta, most: int):
    found = ContactPolicy(**rules)
    assert (found.looks_back, found.most_counted) == (looks_back, most)
    assert found.counts_touches == bool(looks_back or found.per_sequence_cap)


def test_closed_dates_of_the_clinic_are_holidays():
    closed = Calendar(NEW_YORK, CLINIC.hours, closed_on=HolidayCalendar(closed=frozenset({date(2026, 3, 10)})))
    known = replace(policy(holidays=False), calendar=closed)
    assert evaluate_gate(TOUCH, known, TUESDAY) == Until(at("2026-03-11 08:00"), Reason.HOLIDAY)
