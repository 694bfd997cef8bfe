"""Names beside ids in the work queue, the order by priority, and the filters of a timeline."""

from typing import Any

import pytest

from app.identity.models import Role
from tests.support.desk import Desk
from tests.support.plans import listening

pytest_plugins = ["tests.support.desk"]

QUEUE = "/api/followups"


def names(task: dict[str, Any]) -> tuple[str | None, str | None]:
    return task["lead_name"], task["assigned_to_name"]


def tasks_in(desk: Desk, path: str) -> list[dict[str, Any]]:
    body = desk.admin.get(f"{QUEUE}{path}").body
    groups = {"": [body], "/kanban": body.get("columns"), "/calendar": body.get("days")}[path]
    return [task for group in groups for part in ("items", "cards", "tasks") for task in group.get(part, ())]


@pytest.mark.parametrize("path", ["", "/kanban", "/calendar"])
def test_tasks_have_the_names_of_lead_and_assignee(desk: Desk, path: str):
    lead = desk.capture(first_name="Ana", last_name="Ruiz")
    desk.plan(lead, title="Mine", assigned_to_id=desk.coordinator.id)
    user = desk.admin.get(f"/api/users/{desk.coordinator.id}").body
    [mine] = [task for task in tasks_in(desk, path) if task["title"] == "Mine"]
    assert names(mine) == ("Ana Ruiz", user["name"])


@pytest.mark.parametrize("path", ["", "/kanban", "/calendar"])
def test_names_take_a_constant_number_of_queries(desk: Desk, path: str):
    def statements() -> int:
        with listening() as heard:
            assert desk.admin.get(f"{QUEUE}{path}").status == 200
        return len(heard)

    desk.plan(desk.capture())
    few = statements()
    for _ in range(5):
        desk.plan(desk.capture(), assigned_to_id=desk.hire(Role.SALES).id)
    assert statements() == few


def test_name_of_an_invisible_lead_is_withheld(desk: Desk):
    rep = desk.hire(Role.SALES)
    lead = desk.capture()
    desk.admin.post(f"/api/leads/{lead['id']}/assign", {"assigned_to_id": desk.coordinator.id})
    desk.plan(lead, title="Help out", assigned_to_id=rep.id)
    [task] = [one for one in rep.every(QUEUE) if one["title"] == "Help out"]
    assert task["lead_name"] is None
    assert task["assigned_to_name"]


def test_shown_names_are_in_the_audit_log(desk: Desk):
    lead = desk.capture()
    desk.plan(lead)
    desk.admin.get(f"{QUEUE}/kanban")
    entries = desk.admin.every("/api/audit", subject_id=lead["id"], act="read")
    assert [entry for entry in entries if "kanban" in entry["operation"]]


def test_names_are_left_out_by_fields(desk: Desk):
    desk.plan(desk.capture())
    assert set(desk.admin.get(QUEUE, fields="id,lead_name").body["items"][0]) == {"id", "lead_name"}
    assert set(desk.admin.get(QUEUE, fields="id").body["items"][0]) == {"id"}


def test_queue_is_sorted_by_priority_then_due_time(desk: Desk):
    lead = desk.capture()
    wanted = ["URGENT", "HIGH", "NORMAL", "LOW"]
    for hour, priority in enumerate(["NORMAL", "LOW", "URGENT", "HIGH", "URGENT"]):
        desk.plan(lead, title="Sorted", priority=priority, due_at=f"2040-01-01T{hour:02}:00:00Z")
    done = desk.plan(lead, title="Sorted", priority="URGENT")
    desk.admin.post(f"{QUEUE}/{done['id']}/complete", {})
    found = [task for task in desk.admin.every(QUEUE, sort="-priority", limit=2) if task["title"] == "Sorted"]

    ranks = [(wanted.index(task["priority"]), task["due_at"]) for task in found]
    assert len(ranks) == 5
    assert ranks == sorted(ranks)
    assert desk.admin.get(QUEUE, sort="-priority", status="COMPLETED").pointers == ["/sort"]
    low = found[-1]
    desk.admin.patch(f"{QUEUE}/{low['id']}", {"priority": "URGENT"})
    assert desk.admin.get(QUEUE, sort="-priority", status="PENDING").body["items"][0]["priority"] == "URGENT"
    assert desk.admin.get(f"{QUEUE}/export", sort="-priority").status == 200


def test_timeline_is_filtered_by_type_and_sorted_newest_first(desk: Desk):
    lead = desk.capture()
    path = f"/api/leads/{lead['id']}/activities"
    for text in ("one", "two", "three"):
        desk.admin.post(path, {"type": "NOTE", "notes": text})
    desk.admin.post(path, {"type": "PHONE_CALL", "outcome": "no_answer"})
    notes = desk.admin.every(path, type="NOTE", sort="-occurred_at", limit=2)
    assert [entry["notes"] for entry in notes] == ["three", "two", "one"]
    both = desk.admin.every(path, type="NOTE,PHONE_CALL")
    assert [entry["type"] for entry in both] == ["NOTE"] * 3 + ["PHONE_CALL"]
    assert desk.admin.get(path, type="NOPE").pointers == ["/type"]
