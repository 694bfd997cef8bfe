"""Webhooks of mail providers: their forms of mail, bounces and complaints, signed as the providers do."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from app.clock import now
from app.core.db import transaction
from app.messaging.inbound.addresses import return_addresses
from app.messaging.inbound.providers import ses
from app.messaging.models import Notification
from tests.support.desk import Desk
from tests.support.inbound import ADDRESS, mail

LEAD = "mia@lead.example"
SECRET = "seven green umbrellas"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:mail"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-x.pem"


@dataclass
class Sent:
    """A message that was sent to a lead."""

    lead_id: str
    note: Notification

    @property
    def reply_to(self) -> str:
        return str(return_addresses(ADDRESS, self.note.id, for_bounces=True).reply_to)


@pytest.fixture
def sent(desk: Desk) -> Sent:
    lead = desk.capture(email=LEAD)
    with transaction() as session:
        note = Notification(
            id=uuid4(), clinic_id=desk.clinic_id, lead_id=lead["id"], channel="email", template="hello", subject="x",
            body="x", state="sent", created_at=now(), sent_at=now(), attempts=1,
        )  # fmt: skip
        note.address, note.message_id = LEAD, f"<{note.id}@clinic.example>"
        session.add(note)
    return Sent(lead["id"], note)


@dataclass
class Provider:
    """A webhook of a provider, and how the provider calls it."""

    desk: Desk
    name: str
    settings: dict[str, Any]
    sign: Callable[[dict[str, Any]], dict[str, Any]] = field(default=lambda call: call)

    def __post_init__(self) -> None:
        given = {"name": self.name, "provider": self.name, **self.settings}
        made = self.desk.admin.post("/api/inbound-hooks", given)
        assert made.status == 201, made.body
        self.path = f"/api/inbound/{self.name}/{made.body['id']}"

    def call(self, **call: Any) -> Any:
        return self.desk.client().post(self.path, **self.sign(call))

    def take(self, **call: Any) -> tuple[int, int]:
        answer = self.call(**call)
        assert answer.status_code == 200, answer.data
        return answer.json["taken"], answer.json["repeated"]


def by_password(call: dict[str, Any]) -> dict[str, Any]:
    return {**call, "auth": ("relance", SECRET)}


def rows(desk: Desk) -> list[tuple[str, str, str | None]]:
    found = desk.sql("SELECT * FROM inbound_emails WHERE clinic_id = :c ORDER BY id", c=desk.clinic_id)
    return [(row.classification, row.via, row.lead_id and str(row.lead_id)) for row in found]


def signed_by_mailgun(values: dict[str, str], *, age: int = 0, token: str | None = None) -> dict[str, str]:
    given = {"timestamp": str(int(now().timestamp()) - age), "token": token or uuid4().hex}
    signature = hmac.new(SECRET.encode(), "".join(given.values()).encode(), hashlib.sha256).hexdigest()
    return {**values, **given, "signature": signature}


# --- mail -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def postmark(desk: Desk) -> Provider:
    return Provider(desk, "postmark", {"secret": SECRET}, by_password)


@pytest.fixture
def sendgrid(desk: Desk) -> Provider:
    return Provider(desk, "sendgrid", {"secret": SECRET}, by_password)


@pytest.fixture
def mailgun(desk: Desk) -> Provider:
    return Provider(desk, "mailgun", {"secret": SECRET})


def test_postmark_passes_on_a_reply(desk: Desk, sent: Sent, postmark: Provider):
    raw = mail(to=sent.reply_to, message_id="<one@lead.example>").decode()
    assert postmark.take(json={"RawEmail": raw, "OriginalRecipient": sent.reply_to}) == (1, 0)
    parsed = {
        "From": LEAD, "Subject": "Re: Hello", "TextBody": "Friday", "HtmlBody": "<p>Friday</p>",
        "OriginalRecipient": sent.reply_to, "MessageID": "22c74902-a0c1-4511-804f-341342852c90",
        "Headers": [{"Name": "Message-ID", "Value": "<two@lead.example>"}],
        "Attachments": [{"Name": "a.txt", "ContentType": "text/plain", "Content": base64.b64encode(b"x").decode()}],
    }  # fmt: skip
    assert [postmark.take(json=parsed) for _ in range(3)] == [(1, 0), (0, 1), (0, 1)]
    assert rows(desk) == [("reply", "postmark", sent.lead_id)] * 2
    [shown] = desk.admin.get("/api/inbound-emails", limit=1).body["items"]
    detail = desk.admin.get(f"/api/inbound-emails/{shown['id']}").body
    assert (detail["body"], detail["message_id"], detail["attachments"][0]["name"]) == (
        "Friday", "<two@lead.example>", "a.txt",
    )  # fmt: skip


def test_sendgrid_passes_on_a_reply(desk: Desk, sent: Sent, sendgrid: Provider):
    envelope = json.dumps({"to": [sent.reply_to], "from": LEAD})
    raw = mail(message_id="<one@lead.example>").decode()
    assert sendgrid.take(data={"email": raw, "envelope": envelope}) == (1, 0)
    parsed = {"headers": f"From: {LEAD}\nMessage-ID: <two@lead.example>", "text": "Friday", "envelope": envelope}
    attached = {"attachment1": (BytesIO(b"x"), "a.txt")}
    assert sendgrid.take(data={**parsed, **attached}) == (1, 0)
    assert rows(desk) == [("reply", "sendgrid", sent.lead_id)] * 2


def test_mailgun_passes_on_a_reply(desk: Desk, sent: Sent, mailgun: Provider):
    raw = mail(message_id="<one@lead.example>").decode()
    told = {"recipient": sent.reply_to, "sender": LEAD}
    assert mailgun.take(data=signed_by_mailgun({"body-mime": raw, **told})) == (1, 0)
    headers = json.dumps([["From", LEAD], ["Message-Id", "<two@lead.example>"]])
    parsed = {"message-headers": headers, "body-plain": "Friday", **told}
    assert mailgun.take(data=signed_by_mailgun(parsed)) == (1, 0)
    assert mailgun.take(data=signed_by_mailgun(parsed)) == (0, 1)
    assert rows(desk) == [("reply", "mailgun", sent.lead_id)] * 2


@dataclass
class Sns:
    """SNS, with a key and a certificate of its own."""

    key: rsa.RSAPrivateKey

    def message(self, content: Any, *, version: str = "2", **more: str) -> bytes:
        given = {
            "Type": "Notification", "MessageId": str(uuid4()), "TopicArn": TOPIC, "Timestamp": "2026-03-10T15:00:00Z",
            "Message": content if isinstance(content, str) else json.dumps(content), **more,
        }  # fmt: skip
        text = "".join(f"{name}\n{given[name]}\n" for name in sorted(given) if name != "SigningCertURL")
        digest = hashes.SHA256() if version == "2" else hashes.SHA1()
        signature = self.key.sign(text.encode(), padding.PKCS1v15(), digest)
        signed = {"Signature": base64.b64encode(signature).decode(), "SignatureVersion": version}
        return json.dumps({"SigningCertURL": CERTIFICATE_URL, **given, **signed}).encode()


@pytest.fixture(scope="session")
def sns_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def sns(sns_key: rsa.RSAPrivateKey) -> Iterator[Sns]:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = x509.CertificateBuilder(name, name, sns_key.public_key(), x509.random_serial_number())
    valid = made.not_valid_before(now()).not_valid_after(now() + timedelta(days=1))
    signed = valid.sign(sns_key, hashes.SHA256())
    ses.certificates[CERTIFICATE_URL] = signed
    yield Sns(sns_key)
    ses.certificates.clear()


@pytest.fixture
def amazon(desk: Desk, sns: Sns) -> Provider:
    return Provider(desk, "ses", {"topic": TOPIC})


def received(raw: bytes, to: str) -> dict[str, Any]:
    receipt = {"recipients": [to], "action": {"type": "SNS", "encoding": "BASE64"}}
    content = base64.b64encode(raw).decode()
    return {"notificationType": "Received", "mail": {"source": LEAD}, "receipt": receipt, "content": content}


@pytest.mark.parametrize("version", ["1", "2"])
def test_ses_passes_on_a_reply(desk: Desk, sent: Sent, sns: Sns, amazon: Provider, version: str):
    content = received(mail(), sent.reply_to)
    body = sns.message(content, version=version)
    assert [amazon.take(data=body, content_type="text/plain") for _ in range(2)] == [(1, 0), (0, 1)]
    assert rows(desk) == [("reply", "ses", sent.lead_id)]


# --- authentication of the sender -------------------------------------------------------------------------------------


def results(desk: Desk) -> list[Any]:
    found = desk.admin.every("/api/inbound-emails")
    return [one["authentication"] and tuple(one["authentication"][name] for name in CHECKS) for one in found]


CHECKS = ("server", "dmarc", "spf", "dkim")
CLAIM = b"Authentication-Results: amazonses.com; dmarc=pass; spf=pass; dkim=pass\r\n"


def test_ses_says_that_an_answer_is_forged(desk: Desk, sent: Sent, sns: Sns):
    """The verdicts stand in the signed call; a header of the mail, which the sender wrote, does not change them."""
    forged = {"on_failed_authentication": "review", "authentication_server": "amazonses.com"}
    amazon = Provider(desk, "ses", {"topic": TOPIC, **forged})
    content = received(CLAIM + mail(), sent.reply_to)
    verdicts = {"spf": "PASS", "dkim": "PROCESSING_FAILED", "dmarc": "FAIL"}
    content["receipt"] |= {f"{name}Verdict": {"status": status} for name, status in verdicts.items()}
    assert amazon.take(data=sns.message(content)) == (1, 0)
    assert rows(desk) == [("unmatched", "ses", None)]
    assert results(desk) == [("ses", "fail", "pass", "temperror")]


def test_only_results_of_the_providers_count(desk: Desk, sent: Sent, postmark: Provider, sendgrid: Provider):
    """A header that the sender wrote counts for nothing, whichever server it names."""
    raw, to = (CLAIM + mail(message_id="<one@lead.example>")).decode(), {"OriginalRecipient": sent.reply_to}
    spf = {"Name": "Received-SPF", "Value": "Fail (no) identity=mailfrom; receiver=x+y@inbound.postmarkapp.com"}
    own = {"Name": "Received-SPF", "Value": "Pass (yes) receiver=mx.lead.example"}
    assert postmark.take(json={"RawEmail": raw, "Headers": [own, spf], **to}) == (1, 0)
    raw = raw.replace("<one@", "<two@")
    assert postmark.take(json={"RawEmail": raw, "Headers": [spf, own], **to}) == (1, 0)
    form = {"email": raw.replace("<two@", "<three@"), "envelope": json.dumps({"to": [sent.reply_to], "from": LEAD})}
    assert sendgrid.take(data={**form, "SPF": "softfail", "dkim": "{@a.example : fail}{@b.example : pass}"}) == (1, 0)
    found = [None, ("postmark", "none", "fail", "none"), ("sendgrid", "none", "softfail", "pass")]
    assert sorted(results(desk), key=str) == sorted(found, key=str)
    assert {kind for kind, *_ in rows(desk)} == {"reply"}


@pytest.mark.parametrize(("headers", "shown"), [(1, ("mailgun", "none", "fail", "pass")), (2, None)])
def test_mailguns_results_count_unless_the_sender_wrote_some(
    desk: Desk, sent: Sent, mailgun: Provider, headers: int, shown: Any
):
    fields = {"X-Mailgun-Spf": "Fail", "X-Mailgun-Dkim-Check-Result": "Pass"}
    listed = json.dumps([["From", LEAD], *(list(pair) for pair in fields.items() for _ in range(headers))])
    told = {"recipient": sent.reply_to, "sender": LEAD, "message-headers": listed, "body-plain": "Friday"}
    assert mailgun.take(data=signed_by_mailgun({**told, **fields})) == (1, 0)
    assert results(desk) == [shown]


def test_a_forwarding_server_of_the_clinic_can_be_named(desk: Desk, sent: Sent):
    forwarded = {"authentication_server": "mx.clinic.example", "on_failed_authentication": "review"}
    postmark = Provider(desk, "postmark", {"secret": SECRET, **forwarded}, by_password)
    header = b"Authentication-Results: mx.clinic.example; dmarc=fail; spf=pass\r\n"
    raw = (header + CLAIM.replace(b"amazonses.com", b"mx.clinic.example") + mail()).decode()
    assert postmark.take(json={"RawEmail": raw, "OriginalRecipient": sent.reply_to}) == (1, 0)
    assert (rows(desk)[0][0], results(desk)) == ("unmatched", [("mx.clinic.example", "fail", "pass", "none")])


# --- trust ------------------------------------------------------------------------------------------------------------


def test_ses_refuses_other_topics_signatures_and_certificates(desk: Desk, sns: Sns, amazon: Provider):
    content = received(mail(), ADDRESS)
    other = Sns(rsa.generate_private_key(65537, 2048))
    bodies = [
        sns.message(content, TopicArn="arn:aws:sns:eu-west-1:999999999999:mail"),
        other.message(content),
        sns.message(content, SigningCertURL="https://sns.eu-west-1.amazonaws.com.evil.example/x.pem"),
        sns.message(content, SigningCertURL="http://sns.eu-west-1.amazonaws.com/x.pem"),
        sns.message(content, Type="Other"),
        sns.message(content).replace(b"SignatureVersion", b"Version"),
        b"no json",
        b"[]",
    ]
    for body in bodies:
        assert amazon.call(data=body).status_code == 401, body
    assert rows(desk) == []


def test_wrong_credentials_get_the_answer_of_an_unknown_webhook(
    desk: Desk, postmark: Provider, sendgrid: Provider, mailgun: Provider
):
    client = desk.client()
    for provider in (postmark, sendgrid, mailgun):
        unknown = client.post(f"/api/inbound/{provider.name}/{uuid4()}", json={})
        wrong = [
            client.post(provider.path, json={}),
            client.post(provider.path, json=[]),
            client.post(provider.path, json={"signature": []}),
            client.post(provider.path, data="no json"),
            client.post(provider.path, json={}, auth=("relance", "wrong")),
            client.post(provider.path, data={"timestamp": "1", "token": "x", "signature": "é"}),
            client.post(provider.path.replace(provider.name, "ses"), json={}, auth=("relance", SECRET)),
        ]
        assert [answer.status_code for answer in (unknown, *wrong)] == [401] * 8
        assert {answer.json["title"] for answer in wrong} == {unknown.json["title"]}
    desk.sql("UPDATE inbound_hooks SET is_active = false")
    assert postmark.call(json={"RawEmail": "x"}).status_code == 401
    assert rows(desk) == []


def test_secret_header_is_accepted(desk: Desk):
    provider = Provider(desk, "postmark", {"secret": SECRET})
    assert provider.take(json={"RawEmail": mail().decode()}, headers={"X-Relance-Secret": SECRET}) == (1, 0)
    [shown] = desk.admin.every("/api/inbound-hooks")
    assert shown["last_called_at"]


@pytest.mark.parametrize(
    "body", [[1], {"RecordType": "Bounce", "Metadata": 1, "Headers": 1}, {"Headers": 1}, {"Attachments": [1]}]
)
def test_body_in_another_form_is_malformed(desk: Desk, postmark: Provider, body: Any):
    assert postmark.call(json=body).status_code in {200, 400}
    assert postmark.call(data=b"{").status_code == 400


def test_mail_over_the_usual_limit_is_accepted(desk: Desk, sent: Sent, sendgrid: Provider):
    raw = mail("Yes.\n" + "x" * 70 + "\n" + "y" * 3_000_000).decode()
    envelope = json.dumps({"to": [sent.reply_to]})
    assert sendgrid.take(data={"email": raw, "envelope": envelope}) == (1, 0)
    assert rows(desk)[0][0] == "reply"


# --- events -----------------------------------------------------------------------------------------------------------


def state(desk: Desk, sent: Sent) -> str:
    [row] = desk.sql("SELECT state FROM notifications WHERE id = :id", id=sent.note.id)
    return str(row.state)


def test_ses_reports_bounces_and_complaints(desk: Desk, sent: Sent, sns: Sns, amazon: Provider):
    headers = [{"name": "Message-ID", "value": sent.note.message_id}]
    bounce = {
        "notificationType": "Bounce",
        "bounce": {
            "bounceType": "Permanent", "bounceSubType": "General",
            "bouncedRecipients": [{"emailAddress": LEAD, "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1"}],
        },
        "mail": {"messageId": "0100", "headers": headers},
    }  # fmt: skip
    body = sns.message(bounce)
    assert [amazon.take(data=body) for _ in range(2)] == [(1, 0), (0, 1)]
    assert rows(desk) == [("bounce_hard", "ses", sent.lead_id)]
    assert state(desk, sent) == "failed"
    complaint = {
        "eventType": "Complaint",
        "complaint": {"complainedRecipients": [{"emailAddress": LEAD}]},
        "mail": {"headers": headers},
    }
    assert amazon.take(data=sns.message(complaint)) == (1, 0)
    assert desk.admin.get(f"/api/leads/{sent.lead_id}").body["opted_out_at"]


def test_mailgun_reports_failures(desk: Desk, sent: Sent, mailgun: Provider):
    event = {
        "id": "e1", "event": "failed", "severity": "temporary", "recipient": LEAD,
        "message": {"headers": {"message-id": str(sent.note.message_id).strip("<>")}},
        "delivery-status": {"code": 450, "message": "Greylisted"},
    }  # fmt: skip

    def call() -> dict[str, Any]:
        return {"signature": signed_by_mailgun({}), "event-data": event}

    assert mailgun.take(json=call()) == (1, 0)
    assert state(desk, sent) == "sent"
    lasting = {"code": 550, "message": "5.1.1 The email account does not exist", "enhanced-code": "5.1.1"}
    event |= {"id": "e2", "severity": "permanent", "delivery-status": lasting}
    assert mailgun.take(json=call()) == (1, 0)
    event |= {"id": "e3", "event": "opened"}
    assert mailgun.take(json=call()) == (0, 0)
    assert [kind for kind, *_ in rows(desk)] == ["bounce_delayed", "bounce_hard"]
    assert state(desk, sent) == "failed"


def test_postmark_reports_bounces_by_address(desk: Desk, sent: Sent, postmark: Provider):
    bounce = {"RecordType": "Bounce", "ID": 42, "Type": "HardBounce", "Email": LEAD, "MessageID": str(uuid4())}
    assert [postmark.take(json=bounce) for _ in range(2)] == [(1, 0), (0, 1)]
    assert rows(desk) == [("bounce_hard", "postmark", sent.lead_id)]
    stranger = {**bounce, "ID": 43, "Email": "x@y.example"}
    assert postmark.take(json=stranger) == (1, 0)
    assert rows(desk)[1] == ("bounce_hard", "postmark", None)
    assert postmark.take(json={"RecordType": "Delivery"}) == (0, 0)


def test_sendgrid_reports_events_with_a_signature(desk: Desk, sent: Sent):
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public = base64.b64encode(key.public_key().public_bytes(serialization.Encoding.DER, form)).decode()
    provider = Provider(desk, "sendgrid", {"secret": SECRET, "verification_key": public})
    about = {"email": LEAD, "smtp-id": sent.note.message_id, "timestamp": 1773154800}
    events = [
        {**about, "event": "processed", "sg_event_id": "a"},
        {**about, "event": "bounce", "type": "blocked", "status": "5.7.1", "sg_event_id": "b"},
        {**about, "event": "spamreport", "sg_event_id": "c"},
    ]
    body = json.dumps(events).encode()
    signature = base64.b64encode(key.sign(b"1773154800" + body, ec.ECDSA(hashes.SHA256()))).decode()
    prefix = "X-Twilio-Email-Event-Webhook"
    headers = {f"{prefix}-Signature": signature, f"{prefix}-Timestamp": "1773154800"}
    assert provider.call(data=body, headers={**headers, f"{prefix}-Timestamp": "1773154801"}).status_code == 401
    assert [provider.take(data=body, headers=headers) for _ in range(2)] == [(2, 0), (0, 2)]
    assert [kind for kind, *_ in rows(desk)] == ["bounce_soft", "complaint"]


def test_subscription_is_confirmed_only_at_sns(desk: Desk, sns: Sns, amazon: Provider):
    wrong = sns.message("You have chosen to subscribe", Type="SubscriptionConfirmation", Token="x",
                        SubscribeURL="https://evil.example/?Action=ConfirmSubscription")  # fmt: skip
    assert amazon.call(data=wrong).status_code == 400


# --- attacks ----------------------------------------------------------------------------------------------------------


def test_token_of_mailgun_counts_only_for_its_content(desk: Desk, mailgun: Provider):
    """Mailgun signs only timestamp and token, so who sees one call could forge others."""

    def call(number: int, **more: Any) -> dict[str, Any]:
        return signed_by_mailgun({"body-mime": mail(message_id=f"<{number}@lead.example>").decode()}, **more)

    first = call(1, token="seen")
    assert mailgun.take(data=first) == (1, 0)
    assert mailgun.take(data=first) == (0, 1)  # Mailgun repeats a call that it got no answer to
    assert mailgun.call(data=call(2, token="seen")).status_code == 401
    event = {"id": "e", "event": "complained", "recipient": LEAD}
    complaint = {"signature": signed_by_mailgun({}, token="seen"), "event-data": event}
    assert mailgun.call(json=complaint).status_code == 401
    assert mailgun.take(data=call(3, token="see")) == (1, 0)
    assert len(rows(desk)) == 2


@pytest.mark.parametrize(("age", "status"), [(13 * 3600, 401), (-700, 401), (8 * 3600, 200), (-60, 200)])
def test_old_calls_of_mailgun_are_refused(desk: Desk, mailgun: Provider, age: int, status: int):
    assert mailgun.call(data=signed_by_mailgun({"body-mime": mail().decode()}, age=age)).status_code == status


def test_events_without_an_id_are_different_events(desk: Desk, postmark: Provider, sendgrid: Provider):
    bounce = {"event": "bounce", "status": "5.1.1"}
    events = [{**bounce, "email": f"{name}@lead.example"} for name in ("ana", "ben")]
    assert sendgrid.take(json=[*events, events[0]]) == (2, 1)
    for name, expected in (("ana", (1, 0)), ("ben", (1, 0)), ("ana", (0, 1))):
        event = {"RecordType": "Bounce", "Type": "HardBounce", "Email": f"{name}@lead.example"}
        assert postmark.take(json=event) == expected


@pytest.mark.parametrize("number", ["a\x00b", "a\nb", "x" * 9000, {"a": 1}, None, True])
def test_unusable_ids_of_events_are_no_failure(desk: Desk, sendgrid: Provider, number: object):
    event = {"event": "bounce", "status": "5.1.1", "email": LEAD, "sg_event_id": number, "smtp-id": number}
    assert sendgrid.take(json=[event]) == (1, 0)
