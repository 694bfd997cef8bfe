"""Reasons for cancelled tasks: the clinic requires one, or accepts those of its list only."""

from typing import Any

import pytest

from app.identity.models import Role
from tests.support.desk import Answer, Desk

pytest_plugins = ["tests.support.desk"]

PATH = "/api/settings/task-cancellation"
BATCH = "/api/followups/batch"


def choose(desk: Desk, **settings: Any) -> None:
    answer = desk.admin.patch(PATH, settings)
    assert answer.status == 200, answer.body


def cancel(desk: Desk, body: Any = None) -> Answer:
    return desk.admin.post(f"/api/followups/{desk.plan(desk.capture())['id']}/cancel", body)


def test_no_reason_is_required_by_default(desk: Desk):
    stored = desk.coordinator.get(PATH).body
    assert (stored["is_required"], stored["only_listed"], stored["version"]) == (False, False, 1)
    assert len(stored["reasons"]) > 2
    assert cancel(desk).body["cancelled_reason"] == "by_hand"


@pytest.mark.parametrize("body", [None, {}, {"reason": None}, {"reason": "  "}])
@pytest.mark.parametrize("path", ["followups", "leads/tasks"])
def test_required_reason_is_named_in_the_error(desk: Desk, body: Any, path: str):
    choose(desk, is_required=True)
    task = desk.plan(desk.capture())["id"]
    refused = desk.admin.post(f"/api/{path}/{task}/cancel", body)
    assert (refused.status, refused.pointers) == (422, ["/reason"])
    assert "requires a reason" in refused.body["errors"][0]["message"]
    assert desk.admin.get(f"/api/followups/{task}").body["status"] == "PENDING"


def test_own_words_are_a_reason_unless_only_listed_ones_are(desk: Desk):
    choose(desk, is_required=True, reasons=["Moved away", "Too expensive"])
    assert cancel(desk, {"reason": "Their dog ate it"}).body["cancelled_reason"] == "Their dog ate it"
    choose(desk, only_listed=True)
    refused = cancel(desk, {"reason": "Their dog ate it"})
    assert (refused.status, refused.pointers) == (422, ["/reason"])
    assert "Moved away, Too expensive" in refused.body["errors"][0]["message"]
    assert cancel(desk, {"reason": "Moved away"}).body["cancelled_reason"] == "Moved away"
    choose(desk, is_required=False)
    assert cancel(desk).status == 200


def test_reason_is_on_the_timeline(desk: Desk):
    lead = desk.capture()
    desk.admin.post(f"/api/followups/{desk.plan(lead, title='Call')['id']}/cancel", {"reason": "Moved away"})
    assert desk.timeline(lead)[-1]["notes"] == "Task cancelled: Call: Moved away"


def test_operations_of_a_batch_need_a_reason_each(desk: Desk):
    choose(desk, is_required=True)
    lead = desk.capture()
    first, second, third = (desk.plan(lead)["id"] for _ in range(3))
    answer = desk.admin.post(
        BATCH,
        {
            "operations": [
                {"op": "cancel", "id": first},
                {"op": "cancel", "id": second, "reason": "Moved away"},
                {"op": "cancel", "id": third, "nonsense": 1},
            ]
        },
    )
    results = answer.body["results"]
    assert [result["status"] for result in results] == [422, 200, 422]
    assert [error["pointer"] for error in results[0]["problem"]["errors"]] == ["/operations/0/reason"]
    assert {error["pointer"] for error in results[2]["problem"]["errors"]} == {
        *("/operations/2/nonsense", "/operations/2/reason"),
    }


def test_api_keys_need_a_reason_as_users_do(desk: Desk):
    choose(desk, is_required=True)
    task = desk.plan(desk.capture())["id"]
    program = desk.program("lead:read", "lead:update")
    assert program.post(f"/api/followups/{task}/cancel", {}).pointers == ["/reason"]
    assert program.post(f"/api/followups/{task}/cancel", {"reason": "Moved away"}).status == 200


def test_missing_reason_is_reported_beside_an_unknown_field(desk: Desk):
    choose(desk, is_required=True)
    assert sorted(cancel(desk, {"nonsense": 1}).pointers) == ["/nonsense", "/reason"]
    assert cancel(desk, {"reason": 7}).pointers == ["/reason"]


def test_end_of_a_lead_cancels_tasks_without_asking_for_a_reason(desk: Desk):
    choose(desk, is_required=True)
    lead = desk.capture()
    task = desk.plan(lead)["id"]
    assert desk.admin.post(f"/api/leads/{lead['id']}/lost", {"reason": "OTHER"}).status == 200
    assert desk.admin.get(f"/api/followups/{task}").body["cancelled_reason"] == "lost"


def test_all_mistakes_of_the_settings_are_reported(desk: Desk):
    twice = desk.admin.put(PATH, {"is_required": "x", "reasons": ["a", "b", "a", ""]})
    assert sorted(twice.pointers) == ["/is_required", "/reasons/3"]
    assert desk.admin.put(PATH, {"reasons": ["a", "b", "a"]}).pointers == ["/reasons/2"]
    assert desk.admin.put(PATH, {"reasons": [], "only_listed": True}).pointers == ["/reasons"]
    assert desk.admin.put(PATH, {}, seen='"7"').status == 412


@pytest.mark.parametrize("role", [Role.TREATMENT_COORDINATOR, Role.DOCTOR, Role.FRONT_DESK])
def test_settings_are_changed_by_admins_only(desk: Desk, role: Role):
    assert desk.caller(role).patch(PATH, {"is_required": True}).status == 403


def test_settings_of_clinics_are_apart_and_changes_are_in_the_audit_log(desk: Desk, other_desk: Desk):
    choose(desk, is_required=True)
    assert other_desk.admin.get(PATH).body["is_required"] is False
    task = other_desk.plan(other_desk.capture(phone="600111222"))["id"]
    assert other_desk.admin.post(f"/api/followups/{task}/cancel").status == 200
    [entry] = [one for one in desk.admin.every("/api/audit") if one["subject"] == "clinic"]
    assert entry["fields"] == ["task_cancellation"]
