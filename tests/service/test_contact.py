"""A contact has the same consequences whichever way it is told."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.clock import now
from app.leads.timeline.models import ANSWERED, FAILED_ATTEMPTS, Outcome
from app.leads.timeline.vocabulary import OUTCOMES_OF
from tests.support.desk import Answer, Desk

pytest_plugins = ["tests.support.desk"]

Contact = tuple[str, Outcome]  # type of the activity, outcome
Way = Callable[[Desk, dict[str, Any], Contact], Answer]

TASK_TYPE = {"PHONE_CALL": "CALL", "EMAIL": "EMAIL"}
CONTACTS = [(kind, outcome) for kind in sorted(TASK_TYPE) for outcome in sorted(OUTCOMES_OF[kind])]
LOGGED_AS = {"PHONE_CALL": "call", "EMAIL": "email"}


def by_task(desk: Desk, lead: dict[str, Any], contact: Contact) -> Answer:
    type_, outcome = contact
    task = desk.plan(lead, type=TASK_TYPE[type_], due_at=now().isoformat())
    return desk.admin.post(f"/api/leads/tasks/{task['id']}/complete", {"outcome": outcome})


def by_task_with_its_activity(desk: Desk, lead: dict[str, Any], contact: Contact) -> Answer:
    type_, outcome = contact
    task = desk.plan(lead, type=TASK_TYPE[type_], due_at=now().isoformat())
    activity = {"type": type_, "outcome": outcome}
    return desk.admin.post(f"/api/leads/tasks/{task['id']}/complete", {"activity": activity})


def by_activity(desk: Desk, lead: dict[str, Any], contact: Contact) -> Answer:
    type_, outcome = contact
    if type_ == "PHONE_CALL":
        desk.plan(lead, due_at=now().isoformat())
    return desk.admin.post(f"/api/leads/{lead['id']}/activities", {"type": type_, "outcome": outcome})


def by_lead_activity(desk: Desk, lead: dict[str, Any], contact: Contact) -> Answer:
    type_, outcome = contact
    if type_ == "PHONE_CALL":
        desk.plan(lead, due_at=now().isoformat())
    told = {"activity_type": LOGGED_AS[type_], "subject": "Told", "outcome": outcome}
    return desk.admin.post("/api/lead-activities", {"opportunity_id": lead["id"], **told})


HISTORIES = st.lists(st.sampled_from(CONTACTS), min_size=1, max_size=3)
WAYS: tuple[Way, ...] = (by_task, by_task_with_its_activity, by_activity, by_lead_activity)


def consequences(desk: Desk, lead: dict[str, Any]) -> dict[str, Any]:
    """Return what the contacts changed, without ids and times."""
    after, timeline = desk.lead(lead), desk.timeline(lead)
    calls = [task for task in desk.admin.every(f"/api/leads/{lead['id']}/tasks") if task["type"] == "CALL"]
    of_calls = {task["activity_id"] for task in calls}
    steps = [step for step in desk.steps(lead) if step["name"] != "task-reminder"]
    events = "SELECT name FROM events WHERE lead_id = :id AND name NOT LIKE 'task.%' ORDER BY id"
    return {
        "lead": {name: after[name] for name in ("status", "failed_attempts", "pipeline_stage", "lost_suggested_at")},
        "contacted": after["contacted_at"] is not None,
        "steps": sorted((step["name"], step["state"], step["reason"] or "") for step in steps),
        "contacts": [
            (entry["type"], entry["channel"], entry["direction"], entry["outcome"])
            for entry in timeline
            if entry["type"] in TASK_TYPE
        ],
        "calls": sorted((task["status"], task["outcome"]) for task in calls),
        "linked": of_calls == {entry["id"] for entry in timeline if entry["type"] == "PHONE_CALL"},
        "events": [row.name for row in desk.sql(events, id=lead["id"])],
    }


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(history=st.lists(st.sampled_from(CONTACTS), min_size=1, max_size=4))
def test_same_history_has_the_same_consequences_in_all_ways(desk: Desk, history: list[Contact]):
    found = []
    for way in WAYS:
        lead = desk.capture()
        assert [way(desk, lead, contact).status for contact in history] == [way_status(way)] * len(history)
        found.append(consequences(desk, lead))
    assert all(one == found[0] for one in found)
    assert found[0]["linked"]
    assert all(task[0] == "COMPLETED" for task in found[0]["calls"])


def way_status(way: Way) -> int:
    return 200 if way in {by_task, by_task_with_its_activity} else 201


@pytest.mark.parametrize("outcome", sorted(ANSWERED))
def test_answered_call_task_counts_as_contact(desk: Desk, outcome: str):
    lead = desk.capture()
    by_task(desk, lead, ("PHONE_CALL", Outcome(outcome)))
    [escalation] = desk.steps(lead, name="no-contact-24h")
    assert desk.lead(lead)["contacted_at"] is not None
    assert (escalation["state"], escalation["reason"]) == ("cancelled", "already_contacted")


def test_three_unanswered_call_tasks_are_three_failed_attempts(desk: Desk):
    lead = desk.capture()
    for outcome in sorted(FAILED_ATTEMPTS):
        by_task(desk, lead, ("PHONE_CALL", outcome))
    assert desk.lead(lead)["failed_attempts"] == 3
    assert desk.steps(lead, name="break-up-email")


@pytest.mark.parametrize("type_", ["EMAIL", "SMS"])
def test_outbound_messages_are_attempts_until_the_lead_replies(desk: Desk, type_: str):
    lead = desk.capture()
    for _ in range(3):
        desk.admin.post(f"/api/leads/{lead['id']}/activities", {"type": type_})
    assert desk.lead(lead)["failed_attempts"] == 3
    assert not desk.steps(lead, name="break-up-email")
    desk.admin.post(f"/api/leads/{lead['id']}/activities", {"type": type_, "direction": "INBOUND"})
    assert desk.lead(lead)["failed_attempts"] == 0
    assert {step["state"] for step in desk.steps(lead, name="break-up-email-after-message")} == {"cancelled"}


def test_call_answers_only_the_first_call_task_of_this_workday(desk: Desk):
    lead = desk.capture()
    first, second = (desk.plan(lead, due_at=now().isoformat())["id"] for _ in range(2))
    later = desk.plan(lead, due_at="2031-01-01T09:00:00Z")["id"]
    email = desk.plan(lead, type="EMAIL", due_at=now().isoformat())["id"]
    call = {"type": "PHONE_CALL", "outcome": "spoke"}
    made = desk.admin.post(f"/api/leads/{lead['id']}/activities", call).body
    tasks = {task["id"]: task for task in desk.admin.every(f"/api/leads/{lead['id']}/tasks")}
    assert (tasks[first]["status"], tasks[first]["outcome"]) == ("COMPLETED", "spoke")
    assert (tasks[first]["activity_id"], made["task_id"]) == (made["id"], first)
    assert {tasks[id_]["status"] for id_ in (second, later, email)} == {"PENDING"}


def test_message_answers_a_call_task_only_if_it_reached_the_lead(desk: Desk):
    lead = desk.capture()
    task = desk.plan(lead, due_at=now().isoformat())["id"]
    path = f"/api/leads/{lead['id']}/activities"
    for told in ({"type": "EMAIL"}, {"type": "EMAIL", "direction": "INBOUND"}, {"type": "SMS", "outcome": "no_answer"}):
        desk.admin.post(path, told)
        assert desk.admin.get(f"/api/leads/tasks/{task}").body["status"] == "PENDING"
    desk.admin.post(path, {"type": "IN_PERSON", "outcome": "callback_requested"})
    assert desk.admin.get(f"/api/leads/tasks/{task}").body["status"] == "COMPLETED"


def test_meeting_that_did_not_happen_is_no_contact(desk: Desk):
    lead = desk.capture()
    desk.admin.post(f"/api/leads/{lead['id']}/activities", {"type": "IN_PERSON", "outcome": "no_answer"})
    after = desk.lead(lead)
    assert (after["contacted_at"], after["failed_attempts"]) == (None, 1)


def test_completion_with_an_existing_activity_logs_no_other(desk: Desk):
    lead = desk.capture()
    call = {"type": "PHONE_CALL", "outcome": "no_answer"}
    logged = desk.admin.post(f"/api/leads/{lead['id']}/activities", call).body["id"]
    task = desk.plan(lead)["id"]
    desk.admin.post(f"/api/leads/tasks/{task}/complete", {"outcome": "no_answer", "activity_id": logged})
    assert desk.lead(lead)["failed_attempts"] == 1


def test_task_of_a_converted_lead_is_completed_with_an_outcome(desk: Desk):
    lead = desk.capture()
    task = desk.plan(lead)["id"]
    desk.admin.post(f"/api/leads/{lead['id']}/convert", {})
    desk.sql("UPDATE lead_tasks SET status = 'PENDING' WHERE id = :id", id=task)
    assert desk.admin.post(f"/api/leads/tasks/{task}/complete", {"outcome": "spoke"}).status == 200
