"""Replayed answers: recorded in the audit log, and withheld from callers who lost access."""

from datetime import timedelta
from typing import Any

import pytest

from app.clock import now
from app.engine.models import Kind
from app.identity.models import Role
from tests.support.desk import Caller, Desk
from tests.support.importing import send
from workers import runner

pytest_plugins = ["tests.support.desk"]

LEADS = "/api/leads"


def audit_entries(desk: Desk, who: Caller) -> list[tuple[str, str, str, list[str]]]:
    """Return the audit entries of a user, oldest first."""
    told = desk.admin.every("/api/audit", user_id=who.id)
    return [(entry["operation"], entry["act"], entry["subject"], entry["ids"]) for entry in reversed(told)]


def test_replay_is_recorded_as_a_read(desk: Desk):
    lead = desk.coordinator.post(LEADS, desk.lead_data(), key="1").body
    again = desk.coordinator.post(LEADS, desk.lead_data(), key="1")

    assert again.headers["Idempotent-Replayed"] == "true"
    made, seen = audit_entries(desk, desk.coordinator)
    assert made == ("leads.capture_lead", "create", "lead", [lead["id"]])
    assert seen == ("leads.capture_lead", "read", "lead", [lead["id"]])
    [entry] = desk.admin.get("/api/audit", user_id=desk.coordinator.id, act="read").body["items"]
    assert entry["request_id"] == again.headers["X-Request-Id"]


def test_replay_records_every_row_of_the_answer(desk: Desk):
    lead = desk.capture()
    task = {"title": "Call", "type": "CALL", "due_at": "2030-01-01T10:00:00Z"}
    made, _ = (desk.coordinator.post(f"{LEADS}/{lead['id']}/tasks", task, key="1") for _ in range(2))

    seen = {subject: ids for _, act, subject, ids in audit_entries(desk, desk.coordinator) if act == "read"}
    assert seen["task"] == [made.body["id"]]


def test_answer_is_withheld_after_a_role_change(desk: Desk):
    given = desk.lead_data(patient_dob="2012-03-01", notes="Afraid of needles.")
    lead = desk.coordinator.post(LEADS, given, key="1").body
    assert lead["notes"] == "Afraid of needles."
    desk.sql("UPDATE users SET role = 'dispatcher' WHERE id = :id", id=desk.coordinator.id)

    again = desk.coordinator.post(LEADS, given, key="1")

    assert (again.status, again.body["code"]) == (409, "answer-withheld")
    assert lead["id"] not in str(again.body)
    assert [act for _, act, _, _ in audit_entries(desk, desk.coordinator)] == ["create"]
    assert len(desk.sql("SELECT id FROM leads")) == 1
    desk.sql("UPDATE users SET role = 'treatment_coordinator' WHERE id = :id", id=desk.coordinator.id)
    assert desk.coordinator.post(LEADS, given, key="1").body == lead


@pytest.fixture
def sam(desk: Desk) -> Caller:
    return desk.hire(Role.SALES)


def act_on(who: Caller, lead: dict[str, Any]) -> Any:
    return who.post(f"{LEADS}/{lead['id']}/stage", {"stage": "contacted"}, key="1")


def test_answer_is_withheld_after_the_lead_was_reassigned(desk: Desk, sam: Caller):
    lead = desk.capture(assigned_to_id=sam.id)
    first, again = act_on(sam, lead), act_on(sam, lead)
    assert (first.status, again.body) == (200, first.body)
    desk.admin.post(f"{LEADS}/{lead['id']}/assign", {"assigned_to_id": desk.coordinator.id})

    assert act_on(sam, lead).body["code"] == "answer-withheld"
    desk.admin.post(f"{LEADS}/{lead['id']}/assign", {"assigned_to_id": sam.id})
    assert act_on(sam, lead).body == first.body


def test_caller_with_scope_assigned_gets_answers_about_own_leads_only(desk: Desk, sam: Caller):
    lead = sam.post(LEADS, desk.lead_data(notes="Afraid of needles."), key="1").body
    assert sam.post(LEADS, desk.lead_data(notes="Afraid of needles."), key="1").body == lead
    desk.admin.post(f"{LEADS}/{lead['id']}/assign", {"assigned_to_id": desk.coordinator.id})
    assert sam.get(f"{LEADS}/{lead['id']}").status == 404

    again = sam.post(LEADS, desk.lead_data(notes="Afraid of needles."), key="1")
    assert (again.body["code"], lead["id"] in str(again.body)) == ("answer-withheld", False)


def test_answer_is_withheld_after_leaving_the_team(desk: Desk, sam: Caller):
    meg = desk.hire(Role.MANAGER)
    team = desk.admin.post("/api/teams", {"name": "North"}).body["id"]
    for member in (meg, sam):
        desk.admin.patch(f"/api/users/{member.id}", {"team_id": team})
    lead = desk.capture(assigned_to_id=sam.id)
    assert act_on(meg, lead).status == 200
    desk.admin.patch(f"/api/users/{meg.id}", {"team_id": None})

    assert act_on(meg, lead).body["code"] == "answer-withheld"


def test_answer_about_an_own_task_of_a_foreign_lead_is_replayed(desk: Desk, sam: Caller):
    lead = desk.capture(assigned_to_id=desk.coordinator.id)
    task = desk.plan(lead, assigned_to_id=sam.id)
    answers = [sam.post(f"/api/followups/{task['id']}/complete", {}, key="1") for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].body == answers[1].body


def test_answer_of_a_reassignment_is_replayed(desk: Desk, sam: Caller):
    """The answer showed the lead, and nothing changed since."""
    meg = desk.hire(Role.MANAGER)
    lead = desk.capture(assigned_to_id=meg.id)
    answers = [
        meg.post(f"{LEADS}/{lead['id']}/assign", {"assigned_to_id": desk.coordinator.id}, key="1") for _ in range(2)
    ]
    assert [answer.status for answer in answers] == [200, 200], answers[1].body


def test_answer_is_withheld_when_the_creator_of_the_key_lost_permissions(desk: Desk):
    program = desk.program("lead:create", "lead:private")
    assert program.post(LEADS, desk.lead_data(), key="1").status == 201
    desk.sql("UPDATE users SET role = 'dispatcher' WHERE id = :id", id=desk.admin.id)

    assert program.post(LEADS, desk.lead_data(), key="1").body["code"] == "answer-withheld"


def test_note_is_withheld_when_its_lead_is_no_longer_visible(desk: Desk):
    sam, somebody = desk.hire(Role.SALES), desk.hire(Role.SALES)
    lead = desk.capture(assigned_to_id=sam.id)
    note = {"type": "NOTE", "notes": "Afraid of needles.", "occurred_at": (now() - timedelta(days=1)).isoformat()}
    place = f"/api/leads/{lead['id']}/activities"
    assert sam.post(place, note, key="note").status == 201
    desk.admin.post(f"/api/leads/{lead['id']}/assign", {"assigned_to_id": somebody.id})
    assert sam.get(place).status == 404
    again = sam.post(place, note, key="note")
    assert (again.status, "needles" in str(again.body)) == (409, False)


def test_same_file_uploaded_twice_is_one_import(desk: Desk):
    first, second = (send(desk.admin, b"Name,Phone\nAna Ruiz,2125550143\n", key="file") for _ in range(2))
    assert (first.status, second.status, second.headers["Idempotent-Replayed"]) == (201, 201, "true")
    assert len(desk.admin.every("/api/imports")) == 1
    other = send(desk.admin, b"Name,Phone\nBen Ott,2125550143\n", key="file")
    assert other.status == 422


def test_erasure_deletes_stored_answers_about_the_person(desk: Desk):
    kept = send(desk.admin, b"Name,Phone\nAna Ruiz,2125550143\n").body
    start = f"/api/imports/{kept['id']}/start", {"source_id": desk.source_id}
    assert "Ruiz" in str(desk.admin.post(*start, key="start").body)
    while runner.run(Kind.IMPORT_CHUNK, []):
        pass
    [lead] = desk.admin.every("/api/leads")
    desk.admin.post(f"/api/leads/{lead['id']}/erase", {"reason": "They asked."})
    assert "Ruiz" not in str(desk.admin.post(*start, key="start").body)


def test_erasure_keeps_completed_calls_completed(desk: Desk):
    kept, other = desk.capture(), desk.capture(last_name="Other")
    follow_up = {"lead_ids": [kept["id"]], "followup": {"type": "CALL", "title": "Once", "due_in_minutes": 60}}
    job = desk.admin.post("/api/followups/bulk", follow_up, key="job")
    file = b"Name,Phone\nBen Ott,2125550199\n"
    assert send(desk.admin, file, key="file").status == 201
    desk.admin.post(f"{LEADS}/{other['id']}/erase", {"reason": "They asked."})

    again = desk.admin.post("/api/followups/bulk", follow_up, key="job")
    assert (job.status, again.status, again.body["code"]) == (202, 409, "answer-withheld")  # it may name the person
    assert len(desk.sql("SELECT 1 FROM jobs")) == 1
    assert send(desk.admin, file, key="file").body["code"] == "answer-withheld"  # the file may contain erased persons
    assert len(desk.admin.every("/api/imports")) == 1


def test_repeated_call_does_not_recreate_an_erased_person(desk: Desk):
    given = desk.lead_data(first_name="Zephyrine")
    lead = desk.admin.post(LEADS, given, key="1").body
    desk.admin.post(f"{LEADS}/{lead['id']}/erase", {"reason": "They asked."})

    assert desk.admin.post(LEADS, given, key="1").body["code"] == "answer-withheld"
    assert desk.sql("SELECT 1 FROM leads WHERE first_name = 'Zephyrine'") == []
