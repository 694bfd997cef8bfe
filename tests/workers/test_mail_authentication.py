"""SPF, DKIM and DMARC of mail that arrives: only the mailbox's own server counts, and forged answers may wait."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.messaging.inbound.authentication import (
    AuthenticationPolicy,
    OnFailedAuthentication,
    read_authentication,
)
from app.messaging.inbound.models import Classification
from app.messaging.inbound.parsing.parse import parse_email
from tests.support.desk import Desk, the_app
from tests.support.imap import ImapAccount
from tests.support.inbound import answer, mail, receive, set_address
from tests.support.mail import SEND
from tests.support.mailboxes import add_mailbox, reading, wait_until_read
from tests.support.practice import Practice, sql
from tests.support.processes import wait_until
from tests.support.smtp import Mail, SmtpServer
from workers.inbound import process, reader

pytest_plugins = ["tests.support.practice"]

SERVER = "mx.clinic.example"
FAIL = f"{SERVER}; spf=softfail smtp.mailfrom=eve.example; dkim=none; dmarc=fail (p=REJECT) header.from=lead.example"
PASS = f"{SERVER}; dkim=pass header.d=lead.example; spf=pass; dmarc=pass (p=NONE dis=NONE) header.from=lead.example"
HIDDEN = ("fail", "none", "none")
SHOW = AuthenticationPolicy(SERVER)
REVIEW = AuthenticationPolicy(SERVER, OnFailedAuthentication.REVIEW)


def results(*headers: str, sender: str = "Mia Keller <mia@lead.example>", server: str = SERVER) -> tuple[str, ...]:
    lines = "".join(f"Authentication-Results: {one}\r\n" for one in headers)
    raw = lines.encode() + mail(sender=sender)
    found = read_authentication(parse_email(raw), AuthenticationPolicy(server))
    assert found is not None
    return found.dmarc, found.spf, found.dkim


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], ("none", "none", "none")),
        ([PASS], ("pass", "pass", "pass")),
        ([FAIL], ("fail", "softfail", "none")),
        ([PASS.upper()], ("pass", "pass", "pass")),
        ([f"{SERVER} 1; dmarc=pass"], ("pass", "none", "none")),
        ([f"{SERVER}; none"], ("none", "none", "none")),
        ([f"{SERVER}; dkim=fail header.d=a.example; dkim=pass header.d=lead.example"], ("none", "none", "pass")),
        ([f"{SERVER} (a comment; dmarc=pass (nested)); dmarc=fail"], ("fail", "none", "none")),
        ([f'{SERVER}; spf=pass reason="; dmarc=pass"'], ("none", "pass", "none")),
        ([f"{SERVER}; spf=pass smtp.mailfrom=x;\r\n dmarc=fail"], ("fail", "pass", "none")),
        (["mx.other.example; dmarc=pass"], ("none", "none", "none")),  # written by anyone
        ([f"{SERVER}.evil.example; dmarc=pass"], ("none", "none", "none")),
        ([FAIL, PASS], ("fail", "softfail", "none")),  # the sender wrote the lower one
        (["mx.other.example; dmarc=pass", FAIL], ("fail", "softfail", "none")),
        ([f"{SERVER}; dmarc=pass header.from=eve.example"], ("fail", "none", "none")),  # passed for another address
        ([""], ("none", "none", "none")),
        ([f"{SERVER}; " + "(" * 5000], ("none", "none", "none")),
        # addresses of the sender, which the server repeats, hide no failure
        ([f'{SERVER}; spf=none (domain of a"b@eve.example) smtp.mailfrom=a"b@eve.example; dmarc=fail'], HIDDEN),
        ([f'{SERVER}; spf=none (domain of "a(b"@eve.example) smtp.mailfrom="a(b"@eve.example; dmarc=fail'], HIDDEN),
        ([f"{SERVER}; spf=none smtp.helo=(eve; dmarc=fail (p=REJECT)"], HIDDEN),
        ([f"{SERVER}; spf=none smtp.helo=eve;dmarc=pass; dmarc=fail"], HIDDEN),
        ([f"{SERVER}; spf=none" + "; dkim=none header.d=eve.example" * 400 + "; dmarc=fail"], HIDDEN),
        ([f'{SERVER}; spf=none (a "quoted) word; dmarc=none (a second" one)'], ("none", "none", "none")),
    ],
)
def test_only_the_first_header_of_the_own_server_counts(headers: list[str], expected: tuple[str, ...]) -> None:
    assert results(*headers) == expected


@pytest.mark.parametrize(
    ("sender", "address"),
    [
        ('"Mia <mia@lead.example>" <eve@evil.example>', "eve@evil.example"),
        ('"mia@lead.example" <eve@evil.example>', "eve@evil.example"),
        ('"Mia \\" <mia@lead.example>" <eve@evil.example>', "eve@evil.example"),
        ('"Keller, Mia" <mia@lead.example>', "mia@lead.example"),
        ("mia@lead.example", "mia@lead.example"),
    ],
)
def test_address_in_a_quoted_name_is_not_the_sender(sender: str, address: str) -> None:
    raw = f"From: {sender}\r\nSubject: Hi\r\n\r\nHi".encode()
    assert parse_email(raw).sender == address


@pytest.fixture
def lead(practice: Practice, smtp: SmtpServer) -> UUID:
    """A lead who got a message, with others pending."""
    set_address(practice)
    lead = practice.capture(first_name="Mia", last_name="Keller", email="mia@lead.example")
    practice.fail_to_reach(lead)
    practice.run("send_message")
    practice.run(SEND)
    return lead


@pytest.fixture
def sent(lead: UUID, smtp: SmtpServer) -> Mail:
    return smtp.accepted[-1]


def with_results(raw: bytes, header: str) -> bytes:
    return f"Authentication-Results: {header}\r\n".encode() + raw


def replied(lead: UUID) -> bool:
    [row] = sql("SELECT replied_at FROM leads WHERE id = :id", id=lead)
    return row.replied_at is not None


def test_forged_answer_stops_automation_unless_the_mailbox_says_otherwise(
    practice: Practice, lead: UUID, sent: Mail
) -> None:
    found = receive(practice.clinic_id, with_results(answer(sent), FAIL), policy=SHOW)
    assert (found.classification, replied(lead)) == (Classification.REPLY, True)
    [row] = sql("SELECT authentication FROM inbound_emails")
    assert row.authentication == {"server": SERVER, "dmarc": "fail", "spf": "softfail", "dkim": "none"}


def test_forged_answer_waits_until_a_user_assigns_it(practice: Practice, lead: UUID, sent: Mail) -> None:
    found = receive(practice.clinic_id, with_results(answer(sent), FAIL), policy=REVIEW)
    assert (found.classification, found.lead_id, replied(lead)) == (Classification.UNMATCHED, None, False)
    [notice] = sql("SELECT subject FROM notifications WHERE template = 'email-forged'")
    assert notice.subject == "A mail in the name of Mia Keller may be forged"

    desk = Desk(practice.clinic_id, the_app().test_client, source_id=str(practice.source_id))
    [listed] = desk.admin.every("/api/inbound-emails", classification="unmatched", is_ignored="false")
    assert (listed["reason"], listed["authentication"]["dmarc"]) == ("dmarc", "fail")
    assigned = desk.admin.post(f"/api/inbound-emails/{listed['id']}/assign", {"lead_id": str(lead)})
    assert (assigned.status, assigned.body["classification"], replied(lead)) == (200, "reply", True)
    [shown] = [one for one in desk.admin.every(f"/api/leads/{lead}/messages") if one["direction"] == "INBOUND"]
    assert shown["authentication"]["server"] == SERVER


@pytest.mark.parametrize("header", [PASS, "mx.other.example; dmarc=fail", f"{SERVER}; dmarc=none"])
def test_other_answers_stop_automation_at_once(practice: Practice, lead: UUID, sent: Mail, header: str) -> None:
    found = receive(practice.clinic_id, with_results(answer(sent), header), policy=REVIEW)
    assert (found.classification, replied(lead)) == (Classification.REPLY, True)


def test_forged_mail_of_an_unknown_sender_becomes_no_lead(practice: Practice) -> None:
    set_address(practice, unknown_senders="lead")
    raw = with_results(mail(sender="Eve <eve@lead.example>"), FAIL)
    assert receive(practice.clinic_id, raw, policy=REVIEW).classification is Classification.UNMATCHED
    assert sql("SELECT id FROM leads") == []


def test_mailbox_gives_its_own_policy(
    practice: Practice,
    lead: UUID,
    sent: Mail,
    tmp_path: Path,
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module, name in ((process, "INTERVAL"), (reader, "CHECK_INTERVAL")):
        monkeypatch.setattr(module, name, 0.1)
    policy = {"authentication_server": SERVER, "on_failed_authentication": "review"}
    for account in _account(tmp_path):
        configure(outgoing_allow=f"127.0.0.1:{account.port}")
        mailbox_id = add_mailbox(practice, account, **policy)
        with reading():
            wait_until_read(mailbox_id)
            account.inbox.deliver(with_results(answer(sent), FAIL))
            wait_until(lambda: bool(sql("SELECT id FROM inbound_emails")), 60, "the mail")
    [row] = sql("SELECT classification, reason FROM inbound_emails")
    assert (row.classification, row.reason, replied(lead)) == ("unmatched", "dmarc", False)


def _account(folder: Path) -> Iterator[Any]:
    with ImapAccount(folder) as account:
        yield account
