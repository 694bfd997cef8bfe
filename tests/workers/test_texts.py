"""SMS and WhatsApp: messages through a provider, reports about them, and the answers of leads."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator

from app.clock import now
from app.engine.models import Kind
from tests.support.desk import Answer, Desk
from tests.support.practice import TUESDAY, Watch
from tests.support.smtp import AUTHORITY
from tests.support.text_provider import (
    ACCESS_TOKEN,
    ACCOUNT_SID,
    AUTH_TOKEN,
    PHONE_NUMBER_ID,
    FileServer,
    TextProvider,
)
from workers import runner
from workers.sweeps.run import sweep

pytest_plugins = ["tests.support.desk"]

PHONE, OTHER = "+12125550143", "+12125550199"
APP_SECRET, VERIFY_TOKEN = "nine yellow lamps", "a text of our own"
HOST = "https://leads.example.com"
TEMPLATE = {
    "slug": "hello",
    "name": "Hello",
    "variants": [{"subject": "Hello", "body": "Hello {{ lead.first_name }}"}],
}
APPROVED = {"name": "hello_again", "language": "en_US", "parameters": ["{{ lead.first_name }}", "Friday"]}


@pytest.fixture(scope="module")
def server() -> Iterator[TextProvider]:
    with TextProvider() as server:
        yield server


@pytest.fixture
def provider(server: TextProvider, configure: Callable[..., None]) -> TextProvider:
    urls = {"twilio_api_url": server.url, "whatsapp_api_url": server.url, "public_url": HOST}
    configure(outgoing_allow=server.place, outgoing_timeout=10, retry_base_seconds=10, **urls)
    return server.reset()


@pytest.fixture
def files(
    provider: TextProvider, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> Iterator[FileServer]:
    monkeypatch.setenv("SSL_CERT_FILE", str(AUTHORITY))
    with FileServer() as files:
        configure(outgoing_allow=f"{provider.place},{files.place}")
        yield files


@pytest.fixture
def desk(watch: Watch, desk: Desk, provider: TextProvider) -> Desk:
    """A clinic in the daytime, with a template."""
    created(desk, "/api/message-templates", TEMPLATE)
    return desk


def created(desk: Desk, path: str, body: Any) -> Any:
    answer = desk.admin.post(path, body)
    assert answer.status == 201, answer.body
    return answer.body


@dataclass
class Twilio:
    """The clinic's account at Twilio, and the calls that Twilio makes."""

    desk: Desk
    account_id: str

    @property
    def path(self) -> str:
        return f"/api/channels/twilio/{self.account_id}/events"

    def call(self, form: Mapping[str, Any], query: str = "", *, token: str = AUTH_TOKEN) -> int:
        path = self.path + query
        signature = RequestValidator(token).compute_signature(HOST + path, form)
        headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
        return self.desk.client().post(path, data=urlencode(form), headers=headers).status_code

    def text(self, words: str, *, sender: str = PHONE, sid: str = "SM-in-1", **more: Any) -> int:
        return self.call({"MessageSid": sid, "From": sender, "To": "+15005550006", "Body": words, **more})

    def report(self, note: Mapping[str, Any], status: str, *, code: str = "", sid: str = "SM-out-1") -> int:
        form = {"MessageSid": sid, "MessageStatus": status, **({"ErrorCode": code} if code else {})}
        return self.call(form, f"?message={note['id']}")


@dataclass
class Meta:
    """The clinic's number at the WhatsApp Cloud API, and the calls that Meta makes."""

    desk: Desk
    account_id: str

    @property
    def path(self) -> str:
        return f"/api/channels/whatsapp_cloud/{self.account_id}/events"

    def call(self, value: Mapping[str, Any], *, secret: str = APP_SECRET) -> int:
        return self.post({"entry": [_entry(value)]}, secret=secret)

    def post(self, call: Mapping[str, Any], *, secret: str = APP_SECRET) -> int:
        body = json.dumps(call).encode()
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature-256": f"sha256={signature}", "Content-Type": "application/json"}
        return self.desk.client().post(self.path, data=body, headers=headers).status_code

    def text(self, words: str, *, at: datetime | None = None, sender: str = PHONE, wamid: str = "wamid.in") -> int:
        seconds = str(int((at or now()).timestamp()))
        message = {"from": sender.removeprefix("+"), "id": wamid, "timestamp": seconds}
        return self.call({"messages": [{**message, "type": "text", "text": {"body": words}}]})

    def report(self, note: Mapping[str, Any], status: str, *, code: int | None = None) -> int:
        seconds = str(int(now().timestamp()))
        about = {"id": "wamid.out", "timestamp": seconds, "biz_opaque_callback_data": note["id"], "status": status}
        errors = [{"code": code, "title": "Message undeliverable"}] if code else []
        return self.call({"statuses": [{**about, "errors": errors}]})


@pytest.fixture
def twilio(desk: Desk) -> Twilio:
    settings = {"account_sid": ACCOUNT_SID, "number": "+15005550006", "whatsapp_number": "+15005550007"}
    account = {"name": "texts", "kind": "twilio", "channels": ["sms"], "settings": settings}
    made = created(desk, "/api/sending-accounts", {**account, "credentials": {"auth_token": AUTH_TOKEN}})
    return Twilio(desk, made["id"])


@pytest.fixture
def meta(desk: Desk) -> Meta:
    credentials = {"access_token": ACCESS_TOKEN, "app_secret": APP_SECRET, "verify_token": VERIFY_TOKEN}
    account = {"name": "whatsapp", "kind": "whatsapp_cloud", "settings": {"phone_number_id": PHONE_NUMBER_ID}}
    return Meta(desk, created(desk, "/api/sending-accounts", {**account, "credentials": credentials})["id"])


def write_on_arrival(desk: Desk, channel: str, **more: Any) -> None:
    """Add a rule that writes to new leads, and one that writes again a day later."""
    message = {"send_message": {"channel": channel, "template": "hello", **more}}
    created(desk, "/api/follow-up-rules", {"name": "welcome", "on": "lead.created", "do": [message]})
    later = {"on": "lead.created", "after": "1 day", "do": [message], "stop_on": ["lead.replied"]}
    created(desk, "/api/follow-up-rules", {"name": "again", **later})


def run(*kinds: str) -> None:
    for kind in kinds or (Kind.SEND_MESSAGE, Kind.DELIVER):
        while runner.run(kind, []):
            pass


def note(desk: Desk, channel: str = "sms") -> dict[str, Any]:
    """Return the only message on the channel, in full."""
    [found] = desk.admin.every("/api/notifications", channel=channel)
    shown: dict[str, Any] = desk.admin.get(f"/api/notifications/{found['id']}").body
    return shown


def state(desk: Desk, channel: str = "sms") -> tuple[str, str | None]:
    found = note(desk, channel)
    return found["state"], found["error"]


def sent_text(desk: Desk) -> dict[str, Any]:
    """Send a text message to a new lead."""
    write_on_arrival(desk, "sms")
    lead = desk.capture(first_name="Mia", phone=PHONE)
    run()
    assert state(desk) == ("sent", None)
    return lead


# --- sending ----------------------------------------------------------------------------------------------------------


def test_text_message_is_sent_once_through_the_account_of_the_clinic(
    desk: Desk, twilio: Twilio, provider: TextProvider
):
    sent_text(desk)
    run()
    shown = note(desk)
    [call] = provider.calls
    assert (call["To"], call["From"], call["Body"]) == (PHONE, "+15005550006", "Hello Mia")
    assert call["StatusCallback"] == f"{HOST}{twilio.path}?message={shown['id']}#rc=5&rp=5xx,ct,rt"
    assert (shown["account_id"], shown["address"]) == (twilio.account_id, PHONE)
    assert shown["deliveries"][0]["response"].startswith("accepted as SM")
    assert AUTH_TOKEN not in json.dumps(shown)


def test_message_without_an_account_waits_for_one(desk: Desk, provider: TextProvider, watch: Watch):
    write_on_arrival(desk, "sms")
    lead = desk.capture(phone=PHONE)
    run()
    assert [step["reason"] for step in desk.steps(lead, name="welcome")] == ["no_account"]
    assert provider.calls == []


def test_message_is_unknown_after_a_time_out_and_a_report_resolves_it(
    desk: Desk, twilio: Twilio, provider: TextProvider, configure: Callable[..., None]
):
    configure(outgoing_timeout=0.2)
    write_on_arrival(desk, "sms")
    lead = desk.capture(phone=PHONE)
    provider.hang()
    run()
    provider.hang_up()
    run()
    assert (state(desk)[0], len(provider.calls)) == ("unknown", 1)

    assert twilio.report(note(desk), "delivered") == 200
    shown = note(desk)
    assert (shown["state"], shown["error"]) == ("sent", None)
    assert shown["delivered_at"] is not None
    assert [step["state"] for step in desk.steps(lead, kind="deliver")] == ["skipped"]


def test_busy_provider_gets_the_message_after_its_wait(
    desk: Desk, twilio: Twilio, provider: TextProvider, watch: Watch
):
    write_on_arrival(desk, "sms")
    desk.capture(phone=PHONE)
    provider.busy(429, "120")
    run()
    assert state(desk) == ("pending", "error 20429: Too many requests")
    provider.reset()
    watch.advance(seconds=119)
    run()
    assert provider.calls == []
    watch.advance(seconds=60)
    run()
    assert (state(desk)[0], len(provider.calls)) == ("sent", 1)


def test_invalid_number_is_suppressed(desk: Desk, twilio: Twilio, provider: TextProvider):
    write_on_arrival(desk, "sms")
    lead = desk.capture(phone=PHONE)
    provider.refuse(21211, f"The 'To' number {PHONE} is not a valid phone number.")
    run()
    assert state(desk) == ("failed", "error 21211: The 'To' number … is not a valid phone number.")
    assert suppressed(desk, PHONE) == "invalid"
    assert desk.lead(lead)["opted_out_channels"] == []


def test_unsubscribed_number_is_opted_out_of_text_messages(desk: Desk, twilio: Twilio, provider: TextProvider):
    write_on_arrival(desk, "sms")
    lead = desk.capture(phone=PHONE)
    provider.refuse(21610, "Attempt to send to unsubscribed recipient")
    run()
    assert state(desk)[0] == "failed"
    assert desk.lead(lead)["opted_out_channels"] == ["sms"]


def test_contact_policy_holds_for_text_messages(desk: Desk, twilio: Twilio, provider: TextProvider, watch: Watch):
    assert desk.admin.patch("/api/settings/contact-policy", {"daily_cap": 1}).status == 200
    lead = sent_text(desk)
    desk.sql("UPDATE steps SET due_at = :at WHERE name = 'again'", at=now())
    run()
    [capped] = desk.steps(lead, name="again")
    assert (capped["state"], capped["reason"], len(provider.calls)) == ("planned", "daily_cap", 1)

    quiet = desk.capture(first_name="Ben", phone=OTHER, timezone="Europe/Berlin")
    watch.set(at_night := now() + timedelta(hours=6))  # 22:00 in Berlin
    desk.sql("UPDATE steps SET due_at = :at WHERE lead_id = :lead", at=at_night, lead=quiet["id"])
    run()
    watch.set(TUESDAY)  # when the admin was signed in
    assert {step["reason"] for step in desk.steps(quiet, kind="send_message")} == {"outside_hours"}


def test_opt_out_of_the_channel_stops_text_messages(desk: Desk, twilio: Twilio, provider: TextProvider):
    write_on_arrival(desk, "sms")
    lead = desk.capture(phone=PHONE)
    assert desk.coordinator.post(f"/api/leads/{lead['id']}/opt-out", {"channel": "sms"}).status == 200
    run()
    assert {step["reason"] for step in desk.steps(lead, kind="send_message")} == {"opted_out_of_channel"}
    assert provider.calls == []


def test_old_receipts_are_deleted(desk: Desk, twilio: Twilio, watch: Watch):
    sent_text(desk)
    twilio.report(note(desk), "delivered")
    for days, left in ((6, 1), (8, 0)):
        watch.set(TUESDAY + timedelta(days=days))
        sweep("forget_old_gateway_calls")
        assert desk.sql("SELECT count(*) FROM text_receipts")[0][0] == left


def suppressed(desk: Desk, phone: str) -> str | None:
    found = desk.admin.post("/api/suppressions/check", {"phone": phone})
    assert found.status == 200, found.body
    reason: str | None = found.body["reason"]
    return reason


# --- reports ----------------------------------------------------------------------------------------------------------


def test_reports_move_the_state_only_upwards(desk: Desk, twilio: Twilio, watch: Watch):
    sent_text(desk)
    for status in ("delivered", "sent", "delivered", "queued"):
        watch.advance(seconds=10)
        assert twilio.report(note(desk), status) == 200
    shown = note(desk)
    assert (shown["state"], shown["opened_at"]) == ("sent", None)
    assert shown["delivered_at"] == "2026-03-10T15:00:10Z"


@pytest.mark.parametrize("order", [("delivered", "undelivered"), ("undelivered", "delivered")])
def test_contradicting_reports_are_both_shown(desk: Desk, twilio: Twilio, order: tuple[str, str]):
    lead = sent_text(desk)
    for status in (*order, *order):
        assert twilio.report(note(desk), status, code="30008" if status == "undelivered" else "") == 200
    shown = note(desk)
    assert (shown["state"], shown["error"]) == ("failed", "error 30008: undelivered")
    assert shown["delivered_at"] is not None
    [message] = desk.admin.every(f"/api/leads/{lead['id']}/messages")
    assert (message["state"], message["error"], message["delivered_at"]) == (
        *("failed", "error 30008: undelivered"),
        shown["delivered_at"],
    )
    assert suppressed(desk, PHONE) is None


def test_report_about_an_unreachable_number_suppresses_it(desk: Desk, twilio: Twilio):
    react = {"create_task": {"type": "CALL", "title": "Ask for another number"}}
    created(desk, "/api/follow-up-rules", {"name": "bounced", "on": "message.bounced", "do": [react]})
    lead = sent_text(desk)
    for _ in range(2):
        assert twilio.report(note(desk), "undelivered", code="30005") == 200
    assert suppressed(desk, PHONE) == "invalid"
    assert len(desk.steps(lead, name="bounced")) == 1


def test_report_during_the_attempt_is_asked_for_again(desk: Desk, twilio: Twilio):
    sent_text(desk)
    desk.sql("UPDATE notifications SET state = 'sending'")
    assert twilio.report(note(desk), "failed", code="30008") == 503
    desk.sql("UPDATE notifications SET state = 'sent'")
    assert twilio.report(note(desk), "failed", code="30008") == 200
    assert state(desk)[0] == "failed"


def test_report_of_another_account_changes_nothing(desk: Desk, twilio: Twilio, meta: Meta):
    sent_text(desk)
    assert meta.report(note(desk), "failed", code=131000) == 200
    assert state(desk) == ("sent", None)


# --- answers ----------------------------------------------------------------------------------------------------------


def test_answer_stops_pending_messages_and_stands_on_the_timeline(desk: Desk, twilio: Twilio):
    lead = sent_text(desk)
    assert twilio.text("Yes, Friday ✓") == 200
    entry = desk.timeline(lead)[-1]
    assert (entry["type"], entry["channel"], entry["direction"], entry["notes"]) == (
        *("SMS", "sms", "INBOUND", "Yes, Friday ✓"),
    )
    assert [(step["state"], step["reason"]) for step in desk.steps(lead, name="again")] == [("cancelled", "replied")]
    newest = desk.admin.every(f"/api/leads/{lead['id']}/messages")[0]
    assert (newest["direction"], newest["channel"], newest["text"], newest["answers_id"]) == (
        *("INBOUND", "sms", "Yes, Friday ✓"),
        note(desk)["id"],
    )


def test_repeated_call_changes_nothing(desk: Desk, twilio: Twilio):
    lead = sent_text(desk)
    for _ in range(3):
        assert twilio.text("Yes") == 200
    assert [entry["type"] for entry in desk.timeline(lead)] == ["SMS"]
    assert len(desk.admin.every("/api/inbound-texts")) == 1


@pytest.mark.parametrize("sign", [{"token": "another"}, {"query": "?message=x"}])
def test_call_with_a_wrong_signature_is_refused(desk: Desk, twilio: Twilio, sign: dict[str, str]):
    sent_text(desk)
    form = {"MessageSid": "SM1", "From": PHONE, "Body": "Yes"}
    signature = RequestValidator(sign.get("token", AUTH_TOKEN)).compute_signature(HOST + twilio.path, form)
    path = twilio.path + sign.get("query", "")
    answer = desk.client().post(path, data=form, headers={"X-Twilio-Signature": signature})
    assert answer.status_code == 401
    assert desk.admin.every("/api/inbound-texts") == []


def test_unknown_account_is_refused_like_a_wrong_signature(desk: Desk, twilio: Twilio, meta: Meta):
    stranger = Twilio(desk, meta.account_id)
    assert stranger.text("Yes") == 401
    assert desk.client().get(twilio.path).status_code == 404
    assert twilio.call({"Body": "x"}) == 400


def test_stop_ends_text_messages_at_once_and_start_allows_them(desk: Desk, twilio: Twilio, provider: TextProvider):
    write_on_arrival(desk, "sms")
    lead = desk.capture(phone=PHONE)
    run(Kind.SEND_MESSAGE)
    assert twilio.text(" Stop. ") == 200
    run()
    assert (state(desk)[0], provider.calls) == ("suppressed", [])
    stopped = desk.lead(lead)
    assert (stopped["opted_out_channels"], stopped["replied_at"]) == (["http", "sms", "whatsapp"], None)
    assert desk.admin.every("/api/notifications", channel="in_app") == []
    assert twilio.text("START", sid="SM-in-2") == 200
    assert desk.lead(lead)["opted_out_channels"] == []
    assert suppressed(desk, PHONE) is None


def test_answer_belongs_to_the_lead_with_the_last_message_to_the_number(desk: Desk, twilio: Twilio, watch: Watch):
    lead = sent_text(desk)
    watch.advance(minutes=1)
    newer = desk.capture(first_name="Ben", phone=OTHER, phone_alt=PHONE)
    assert twilio.text("For Mia") == 200
    assert [entry["notes"] for entry in desk.timeline(lead)] == ["For Mia"]
    assert desk.timeline(newer) == []


def test_media_are_references(desk: Desk, twilio: Twilio):
    lead = sent_text(desk)
    media = {"NumMedia": "1", "MediaUrl0": "https://api.twilio.com/M/1", "MediaContentType0": "image/jpeg"}
    assert twilio.text("", **media) == 200
    newest = desk.admin.every(f"/api/leads/{lead['id']}/messages")[0]
    picture = {"type": "image/jpeg", "reference": "https://api.twilio.com/M/1", "size": None, "name": None}
    assert (newest["text"], newest["media"]) == (None, [picture])
    assert desk.timeline(lead)[-1]["notes"] == "(media)"


def test_unknown_number_waits_for_a_user(desk: Desk, twilio: Twilio):
    lead = desk.capture(phone=PHONE)
    assert twilio.text("Hi", sender=OTHER) == 200
    waiting = {"is_matched": "false", "is_ignored": "false"}
    [message] = desk.admin.every("/api/inbound-texts", **waiting)
    assert (message["sender"], message["body"], message["lead_id"]) == (OTHER, "Hi", None)

    path = f"/api/inbound-texts/{message['id']}"
    assert desk.admin.post(f"{path}/ignore").body["ignored_at"] is not None
    assert desk.admin.every("/api/inbound-texts", **waiting) == []
    assigned = desk.admin.post(f"{path}/assign", {"lead_id": lead["id"]})
    assert (assigned.status, assigned.body["lead_id"]) == (200, lead["id"])
    assert [entry["notes"] for entry in desk.timeline(lead)] == ["Hi"]
    assert desk.admin.post(f"{path}/ignore").status == 409
    assert desk.admin.get(path).body["activity_id"] == desk.timeline(lead)[-1]["id"]


def test_unknown_number_becomes_a_lead_if_the_clinic_wants_it(desk: Desk, twilio: Twilio):
    assert desk.admin.patch("/api/settings/inbound-email", {"unknown_senders": "lead"}).status == 200
    assert twilio.text("Hi", sender=OTHER, ProfileName="Ben Miller") == 200
    assert twilio.text("Hi again", sender=OTHER, sid="SM-in-2") == 200
    [found] = desk.admin.every("/api/leads")
    assert (found["first_name"], found["phone"], found["capture_channel"]) == ("Ben", OTHER, "SMS")
    assert [entry["notes"] for entry in desk.timeline(found)] == ["Hi", "Hi again"]


def test_stop_word_of_an_unknown_number_suppresses_the_number(desk: Desk, twilio: Twilio):
    assert desk.admin.patch("/api/settings/inbound-email", {"unknown_senders": "lead"}).status == 200
    assert twilio.text("STOP", sender=OTHER) == 200
    assert desk.admin.every("/api/leads") == []
    assert desk.coordinator.post("/api/suppressions/check", {"phone": OTHER}).body["is_suppressed"] is True


def test_text_from_the_number_of_a_merged_duplicate_belongs_to_the_lead_that_remains(desk: Desk, twilio: Twilio):
    lead, duplicate = desk.capture(phone=PHONE), desk.capture(phone=OTHER)
    merged = desk.admin.post(f"/api/leads/{lead['id']}/merge", {"lead_id": duplicate["id"]})
    assert merged.status == 200, merged.body
    assert twilio.text("Hi", sender=OTHER) == 200
    assert [one["lead_id"] for one in desk.admin.every("/api/inbound-texts")] == [lead["id"]]


@pytest.mark.parametrize("sender", [OTHER, "+12125550188"])
@pytest.mark.parametrize("names", [("phone", "phone_alt"), ("phone_alt", "phone")])
def test_text_from_either_number_of_a_merged_duplicate_finds_the_lead_that_remains(
    desk: Desk, twilio: Twilio, sender: str, names: tuple[str, str]
):
    lead = desk.capture(phone=PHONE, phone_alt="+12125550187")
    duplicate = desk.capture(**dict(zip(names, (OTHER, "+12125550188"), strict=True)))
    last = desk.capture(phone="+12125550186", phone_alt="+12125550185")
    for survivor, gone in ((lead, duplicate), (last, lead)):
        merged = desk.admin.post(f"/api/leads/{survivor['id']}/merge", {"lead_id": gone["id"]})
        assert merged.status == 200, merged.body
    assert twilio.text("Hi", sender=sender) == 200
    assert [one["lead_id"] for one in desk.admin.every("/api/inbound-texts")] == [last["id"]]


def test_text_belongs_to_the_lead_that_remains_if_the_last_message_went_to_its_duplicate(desk: Desk, twilio: Twilio):
    lead, duplicate = desk.capture(phone=PHONE, phone_alt="+12125550187"), desk.capture(phone=OTHER)
    sent = desk.admin.post(f"/api/leads/{duplicate['id']}/messages", {"channel": "sms", "body": "Friday?"})
    assert sent.status == 201, sent.body
    run()
    merged = desk.admin.post(f"/api/leads/{lead['id']}/merge", {"lead_id": duplicate["id"]})
    assert merged.status == 200, merged.body
    newer = desk.capture(phone=OTHER)
    assert twilio.text("Yes", sender=OTHER) == 200
    assert [one["lead_id"] for one in desk.admin.every("/api/inbound-texts")] == [lead["id"]]
    assert newer["id"] != lead["id"]


# --- WhatsApp ---------------------------------------------------------------------------------------------------------


def test_free_text_outside_a_session_is_skipped(desk: Desk, meta: Meta, provider: TextProvider):
    write_on_arrival(desk, "whatsapp")
    lead = desk.capture(phone=PHONE)
    run()
    [step] = desk.steps(lead, name="welcome")
    assert (step["state"], step["reason"], provider.calls) == ("skipped", "outside_session", [])
    why = desk.admin.get(f"/api/leads/{lead['id']}/why").body
    assert "outside_session" in json.dumps(why)


@pytest.mark.parametrize(("age", "sent"), [(timedelta(hours=23, minutes=59), 1), (timedelta(hours=24), 0)])
def test_free_text_is_sent_only_in_a_session(desk: Desk, meta: Meta, provider: TextProvider, age: timedelta, sent: int):
    lead = desk.capture(phone=PHONE)
    assert meta.text("Hi", at=now() - age) == 200
    write = {"name": "answer", "on": "lead.stage_changed", "do": [{"send_message": WHATSAPP}]}
    created(desk, "/api/follow-up-rules", write)
    assert desk.admin.post(f"/api/leads/{lead['id']}/stage", {"stage": "contacted"}).status == 200
    run()
    assert [call["text"]["body"] for call in provider.calls] == ["Hello Ana"] * sent
    assert [step["state"] for step in desk.steps(lead, name="answer")] == ["done" if sent else "skipped"]


WHATSAPP = {"channel": "whatsapp", "template": "hello"}


def add_approved_text(desk: Desk) -> None:
    """Give the template a text for WhatsApp with an approved template."""
    texts = [*TEMPLATE["variants"], {"channel": "whatsapp", "body": "Hi", "provider_template": APPROVED}]  # type: ignore[misc]
    [template] = [one for one in desk.admin.every("/api/message-templates") if one["slug"] == "hello"]
    changed = desk.admin.patch(f"/api/message-templates/{template['id']}", {"variants": texts})
    assert changed.status == 200, changed.body
    assert changed.body["variants"][1]["provider_template"] == APPROVED


def test_approved_template_is_not_used_in_a_session(desk: Desk, meta: Meta, provider: TextProvider):
    add_approved_text(desk)
    lead = desk.capture(first_name="Mia", phone=PHONE)
    assert meta.text("Hello?") == 200
    write = {"name": "answer", "on": "lead.stage_changed", "do": [{"send_message": WHATSAPP}]}
    created(desk, "/api/follow-up-rules", write)
    assert desk.admin.post(f"/api/leads/{lead['id']}/stage", {"stage": "contacted"}).status == 200
    run()
    assert [call["text"]["body"] for call in provider.calls] == ["Hi"]


def test_approved_template_is_sent_outside_a_session(desk: Desk, meta: Meta, provider: TextProvider):
    add_approved_text(desk)
    write_on_arrival(desk, "whatsapp")
    desk.capture(first_name="Mia", phone=PHONE)
    run()
    [call] = provider.calls
    values = [{"type": "text", "text": "Mia"}, {"type": "text", "text": "Friday"}]
    assert call["template"] == {
        "name": "hello_again",
        "language": {"code": "en_US"},
        "components": [{"type": "body", "parameters": values}],
    }
    assert meta.report(note(desk, "whatsapp"), "read") == 200
    shown = note(desk, "whatsapp")
    assert (shown["body"], shown["delivered_at"] is None, shown["opened_at"] is None) == ("Hi", False, False)


@pytest.mark.parametrize("is_approved", [False, True])
def test_session_that_closes_before_the_delivery(
    desk: Desk, meta: Meta, provider: TextProvider, watch: Watch, is_approved: bool
):
    """The text is written in the session and handed over after it, so the gate decides anew."""
    if is_approved:
        add_approved_text(desk)
    lead = desk.capture(first_name="Mia", phone=PHONE)
    assert meta.text("Hello?", at=now() - timedelta(hours=23, minutes=59)) == 200
    message = {"send_message": WHATSAPP if is_approved else {"channel": "whatsapp", "template": "hello"}}
    created(desk, "/api/follow-up-rules", {"name": "late", "on": "lead.stage_changed", "do": [message]})
    assert desk.admin.post(f"/api/leads/{lead['id']}/stage", {"stage": "contacted"}).status == 200
    run(Kind.SEND_MESSAGE)
    assert state(desk, "whatsapp")[0] == "pending"
    watch.advance(minutes=2)
    run(Kind.DELIVER)
    shown = note(desk, "whatsapp")
    if is_approved:
        assert [call["template"]["name"] for call in provider.calls] == ["hello_again"]
        return
    assert (shown["state"], shown["reason"], provider.calls) == ("suppressed", "outside_session", [])
    why = json.dumps(desk.admin.get(f"/api/leads/{lead['id']}/why").body)
    assert "because the lead wrote nothing on WhatsApp in the 24 hours before" in why


def test_number_without_whatsapp_still_gets_text_messages(desk: Desk, twilio: Twilio, meta: Meta):
    lead = desk.capture(phone=PHONE)
    assert meta.text("Hi") == 200
    answer(desk, lead, channel="whatsapp")
    run()
    assert meta.report(note(desk, "whatsapp"), "failed", code=131026) == 200
    assert state(desk, "whatsapp") == ("failed", "error 131026: Message undeliverable")
    assert suppressed(desk, PHONE) is None
    refused = post_message(desk, lead, channel="whatsapp")
    assert (refused.status, refused.body["reason"]) == (409, "suppressed")
    answer(desk, lead, channel="sms")
    run()
    assert state(desk) == ("sent", None)
    assert desk.admin.post("/api/suppressions/lift", {"phone": PHONE}).status == 200
    answer(desk, lead, channel="whatsapp")


def test_handshake_of_meta_is_answered(desk: Desk, meta: Meta):
    query = {"hub.mode": "subscribe", "hub.verify_token": VERIFY_TOKEN, "hub.challenge": "1158201444"}
    answered = desk.client().get(meta.path, query_string=query)
    assert (answered.status_code, answered.data, answered.mimetype) == (200, b"1158201444", "text/plain")
    assert desk.client().get(meta.path, query_string={**query, "hub.verify_token": "x"}).status_code == 401


def test_wrong_signature_of_meta_is_refused(desk: Desk, meta: Meta):
    value = {"messages": [{"from": "12125550143", "id": "wamid.1", "type": "text", "text": {"body": "Hi"}}]}
    assert meta.call(value, secret="another") == 401
    assert meta.call({"messages": [{}]}) == 400
    assert desk.admin.every("/api/inbound-texts") == []


# --- messages of users ------------------------------------------------------------------------------------------------


def post_message(desk: Desk, lead: Mapping[str, Any], **more: Any) -> Answer:
    return desk.coordinator.post(f"/api/leads/{lead['id']}/messages", {"body": "See you then", **more})


def answer(desk: Desk, lead: Mapping[str, Any], **more: Any) -> Any:
    written = post_message(desk, lead, **more)
    assert written.status == 201, written.body
    return written.body


@pytest.mark.parametrize(
    "bad",
    [
        {"type": "text"},
        {"from": ["x"], "id": {}, "type": "text", "text": "x"},
        {"from": "12125550143", "id": "", "type": "text", "text": {"body": "Hi"}},
        "no object",
        None,
    ],
)
def test_unreadable_message_does_not_block_the_others(desk: Desk, meta: Meta, bad: object):
    """Meta repeats a whole call that was refused, so one bad message would hold the others for days."""
    good = {"from": PHONE.removeprefix("+"), "id": "wamid.good", "type": "text", "text": {"body": "Yes"}}
    assert meta.call({"messages": [bad, good], "contacts": [bad], "statuses": [bad]}) == 200
    assert [one["body"] for one in desk.admin.every("/api/inbound-texts")] == ["Yes"]


@pytest.mark.parametrize("text", ["a\x00b", "a\u2028b", "\u202e\u0000"])
def test_odd_characters_are_no_failure(desk: Desk, meta: Meta, twilio: Twilio, text: str):
    desk.capture(phone=PHONE)
    assert meta.text(text, wamid=f"wamid.{text}") == 200
    assert twilio.text(text, sid=f"SM{text}") == 200
    assert len(desk.admin.every("/api/inbound-texts")) == 2


@pytest.mark.parametrize("seconds", ["9" * 30, "99999999999", "-1", "x"])
def test_impossible_time_of_a_message_is_that_of_its_arrival(desk: Desk, meta: Meta, seconds: str):
    message = {"from": PHONE.removeprefix("+"), "id": "wamid.t", "timestamp": seconds, "type": "text"}
    assert meta.call({"messages": [{**message, "text": {"body": "Yes"}}]}) == 200
    [found] = desk.admin.every("/api/inbound-texts")
    assert found["received_at"] == now().isoformat().replace("+00:00", "Z")


def test_early_report_does_not_delay_an_answer_in_the_same_call(desk: Desk, meta: Meta, provider: TextProvider):
    lead = desk.capture(phone=PHONE)
    assert meta.text("Hi") == 200
    answer(desk, lead, channel="whatsapp")
    desk.sql(
        "UPDATE notifications SET state = 'sending', account_id = :id WHERE channel = 'whatsapp'", id=meta.account_id
    )
    report = {"id": "wamid.out", "biz_opaque_callback_data": note(desk, "whatsapp")["id"], "status": "delivered"}
    reply = {"from": PHONE.removeprefix("+"), "id": "wamid.2", "type": "text", "text": {"body": "Yes"}}
    assert meta.call({"statuses": [report]}) == 503
    both = {"entry": [_entry({"statuses": [report]}), _entry({"messages": [reply]})]}
    assert meta.post(both) == 503
    assert [one["body"] for one in desk.admin.every("/api/inbound-texts")] == ["Yes", "Hi"]


def _entry(value: Mapping[str, Any]) -> dict[str, Any]:
    content = {"metadata": {"phone_number_id": PHONE_NUMBER_ID}, **value}
    return {"changes": [{"field": "messages", "value": content}]}


def test_user_answers_on_the_channel_of_the_conversation(desk: Desk, twilio: Twilio, provider: TextProvider):
    lead = desk.capture(phone=OTHER, phone_alt=PHONE)
    assert twilio.text("Friday?") == 200
    [message] = desk.admin.every(f"/api/leads/{lead['id']}/messages")
    written = answer(desk, lead, channel="sms", in_reply_to=message["id"])
    assert (written["channel"], written["state"]) == ("sms", "pending")
    run(Kind.DELIVER)
    [call] = provider.calls
    assert (call["To"], call["Body"]) == (PHONE, "See you then")
    assert ("SMS", "sms", "OUTBOUND") in [
        (one["type"], one["channel"], one["direction"]) for one in desk.timeline(lead)
    ]
    after = desk.lead(lead)
    assert (after["failed_attempts"], after["contacted_at"] is not None) == (0, True)  # an answer is no attempt


def test_report_takes_back_the_count_of_a_message(desk: Desk, twilio: Twilio, provider: TextProvider):
    lead = desk.capture(phone=PHONE)
    answer(desk, lead, channel="sms")
    assert desk.lead(lead)["failed_attempts"] == 0
    run(Kind.DELIVER)
    assert desk.lead(lead)["failed_attempts"] == 1
    assert twilio.report(note(desk), "undelivered", code="30008") == 200
    assert desk.lead(lead)["failed_attempts"] == 0


def test_user_gets_a_reason_if_the_message_is_not_possible(desk: Desk, twilio: Twilio, meta: Meta):
    lead = desk.capture(phone=PHONE)
    refused = post_message(desk, lead, channel="whatsapp")
    assert (refused.status, refused.body["reason"]) == (409, "outside_session")
    assert meta.text("Hi") == 200
    [message] = desk.admin.every(f"/api/leads/{lead['id']}/messages")
    assert post_message(desk, lead, channel="sms", in_reply_to=message["id"]).pointers == ["/in_reply_to"]
    assert post_message(desk, lead, channel="sms", subject="Hi").pointers == ["/subject"]
    assert post_message(desk, lead, channel="sms", body="x" * 1601).pointers == ["/body"]
    assert post_message(desk, lead, channel="http").pointers == ["/channel"]


def test_user_names_the_account_of_a_message(desk: Desk, twilio: Twilio, provider: TextProvider):
    settings = {"account_sid": ACCOUNT_SID, "number": "+15005550009"}
    account = {"name": "front-desk", "kind": "twilio", "channels": ["sms"], "settings": settings}
    created(desk, "/api/sending-accounts", {**account, "credentials": {"auth_token": AUTH_TOKEN}})
    lead = desk.capture(phone=PHONE)
    written = answer(desk, lead, channel="sms", account="front-desk")
    assert written["account"] == "front-desk"
    run(Kind.DELIVER)
    assert [call["From"] for call in provider.calls] == ["+15005550009"]
    assert note(desk)["account_name"] == "front-desk"
    for wrong in ("unknown", "whatsapp"):
        assert post_message(desk, lead, channel="sms", account=wrong).pointers == ["/account"]


def test_template_names_the_account_unless_the_rule_does(desk: Desk, twilio: Twilio, provider: TextProvider):
    for name, number in (("second", "+15005550008"), ("third", "+15005550009")):
        settings = {"account_sid": ACCOUNT_SID, "number": number}
        account = {"name": name, "kind": "twilio", "channels": ["sms"], "settings": settings, "default_for": []}
        created(desk, "/api/sending-accounts", {**account, "credentials": {"auth_token": AUTH_TOKEN}})
    account_path = f"/api/sending-accounts/{twilio.account_id}"
    changed = desk.admin.patch(account_path, {"default_for": []}, seen="*")
    assert changed.status == 200, changed.body  # no default: only a name tells which account is used
    texts = [{"subject": "Hi", "body": "Hi"}, {"channel": "sms", "body": "Hi", "account": "second"}]
    created(desk, "/api/message-templates", {"slug": "named", "name": "Named", "variants": texts})
    for more in ({}, {"account": "third"}):
        message = {"send_message": {"channel": "sms", "template": "named", **more}}
        created(desk, "/api/follow-up-rules", {"name": f"rule{len(more)}", "on": "lead.created", "do": [message]})
    desk.capture(phone=PHONE)
    run()
    assert sorted(call["From"] for call in provider.calls) == ["+15005550008", "+15005550009"]


def test_template_with_an_unusable_account_is_refused(desk: Desk, twilio: Twilio):
    def pointers(**more: Any) -> list[str]:
        texts = [{"subject": "Hi", "body": "Hi"}, {"body": "Hi", **more}]
        return desk.admin.post("/api/message-templates", {"slug": "x", "name": "X", "variants": texts}).pointers

    assert pointers(channel="sms", account="unknown") == ["/variants/1/account"]
    assert pointers(channel="email", subject="Hi", account="texts") == ["/variants/1/account"]
    assert pointers(channel="in_app", subject="Hi", account="texts") == ["/variants/1/account"]


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
def test_user_sends_a_file_with_a_text(
    desk: Desk, twilio: Twilio, meta: Meta, provider: TextProvider, files: FileServer, channel: str
):
    lead = desk.capture(phone=PHONE)
    assert meta.text("Hi") == 200
    files.describe(200, Content_Type="image/jpeg", Content_Length="20000")
    written = answer(desk, lead, channel=channel, media={"type": "image", "url": files.url})
    assert [one["reference"] for one in written["media"]] == [files.url]
    run(Kind.DELIVER)
    [call] = provider.calls
    if channel == "sms":
        assert (call["Body"], call["MediaUrl"]) == ("See you then", files.url)
    else:
        assert call["image"] == {"link": files.url, "caption": "See you then"}


def test_document_by_whatsapp_has_its_file_name(desk: Desk, meta: Meta, provider: TextProvider, files: FileServer):
    lead = desk.capture(phone=PHONE)
    assert meta.text("Hi") == 200
    files.describe(200, Content_Type="application/pdf")
    answer(desk, lead, channel="whatsapp", media={"type": "document", "url": files.url})
    run(Kind.DELIVER)
    [call] = provider.calls
    assert call["document"] == {"link": files.url, "caption": "See you then", "filename": "smile"}


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (200, {"Content_Type": "text/html"}, "no image that the provider takes: text/html"),
        (200, {"Content_Type": "image/png", "Content_Length": "5000001"}, "larger than 5 MB"),
        (404, {}, "its server answers 404"),
        (302, {"Location": "http://127.0.0.1/"}, "its server answers 302"),
    ],
)
def test_file_that_cannot_be_sent_fails_the_message(
    desk: Desk,
    twilio: Twilio,
    provider: TextProvider,
    files: FileServer,
    status: int,
    headers: dict[str, str],
    error: str,
):
    files.describe(status, **headers)
    answer(desk, desk.capture(phone=PHONE), channel="sms", media={"type": "image", "url": files.url})
    run(Kind.DELIVER)
    assert provider.calls == []
    [state_, words] = state(desk)
    assert state_ == "failed"
    assert error in words


def test_file_is_fetched_again_while_its_server_is_away(
    desk: Desk, twilio: Twilio, provider: TextProvider, files: FileServer, watch: Watch
):
    files.describe(503)
    answer(desk, desk.capture(phone=PHONE), channel="sms", media={"type": "image", "url": files.url})
    run(Kind.DELIVER)
    assert (provider.calls, state(desk)[0]) == ([], "pending")
    files.describe(405)  # a server that knows no HEAD: the provider checks the file
    watch.advance(minutes=5)
    run(Kind.DELIVER)
    assert [call["MediaUrl"] for call in provider.calls] == [files.url]


def test_rule_and_template_send_files(desk: Desk, twilio: Twilio, provider: TextProvider, files: FileServer):
    files.describe(200, Content_Type="image/png; charset=binary")
    texts = [
        {"subject": "Hi", "body": "Hi"},
        {"channel": "sms", "body": "Look", "media": {"type": "image", "url": files.url}},
    ]
    created(desk, "/api/message-templates", {"slug": "look", "name": "Look", "variants": texts})
    message = {"send_message": {"channel": "sms", "template": "look"}}
    created(desk, "/api/follow-up-rules", {"name": "look", "on": "lead.created", "do": [message]})
    desk.capture(phone=PHONE)
    run()
    assert [call["MediaUrl"] for call in provider.calls] == [files.url]
    document = {**texts[1], "media": {"type": "document", "url": files.url}}
    refused = desk.admin.post("/api/message-templates", {"slug": "y", "name": "Y", "variants": [texts[0], document]})
    assert refused.pointers == ["/variants/1/media"]


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"channel": "sms", "media": {"type": "document", "url": "https://a.example/x.pdf"}}, "/media/type"),
        (
            {"channel": "email", "subject": "Hi", "media": {"type": "image", "url": "https://a.example/x"}},
            "/media/type",
        ),
        ({"channel": "sms", "media": {"type": "image", "url": "https://127.0.0.1/x"}}, "/media/url"),
        ({"channel": "sms", "media": {"type": "image", "url": "http://a.example/x"}}, "/media/url"),
        (
            {"channel": "whatsapp", "body": "x" * 1025, "media": {"type": "image", "url": "https://a.example/x"}},
            "/body",
        ),
    ],
)
def test_unusable_file_is_refused_at_once(desk: Desk, twilio: Twilio, meta: Meta, given: dict[str, Any], pointer: str):
    assert post_message(desk, desk.capture(phone=PHONE), **given).pointers == [pointer]


def test_erasure_and_export_include_text_messages(desk: Desk, twilio: Twilio):
    lead = sent_text(desk)
    assert twilio.text("Secret words") == 200
    export = desk.admin.post(f"/api/leads/{lead['id']}/export")
    assert "Secret words" in json.dumps(export.body)
    assert desk.admin.post(f"/api/leads/{lead['id']}/erase", {"reason": "asked"}).status == 200
    [row] = desk.sql("SELECT sealed FROM inbound_texts")
    assert row.sealed is None
