"""Timeline of a lead: entries, validation and effects."""

from datetime import timedelta
from typing import Any

import pytest

from app.clock import now
from tests.support.desk import Answer, Desk

pytest_plugins = ["tests.support.desk"]


def log(desk: Desk, lead: dict[str, Any], type: str = "PHONE_CALL", **more: Any) -> Answer:  # noqa: A002
    return desk.front_desk.post(f"/api/leads/{lead['id']}/activities", {"type": type, **more})


def test_entry_has_given_values_and_defaults(desk: Desk):
    lead = desk.capture()
    entry = log(desk, lead, outcome="spoke", notes="Likes\nblue", duration_minutes=7).body
    assert (entry["channel"], entry["direction"], entry["outcome"]) == ("phone", "OUTBOUND", "spoke")
    assert (entry["notes"], entry["duration_minutes"]) == ("Likes\nblue", 7)
    assert entry["created_by"] == desk.front_desk.id
    assert desk.timeline(lead)[0] == {**entry, "follow_ups": []}


def test_timeline_is_ordered_by_time_of_occurrence(desk: Desk):
    lead = desk.capture()
    for hours, notes in ((2, "second"), (3, "first"), (1, "third")):
        log(desk, lead, "NOTE", notes=notes, occurred_at=(now() - timedelta(hours=hours)).isoformat())
    entries = desk.doctor.every(f"/api/leads/{lead['id']}/activities", limit=1)
    assert [entry["notes"] for entry in entries] == ["first", "second", "third"]


@pytest.mark.parametrize(
    ("pointer", "entry"),
    [
        ("/outcome", {"type": "PHONE_CALL"}),  # rule 3: an attempt is logged with its outcome
        ("/outcome", {"type": "PHONE_CALL", "outcome": "shrug"}),
        ("/outcome", {"type": "NOTE", "outcome": "spoke"}),
        ("/outcome", {"type": "EMAIL", "outcome": "wrong_number"}),
        ("/outcome", {"type": "SMS", "outcome": "voicemail"}),
        ("/outcome", {"type": "IN_PERSON", "outcome": "voicemail"}),
        ("/direction", {"type": "NOTE", "direction": "INBOUND"}),
        ("/scheduled_for", {"type": "NOTE", "scheduled_for": "2027-01-01T09:00:00Z"}),
        ("/occurred_at", {"type": "NOTE", "occurred_at": "2999-01-01T09:00:00Z"}),
        ("/duration_minutes", {"type": "NOTE", "duration_minutes": -1}),
        ("/type", {"type": "STAGE_CHANGE"}),  # these are written when they happen
        ("/type", {"type": "ASSIGNMENT_CHANGE"}),
        ("/type", {"type": "TASK_COMPLETED"}),
        ("/previous_stage", {"type": "NOTE", "previous_stage": "lost"}),
        ("/created_by", {"type": "NOTE", "created_by": "me"}),
    ],
)
def test_invalid_entry_is_refused(desk: Desk, pointer: str, entry: dict[str, Any]):
    lead = desk.capture()
    assert log(desk, lead, **entry).pointers == [pointer]
    assert desk.timeline(lead) == []


def test_conversation_sets_contacted_at(desk: Desk):
    lead = desk.capture()
    entry = log(desk, lead, outcome="spoke").body
    after = desk.lead(lead)
    assert (after["status"], after["contacted_at"]) == ("ACTIVE", entry["occurred_at"])
    [step] = desk.steps(lead, name="no-contact-24h")
    assert (step["state"], step["reason"]) == ("cancelled", "already_contacted")


def test_visit_sets_contacted_at(desk: Desk):
    lead = desk.capture()
    log(desk, lead, "IN_PERSON")
    assert desk.lead(lead)["contacted_at"] is not None


@pytest.mark.parametrize("outcome", ["voicemail", "no_answer", "wrong_number"])
def test_attempt_without_answer_is_counted(desk: Desk, outcome: str):
    lead = desk.capture()
    log(desk, lead, outcome=outcome)
    after = desk.lead(lead)
    assert (after["failed_attempts"], after["status"], after["contacted_at"]) == (1, "ACTIVE", None)


def test_third_attempt_without_answer_plans_the_break_up(desk: Desk):
    lead = desk.capture()
    for outcome in ("voicemail", "no_answer"):
        log(desk, lead, outcome=outcome)
    assert desk.steps(lead, name="break-up-email") == []
    log(desk, lead, outcome="voicemail")
    assert {step["kind"] for step in desk.steps(lead, name="break-up-email")} == {"send_message", "suggest_lost"}


def test_contact_resets_the_count_of_attempts(desk: Desk):
    lead = desk.capture()
    for outcome in ("voicemail", "no_answer", "spoke", "no_answer", "voicemail"):
        log(desk, lead, outcome=outcome)
    assert desk.lead(lead)["failed_attempts"] == 2
    assert desk.steps(lead, name="break-up-email") == []


@pytest.mark.parametrize(
    "reply",
    [
        {"type": "EMAIL", "direction": "INBOUND"},
        {"type": "SMS", "direction": "INBOUND"},
        {"type": "PHONE_CALL", "direction": "INBOUND"},
        {"type": "PHONE_CALL", "direction": "INBOUND", "outcome": "voicemail"},
    ],
)
def test_inbound_message_is_a_reply_and_cancels_the_break_up(desk: Desk, reply: dict[str, str]):
    lead = desk.capture()
    for _ in range(3):
        log(desk, lead, outcome="no_answer")
    log(desk, lead, **reply)
    after = desk.lead(lead)
    assert (after["failed_attempts"], after["contacted_at"]) == (0, None)
    assert after["replied_at"] is not None
    assert {(s["state"], s["reason"]) for s in desk.steps(lead, name="break-up-email")} == {("cancelled", "replied")}


def test_reply_removes_the_suggestion_to_close_as_lost(desk: Desk):
    lead = desk.capture()
    desk.sql("UPDATE leads SET lost_suggested_at = now(), lost_suggested_reason = 'NO_RESPONSE'")
    log(desk, lead, "NOTE")
    assert desk.lead(lead)["lost_suggested_reason"] == "NO_RESPONSE"
    log(desk, lead, "EMAIL", direction="INBOUND")
    after = desk.lead(lead)
    assert (after["lost_suggested_at"], after["lost_suggested_reason"]) == (None, None)


def test_inbound_call_is_a_reply_and_a_contact(desk: Desk):
    lead = desk.capture()
    log(desk, lead, direction="INBOUND", outcome="spoke")
    after = desk.lead(lead)
    assert after["replied_at"] == after["contacted_at"] is not None


def test_outbound_message_and_note_are_no_contact(desk: Desk):
    lead = desk.capture()
    for kind in ("NOTE", "EMAIL", "SMS", "DOCUMENT_SENT"):
        log(desk, lead, kind)
    after = desk.lead(lead)
    assert (after["contacted_at"], after["replied_at"], after["failed_attempts"]) == (None, None, 2)
    assert after["status"] == "ACTIVE"  # an e-mail and an SMS are attempts


def test_older_contact_does_not_replace_a_newer_one(desk: Desk):
    lead = desk.capture()
    newer = log(desk, lead, outcome="spoke").body
    log(desk, lead, outcome="spoke", occurred_at=(now() - timedelta(days=2)).isoformat())
    after = desk.lead(lead)
    assert after["contacted_at"] == after["last_activity_at"] == newer["occurred_at"]


def test_activity_makes_a_stale_lead_fresh(desk: Desk):
    lead = desk.capture()
    desk.sql("UPDATE leads SET stale_since = now(), last_activity_at = now() - interval '20 days'")
    log(desk, lead, "NOTE", notes="Still here")
    after = desk.lead(lead)
    assert after["stale_since"] is None
    assert after["last_activity_at"] > (now() - timedelta(minutes=5)).isoformat()


@pytest.mark.parametrize(
    ("entry", "stage"),
    [("CONSULTATION_SCHEDULED", "consultation_scheduled"), ("CONSULTATION_COMPLETED", "consultation_completed")],
)
def test_consultation_moves_a_lead_forward_to_its_stage(desk: Desk, entry: str, stage: str):
    lead = desk.capture()
    log(desk, lead, entry)
    after = desk.lead(lead)
    assert (after["pipeline_stage"], after["status"]) == (stage, "ACTIVE")
    assert {e["type"] for e in desk.timeline(lead)} == {entry, "STAGE_CHANGE"}


def test_consultation_does_not_move_a_lead_back(desk: Desk):
    lead = desk.capture()
    desk.front_desk.post(f"/api/leads/{lead['id']}/stage", {"stage": "pending_decision"})
    assert log(desk, lead, "CONSULTATION_SCHEDULED").status == 201
    assert desk.lead(lead)["pipeline_stage"] == "pending_decision"


def test_completed_consultation_is_followed_up_three_days_after_it_took_place(desk: Desk):
    lead = desk.capture()
    took_place = now() - timedelta(days=1)
    log(desk, lead, "CONSULTATION_COMPLETED", occurred_at=took_place.isoformat())
    [step] = desk.steps(lead, name="post-consult-follow-up")
    assert step["due_at"][:19] == (took_place + timedelta(days=3)).isoformat()[:19]


def test_read_only_user_cannot_log_activities(desk: Desk):
    lead = desk.capture()
    assert desk.doctor.post(f"/api/leads/{lead['id']}/activities", {"type": "NOTE"}).status == 403
