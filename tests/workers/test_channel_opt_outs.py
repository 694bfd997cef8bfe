"""Opt-outs from one channel."""

from typing import Any

import pytest

from app.engine.models import Kind
from app.messaging.channels.registry import CHANNELS
from app.messaging.models import AddressKind
from tests.support.desk import Desk
from tests.support.practice import TUESDAY, Watch
from tests.support.smtp import SmtpServer
from workers import runner

pytest_plugins = ["tests.support.desk"]


@pytest.fixture
def desk(watch: Watch, desk: Desk) -> Desk:
    """A clinic in the daytime."""
    return desk


def opt_out(desk: Desk, lead: dict[str, Any], channel: str | None = "email") -> dict[str, Any]:
    answer = desk.coordinator.post(f"/api/leads/{lead['id']}/opt-out", {"channel": channel} if channel else None)
    assert answer.status == 200, answer.body
    body: dict[str, Any] = answer.body
    return body


def consent(desk: Desk, lead: dict[str, Any], way: str) -> None:
    said = {"way": way, "is_given": True, "wording": "Do write", "source": "Phone call"}
    assert desk.coordinator.post(f"/api/leads/{lead['id']}/consents", said).status == 201


def write_to(desk: Desk, lead: dict[str, Any]) -> None:
    """Log three calls without an answer, after which the rules plan a break-up e-mail."""
    for _ in range(3):
        call = {"type": "PHONE_CALL", "outcome": "no_answer"}
        assert desk.admin.post(f"/api/leads/{lead['id']}/activities", call).status == 201


def write(kind: str = Kind.SEND_MESSAGE) -> None:
    while runner.run(kind, []):
        pass


def test_opt_out_is_shown_and_logged_once(desk: Desk):
    lead = desk.capture(email="mia@lead.example")
    assert (lead["opted_out_channels"], lead["opted_out_at"]) == ([], None)
    silent = opt_out(desk, lead)
    assert (silent["opted_out_channels"], silent["opted_out_at"]) == (["email"], None)
    assert opt_out(desk, lead) == silent == desk.lead(lead)
    assert [entry["notes"] for entry in desk.timeline(lead)] == ["Opted out of messages by email."]


def test_channel_for_users_only_is_refused(desk: Desk):
    path = f"/api/leads/{desk.capture()['id']}/opt-out"
    assert desk.admin.post(path, {"channel": "in_app"}).pointers == ["/channel"]
    assert desk.admin.post(path, {"chanel": "email"}).pointers == ["/chanel"]


def test_pending_messages_of_the_channel_are_cancelled_and_no_others(desk: Desk):
    lead = desk.capture(email="mia@lead.example")
    write_to(desk, lead)
    desk.plan(lead)
    others = {step["id"] for step in desk.steps(lead) if step["kind"] != "send_message" and not step["finished_at"]}
    opt_out(desk, lead)
    [message] = desk.steps(lead, kind="send_message")
    assert (message["state"], message["reason"]) == ("cancelled", "opted_out_of_channel")
    assert others
    assert {step["state"] for step in desk.steps(lead) if step["id"] in others} <= {"planned", "published"}


def test_undelivered_messages_are_stopped(desk: Desk, smtp: SmtpServer):
    lead = desk.capture(email="mia@lead.example")
    write_to(desk, lead)
    write()
    opt_out(desk, lead)
    write(Kind.DELIVER)
    to_lead = desk.admin.every("/api/notifications", channel="email")
    assert [(note["state"], note["reason"]) for note in to_lead if note["user_id"] is None] == [
        ("suppressed", "opted_out_of_channel")
    ]
    assert smtp.received == []


def test_reimported_lead_stays_opted_out(desk: Desk):
    opt_out(desk, desk.capture(email="mia@lead.example"))
    again = desk.capture(email="Mia@Lead.example", phone="(212) 555-0199")
    write_to(desk, again)
    write()
    assert [step["reason"] for step in desk.steps(again, kind="send_message")] == ["suppressed"]


def test_consent_for_the_channel_ends_the_opt_out(desk: Desk):
    lead = desk.capture(email="mia@lead.example")
    opt_out(desk, lead)
    consent(desk, lead, "phone")
    assert desk.lead(lead)["opted_out_channels"] == ["email"]
    consent(desk, lead, "email")
    assert desk.lead(lead)["opted_out_channels"] == []
    write_to(desk, lead)
    write()
    assert [step["state"] for step in desk.steps(lead, kind="send_message")] == ["done"]


def test_general_opt_out_stops_all_channels(desk: Desk):
    lead = desk.capture(email="mia@lead.example")
    opt_out(desk, lead)
    silent = opt_out(desk, lead, channel=None)
    assert silent["opted_out_at"] is not None
    assert desk.coordinator.post("/api/suppressions/check", {"phone": "(212) 555-0143"}).body["is_suppressed"] is True


def test_opt_out_from_one_channel_keeps_the_others(desk: Desk):
    opt_out(desk, desk.capture(email="mia@lead.example"))
    checked = [{"email": "mia@lead.example"}, {"phone": "(212) 555-0143"}]
    found = [desk.coordinator.post("/api/suppressions/check", address).body["is_suppressed"] for address in checked]
    assert found == [True, False]


def test_merge_keeps_the_opt_out(desk: Desk):
    lead, duplicate = desk.capture(), desk.capture(email="mia@lead.example")
    opt_out(desk, duplicate)
    merged = desk.admin.post(f"/api/leads/{lead['id']}/merge", {"lead_id": duplicate["id"]})
    assert merged.body["opted_out_channels"] == ["email"]


def test_reason_for_waiting_is_shown_and_a_new_policy_applies_at_the_next_attempt(desk: Desk):
    assert desk.admin.put("/api/settings/contact-policy", {"window": "1 day"}).status == 200
    lead = desk.capture(email="mia@lead.example")
    booked = {"type": "CONSULTATION_SCHEDULED", "scheduled_for": "2026-03-12T14:00:00Z"}
    assert desk.admin.post(f"/api/leads/{lead['id']}/activities", booked).status == 201
    write()
    write_to(desk, lead)
    write()
    [waiting] = [step for step in desk.steps(lead, kind="send_message") if step["state"] == "planned"]
    assert (waiting["reason"], waiting["due_at"]) == ("another_touch", "2026-03-11T15:00:00Z")
    assert desk.admin.put("/api/settings/contact-policy", {}).status == 200
    desk.sql("UPDATE steps SET due_at = CAST(:now AS timestamptz) WHERE reason = 'another_touch'", now=TUESDAY)
    write()
    assert {step["state"] for step in desk.steps(lead, kind="send_message")} == {"done"}


def test_every_channel_for_leads_has_an_address_type():
    ways = {name: CHANNELS.suppressed_by(name) for name in CHANNELS.names()}
    texts = dict.fromkeys(("http", "sms", "whatsapp"), AddressKind.PHONE)
    to_users = dict.fromkeys(("in_app", "slack", "teams", "web_push"))
    assert ways == {"email": AddressKind.EMAIL, **to_users, **texts}
    assert set(CHANNELS.names_for_leads()) == set(CHANNELS.names()) - set(to_users)
