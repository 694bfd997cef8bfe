"""Every figure of analytics equals a brute-force oracle, and its list holds exactly the leads of the oracle."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from app.analytics import reports
from app.analytics.measures import Basis
from app.analytics.survival import Duration, quantiles
from app.api.leads.list_schemas import LeadQuery
from app.core.db import transaction
from app.identity.actor import Actor
from app.leads.attribution.models import LeadSource
from app.leads.models import Lead
from app.leads.search.listing import lead_conditions
from tests.support.analytics_oracle import Expected, Oracle
from tests.support.desk import the_app
from tests.support.lead_histories import Act, History, histories, utc
from tests.support.practice import Practice, Watch

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
]
DAYS = [-1, 0, 1, 2, 3, 4]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.zone)
@settings(
    max_examples=2,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(acts=histories, first=st.sampled_from(DAYS), length=st.integers(1, 12), ripens=st.integers(0, 4))
def test_figures_and_lists_equal_a_brute_force_oracle(
    open_practice: Callable[..., Practice],
    watch: Watch,
    setting: Setting,
    acts: list[Act],
    first: int,
    length: int,
    ripens: int,
):
    watch.set(setting.begin)
    practice = open_practice(timezone=setting.zone)
    with transaction() as session:
        ids = list(session.scalars(select(LeadSource.id).where(LeadSource.clinic_id == practice.clinic_id).limit(2)))
    history = History(practice, watch, ids)
    history.replay(acts, begin=setting.begin)
    check(practice, history, first=first, length=length, ripens=ripens)


def check(practice: Practice, history: History, *, first: int, length: int, ripens: int) -> None:
    from_ = history.leads[0].created if history.leads else datetime.now().astimezone()
    calendar = practice.actor().clinic.calendar
    now = datetime.now().astimezone()
    begin = calendar.local(from_).date() + timedelta(days=first)
    end = begin + timedelta(days=length)
    mature = calendar.local(now).date() - timedelta(days=ripens)
    oracle = Oracle(history.leads, calendar, begin, end, mature, now)
    query = {"from_": begin, "to": end, "mature_days": ripens, "target_minutes": 120}
    actor = practice.actor()
    for basis in Basis:
        check_basis(actor, oracle, {**query, "basis": basis}, basis)
    for row in shown(reports.velocity_report, actor, query)["rows"]:
        compare(actor, row, oracle.velocity(row["key"]))
    contact = shown(reports.first_contact_report, actor, {**query, "by": "day"})
    compare(actor, contact["rows"][0], oracle.general("cohort"))


def check_basis(actor: Actor, oracle: Oracle, query: dict[str, Any], basis: Basis) -> None:
    for row in shown(reports.funnel_report, actor, query)["rows"]:
        compare(actor, row, oracle.funnel(row["key"], basis))
    summary = shown(reports.summary_report, actor, {**query, "by": "day"})
    compare(actor, summary["rows"][0], oracle.general(basis))
    for day in summary["buckets"]:
        of_day = replace(oracle, first=day["from_"], end=day["to"])
        compare(actor, day["rows"][0], of_day.general(basis))
    attributes = {"source_report": "source", "coordinator_report": "owner", "lost_reason_report": "reason"}
    for name, attribute in attributes.items():
        for row in shown(getattr(reports, name), actor, query)["rows"]:
            oracle.row = lambda lead, key=row["key"], attribute=attribute: getattr(lead, attribute) == key
            compare(actor, row, oracle.general(basis))
    oracle.row = lambda _: True


def shown(report: Callable[..., Any], actor: Actor, query: dict[str, Any]) -> dict[str, Any]:
    with transaction() as session:
        found: dict[str, Any] = report(session, actor, query)
    return found


def compare(actor: Actor, row: dict[str, Any], expected: dict[str, Expected]) -> None:
    for figure in row["figures"]:
        wanted = expected[figure["metric"]]
        about = (row["key"], figure, wanted)
        assert figure["value"] == (wanted.value if wanted.value is None else pytest.approx(wanted.value)), about
        assert figure["leads"] == len(wanted.leads), about
        assert listed(actor, figure["drill"]) == {lead.id for lead in wanted.leads}, about
        assert (figure["among"] is None) == (wanted.among is None), about
        if wanted.among is not None:
            assert figure["among"]["leads"] == len(wanted.among), about
            assert listed(actor, figure["among"]["drill"]) == {lead.id for lead in wanted.among}, about


def listed(actor: Actor, drill: str) -> set[UUID]:
    """Return the ids of the leads in the list that a figure links to."""
    url = urlsplit(drill)
    assert url.path == "/api/leads"
    with the_app().test_request_context():
        query = LeadQuery().read(MultiDict(parse_qsl(url.query)))
    with transaction() as session:
        return set(session.scalars(select(Lead.id).where(*lead_conditions(session, actor, query))))


def test_median_of_durations_counts_those_that_go_on():
    durations = [Duration(2, 1, 0), Duration(4, 1, 1), Duration(6, 0, 1), Duration(8, 1, 0)]
    # 5 at risk: 4/5 after 2 hours; 4 at risk: 3/4 of that, 0.6, after 4 hours; 1 at risk: 0 after 8 hours
    assert quantiles(durations, (0.2, 0.5, 0.9)) == [2, 8, 8]
    assert quantiles([Duration(5, 1, 3)], (0.25, 0.5)) == [5, None]
    assert quantiles([], (0.5,)) == [None]
