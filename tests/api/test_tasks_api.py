"""Tasks of a lead: create, edit, complete, cancel and list."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from app.clock import now
from app.identity.models import Role
from tests.support.desk import Answer, Desk

pytest_plugins = ["tests.support.desk"]


def soon(**ahead: float) -> str:
    return (now() + timedelta(**ahead)).isoformat().replace("+00:00", "Z")


def do(desk: Desk, task: dict[str, Any], action: str, **body: Any) -> Answer:
    return desk.front_desk.post(f"/api/leads/tasks/{task['id']}/{action}", body)


def edit(desk: Desk, task: dict[str, Any], **fields: Any) -> Answer:
    return desk.front_desk.put(f"/api/leads/tasks/{task['id']}", fields)


def reminders(desk: Desk, lead: dict[str, Any], state: str = "planned") -> list[str]:
    """Return when the reminders in the given state are due."""
    found = desk.steps(lead, name="task-reminder")
    return [step["due_at"] for step in found if step["state"] in {state, "published" if state == "planned" else state}]


def minutes_before(task: dict[str, Any], *minutes: int) -> list[str]:
    due_at = datetime.fromisoformat(task["due_at"])
    return [(due_at - timedelta(minutes=m)).isoformat().replace("+00:00", "Z") for m in minutes]


def make_overdue(desk: Desk, task: dict[str, Any]) -> None:
    """Make a task overdue, as the sweep does."""
    late = "UPDATE lead_tasks SET status = 'OVERDUE', due_at = now() - interval '1 hour' WHERE id = :id"
    desk.sql(late, id=task["id"])


def test_task_belongs_to_the_coordinator_and_has_a_reminder(desk: Desk):
    lead = desk.capture(assigned_to_id=desk.coordinator.id)
    answer = desk.front_desk.post(
        f"/api/leads/{lead['id']}/tasks",
        {"title": "Call back", "type": "CALL", "due_at": soon(hours=3), "description": "About the price"},
    )
    task = answer.body
    assert answer.status == 201
    assert (task["status"], task["priority"], task["assigned_to_id"]) == ("PENDING", "NORMAL", desk.coordinator.id)
    assert reminders(desk, lead) == minutes_before(task, 15)
    assert desk.admin.get(f"/api/leads/{lead['id']}/tasks").body["items"] == [task]


def test_task_without_a_coordinator_belongs_to_its_creator(desk: Desk):
    lead = desk.capture()
    assert desk.plan(lead)["assigned_to_id"] == desk.admin.id


def test_task_is_not_assigned_to_an_inactive_coordinator(desk: Desk):
    lead = desk.capture(assigned_to_id=desk.coordinator.id)
    desk.sql("UPDATE users SET is_active = false WHERE id = :id", id=desk.coordinator.id)
    assert desk.plan(lead)["assigned_to_id"] == desk.admin.id


def test_assignee_must_be_an_active_user_of_the_clinic(desk: Desk, other_desk: Desk):
    lead = desk.capture()
    task = desk.plan(lead)
    gone = desk.hire(Role.FRONT_DESK, is_active=False)
    for user_id in (gone.id, other_desk.admin.id):
        new = {"title": "Call", "type": "CALL", "due_at": soon(hours=1), "assigned_to_id": user_id}
        assert desk.admin.post(f"/api/leads/{lead['id']}/tasks", new).pointers == ["/assigned_to_id"]
        assert edit(desk, task, assigned_to_id=user_id).pointers == ["/assigned_to_id"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", "x" * 201),
        ("type", "DANCE"),
        ("priority", "NONE"),
        ("due_at", "tomorrow"),
        ("due_at", "2026-01-01T09:00:00"),  # no zone
        ("reminder_minutes", [1, 2, 3, 4, 5, 6]),
        ("reminder_minutes/0", [-1]),
        ("status", "COMPLETED"),
        ("completed_at", "2026-01-01T09:00:00Z"),
        ("clinic_id", "x"),
    ],
)
def test_validation_error_names_the_path(desk: Desk, field: str, value: Any):
    new = {"title": "Call", "type": "CALL", "due_at": soon(hours=1), field.partition("/")[0]: value}
    assert desk.admin.post(f"/api/leads/{desk.capture()['id']}/tasks", new).pointers == [f"/{field}"]


def test_task_may_have_several_reminders_or_none(desk: Desk):
    lead = desk.capture()
    task = desk.plan(lead, reminder_minutes=[60, 5])
    desk.plan(lead, reminder_minutes=[])
    assert reminders(desk, lead) == minutes_before(task, 60, 5)


def test_edit_changes_given_fields_only(desk: Desk):
    task = desk.plan(desk.capture(), description="old")
    edited = edit(desk, task, title="Write", description=None, priority="HIGH", status="IN_PROGRESS").body
    changes = {"title": "Write", "description": None, "priority": "HIGH", "status": "IN_PROGRESS", "version": 2}
    assert edited == {**task, **changes, "updated_at": edited["updated_at"]}


def test_moving_a_task_moves_its_reminders(desk: Desk):
    lead = desk.capture()
    task = desk.plan(lead)
    for due_at in (soon(days=2), task["due_at"], soon(days=2), task["due_at"]):
        moved = edit(desk, task, due_at=due_at).body
        assert reminders(desk, lead) == minutes_before(moved, 15)
    assert {step["reason"] for step in desk.steps(lead, state="cancelled")} == {"task_moved"}


def test_new_reminders_replace_the_previous_ones(desk: Desk):
    lead = desk.capture()
    task = desk.plan(lead)
    edit(desk, task, reminder_minutes=[30])
    assert reminders(desk, lead) == minutes_before(task, 30)


def test_edit_without_a_new_due_time_keeps_reminders(desk: Desk):
    lead = desk.capture()
    task = desk.plan(lead)
    edit(desk, task, title="Write")
    assert (reminders(desk, lead), reminders(desk, lead, "cancelled")) == (minutes_before(task, 15), [])


def test_snoozing_moves_a_task_and_its_reminders(desk: Desk):
    lead = desk.capture()
    until = soon(hours=5)
    snoozed = do(desk, desk.plan(lead), "snooze", until=until).body
    assert (snoozed["due_at"], snoozed["snoozed_until"]) == (until, until)
    assert reminders(desk, lead) == minutes_before(snoozed, 15)


def test_task_is_snoozed_by_working_days(desk: Desk):
    friday = (now() + timedelta(days=14)).replace(hour=15, minute=0, second=0, microsecond=0)
    friday += timedelta(days=(4 - friday.weekday()) % 7)
    task = desk.plan(desk.capture(), due_at=friday.isoformat())
    due_at = datetime.fromisoformat(do(desk, task, "snooze", by="1 day").body["due_at"])
    assert (due_at.weekday(), due_at - friday) == (0, timedelta(days=3))
    assert do(desk, task, "snooze", by="soon").pointers == ["/by"]
    assert do(desk, task, "snooze", by="0 days").pointers == ["/by"]
    week = datetime.fromisoformat(do(desk, task, "snooze", by="1 week").body["due_at"])
    assert week - due_at == timedelta(days=7)
    assert do(desk, task, "snooze").pointers == ["/by", "/until"]
    assert do(desk, task, "snooze", by="1 day", until=soon(hours=1)).pointers == ["/by", "/until"]


@pytest.mark.parametrize("word", ["medium", "MEDIUM"])
def test_medium_is_another_word_for_normal_priority(desk: Desk, word: str):
    task = desk.plan(desk.capture(), priority=word)
    assert task["priority"] == "NORMAL"
    assert desk.admin.post(f"/api/followups/{task['id']}/cancel", {}).status == 200
    assert [one["id"] for one in desk.admin.every("/api/followups", priority=word)][-1:] != []


def test_task_cannot_be_snoozed_into_the_past(desk: Desk):
    assert do(desk, desk.plan(desk.capture()), "snooze", until=soon(hours=-1)).pointers == ["/until"]


def test_overdue_task_is_pending_again_after_moving_it_ahead(desk: Desk):
    for move in (
        lambda task: do(desk, task, "snooze", until=soon(hours=1)),
        lambda task: edit(desk, task, due_at=soon(hours=1)),
    ):
        task = desk.plan(desk.capture())
        make_overdue(desk, task)
        assert move(task).body["status"] == "PENDING"


def test_overdue_task_cannot_be_set_to_in_progress(desk: Desk):
    task = desk.plan(desk.capture())
    make_overdue(desk, task)
    assert edit(desk, task, status="IN_PROGRESS").pointers == ["/status"]
    assert edit(desk, task, status="IN_PROGRESS", due_at=soon(hours=1)).body["status"] == "IN_PROGRESS"


def test_completed_task_is_on_the_timeline_and_its_reminders_stop(desk: Desk):
    lead = desk.capture()
    task = desk.plan(lead)
    done = do(desk, task, "complete", outcome="callback_requested", notes="Wants to think").body
    assert (done["status"], done["completed_by"]) == ("COMPLETED", desk.front_desk.id)
    assert (done["outcome"], done["completion_notes"]) == ("callback_requested", "Wants to think")
    [step] = desk.steps(lead, name="task-reminder")
    assert (step["state"], step["reason"]) == ("cancelled", "task_done")
    call, moved, entry = desk.timeline(lead)
    assert moved["type"] == "STAGE_CHANGE"  # the call was a contact
    assert (call["type"], call["outcome"], call["task_id"]) == ("PHONE_CALL", "callback_requested", task["id"])
    assert (call["notes"], done["activity_id"]) == ("Wants to think", call["id"])
    assert (entry["type"], entry["task_id"]) == ("TASK_COMPLETED", task["id"])
    assert entry["notes"] == "Call back: Wants to think"


def test_completion_keeps_reminders_of_other_tasks(desk: Desk):
    lead = desk.capture()
    task, other = desk.plan(lead), desk.plan(lead, due_at=soon(days=3))
    do(desk, task, "complete")
    assert reminders(desk, lead) == minutes_before(other, 15)


def test_overdue_task_can_be_completed(desk: Desk):
    task = desk.plan(desk.capture())
    make_overdue(desk, task)
    assert do(desk, task, "complete").body["status"] == "COMPLETED"


def test_closed_task_cannot_be_changed(desk: Desk):
    for end in ("complete", "cancel"):
        task = desk.plan(desk.capture())
        assert do(desk, task, end).status == 200
        again = [
            do(desk, task, "complete"),
            do(desk, task, "cancel"),
            do(desk, task, "snooze", until=soon(hours=1)),
            edit(desk, task, title="x"),
        ]
        assert {(answer.status, answer.body["code"]) for answer in again} == {(409, "task-is-closed")}


def test_cancelled_task_has_a_reason_and_its_reminders_stop(desk: Desk):
    lead = desk.capture()
    cancelled = do(desk, desk.plan(lead), "cancel", reason="They called first").body
    assert (cancelled["status"], cancelled["cancelled_reason"]) == ("CANCELLED", "They called first")
    [step] = desk.steps(lead, name="task-reminder")
    assert (step["state"], step["reason"]) == ("cancelled", "task_cancelled")


def test_action_may_have_no_body(desk: Desk):
    for action in ("complete", "cancel"):
        task = desk.plan(desk.capture())
        assert desk.front_desk.post(f"/api/leads/tasks/{task['id']}/{action}").status == 200


def test_my_tasks_are_open_and_ordered_by_due_time(desk: Desk):
    lead = desk.capture(assigned_to_id=desk.coordinator.id)
    later, sooner = desk.plan(lead, due_at=soon(days=3)), desk.plan(lead, due_at=soon(days=2))
    done, _of_somebody_else = desk.plan(lead), desk.plan(lead, assigned_to_id=desk.admin.id)
    done = do(desk, done, "complete").body
    mine = desk.coordinator.every
    assert mine("/api/leads/tasks/my-tasks", limit=1) == [sooner, later]
    assert mine("/api/leads/tasks/my-tasks", status="COMPLETED") == [done]
    assert mine("/api/leads/tasks/my-tasks", status="OVERDUE") == []
    assert mine("/api/leads/tasks/my-tasks", due_before=later["due_at"]) == [sooner]
    assert desk.front_desk.get("/api/leads/tasks/my-tasks").body == {"items": [], "next_cursor": None}


def test_overdue_tasks_of_the_clinic_are_listed(desk: Desk, other_desk: Desk):
    lead = desk.capture()
    late, later = desk.plan(lead), desk.plan(lead, assigned_to_id=desk.coordinator.id)
    make_overdue(desk, late)
    make_overdue(desk, later)
    make_overdue(other_desk, other_desk.plan(other_desk.capture(phone="600111222")))
    desk.plan(lead)
    found = desk.doctor.every("/api/leads/tasks/overdue", limit=1)
    assert [task["id"] for task in found] == [late["id"], later["id"]]
    assert [t["id"] for t in desk.coordinator.every("/api/leads/tasks/overdue", assigned_to_id="me")] == [later["id"]]


def test_tasks_of_a_lead_are_ordered_by_due_time(desk: Desk):
    lead = desk.capture()
    later, sooner = desk.plan(lead, due_at=soon(days=3)), desk.plan(lead, due_at=soon(days=2))
    assert desk.doctor.every(f"/api/leads/{lead['id']}/tasks", limit=1) == [sooner, later]
    assert desk.doctor.every(f"/api/leads/{lead['id']}/tasks", status="COMPLETED") == []


def test_task_of_another_clinic_is_not_found(desk: Desk, other_desk: Desk):
    task = other_desk.plan(other_desk.capture(phone="600111222"))
    refused = [
        edit(desk, task, title="x"),
        do(desk, task, "complete"),
        do(desk, task, "cancel"),
        do(desk, task, "snooze", until=soon(hours=1)),
    ]
    assert {answer.status for answer in refused} == {404}


def test_read_only_user_cannot_change_tasks(desk: Desk):
    lead = desk.capture()
    task = f"/api/leads/tasks/{desk.plan(lead)['id']}"
    refused = [
        desk.doctor.post(f"/api/leads/{lead['id']}/tasks", {}),
        desk.doctor.put(task, {}),
        desk.doctor.post(f"{task}/complete", {}),
        desk.doctor.post(f"{task}/snooze", {}),
        desk.doctor.post(f"{task}/cancel", {}),
    ]
    assert {answer.status for answer in refused} == {403}


TYPED = {"title": "Call {{ lead.first_name }}", "description": "For {{ patient.first_name }}: {{ lead.value }}"}


@pytest.mark.parametrize("way", ["of the lead", "queue", "batch", "activity", "edit"])
def test_merge_fields_that_a_user_types_are_filled_in(desk: Desk, way: str):
    lead = desk.capture(first_name="Zoë")
    new = {"type": "CALL", "due_at": soon(hours=3), **TYPED}
    if way == "of the lead":
        made = desk.front_desk.post(f"/api/leads/{lead['id']}/tasks", new)
    elif way == "queue":
        made = desk.front_desk.post("/api/followups", {"lead_id": lead["id"], **new})
    elif way == "batch":
        create = {"op": "create", "lead_id": lead["id"], **new}
        made = desk.front_desk.post("/api/followups/batch", {"operations": [create]})
    elif way == "activity":
        words = {"subject": TYPED["title"], "description": TYPED["description"]}
        about = {"opportunity_id": lead["id"], "activity_type": "call", "due_date": soon(hours=3)}
        made = desk.front_desk.post("/api/lead-activities", {**about, **words})
    else:
        made = edit(desk, desk.plan(lead), **TYPED)
    assert made.status in {200, 201, 207}, made.body
    [task] = desk.admin.get(f"/api/leads/{lead['id']}/tasks").body["items"]
    assert (task["title"], task["description"]) == ("Call Zoë", "For Zoë: —")


def test_value_in_a_typed_text_is_not_rendered_again(desk: Desk):
    lead = desk.capture(first_name="{{ clinic.name }}")
    assert desk.plan(lead, title="Call {{ lead.first_name }}")["title"] == "Call {{ clinic.name }}"


def test_unknown_merge_fields_that_a_user_types_are_refused(desk: Desk):
    lead = desk.capture()
    wrong = {"title": "Call {{ lead.phone }}", "description": "{{ custom.nope }}"}
    new, places = {"type": "CALL", "due_at": soon(hours=3), **wrong}, ["/description", "/title"]
    assert desk.admin.post(f"/api/leads/{lead['id']}/tasks", new).pointers == places
    assert desk.admin.post("/api/followups", {"lead_id": lead["id"], **new}).pointers == places
    assert edit(desk, desk.plan(lead), **wrong).pointers == places
    about = {"opportunity_id": lead["id"], "activity_type": "call", "due_date": soon(hours=3)}
    activity = {**about, "subject": wrong["title"], "description": wrong["description"]}
    assert desk.admin.post("/api/lead-activities", activity).pointers == ["/description", "/subject"]
