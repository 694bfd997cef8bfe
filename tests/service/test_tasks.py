"""Concurrent work on tasks."""

from datetime import timedelta
from functools import partial

from app.clock import now
from app.identity.models import Role
from tests.support.concurrency import run_concurrently
from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]


def test_second_of_two_concurrent_completions_gets_a_conflict(desk: Desk):
    for _ in range(5):
        lead = desk.capture()
        path = f"/api/leads/tasks/{desk.plan(lead)['id']}/complete"
        answers = run_concurrently(
            *(partial(who.post, path, {}) for who in (desk.admin, desk.coordinator, desk.front_desk))
        )
        assert sorted(answer.status for answer in answers) == [200, 409, 409]
        assert [entry["type"] for entry in desk.timeline(lead)] == ["TASK_COMPLETED"]


def test_concurrent_completion_and_snooze_leave_no_reminder(desk: Desk):
    until = (now() + timedelta(hours=5)).isoformat()
    for _ in range(5):
        lead = desk.capture()
        path = f"/api/leads/tasks/{desk.plan(lead)['id']}"
        done, _snoozed = run_concurrently(
            partial(desk.admin.post, f"{path}/complete", {}),
            partial(desk.coordinator.post, f"{path}/snooze", {"until": until}),
        )
        assert done.status == 200
        assert {step["state"] for step in desk.steps(lead, name="task-reminder")} == {"cancelled"}


def test_concurrent_work_on_one_lead_does_not_deadlock(desk: Desk):
    lead = desk.capture()
    one, other = (f"/api/leads/tasks/{desk.plan(lead)['id']}" for _ in range(2))
    answers = run_concurrently(
        partial(desk.admin.post, f"{one}/complete", {}),
        partial(desk.coordinator.post, f"{other}/complete", {}),
        partial(desk.front_desk.post, f"/api/leads/{lead['id']}/activities", {"type": "NOTE", "notes": "x"}),
        partial(desk.hire(Role.FRONT_DESK).put, other, {"title": "Write"}),
    )
    assert {answer.status for answer in answers[:3]} <= {200, 201}
