"""Privacy rights of a person: export, erasure, restriction, consent (GDPR) and suppression (CAN-SPAM)."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from app.audit.hash_chain import extend_chain, verify_chain
from app.core.db import transaction
from app.engine.models import Kind
from app.ops.embedded import Postgres
from tests.support.desk import Desk
from tests.support.importing import send, work_off
from tests.support.practice import TUESDAY
from tests.support.smtp import SmtpServer
from workers import runner

pytest_plugins = ["tests.support.desk"]

CANARY = "Zanzibar"


@pytest.fixture
def daytime() -> Iterator[None]:
    """Set the clock to the daytime, because no message is sent at night."""
    with time_machine.travel(TUESDAY):
        yield


def ask(desk: Desk, lead: dict[str, Any], what: str, **body: Any) -> Any:
    answer = desk.admin.post(f"/api/leads/{lead['id']}/{what}", body or None)
    assert answer.status in {200, 201}, answer.body
    return answer.body


def a_busy_lead(desk: Desk) -> dict[str, Any]:
    """Create a lead with data in every table, including three failed calls and a break-up e-mail."""
    lead = desk.capture(
        first_name=CANARY, last_name=CANARY, email=f"{CANARY}@lead.example".lower(), notes=CANARY, city=CANARY,
        patient_dob="2011-02-03", insurance_member_id=CANARY, source_detail=CANARY, source_campaign=CANARY,
    )  # fmt: skip
    utm = {f"utm_{name}": CANARY for name in ("source", "medium", "campaign", "term", "content")}
    touch = {"source_id": desk.source_id, "campaign": CANARY, "medium": CANARY, **utm}
    assert desk.admin.post(f"/api/leads/{lead['id']}/touches", touch).status == 201
    desk.plan(lead, title=f"Call {CANARY}", description=CANARY)
    for _ in range(3):
        desk.admin.post(
            f"/api/leads/{lead['id']}/activities", {"type": "PHONE_CALL", "outcome": "no_answer", "notes": CANARY}
        )
    while runner.run(Kind.SEND_MESSAGE, []):
        pass
    ask(desk, lead, "consents", way="email", is_given=True, wording=CANARY, source="Web form")
    desk.admin.post(f"/api/leads/{lead['id']}/activities", {"type": "NOTE", "notes": CANARY}, key="kept")
    return lead


@pytest.mark.usefixtures("daytime")
def test_export_contains_all_data_of_the_person(desk: Desk):
    lead, other = a_busy_lead(desk), desk.capture(first_name="Somebody", last_name="Else")
    desk.doctor.get(f"/api/leads/{lead['id']}")
    tables = ask(desk, lead, "export")["tables"]
    counts = {name: len(rows) for name, rows in tables.items()}
    assert {name for name, count in counts.items() if count} >= {
        "leads", "lead_tasks", "lead_activities", "notifications", "steps", "consents", "audit_entries",
    }  # fmt: skip
    assert tables["leads"][0]["notes"] == CANARY
    assert desk.doctor.id in {entry["user_id"] for entry in tables["audit_entries"]}
    assert other["id"] not in json.dumps(tables)
    assert "Somebody" not in json.dumps(tables)


def test_export_contains_data_of_merged_duplicates(desk: Desk):
    lead, duplicate = desk.capture(), desk.capture()
    ids = [lead["id"], duplicate["id"]]
    follow_up = {"lead_ids": ids, "followup": {"type": "CALL", "title": "Call", "due_in_minutes": 60}}
    assert desk.admin.post("/api/followups/bulk", follow_up).status == 202
    desk.doctor.get(f"/api/leads/{duplicate['id']}")
    desk.admin.post(f"/api/leads/{lead['id']}/merge", {"lead_id": duplicate["id"]})
    tables = ask(desk, lead, "export")["tables"]
    assert {row["lead_id"] for row in tables["job_items"]} == set(ids)
    assert {row["id"] for row in tables["leads"]} == set(ids)
    assert desk.doctor.id in {entry["user_id"] for entry in tables["audit_entries"]}


def test_erased_person_is_found_nowhere(desk: Desk, postgres: Postgres):
    lead = a_busy_lead(desk)
    erased = ask(desk, lead, "erase", reason="They asked.")
    assert erased["id"] == lead["id"]
    with postgres.connect("relance") as owner:
        names = [row[0] for row in owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        found = {name: owner.execute(f"SELECT t::text FROM {name} t").fetchall() for name in names}
        changes = owner.execute("SELECT count(*) FROM audit_changes").fetchone()
    left = {name for name, rows in found.items() if CANARY.lower() in str(rows).lower()}
    kept = CANARY.encode().hex()
    left |= {name for name, rows in found.items() if kept in str(rows).lower()}
    assert left == set()
    assert changes is not None
    assert desk.admin.get(f"/api/leads/{lead['id']}").status == 404
    [row] = desk.sql("SELECT * FROM leads WHERE id = :id", id=lead["id"])
    assert (row.sealed, row.email_blind, row.phone_blind, row.status) == (None, None, None, "ARCHIVED")
    for table in ("lead_activities", "notifications"):
        assert desk.sql(f"SELECT 1 FROM {table} WHERE lead_id = :id AND sealed IS NOT NULL", id=lead["id"]) == []


def test_audit_log_keeps_its_entries_and_still_verifies(desk: Desk):
    lead = a_busy_lead(desk)
    with transaction() as session:
        assert extend_chain(session, settled=timedelta())
    ask(desk, lead, "erase", reason="They asked.")
    with transaction() as session:
        assert list(verify_chain(session, desk.clinic_id)) == []
    entries = desk.admin.every("/api/audit", subject_id=lead["id"])
    [made] = [entry for entry in entries if entry["act"] == "create" and entry["subject"] == "lead"]
    assert (made["after"], made["is_readable"], "notes" in made["fields"]) == (None, False, True)
    assert "erase" in {entry["act"] for entry in entries}


@pytest.mark.usefixtures("daytime")
def test_erasure_deletes_queued_messages(desk: Desk, smtp: SmtpServer):
    lead = a_busy_lead(desk)
    [queued] = desk.sql("SELECT state FROM notifications WHERE channel = 'email' AND user_id IS NULL")
    assert queued.state == "pending"
    ask(desk, lead, "erase", reason="They asked.")
    runner.run(Kind.DELIVER, [])
    assert smtp.received == []
    assert (
        desk.sql("SELECT 1 FROM steps WHERE lead_id = :id AND state IN ('planned', 'published')", id=lead["id"]) == []
    )


@pytest.mark.usefixtures("daytime")
def test_erased_and_reimported_person_gets_no_messages(desk: Desk, smtp: SmtpServer):
    email = a_busy_lead(desk)["email"]
    [lead] = desk.admin.every("/api/leads")
    ask(desk, lead, "erase", reason="They asked.")
    again = desk.capture(first_name="X", last_name="Y", email=email.upper(), phone="(212) 555-0199")
    for _ in range(3):
        desk.admin.post(f"/api/leads/{again['id']}/activities", {"type": "PHONE_CALL", "outcome": "no_answer"})
    while runner.run(Kind.SEND_MESSAGE, []):
        pass
    runner.run(Kind.DELIVER, [])
    assert smtp.received == []
    assert [step["reason"] for step in desk.steps(again, kind="send_message")] == ["suppressed"]


def test_restricted_lead_gets_no_actions(desk: Desk, smtp: SmtpServer):
    lead = a_busy_lead(desk)
    assert ask(desk, lead, "restrict", is_restricted=True, reason="They asked.")["restricted_at"]
    place = f"/api/leads/{lead['id']}"
    refused = [
        desk.admin.put(place, {"city": "Lyon"}),
        desk.admin.post(f"{place}/stage", {"stage": "contacted"}),
        desk.admin.post(f"{place}/lost", {"reason": "OTHER"}),
        desk.admin.post(f"{place}/activities", {"type": "NOTE", "notes": "x"}),
    ]
    assert [(answer.status, answer.body["type"].rpartition(":")[2]) for answer in refused] == [
        (409, "lead-is-restricted")
    ] * 4
    job = {"lead_ids": [lead["id"]], "followup": {"type": "CALL", "title": "x", "due_in_minutes": 60}}
    job = desk.admin.post("/api/followups/bulk", job).body
    runner.run(Kind.IMPORT_CHUNK, [])
    [item] = desk.admin.every(f"/api/jobs/{job['id']}/items")
    assert item["reason"] == "lead_is_restricted"
    runner.run(Kind.DELIVER, [])
    assert smtp.received == []
    assert {step["state"] for step in desk.steps(lead)} <= {"cancelled", "done", "skipped"}
    assert desk.admin.get(place).status == 200
    again = ask(desk, lead, "restrict", is_restricted=True, reason="Twice.")
    assert ask(desk, lead, "restrict", is_restricted=False, reason="Settled.")["version"] == again["version"] + 1
    assert desk.admin.put(place, {"city": "Lyon"}).status == 200


def test_due_step_of_a_restricted_lead_is_skipped(desk: Desk):
    """For example a step that was claimed just before: the guard checks again."""
    lead = desk.capture()
    desk.sql("UPDATE leads SET restricted_at = now()")
    desk.sql("UPDATE steps SET due_at = now() WHERE kind = 'create_task'")
    runner.run(Kind.CREATE_TASK, [])
    assert {step["reason"] for step in desk.steps(lead, kind="create_task")} == {"restricted"}


def test_withdrawn_consent_stops_messages_until_it_is_given_again(desk: Desk, smtp: SmtpServer):
    lead = a_busy_lead(desk)
    said = {"way": "email", "wording": "Stop it", "source": "Phone call"}
    ask(desk, lead, "consents", is_given=False, **said)
    assert desk.lead(lead)["opted_out_at"]
    check = {"email": lead["email"]}
    assert desk.admin.post("/api/suppressions/check", check).body["is_suppressed"] is True
    runner.run(Kind.DELIVER, [])
    assert smtp.received == []
    ask(desk, lead, "consents", is_given=True, **{**said, "wording": "Do write"})
    assert desk.lead(lead)["opted_out_at"] is None
    assert desk.admin.post("/api/suppressions/check", check).body["is_suppressed"] is False
    given = [consent["is_given"] for consent in desk.admin.every(f"/api/leads/{lead['id']}/consents")]
    assert given == [True, False, True]


def test_suppression_applies_to_every_lead_with_the_address(desk: Desk, other_desk: Desk, smtp: SmtpServer):
    put = desk.admin.post("/api/suppressions", {"email": "Mia@Lead.example", "reason": "Bounced"})
    assert (put.body["is_suppressed"], put.body["reason"]) == (True, "Bounced")
    assert (
        other_desk.admin.post("/api/suppressions/check", {"email": "mia@lead.example"}).body["is_suppressed"] is False
    )
    phone = desk.admin.post("/api/suppressions", {"phone": "(212) 555-0143", "reason": "x"})
    assert phone.body["is_suppressed"] is True
    assert desk.admin.post("/api/suppressions/check", {"phone": "+12125550143"}).body["is_suppressed"] is True
    assert "lead.example" not in str(desk.sql("SELECT s::text FROM suppressions s"))
    assert desk.admin.post("/api/suppressions/lift", {"email": "mia@lead.example"}).body["is_suppressed"] is False


@pytest.mark.parametrize("body", [{}, {"email": "a@b.example", "phone": "+12125550143"}, {"phone": "nonsense"}])
def test_invalid_address_cannot_be_suppressed(desk: Desk, body: dict[str, str]):
    assert desk.admin.post("/api/suppressions/check", body).status == 422


def test_erasure_includes_merged_duplicates(desk: Desk, postgres: Postgres):
    lead = desk.capture(first_name="Mia", email="mia@lead.example")
    answer = desk.admin.post(
        "/api/leads", desk.lead_data(first_name=CANARY, email=f"{CANARY.lower()}@lead.example"), key="once"
    )
    desk.admin.post(f"/api/leads/{lead['id']}/merge", {"lead_id": answer.body["id"]})
    ask(desk, lead, "erase", reason="They asked.")
    with postgres.connect("relance") as owner:
        names = [row[0] for row in owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        found = {name: str(owner.execute(f"SELECT t::text FROM {name} t").fetchall()).lower() for name in names}
    words = (CANARY.lower(), CANARY.encode().hex())
    assert {name for name, rows in found.items() if any(word in rows for word in words)} == set()
    entries = desk.admin.every("/api/audit", subject_id=answer.body["id"])
    assert not any(entry["after"] for entry in entries if entry["act"] != "erase")
    address = {"email": f"{CANARY.lower()}@lead.example"}
    assert desk.admin.post("/api/suppressions/check", address).body["is_suppressed"] is True


def test_erasure_names_the_unmerged_duplicates_that_stay(desk: Desk):
    address = "mia@lead.example"
    lead, other = (desk.capture(first_name=name, email=address) for name in ("Mia", "Tim"))
    desk.capture(first_name="Ana", phone="(646) 555-0100", email="ana@lead.example")
    erased = ask(desk, lead, "erase", reason="They asked.")
    assert (erased["remaining_duplicates"], erased["hidden_duplicates"]) == ([other["id"]], 0)
    assert desk.admin.get(f"/api/leads/{other['id']}").status == 200


def test_erasure_includes_the_row_of_the_import_file(desk: Desk):
    content = f"Name,Phone\n{CANARY} Ruiz,212 555 0143\nBen Ott,646 555 0100\n".encode()
    work_off(desk.admin, send(desk.admin, content).body, source_id=desk.source_id)
    [lead] = [lead for lead in desk.admin.every("/api/leads") if lead["first_name"] == CANARY]
    ask(desk, lead, "erase", reason="They asked.")
    kept = desk.sql("SELECT cells_sealed IS NULL AS is_forgotten FROM import_rows ORDER BY position")
    assert [row.is_forgotten for row in kept] == [True, False]


def test_consent_does_not_lift_a_suppression_without_permission(desk: Desk):
    address = {"email": "mia@lead.example"}
    desk.admin.post("/api/suppressions", {**address, "reason": "Bounced"})
    lead = desk.capture(**address)
    said = {"way": "email", "is_given": True, "wording": "Do write", "source": "Phone call"}
    assert desk.coordinator.post(f"/api/leads/{lead['id']}/consents", said).status == 201
    assert desk.admin.post("/api/suppressions/check", address).body["is_suppressed"] is True
    assert desk.admin.post(f"/api/leads/{lead['id']}/consents", said).status == 201
    assert desk.admin.post("/api/suppressions/check", address).body["is_suppressed"] is False


def test_restricted_lead_can_withdraw_but_not_give_consent(desk: Desk):
    lead = desk.capture()
    ask(desk, lead, "restrict", is_restricted=True, reason="They asked.")
    said = {"way": "phone", "wording": "x", "source": "x"}
    answers = [desk.admin.post(f"/api/leads/{lead['id']}/consents", {**said, "is_given": yes}) for yes in (True, False)]
    assert [answer.status for answer in answers] == [409, 201]
