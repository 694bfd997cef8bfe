"""Search keys follow every change of a lead, a note or a message, also those that no code of the search sees."""

from typing import Any

import pytest

from app.core.db import transaction
from app.leads.search.by_text.index import index_waiting
from app.messaging.inbound.conversation import subject_index
from tests.support.desk import Desk
from tests.support.importing import send, work_off
from tests.support.inbound import mail, receive

pytest_plugins = ["tests.support.desk"]

PERSON = {"first_name": "Ana", "last_name": "Ruiz", "phone": "+12125550143", "email": "ana@people.org"}


def found(desk: Desk, q: str, kind: str = "lead") -> list[str]:
    hits = desk.admin.post("/api/search", {"q": q, "kinds": [kind]}).body["hits"]
    return [hit["id"] for hit in hits if hit["why"] != "similar_name"]


def noted(desk: Desk, lead: dict[str, Any]) -> str:
    body = {"type": "NOTE", "notes": "Needle"}
    return str(desk.admin.post(f"/api/leads/{lead['id']}/activities", body).body["id"])


def exchanged(desk: Desk, lead: dict[str, Any]) -> set[str]:
    """Write a message to the lead and receive an answer; return their ids."""
    body = {"channel": "email", "subject": "Needle", "body": "Hello"}
    sent = desk.admin.post(f"/api/leads/{lead['id']}/messages", body).body["id"]
    desk.sql("UPDATE notifications SET state = 'sent'")
    return {sent, str(receive(desk.clinic_id, mail(sender=lead["email"], subject="Re: Needle")).id)}


def index_all() -> int:
    number = 0
    while True:
        with transaction() as session:
            found = index_waiting(session) + subject_index.index_waiting(session)
        if not found:
            return number
        number += found


def test_captured_lead_waits_for_no_sweep(desk: Desk):
    lead = desk.capture(**PERSON)
    assert found(desk, "uiz") == [lead["id"]]
    assert index_all() == 0


def test_sweep_indexes_rows_of_an_earlier_version(desk: Desk):
    lead = desk.capture(**PERSON)
    note = noted(desk, lead)
    desk.sql("UPDATE lead_search SET keys = NULL")
    desk.sql("UPDATE lead_activities SET notes_blind = NULL")
    assert (found(desk, "uiz"), found(desk, "needle", "note")) == ([], [])
    assert found(desk, "212-555-0143") == [lead["id"]]  # a whole number has an index of its own
    assert index_all() == 2
    assert (found(desk, "uiz"), found(desk, "needle", "note")) == ([lead["id"]], [note])


def test_sweep_adds_the_notes_of_leads_of_an_earlier_version(desk: Desk):
    lead = desk.capture(**PERSON, notes="Twenty years without a check")
    desk.sql("UPDATE lead_search SET has_notes = false, keys = keys[1:3]")
    assert found(desk, "twenty years") == []
    assert index_all() == 1
    assert found(desk, "twenty years") == found(desk, "uiz") == [lead["id"]]


def test_changed_notes_are_found_at_once(desk: Desk):
    lead = desk.capture(**PERSON, notes="Twenty years")
    desk.admin.put(f"/api/leads/{lead['id']}", {"notes": "Thirty months"})
    assert (found(desk, "thirty"), found(desk, "twenty")) == ([lead["id"]], [])
    assert index_all() == 0


def test_sweep_indexes_messages_of_an_earlier_version(desk: Desk):
    messages = exchanged(desk, desk.capture(**PERSON))
    assert index_all() == 0
    for table in ("notifications", "inbound_emails"):
        desk.sql(f"UPDATE {table} SET subject_blind = NULL")
    assert found(desk, "need", "message") == []
    assert index_all() == 2
    assert {*found(desk, "need", "message")} == messages


def test_sweep_leaves_notices_to_users_and_messages_without_subject(desk: Desk):
    exchanged(desk, desk.capture(**PERSON))
    desk.sql("UPDATE notifications SET subject_blind = NULL, user_id = :user", user=desk.admin.id)
    assert index_all() == 0
    desk.sql("UPDATE notifications SET user_id = NULL, subject = ''")
    assert index_all() == 0


def test_subjects_have_other_keys_than_notes(desk: Desk):
    """The subjects of sent messages are not encrypted: with the same keys they would tell the words of notes."""
    lead = desk.capture(**PERSON)
    noted(desk, lead)
    exchanged(desk, lead)
    [notes] = desk.sql("SELECT notes_blind FROM lead_activities WHERE type = 'NOTE'")
    [sent] = desk.sql("SELECT subject_blind FROM notifications WHERE subject_blind IS NOT NULL")
    assert len(notes.notes_blind) == len(sent.subject_blind) == 3
    assert {*notes.notes_blind}.isdisjoint(sent.subject_blind)


def test_messages_of_a_merged_lead_are_found_at_its_survivor(desk: Desk):
    survivor, duplicate = desk.capture(**PERSON), desk.capture(**PERSON | {"email": "ana.ruiz@people.org"})
    messages = exchanged(desk, duplicate)
    assert desk.admin.post(f"/api/leads/{survivor['id']}/merge", {"lead_id": duplicate["id"]}).status == 200
    hits = desk.admin.post("/api/search", {"q": "needle", "kinds": ["message"]}).body["hits"]
    assert {(hit["id"], hit["lead_id"]) for hit in hits} == {(id_, survivor["id"]) for id_ in messages}


def test_lead_written_past_the_application_is_indexed_by_the_sweep(desk: Desk):
    lead = desk.capture(**PERSON)
    desk.sql("UPDATE leads SET last_name = 'Lindqvist'")
    assert found(desk, "uiz") == []
    desk.multiply(lead, 1)
    index_all()
    assert len(found(desk, "indqv")) == 2


def test_imported_leads_are_found_at_once(desk: Desk):
    lead = desk.capture(**PERSON)
    people = (
        b"First name,Last name,Phone,Email\nMia,Lindqvist,+12125550199,\nAna,Ruizonova,+12125550143,new@people.org\n"
    )
    kept = send(desk.admin, people).body
    work_off(desk.admin, kept, on_duplicate="update", source_id=desk.source_id)
    assert len(found(desk, "indqv")) == 1
    assert (found(desk, "zonova"), found(desk, "new@peo")) == ([lead["id"]], [lead["id"]])
    assert index_all() == 0


def test_keys_of_two_clinics_differ(desk: Desk, other_desk: Desk):
    for clinic in (desk, other_desk):
        noted(clinic, lead := clinic.capture(**PERSON))
        exchanged(clinic, lead)
    leads = [set(row.keys) for row in desk.sql("SELECT keys FROM lead_search")]
    notes = [set(row.notes_blind) for row in desk.sql("SELECT notes_blind FROM lead_activities WHERE type = 'NOTE'")]
    texts = [set(row.subject_blind) for row in desk.sql("SELECT subject_blind FROM inbound_emails")]
    assert all(one.isdisjoint(other) for one, other in (leads, notes, texts))


def test_erasure_leaves_no_keys(desk: Desk):
    lead = desk.capture(**PERSON)
    noted(desk, lead)
    exchanged(desk, lead)
    assert desk.admin.post(f"/api/leads/{lead['id']}/erase", {"reason": "They asked."}).status == 200
    assert desk.sql("SELECT FROM lead_search") == []
    assert desk.sql("SELECT FROM lead_activities WHERE notes_blind IS NOT NULL") == []
    for table in ("notifications", "inbound_emails"):
        assert desk.sql(f"SELECT FROM {table} WHERE subject_blind <> '{{}}'") == []
    assert index_all() == 0
    assert (found(desk, "needle", "message"), found(desk, "erased", "message")) == ([], [])


@pytest.mark.parametrize("field", ["first_name", "last_name", "phone", "email"])
def test_changed_field_is_found_at_once(desk: Desk, field: str):
    lead = desk.capture(**PERSON)
    new = {"first_name": "Xaverine", "last_name": "Xaverine", "phone": "646-555-7788", "email": "xaverine@people.org"}
    assert desk.admin.patch(f"/api/leads/{lead['id']}", {field: new[field]}).status == 200
    assert found(desk, "57788" if field == "phone" else "averin") == [lead["id"]]
    assert index_all() == 0
