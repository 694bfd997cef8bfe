"""Mail that arrives: it is matched with its lead, and a reply stops everything that is pending."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.clock import now
from app.core.db import transaction
from app.engine.models import PENDING, Kind
from app.identity.models import Role
from app.leads.duplicates.merge import merge
from app.messaging.contact_policy.suppression_list import find_suppressed
from app.messaging.inbound.answers import MessageNotAllowed, write_message
from app.messaging.inbound.models import Classification
from app.messaging.inbound.parsing.parse import Envelope
from app.messaging.inbound.receive import receive_email
from app.messaging.models import AddressKind
from tests.support.enrolling import mail as message_step
from tests.support.enrolling import playbook, sequence, way
from tests.support.inbound import ADDRESS, answer, automatic_answers, mail, messaged_lead, receive, set_address
from tests.support.practice import Practice, Watch, sql
from tests.support.smtp import Mail, SmtpServer

STOP = ["lead.replied", "lead.opted_out"]
RULES: list[dict[str, Any]] = [
    {"name": "hello", "on": "lead.created", "do": [{"send_message": {"channel": "email", "template": "one"}}]},
    {
        "name": "call",
        "on": "lead.created",
        "after": "3 days",
        "stop_on": STOP,
        "do": [{"create_task": {"type": "CALL", "title": "Call"}}],
    },
    {"name": "heard", "on": "lead.replied", "do": [{"create_task": {"type": "CALL", "title": "Answer"}}]},
]
LEAD = "mia@lead.example"


@pytest.fixture
def practice(open_practice: Callable[..., Practice], smtp: SmtpServer) -> Practice:
    practice = open_practice(playbook=playbook(sequence(message_step("first", "2 days")), rules=RULES))
    set_address(practice)
    return practice


@pytest.fixture
def lead(practice: Practice) -> UUID:
    """A lead who got one message; a call is planned, and the lead is enrolled."""
    return messaged_lead(practice, LEAD)


@pytest.fixture
def sent(lead: UUID, smtp: SmtpServer) -> Mail:
    [sent] = smtp.received
    return sent


def pending_names(practice: Practice, lead: UUID) -> set[str]:
    return {step.name for step in practice.steps(lead) if step.state in PENDING and step.kind != Kind.CREATE_TASK}


def test_message_has_signed_addresses(practice: Practice, sent: Mail):
    note = practice.row("notifications", channel="email")
    assert sent.message["Message-ID"] == note.message_id
    for address in (sent.message["Reply-To"], sent.sender):
        local, domain = address.split("@")
        assert (local.split("+")[0], domain) == ("hello", "clinic.example")
        assert len(local) <= 64
    assert sent.message["Reply-To"] != sent.sender
    assert sent.message["X-Relance-Id"]


def test_clinic_without_an_address_keeps_the_coordinator_for_answers(practice: Practice, smtp: SmtpServer):
    set_address(practice, None)
    practice.capture(email=LEAD)
    practice.run(Kind.SEND_MESSAGE)
    practice.run(Kind.DELIVER)
    [sent] = smtp.received
    assert sent.message["Reply-To"].startswith("treatment_coordinator@")
    assert (sent.sender, sent.message["X-Relance-Id"]) == ("no-reply@relance.invalid", None)


def test_reply_stops_everything_pending(practice: Practice, lead: UUID, sent: Mail):
    got = receive(practice.clinic_id, answer(sent, "Yes, Friday is fine.\n\nOn Tue, Mar 10, 2026 X wrote:\n> Hello"))

    assert (got.classification, got.lead_id, got.is_repeat) == (Classification.REPLY, lead, False)
    assert practice.step(lead, name="call").state == "cancelled"
    assert practice.step(lead, name="call").reason == "replied"
    assert (way(practice, lead).state, way(practice, lead).reason) == ("exited", "replied")
    assert [step.state for step in practice.steps(lead, name="heard")] == ["published"]  # `lead.replied` was recorded
    [entry] = practice.rows("lead_activities", lead_id=lead, direction="INBOUND")
    assert (entry.type, entry.channel, entry.notes, entry.is_auto_reply) == (
        "EMAIL", "email", "Yes, Friday is fine.", False,
    )  # fmt: skip
    row = practice.row("inbound_emails", id=got.id)
    note = practice.row("notifications", channel="email")
    assert (row.matched_by, row.notification_id, row.activity_id) == ("address", note.id, entry.id)
    assert (row.sender, row.subject, row.body) == (LEAD, "Re: Hello", "Yes, Friday is fine.")
    notice = practice.row("notifications", channel="in_app", template="email-reply")
    assert notice.user_id == practice.people[Role.TREATMENT_COORDINATOR]


@pytest.mark.parametrize(
    ("headers", "by"),
    [
        ({}, "address"),
        ({"to": ADDRESS}, "in_reply_to"),
        ({"to": ADDRESS, "in_reply_to": None}, "references"),
        ({"to": ADDRESS, "in_reply_to": "<other@mail.example>"}, "references"),
        ({"to": ADDRESS, "in_reply_to": None, "references": None}, "sender"),
        ({"to": ADDRESS, "in_reply_to": None, "references": None, "sender": "MIA@Lead.example"}, "sender"),
        ({"to": "someone@else.example", "in_reply_to": None, "references": None, "sender": "x@y.example"}, None),
        ({"to": ADDRESS, "in_reply_to": None, "references": None, "sender": "x@y.example"}, None),
    ],
)
def test_reply_is_matched_by_address_then_thread_then_sender(
    practice: Practice, lead: UUID, sent: Mail, headers: dict[str, Any], by: str | None
):
    got = receive(practice.clinic_id, answer(sent, **headers))
    assert practice.row("inbound_emails", id=got.id).matched_by == by
    assert got.lead_id == (lead if by else None)
    assert got.classification == ("reply" if by else "unmatched")


@pytest.mark.parametrize("header", ["Cc", "Delivered-To", "X-Original-To", "Envelope-To"])
def test_signed_address_counts_in_every_recipient_header(practice: Practice, lead: UUID, sent: Mail, header: str):
    plain = {"in_reply_to": None, "references": None, "sender": "mia@other.example", "to": "undisclosed@x.example"}
    raw = answer(sent, **plain, **{header.replace("-", "_"): sent.message["Reply-To"].upper()})
    got = receive(practice.clinic_id, raw)
    assert (got.classification, got.lead_id) == ("reply", lead)


def test_envelope_recipient_counts_and_reply_to_does_not(practice: Practice, lead: UUID, sent: Mail):
    plain = {"in_reply_to": None, "references": None, "sender": "mia@other.example", "to": ADDRESS}
    signed = str(sent.message["Reply-To"])
    ignored = receive(practice.clinic_id, answer(sent, **plain, reply_to=signed))
    assert (ignored.classification, ignored.lead_id) == ("unmatched", None)
    found = receive(practice.clinic_id, answer(sent, **plain), envelope=Envelope("mia@other.example", [signed]))
    assert (found.classification, found.lead_id) == ("reply", lead)


def test_forged_ids_match_nothing(practice: Practice, lead: UUID, sent: Mail):
    local, domain = sent.message["Reply-To"].split("@")
    forged = local[:-1] + ("a" if local[-1] != "a" else "b")
    plain = {"sender": "x@y.example", "references": None}
    note = practice.row("notifications", channel="email")
    for headers in (
        {"to": f"{forged}@{domain}", "in_reply_to": None},
        {"to": ADDRESS, "in_reply_to": f"<{note.id}@evil.example>"},  # the id is known, the Message-ID is not
    ):
        assert receive(practice.clinic_id, answer(sent, **plain, **headers)).lead_id is None


def test_message_of_another_clinic_is_not_matched(
    practice: Practice, open_practice: Callable[..., Practice], sent: Mail
):
    other = open_practice()
    got = receive(other.clinic_id, answer(sent))
    assert (got.classification, got.lead_id) == ("unmatched", None)


def test_sender_is_matched_only_for_some_days(practice: Practice, lead: UUID, watch: Watch):
    watch.advance(days=31)
    row = practice.row("inbound_emails", id=receive(practice.clinic_id, mail()).id)
    assert (row.lead_id, row.notification_id) == (lead, None)  # the only open lead with this address
    set_address(practice, match_days=40)
    assert practice.row("inbound_emails", id=receive(practice.clinic_id, mail()).id).notification_id is not None


def test_first_mail_of_a_lead_is_matched_by_its_address(practice: Practice):
    lead = practice.capture(email="ana@new.example")
    again = practice.capture(email="twin@new.example")
    got = receive(practice.clinic_id, mail("Do you treat adults?", subject="Braces", sender="Ana <ANA@new.example>"))
    assert (got.classification, got.lead_id) == ("reply", lead)
    assert practice.step(lead, name="call").reason == "replied"

    sql("UPDATE leads SET sealed = sealed, email_blind = (SELECT email_blind FROM leads WHERE id = :a) WHERE id = :b",
        a=lead, b=again)  # fmt: skip
    assert receive(practice.clinic_id, mail(sender="ana@new.example")).classification == "unmatched"  # of two leads


def test_mail_from_the_address_of_a_merged_duplicate_belongs_to_the_survivor(practice: Practice):
    survivor, duplicate = practice.capture(email="zeb@kin.example"), practice.capture(email="zeb2@kin.example")
    with transaction() as session:
        merge(session, practice.actor(), survivor, duplicate_id=duplicate)
    received = receive(practice.clinic_id, mail("Hello again", sender="Zeb2@kin.example"))
    assert (received.classification, received.lead_id) == ("reply", survivor)


@pytest.mark.parametrize("text", ["STOP", "Unsubscribe.", "ARRÊT", "baja", "Stopp!", "Stop\n\nMia Keller", ""])
def test_mail_that_is_only_a_stop_word_opts_out_of_mail(practice: Practice, lead: UUID, sent: Mail, text: str):
    subject = "Re: Hello" if text else "Re: unsubscribe"
    assert receive(practice.clinic_id, answer(sent, text, subject=subject)).classification == "reply"

    [consent] = practice.rows("consents", lead_id=lead)
    assert (consent.way, consent.is_given, consent.source) == ("email", False, "keyword")
    assert practice.row("leads", id=lead).opted_out_channels == ["email"]


def is_suppressed(practice: Practice, address: str) -> bool:
    with transaction() as session:
        return bool(find_suppressed(session, [(practice.clinic_id, (AddressKind.EMAIL, address))]))


def test_stop_word_of_an_address_with_two_leads_suppresses_the_address(practice: Practice):
    leads = [practice.capture(email="family@home.example", first_name=name) for name in ("Ana", "Ben")]
    got = receive(practice.clinic_id, mail("STOP", sender="family@home.example", subject="Stop"))

    assert (got.classification, got.lead_id) == ("unmatched", None)
    assert practice.row("inbound_emails", id=got.id).reason == "stop word"
    assert is_suppressed(practice, "family@home.example")
    with transaction() as session, pytest.raises(MessageNotAllowed):
        write_message(session, practice.actor(), leads[0], {"channel": "email", "subject": "Hello", "body": "Hello"})


def test_stop_word_suppresses_the_address_of_its_sender_and_start_allows_it_again(
    practice: Practice, lead: UUID, sent: Mail
):
    partner = {"sender": "partner@home.example"}
    receive(practice.clinic_id, answer(sent, "STOP", **partner))
    assert is_suppressed(practice, LEAD)
    assert is_suppressed(practice, "partner@home.example")

    receive(practice.clinic_id, answer(sent, "START", **partner))
    assert not is_suppressed(practice, LEAD)
    assert not is_suppressed(practice, "partner@home.example")


@pytest.mark.parametrize("has_message", [False, True])
def test_mail_from_the_address_of_a_merged_duplicate_belongs_to_the_lead_that_remains(
    practice: Practice, lead: UUID, has_message: bool
):
    duplicate = practice.capture(email="mia@work.example")
    if has_message:
        practice.run(Kind.SEND_MESSAGE)
        practice.run(Kind.DELIVER)
    with transaction() as session:
        merge(session, practice.actor(), lead, duplicate_id=duplicate)

    got = receive(practice.clinic_id, mail("STOP", sender="mia@work.example", subject="Hello"))

    assert (got.classification, got.lead_id) == ("reply", lead)
    assert practice.row("leads", id=lead).opted_out_channels == ["email"]
    assert is_suppressed(practice, "mia@work.example")
    assert is_suppressed(practice, LEAD)


def test_mail_belongs_to_the_lead_that_remains_if_the_last_message_went_to_its_duplicate(
    practice: Practice, lead: UUID
):
    duplicate = practice.capture(email="mia@work.example")
    practice.run(Kind.SEND_MESSAGE)
    practice.run(Kind.DELIVER)
    with transaction() as session:
        merge(session, practice.actor(), lead, duplicate_id=duplicate)
    practice.capture(email="mia@work.example")

    got = receive(practice.clinic_id, mail("Hello again", sender="mia@work.example", subject="Hello"))

    assert (got.classification, got.lead_id) == ("reply", lead)


def test_longer_mail_opts_out_of_nothing(practice: Practice, lead: UUID, sent: Mail):
    receive(practice.clinic_id, answer(sent, "Please stop by tomorrow if you can."))
    assert practice.rows("consents", lead_id=lead) == []


def test_repeated_mail_is_one_row(practice: Practice, lead: UUID, sent: Mail):
    raw = answer(sent)
    first, *others = [receive(practice.clinic_id, raw, via=via) for via in ("imap", "ses", "imap")]
    assert [got.is_repeat for got in (first, *others)] == [False, True, True]
    assert {got.id for got in others} == {first.id}
    assert len(practice.rows("inbound_emails")) == 1
    assert len(practice.rows("lead_activities", lead_id=lead, direction="INBOUND")) == 1
    without_id = answer(sent, message_id=None)
    assert [receive(practice.clinic_id, without_id).is_repeat for _ in range(2)] == [False, True]


def test_thread_continues_after_an_answer_without_our_ids(practice: Practice, lead: UUID, sent: Mail):
    first = answer(sent, message_id="<first@mail.lead.example>")
    receive(practice.clinic_id, first)
    plain = {"to": ADDRESS, "sender": "partner@home.example", "references": None}
    got = receive(practice.clinic_id, answer(sent, "Me too.", **plain, in_reply_to="<first@mail.lead.example>"))
    assert (got.classification, got.lead_id) == ("reply", lead)


def test_automatic_answers_stop_nothing(practice: Practice, lead: UUID, sent: Mail):
    before = pending_names(practice, lead)
    corpus = list(automatic_answers(sent, 180))[::3]  # the path through the database takes most of the time
    with transaction() as session:
        results = [receive_email(session, practice.clinic_id, raw, received_at=now(), via="imap") for raw in corpus]
    assert {got.classification for got in results} == {Classification.AUTO_REPLY}
    assert {got.lead_id for got in results} == {lead}
    assert pending_names(practice, lead) == before
    assert practice.step(lead, name="call").state in PENDING
    assert way(practice, lead).state == "active"
    assert practice.row("leads", id=lead).replied_at is None
    entries = practice.rows("lead_activities", lead_id=lead, direction="INBOUND")
    assert len(entries) == 60
    assert all(entry.is_auto_reply for entry in entries)
    assert practice.rows("notifications", template="email-reply") == []


def test_own_mail_changes_nothing(practice: Practice, lead: UUID, sent: Mail):
    coordinator = practice.row("users", id=practice.people[Role.TREATMENT_COORDINATOR]).email
    for raw in (sent.raw, mail(sender=f"Bright Smiles <{ADDRESS}>", to=LEAD), mail(sender=coordinator, to=LEAD)):
        assert receive(practice.clinic_id, raw).classification == Classification.OWN
    assert practice.step(lead, name="call").state in PENDING


def test_reply_of_a_converted_lead_is_kept(practice: Practice, lead: UUID, sent: Mail):
    practice.convert(lead)
    got = receive(practice.clinic_id, answer(sent))
    assert (got.classification, got.lead_id) == ("reply", lead)
    assert practice.row("inbound_emails", id=got.id).activity_id is None


def test_unknown_sender_becomes_a_lead_if_the_clinic_wants_it(practice: Practice):
    set_address(practice, unknown_senders="lead")
    got = receive(practice.clinic_id, mail("Do you treat adults?", sender="Keller, Ana <ana@new.example>"))
    assert got.classification == "reply"
    made = practice.row("leads", id=got.lead_id)
    assert (made.first_name, made.last_name, made.email, made.capture_channel) == (
        "Ana", "Keller", "ana@new.example", "EMAIL",
    )  # fmt: skip
    [source] = sql("SELECT name FROM lead_sources WHERE id = :id", id=made.source_id)
    assert source.name == "E-mail"
    again = receive(practice.clinic_id, mail("Hello?", sender="ana@new.example"))
    assert again.lead_id == got.lead_id
    assert receive(practice.clinic_id, mail(sender="b@new.example", precedence="bulk")).lead_id is None


@pytest.mark.parametrize(
    ("sender", "name"),
    [("Win at evil.example/x <ana@new.example>", "ana"), ("www.evil.com <evil.com@new.example>", "Unknown")],
)
def test_new_lead_is_not_named_by_an_address(practice: Practice, sender: str, name: str):
    set_address(practice, unknown_senders="lead")
    got = receive(practice.clinic_id, mail("Do you treat adults?", sender=sender))
    made = practice.row("leads", id=got.lead_id)
    assert (made.first_name, made.last_name) == (name, "")


def test_reply_that_arrives_while_the_step_is_due_stops_it(practice: Practice, lead: UUID, sent: Mail, watch: Watch):
    watch.advance(days=3)
    with transaction() as session:
        receive_email(session, practice.clinic_id, answer(sent), received_at=now(), via="imap")
        practice.run(Kind.CREATE_TASK)  # a worker finds the lead locked, and leaves its step
    practice.run(Kind.CREATE_TASK)
    assert practice.step(lead, name="call").state == "cancelled"
    assert practice.rows("lead_tasks", lead_id=lead, title="Call") == []
    assert timedelta() == practice.row("leads", id=lead).replied_at - now()


def test_hostile_mail_is_stored_as_unreadable(practice: Practice):
    poison = b"From: mia@lead.example\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * 1000
    for is_repeat in (False, True):
        got = receive(practice.clinic_id, poison)
        assert (got.classification, got.lead_id, got.is_repeat) == ("unreadable", None, is_repeat)
    assert practice.row("inbound_emails", id=got.id).reason == "too many parts"
    assert len(practice.rows("inbound_raw_emails", id=got.id)) == 1


def test_user_answers_at_night_and_a_lost_lead(
    practice: Practice, lead: UUID, sent: Mail, smtp: SmtpServer, watch: Watch
):
    got = receive(practice.clinic_id, answer(sent, "Which day?", message_id="<q@mail.lead.example>"))
    practice.lose(lead)
    watch.advance(hours=14)  # 1 in the night
    with transaction() as session:
        data = {"channel": "email", "body": "Friday.", "in_reply_to": got.id}
        write_message(session, practice.actor(), lead, data)
    practice.run(Kind.DELIVER)
    [_, written] = smtp.received
    original = sent.message["Message-ID"]
    assert (written.recipient, written.message["Subject"]) == (LEAD, "Re: Hello")
    assert written.message["In-Reply-To"] == "<q@mail.lead.example>"
    assert written.message["References"] == f"{original} <q@mail.lead.example>"
    assert written.message["Auto-Submitted"] is None
    assert receive(practice.clinic_id, answer(written, "Thanks.", message_id="<t@x.example>")).lead_id == lead
