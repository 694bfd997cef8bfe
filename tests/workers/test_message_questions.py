"""Messages of leads that a user decides about: doubtful automatic replies, and requests for no more messages."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import transaction
from app.engine.models import Kind, Reason
from app.errors import Invalid
from app.identity.actor import Actor
from app.identity.clinics import load_context
from app.identity.models import Role
from app.messaging.inbound.mail_list import assign, list_emails
from app.messaging.inbound.models import InboundEmail
from app.messaging.inbound.questions import Answer, NothingToDecide, decide_email
from app.messaging.inbound.receive import Received
from app.tasks.lifecycle.closing import complete
from tests.support.enrolling import mail as message_step
from tests.support.enrolling import playbook, sequence, way
from tests.support.inbound import answer, mail, messaged_lead, receive, set_address
from tests.support.practice import Practice, Watch
from tests.support.smtp import Mail, SmtpServer
from workers.sweeps.run import sweep

RULES: list[dict[str, Any]] = [
    {"name": "hello", "on": "lead.created", "do": [{"send_message": {"channel": "email", "template": "one"}}]},
    {
        "name": "later",
        "on": "lead.created",
        "after": "1 day",
        "do": [{"send_message": {"channel": "email", "template": "two"}}],
    },
]
AWAY = {"text": "I am out of the office until Monday.", "subject": "Hello"}


@pytest.fixture
def practice(open_practice: Callable[..., Practice], smtp: SmtpServer) -> Practice:
    practice = open_practice(playbook=playbook(sequence(message_step("first", "2 days")), rules=RULES))
    set_address(practice)
    return practice


@pytest.fixture
def lead(practice: Practice) -> UUID:
    return messaged_lead(practice, "mia@lead.example")


@pytest.fixture
def sent(lead: UUID, smtp: SmtpServer, watch: Watch) -> Mail:
    [sent] = smtp.received
    watch.advance(hours=1)  # programs answer at once
    return sent


def decide(practice: Practice, got: Received, chosen: str) -> InboundEmail:
    with transaction() as session:
        return decide_email(session, _admin(practice, session), got.id, {"answer": Answer(chosen)})


def _admin(practice: Practice, session: Session) -> Actor:
    return Actor.system(load_context(session, practice.clinic_id))


def test_doubtful_reply_pauses_the_sequence_and_messages_wait(
    practice: Practice, lead: UUID, sent: Mail, watch: Watch, smtp: SmtpServer
):
    got = receive(practice.clinic_id, answer(sent, **AWAY))

    assert (got.classification, got.lead_id) == ("unsure", lead)
    row = practice.row("inbound_emails", id=got.id)
    assert (row.question, row.reason) == ("author", "text")
    assert (way(practice, lead).state, way(practice, lead).reason) == ("paused", "question")
    assert practice.row("leads", id=lead).replied_at is None
    assert practice.row("notifications", template="email-unsure").user_id == practice.people[Role.TREATMENT_COORDINATOR]
    watch.advance(days=1)
    practice.run(Kind.SEND_MESSAGE)
    later = practice.step(lead, name="later")
    assert (later.reason, later.due_at) == (Reason.AWAITS_DECISION, row.decide_by)
    assert len(smtp.received) == 1


@pytest.mark.parametrize(("chosen", "state"), [("program", "active"), ("person", "exited")])
def test_decision_lets_the_sequence_go_on_or_end(
    practice: Practice, lead: UUID, sent: Mail, watch: Watch, chosen: str, state: str
):
    got = receive(practice.clinic_id, answer(sent, **AWAY))
    watch.advance(days=1)
    practice.run(Kind.SEND_MESSAGE)

    decide(practice, got, chosen)

    assert way(practice, lead).state == state
    row = practice.row("inbound_emails", id=got.id)
    assert (row.classification, row.decide_by) == ({"program": "auto_reply", "person": "reply"}[chosen], None)
    [entry] = practice.rows("lead_activities", lead_id=lead, direction="INBOUND")
    assert entry.is_auto_reply is (chosen == "program")
    assert (practice.row("leads", id=lead).replied_at is not None) is (chosen == "person")
    if chosen == "program":
        assert practice.step(lead, name="later").due_at == now()
    with pytest.raises(NothingToDecide):
        decide(practice, got, chosen)


def test_enrollment_stays_paused_while_another_question_is_open(practice: Practice, lead: UUID, sent: Mail):
    first, second = (receive(practice.clinic_id, answer(sent, **AWAY)) for _ in range(2))

    decide(practice, first, "program")
    assert (way(practice, lead).state, way(practice, lead).reason) == ("paused", "question")

    decide(practice, second, "program")
    assert way(practice, lead).state == "active"


def test_decision_must_fit_the_question(practice: Practice, lead: UUID, sent: Mail):
    got = receive(practice.clinic_id, answer(sent, **AWAY))
    with pytest.raises(Invalid):
        decide(practice, got, "opt_out")


@pytest.mark.parametrize(("setting", "kind"), [("resume", "auto_reply"), ("stop", "reply")])
def test_setting_decides_after_two_business_days(
    practice: Practice, lead: UUID, sent: Mail, watch: Watch, setting: str, kind: str
):
    set_address(practice, unsure_replies=setting)
    got = receive(practice.clinic_id, answer(sent, **AWAY))
    watch.advance(hours=1)
    assert sweep("decide_late_questions") == 0
    watch.advance(days=5)

    assert sweep("decide_late_questions") == 1

    assert practice.row("inbound_emails", id=got.id).classification == kind
    assert way(practice, lead).state == ("active" if setting == "resume" else "exited")


REQUEST = "Please remove me from your list.\n\nMia"


def test_request_for_no_more_messages_waits_for_a_user(
    practice: Practice, lead: UUID, sent: Mail, watch: Watch, smtp: SmtpServer
):
    got = receive(practice.clinic_id, answer(sent, REQUEST))

    row = practice.row("inbound_emails", id=got.id)
    assert (row.classification, row.question) == ("reply", "opt_out")
    practice.run(Kind.CREATE_TASK)
    task = practice.row("lead_tasks", lead_id=lead, priority="URGENT")
    assert task.assigned_to_id == practice.people[Role.TREATMENT_COORDINATOR]
    watch.advance(days=1)
    practice.run(Kind.SEND_MESSAGE)
    assert practice.step(lead, name="later").reason in (Reason.AWAITS_DECISION, Reason.REPLIED)
    assert practice.row("leads", id=lead).opted_out_at is None
    assert len(smtp.received) == 1

    decide(practice, got, "opt_out")
    assert practice.row("leads", id=lead).opted_out_at is not None


@pytest.mark.parametrize(
    "text", ["Cancel", "Annulla", "I am busy these days and have\nno time for a call. " * 40 + REQUEST]
)
def test_words_that_may_be_about_an_appointment_and_late_requests_ask_a_person(
    practice: Practice, lead: UUID, sent: Mail, text: str
):
    got = receive(practice.clinic_id, answer(sent, text))

    assert practice.row("inbound_emails", id=got.id).question == "opt_out"
    assert practice.rows("consents", lead_id=lead) == []
    assert practice.row("leads", id=lead).replied_at is not None
    assert practice.row("notifications", template="email-reply").user_id == practice.people[Role.TREATMENT_COORDINATOR]


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("Hello,\n\nSTOP\n\nRegards\nAnn", "Re: Hello"),
        ("Stop bitte\nJo Brandt\nLeiter Einkauf\nBrandt GmbH\n+49 30 5550143", "AW: Hallo"),
        ("", "Unsubscribe please"),
    ],
)
def test_stop_word_in_a_polite_mail_is_obeyed_without_a_question(
    practice: Practice, lead: UUID, sent: Mail, text: str, subject: str
):
    got = receive(practice.clinic_id, answer(sent, text, subject=subject))

    row = practice.row("inbound_emails", id=got.id)
    assert (row.question, row.decide_by) == (None, None)
    [consent] = practice.rows("consents", lead_id=lead)
    assert (consent.way, consent.is_given, consent.source) == ("email", False, "keyword")
    assert practice.row("leads", id=lead).replied_at is None


def test_request_is_obeyed_after_ten_business_days(practice: Practice, lead: UUID, sent: Mail, watch: Watch):
    receive(practice.clinic_id, answer(sent, REQUEST))
    watch.advance(days=9)
    assert sweep("decide_late_questions") == 0
    watch.advance(days=8)
    assert sweep("decide_late_questions") == 1
    assert practice.row("leads", id=lead).opted_out_at is not None


def test_list_has_the_open_questions(practice: Practice, lead: UUID, sent: Mail):
    receive(practice.clinic_id, answer(sent, "Yes, please."))
    got = receive(practice.clinic_id, answer(sent, **AWAY))
    with transaction() as session:
        actor = _admin(practice, session)
        found = list_emails(session, actor, {"is_open_question": True, "limit": 10})
        assert [one["id"] if isinstance(one, dict) else one.id for one in found.items] == [got.id]


WEAK = {"list_id": "<staff.firm.example>", "return_path": "<>"}


@pytest.fixture
def at_once(lead: UUID, smtp: SmtpServer, watch: Watch) -> Mail:
    [sent] = smtp.received
    watch.advance(seconds=10)
    return sent


def test_request_with_weak_headers_is_asked_about(practice: Practice, lead: UUID, at_once: Mail):
    got = receive(practice.clinic_id, answer(at_once, REQUEST, **WEAK, feedback_id="1:x", precedence="bulk"))
    row = practice.row("inbound_emails", id=got.id)
    assert (row.classification, row.question) == ("reply", "opt_out")


def test_request_in_the_subject_of_a_mail_without_text_counts_as_well(practice: Practice, lead: UUID, at_once: Mail):
    headers = {**WEAK, "feedback_id": "1:x", "precedence": "bulk", "subject": "Please do not write to me any more"}
    got = receive(practice.clinic_id, answer(at_once, "", **headers))
    row = practice.row("inbound_emails", id=got.id)
    assert (row.classification, row.question) == ("reply", "opt_out")


def test_request_in_a_doubtful_mail_is_asked_about_once_a_person_wrote_it(
    practice: Practice, lead: UUID, at_once: Mail
):
    got = receive(practice.clinic_id, answer(at_once, f"{AWAY['text']} {REQUEST}", subject="Hello"))
    assert got.classification == "unsure"

    assert decide(practice, got, "person").question == "opt_out"

    row = practice.row("inbound_emails", id=got.id)
    assert (row.classification, row.decide_by is not None) == ("reply", True)
    practice.run(Kind.CREATE_TASK)
    assert practice.row("lead_tasks", lead_id=lead, priority="URGENT")
    decide(practice, got, "opt_out")
    assert practice.row("leads", id=lead).opted_out_at is not None


def test_request_in_a_doubtful_mail_is_asked_about_in_the_end(
    practice: Practice, lead: UUID, at_once: Mail, watch: Watch
):
    got = receive(practice.clinic_id, answer(at_once, f"{AWAY['text']} {REQUEST}", subject="Hello"))
    assert got.classification == "unsure"
    watch.advance(days=5)
    assert sweep("decide_late_questions") == 1
    assert practice.row("inbound_emails", id=got.id).question == "opt_out"
    assert practice.row("leads", id=lead).opted_out_at is None
    watch.advance(days=12)
    assert sweep("decide_late_questions") == 1
    assert practice.row("leads", id=lead).opted_out_at is not None


@pytest.mark.parametrize(
    "headers", [WEAK, {**WEAK, "feedback_id": "1:x", "precedence": "bulk"}, {"auto_submitted": "auto-replied"}]
)
def test_stop_word_is_obeyed_with_headers_of_programs(
    practice: Practice, lead: UUID, at_once: Mail, headers: dict[str, str]
):
    got = receive(practice.clinic_id, answer(at_once, "STOP", **headers))

    assert (got.classification, got.lead_id) == ("reply", lead)
    assert "email" in practice.row("leads", id=lead).opted_out_channels
    assert practice.row("consents", lead_id=lead).source == "keyword"


def test_request_in_a_mail_that_a_user_assigned_is_asked_about(practice: Practice, lead: UUID):
    got = receive(practice.clinic_id, mail(REQUEST, sender="partner@home.example", subject="Hello"))
    assert got.classification == "unmatched"
    with transaction() as session:
        assign(session, _admin(practice, session), got.id, {"lead_id": lead})
    assert practice.row("inbound_emails", id=got.id).question == "opt_out"


def request_task(practice: Practice, lead: UUID) -> Any:
    return practice.row("lead_tasks", lead_id=lead, title="Asks for no more messages: decide")


@pytest.mark.parametrize("chosen", ["opt_out", "keep_writing"])
def test_decision_about_a_request_completes_its_task(practice: Practice, lead: UUID, sent: Mail, chosen: str):
    first, second = (receive(practice.clinic_id, answer(sent, REQUEST)) for _ in range(2))
    practice.run(Kind.CREATE_TASK)

    decide(practice, first, chosen)

    if chosen == "keep_writing":  # the other request is still open
        assert {task.status for task in practice.rows("lead_tasks", lead_id=lead, priority="URGENT")} == {"PENDING"}
        decide(practice, second, chosen)
    assert {task.status for task in practice.rows("lead_tasks", lead_id=lead, priority="URGENT")} == {"COMPLETED"}
    assert practice.row("inbound_emails", id=second.id).decide_by is None
    assert (practice.row("leads", id=lead).opted_out_at is not None) is (chosen == "opt_out")


def test_stop_word_answers_an_open_request(practice: Practice, lead: UUID, sent: Mail):
    got = receive(practice.clinic_id, answer(sent, REQUEST))
    practice.run(Kind.CREATE_TASK)
    receive(practice.clinic_id, answer(sent, "STOP"))
    assert practice.row("inbound_emails", id=got.id).decide_by is None
    assert request_task(practice, lead).status == "COMPLETED"


def test_request_that_is_decided_at_once_gets_no_task(practice: Practice, lead: UUID, sent: Mail):
    got = receive(practice.clinic_id, answer(sent, REQUEST))
    decide(practice, got, "keep_writing")
    practice.run(Kind.CREATE_TASK)
    assert practice.rows("lead_tasks", lead_id=lead, title="Asks for no more messages: decide") == []


def test_completed_task_of_a_request_opts_the_lead_out(practice: Practice, lead: UUID, sent: Mail):
    got = receive(practice.clinic_id, answer(sent, REQUEST))
    practice.run(Kind.CREATE_TASK)
    with transaction() as session:
        complete(session, practice.actor(), request_task(practice, lead).id)
    assert practice.row("leads", id=lead).opted_out_at is not None
    assert practice.row("inbound_emails", id=got.id).decide_by is None


def test_clear_reply_answers_the_question_about_the_author(practice: Practice, lead: UUID, sent: Mail):
    got = receive(practice.clinic_id, answer(sent, **AWAY))
    assert way(practice, lead).state == "paused"
    receive(practice.clinic_id, answer(sent, "Yes, please."))
    row = practice.row("inbound_emails", id=got.id)
    assert (row.classification, row.decide_by) == ("unsure", None)
    assert way(practice, lead).state == "exited"
