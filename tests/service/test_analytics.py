"""Every figure of analytics equals a brute-force oracle, and its list holds exactly the leads of the oracle."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.analytics import reports, tables
from app.analytics.metrics.measures import Basis
from app.analytics.periods import By, Compare
from app.analytics.reports import Touch
from app.analytics.survival import Duration, quantiles
from app.core.db import transaction
from app.identity.actor import Actor
from app.leads.attribution.models import LeadSource
from tests.support.analytics_oracle import Expected, Oracle
from tests.support.figure_lists import compare, shown
from tests.support.lead_histories import Act, History, Known, histories, utc
from tests.support.practice import Practice, Watch
from tests.support.rolling_up import roll_up

pytest_plugins = ["tests.support.practice"]


class Setting(NamedTuple):
    """A time zone, and an instant some days before its clocks change."""

    zone: str
    begin: datetime


SETTINGS = [
    Setting("America/New_York", utc("2026-03-06T20:00")),
    Setting("Africa/Cairo", utc("2026-04-22T20:00")),  # clocks go forward at midnight
    Setting("America/Havana", utc("2026-10-30T20:00")),  # clocks go back to midnight
    Setting("Australia/Lord_Howe", utc("2026-04-02T20:00")),  # by half an hour
    Setting("Asia/Kolkata", utc("2026-03-06T20:00")),
    Setting("Pacific/Auckland", utc("2026-04-02T20:00")),
]
DAYS = [-1, 0, 1, 2, 3, 4]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.zone)
@settings(
    max_examples=2,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(
    acts=histories,
    first=st.sampled_from(DAYS),
    length=st.integers(1, 12),
    ripens=st.integers(0, 4),
    is_rolled_up=st.booleans(),
)
def test_figures_and_lists_equal_a_brute_force_oracle(
    open_practice: Callable[..., Practice],
    watch: Watch,
    setting: Setting,
    acts: list[Act],
    first: int,
    length: int,
    ripens: int,
    is_rolled_up: bool,
):
    practice, history = begin_history(open_practice, watch, setting)
    half = len(acts) // 2
    history.replay(acts[:half], begin=setting.begin)
    watch.advance(days=3)
    roll_up()
    history.replay(acts[half:], begin=datetime.now().astimezone())  # changes leads of counted days
    if is_rolled_up:
        watch.advance(days=3)
        roll_up()
    check(practice, history, first=first, length=length, ripens=ripens)


def begin_history(open_practice: Callable[..., Practice], watch: Watch, setting: Setting) -> tuple[Practice, History]:
    watch.set(setting.begin)
    practice = open_practice(timezone=setting.zone)
    with transaction() as session:
        ids = list(session.scalars(select(LeadSource.id).where(LeadSource.clinic_id == practice.clinic_id).limit(2)))
    return practice, History(practice, watch, ids)


def test_first_contact_before_the_creation_of_a_merged_lead_counts_as_no_time(
    open_practice: Callable[..., Practice], watch: Watch
):
    practice, history = begin_history(open_practice, watch, SETTINGS[0])
    acts = [("capture", 1, 0, 60), ("call", 0, 1, 60), ("capture", 1, 0, 60), ("merge", 1, 0, 60)]
    history.replay(acts, begin=SETTINGS[0].begin)
    watch.advance(days=3)
    check(practice, history, first=0, length=3, ripens=0)
    roll_up()
    check(practice, history, first=0, length=3, ripens=0)


def test_campaigns_with_the_fewest_leads_have_no_row(open_practice: Callable[..., Practice], watch: Watch):
    practice, _ = begin_history(open_practice, watch, SETTINGS[0])
    for number in range(tables.MOST_CAMPAIGNS):
        practice.capture(source_campaign=f"campaign {number:03}")
    practice.capture(source_campaign="spring")
    practice.capture(source_campaign="spring")
    today = SETTINGS[0].begin.date()
    query = {"from_": today - timedelta(days=1), "to": today + timedelta(days=2), "basis": Basis.COHORT}
    keys = [row["key"] for row in shown(reports.campaign_report, practice.actor(), query)["rows"]]
    assert (len(keys), keys[0]) == (tables.MOST_CAMPAIGNS, "spring")
    compared = shown(reports.campaign_report, practice.actor(), {**query, "compare": Compare.PREVIOUS_YEAR})
    assert compared["comparison"]["rows"] == []
    by_day = {**query, "from_": today - timedelta(days=300), "by": By.DAY}
    assert len(shown(reports.campaign_report, practice.actor(), by_day)["rows"]) == tables.MOST_ROWS_OF_BUCKETS // 302


def check(practice: Practice, history: History, *, first: int, length: int, ripens: int) -> None:
    from_ = history.leads[0].created if history.leads else datetime.now().astimezone()
    calendar = practice.actor().clinic.calendar
    now = datetime.now().astimezone()
    begin = calendar.local(from_).date() + timedelta(days=first)
    end = begin + timedelta(days=length)
    mature = calendar.local(now).date() - timedelta(days=ripens or -1)  # 0: the leads of today count, too
    oracle = Oracle(history.leads, calendar, begin, end, mature, now)
    query = {"from_": begin, "to": end, "mature_days": ripens, "target_minutes": 120}
    actor = practice.actor()
    for basis in Basis:
        check_basis(actor, oracle, {**query, "basis": basis}, basis)
    check_report(actor, oracle, query, Checked(reports.velocity_report, lambda of, row: of.velocity(row["key"])))
    by_day = {**query, "by": By.DAY}
    check_report(actor, oracle, by_day, Checked(reports.first_contact_report, lambda of, _: of.general("cohort")))
    check_report(actor, oracle, by_day, Checked(reports.response_report, lambda of, _: of.general("cohort")))
    for row in shown(reports.pipeline_report, actor, query)["rows"]:
        compare(actor, row, replace(oracle, row=lambda lead, stage=row["key"]: lead.stage == stage).pipeline())


def check_basis(actor: Actor, oracle: Oracle, query: dict[str, Any], basis: Basis) -> None:
    by_day = {**query, "by": By.DAY}
    check_report(actor, oracle, by_day, Checked(reports.funnel_report, lambda of, row: of.funnel(row["key"], basis)))
    check_report(actor, oracle, by_day, Checked(reports.summary_report, lambda of, _: of.general(basis)))
    for name, key_of in ROWS.items():
        check_report(actor, oracle, by_day, Checked(getattr(reports, name), partial(of_row, key_of, basis)))
    for touch, place in ((Touch.FIRST, 0), (Touch.LAST, -1)):
        source_of = partial(source_of_touch, place)
        by_touch = Checked(reports.attribution_report, partial(of_row, source_of, basis))
        check_report(actor, oracle, {**query, "touch": touch}, by_touch)


def source_of_touch(place: int, lead: Known) -> UUID:
    return lead.touches[place][1]


def of_row(key_of: Callable[[Known], Any], basis: Basis, oracle: Oracle, row: dict[str, Any]) -> dict[str, Expected]:
    return replace(oracle, row=lambda lead: key_of(lead) == row["key"]).general(basis)


ROWS: dict[str, Callable[[Known], Any]] = {
    "source_report": lambda lead: lead.source,
    "campaign_report": lambda lead: lead.campaign,
    "coordinator_report": lambda lead: lead.owner,
    "lost_reason_report": lambda lead: lead.reason,
    "conversion_report": lambda lead: f"{lead.source}:{lead.owner or ''}",
}


class Checked(NamedTuple):
    """A report, and the figures that the oracle expects in a row."""

    report: Callable[..., Any]
    expected: Callable[[Oracle, dict[str, Any]], dict[str, Expected]]


def check_report(actor: Actor, oracle: Oracle, query: dict[str, Any], checked: Checked) -> None:
    """Compare rows, comparison and days with the oracle, and the lists of the whole period."""
    before = oracle.first - (oracle.end - oracle.first)
    found = shown(checked.report, actor, {**query, "compare": Compare.PREVIOUS_PERIOD})
    parts = [found, found["comparison"], *(found["buckets"] or [])]
    assert [(one["from_"], one["to"]) for one in parts[:2]] == [(oracle.first, oracle.end), (before, oracle.first)]
    for part in parts:
        of_days = replace(oracle, first=part["from_"], end=part["to"])
        for row in part["rows"]:
            compare(actor, row, checked.expected(of_days, row), with_lists=part is found)


def test_median_of_durations_counts_those_that_go_on():
    durations = [Duration(2, 1, 0), Duration(4, 1, 1), Duration(6, 0, 1), Duration(8, 1, 0)]
    # 5 at risk: 4/5 after 2 hours; 4 at risk: 3/4 of that, 0.6, after 4 hours; 1 at risk: 0 after 8 hours
    assert quantiles(durations, (0.2, 0.5, 0.9)) == [2, 8, 8]
    assert quantiles([Duration(5, 1, 3)], (0.25, 0.5)) == [5, None]
    assert quantiles([], (0.5,)) == [None]
