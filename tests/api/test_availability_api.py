"""Working hours and absences of users, and their tasks during an absence."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.clock import now
from app.identity.models import Role
from tests.support.assigning import add_rule, given_out
from tests.support.desk import Caller, Desk

pytest_plugins = ["tests.support.desk"]


@pytest.fixture
def team(desk: Desk) -> list[Caller]:
    return [desk.hire(Role.TREATMENT_COORDINATOR, name) for name in ("Ana", "Ben", "Cleo")]


def away(person: Caller) -> str:
    return f"/api/users/{person.id}/out-of-office"


def hours(person: Caller) -> str:
    return f"/api/users/{person.id}/working-hours"


def days(starts: float, ends: float, **more: Any) -> dict[str, Any]:
    """Return an absence of so many days from now."""
    starts_at, ends_at = ((now() + timedelta(days=n)).isoformat().replace("+00:00", "Z") for n in (starts, ends))
    return {"starts_at": starts_at, "ends_at": ends_at, **more}


def tasks(desk: Desk, lead: dict[str, Any]) -> list[Any]:
    return desk.admin.every(f"/api/leads/{lead['id']}/tasks")


# --- times away ---


def test_absence_is_returned_as_given(desk: Desk, team: list[Caller]):
    ana, ben, _ = team
    given = days(1, 8, note="On leave", cover_id=ben.id, tasks="shift")
    made = ana.post(away(ana), given)
    assert made.status == 201, made.body
    assert {name: made.body[name] for name in given} == given
    assert (made.body["user_id"], made.body["created_by"]) == (ana.id, ana.id)
    assert desk.front_desk.every(away(ana)) == [made.body]
    assert ana._send("DELETE", f"{away(ana)}/{made.body['id']}").status == 204
    assert desk.front_desk.every(away(ana)) == []


def test_absent_user_gets_no_new_leads_until_return(desk: Desk, team: list[Caller]):
    ana, ben, cleo = team
    made = ana.post(away(ana), days(-1, 1)).body
    assert {desk.capture()["assigned_to_id"] for _ in range(20)} == {ben.id, cleo.id}
    add_rule(desk, ana, ben)
    assert desk.capture()["assigned_to_id"] == ben.id
    ana._send("DELETE", f"{away(ana)}/{made['id']}")
    assert desk.capture()["assigned_to_id"] == ana.id


def test_user_gets_leads_until_a_future_absence_begins(desk: Desk, team: list[Caller]):
    ana, *_ = team
    add_rule(desk, ana)
    ana.post(away(ana), days(1, 2))
    assert desk.capture()["assigned_to_id"] == ana.id


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        (days(2, 1), ["/ends_at"]),
        (days(-3, -2), ["/ends_at"]),
        (days(1, 2, cover_id=str(uuid4())), ["/cover_id"]),
        (days(1, 2, tasks="forget"), ["/tasks"]),
        ({"starts_at": "2030-01-01T09:00:00", "ends_at": "2030-01-02T09:00:00Z"}, ["/starts_at"]),
        ({}, ["/ends_at", "/starts_at"]),
    ],
)
def test_invalid_absence_is_refused(desk: Desk, team: list[Caller], given: dict[str, Any], pointers: list[str]):
    assert team[0].post(away(team[0]), given).pointers == pointers


def test_cover_must_be_another_active_user_of_the_clinic(desk: Desk, other_desk: Desk, team: list[Caller]):
    ana, *_ = team
    for cover in (ana, other_desk.admin):
        assert ana.post(away(ana), days(1, 2, cover_id=cover.id)).pointers == ["/cover_id"]


def test_only_assigners_can_create_absences_of_others(desk: Desk, team: list[Caller]):
    ana, ben, _ = team
    assert ben.post(away(ana), days(1, 2)).status == 201  # coordinators may assign
    made = desk.admin.post(away(ana), days(1, 2)).body
    assert desk.front_desk.post(away(ana), days(1, 2)).status == 403
    assert desk.front_desk._send("DELETE", f"{away(ana)}/{made['id']}").status == 403
    assert desk.front_desk.put(hours(ana), {"hours": None}).status == 403
    assert desk.front_desk.post(away(desk.front_desk), days(1, 2)).status == 201
    assert desk.front_desk.put(hours(desk.front_desk), {"hours": None}).status == 200


# --- their tasks ---


def test_tasks_due_during_the_absence_go_to_the_cover(desk: Desk, team: list[Caller]):
    ana, ben, _ = team
    lead = desk.capture(assigned_to_id=ana.id)
    meanwhile, later = desk.plan(lead), desk.plan(lead, due_at=(now() + timedelta(days=9)).isoformat())
    of_another = desk.plan(lead, assigned_to_id=desk.admin.id)
    ana.post(away(ana), days(-0.5, 5, cover_id=ben.id))
    whose = {task["id"]: task["assigned_to_id"] for task in tasks(desk, lead)}
    assert whose == {meanwhile["id"]: ben.id, later["id"]: ana.id, of_another["id"]: desk.admin.id}
    assert desk.timeline(lead)[0]["notes"] == "Call back: Ana is away, Ben does it."
    assert desk.lead(lead)["assigned_to_id"] == ana.id  # the lead stays theirs


def test_tasks_without_a_cover_go_to_the_coordinator_or_by_the_rules(desk: Desk, team: list[Caller]):
    ana, ben, cleo = team
    add_rule(desk, ana, cleo)
    anas, bens = desk.capture(assigned_to_id=ana.id), desk.capture(assigned_to_id=ben.id)
    for lead in (anas, bens):
        desk.plan(lead, assigned_to_id=ana.id)
    ana.post(away(ana), days(-1, 5))
    assert [tasks(desk, lead)[0]["assigned_to_id"] for lead in (anas, bens)] == [cleo.id, ben.id]
    assert given_out(desk) == Counter({ana.id: 1, ben.id: 1})


def test_absent_cover_gets_no_tasks(desk: Desk, team: list[Caller]):
    ana, ben, cleo = team
    ben.post(away(ben), days(-1, 5))
    lead = desk.capture(assigned_to_id=ana.id)
    desk.plan(lead)
    ana.post(away(ana), days(-1, 5, cover_id=ben.id))
    assert tasks(desk, lead)[0]["assigned_to_id"] == cleo.id


def test_tasks_can_be_deferred_to_the_first_opening_after_the_absence(desk: Desk, team: list[Caller]):
    ana, *_ = team
    lead = desk.capture(assigned_to_id=ana.id)
    task = desk.plan(lead, reminder_minutes=[30])
    ana.post(away(ana), days(-1, 5, tasks="shift"))
    [moved] = tasks(desk, lead)
    clinic = desk.admin.actor.clinic
    ends_at = datetime.fromisoformat(ana.get(away(ana)).body["items"][0]["ends_at"])
    assert datetime.fromisoformat(moved["due_at"]) == clinic.calendar.next_open(ends_at)
    assert (moved["assigned_to_id"], moved["version"]) == (ana.id, 2)
    reminders = [step for step in desk.steps(lead, name="task-reminder") if step["state"] != "cancelled"]
    assert [step["due_at"] < moved["due_at"] for step in reminders] == [True]
    assert task["due_at"] < reminders[0]["due_at"]  # the reminder moved along


def test_deferred_tasks_are_not_all_due_in_the_same_minute(desk: Desk, team: list[Caller]):
    ana, *_ = team
    lead = desk.capture(assigned_to_id=ana.id)
    for _ in range(9):
        desk.plan(lead)
    ana.post(away(ana), days(-1, 5, tasks="shift"))
    assert len({task["due_at"] for task in tasks(desk, lead)}) == 9


def test_tasks_can_be_left_unchanged(desk: Desk, team: list[Caller]):
    ana, *_ = team
    lead = desk.capture(assigned_to_id=ana.id)
    task = desk.plan(lead)
    ana.post(away(ana), days(-1, 5, tasks="leave"))
    assert tasks(desk, lead) == [task]


def test_future_absence_moves_nothing_yet(desk: Desk, team: list[Caller]):
    ana, ben, _ = team
    lead = desk.capture(assigned_to_id=ana.id)
    task = desk.plan(lead)
    ana.post(away(ana), days(0.1, 5, cover_id=ben.id))
    assert tasks(desk, lead) == [task]


def test_tasks_are_deferred_when_no_user_can_take_them(desk: Desk):
    lead = desk.capture()
    desk.plan(lead)
    desk.admin.post(away(desk.admin), days(-1, 5))
    [task] = tasks(desk, lead)
    assert task["assigned_to_id"] == desk.admin.id
    assert datetime.fromisoformat(task["due_at"]) > now() + timedelta(days=4)


# --- working hours ---

MORNINGS = {day: [["09:00", "12:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
NEVER_ELSE: dict[str, Any] = {"sat": [], "sun": []}


def test_working_hours_are_returned_as_given(desk: Desk, team: list[Caller]):
    ana, *_ = team
    assert ana.get(hours(ana)).body == {"hours": None}
    for _ in range(2):
        assert ana.put(hours(ana), {"hours": MORNINGS}).body == {"hours": MORNINGS | NEVER_ELSE}
    assert desk.front_desk.get(hours(ana)).body == {"hours": MORNINGS | NEVER_ELSE}
    assert ana.put(hours(ana), {"hours": None}).body == ana.get(hours(ana)).body == {"hours": None}


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        ({}, ["/hours"]),
        ({"hours": {"monday": []}}, ["/hours/monday"]),
        ({"hours": {"mon": [["09:00"]]}}, ["/hours/mon/0"]),
        ({"hours": {"mon": [["09:00", "25:00"]]}}, ["/hours/mon/0/1"]),
        ({"hours": {"mon": [["12:00", "09:00"]]}}, ["/hours/mon/0"]),
        ({"hours": {"mon": [["09:00", "12:00"], ["11:00", "13:00"]]}}, ["/hours/mon/1"]),
    ],
)
def test_invalid_hours_are_refused(desk: Desk, team: list[Caller], given: dict[str, Any], pointers: list[str]):
    assert team[0].put(hours(team[0]), given).pointers == pointers


def test_schedule_strategy_uses_working_hours(desk: Desk, team: list[Caller]):
    ana, ben, _ = team
    local = desk.admin.actor.clinic.calendar.local(now())
    today = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[local.weekday()]
    ana.put(hours(ana), {"hours": {}})
    ben.put(hours(ben), {"hours": {today: [["00:00", "24:00"]]}})
    desk.sql("UPDATE clinics SET closed_dates = '{}', region = 'XX', rules_version = rules_version + 1")
    add_rule(desk, ana, ben, strategy="schedule")
    assert {desk.capture(phone="+12125550143")["assigned_to_id"] for _ in range(3)} == {ben.id}
    [rule] = desk.admin.post("/api/assignment-rules/dry-run", {}).body["rules"]
    assert [one["obstacle"] for one in rule["members"]] == ["off_duty", None]
