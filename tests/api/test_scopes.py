"""Scopes: sales see assigned leads, managers see those of their team."""

from typing import Any

import pytest

from app.engine.models import Kind
from app.identity.models import Role
from tests.support.desk import Caller, Desk
from workers import runner

pytest_plugins = ["tests.support.desk"]


def ids(items: list[dict[str, Any]]) -> set[str]:
    return {item["id"] for item in items}


def leads_of(caller: Caller) -> set[str]:
    return ids(caller.every("/api/leads"))


@pytest.fixture
def sam(desk: Desk) -> Caller:
    return desk.hire(Role.SALES, "Sam")


@pytest.fixture
def sue(desk: Desk) -> Caller:
    return desk.hire(Role.SALES, "Sue")


@pytest.fixture
def meg(desk: Desk, sam: Caller) -> Caller:
    """The manager of Sam's team."""
    meg = desk.hire(Role.MANAGER, "Meg")
    team = desk.admin.post("/api/teams", {"name": "North"}).body["id"]
    for member in (meg, sam):
        assert desk.admin.patch(f"/api/users/{member.id}", {"team_id": team}).status == 200
    return meg


def test_each_user_sees_leads_in_scope(desk: Desk, sam: Caller, sue: Caller, meg: Caller):
    sams, sues, megs = (desk.capture(assigned_to_id=who.id)["id"] for who in (sam, sue, meg))
    assert leads_of(sam) == {sams}
    assert leads_of(sue) == {sues}
    assert leads_of(meg) == {sams, megs}
    assert leads_of(desk.admin) == {sams, sues, megs}


def test_manager_without_a_team_sees_own_leads(desk: Desk, sam: Caller):
    alone = desk.hire(Role.MANAGER)
    desk.capture(assigned_to_id=sam.id)
    mine = desk.capture(assigned_to_id=alone.id)["id"]
    assert leads_of(alone) == {mine}


def test_lead_out_of_scope_is_not_found(desk: Desk, sam: Caller, sue: Caller):
    lead = desk.capture(assigned_to_id=sue.id)
    task = desk.plan(lead)
    place, of_task = f"/api/leads/{lead['id']}", f"/api/leads/tasks/{task['id']}"
    calls = {
        "lead": sam.get(place),
        "timeline": sam.get(f"{place}/activities"),
        "tasks": sam.get(f"{place}/tasks"),
        "automation": sam.get(f"{place}/automation"),
        "task": sam.get(of_task),
        "edit": sam.put(place, {"city": "Lyon"}),
        "stage": sam.post(f"{place}/stage", {"stage": "contacted"}),
        "lost": sam.post(f"{place}/lost", {"reason": "OTHER"}),
        "convert": sam.post(f"{place}/convert"),
        "log": sam.post(f"{place}/activities", {"type": "NOTE", "notes": "x"}),
        "plan": sam.post(f"{place}/tasks", {"title": "x", "type": "CALL", "due_at": "2030-01-01T09:00:00Z"}),
        "complete": sam.post(f"{of_task}/complete"),
        "edit task": sam.put(of_task, {"title": "x"}),
    }
    assert {name: answer.status for name, answer in calls.items()} == dict.fromkeys(calls, 404)
    assert desk.lead(lead)["version"] == lead["version"]


def test_lead_in_scope_can_be_changed(desk: Desk, sam: Caller):
    place = f"/api/leads/{desk.capture(assigned_to_id=sam.id)['id']}"
    assert sam.put(place, {"city": "Lyon"}).body["city"] == "Lyon"
    assert sam.post(f"{place}/stage", {"stage": "contacted"}).status == 200
    assert sam.post(f"{place}/convert").status == 200


def test_own_task_is_accessible_with_any_lead(desk: Desk, sam: Caller, sue: Caller, meg: Caller):
    """The lead's data beyond the task stays hidden."""
    lead = desk.capture(assigned_to_id=sue.id)
    task = desk.plan(lead, assigned_to_id=sam.id)
    place = f"/api/leads/tasks/{task['id']}"
    assert (sam.get(place).status, meg.get(place).status, sue.get(place).status) == (200, 200, 200)
    assert sam.get(f"/api/leads/{lead['id']}").status == 404
    assert sam.post(f"{place}/complete").status == 200


def test_counts_exclude_leads_out_of_scope(desk: Desk, sam: Caller, sue: Caller):
    for who in (sam, sue, sue):
        desk.capture(assigned_to_id=who.id)
    board = sam.get("/api/pipeline/board").body["columns"]
    assert sum(column["count"] for column in board) == sum(len(column["cards"]) for column in board) == 1
    assert sam.get("/api/leads", prefer="return=total-count").body["total_count"] == 1


def test_reassigned_lead_is_out_of_scope_at_the_next_call(desk: Desk, sam: Caller, sue: Caller):
    lead = desk.capture(assigned_to_id=sam.id)
    desk.admin.post(f"/api/leads/{lead['id']}/assign", {"assigned_to_id": sue.id})
    assert (leads_of(sam), leads_of(sue)) == (set(), {lead["id"]})


def test_key_has_the_scope_of_its_creator(desk: Desk, sam: Caller, sue: Caller):
    grants = {"user:manage": "all", "lead:read": "assigned", "lead:update": "assigned"}
    desk.admin.post("/api/roles", {"slug": "seller", "name": "x", "grants": grants})
    desk.admin.patch(f"/api/users/{sam.id}", {"role": "seller"})
    sams = desk.capture(assigned_to_id=sam.id)["id"]
    desk.capture(assigned_to_id=sue.id)
    key = sam.post("/api/api-keys", {"name": "Robot", "scopes": ["lead:read"]}).body["key"]
    assert leads_of(Caller(desk.client(), key, sam.actor)) == {sams}


# --- private fields ---


PRIVATE = {
    "patient_dob": "2012-03-01",
    "insurance_carrier": "Delta",
    "insurance_member_id": "D-1",
    "notes": "Grinds her teeth.",
}


def test_private_fields_require_the_permission(desk: Desk):
    lead = desk.capture(**PRIVATE)
    shown = {role: desk.caller(role).get(f"/api/leads/{lead['id']}").body for role in Role if role is not Role.SALES}
    seen = {role: {name: body.get(name) for name in PRIVATE} for role, body in shown.items() if "id" in body}
    blank = dict.fromkeys(PRIVATE)
    assert seen == {
        Role.FRONT_DESK: PRIVATE,
        Role.TREATMENT_COORDINATOR: PRIVATE,
        Role.CLINIC_ADMIN: PRIVATE,
        Role.DOCTOR: PRIVATE,
        Role.MARKETING_MANAGER: blank,
        Role.DISPATCHER: blank,
    }
    [listed] = desk.caller(Role.DISPATCHER).every("/api/leads")
    assert {name: listed[name] for name in PRIVATE} == blank


@pytest.mark.parametrize("role", [Role.MARKETING_MANAGER, Role.DISPATCHER, Role.DOCTOR])
def test_notes_of_the_timeline_and_of_tasks_require_the_permission(desk: Desk, role: Role):
    secret = "Grinds her teeth."
    lead = desk.capture()
    path = f"/api/leads/{lead['id']}"
    note = desk.coordinator.post(f"{path}/activities", {"type": "NOTE", "notes": secret}).body
    task = desk.plan(lead)
    done = {"outcome": "spoke", "notes": secret}
    assert desk.coordinator.post(f"/api/leads/tasks/{task['id']}/complete", done).status == 200
    reads = [
        *(f"{path}/activities", f"{path}/tasks", f"/api/leads/tasks/{task['id']}", f"{path}/why", path),
        *("/api/followups", "/api/followups/export", "/api/lead-activities", f"/api/lead-activities/{note['id']}"),
        *(f"/api/lead-activities/{task['id']}", f"/api/lead-activities/opportunity/{lead['id']}"),
        f"/api/lead-activities/timeline/{lead['id']}",
    ]
    answers = {one: desk.caller(role).get(one) for one in reads}
    showing = {one for one, answer in answers.items() if secret in str(answer.body)}
    assert {answer.status for one, answer in answers.items() if one != f"{path}/why"} == {200}
    assert showing == (set(reads) - {path, f"{path}/why"} if role is Role.DOCTOR else set())


def test_hidden_fields_cannot_be_overwritten(desk: Desk):
    lead = desk.capture(**PRIVATE)
    robot = desk.program("lead:read", "lead:update")
    refused = [robot.put(f"/api/leads/{lead['id']}", {name: None}).status for name in PRIVATE]
    assert refused == [403] * len(PRIVATE)
    assert robot.put(f"/api/leads/{lead['id']}", {"city": "Lyon"}).status == 200
    assert {name: desk.lead(lead)[name] for name in PRIVATE} == PRIVATE


def test_embedded_lead_of_a_task_requires_access_to_the_lead(desk: Desk, sam: Caller, sue: Caller):
    lead = desk.capture(assigned_to_id=sue.id)
    desk.plan(lead, assigned_to_id=sam.id)
    [sams], [sues] = (who.every("/api/followups", expand="lead,assigned_to") for who in (sam, sue))
    assert (sams["lead"], sams["assigned_to"]) == (None, {"id": sam.id, "name": "Sam"})
    assert sues["lead"]["first_name"] == "Ana"


def test_task_filter_by_lead_requires_access_to_the_lead(desk: Desk, sam: Caller, sue: Caller):
    sues, sams = desk.capture(assigned_to_id=sue.id), desk.capture(assigned_to_id=sam.id)
    of_sues, of_sams = (desk.plan(lead, assigned_to_id=sam.id)["id"] for lead in (sues, sams))
    assert ids(sam.every("/api/followups")) == {of_sues, of_sams}
    for filtered in ({"stage": "new_lead"}, {"source_id": desk.source_id}, {"rotting": "false"}):
        assert ids(sam.every("/api/followups", **filtered)) == {of_sams}
        assert ids(sue.every("/api/followups", **filtered)) == {of_sues}


def test_bulk_job_ignores_leads_out_of_scope(desk: Desk, sam: Caller, sue: Caller, meg: Caller):
    mine, hers = (desk.capture(assigned_to_id=who.id)["id"] for who in (sam, sue))
    followup = {"type": "CALL", "title": "x", "due_in_minutes": 60}
    for asker in (sam, meg):
        job = asker.post("/api/followups/bulk", {"lead_ids": [mine, hers], "followup": followup}).body
        while runner.run(Kind.IMPORT_CHUNK, []):
            pass
        ended = {item["lead_id"]: item["reason"] for item in asker.every(f"/api/jobs/{job['id']}/items")}
        assert ended == {mine: None, hers: "unknown_lead"}
        assert sue.get(f"/api/jobs/{job['id']}").status == 404
        assert desk.admin.get(f"/api/jobs/{job['id']}").status == 200
    new = {"leads": [desk.lead_data()], "followup": followup}
    assert sam.post("/api/followups/bulk", new).status == 403


def test_upsert_by_key_updates_no_lead_out_of_scope(desk: Desk, sam: Caller, sue: Caller):
    known = {"external_source": "crm", "first_name": "Ana", "last_name": "Ruiz", "source_id": desk.source_id}
    place, said = "/api/leads/by-external-id/x1", {**known, "phone": "212 555 0143", "notes": "Shy."}
    made = desk.admin.put(place, said).body
    desk.admin.post(f"/api/leads/{made['id']}/assign", {"assigned_to_id": sue.id})
    assert sam.put(place, {**said, "first_name": "Mallory"}).status == 404
    assert desk.lead(made)["first_name"] == "Ana"
    assert sue.put(place, {**said, "first_name": "Anna"}).status == 200


def test_duplicate_out_of_scope_is_reported_without_its_data(desk: Desk, sam: Caller, sue: Caller):
    desk.capture(assigned_to_id=sue.id)
    made = sam.post("/api/leads", desk.lead_data()).body
    assert (made["duplicates"], made["hidden_duplicates"]) == ([], 1)


def test_task_export_hides_leads_out_of_scope(desk: Desk, sam: Caller, sue: Caller):
    lead = desk.capture(assigned_to_id=sue.id, last_name="Zanzibar")
    desk.plan(lead, assigned_to_id=sam.id)
    files = [
        who.client.get("/api/followups/export?format=csv", headers={"Authorization": f"Bearer {who.token}"}).text
        for who in (sam, sue)
    ]
    assert ["Zanzibar" in file for file in files] == [False, True]
    assert [len(file.splitlines()) for file in files] == [2, 2]


def test_manager_cannot_add_users_to_the_team(desk: Desk, sam: Caller):
    grants = {"user:manage": "all", "lead:read": "team"}
    desk.admin.post("/api/roles", {"slug": "lead_hand", "name": "x", "grants": grants})
    hand = desk.hire(Role.DOCTOR)
    team = desk.admin.post("/api/teams", {"name": "South"}).body["id"]
    desk.admin.patch(f"/api/users/{hand.id}", {"role": "lead_hand", "team_id": team})
    assert hand.patch(f"/api/users/{sam.id}", {"team_id": team}).status == 403
    assert hand.patch(f"/api/users/{desk.admin.id}", {"name": "Mallory"}).status == 403


def test_manager_plans_absences_of_the_team_only(desk: Desk, sam: Caller, sue: Caller, meg: Caller):
    away = {"starts_at": "2030-01-01T00:00:00Z", "ends_at": "2030-01-05T00:00:00Z"}
    statuses = [meg.post(f"/api/users/{who.id}/out-of-office", away).status for who in (sam, sue, desk.admin)]
    assert statuses == [201, 403, 403]
    desk.plan(desk.capture(assigned_to_id=sue.id))
    seen = {row["user_id"]: row["open_tasks"] for row in meg.get("/api/leads/workload").body["items"]}
    assert seen.get(sue.id, 0) == 0
