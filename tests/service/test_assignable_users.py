"""Leads and tasks are assigned only to users who may work on them, and tasks move with their lead."""

from datetime import timedelta
from typing import Any

import pytest

from app.clock import now
from app.identity.models import Role
from tests.support.desk import Answer, Desk

pytest_plugins = ["tests.support.desk"]

CANNOT_WORK = [Role.DOCTOR, Role.MARKETING_MANAGER, Role.DISPATCHER]


def soon(**ahead: float) -> str:
    return (now() + timedelta(**ahead)).isoformat()


def tasks_of(desk: Desk, lead: dict[str, Any]) -> dict[str, str]:
    """Return the assignee of each task of the lead."""
    return {task["id"]: task["assigned_to_id"] for task in desk.admin.every(f"/api/leads/{lead['id']}/tasks")}


def requests_naming(desk: Desk, user_id: str) -> dict[str, Answer]:
    """Name the user as assignee in every route that takes one. Return the answers by the expected pointer."""
    lead, post = desk.capture(), desk.admin.post
    task = desk.plan(lead)
    follow_up = {"title": "Call", "type": "CALL", "due_at": soon(days=1)}
    bulk = {"lead_ids": [lead["id"]], "followup": {**follow_up, "assignee": {"strategy": "user", "user_id": user_id}}}
    rule = {"name": "All", "strategy": "round_robin", "members": [{"user_id": user_id}]}
    away = {"starts_at": soon(hours=1), "ends_at": soon(days=1), "cover_id": user_id}
    handover = {"from_id": desk.coordinator.id, "to_ids": [user_id], "reason": "Leave"}
    planned = {"opportunity_id": lead["id"], "activity_type": "call", "subject": "Call", "due_date": soon(days=1)}
    owner = {"assigned_to_id": user_id}
    return {
        "/assigned_to_id capture": post("/api/leads", desk.lead_data(**owner)),
        "/assigned_to_id assign": post(f"/api/leads/{lead['id']}/assign", owner),
        "/assigned_to_id task": post(f"/api/leads/{lead['id']}/tasks", {**follow_up, **owner}),
        "/assigned_to_id edit": desk.admin.put(f"/api/leads/tasks/{task['id']}", owner),
        "/assigned_to_id reassign": post(f"/api/followups/{task['id']}/reassign", owner),
        "/assigned_to lead activity": post("/api/lead-activities", {**planned, "assigned_to": user_id}),
        "/followup/assignee/user_id bulk": post("/api/followups/bulk", bulk),
        "/members/0/user_id rule": post("/api/assignment-rules", rule),
        "/cover_id absence": post(f"/api/users/{desk.coordinator.id}/out-of-office", away),
        "/to_ids/0 handover": post("/api/leads/reassign", handover),
    }


@pytest.mark.parametrize("role", CANNOT_WORK)
def test_user_without_work_permission_is_refused(desk: Desk, role: Role):
    answers = requests_naming(desk, desk.caller(role).id)
    found = {name: answer.pointers if answer.status == 422 else answer.body for name, answer in answers.items()}
    assert found == {name: [name.split()[0]] for name in answers}


def test_user_with_a_custom_role_that_may_work_is_assignable(desk: Desk):
    worker, reader = desk.hire(Role.FRONT_DESK), desk.hire(Role.FRONT_DESK)
    for who, slug, permission in ((worker, "worker", "lead:update"), (reader, "reader", "lead:read")):
        role = {"name": slug, "slug": slug, "grants": {"lead:read": "all", permission: "all"}}
        made = desk.admin.post("/api/roles", role)
        assert made.status == 201, made.body
        desk.sql("UPDATE users SET role = :role WHERE id = :id", role=slug, id=who.id)
    lead = desk.capture()
    path = f"/api/leads/{lead['id']}/assign"
    assert desk.admin.post(path, {"assigned_to_id": worker.id}).status == 200
    assert desk.admin.post(path, {"assigned_to_id": reader.id}).pointers == ["/assigned_to_id"]


def test_assigned_lead_takes_its_owners_open_tasks_along(desk: Desk):
    lead = desk.capture(assigned_to_id=desk.coordinator.id)
    own, others = desk.plan(lead)["id"], desk.plan(lead, assigned_to_id=desk.front_desk.id)["id"]
    done = desk.plan(lead)["id"]
    desk.admin.post(f"/api/leads/tasks/{done}/complete", {})
    desk.admin.post(f"/api/leads/{lead['id']}/assign", {"assigned_to_id": desk.admin.id})
    expected = {own: desk.admin.id, others: desk.front_desk.id, done: desk.coordinator.id}
    assert tasks_of(desk, lead) == expected


def test_absence_hands_over_tasks_that_are_already_overdue(desk: Desk):
    lead = desk.capture(assigned_to_id=desk.coordinator.id)
    late, ahead = desk.plan(lead)["id"], desk.plan(lead, due_at=soon(days=9))["id"]
    overdue = "UPDATE lead_tasks SET status = 'OVERDUE', due_at = now() - interval '2 days' WHERE id = :id"
    desk.sql(overdue, id=late)
    away = {"starts_at": soon(hours=-1), "ends_at": soon(days=3), "cover_id": desk.admin.id, "tasks": "reroute"}
    answer = desk.admin.post(f"/api/users/{desk.coordinator.id}/out-of-office", away)
    assert answer.status == 201, answer.body
    assert tasks_of(desk, lead) == {late: desk.admin.id, ahead: desk.coordinator.id}


@pytest.mark.parametrize("first", ["stage", "convert"])
def test_patient_id_is_set_once_after_the_conversion(desk: Desk, first: str):
    lead = desk.capture()
    path, patient = f"/api/leads/{lead['id']}", "0198c0de-0000-7000-8000-000000000001"
    if first == "stage":
        desk.admin.put(f"{path}/stage", {"stage": "treatment_started"})
    else:
        desk.admin.post(f"{path}/convert", {})
    answer = desk.admin.post(f"{path}/convert", {"converted_to_patient_id": patient})
    assert (answer.status, answer.body["converted_to_patient_id"]) == (200, patient)
    again = desk.admin.post(f"{path}/convert", {"converted_to_patient_id": lead["id"]})
    assert (again.status, again.body["code"]) == (409, "lead-is-locked")
    assert desk.lead(lead)["converted_to_patient_id"] == patient
    assert desk.admin.post(f"{path}/convert", {}).status == 409


@pytest.mark.parametrize("role", CANNOT_WORK)
def test_saved_rules_and_sequences_assign_to_working_users_only(desk: Desk, role: Role):
    to_reader = {"assign": {"to": desk.caller(role).id}}
    choice = {"branch": {"if": [{"field": "lead.replied_at", "exists": True}], "then": [to_reader]}}
    rule, post = {"name": "hand-over", "on": "lead.created"}, desk.admin.post
    sequence = {"name": "hand-over", "exit_on": [], "steps": [{"name": "give", **to_reader}]}
    answers = {
        "/do/0/assign/to": post("/api/follow-up-rules", {**rule, "do": [to_reader]}),
        "/do/0/branch/then/0/assign/to": post("/api/follow-up-rules", {**rule, "do": [choice]}),
        "/steps/0/assign/to": post("/api/sequences", sequence),
    }
    assert {place: (answer.status, answer.pointers) for place, answer in answers.items()} == {
        place: (422, [place]) for place in answers
    }
    assert "who may work on leads" in answers["/do/0/assign/to"].body["errors"][0]["message"]


def test_imported_playbook_assigns_to_working_users_of_the_clinic_only(desk: Desk, other_desk: Desk):
    text = "name: ours\nrules:\n  - {name: hand-over, on: lead.created, do: [{assign: {to: '%s'}}]}\n"
    refused = desk.admin.post("/api/playbooks/import", {"yaml": text % other_desk.coordinator.id})
    assert (refused.status, "rules[0].do[0].assign.to" in str(refused.body)) == (422, True)
    assert desk.admin.post("/api/playbooks/import", {"yaml": text % desk.coordinator.id}).body["rules"] == ["hand-over"]


def test_rule_may_assign_to_a_working_user(desk: Desk):
    rule = {"name": "hand-over", "on": "lead.created", "do": [{"assign": {"to": desk.coordinator.id}}]}
    assert desk.admin.post("/api/follow-up-rules", rule).status == 201
