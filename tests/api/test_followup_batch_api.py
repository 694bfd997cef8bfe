"""Batches of up to a hundred operations, each with its own result."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from app.clock import now
from tests.support.concurrency import run_concurrently
from tests.support.desk import Answer, Desk

pytest_plugins = ["tests.support.desk"]


def soon(**ahead: float) -> str:
    return (now() + timedelta(**ahead)).isoformat().replace("+00:00", "Z")


def batch(desk: Desk, *operations: Any, key: str | None = None) -> Answer:
    return desk.front_desk.post("/api/followups/batch", {"operations": list(operations)}, key=key)


def test_each_operation_has_the_effect_of_its_route(desk: Desk):
    lead = desk.capture()
    ids = [desk.plan(lead)["id"] for _ in range(7)]
    answer = batch(
        desk,
        {"op": "complete", "id": ids[0], "outcome": "successful", "notes": "Done"},
        {"op": "cancel", "id": ids[1], "reason": "They called"},
        {"op": "start", "id": ids[2]},
        {"op": "snooze", "id": ids[3], "until": soon(days=5)},
        {"op": "reschedule", "id": ids[4], "due_at": soon(days=6)},
        {"op": "reassign", "id": ids[5], "assigned_to_id": desk.coordinator.id},
        {"op": "pin", "id": ids[6], "pinned": True},
        {"op": "create", "lead_id": lead["id"], "title": "New", "type": "CALL", "due_at": soon(days=1)},
    )
    assert (answer.status, answer.body["succeeded"], answer.body["failed"]) == (207, 8, 0)
    results = answer.body["results"]
    assert [result["status"] for result in results] == [*[200] * 7, 201]
    for result in results:
        shown = {**desk.admin.get(f"/api/followups/{result['task_id']}").body}
        assert (result["task"], result["problem"]) == (shown, None)
    assert [result["task"]["status"] for result in results[:3]] == ["COMPLETED", "CANCELLED", "IN_PROGRESS"]
    assert [note["task_id"] for note in desk.coordinator.every("/api/notifications/mine")] == [ids[5]]
    assert len(desk.steps(lead, name="task-reminder", state="planned")) == 6


def test_failed_operation_is_rolled_back_and_the_others_continue(desk: Desk, other_desk: Desk):
    lead, lost = desk.capture(), desk.capture()
    first, last = desk.plan(lead)["id"], desk.plan(lead)["id"]
    desk.admin.post(f"/api/leads/{lost['id']}/lost", {"reason": "OTHER"})
    foreign = other_desk.plan(other_desk.capture(phone="600111222"))["id"]
    call = {"type": "PHONE_CALL", "outcome": "spoke"}
    new = {"op": "create", "title": "x", "type": "CALL", "due_at": soon(days=1)}
    answer = batch(
        desk,
        {"op": "complete", "id": first},
        {"op": "complete", "id": first, "activity": call},
        {"op": "start", "id": foreign},
        {"op": "snooze", "id": last, "until": soon(days=-1)},
        {**new, "lead_id": lost["id"]},
        {**new, "lead_id": str(uuid4())},
        {"op": "dance", "id": last},
        {"op": "start", "id": "x"},
        {"op": "start", "id": last, "colour": "red"},
        {"op": "reassign", "id": last, "assigned_to_id": other_desk.admin.id},
        {},
        {"op": "start", "id": last},
    )
    results = answer.body["results"]
    assert (answer.body["succeeded"], answer.body["failed"]) == (2, 10)
    assert [r["status"] for r in results] == [200, 409, 404, 422, 409, 422, 422, 422, 422, 422, 422, 200]
    assert [r["problem"]["code"] for r in results[1:5]] == ["task-is-closed", "not-found", "invalid", "lead-is-closed"]
    assert [error["pointer"] for r in results for error in (r["problem"] or {}).get("errors", ())] == [
        *("/operations/3/until", "/operations/5/lead_id", "/operations/6/op", "/operations/7/id"),
        *("/operations/8/colour", "/operations/9/assigned_to_id", "/operations/10/op"),
    ]
    assert [entry["type"] for entry in desk.timeline(lead)] == ["TASK_COMPLETED"]
    assert desk.admin.get(f"/api/followups/{last}").body["status"] == "IN_PROGRESS"


def test_results_before_a_failure_are_kept(desk: Desk):
    task = desk.plan(desk.capture())["id"]
    answer = batch(desk, {"op": "pin", "id": task, "pinned": True}, {"op": "dance"}, {"op": "start", "id": task})
    assert [r["task"] and r["task"]["version"] for r in answer.body["results"]] == [2, None, 3]
    assert desk.admin.get(f"/api/followups/{task}").body == answer.body["results"][2]["task"]


def test_batch_has_at_most_a_hundred_operations(desk: Desk):
    task = desk.plan(desk.capture())["id"]
    pins = [{"op": "pin", "id": task, "pinned": bool(n % 2)} for n in range(101)]
    assert batch(desk, *pins[:100]).body["succeeded"] == 100
    refused = batch(desk, *pins)
    assert refused.pointers == ["/operations"]
    assert "/api/followups/bulk" in refused.body["errors"][0]["message"]
    assert batch(desk).pointers == ["/operations"]


@pytest.mark.parametrize("operation", [1, "start", None, []])
def test_operation_must_be_an_object(desk: Desk, operation: Any):
    assert batch(desk, operation).pointers == ["/operations/0"]


def test_repeated_batch_is_executed_once(desk: Desk):
    lead = desk.capture()
    new = {"op": "create", "lead_id": lead["id"], "title": "x", "type": "CALL", "due_at": soon(days=1)}
    first, again = (batch(desk, new, key="once") for _ in range(2))
    assert (first.status, again.status, again.headers["Idempotent-Replayed"]) == (207, 207, "true")
    assert first.body == again.body
    assert len(desk.admin.every("/api/followups")) == 1


def test_concurrent_batches_over_the_same_leads_do_not_deadlock(desk: Desk):
    for _ in range(5):
        tasks = [desk.plan(desk.capture())["id"] for _ in range(6)]
        pins = [{"op": "pin", "id": task, "pinned": True} for task in tasks]
        there, back = run_concurrently(partial(batch, desk, *pins), partial(batch, desk, *reversed(pins)))
        assert (there.body["succeeded"], back.body["succeeded"]) == (6, 6)
