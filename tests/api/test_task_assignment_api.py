"""Tasks given to other users: a notice for the user, and warnings for the one who gives them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.clock import now
from app.identity.models import Role
from tests.support.assigning import add_rule, member
from tests.support.bulk import work_off
from tests.support.desk import Caller, Desk

pytest_plugins = ["tests.support.desk"]

QUEUE = "/api/followups"


@pytest.fixture
def ana(desk: Desk) -> Caller:
    return desk.hire(Role.TREATMENT_COORDINATOR, "Ana")


def noon(days: int) -> str:
    """Return noon in the clinic on the next Wednesday after so many days."""
    at = (now() + timedelta(days=days)).replace(hour=16, minute=0, second=0, microsecond=0)
    return (at + timedelta(days=(2 - at.weekday()) % 7)).isoformat().replace("+00:00", "Z")


def new(lead: dict[str, Any], person: Caller, **more: Any) -> dict[str, Any]:
    given = {"title": "Call", "type": "CALL", "due_at": noon(3), "assigned_to_id": person.id}
    return {**given, "lead_id": lead["id"], **more}


def notices(person: Caller) -> list[tuple[str, str | None]]:
    """Return subject and task of the user's notices about tasks."""
    mine = person.every("/api/notifications/mine")
    return [(one["subject"], one["task_id"]) for one in mine if "assigned to you" in one["subject"].lower()]


def codes(task: dict[str, Any]) -> list[str]:
    return [warning["code"] for warning in task.get("warnings", [])]


def send_away(desk: Desk, person: Caller, starts: float, ends: float) -> None:
    given = {"starts_at": (now() + timedelta(days=starts)).isoformat(), "tasks": "leave"}
    answer = desk.admin.post(
        f"/api/users/{person.id}/out-of-office", {**given, "ends_at": (now() + timedelta(days=ends)).isoformat()}
    )
    assert answer.status == 201, answer.body


# --- notices ---


def test_new_task_notifies_its_user(desk: Desk, ana: Caller):
    task = desk.admin.post(QUEUE, new(desk.capture(), ana)).body
    assert notices(ana) == [("Assigned to you: Call", task["id"])]
    assert notices(desk.admin) == []


def test_coordinator_is_notified_of_a_task_without_a_named_user(desk: Desk, ana: Caller):
    lead = desk.capture(assigned_to_id=ana.id)
    given = {"title": "Call", "type": "CALL", "due_at": noon(3)}
    task = desk.admin.post(f"/api/leads/{lead['id']}/tasks", given).body
    assert notices(ana) == [("Assigned to you: Call", task["id"])]


def test_own_task_makes_no_notice(desk: Desk, ana: Caller):
    lead = desk.capture(assigned_to_id=ana.id)
    assert ana.post(QUEUE, new(lead, ana)).status == 201
    assert notices(ana) == []


def test_notice_settings_of_the_user_are_obeyed(desk: Desk, ana: Caller):
    changed = ana.patch("/api/me/notice-preferences", {"notices": {"assignment": {"in_app": "off"}}})
    assert changed.status == 200, changed.body
    desk.admin.post(QUEUE, new(desk.capture(), ana))
    assert notices(ana) == []


def test_batch_makes_one_notice_for_each_user(desk: Desk, ana: Caller):
    lead = desk.capture(assigned_to_id=desk.admin.id)
    ben = desk.hire(Role.TREATMENT_COORDINATOR, "Ben")
    own, moved = desk.plan(lead)["id"], desk.plan(lead)["id"]
    operations = [
        {"op": "create", **new(lead, ana)},
        {"op": "create", **new(lead, ana)},
        {"op": "reassign", "id": own, "assigned_to_id": ana.id},
        {"op": "reassign", "id": moved, "assigned_to_id": ana.id},
        {"op": "reassign", "id": moved, "assigned_to_id": ben.id},
        {"op": "dance"},
    ]
    answer = desk.admin.post(f"{QUEUE}/batch", {"operations": operations})
    assert (answer.body["succeeded"], answer.body["failed"]) == (5, 1)
    assert notices(ana) == [("3 tasks assigned to you", None)]
    assert notices(ben) == [("Assigned to you: Call back", moved)]


def test_bulk_job_makes_one_notice_for_each_user(desk: Desk, ana: Caller):
    leads = [desk.capture(phone=f"+1212555014{at}")["id"] for at in range(3)]
    task = {"title": "Call", "type": "CALL", "due_at": noon(3)}
    assignee = {"strategy": "user", "user_id": ana.id}
    job = desk.admin.post(f"{QUEUE}/bulk", {"lead_ids": leads, "followup": {**task, "assignee": assignee}})
    assert job.status in {200, 202}, job.body
    work_off(desk, job.body)
    assert notices(ana) == [("3 tasks assigned to you", None)]


def test_task_of_a_person_twice_in_a_bulk_job_counts_once(desk: Desk, ana: Caller):
    person = desk.lead_data(phone="+12125550149")
    task = {"title": "Call", "type": "CALL", "due_at": noon(3), "assignee": {"strategy": "user", "user_id": ana.id}}
    given = {"leads": [person, person], "on_duplicate": "update", "followup": task}
    work_off(desk, desk.admin.post(f"{QUEUE}/bulk", given).body)
    assert notices(ana) == [("1 task assigned to you", None)]


def test_handover_makes_one_notice_for_each_user(desk: Desk, ana: Caller):
    ben = desk.hire(Role.TREATMENT_COORDINATOR, "Ben")
    for at in range(2):
        desk.plan(desk.capture(phone=f"+1212555014{at}", assigned_to_id=ana.id), assigned_to_id=ana.id)
    given = {"from_id": ana.id, "to_ids": [ben.id], "reason": "Leave"}
    assert desk.admin.post("/api/leads/reassign", given).status == 200
    assert notices(ben) == [("2 tasks assigned to you", None)]


# --- warnings ---


def create(desk: Desk, person: Caller, **more: Any) -> Any:
    return desk.admin.post(QUEUE, new(desk.capture(), person, **more)).body


def reassign(desk: Desk, person: Caller, **more: Any) -> Any:
    task = desk.plan(desk.capture(), **{"due_at": noon(3), **more})
    return desk.admin.post(f"{QUEUE}/{task['id']}/reassign", {"assigned_to_id": person.id}).body


def edit(desk: Desk, person: Caller, **more: Any) -> Any:
    task = desk.plan(desk.capture(), **{"due_at": noon(3), **more})
    return desk.admin.patch(f"{QUEUE}/{task['id']}", {"assigned_to_id": person.id}).body


def batch(desk: Desk, person: Caller, **more: Any) -> Any:
    operations = [{"op": "create", **new(desk.capture(), person, **more)}]
    return desk.admin.post(f"{QUEUE}/batch", {"operations": operations}).body["results"][0]


@pytest.mark.parametrize("give", [create, reassign, edit, batch])
def test_absent_user_is_a_warning(desk: Desk, ana: Caller, give: Callable[..., Any]):
    send_away(desk, ana, -1, 14)
    given = give(desk, ana)
    assert codes(given) == ["absent"]
    assert given["warnings"][0]["message"].startswith("Ana is away until ")


def test_absence_when_the_task_is_due_is_a_warning(desk: Desk, ana: Caller):
    send_away(desk, ana, 20, 40)
    assert codes(create(desk, ana, due_at=noon(22))) == ["absent"]
    assert "warnings" not in create(desk, ana, due_at=noon(8))


def test_user_at_the_ceiling_is_a_warning(desk: Desk, ana: Caller):
    add_rule(desk, member(ana, ceiling=2), conditions={"postal_prefixes": ["999"]})
    lead = desk.capture(assigned_to_id=desk.admin.id)
    for at in range(2):
        assert "warnings" not in desk.admin.post(QUEUE, new(lead, ana)).body
        desk.capture(phone=f"+1212555014{at}", assigned_to_id=ana.id)
    given = desk.admin.post(QUEUE, new(lead, ana)).body
    assert codes(given) == ["over_ceiling"]
    assert given["warnings"][0]["message"] == "Ana has 2 open leads; the limit is 2."


def test_more_tasks_than_fit_into_a_day_are_a_warning(desk: Desk, ana: Caller):
    """Nine opening hours have room for 54 tasks."""
    lead, due_at = desk.capture(), noon(3)
    first = desk.admin.post(QUEUE, new(lead, ana, due_at=due_at)).body
    columns = [
        row.column_name
        for row in desk.sql(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'lead_tasks'"
            " AND is_generated = 'NEVER' AND table_schema = current_schema()"
        )
    ]
    others = ", ".join(name for name in columns if name != "id")
    copies = f"INSERT INTO lead_tasks (id, {others}) SELECT gen_random_uuid(), {others} FROM lead_tasks"
    desk.sql(f"{copies}, generate_series(1, 52) WHERE id = :id", id=first["id"])
    assert "warnings" not in desk.admin.post(QUEUE, new(lead, ana, due_at=due_at)).body
    given = desk.admin.post(QUEUE, new(lead, ana, due_at=due_at)).body
    assert codes(given) == ["full_day"]
    assert "55 tasks on Wednesday" in given["warnings"][0]["message"]
    assert "54 fit" in given["warnings"][0]["message"]


def test_move_into_an_absence_is_a_warning(desk: Desk, ana: Caller):
    send_away(desk, ana, 5, 14)
    task = create(desk, ana)
    later = (now() + timedelta(days=7)).isoformat()
    assert codes(desk.admin.patch(f"{QUEUE}/{task['id']}", {"due_at": later}).body) == ["absent"]


def test_change_without_a_new_user_has_no_warnings(desk: Desk, ana: Caller):
    send_away(desk, ana, -1, 14)
    task = create(desk, ana)
    assert "warnings" not in desk.admin.patch(f"{QUEUE}/{task['id']}", {"title": "Write"}).body
    assert "warnings" not in desk.admin.get(f"{QUEUE}/{task['id']}").body
