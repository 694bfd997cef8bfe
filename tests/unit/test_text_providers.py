"""Twilio and the WhatsApp Cloud API: requests, answers, signatures, and the calls that they make."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict

from app.messaging.channels.base import (
    OutgoingMessage,
    Permanent,
    Receipt,
    Sent,
    Transient,
    Unknown,
)
from app.messaging.channels.text_providers import twilio, whatsapp_cloud
from app.messaging.channels.text_providers.answers import code_of
from app.messaging.channels.text_providers.twilio import TwilioAccount
from app.messaging.channels.text_providers.whatsapp_cloud import WhatsAppAccount
from app.messaging.inbound.texts import twilio_webhook, whatsapp_webhook
from app.messaging.inbound.texts.items import (
    Media,
    ReceivedText,
    ReportedStatus,
    StatusReport,
    TextCall,
    UnreadableCall,
    UntrustedCall,
)
from app.messaging.inbound.texts.match import spellings
from app.messaging.rendering.variants import ProviderTemplate
from tests.support.text_provider import ACCESS_TOKEN, ACCOUNT_SID, AUTH_TOKEN, PHONE_NUMBER_ID, TextProvider

NOTE = UUID("0199c3a2-7f00-7000-8000-000000000001")
PHONE = "+12125550143"
STATUS_URL = f"https://leads.example.com/api/channels/twilio/1/events?message={NOTE}"
MESSAGE = OutgoingMessage(PHONE, "", "Hello Mia", message_id=str(NOTE))
TEMPLATE = ProviderTemplate("hello_again", "en_US", ("Mia", "Smile\nOrtho"))
Send = Callable[[OutgoingMessage], Receipt]


@pytest.fixture(scope="module")
def server() -> Iterator[TextProvider]:
    with TextProvider() as server:
        yield server


@pytest.fixture
def provider(server: TextProvider, configure: Callable[..., None]) -> TextProvider:
    configure(outgoing_allow=server.place, outgoing_timeout=10)
    return server.reset()


@pytest.fixture
def twilio_account(provider: TextProvider) -> TwilioAccount:
    return TwilioAccount(ACCOUNT_SID, AUTH_TOKEN, "+15005550006", provider.url)


@pytest.fixture
def whatsapp_account(provider: TextProvider) -> WhatsAppAccount:
    return WhatsAppAccount(PHONE_NUMBER_ID, ACCESS_TOKEN, provider.url)


@pytest.fixture(params=["twilio", "whatsapp"])
def send(request: pytest.FixtureRequest, twilio_account: TwilioAccount, whatsapp_account: WhatsAppAccount) -> Send:
    if request.param == "twilio":
        return partial(twilio.send, twilio_account, status_url=STATUS_URL)
    return partial(whatsapp_cloud.send, whatsapp_account)


def test_twilio_request_has_the_documented_form(provider: TextProvider, twilio_account: TwilioAccount):
    receipt = twilio.send(twilio_account, MESSAGE, status_url=STATUS_URL)
    assert isinstance(receipt, Sent)
    assert receipt.response.startswith("accepted as SM")
    text = {"Body": "Hello Mia", "StatusCallback": f"{STATUS_URL}#rc=5&rp=5xx,ct,rt"}
    assert provider.calls == [{"To": PHONE, "From": "+15005550006", **text}]

    by_service = replace(twilio_account, sender="MG00000000000000000000000000000001")
    twilio.send(by_service, MESSAGE, status_url=STATUS_URL)
    assert provider.calls[1] == {"To": PHONE, "MessagingServiceSid": by_service.sender, **text}


def test_twilio_sends_whatsapp_messages_and_approved_templates(provider: TextProvider, twilio_account: TwilioAccount):
    message = replace(MESSAGE, provider_template=TEMPLATE._replace(name="HX1", parameters=("Mia", "Smile")))
    twilio.send(twilio_account, message, status_url=STATUS_URL, by_whatsapp=True)
    assert provider.calls == [
        {
            "To": f"whatsapp:{PHONE}",
            "From": "whatsapp:+15005550006",
            "ContentSid": "HX1",
            "ContentVariables": '{"1":"Mia","2":"Smile"}',
            "StatusCallback": f"{STATUS_URL}#rc=5&rp=5xx,ct,rt",
        }
    ]


def test_whatsapp_request_has_the_documented_form(provider: TextProvider, whatsapp_account: WhatsAppAccount):
    receipt = whatsapp_cloud.send(whatsapp_account, MESSAGE)
    assert isinstance(receipt, Sent)
    assert receipt.response.startswith("accepted as wamid.")
    whatsapp_cloud.send(whatsapp_account, replace(MESSAGE, provider_template=TEMPLATE))
    recipient = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": "12125550143"}
    common = {**recipient, "biz_opaque_callback_data": str(NOTE)}
    values = [{"type": "text", "text": "Mia"}, {"type": "text", "text": "Smile Ortho"}]
    template = {"name": "hello_again", "language": {"code": "en_US"}}
    assert provider.calls == [
        {**common, "type": "text", "text": {"body": "Hello Mia", "preview_url": False}},
        {
            **common,
            "type": "template",
            "template": {**template, "components": [{"type": "body", "parameters": values}]},
        },
    ]


@pytest.mark.parametrize("code", [21211, 21610, 131026, 131047, 132001])
def test_refusal_is_permanent_with_the_words_of_the_provider(provider: TextProvider, send: Send, code: int):
    provider.refuse(code, f"The number {PHONE} is refused.")
    receipt = send(MESSAGE)
    assert receipt == Permanent(f"error {code}: The number … is refused.")
    assert code_of(receipt.response) == code


def test_busy_provider_is_asked_again_after_its_wait(provider: TextProvider, send: Send):
    provider.busy(429, "30")
    assert send(MESSAGE) == Transient("error 20429: Too many requests", wait=timedelta(seconds=30))
    provider.busy(500)
    assert send(MESSAGE) == Transient("error 20429: Too many requests")
    provider.busy(503)
    receipt = send(MESSAGE)
    assert isinstance(receipt, Transient)
    assert receipt.is_outage


def test_rate_limit_of_whatsapp_in_a_400_is_transient(provider: TextProvider, whatsapp_account: WhatsAppAccount):
    provider.refuse(131056, "Too many messages to this number")
    receipt = whatsapp_cloud.send(whatsapp_account, MESSAGE)
    assert receipt == Transient("error 131056: Too many messages to this number")


@pytest.mark.parametrize("status", [302, 307, 404])
def test_answer_of_another_server_is_an_outage_and_no_refusal(provider: TextProvider, send: Send, status: int):
    """Else a proxy that redirects, or a deleted account, would fail every message for good."""
    provider.refuse(20404, "The resource was not found", status=status)
    receipt = send(MESSAGE)
    assert isinstance(receipt, Transient)
    assert receipt.is_outage


def test_refused_login_is_an_outage(twilio_account: TwilioAccount, whatsapp_account: WhatsAppAccount):
    by_twilio = twilio.send(replace(twilio_account, auth_token="x"), MESSAGE, status_url=STATUS_URL)
    by_whatsapp = whatsapp_cloud.send(replace(whatsapp_account, access_token="x"), MESSAGE)
    assert (by_twilio, by_whatsapp) == (
        Transient("error 20003: Authenticate"),
        Transient("error 190: Invalid OAuth access token"),
    )
    assert [one.is_outage for one in (by_twilio, by_whatsapp) if isinstance(one, Transient)] == [True, True]


def test_no_answer_after_the_body_was_sent_is_unknown(
    provider: TextProvider, send: Send, configure: Callable[..., None]
):
    configure(outgoing_timeout=0.2)
    provider.hang()
    receipt = send(MESSAGE)
    provider.hang_up()
    assert isinstance(receipt, Unknown)
    assert len(provider.calls) == 1


def test_unreachable_provider_is_an_outage(configure: Callable[..., None]):
    configure(outgoing_allow="127.0.0.1:9", outgoing_timeout=1)
    account = TwilioAccount(ACCOUNT_SID, AUTH_TOKEN, "+15005550006", "http://127.0.0.1:9")
    receipt = twilio.send(account, MESSAGE, status_url=STATUS_URL)
    assert isinstance(receipt, Transient)
    assert receipt.is_outage


def test_secrets_are_not_in_the_representation(twilio_account: TwilioAccount, whatsapp_account: WhatsAppAccount):
    assert AUTH_TOKEN not in repr(twilio_account)
    assert ACCESS_TOKEN not in repr(whatsapp_account)


# --- calls of Twilio --------------------------------------------------------------------------------------------------

EVENTS_URL = "https://leads.example.com/api/channels/twilio/1/events"
INBOUND = {
    "MessageSid": "SM1",
    "SmsStatus": "received",
    "From": PHONE,
    "To": "+15005550006",
    "Body": "Yes & no, peut-être ✓",
    "NumMedia": "0",
    "FromCity": "",
}


def by_twilio(form: dict[str, Any], url: str = EVENTS_URL, *, token: str = AUTH_TOKEN) -> TextCall:
    """Return a call with the signature that Twilio's own library computes."""
    signature = RequestValidator(token).compute_signature(url, MultiDict(form))
    return TextCall(url, {"x-twilio-signature": signature}, urlencode(form, doseq=True).encode())


@pytest.mark.parametrize(
    "form",
    [
        INBOUND,
        {"MessageSid": "SM1", "MessageStatus": "delivered"},
        {**INBOUND, "Body": ""},
        {**INBOUND, "Twice": ["b", "a", "a"]},
    ],
)
@pytest.mark.parametrize("url", [EVENTS_URL, STATUS_URL, "https://leads.example.com:8443/events?a=b%20c&d="])
def test_signature_of_the_library_of_twilio_is_accepted(form: dict[str, Any], url: str):
    twilio_webhook.verify(by_twilio(form, url), AUTH_TOKEN)


def test_url_is_signed_with_or_without_its_port_and_overrides():
    call = by_twilio(INBOUND)
    twilio_webhook.verify(replace(call, url=EVENTS_URL.replace("example.com", "example.com:443")), AUTH_TOKEN)
    with_port = by_twilio(INBOUND, EVENTS_URL.replace("example.com", "example.com:443"))
    twilio_webhook.verify(replace(with_port, url=EVENTS_URL), AUTH_TOKEN)
    with_overrides = by_twilio(INBOUND, f"{STATUS_URL}#rc=5&rp=5xx,ct,rt")
    twilio_webhook.verify(replace(with_overrides, url=STATUS_URL), AUTH_TOKEN)


@pytest.mark.parametrize(
    "call",
    [
        by_twilio(INBOUND, token="another"),
        replace(by_twilio(INBOUND), url=f"{EVENTS_URL}?message={NOTE}"),
        replace(by_twilio(INBOUND), body=urlencode({**INBOUND, "Body": "STOP"}).encode()),
        replace(by_twilio(INBOUND), headers={}),
        replace(by_twilio(INBOUND), headers={"x-twilio-signature": "ÿ"}),
    ],
)
def test_other_signature_of_twilio_is_refused(call: TextCall):
    with pytest.raises(UntrustedCall):
        twilio_webhook.verify(call, AUTH_TOKEN)


def test_empty_secret_accepts_no_signature():
    with pytest.raises(UntrustedCall):
        twilio_webhook.verify(by_twilio(INBOUND, token=""), "")
    with pytest.raises(UntrustedCall):
        whatsapp_webhook.verify(by_meta({}, secret=""), "")


def test_text_messages_of_twilio_are_read():
    assert list(twilio_webhook.read(by_twilio(INBOUND))) == [ReceivedText("SM1", "sms", PHONE, INBOUND["Body"])]
    media = {"NumMedia": "1", "MediaUrl0": "https://api.twilio.com/M/1", "MediaContentType0": "image/jpeg"}
    form = {**INBOUND, "From": f"whatsapp:{PHONE}", "ProfileName": "Mia\nKeller", **media}
    [message] = twilio_webhook.read(by_twilio(form))
    picture = Media("image/jpeg", "https://api.twilio.com/M/1")
    assert message == ReceivedText("SM1", "whatsapp", PHONE, INBOUND["Body"], "Mia Keller", (picture,))


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({"MessageStatus": "sent"}, ReportedStatus.ACCEPTED, None),
        ({"MessageStatus": "delivered"}, ReportedStatus.DELIVERED, None),
        ({"MessageStatus": "read"}, ReportedStatus.READ, None),
        ({"MessageStatus": "undelivered", "ErrorCode": "30005"}, ReportedStatus.FAILED, 30005),
        ({"MessageStatus": "failed", "ErrorCode": "30008"}, ReportedStatus.FAILED, 30008),
    ],
)
def test_reports_of_twilio_are_read(form: dict[str, str], status: ReportedStatus, code: int | None):
    [report] = twilio_webhook.read(by_twilio({"MessageSid": "SM1", **form}, STATUS_URL))
    assert report == StatusReport("SM1", NOTE, status, code, form["MessageStatus"])


@pytest.mark.parametrize(
    ("number", "others"),
    [
        (PHONE, []),
        ("+525512345678", ["+5215512345678"]),
        ("+5215512345678", ["+525512345678"]),
        ("+551187654321", ["+5511987654321"]),
        ("+5511987654321", ["+551187654321"]),
        ("+5491123456789", ["+541123456789"]),
    ],
)
def test_numbers_with_two_forms_match_in_both(number: str, others: list[str]):
    assert spellings(number) == [number, *others]


def test_intermediate_reports_are_left_out():
    for status in ("queued", "accepted", "scheduled", "sending"):
        assert list(twilio_webhook.read(by_twilio({"MessageSid": "SM1", "MessageStatus": status}))) == []


def test_unreadable_call_of_twilio_is_refused():
    for form in ({"Body": "x"}, {"MessageSid": "SM1"}):
        with pytest.raises(UnreadableCall):
            list(twilio_webhook.read(by_twilio(form)))


# --- calls of Meta ----------------------------------------------------------------------------------------------------

APP_SECRET = "nine yellow lamps"


def by_meta(payload: Any, *, secret: str = APP_SECRET) -> TextCall:
    body = json.dumps(payload).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return TextCall(EVENTS_URL, {"x-hub-signature-256": f"sha256={signature}"}, body)


def notification(phone_number_id: str = PHONE_NUMBER_ID, **value: Any) -> dict[str, Any]:
    """Return a call's payload as in the documentation of Meta."""
    metadata = {"display_phone_number": "15550783881", "phone_number_id": phone_number_id}
    content = {"messaging_product": "whatsapp", "metadata": metadata, **value}
    changes = [{"value": content, "field": "messages"}]
    return {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}


def from_mia(**message: Any) -> dict[str, Any]:
    contacts = [{"profile": {"name": "Mia Keller"}, "wa_id": "12125550143"}]
    common = {"from": "12125550143", "id": "wamid.1", "timestamp": "1773154800"}
    return notification(contacts=contacts, messages=[{**common, **message}])


def test_signature_of_meta_is_checked():
    call = by_meta(from_mia(type="text", text={"body": "Hi"}))
    whatsapp_webhook.verify(call, APP_SECRET)
    for wrong in (replace(call, body=call.body + b" "), replace(call, headers={}), by_meta({}, secret="another")):
        with pytest.raises(UntrustedCall):
            whatsapp_webhook.verify(wrong, APP_SECRET)


def test_handshake_returns_the_challenge_for_the_right_token():
    query = {"hub.mode": "subscribe", "hub.verify_token": "token", "hub.challenge": "1158201444"}
    assert whatsapp_webhook.answer_handshake(query, "token") == "1158201444"
    for wrong, token in ((query, "another"), ({**query, "hub.mode": "x"}, "token"), (query, "")):
        with pytest.raises(UntrustedCall):
            whatsapp_webhook.answer_handshake(wrong, token)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"type": "text", "text": {"body": "Yes"}}, "Yes"),
        ({"type": "button", "button": {"text": "Call me", "payload": "x"}}, "Call me"),
        (
            {"type": "interactive", "interactive": {"type": "list_reply", "list_reply": {"title": "Friday"}}},
            "Friday",
        ),
        ({"type": "reaction", "reaction": {"message_id": "wamid.0", "emoji": "👍"}}, "👍"),
        ({"type": "unsupported", "errors": [{"code": 131051}]}, ""),
    ],
)
def test_text_messages_of_whatsapp_are_read(message: dict[str, Any], text: str):
    [item] = whatsapp_webhook.read(by_meta(from_mia(**message)), PHONE_NUMBER_ID)
    assert isinstance(item, ReceivedText)
    assert (item.provider_id, item.channel, item.sender, item.text, item.sender_name, item.media) == (
        *("wamid.1", "whatsapp", PHONE, text, "Mia Keller"),
        (),
    )
    assert item.sent_at is not None
    assert item.sent_at.isoformat() == "2026-03-10T15:00:00+00:00"


def test_media_of_whatsapp_are_references():
    document = {"id": "M1", "mime_type": "application/pdf", "filename": "plan.pdf", "caption": "My plan"}
    [item] = whatsapp_webhook.read(by_meta(from_mia(type="document", document=document)), PHONE_NUMBER_ID)
    assert isinstance(item, ReceivedText)
    assert (item.text, item.media) == ("My plan", (Media("application/pdf", "M1", None, "plan.pdf"),))


def test_reports_of_whatsapp_are_read():
    common = {"id": "wamid.9", "timestamp": "1773154800", "recipient_id": "12125550143"}
    ours = {**common, "biz_opaque_callback_data": str(NOTE)}
    errors = [{"code": 131026, "title": "Message undeliverable", "error_data": {"details": "Not on WhatsApp"}}]
    statuses = [
        {**common, "status": "sent"},
        {**ours, "status": "delivered"},
        {**ours, "status": "read"},
        {**ours, "status": "failed", "errors": errors},
        {**ours, "status": "deleted"},
    ]
    found = [*whatsapp_webhook.read(by_meta(notification(statuses=statuses)), PHONE_NUMBER_ID)]
    assert [(one.status, one.message_id, one.code) for one in found if isinstance(one, StatusReport)] == [
        (ReportedStatus.ACCEPTED, None, None),
        (ReportedStatus.DELIVERED, NOTE, None),
        (ReportedStatus.READ, NOTE, None),
        (ReportedStatus.FAILED, NOTE, 131026),
    ]


def test_messages_to_other_numbers_of_the_app_are_left_out():
    call = by_meta(notification("another", messages=[{"from": "1", "id": "x", "type": "text"}]))
    assert list(whatsapp_webhook.read(call, PHONE_NUMBER_ID)) == []
