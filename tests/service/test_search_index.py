"""Search keys follow every change of a lead or a note, also those that no code of the search sees."""

from typing import Any

import pytest

from app.core.db import transaction
from app.leads.search.by_text.index import index_waiting
from tests.support.desk import Desk
from tests.support.importing import send, work_off

pytest_plugins = ["tests.support.desk"]

PERSON = {"first_name": "Ana", "last_name": "Ruiz", "phone": "+12125550143", "email": "ana@people.org"}


def found(desk: Desk, q: str, kind: str = "lead") -> list[str]:
    hits = desk.admin.post("/api/search", {"q": q, "kinds": [kind]}).body["hits"]
    return [hit["id"] for hit in hits if hit["why"] != "similar_name"]


def noted(desk: Desk, lead: dict[str, Any]) -> str:
    body = {"type": "NOTE", "notes": "Needle"}
    return str(desk.admin.post(f"/api/leads/{lead['id']}/activities", body).body["id"])


def index_all() -> int:
    number = 0
    while True:
        with transaction() as session:
            found = index_waiting(session)
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
        noted(clinic, clinic.capture(**PERSON))
    leads = [set(row.keys) for row in desk.sql("SELECT keys FROM lead_search")]
    notes = [set(row.notes_blind) for row in desk.sql("SELECT notes_blind FROM lead_activities WHERE type = 'NOTE'")]
    assert all(one.isdisjoint(other) for one, other in (leads, notes))


def test_erasure_leaves_no_keys(desk: Desk):
    lead = desk.capture(**PERSON)
    noted(desk, lead)
    assert desk.admin.post(f"/api/leads/{lead['id']}/erase", {"reason": "They asked."}).status == 200
    assert desk.sql("SELECT FROM lead_search") == []
    assert desk.sql("SELECT FROM lead_activities WHERE notes_blind IS NOT NULL") == []
    assert index_all() == 0


@pytest.mark.parametrize("field", ["first_name", "last_name", "phone", "email"])
def test_changed_field_is_found_at_once(desk: Desk, field: str):
    lead = desk.capture(**PERSON)
    new = {"first_name": "Xaverine", "last_name": "Xaverine", "phone": "646-555-7788", "email": "xaverine@people.org"}
    assert desk.admin.patch(f"/api/leads/{lead['id']}", {field: new[field]}).status == 200
    assert found(desk, "57788" if field == "phone" else "averin") == [lead["id"]]
    assert index_all() == 0
