"""Simulations over REST, which write nothing and send nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.clock import now
from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]

OWN, SALES = "/api/playbooks/own/simulate", "/api/playbooks/moving_sales/simulate"
START = "2026-03-10T15:00:00Z"
WRITTEN = ("steps", "lead_tasks", "notifications", "lead_activities", "leads", "events")


def entries_of(simulated: Any, what: str) -> list[tuple[str, str]]:
    return [(entry["name"], entry["at"]) for entry in simulated["timeline"] if entry["what"] == what]


def test_uninstalled_playbook_is_simulated_with_a_sample_lead(desk: Desk):
    simulated = desk.admin.post(SALES, {"start": START, "days": 2}).body
    [created] = [entry for entry in simulated["timeline"] if entry["name"] == "lead.created"]
    assert [(step["name"], step["due_at"]) for step in created["planned"]] == [
        ("website-lead-follow-up", "2026-03-10T16:00:00Z")
    ]
    assert {decision["rule"]: decision["verdict"] for decision in created["decisions"]} == {
        "website-lead-follow-up": "matched",
        "urgent-lead": "unmet",
        "referral-lead": "unmet",
        "negotiating-weekly": "unmet",
    }
    assert (simulated["is_complete"], simulated["until"], simulated["pending"]) == (True, "2026-03-12T15:00:00Z", [])


def test_simulation_writes_nothing(desk: Desk):
    lead = desk.capture()
    before = {table: desk.sql(f"SELECT * FROM {table} ORDER BY id") for table in WRITTEN}
    given = {"lead_id": lead["id"], "script": [{"at": "+1 day", "event": "lead.replied"}]}
    for is_new in (True, False):
        assert desk.admin.post(OWN, {**given, "is_new": is_new}).status == 200
    assert {table: desk.sql(f"SELECT * FROM {table} ORDER BY id") for table in WRITTEN} == before


def test_current_rules_are_simulated_with_the_clinics_time_settings(desk: Desk):
    script = [{"at": "+3 minutes", "event": "lead.contacted"}, {"holiday": "2026-03-11"}]
    facts = {"lead.timezone": "Asia/Tokyo"}
    simulated = desk.admin.post(OWN, {"start": START, "days": 1, "facts": facts, "script": script}).body
    assert entries_of(simulated, "cancelled") == [("no-contact-24h", "2026-03-10T15:03:00Z")]
    assert simulated["lead_timezone"] == "Asia/Tokyo"
    assert simulated["timeline"][0]["lead_time"] == "2026-03-11T00:00:00+09:00"


def test_existing_lead_continues_with_its_tasks_and_planned_steps(desk: Desk):
    lead = desk.capture()
    desk.plan(lead, title="Send the plan", due_at=(now() + timedelta(hours=2)).isoformat())
    simulated = desk.admin.post(OWN, {"lead_id": lead["id"], "is_new": False, "days": 3}).body
    names = {entry["name"] for entry in simulated["timeline"]}
    titles = {entry["details"].get("title") for entry in simulated["timeline"]}
    assert "lead.created" not in names
    assert {"speed-to-lead", "no-contact-24h", "task-reminder", "task.overdue"} <= names
    assert {"Initial Contact", "Send the plan"} <= titles


def test_lost_lead_starts_again_when_simulated_as_new(desk: Desk):
    lead = desk.capture()
    desk.admin.post(f"/api/leads/{lead['id']}/lost", {"reason": "OTHER"})
    simulated = desk.admin.post(OWN, {"lead_id": lead["id"], "start": START, "days": 1}).body
    assert ("speed-to-lead", START) in entries_of(simulated, "done")
    assert desk.admin.get(f"/api/leads/{lead['id']}").body["status"] == "LOST"


def test_opted_out_lead_gets_no_message(desk: Desk):
    lead = desk.capture()
    desk.admin.post(f"/api/leads/{lead['id']}/opt-out", {})
    script = [{"at": "+1 hour", "event": "consultation.scheduled"}]
    simulated = desk.admin.post(OWN, {"lead_id": lead["id"], "start": START, "days": 1, "script": script}).body
    [skipped] = [entry for entry in simulated["timeline"] if entry["what"] == "skipped"]
    assert (skipped["kind"], skipped["reason"]) == ("send_message", "opted_out")


def test_simulation_of_a_lead_requires_access_to_it(desk: Desk, other_desk: Desk):
    lead, theirs = desk.capture(), other_desk.capture(phone="+12125550199")
    assert desk.admin.post(OWN, {"lead_id": lead["id"]}).status == 200
    assert desk.admin.post(OWN, {"lead_id": theirs["id"]}).status == 404
    assert desk.admin.post(OWN, {"lead_id": str(uuid4())}).status == 404
    assert desk.program("automation:read").post(OWN, {"lead_id": lead["id"]}).status == 403


def test_unknown_playbook_is_not_found(desk: Desk):
    assert desk.admin.post("/api/playbooks/nonsense/simulate", {}).status == 404


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        ({"days": 0}, ["/days"]),
        ({"days": 367}, ["/days"]),
        ({"speed": 2}, ["/speed"]),
        ({"facts": {"lead.tag": "urgent"}}, ["/facts/lead.tag"]),
        ({"facts": {"lead.timezone": "Mars"}}, ["/facts/lead.timezone"]),
        ({"facts": {"event.outcome": "spoke"}}, ["/facts/event.outcome"]),
        ({"is_new": False}, ["/is_new"]),
        ({"is_new": False, "lead_id": str(uuid4()), "start": START}, ["/start"]),
        ({"script": [{"at": "+1 day"}, {"at": "soon", "event": "lead.replied"}]}, ["/script/0/event", "/script/1/at"]),
        ({"script": [{"at": "+1 day", "event": "lead.answered"}]}, ["/script/0/event"]),
        ({"script": [{"at": "+100 days", "event": "lead.replied"}]}, ["/script/0/at"]),
        ({"script": [{"at": "+1 day", "event": "lead.stage_changed"}]}, ["/script/0/facts"]),
        ({"script": [{"holiday": "2026-13-45"}]}, ["/script/0/holiday"]),
        ({"script": [{"holiday": "2026-03-17", "event": "lead.replied"}]}, ["/script/0/event"]),
        ({"script": [{"at": "+1 day", "event": "lead.replied", "speed": 2}]}, ["/script/0/speed"]),
        ({"script": [{"holiday": "2026-03-17"}] * 201}, ["/script"]),
    ],
)
def test_validation_error_names_the_path(desk: Desk, given: dict[str, Any], pointers: list[str]):
    assert desk.admin.post(OWN, given).pointers == pointers


def test_simulation_of_a_year_reports_where_it_stopped(desk: Desk):
    script = [{"at": f"+{hours} hours", "event": "lead.attempt_failed"} for hours in range(200)]
    simulated = desk.admin.post(OWN, {"start": START, "days": 366, "script": script}).body
    assert simulated["is_complete"] is True
    assert simulated["until"] == (datetime(2026, 3, 10, 15, tzinfo=UTC) + timedelta(days=366)).strftime("%Y-%m-%dT%XZ")


def test_draft_of_a_sequence_is_simulated(desk: Desk):
    steps = [{"name": name, "after": "1 day", "wait": {}} for name in ("one", "two")]
    made = desk.admin.post("/api/sequences", {"name": "welcome", "steps": steps}).body
    path = f"/api/sequences/{made['id']}/simulate"
    simulated = desk.admin.post(path, {"start": START, "days": 5}).body
    assert entries_of(simulated, "done") == [
        ("welcome/one", "2026-03-11T15:00:00Z"),
        ("welcome/two", "2026-03-12T15:00:00Z"),
    ]
    assert {entry["name"] for entry in simulated["timeline"]} == {"welcome", "welcome/one", "welcome/two"}
    desk.admin.patch(f"/api/sequences/{made['id']}", {"steps": steps[:1], "is_draft": True})
    script = [{"at": "+1 hour", "event": "lead.replied"}]
    assert entries_of(desk.admin.post(path, {"start": START}).body, "done") == [("welcome/one", "2026-03-11T15:00:00Z")]
    left = desk.admin.post(path, {"start": START, "script": script}).body["timeline"][-1]
    assert (left["what"], left["reason"], left["at"]) == ("left", "replied", "2026-03-10T16:00:00Z")


def test_opted_out_lead_cannot_be_enrolled(desk: Desk):
    lead = desk.capture()
    desk.admin.post(f"/api/leads/{lead['id']}/opt-out", {})
    step = {"name": "one", "after": "1 day", "wait": {}}
    made = desk.admin.post("/api/sequences", {"name": "welcome", "steps": [step]}).body
    simulated = desk.admin.post(f"/api/sequences/{made['id']}/simulate", {"lead_id": lead["id"]}).body
    assert [(entry["what"], entry["reason"]) for entry in simulated["timeline"]] == [("refused", "opted_out")]


def test_lead_continues_its_enrollments(desk: Desk):
    lead = desk.capture()
    steps = [{"name": name, "after": "1 day", "wait": {}} for name in ("one", "two")]
    made = desk.admin.post("/api/sequences", {"name": "welcome", "steps": steps}).body
    desk.admin.post(f"/api/sequences/{made['id']}/enrollments", {"lead_ids": [lead["id"]]})
    simulated = desk.admin.post(OWN, {"lead_id": lead["id"], "is_new": False, "days": 5}).body
    done = [name for name, _ in entries_of(simulated, "done")]
    assert [name for name in done if name.startswith("welcome/")] == ["welcome/one", "welcome/two"]


def test_moves_of_sequence_steps_are_shown(desk: Desk):
    steps = [{"name": "one", "after": {"time": "1 day", "at": "09:00"}, "wait": {}}]
    made = desk.admin.post("/api/sequences", {"name": "welcome", "steps": steps}).body
    simulated = desk.admin.post(f"/api/sequences/{made['id']}/simulate", {"start": "2026-03-10T15:00:00Z"}).body
    [planned] = [one for entry in simulated["timeline"] if entry["what"] == "next" for one in entry["planned"]]
    assert [(move["by"], move["to"]) for move in planned["moves"]] == [("hour_of_day", planned["due_at"])]
    assert planned["wanted_at"] == "2026-03-11T15:00:00Z"
