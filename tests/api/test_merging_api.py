"""Merge of two leads of one person, without loss of data."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.clock import now
from app.core.db import to_json
from app.leads.duplicates.merge import KEPT_TABLES, MOVED_TABLES
from tests.support.concurrency import run_concurrently
from tests.support.desk import Answer, Caller, Desk

pytest_plugins = ["tests.support.desk"]


def merge(desk: Desk, survivor: Any, duplicate: Any, who: Caller | None = None) -> Answer:
    return (who or desk.front_desk).post(f"/api/leads/{survivor['id']}/merge", {"lead_id": duplicate["id"]})


def merged(desk: Desk, survivor: Any, duplicate: Any) -> dict[str, Any]:
    answer = merge(desk, survivor, duplicate)
    assert answer.status == 200, answer.body
    return desk.lead(survivor)


def log(desk: Desk, lead: Any, outcome: str = "no_answer", **more: Any) -> None:
    body = {"type": "PHONE_CALL", "direction": "OUTBOUND", "outcome": outcome, **more}
    assert desk.admin.post(f"/api/leads/{lead['id']}/activities", body).status == 201


def test_every_table_that_references_a_lead_takes_part(desk: Desk):
    """A new table needs a decision about merges."""
    named = desk.sql("SELECT table_name FROM information_schema.columns WHERE column_name = 'lead_id'")
    assert {row.table_name for row in named} == {*MOVED_TABLES, *KEPT_TABLES, "steps", "enrollments"}


def test_rows_of_the_duplicate_move_to_the_survivor(desk: Desk):
    survivor, duplicate = desk.capture(), desk.capture(email="ana@people.org")
    task = desk.plan(duplicate)
    log(desk, duplicate)
    desk.sql(
        "INSERT INTO notifications (id, clinic_id, lead_id, channel, template, subject, body, state, attempts,"
        " created_at) VALUES (:id, :clinic, :lead, 'email', 'x', 'x', 'x', 'sent', 1, now())",
        id=uuid4(), clinic=desk.clinic_id, lead=duplicate["id"],
    )  # fmt: skip
    before = {table: desk.sql(f"SELECT id FROM {table} ORDER BY id") for table in (*MOVED_TABLES, "steps")}
    merged(desk, survivor, duplicate)
    for table in (*MOVED_TABLES, "steps"):
        assert desk.sql(f"SELECT id FROM {table} WHERE lead_id = :lead", lead=duplicate["id"]) == [], table
        after = {row.id for row in desk.sql(f"SELECT id FROM {table}")}
        assert {row.id for row in before[table]} <= after, table
    assert desk.admin.get(f"/api/leads/tasks/{task['id']}").body["lead_id"] == survivor["id"]
    assert len(desk.admin.every(f"/api/leads/{survivor['id']}/touches")) == 2
    assert "PHONE_CALL" in [entry["type"] for entry in desk.timeline(survivor)]


def test_timeline_has_an_entry_about_the_merge(desk: Desk):
    survivor, duplicate = desk.capture(), desk.capture()
    merged(desk, survivor, duplicate)
    assert desk.timeline(survivor)[-1]["notes"] == f"Merged with a duplicate, {duplicate['id']}."


def test_empty_fields_are_filled_and_others_unchanged(desk: Desk):
    survivor = desk.capture(city="Chicago", tags=["vip"], treatment_interest=["RETAINER"], notes="Calls at six.")
    duplicate = desk.capture(
        first_name="Anna", phone="646-555-0100", email="ana@people.org", city="Boston", state="MA", lead_value="900.00",
        tags=["event", "vip"], treatment_interest=["INVISALIGN", "RETAINER"], notes="Has a sister.",
    )  # fmt: skip
    lead = merged(desk, survivor, duplicate)
    assert (lead["first_name"], lead["phone"], lead["city"]) == ("Ana", "+12125550143", "Chicago")
    assert (lead["phone_alt"], lead["email"], lead["state"]) == ("+16465550100", "ana@people.org", "MA")
    assert lead["lead_value"] == "900.00"
    assert (lead["tags"], lead["treatment_interest"]) == (["vip", "event"], ["RETAINER", "INVISALIGN"])
    assert lead["notes"] == "Calls at six.\n\nHas a sister."
    assert lead["version"] == survivor["version"] + 1


def test_unknown_caller_gets_the_name_of_the_duplicate(desk: Desk):
    call = desk.front_desk.post("/api/leads/quick", {"phone": "212 555 0143", "source_id": desk.source_id}).body
    lead = merged(desk, call, desk.capture())
    assert (lead["first_name"], lead["last_name"], lead["patient_last_name"]) == ("Ana", "Ruiz", "Ruiz")


def test_merged_duplicate_answers_410_with_the_survivor(desk: Desk):
    survivor, duplicate = desk.capture(), desk.capture()
    merged(desk, survivor, duplicate)
    path = f"/api/leads/{duplicate['id']}"
    for answer in (
        desk.doctor.get(path),
        desk.admin.put(path, {"notes": "x"}),
        desk.admin.get(f"{path}/tasks"),
        desk.admin.post(f"{path}/merge", {"lead_id": survivor["id"]}),
    ):
        assert (answer.status, answer.body["code"]) == (410, "lead-was-merged")
        assert answer.body["merged_into"] == survivor["id"]
    assert [lead["id"] for lead in desk.admin.every("/api/leads")] == [survivor["id"]]
    assert desk.admin.get(f"/api/leads/{survivor['id']}/duplicates").body["duplicates"] == []


def test_twice_merged_lead_names_the_last_survivor(desk: Desk):
    first, second, third = desk.capture(), desk.capture(), desk.capture()
    merged(desk, second, third)
    merged(desk, first, second)
    assert desk.admin.get(f"/api/leads/{third['id']}").body["merged_into"] == first["id"]


def test_other_clinic_gets_not_found(desk: Desk, other_desk: Desk):
    survivor, duplicate = desk.capture(), desk.capture()
    merged(desk, survivor, duplicate)
    assert other_desk.admin.get(f"/api/leads/{duplicate['id']}").status == 404


def test_steps_with_the_same_dedupe_key_are_kept_once(desk: Desk):
    survivor, duplicate = desk.capture(), desk.capture()
    desk.plan(duplicate)
    merged(desk, survivor, duplicate)
    cancelled = desk.steps(survivor, state="cancelled")
    assert {(step["name"], step["reason"]) for step in cancelled} == {
        ("speed-to-lead", "merged"),
        ("no-contact-24h", "merged"),
    }
    of_task = [step for step in desk.steps(survivor) if step["state"] != "cancelled"]
    assert sorted(step["name"] for step in of_task) == ["no-contact-24h", "speed-to-lead", "task-reminder"]


def test_counts_and_times_are_combined(desk: Desk):
    survivor, duplicate = desk.capture(), desk.capture()
    log(desk, survivor)
    log(desk, duplicate, "spoke", occurred_at=(now() - timedelta(hours=1)).isoformat())
    log(desk, duplicate)
    contacted = desk.lead(duplicate)["contacted_at"]
    lead = merged(desk, survivor, duplicate)
    assert (lead["failed_attempts"], lead["contacted_at"], lead["status"]) == (2, contacted, "ACTIVE")


def test_attempts_before_the_last_contact_are_not_counted(desk: Desk):
    survivor, duplicate = desk.capture(), desk.capture()
    log(desk, duplicate)
    log(desk, survivor, "spoke")
    assert merged(desk, survivor, duplicate)["failed_attempts"] == 0


@pytest.mark.parametrize("whose", [0, 1])
def test_opt_out_of_the_duplicate_is_kept(desk: Desk, whose: int):
    leads = [desk.capture(email=f"ana{number}@people.org") for number in range(2)]
    for lead in leads:
        for _ in range(3):
            log(desk, lead)
    desk.admin.post(f"/api/leads/{leads[whose]['id']}/opt-out")
    lead = merged(desk, *leads)
    assert lead["opted_out_at"] is not None
    pending = [step for step in desk.steps(lead) if step["state"] in {"planned", "published"}]
    assert not [step for step in pending if step["kind"] == "send_message"]


def test_first_and_last_touch_are_those_of_both_leads(desk: Desk):
    earlier, later = desk.capture(), desk.capture()
    lead = merged(desk, later, earlier)
    assert (lead["first_touch_id"], lead["last_touch_id"]) == (earlier["first_touch_id"], later["last_touch_id"])


def test_merge_is_an_event_for_rules(desk: Desk):
    definition = {"name": "look", "on": "lead.merged", "do": [{"create_task": {"title": "Look", "type": "CUSTOM"}}]}
    desk.sql(
        "INSERT INTO rules (id, clinic_id, playbook, slug, version, definition, active, created_at)"
        " VALUES (:id, :clinic, 'own', 'look', 1, CAST(:definition AS jsonb), true, now())",
        id=uuid4(), clinic=desk.clinic_id, definition=to_json(definition),
    )  # fmt: skip
    desk.sql("UPDATE clinics SET rules_version = rules_version + 1 WHERE id = :clinic", clinic=desk.clinic_id)
    lead = merged(desk, desk.capture(), desk.capture())
    assert [step["cause"]["event"] for step in desk.steps(lead, name="look")] == ["lead.merged"]


def test_patient_cannot_be_merged(desk: Desk):
    lead, patient = desk.capture(), desk.capture()
    desk.admin.post(f"/api/leads/{patient['id']}/convert")
    for pair in ((lead, patient), (patient, lead)):
        answer = merge(desk, *pair)
        assert (answer.status, answer.body["code"]) == (409, "lead-is-locked")


def test_open_lead_cannot_be_merged_into_a_lost_one(desk: Desk):
    lead, lost = desk.capture(), desk.capture()
    desk.admin.post(f"/api/leads/{lost['id']}/lost", {"reason": "OTHER"})
    assert merge(desk, lost, lead).body["code"] == "lead-is-closed"
    assert merged(desk, lead, lost)["status"] == "ACTIVE"


def test_both_leads_must_belong_to_the_clinic(desk: Desk, other_desk: Desk):
    lead, theirs = desk.capture(), other_desk.capture(phone="+12125550143")
    for other in (lead, theirs, {"id": str(uuid4())}):
        assert merge(desk, lead, other).pointers == ["/lead_id"]
    assert merge(desk, theirs, lead).status == 404


def test_concurrent_crosswise_merges_leave_one_lead(desk: Desk):
    for _ in range(5):
        leads = desk.capture(), desk.capture()
        people = [Caller(desk.client(), desk.admin.token, desk.admin.actor) for _ in range(2)]
        answers = run_concurrently(
            lambda leads=leads, who=people[0]: merge(desk, *leads, who=who),
            lambda leads=leads, who=people[1]: merge(desk, *leads[::-1], who=who),
        )
        assert sorted(answer.status for answer in answers) == [200, 410]
        gone = [desk.admin.get(f"/api/leads/{lead['id']}").status for lead in leads]
        assert sorted(gone) == [200, 410]
