"""The stored row of a captured lead: the statement reads only a part of its columns from JSON."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from app.api.leads.schemas import LeadIn
from app.core.db import transaction
from app.leads.attribution.touch_rows import first_touch_row
from app.leads.capture.capture import capture_lead
from app.leads.capture.capture_statement import COLUMNS, columns_to_read
from app.leads.models import Lead
from app.security.encrypted_fields import decrypt_row
from tests.support.practice import Practice

pytest_plugins = ["tests.support.practice"]

PERSON = {
    "first_name": "Mia",
    "last_name": 'O"Keller \\ {x}',
    "email": "mia@lead.example",
    "phone": "+12125550143",
    "phone_alt": "+12125550144",
    "patient_first_name": "Tom",
    "patient_last_name": "Keller",
    "patient_dob": date(2015, 2, 3),
    "patient_relationship": "CHILD",
    "preferred_contact": "EMAIL",
    "preferred_time": "after school",
    "timezone": "America/New_York",
    "language": "fr",
    "address_line1": "1 Main Street",
    "address_line2": "Floor 2",
    "city": "Springfield",
    "state": "IL",
    "postal_code": "62701",
    "source_campaign": "spring",
    "source_detail": "poster",
    "referring_provider_id": uuid4(),
    "referring_patient_id": uuid4(),
    "capture_channel": "REFERRAL_PATIENT",
    "social_platform": "INSTAGRAM",
    "social_handle": "@mia",
    "external_id": "a-1",
    "external_source": "hubspot",
    "tags": ["vip", 'with "quotes", and a comma'],
    "lead_value": Decimal("1234.56"),
    "score": 42,
    "treatment_interest": ["INVISALIGN", "BRACES"],
    "consultation_id": uuid4(),
    "insurance_carrier": "Acme",
    "insurance_member_id": "M-1",
    "notes": "Asked for an appointment.",
    "lost_notes": None,
}
OF_OTHER_TESTS = {"custom", "touch", "source_id", "assigned_to_id"}


def captured(practice: Practice, **more: Any) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Capture a lead, and return the result with the stored lead and its stored touch."""
    with transaction() as session:
        lead = capture_lead(session, practice.actor(), {**PERSON, "source_id": practice.source_id, **more})
        stored = session.execute(text("SELECT * FROM leads WHERE id = :id"), {"id": lead.id}).one()
        touch = session.execute(text("SELECT * FROM lead_touches WHERE lead_id = :id"), {"id": lead.id}).one()
        return lead, vars(decrypt_row(Lead, stored)), dict(touch._mapping)


def test_every_field_of_a_new_lead_is_stored(practice: Practice):
    assert set(LeadIn().fields) - OF_OTHER_TESTS <= PERSON.keys()
    _, stored, _ = captured(practice)
    assert {name: stored[name] for name in PERSON} == PERSON


def test_stored_lead_is_the_returned_one(practice: Practice):
    lead, stored, _ = captured(practice)
    shown = {name: getattr(lead, name) for name in COLUMNS if name in stored}
    assert shown == {name: stored[name] for name in shown}
    assert stored["stage_entered_at"] == stored["updated_at"] == stored["last_touch_at"] == lead.created_at


@pytest.mark.parametrize("details", [None, {"medium": "banner", "utm_term": "braces", "form_id": UUID(int=7)}])
def test_stored_touch_is_the_first_touch_of_the_lead(practice: Practice, details: dict[str, Any] | None):
    lead, _, touch = captured(practice, **({"touch": details} if details else {}))
    assert touch == first_touch_row(vars(lead), details)


def test_column_that_the_statement_would_not_store_is_refused():
    with pytest.raises(ValueError, match="lost_reason"):
        columns_to_read({"first_name": "Mia", "opted_out_channels": [], "lost_reason": "price"})
