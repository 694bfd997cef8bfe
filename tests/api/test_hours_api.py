"""Hours of a clinic over REST: opening hours, closed dates, quiet hours."""

from typing import Any

import pytest

from app.identity.models import Role
from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]

PATH = "/api/settings/hours"
WEEK = {**{day: [["09:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}, "sat": [], "sun": []}
DEFAULTS: dict[str, Any] = {
    "timezone": "America/New_York",
    "business_hours": WEEK,
    "closed_dates": [],
    "quiet_hours": {"starts": "21:00", "ends": "08:00"},
}
SATURDAYS = {"sat": [["10:00", "14:00"]]}
OWN = {"business_hours": SATURDAYS, "closed_dates": ["2026-12-24"], "quiet_hours": {"starts": "12:00", "ends": "14:00"}}


def planned(desk: Desk, action: dict[str, Any], at: str, **more: Any) -> str:
    """Return the local time for which a rule plans this action after an event at this time."""
    rule = {"name": "tell", "on": "lead.created", "do": [action], "is_draft": True, **more}
    made = desk.admin.post("/api/follow-up-rules", rule).body
    tried = desk.admin.post(f"/api/follow-up-rules/{made['id']}/test", {"at": at, "lead_id": desk.capture()["id"]})
    assert tried.status == 200, tried.body
    assert desk.admin.delete(f"/api/follow-up-rules/{made['id']}").status == 204
    local: str = tried.body["steps"][0]["local_time"]
    return local[:16]


def test_new_clinic_has_the_default_hours(desk: Desk):
    answer = desk.coordinator.get(PATH)
    assert (answer.status, answer.body) == (200, {**DEFAULTS, "version": 1})


def test_put_replaces_and_patch_merges(desk: Desk, other_desk: Desk):
    closed = {day: [] for day in WEEK}
    expected = {**DEFAULTS, **OWN, "business_hours": {**closed, **SATURDAYS}, "version": 2}
    assert desk.admin.put(PATH, OWN).body == expected
    assert desk.admin.put(PATH, {"quiet_hours": None}).pointers == ["/business_hours", "/closed_dates"]
    assert desk.admin.patch(PATH, {"quiet_hours": None}).body == {**expected, "quiet_hours": None, "version": 3}
    assert desk.admin.get(PATH).body == {**expected, "quiet_hours": None, "version": 3}
    assert other_desk.admin.get(PATH).body["version"] == 1


def test_stale_change_of_hours_is_refused(desk: Desk):
    seen = desk.admin.get(PATH).headers["ETag"]
    assert desk.admin.patch(PATH, {"closed_dates": ["2026-12-24"]}, seen=seen).status == 200
    assert desk.admin.patch(PATH, {"closed_dates": []}, seen=seen).status == 412
    assert desk.admin.patch(PATH, {"closed_dates": []}, seen=None).status == 428


@pytest.mark.parametrize("role", [Role.TREATMENT_COORDINATOR, Role.MANAGER, Role.DOCTOR])
def test_hours_are_changed_by_admins_only(desk: Desk, role: Role):
    assert desk.caller(role).patch(PATH, {"closed_dates": []}).status == 403


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"business_hours": {}}, "/business_hours"),
        ({"business_hours": {"mon": [["18:00", "09:00"]]}}, "/business_hours/mon/0"),
        ({"business_hours": {"fri": [["09:00", "12:00"], ["14:00", "25:00"]]}}, "/business_hours/fri/1/1"),
        ({"business_hours": {"fri": [["09:00", "12:00"], ["11:00", "18:00"]]}}, "/business_hours/fri/1"),
        ({"business_hours": {"fri": [["09:00"]]}}, "/business_hours/fri/0"),
        ({"business_hours": {"monday": []}}, "/business_hours/monday"),
        ({"closed_dates": ["24.12.2026"]}, "/closed_dates/0"),
        ({"closed_dates": ["9999-12-31"]}, "/closed_dates/0"),
        ({"quiet_hours": {"starts": "25:00", "ends": "08:00"}}, "/quiet_hours/starts"),
        ({"quiet_hours": {"starts": "08:00", "ends": "08:00"}}, "/quiet_hours/ends"),
        ({"quiet_hours": {"starts": "15:00", "ends": "08:00"}}, "/quiet_hours/ends"),
    ],
)
def test_wrong_hours_are_refused(desk: Desk, change: dict[str, Any], pointer: str):
    assert desk.admin.patch(PATH, change).pointers == [pointer]


def test_all_wrong_hours_are_reported(desk: Desk):
    late, early = ["18:00", "09:00"], ["25:00", "24:01"]
    days = {"mon": [late, ["09:00", "12:00"], early], "tue": "x", "wed": [late], "day": []}
    assert sorted(desk.admin.patch(PATH, {"business_hours": days}).pointers) == [
        f"/business_hours/{place}" for place in ("day", "mon/0", "mon/2/0", "mon/2/1", "tue", "wed/0")
    ]
    own = desk.admin.put(f"/api/users/{desk.coordinator.id}/working-hours", {"hours": {"mon": [late], "tue": [late]}})
    assert own.pointers == ["/hours/mon/0", "/hours/tue/0"]


def test_hours_decide_when_steps_are_due(desk: Desk):
    """Tuesday, 10 March 2026, in New York."""
    call = {"create_task": {"type": "CALL", "title": "Call"}}
    mail = {"send_message": {"channel": "email", "template": "break-up-email"}}
    soon = {"after": {"time": "1 hour", "clock": "business"}}
    night = "2026-03-10T23:00:00-04:00"
    assert planned(desk, mail, night) == "2026-03-11T08:00"
    assert planned(desk, call, night, **soon) == "2026-03-11T10:00"
    desk.admin.patch(PATH, {"quiet_hours": {"starts": "22:00", "ends": "07:30"}})
    assert planned(desk, mail, night) == "2026-03-11T07:30"
    desk.admin.patch(PATH, {"quiet_hours": None, "closed_dates": ["2026-03-11"], "business_hours": WEEK})
    assert planned(desk, mail, night) == "2026-03-10T23:00"
    assert planned(desk, call, night, **soon) == "2026-03-12T10:00"


def test_change_of_hours_is_in_the_audit_log(desk: Desk):
    desk.admin.patch(PATH, {"closed_dates": ["2026-12-24"]})
    [entry] = [one for one in desk.admin.every("/api/audit") if one["subject"] == "clinic"]
    assert (entry["operation"], entry["fields"]) == ("settings.change_hours", ["closed_dates"])
