"""Bounces and complaints that arrive by mail: they are read right, and change only our own messages."""

from collections.abc import Callable
from uuid import UUID

import pytest

from app.core.db import transaction
from app.engine.models import PENDING, Kind
from app.messaging.contact_policy.suppression_list import find_suppressed
from app.messaging.inbound.match import match_report
from app.messaging.inbound.models import Classification
from app.messaging.inbound.parsing.parse import parse_email
from app.messaging.inbound.reports import read_report
from app.messaging.models import AddressKind
from tests.support.delivery_reports import LEAD, Sample, complaint, reports
from tests.support.enrolling import mail as message_step
from tests.support.enrolling import playbook, put, sequence, way
from tests.support.inbound import receive, set_address
from tests.support.practice import Practice, Watch, sql
from tests.support.smtp import Mail, SmtpServer

RULES = [
    {"name": "bounced", "on": "message.bounced", "do": [{"create_task": {"type": "CALL", "title": "Ask for address"}}]},
    {"name": "failed", "on": "message.failed", "do": [{"create_task": {"type": "CALL", "title": "Call instead"}}]},
]


@pytest.fixture
def practice(open_practice: Callable[..., Practice], smtp: SmtpServer) -> Practice:
    steps = (message_step("first"), message_step("second", "2 days"))
    practice = open_practice(playbook=playbook(sequence(*steps), rules=RULES))
    set_address(practice)
    return practice


@pytest.fixture
def lead(practice: Practice) -> UUID:
    lead = practice.capture(email=LEAD)
    put(practice, lead)
    practice.run(Kind.SEND_MESSAGE)
    practice.run(Kind.DELIVER)
    return lead


@pytest.fixture
def sent(lead: UUID, smtp: SmtpServer) -> Mail:
    [sent] = smtp.received
    return sent


def note(practice: Practice, lead: UUID) -> object:
    return practice.row("notifications", channel="email", lead_id=lead)


def is_suppressed(practice: Practice) -> bool:
    with transaction() as session:
        return bool(find_suppressed(session, [(practice.clinic_id, (AddressKind.EMAIL, LEAD))]))


def test_reports_of_all_servers_are_read(practice: Practice, lead: UUID, sent: Mail):
    corpus = list(reports(sent))
    assert len(corpus) > 200
    misread = []
    with transaction() as session:
        for sample in corpus:
            mail = parse_email(sample.raw)
            report, matched = read_report(mail), match_report(session, practice.clinic_id, mail)
            found = (report and report.kind, bool(matched), matched and matched.lead_id)
            if found != (sample.kind, sample.is_ours, lead if sample.is_ours else None):
                misread.append((sample.name, found))
    assert misread == []


def of_kind(sent: Mail, kind: Classification, *, is_ours: bool = True) -> Sample:
    return next(sample for sample in reports(sent) if sample.kind is kind and sample.is_ours is is_ours)


def test_hard_bounce_suppresses_the_address_and_ends_sequences(practice: Practice, lead: UUID, sent: Mail):
    got = receive(practice.clinic_id, of_kind(sent, Classification.BOUNCE_HARD).raw)
    assert (got.classification, got.lead_id) == ("bounce_hard", lead)
    assert (note(practice, lead).state, note(practice, lead).error) == ("failed", "it bounced: 5.1.1")
    assert is_suppressed(practice)
    assert (way(practice, lead).state, way(practice, lead).reason) == ("exited", "bounced")
    assert len(practice.steps(lead, name="bounced")) == 1
    [counts] = sql("SELECT sum(bounced)::int AS bounced, sum(sent)::int AS sent FROM series_hours")
    assert (counts.bounced, counts.sent) == (1, 1)
    assert practice.rows("lead_activities", lead_id=lead, direction="INBOUND") == []

    other = next(one for one in reports(sent) if one.name == "qmail bounce_hard message")
    receive(practice.clinic_id, other.raw)  # a second report of the same message
    assert len(practice.steps(lead, name="bounced")) == 1
    [counts] = sql("SELECT sum(bounced)::int AS bounced FROM series_hours")
    assert counts.bounced == 1


def test_soft_bounce_is_counted_and_ends_nothing(practice: Practice, lead: UUID, sent: Mail):
    got = receive(practice.clinic_id, of_kind(sent, Classification.BOUNCE_SOFT).raw)
    assert got.classification == "bounce_soft"
    assert (note(practice, lead).state, note(practice, lead).error) == ("failed", "it bounced: 5.2.2")
    assert not is_suppressed(practice)
    assert way(practice, lead).state == "active"
    assert len(practice.steps(lead, name="failed")) == 1
    [counts] = sql("SELECT sum(failed)::int AS failed, sum(sent)::int AS sent FROM series_hours")
    assert (counts.failed, counts.sent) == (1, 0)


@pytest.mark.parametrize(("days", "is_last"), [(2, True), (20, False)])
def test_third_soft_bounce_suppresses_the_address(
    open_practice: Callable[..., Practice], watch: Watch, smtp: SmtpServer, days: int, is_last: bool
):
    steps = (message_step("first"), message_step("second", f"{days} days"), message_step("third", f"{days} days"))
    practice = open_practice(playbook=playbook(sequence(*steps)))
    set_address(practice)
    lead = practice.capture(email=LEAD)
    suppressed = []
    put(practice, lead)
    for _ in steps:
        practice.run(Kind.SEND_MESSAGE)
        practice.run(Kind.DELIVER)
        raw = of_kind(smtp.received[-1], Classification.BOUNCE_SOFT).raw
        receive(practice.clinic_id, raw)
        receive(practice.clinic_id, raw)  # a repeated report does not count
        suppressed.append(is_suppressed(practice))
        watch.advance(days=days)
    assert len(smtp.received) == 3
    assert suppressed == [False, False, is_last]


def test_delay_is_only_noted(practice: Practice, lead: UUID, sent: Mail):
    got = receive(practice.clinic_id, of_kind(sent, Classification.BOUNCE_DELAYED).raw)
    assert (got.classification, got.lead_id) == ("bounce_delayed", lead)
    assert note(practice, lead).state == "sent"
    assert way(practice, lead).state == "active"


def test_report_about_other_mail_changes_nothing(practice: Practice, lead: UUID, sent: Mail):
    got = receive(practice.clinic_id, of_kind(sent, Classification.BOUNCE_HARD, is_ours=False).raw)
    assert (got.classification, got.lead_id) == ("bounce_hard", None)
    assert note(practice, lead).state == "sent"
    assert not is_suppressed(practice)


def test_delivered_and_bounced_are_both_kept(practice: Practice, lead: UUID, sent: Mail):
    sql("UPDATE notifications SET delivered_at = sent_at WHERE lead_id = :lead", lead=lead)
    receive(practice.clinic_id, of_kind(sent, Classification.BOUNCE_HARD).raw)
    assert note(practice, lead).state == "failed"
    assert note(practice, lead).delivered_at is not None


def test_complaint_opts_the_lead_out(practice: Practice, lead: UUID, sent: Mail):
    kept = receive(practice.clinic_id, complaint(sent, "not-spam"))
    assert kept.classification == "auto_reply"
    assert practice.row("leads", id=lead).opted_out_at is None
    got = receive(practice.clinic_id, complaint(sent))
    assert (got.classification, got.lead_id) == ("complaint", lead)
    assert practice.row("leads", id=lead).opted_out_at is not None
    assert is_suppressed(practice)
    assert [step for step in practice.steps(lead) if step.state in PENDING] == []


def test_forwarded_report_is_a_reply(practice: Practice, lead: UUID, sent: Mail):
    report = of_kind(sent, Classification.BOUNCE_HARD).raw
    head = f"From: {LEAD}\r\nTo: {sent.message['Reply-To']}\r\nMIME-Version: 1.0\r\n"
    body = b"--b\r\nContent-Type: text/plain\r\n\r\nI got this:\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
    kind = "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    got = receive(practice.clinic_id, (head + kind).encode() + body + report + b"\r\n--b--\r\n")
    assert got.classification == "reply"
    assert note(practice, lead).state == "sent"


def test_address_refused_by_the_mail_server_is_suppressed(practice: Practice, smtp: SmtpServer, watch: Watch):
    smtp.on("rcpt", "550 5.1.1 No such user")
    lead = practice.capture(email=LEAD)
    put(practice, lead)
    practice.run(Kind.SEND_MESSAGE)
    practice.run(Kind.DELIVER)
    assert is_suppressed(practice)
    assert (way(practice, lead).state, way(practice, lead).reason) == ("exited", "bounced")


def test_other_refusals_suppress_nothing(practice: Practice, smtp: SmtpServer):
    smtp.on("dot", "554 5.7.1 Message rejected as spam")
    lead = practice.capture(email=LEAD)
    put(practice, lead)
    practice.run(Kind.SEND_MESSAGE)
    practice.run(Kind.DELIVER)
    assert note(practice, lead).state == "failed"
    assert not is_suppressed(practice)
