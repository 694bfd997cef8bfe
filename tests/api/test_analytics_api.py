"""Analytics: lists behind figures, definitions, visibility, costs, filters and errors."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import time_machine

from app.analytics.reporting.catalogue import NAMED_REPORTS
from app.api.analytics.schemas import FigureOut
from app.identity.models import Role
from tests.support.desk import Caller, Desk
from tests.support.importing import send

pytest_plugins = ["tests.support.desk"]

BASE = "/api/leads/analytics"
REPORTS = ["summary", "funnel", "sources", "campaigns", "coordinators", "lost-reasons"]
OTHERS = ["velocity", "first-contact", "response", "pipeline", "attribution", "conversions", "automation"]
ALL = [*REPORTS, *OTHERS, "follow-ups"]


def utc_now() -> datetime:
    return datetime.now(UTC)


def rows_of(caller: Caller, report: str, **query: Any) -> dict[str | None, dict[str, Any]]:
    """Return the figures of a report, by row and metric."""
    answer = caller.get(f"{BASE}/{report}", **query)
    assert answer.status == 200, answer.body
    return {row["key"]: {one["metric"]: one for one in row["figures"]} for row in answer.body["rows"]}


def listed(caller: Caller, drill: str) -> set[str]:
    url = urlsplit(drill)
    return {lead["id"] for lead in caller.every(url.path, **dict(parse_qsl(url.query)))}


@pytest.fixture
def leads(desk: Desk) -> dict[str, str]:
    """A new, a scheduled, a converted and a lost lead."""
    ids = {}
    for number, name in enumerate(("new", "scheduled", "converted", "lost")):
        about = {"tags": [name], "source_campaign": "fall" if name == "new" else None}
        ids[name] = desk.capture(phone=f"+1212555014{number}", lead_value=f"{100 * number}.00", **about)["id"]
    done = [
        desk.admin.post(f"/api/leads/{ids['scheduled']}/stage", {"stage": "consultation_scheduled"}),
        desk.admin.post(f"/api/leads/{ids['converted']}/convert", {}),
        desk.admin.post(f"/api/leads/{ids['lost']}/lost", {"reason": "NO_RESPONSE"}),
    ]
    assert [answer.status for answer in done] == [200, 200, 200]
    return ids


@pytest.mark.parametrize("basis", ["cohort", "period"])
def test_each_figure_links_to_the_list_of_its_leads(desk: Desk, leads: dict[str, str], basis: str):
    for report in REPORTS:
        for row in rows_of(desk.admin, report, basis=basis, by="month").values():
            check_lists(desk.admin, row)
    for report in OTHERS:
        for row in rows_of(desk.admin, report, stage="consultation_scheduled").values():
            check_lists(desk.admin, row)


def test_figures_have_the_types_and_fields_of_their_schema(desk: Desk, leads: dict[str, str]):
    paths = [*(f"{BASE}/{name}" for name in ALL), *(f"{BASE}/reports/{name}" for name in NAMED_REPORTS)]
    for path in paths:
        rows = [row for row in desk.admin.get(path).body["rows"] if row["figures"]]
        assert rows or path.endswith("/automation"), path
        for figure in (figure for row in rows for figure in row["figures"]):
            assert FigureOut().dump(figure) == figure
            assert figure.keys() == FigureOut().fields.keys()
            assert figure["value"] is None or isinstance(figure["value"], float), figure


def check_lists(caller: Caller, row: dict[str, Any]) -> None:
    for figure in row.values():
        for counted in (figure, figure["among"]):
            if counted is not None:
                assert len(listed(caller, counted["drill"])) == counted["leads"], counted


def test_definitions_come_with_the_figures(desk: Desk):
    body = desk.admin.get(f"{BASE}/sources", basis="period").body
    words = {one["metric"]: one["words"] for one in body["definitions"]}
    assert words["converted_leads"] == "Leads that became patients in the period."
    assert (body["basis"], body["timezone"], body["rows"]) == ("period", "America/New_York", [])


def test_empty_clinic_has_zeros_and_no_rates(desk: Desk):
    [figures] = rows_of(desk.admin, "summary").values()
    assert figures["total_leads"]["value"] == 0
    assert figures["conversion_rate"]["value"] is None
    assert figures["average_time_to_convert"]["value"] is None
    assert [row["reached"]["value"] for row in rows_of(desk.admin, "funnel").values()] == [0] * 7


def test_funnel_separates_skipped_from_never_reached(desk: Desk, leads: dict[str, str]):
    contacted = rows_of(desk.admin, "funnel")["contacted"]
    assert listed(desk.admin, contacted["skipped"]["drill"]) == {leads["scheduled"], leads["converted"]}
    assert listed(desk.admin, contacted["never_reached"]["drill"]) == {leads["new"], leads["lost"]}
    assert listed(desk.admin, contacted["never_reached_lost"]["drill"]) == {leads["lost"]}
    assert contacted["value"]["value"] == 300


def test_young_leads_are_left_out_of_rates(desk: Desk, leads: dict[str, str]):
    answer = desk.admin.get(f"{BASE}/summary").body
    assert answer["mature"] is False
    rate = next(one for one in answer["rows"][0]["figures"] if one["metric"] == "conversion_rate")
    assert (rate["value"], rate["among"]["leads"]) == (None, 0)
    [later] = rows_of(desk.admin, "summary", basis="period").values()
    assert later["conversion_rate"]["value"] == 0.25


def test_report_says_when_rates_begin_while_all_leads_are_young(desk: Desk):
    days = {"from": "2026-03-01", "to": "2026-04-01"}

    def reported(report: str = "summary", **query: Any) -> dict[str, Any]:
        answer = desk.hire(Role.CLINIC_ADMIN).get(f"{BASE}/{report}", **query)
        return {"begin": answer.body["rates_begin"]} | {
            one["metric"]: one["value"] for row in answer.body["rows"] for one in row["figures"]
        }

    with time_machine.travel(datetime(2026, 3, 2, 15, tzinfo=UTC), tick=False) as clock:
        assert reported(**days)["begin"] is None  # no leads: zeros, and nothing to wait for
        desk.capture()
        assert [reported(name, **days)["begin"] for name in ("summary", "funnel", "automation")] == ["2026-04-02"] * 3
        assert reported(mature_days=10, **days)["begin"] == "2026-03-13"
        clock.move_to(datetime(2026, 4, 1, 15, tzinfo=UTC))
        desk.hire(Role.CLINIC_ADMIN).post("/api/leads", desk.lead_data(phone="+12125550178"))
        still, later = reported(**days), {"from": "2026-04-01", "to": "2026-05-01"}
        assert (still["begin"], still["conversion_rate"]) == ("2026-04-02", None)
        clock.move_to(datetime(2026, 4, 2, 15, tzinfo=UTC))
        begun = reported(**days)
        assert (begun["begin"], begun["conversion_rate"], reported(**later)["begin"]) == (None, 0, "2026-05-02")


def test_begin_of_rates_is_that_of_the_leads_that_the_report_counts(desk: Desk):
    days = {"from": "2026-03-01", "to": "2026-05-01"}

    def begin(caller: Caller, report: str = "summary", **query: Any) -> str | None:
        found: str | None = caller.get(f"{BASE}/{report}", **days, **query).body["rates_begin"]
        return found

    with time_machine.travel(datetime(2026, 3, 2, 15, tzinfo=UTC), tick=False) as clock:
        desk.capture(source_campaign="fall")
        clock.move_to(datetime(2026, 3, 12, 15, tzinfo=UTC))
        admin, idle = desk.hire(Role.CLINIC_ADMIN), desk.hire(Role.DOCTOR)
        admin.post("/api/leads", desk.lead_data(phone="+12125550178", source_campaign="spring"))
        assert [begin(admin), begin(admin, source_campaign="spring")] == ["2026-04-02", "2026-04-12"]
        assert begin(admin, assigned_to_id=idle.id) is None
        assert [begin(admin, report) for report in ("follow-ups", "response", "first-contact", "velocity")] == [
            None
        ] * 4
        assert begin(admin, basis="period") is None


def test_filters_limit_figures_and_lists(desk: Desk, leads: dict[str, str]):
    [figures] = rows_of(desk.admin, "summary", tag="lost").values()
    assert listed(desk.admin, figures["total_leads"]["drill"]) == {leads["lost"]}
    [mine] = rows_of(desk.admin, "summary", assigned_to_id=desk.admin.id).values()
    assert mine["total_leads"]["value"] == len(listed(desk.admin, mine["total_leads"]["drill"]))
    assert set(rows_of(desk.admin, "lost-reasons")) == {"NO_RESPONSE"}


def test_campaigns_have_a_row_each_and_leads_without_one_have_none(desk: Desk, leads: dict[str, str]):
    desk.capture(phone="+12125550172", source_campaign="")  # as without one
    spring = desk.capture(phone="+12125550171", source_campaign="spring & summer=1")["id"]
    rows = rows_of(desk.admin, "campaigns", mature_days=0)
    assert set(rows) == {"fall", "spring & summer=1"}
    assert listed(desk.admin, rows["fall"]["total_leads"]["drill"]) == {leads["new"]}
    assert listed(desk.admin, rows["spring & summer=1"]["total_leads"]["drill"]) == {spring}
    [figures] = rows_of(desk.admin, "summary", source_campaign="spring & summer=1").values()
    assert listed(desk.admin, figures["total_leads"]["drill"]) == {spring}


def test_rates_without_a_waiting_time_include_the_leads_of_today(desk: Desk):
    desk.capture(source_campaign="spring")
    [rates] = rows_of(desk.admin, "summary", source_campaign="spring", mature_days=0).values()
    [later] = rows_of(desk.admin, "summary", source_campaign="spring", mature_days=1).values()
    assert (rates["conversion_rate"]["value"], later["conversion_rate"]["value"]) == (0, None)


def test_callers_count_only_the_leads_they_see(desk: Desk):
    meg, sam = desk.hire(Role.MANAGER, "Meg"), desk.hire(Role.SALES, "Sam")
    team = desk.admin.post("/api/teams", {"name": "North"}).body["id"]
    for member in (meg, sam):
        assert desk.admin.patch(f"/api/users/{member.id}", {"team_id": team}).status == 200
    theirs = desk.capture(assigned_to_id=sam.id)["id"]
    desk.capture(phone="+12125550144", assigned_to_id=desk.admin.id)
    desk.admin.patch(f"/api/lead-sources/{desk.source_id}", {"monthly_cost": "900.00"})
    for report in REPORTS + OTHERS:
        for row in rows_of(meg, report).values():
            check_lists(meg, row)
    assert set(rows_of(meg, "coordinators")) == {sam.id}
    [figures] = rows_of(meg, "summary").values()
    assert listed(meg, figures["total_leads"]["drill"]) == {theirs}
    assert figures["cost_per_lead"]["value"] is None  # the spend bought others' leads, too
    assert [sam.get(f"{BASE}/{report}").status for report in ALL] == [403] * len(ALL)


def test_other_clinics_do_not_count(desk: Desk, other_desk: Desk):
    other_desk.capture(phone="+12125550150")
    [figures] = rows_of(desk.admin, "summary", source_id=other_desk.source_id).values()
    assert figures["total_leads"]["value"] == 0
    assert rows_of(desk.admin, "coordinators", assigned_to_id=other_desk.admin.id) == {}


def test_cost_of_a_source_counts_from_the_month_of_its_change(desk: Desk):
    path = f"/api/lead-sources/{desk.source_id}"
    with time_machine.travel(datetime(2026, 1, 10, 12, tzinfo=UTC), tick=True):
        assert desk.hire(Role.CLINIC_ADMIN).patch(path, {"monthly_cost": "310.00"}).status == 200
    with time_machine.travel(datetime(2026, 2, 10, 12, tzinfo=UTC), tick=True):
        admin = desk.hire(Role.CLINIC_ADMIN)
        assert admin.patch(path, {"monthly_cost": "560.00"}).status == 200
        assert admin.post("/api/leads", desk.lead_data()).status == 201
    spent = {
        days: rows_of(desk.admin, "sources", **{"from": days[0], "to": days[1]})[desk.source_id]["marketing_spend"]
        for days in (("2026-01-01", "2026-02-01"), ("2026-01-22", "2026-02-15"), ("2026-02-15", "2026-03-15"))
    }
    # 31 days of 10.00; ten of them and 14 of 20.00; 14 of 20.00, and 14/31 of March's 560.00
    assert [figure["value"] for figure in spent.values()] == [310.0, 380.0, 532.9]
    february = rows_of(desk.admin, "sources", **{"from": "2026-02-01", "to": "2026-03-01"})[desk.source_id]
    assert (february["cost_per_lead"]["value"], february["cost_per_acquisition"]["value"]) == (560.0, None)
    before = rows_of(desk.admin, "sources", **{"from": "2025-11-01", "to": "2025-12-01"})
    assert before.get(desk.source_id, {}).get("marketing_spend", {}).get("value") is None


def test_day_with_a_clock_change_has_all_its_leads(desk: Desk):
    for hour in (datetime(2026, 3, 8, 5, tzinfo=UTC), datetime(2026, 3, 9, 3, 59, tzinfo=UTC)):  # 23 hours
        with time_machine.travel(hour, tick=True):
            admin = desk.hire(Role.CLINIC_ADMIN)
            assert admin.post("/api/leads", desk.lead_data(phone=f"+121255501{hour.minute:02}")).status == 201
    days = desk.admin.get(f"{BASE}/summary", **{"from": "2026-03-07", "to": "2026-03-10", "by": "day"}).body["buckets"]
    assert [day["rows"][0]["figures"][0]["value"] for day in days] == [0, 2, 0]
    assert [day["from"] for day in days] == ["2026-03-07", "2026-03-08", "2026-03-09"]


def test_imported_leads_have_no_time_to_first_contact(desk: Desk):
    desk.capture()
    send(desk.admin, b"Name,Phone,Source\nBea Ruiz,+12125550145,Other\n")
    desk.sql("UPDATE leads SET capture_channel = 'IMPORT' WHERE first_name = 'Bea'")
    [figures] = rows_of(desk.admin, "first-contact").values()
    assert figures["not_contacted_leads"]["value"] == 1


def test_first_contact_counts_attempts_and_keeps_the_earliest(desk: Desk):
    lead, twin = desk.capture(), desk.capture(phone="+12125550149")
    call = {"type": "PHONE_CALL", "outcome": "no_answer"}
    assert desk.admin.post(f"/api/leads/{lead['id']}/activities", call).status == 201
    [figures] = rows_of(desk.admin, "first-contact", target_minutes=5).values()
    assert listed(desk.admin, figures["contacted_leads"]["drill"]) == {lead["id"]}
    assert figures["contacted_within_target"]["value"] == 0.5
    desk.admin.post(f"/api/leads/{twin['id']}/merge", {"lead_id": lead["id"]})
    [figures] = rows_of(desk.admin, "first-contact").values()
    assert listed(desk.admin, figures["contacted_leads"]["drill"]) == {twin["id"]}


def test_comparison_shows_the_same_rows_of_the_earlier_days(desk: Desk, leads: dict[str, str]):
    year = desk.admin.get(f"{BASE}/funnel", compare="previous_year", **{"from": "2026-02-01", "to": "2026-03-01"}).body
    assert (year["comparison"]["from"], year["comparison"]["to"]) == ("2025-02-01", "2025-03-01")
    days = desk.admin.get(f"{BASE}/sources", compare="previous_period", **{"from": "2026-02-01", "to": "2026-03-01"})
    assert (days.body["comparison"]["from"], days.body["comparison"]["rows"]) == ("2026-01-04", [])


@pytest.mark.parametrize(
    ("report", "query", "pointers"),
    [
        ("summary", {"from": "2026-02-01", "to": "2026-02-01"}, ["/from"]),
        ("summary", {"from": "2024-01-01", "to": "2026-02-01"}, ["/from"]),
        ("funnel", {"from": "yesterday", "by": "hour", "basis": "all"}, ["/basis", "/by", "/from"]),
        ("sources", {"compare": "last", "mature_days": "-1"}, ["/compare", "/mature_days"]),
        ("velocity", {"by": "day"}, ["/by"]),
        ("first-contact", {"target_minutes": "0"}, ["/target_minutes"]),
    ],
)
def test_mistakes_have_pointers(desk: Desk, report: str, query: dict[str, str], pointers: list[str]):
    assert desk.admin.get(f"{BASE}/{report}", **query).pointers == pointers


def test_lists_filter_by_history(desk: Desk, leads: dict[str, str]):
    def found(**query: Any) -> set[str]:
        return {lead["id"] for lead in desk.admin.every("/api/leads", **query)}

    assert found(reached_stage="treatment_started,lost") == {leads["converted"], leads["lost"]}
    assert found(not_reached_stage="treatment_started,lost") == {leads["new"], leads["scheduled"]}
    assert found(entered_stage="lost", entered_from="2026-01-01T00:00:00Z") == {leads["lost"]}
    assert found(lost_reason="NO_RESPONSE") == {leads["lost"]}
    assert found(has_coordinator="false") == set()
    assert desk.admin.get("/api/leads", entered_to="2026-01-01T00:00:00Z").pointers == ["/entered_to"]


def test_response_rate_counts_answers_to_people_and_to_messages(desk: Desk):
    called, wrote, silent, _ = (desk.capture(phone=f"+1212555015{number}")["id"] for number in range(4))
    for lead, outcome in ((called, "spoke"), (wrote, "no_answer"), (silent, "no_answer")):
        call = {"type": "PHONE_CALL", "outcome": outcome}
        assert desk.admin.post(f"/api/leads/{lead}/activities", call).status == 201
    desk.admin.post(f"/api/leads/{wrote}/activities", {"type": "EMAIL", "direction": "INBOUND"})
    [figures] = rows_of(desk.admin, "response").values()
    assert listed(desk.admin, figures["reached_out_leads"]["drill"]) == {called, wrote, silent}
    assert listed(desk.admin, figures["answered_leads"]["drill"]) == {called, wrote}
    assert figures["response_rate"]["value"] == pytest.approx(2 / 3)
    assert set(rows_of(desk.admin, "response", rows="source")) == {desk.source_id}


def test_conversions_have_a_row_for_each_source_and_coordinator(desk: Desk, leads: dict[str, str]):
    ana = desk.hire(Role.TREATMENT_COORDINATOR, "Ana")
    desk.capture(phone="+12125550161", assigned_to_id=ana.id)
    rows = rows_of(desk.admin, "conversions", basis="period", by="month")
    for row in rows.values():
        check_lists(desk.admin, row)
    assert f"{desk.source_id}:{ana.id}" in rows
    assert sum(row["total_leads"]["value"] for row in rows.values()) == 5


def test_attribution_counts_leads_for_the_source_of_a_touch(desk: Desk):
    lead = desk.capture()["id"]
    sources = {one["name"]: one["id"] for one in desk.admin.every("/api/lead-sources")}
    other = next(one for one in sources.values() if one != desk.source_id)
    desk.sql(f"UPDATE leads SET last_touch_source_id = '{other}' WHERE id = '{lead}'")
    assert set(rows_of(desk.admin, "attribution", touch="first")) == {desk.source_id}
    last = rows_of(desk.admin, "attribution", touch="last")
    assert set(last) == {other}
    check_lists(desk.admin, last[other])


def test_pipeline_has_the_value_of_open_leads_in_the_order_of_stages(desk: Desk, leads: dict[str, str]):
    rows = rows_of(desk.admin, "pipeline")
    assert list(rows) == ["new_lead", "consultation_scheduled"]
    for row in rows.values():
        check_lists(desk.admin, row)
    assert rows["consultation_scheduled"]["open_value"]["value"] == 100
    assert listed(desk.admin, rows["new_lead"]["open_leads"]["drill"]) == {leads["new"]}


def test_follow_ups_count_tasks_by_their_completion(desk: Desk):
    lead = desk.capture()["id"]
    for title, due, done in (("early", 2, True), ("late", -2, True), ("overdue", -1, False), ("planned", 1, False)):
        body = {"title": title, "type": "CALL", "due_at": (utc_now() + timedelta(hours=3)).isoformat()}
        task = desk.admin.post(f"/api/leads/{lead}/tasks", body).body["id"]
        desk.sql(f"UPDATE lead_tasks SET due_at = now() + interval '{due} days' WHERE id = '{task}'")
        if done:
            assert desk.admin.post(f"/api/leads/tasks/{task}/complete", {"outcome": "spoke"}).status == 200
    period = {"from": str(utc_now().date() - timedelta(days=10)), "to": str(utc_now().date() + timedelta(days=10))}
    row = rows_of(desk.admin, "follow-ups", **period)[None]
    values = {name: figure["value"] for name, figure in row.items()}
    assert values == {
        "due_tasks": 4,
        "completed_on_time": 1,
        "completed_late": 1,
        "overdue_tasks": 1,
        "upcoming_tasks": 1,
        "completion_rate": pytest.approx(2 / 3),
        "on_time_rate": pytest.approx(1 / 3),
    }
    for figure in row.values():
        url = urlsplit(figure["drill"])
        assert len(list(desk.admin.every(url.path, **dict(parse_qsl(url.query))))) == figure["leads"], figure
    by_assignee = rows_of(desk.admin, "follow-ups", rows="assignee", by="day", **period)
    assert sum(one["due_tasks"]["value"] for one in by_assignee.values()) == 4
    dashboard = desk.admin.get("/api/followups/dashboard").body
    assert dashboard["completion_rate"] == pytest.approx(values["completion_rate"])


def test_dashboard_has_the_mean_time_of_the_report_on_first_contact(desk: Desk):
    for number, minutes in enumerate((10, 50, None)):
        lead = desk.capture(phone=f"+1212555017{number}")["id"]
        if minutes:
            desk.sql(f"UPDATE leads SET first_contact_at = created_at + interval '{minutes} min' WHERE id = '{lead}'")
    desk.sql(
        f"UPDATE leads SET capture_channel = 'IMPORT', first_contact_at = now() WHERE id = '{desk.capture()['id']}'"
    )
    [figures] = rows_of(desk.admin, "first-contact").values()
    assert figures["mean_time_to_contact"]["value"] == pytest.approx(30)
    assert desk.admin.get("/api/followups/dashboard").body["response_seconds"] == pytest.approx(1800)
