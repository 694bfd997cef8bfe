"""Name and time zone of a clinic over REST, and what a new zone changes."""

from typing import Any

import pytest

from app.identity.models import Role
from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]

PATH = "/api/settings/clinic"
ZONE = {"timezone": "America/Los_Angeles"}


def planned(desk: Desk, action: dict[str, Any], at: str, **more: Any) -> str:
    """Return when a rule plans this action after an event at this time, as UTC."""
    rule = {"name": "tell", "on": "lead.created", "do": [action], "is_draft": True, **more}
    made = desk.admin.post("/api/follow-up-rules", rule).body
    tried = desk.admin.post(f"/api/follow-up-rules/{made['id']}/test", {"at": at, "lead_id": desk.capture()["id"]})
    assert tried.status == 200, tried.body
    assert desk.admin.delete(f"/api/follow-up-rules/{made['id']}").status == 204
    due: str = tried.body["steps"][0]["due_at"]
    return due


def test_admin_changes_name_and_zone(desk: Desk, other_desk: Desk):
    stored = desk.coordinator.get(PATH).body
    assert (stored["timezone"], stored["region"], stored["version"]) == ("America/New_York", "US", 1)
    changed = desk.admin.patch(PATH, {"name": "North Clinic"}).body
    assert changed == {**stored, "name": "North Clinic", "version": 2}
    assert desk.admin.patch(PATH, ZONE).body == {**changed, **ZONE, "version": 3}
    mine = desk.coordinator.get("/api/me").body["clinic"]
    assert (mine["name"], mine["timezone"]) == ("North Clinic", "America/Los_Angeles")
    assert other_desk.admin.get(PATH).body["version"] == 1


def test_stale_change_of_profile_is_refused(desk: Desk):
    seen = desk.admin.get(PATH).headers["ETag"]
    assert desk.admin.patch(PATH, {"name": "North"}, seen=seen).status == 200
    assert desk.admin.patch(PATH, {"name": "South"}, seen=seen).status == 412
    assert desk.admin.patch(PATH, {"name": "South"}, seen=None).status == 428


def test_all_mistakes_of_a_profile_are_reported(desk: Desk):
    assert sorted(desk.admin.patch(PATH, {"name": "", "timezone": "Mars/Base"}).pointers) == ["/name", "/timezone"]
    assert desk.admin.patch(PATH, {"region": "FR"}).pointers == ["/region"]


@pytest.mark.parametrize("role", [Role.TREATMENT_COORDINATOR, Role.MANAGER, Role.DOCTOR])
def test_profile_is_changed_by_admins_only(desk: Desk, role: Role):
    assert desk.caller(role).patch(PATH, {"name": "x"}).status == 403


def test_change_of_profile_is_in_the_audit_log(desk: Desk):
    desk.admin.patch(PATH, ZONE)
    [entry] = [one for one in desk.admin.every("/api/audit") if one["subject"] == "clinic"]
    assert (entry["operation"], entry["fields"]) == ("settings.change_clinic_profile", ["timezone"])


def test_planned_steps_and_tasks_keep_their_times_after_a_zone_change(desk: Desk):
    lead_id = desk.capture()["id"]
    path = f"/api/leads/{lead_id}/automation"
    before = {step["id"]: step["due_at"] for step in desk.coordinator.every(path)}
    assert before
    assert desk.admin.patch(PATH, ZONE).status == 200
    after = {step["id"]: step["due_at"] for step in desk.coordinator.every(path)}
    assert after == before


def test_new_steps_follow_the_new_zone(desk: Desk):
    """Tuesday, 10 March 2026: 9 in the morning is 13:00 UTC in New York and 16:00 UTC in Los Angeles."""
    call = {"create_task": {"type": "CALL", "title": "Call"}}
    soon = {"after": {"time": "1 hour", "clock": "business"}}
    night = "2026-03-10T01:00:00-04:00"
    assert planned(desk, call, night, **soon) == "2026-03-10T14:00:00Z"
    hours = desk.admin.get("/api/settings/hours").headers["ETag"]
    assert desk.admin.patch(PATH, ZONE).status == 200
    assert planned(desk, call, night, **soon) == "2026-03-10T17:00:00Z"
    assert desk.admin.patch("/api/settings/hours", {"closed_dates": []}, seen=hours).status == 412
