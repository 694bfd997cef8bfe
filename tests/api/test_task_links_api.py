"""Tasks and the timeline: notes about a task, tasks from entries; the lists of upcoming and overdue tasks."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from app.clock import now
from app.identity.models import Role
from tests.support.desk import Caller, Desk

pytest_plugins = ["tests.support.desk"]


def soon(**ahead: float) -> str:
    return (now() + timedelta(**ahead)).isoformat().replace("+00:00", "Z")


def notes_of(caller: Caller, task: dict[str, Any], **query: Any) -> list[str]:
    return [entry["notes"] for entry in caller.every(f"/api/followups/{task['id']}/notes", **query)]


def create_from(desk: Desk, entry: dict[str, Any], **fields: Any) -> Any:
    task = {"title": "Send the plan", "type": "EMAIL", "due_at": soon(days=1), **fields}
    return desk.front_desk.post(f"/api/leads/{entry['lead_id']}/activities/{entry['id']}/tasks", task)


def note_of(desk: Desk, lead: dict[str, Any]) -> dict[str, Any]:
    return desk.front_desk.post(f"/api/leads/{lead['id']}/activities", {"type": "NOTE", "notes": "Wants a plan"}).body


def test_notes_of_a_task_are_on_the_timeline_of_its_lead(desk: Desk):
    lead = desk.capture(assigned_to_id=desk.coordinator.id)
    task, other = desk.plan(lead), desk.plan(lead)
    path = f"/api/followups/{task['id']}/notes"
    made = [desk.front_desk.post(path, {"notes": words}) for words in ("Busy until noon", "Asked for X-rays")]
    desk.front_desk.post(f"/api/followups/{other['id']}/notes", {"notes": "Elsewhere"})

    assert [(answer.status, answer.body["type"], answer.body["task_id"]) for answer in made] == [
        (201, "NOTE", task["id"])
    ] * 2
    assert notes_of(desk.coordinator, task) == ["Busy until noon", "Asked for X-rays"]
    assert notes_of(desk.coordinator, task, sort="-occurred_at") == ["Asked for X-rays", "Busy until noon"]
    assert {"Busy until noon", "Elsewhere"} <= {entry["notes"] for entry in desk.timeline(lead)}


def test_completed_task_takes_notes_and_its_reader_without_private_data_sees_no_text(desk: Desk):
    task = desk.plan(desk.capture())
    desk.front_desk.post(f"/api/followups/{task['id']}/complete", {})
    assert desk.front_desk.post(f"/api/followups/{task['id']}/notes", {"notes": "They paid"}).status == 201
    program = desk.program("lead:read")
    assert notes_of(program, task) == [None]


def test_note_for_a_task_of_another_owners_lead(desk: Desk):
    """A user with scope `assigned` sees a task that is assigned to them, although the lead is not."""
    helper = desk.hire(Role.SALES)
    lead = desk.capture(assigned_to_id=desk.coordinator.id)
    mine, other = desk.plan(lead, assigned_to_id=helper.id), desk.plan(lead)
    assert helper.post(f"/api/followups/{mine['id']}/notes", {"notes": "Done by phone"}).status == 201
    assert helper.post(f"/api/followups/{other['id']}/notes", {"notes": "x"}).status == 404
    outsider = desk.hire(Role.SALES)
    refused = helper.post(f"/api/followups/{mine['id']}/notes", {"notes": "x", "mentions": [outsider.id]})
    assert (refused.status, refused.pointers) == (422, ["/mentions/0"])


def test_every_mistake_of_a_note_is_named(desk: Desk):
    task = desk.plan(desk.capture())
    wrong = desk.front_desk.post(
        f"/api/followups/{task['id']}/notes", {"mentions": [str(uuid4())], "notes": "x", "text": "x"}
    )
    assert (wrong.status, sorted(wrong.pointers)) == (422, ["/mentions/0", "/text"])
    assert desk.front_desk.post(f"/api/followups/{task['id']}/notes", {}).pointers == ["/notes"]
    assert desk.front_desk.post(f"/api/followups/{uuid4()}/notes", {"notes": "x"}).status == 404


def test_task_from_an_entry_is_linked_both_ways(desk: Desk):
    lead = desk.capture(assigned_to_id=desk.coordinator.id)
    entry = note_of(desk, lead)
    made = create_from(desk, entry)
    assert (made.status, made.body["related_activity_id"]) == (201, entry["id"])
    assert (made.body["assigned_to_id"], made.body["description"]) == (desk.coordinator.id, None)

    def follow_ups() -> list[tuple[str, str]]:
        [found] = [one for one in desk.timeline(lead) if one["id"] == entry["id"]]
        return [(task["id"], task["status"]) for task in found["follow_ups"]]

    second = create_from(desk, entry).body
    assert follow_ups() == [(made.body["id"], "PENDING"), (second["id"], "PENDING")]
    desk.front_desk.post(f"/api/followups/{made.body['id']}/complete", {})
    desk.front_desk.delete(f"/api/followups/{second['id']}")
    assert follow_ups() == [(made.body["id"], "COMPLETED")]


def test_task_from_an_entry_may_come_from_a_template(desk: Desk):
    template = {"name": "Plan", "title": "Send the plan", "type": "EMAIL", "due_in": "1 day"}
    template_id = desk.admin.post("/api/task-templates", template).body["id"]
    entry = note_of(desk, desk.capture())
    path = f"/api/leads/{entry['lead_id']}/activities/{entry['id']}/tasks"
    made = desk.front_desk.post(path, {"template_id": template_id}).body
    assert (made["title"], made["related_activity_id"]) == ("Send the plan", entry["id"])
    wrong = desk.front_desk.post(path, {"assigned_to_id": str(uuid4())})
    assert (wrong.status, sorted(wrong.pointers)) == (422, ["/assigned_to_id", "/due_at", "/title", "/type"])


def test_entry_of_another_lead_is_not_found(desk: Desk):
    entry, other = note_of(desk, desk.capture()), desk.capture()
    assert create_from(desk, {**entry, "lead_id": other["id"]}).status == 404
    assert create_from(desk, {**entry, "id": str(uuid4())}).status == 404


def test_upcoming_and_overdue_tasks_share_the_filters_of_the_queue(desk: Desk):
    lead = desk.capture(assigned_to_id=desk.coordinator.id)
    late, today, week, done = (desk.plan(lead, due_at=soon(hours=hours)) for hours in (1, 2, 100, 3))
    desk.sql(
        "UPDATE lead_tasks SET status = 'OVERDUE', due_at = now() - interval '1 hour' WHERE id = :id", id=late["id"]
    )
    desk.front_desk.post(f"/api/followups/{done['id']}/complete", {})

    def ids(path: str, **query: Any) -> list[str]:
        return [task["id"] for task in desk.coordinator.every(f"/api/followups/{path}", **query)]

    assert ids("upcoming") == [today["id"], week["id"]]
    assert ids("upcoming", due_to=soon(days=1)) == [today["id"]]
    assert ids("upcoming", assigned_to_id=desk.admin.id) == []
    assert ids("overdue") == [late["id"]]
    assert ids("overdue", type="SMS") == []
    [shown] = desk.doctor.get("/api/followups/overdue", expand="lead").body["items"]
    assert (shown["lead_name"], shown["lead"]["id"]) == (f"{lead['first_name']} {lead['last_name']}", lead["id"])
    assert desk.hire(Role.FRONT_DESK).get("/api/followups/upcoming", due_from=soon()).status == 422
