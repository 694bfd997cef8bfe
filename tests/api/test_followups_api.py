"""Work queue: tasks across leads, actions on tasks, and timeline entries."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.clock import now
from tests.support.desk import Answer, Caller, Desk

pytest_plugins = ["tests.support.desk"]

QUEUE = "/api/followups"


def soon(**ahead: float) -> str:
    return (now() + timedelta(**ahead)).isoformat().replace("+00:00", "Z")


def do(desk: Desk, task: dict[str, Any], action: str, body: Any = None) -> Answer:
    return desk.front_desk.post(f"{QUEUE}/{task['id']}/{action}", body)


def shown(caller: Caller, **query: Any) -> list[str]:
    return [task["id"] for task in caller.every(QUEUE, **query)]


def delete(caller: Caller, task: dict[str, Any], *, seen: str | None = "*") -> Answer:
    return caller._send("DELETE", f"{QUEUE}/{task['id']}", headers={} if seen is None else {"If-Match": seen})


def make_overdue(desk: Desk, task: dict[str, Any]) -> None:
    """Make a task overdue, as the sweep does."""
    overdue = "UPDATE lead_tasks SET status = 'OVERDUE', due_at = now() - interval '1 hour' WHERE id = :id"
    desk.sql(overdue, id=task["id"])


def test_task_is_the_same_resource_under_followups_and_leads(desk: Desk):
    lead = desk.capture(assigned_to_id=desk.coordinator.id)
    made = desk.front_desk.post(
        QUEUE, {"lead_id": lead["id"], "title": "Call", "type": "VIDEO_CALL", "due_at": soon(hours=3), "tags": ["vip"]}
    )
    task = made.body
    assert (made.status, task["assigned_to_id"], task["tags"]) == (201, desk.coordinator.id, ["vip"])
    assert (task["priority"], task["pinned"]) == ("NORMAL", False)
    assert desk.doctor.get(f"{QUEUE}/{task['id']}").body == task
    assert desk.doctor.get(f"/api/leads/tasks/{task['id']}").body == task
    edited = desk.front_desk.put(f"{QUEUE}/{task['id']}", {"tags": ["a", "b", "a"]}, seen=made.headers["ETag"])
    assert edited.body["tags"] == ["a", "b"]
    assert desk.front_desk.put(f"{QUEUE}/{task['id']}", {"title": "x"}, seen=made.headers["ETag"]).status == 412


def test_tags_of_rules_and_tasks_have_the_same_limit(desk: Desk):
    longest = "x" * 50
    call = {"title": "Call", "type": "CALL"}
    rule = {"name": "tag", "on": "lead.created", "is_draft": True, "do": [{"create_task": {**call, "tags": [longest]}}]}
    assert desk.admin.post("/api/follow-up-rules", rule).status == 201
    task = {**call, "lead_id": desk.capture()["id"], "due_at": soon(hours=3), "tags": [longest]}
    made = desk.admin.post(QUEUE, task).body
    assert [found["id"] for found in desk.admin.every(QUEUE, tag=longest)] == [made["id"]]
    longer = [{"create_task": {**call, "tags": [f"{longest}x"]}}]
    assert desk.admin.post("/api/follow-up-rules", {**rule, "name": "more", "do": longer}).status == 422
    assert desk.admin.post(QUEUE, {**task, "tags": [f"{longest}x"]}).pointers == ["/tags/0"]
    assert desk.admin.get(QUEUE, tag=f"{longest}x").pointers == ["/tag"]


@pytest.mark.parametrize(
    ("change", "places"),
    [
        ({"title": None}, ["/title"]),
        ({"tags": ["x" * 51]}, ["/tags/0"]),
        ({"tags": [str(n) for n in range(21)]}, ["/tags"]),
        ({"type": "DANCE"}, ["/type"]),
        ({"lead_id": str(uuid4())}, ["/lead_id"]),
        ({"template_id": str(uuid4())}, ["/template_id"]),
        ({"status": "COMPLETED"}, ["/status"]),
    ],
)
def test_validation_error_names_the_path(desk: Desk, change: dict[str, Any], places: list[str]):
    new = {"lead_id": desk.capture()["id"], "title": "Call", "type": "CALL", "due_at": soon(hours=1)}
    assert desk.admin.post(QUEUE, {**new, **change}).pointers == places


def test_field_missing_in_body_and_template_is_required(desk: Desk):
    assert desk.admin.post(QUEUE, {"lead_id": desk.capture()["id"]}).pointers == ["/due_at", "/title", "/type"]


def test_lead_of_another_clinic_is_unknown(desk: Desk, other_desk: Desk):
    new = {"title": "Call", "type": "CALL", "due_at": soon(hours=1)}
    theirs = other_desk.capture(phone="600111222")
    answers = [desk.admin.post(QUEUE, {**new, "lead_id": id_}) for id_ in (theirs["id"], str(uuid4()))]
    assert answers[0].body["errors"] == answers[1].body["errors"]


def test_queue_has_tasks_of_all_leads_ordered_by_due_time(desk: Desk, other_desk: Desk):
    third, first, second = (desk.plan(desk.capture(), due_at=soon(days=days))["id"] for days in (3, 1, 2))
    other_desk.plan(other_desk.capture(phone="600111222"))
    assert shown(desk.doctor, limit=1) == [first, second, third]
    assert shown(desk.doctor, sort="-due_at", limit=2) == [third, second, first]
    assert shown(desk.doctor, sort="created_at", limit=1) == [third, first, second]
    assert shown(desk.doctor, sort="-created_at", limit=2) == [second, first, third]
    assert desk.doctor.get(QUEUE, sort="title").pointers == ["/sort"]


def test_pages_keep_one_order_across_all_statuses(desk: Desk):
    lead = desk.capture()
    tasks = [desk.plan(lead, due_at=soon(days=days)) for days in range(1, 9)]
    do(desk, tasks[1], "complete")
    do(desk, tasks[2], "cancel")
    do(desk, tasks[4], "start")
    make_overdue(desk, tasks[7])
    due = [tasks[7]["id"], *(task["id"] for task in tasks[:7])]
    assert shown(desk.admin, limit=2) == due
    assert shown(desk.admin, limit=3, sort="-due_at") == due[::-1]
    assert shown(desk.admin, limit=3, assigned_to_id="me") == due
    answer = desk.admin.get(QUEUE, prefer="return=total-count", limit=2)
    assert answer.body["total_count"] == 8


def test_each_filter_returns_its_tasks(desk: Desk):
    mine = desk.capture(assigned_to_id=desk.coordinator.id)
    other = desk.capture(assigned_to_id=desk.admin.id)
    desk.admin.post(f"/api/leads/{other['id']}/stage", {"stage": "contacted"})
    call = desk.plan(mine, due_at=soon(days=2), tags=["vip", "school"], priority="URGENT")["id"]
    mail = desk.plan(other, type="EMAIL", due_at=soon(days=4), title="Write about the invoice", description="Straße 5")
    mail = mail["id"]
    desk.front_desk.post(f"{QUEUE}/{mail}/pin", {"pinned": True})
    desk.sql("UPDATE leads SET rots_at = now() WHERE id = :id", id=other["id"])
    for query, found in [
        ({"status": "PENDING,OVERDUE"}, [call, mail]),
        ({"status": "COMPLETED"}, []),
        ({"type": "EMAIL,SMS"}, [mail]),
        ({"priority": "URGENT"}, [call]),
        ({"due_from": soon(days=3)}, [mail]),
        ({"due_to": soon(days=3)}, [call]),
        ({"assigned_to_id": desk.coordinator.id}, [call]),
        ({"created_by": desk.admin.id}, [call, mail]),
        ({"created_by": desk.coordinator.id}, []),
        ({"lead_id": other["id"]}, [mail]),
        ({"stage": "contacted"}, [mail]),
        ({"source_id": desk.source_id}, [call, mail]),
        ({"source_id": str(uuid4())}, []),
        ({"tag": "school"}, [call]),
        ({"tag": "scho"}, []),
        ({"pinned": "true"}, [mail]),
        ({"pinned": "false"}, [call]),
        ({"rotting": "true"}, [mail]),
        ({"rotting": "false"}, [call]),
        ({"q": "invoice"}, [mail]),
        ({"q": "STRASSE"}, [mail]),
        ({"q": "invo"}, [mail]),
        ({"q": "call ba"}, [call]),
        ({"q": "nvoice"}, []),
        ({"status": "PENDING", "type": "EMAIL", "q": "about", "pinned": "true", "stage": "contacted"}, [mail]),
    ]:
        assert shown(desk.doctor, **query) == found, query


def test_tasks_are_found_by_their_lead_and_by_notes(desk: Desk):
    zoltan = desk.capture(first_name="Zoltan", last_name="Kiss", phone="212-555-0188")
    one = desk.plan(zoltan, title="Call")["id"]
    noted = {"type": "NOTE", "notes": "Her quokka ate the retainer."}
    assert desk.admin.post(f"/api/leads/{zoltan['id']}/activities", noted).status == 201
    other = desk.plan(desk.capture(first_name="Mia", last_name="Keller", phone="212-555-0100"), title="Écrire à Zoé")[
        "id"
    ]
    done = {"outcome": "successful", "notes": "Prefers the morning"}
    assert desk.admin.post(f"{QUEUE}/{other}/complete", done).status == 200
    for query, found in [
        ("oltan", {one}),
        ("0188", {one}),
        ("ecri zoe", {other}),
        ("zo", {one, other}),
        ("morn", {other}),
        ("quok", {one}),
        ("x", set()),
    ]:
        listed = {task["id"] for task in desk.doctor.every(QUEUE, q=query)}
        assert listed & {one, other} == found, query


@pytest.mark.parametrize(
    "query", [{"status": "DONE"}, {"status": ""}, {"status": "PENDING,"}, {"type": "CALL;SMS"}, {"colour": "red"}]
)
def test_invalid_filter_is_refused(desk: Desk, query: dict[str, str]):
    assert desk.admin.get(QUEUE, **query).pointers == [f"/{next(iter(query))}"]


def test_api_key_has_no_tasks_of_its_own(desk: Desk):
    program = desk.program("lead:read")
    assert program.get(QUEUE, assigned_to_id="me").pointers == ["/assigned_to_id"]
    assert program.get(QUEUE, created_by="me").pointers == ["/created_by"]


def test_completion_stores_the_outcome_and_logs_the_call(desk: Desk):
    lead = desk.capture()
    task = desk.plan(lead)
    call = {"type": "PHONE_CALL", "outcome": "spoke", "duration_minutes": 4}
    done = do(desk, task, "complete", {"outcome": "callback_requested", "notes": "After five", "activity": call}).body
    logged, moved, told = sorted(desk.timeline(lead), key=lambda entry: entry["type"])
    assert (done["status"], done["outcome"], done["completion_notes"]) == (
        "COMPLETED",
        "callback_requested",
        "After five",
    )
    assert (done["activity_id"], logged["task_id"]) == (logged["id"], task["id"])
    assert (logged["type"], logged["outcome"], told["type"]) == ("PHONE_CALL", "spoke", "TASK_COMPLETED")
    assert moved["new_stage"] == "contacted"
    assert desk.lead(lead)["contacted_at"] == logged["occurred_at"]


def test_outcome_of_the_call_is_the_default_for_the_task(desk: Desk):
    call = {"type": "PHONE_CALL", "outcome": "voicemail"}
    lead = desk.capture()
    assert do(desk, desk.plan(lead), "complete", {"activity": call}).body["outcome"] == "voicemail"
    assert desk.lead(lead)["failed_attempts"] == 1


def test_invalid_activity_completes_nothing(desk: Desk):
    lead = desk.capture()
    task = desk.plan(lead)
    assert do(desk, task, "complete", {"activity": {"type": "PHONE_CALL"}}).pointers == ["/activity/outcome"]
    assert do(desk, task, "complete", {"outcome": "maybe"}).pointers == ["/outcome"]
    both = {"activity": {"type": "NOTE"}, "activity_id": str(uuid4())}
    assert do(desk, task, "complete", both).pointers == ["/activity_id"]
    assert do(desk, task, "complete", {"activity_id": str(uuid4())}).pointers == ["/activity_id"]
    assert (desk.timeline(lead), do(desk, task, "complete").status) == ([], 200)


@pytest.mark.parametrize(
    ("type_", "refused"),
    [("EMAIL", ["spoke", "wrong_number"]), ("SMS", ["voicemail"]), ("MEETING", ["wrong_number"]), ("CALL", [])],
)
def test_outcome_fits_the_type_of_the_task(desk: Desk, type_: str, refused: list[str]):
    task = desk.plan(desk.capture(), type=type_)
    for outcome in refused:
        answer = do(desk, task, "complete", {"outcome": outcome})
        assert (answer.status, answer.pointers) == (422, ["/outcome"])
    assert do(desk, task, "complete", {"outcome": "callback_requested"}).status == 200


@pytest.mark.parametrize(
    ("type_", "outcome", "activity"),
    [
        ("CALL", "spoke", {"type": "PHONE_CALL", "outcome": "no_answer"}),
        ("CALL", "voicemail", {"type": "PHONE_CALL", "outcome": "spoke"}),
        ("CALL", "voicemail", {"type": "EMAIL", "outcome": "successful"}),
    ],
)
def test_outcome_and_activity_do_not_contradict_each_other(desk: Desk, type_: str, outcome: str, activity: Any):
    task = desk.plan(lead := desk.capture(), type=type_)
    answer = do(desk, task, "complete", {"outcome": outcome, "activity": activity})
    assert (answer.status, answer.pointers, desk.timeline(lead)) == (422, ["/outcome"], [])


def test_call_instead_of_the_planned_mail_has_the_outcome_of_a_call(desk: Desk):
    task = desk.plan(desk.capture(), type="EMAIL")
    done = do(desk, task, "complete", {"activity": {"type": "PHONE_CALL", "outcome": "voicemail"}})
    assert (done.status, done.body["outcome"]) == (200, "voicemail")


def test_task_can_be_linked_to_an_existing_entry_of_its_lead(desk: Desk):
    lead, other = desk.capture(), desk.capture()
    entries = [
        desk.admin.post(f"/api/leads/{a['id']}/activities", {"type": "NOTE", "notes": "x"}) for a in (lead, other)
    ]
    task = desk.plan(lead)
    assert do(desk, task, "complete", {"activity_id": entries[1].body["id"]}).pointers == ["/activity_id"]
    done = do(desk, task, "complete", {"activity_id": entries[0].body["id"]}).body
    assert done["activity_id"] == entries[0].body["id"]


def test_started_task_is_in_progress_and_overdue_tasks_must_be_moved_first(desk: Desk):
    task, overdue = desk.plan(desk.capture()), desk.plan(desk.capture())
    begun = [do(desk, task, "start").body for _ in range(2)]
    assert [(task["status"], task["version"]) for task in begun] == [("IN_PROGRESS", 2)] * 2
    make_overdue(desk, overdue)
    assert do(desk, overdue, "start").body["code"] == "task-is-overdue"


def test_task_can_be_pinned_and_unpinned(desk: Desk):
    task = desk.plan(desk.capture())
    assert [do(desk, task, "pin", {"pinned": pinned}).body["pinned"] for pinned in (True, True, False)] == [
        *(True, True, False)
    ]
    assert do(desk, task, "pin", {}).pointers == ["/pinned"]


def test_snoozed_task_is_due_later(desk: Desk):
    until = soon(days=4)
    assert do(desk, desk.plan(desk.capture()), "snooze", {"until": until}).body["due_at"] == until


def test_new_assignee_is_notified_and_the_timeline_has_the_reason(desk: Desk):
    lead = desk.capture()
    task = desk.plan(lead, title="Call <b>Ana</b>")
    handed = {"assigned_to_id": desk.coordinator.id, "reason": "I am away."}
    answer = do(desk, task, "reassign", handed).body
    [told] = desk.coordinator.every("/api/notifications/mine")
    [entry] = desk.timeline(lead)
    assert answer["assigned_to_id"] == desk.coordinator.id
    assert (told["subject"], told["task_id"], told["lead_id"]) == (
        "Assigned to you: Call <b>Ana</b>",
        task["id"],
        lead["id"],
    )
    assert told["body"].startswith(f"{desk.front_desk.actor.name} assigned this task to you")
    assert told["body"].endswith("I am away.")
    assert (entry["type"], entry["task_id"]) == ("NOTE", task["id"])
    assert desk.coordinator.actor.name in entry["notes"]
    assert entry["notes"].endswith("I am away.")


def test_assignment_to_oneself_sends_no_notification(desk: Desk):
    lead = desk.capture()
    task = desk.plan(lead)
    for _ in range(2):
        assert do(desk, task, "reassign", {"assigned_to_id": desk.front_desk.id}).body["version"] == 2
    assert desk.front_desk.every("/api/notifications/mine") == []
    assert len(desk.timeline(lead)) == 1


def test_edit_of_the_assignee_hands_over_the_task(desk: Desk):
    task = desk.plan(desk.capture())
    desk.admin.put(f"{QUEUE}/{task['id']}", {"assigned_to_id": desk.coordinator.id})
    assert [note["task_id"] for note in desk.coordinator.every("/api/notifications/mine")] == [task["id"]]


def test_assignee_must_be_an_active_user_of_the_clinic(desk: Desk, other_desk: Desk):
    task = desk.plan(desk.capture())
    for user_id in (other_desk.admin.id, str(uuid4())):
        assert do(desk, task, "reassign", {"assigned_to_id": user_id}).pointers == ["/assigned_to_id"]


def test_deleted_task_is_cancelled_and_stays_in_the_timeline(desk: Desk):
    lead = desk.capture()
    task = desk.plan(lead)
    assert delete(desk.front_desk, task).status == 204
    assert desk.admin.get(f"{QUEUE}/{task['id']}").status == delete(desk.front_desk, task).status == 404
    assert shown(desk.admin) == shown(desk.admin, sort="-created_at") == []
    assert desk.admin.every(f"/api/leads/{lead['id']}/tasks") == []
    assert desk.admin.every("/api/leads/tasks/my-tasks", status="CANCELLED") == []
    [entry] = desk.timeline(lead)
    assert (entry["notes"], entry["task_id"]) == ("Task deleted: Call back", task["id"])
    [row] = desk.sql("SELECT status, cancelled_reason FROM lead_tasks WHERE id = :id", id=task["id"])
    assert tuple(row) == ("CANCELLED", "deleted")
    [step] = desk.steps(lead, name="task-reminder")
    assert (step["state"], step["reason"]) == ("cancelled", "task_cancelled")


def test_completed_task_cannot_be_deleted_and_deletion_needs_the_version(desk: Desk):
    task = desk.plan(desk.capture())
    assert delete(desk.admin, task, seen=None).status == 428
    desk.admin.put(f"{QUEUE}/{task['id']}", {"title": "Write"})
    assert delete(desk.admin, task, seen='"1"').status == 412
    do(desk, task, "complete")
    assert delete(desk.admin, task).body["code"] == "task-is-closed"


def test_tasks_are_closed_with_their_lead(desk: Desk):
    for act, body in (("convert", {}), ("lost", {"reason": "OTHER"})):
        lead = desk.capture()
        desk.plan(lead)
        assert desk.admin.post(f"/api/leads/{lead['id']}/{act}", body).status == 200
        assert [task["status"] for task in desk.admin.every(QUEUE, lead_id=lead["id"])] == ["CANCELLED"]


def test_tasks_of_a_bulk_job_can_be_tagged(desk: Desk):
    followup = {"type": "CALL", "title": "After the fair", "due_in_minutes": 60, "tags": ["fair"]}
    job = desk.admin.post("/api/followups/bulk", {"lead_ids": [desk.capture()["id"]], "followup": followup})
    [(spec,)] = desk.sql("SELECT spec FROM jobs WHERE id = :id", id=job.body["id"])
    assert spec["task"]["tags"] == ["fair"]


def test_times_are_in_utc(desk: Desk):
    due = datetime(2031, 1, 1, 9, tzinfo=UTC)
    assert desk.plan(desk.capture(), due_at=due.isoformat())["due_at"] == "2031-01-01T09:00:00Z"
