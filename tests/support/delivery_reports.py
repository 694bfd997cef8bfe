"""Delivery status notifications of many mail servers, with the ids of the reported message in different places."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from app.messaging.inbound.models import Classification
from tests.support.inbound import ADDRESS, new_message_id
from tests.support.smtp import Mail

HARD, SOFT, DELAYED = Classification.BOUNCE_HARD, Classification.BOUNCE_SOFT, Classification.BOUNCE_DELAYED
LEAD = "mia@lead.example"


@dataclass(frozen=True)
class Failure:
    """A failure as servers report it, and how it is to be read."""

    action: str
    status: str
    diagnostic: str
    kind: Classification


FAILURES = (
    Failure("failed", "5.1.1", "smtp; 550 5.1.1 <mia@lead.example>: Recipient address rejected: User unknown", HARD),
    Failure("failed", "5.0.0", "smtp; 550 5.1.1 The email account that you tried to reach does not exist", HARD),
    Failure("failed", "5.0.0", "smtp; 550 No such user here", HARD),
    Failure("failed", "5.1.10", "smtp; 550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found", HARD),
    Failure("failed", "5.4.1", "smtp; 550 5.4.1 Recipient address rejected: Access denied", HARD),
    Failure("failed", "5.1.2", "smtp; 550 5.1.2 Host unknown (Name server: lead.example: not found)", HARD),
    Failure("failed", "5.2.1", "smtp; 550 5.2.1 The email account that you tried to reach is disabled", HARD),
    Failure("failed", "5.4.4", "X-Postfix; Host or domain name not found. Name service error", HARD),
    Failure("failed", "5.5.0", "smtp; 550 Requested action not taken: mailbox unavailable", HARD),
    Failure("failed", "5.2.2", "smtp; 552 5.2.2 The email account that you tried to reach is over quota", SOFT),
    Failure("failed", "5.7.1", "smtp; 550 5.7.1 Message rejected as spam", SOFT),
    Failure("failed", "5.0.0", "smtp; 550 Blocked by our reputation policy", SOFT),
    Failure("failed", "5.3.4", "smtp; 552 5.3.4 Message size exceeds fixed limit", SOFT),
    Failure("failed", "4.4.7", "smtp; 451 4.4.7 Message expired", SOFT),
    Failure("failed", "5.7.26", "smtp; 550-5.7.26 Unauthenticated mail is prohibited (DMARC)", SOFT),
    Failure("delayed", "4.4.1", "X-Postfix; connect to mx.lead.example: Connection timed out", DELAYED),
    Failure("delayed", "4.2.0", "smtp; 450 4.2.0 Greylisted", DELAYED),
)
PLACES = ("address", "headers", "message", "in_reply_to", "relance_id", "nowhere")


@dataclass(frozen=True)
class Sample:
    """A report, how it is to be read, and whether it names our message."""

    name: str
    raw: bytes
    kind: Classification
    is_ours: bool


def reports(sent: Mail) -> Iterator[Sample]:
    """Yield reports about the message, and about messages that are not ours."""
    for (name, style), failure, place in product(STYLES.items(), FAILURES, PLACES):
        raw = style(sent, failure, place)
        yield Sample(f"{name} {failure.status} {place}", raw, failure.kind, place != "nowhere")
    for kind in (HARD, SOFT):
        for place in ("address", "message", "nowhere"):
            yield Sample(f"qmail {kind} {place}", _qmail(sent, kind, place), kind, place != "nowhere")
            yield Sample(f"exim {kind} {place}", _old_exim(sent, kind, place), kind, place != "nowhere")


def complaint(sent: Mail, kind: str = "abuse") -> bytes:
    """Return a spam complaint (ARF) about the message."""
    fields = f"Feedback-Type: {kind}\nUser-Agent: SomeGenerator/1.0\nVersion: 1\nOriginal-Rcpt-To: <{LEAD}>\n"
    parts = [
        ("text/plain", "This is an email abuse report."),
        ("message/feedback-report", fields),
        ("message/rfc822", _original(sent, "message")),
    ]
    head = {"From": "fbl@mailbox.example", "To": ADDRESS, "Subject": "FW: Hello"}
    return _report(head, parts, "feedback-report")


def _postfix(sent: Mail, failure: Failure, place: str) -> bytes:
    head = {
        "Return-Path": "<>",
        "From": "MAILER-DAEMON@mx.lead.example (Mail Delivery System)",
        "To": _to(sent, place),
        "Subject": "Undelivered Mail Returned to Sender",
        "Auto-Submitted": "auto-replied",
        **_thread(sent, place),
    }
    return _standard(head, sent, failure, place)


def _exchange(sent: Mail, failure: Failure, place: str) -> bytes:
    head = {
        "From": "Microsoft Outlook <postmaster@lead.example>",
        "To": _to(sent, place),
        "Subject": "Undeliverable: Hello",
        "X-MS-Exchange-Message-Is-Ndr": "",
        "Auto-Submitted": "auto-replied",
        **_thread(sent, place),
    }
    return _standard(head, sent, failure, place)


def _gmail(sent: Mail, failure: Failure, place: str) -> bytes:
    head = {
        "Return-Path": "<>",
        "From": "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        "To": _to(sent, place),
        "Subject": "Delivery Status Notification (Failure)",
        "X-Failed-Recipients": LEAD,
        "Auto-Submitted": "auto-replied",
        **_thread(sent, place),
    }
    return _standard(head, sent, failure, place)


STYLES = {"postfix": _postfix, "exchange": _exchange, "gmail": _gmail}


def _standard(head: dict[str, str], sent: Mail, failure: Failure, place: str) -> bytes:
    status = (
        f"Reporting-MTA: dns; mx.lead.example\nArrival-Date: Tue, 10 Mar 2026 11:00:00 -0400\n\n"
        f"Final-Recipient: rfc822; {LEAD}\nOriginal-Recipient: rfc822;{LEAD}\nAction: {failure.action}\n"
        f"Status: {failure.status}\nDiagnostic-Code: {failure.diagnostic}\n"
    )
    is_whole = place in ("message", "relance_id")
    parts = [
        ("text/plain", "This is the mail system at host mx.lead.example.\n\nI'm sorry to have to inform you ..."),
        ("message/delivery-status", status),
        ("message/rfc822" if is_whole else "text/rfc822-headers", _original(sent, place)),
    ]
    return _report(head, parts, "delivery-status")


def _report(head: dict[str, str], parts: list[tuple[str, str]], kind: str) -> bytes:
    lines = [f"{name}: {value}" for name, value in {"Message-ID": new_message_id("mx.example"), **head}.items()]
    lines += ["MIME-Version: 1.0", f'Content-Type: multipart/report; report-type={kind}; boundary="=_b"', ""]
    for content_type, content in parts:
        lines += ["--=_b", f"Content-Type: {content_type}", "", content.rstrip(), ""]
    return "\r\n".join("\n".join([*lines, "--=_b--", ""]).split("\n")).encode()


def _to(sent: Mail, place: str) -> str:
    return sent.sender if place == "address" else ADDRESS


def _thread(sent: Mail, place: str) -> dict[str, str]:
    known = str(sent.message["Message-ID"])
    return {"In-Reply-To": known, "References": known} if place == "in_reply_to" else {}


def _original(sent: Mail, place: str) -> str:
    """Return the headers of the reported message; only those that the place keeps are ours."""
    own = {
        "headers": ("Message-ID", str(sent.message["Message-ID"])),
        "message": ("Message-ID", str(sent.message["Message-ID"])),
        "relance_id": ("X-Relance-Id", str(sent.message["X-Relance-Id"])),
    }
    name, value = own.get(place, ("Message-ID", "<0100018d-cafe@email.amazonses.com>"))
    return (
        f"From: Bright Smiles <no-reply@relance.invalid>\nTo: {LEAD}\nSubject: Hello\n{name}: {value}\n\nHello Mia.\n"
    )


def _qmail(sent: Mail, kind: Classification, place: str) -> bytes:
    why = "Sorry, no mailbox here by that name. (#5.1.1)" if kind is HARD else "Mailbox is over quota. (#5.2.2)"
    head = {"Return-Path": "<>", "From": "MAILER-DAEMON@mx.lead.example", "To": _to(sent, place)}
    body = (
        "Hi. This is the qmail-send program at mx.lead.example.\nI'm afraid I wasn't able to deliver your message to"
        " the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n"
        f"<{LEAD}>:\n{why}\n\n--- Below this line is a copy of the message.\n\n{_original(sent, place)}"
    )
    return _plain(head, body, "failure notice")


def _old_exim(sent: Mail, kind: Classification, place: str) -> bytes:
    why = "550 5.1.1 User unknown" if kind is HARD else "552 5.2.2 mailbox is full"
    head = {
        "Return-Path": "<>",
        "X-Failed-Recipients": LEAD,
        "Auto-Submitted": "auto-replied",
        "From": "Mail Delivery System <Mailer-Daemon@mx.lead.example>",
        "To": _to(sent, place),
    }
    body = (
        "This message was created automatically by mail delivery software.\n\nA message that you sent could not be"
        " delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n"
        f"  {LEAD}\n    SMTP error from remote mail server after RCPT TO:<{LEAD}>:\n    host mx.lead.example: {why}\n\n"
        f"------ This is a copy of the message, including all the headers. ------\n\n{_original(sent, place)}"
    )
    return _plain(head, body, "Mail delivery failed: returning message to sender")


def _plain(head: dict[str, str], body: str, subject: str) -> bytes:
    given = {"Message-ID": new_message_id("mx.example"), "Subject": subject, **head}
    return ("".join(f"{name}: {value}\n" for name, value in given.items()) + f"\n{body}").encode()
