"""Enrollments go on where they stopped when the contact or reply that ended them was none."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.automation.sequences.enrollments.service import pause_enrollment
from app.clock import now
from app.core.db import transaction
from app.engine.models import Kind
from app.messaging.inbound.answers import write_message
from app.messaging.inbound.models import Classification
from app.messaging.inbound.questions import Answer, NothingToDecide, decide_email
from app.messaging.inbound.receive import Received
from tests.support.delivery_reports import LEAD, reports
from tests.support.enrolling import call, came_by, playbook, put, sequence, way
from tests.support.enrolling import mail as message_step
from tests.support.inbound import mail, receive, set_address
from tests.support.practice import Practice, Watch
from tests.support.smtp import Mail, SmtpServer

EXITS = ["lead.contacted", "lead.replied", "lead.opted_out", "message.bounced", "consultation.scheduled"]
RULES: list[dict[str, Any]] = [
    {
        "name": "chase",
        "on": "lead.created",
        "after": "5 days",
        "stop_on": ["lead.replied"],
        "do": [{"create_task": {"type": "CALL", "title": "Nobody answered"}}],
    },
    {
        "name": "read-it",
        "on": "lead.replied",
        "after": "1 day",
        "stop_on": [],
        "do": [{"create_task": {"type": "CALL", "title": "Read the reply"}}],
    },
]


@pytest.fixture
def practice(open_practice: Callable[..., Practice], smtp: SmtpServer) -> Practice:
    steps = (message_step("first"), message_step("second", "4 days"), call("third", waits=True), message_step("last"))
    written = sequence(*steps, exit_on=EXITS, label="in-welcome", exclusive=True)
    other = sequence(message_step("hello"), name="other", exclusive=True)
    practice = open_practice(playbook=playbook(written, other, rules=RULES))
    set_address(practice)
    return practice


@pytest.fixture
def lead(practice: Practice, watch: Watch) -> UUID:
    """A lead that got the first message of its sequence a day ago."""
    lead = practice.capture(email=LEAD)
    put(practice, lead)
    practice.run_due()
    practice.run(Kind.DELIVER)
    watch.advance(days=1)
    assert way(practice, lead).step == "second"
    return lead


def reply(practice: Practice, text: str = "I will read your message on Monday.") -> Received:
    got = receive(practice.clinic_id, mail(text))
    assert got.classification is Classification.REPLY
    return got


def decide(practice: Practice, got: Received, chosen: str) -> None:
    with transaction() as session:
        decide_email(session, practice.actor(), got.id, {"answer": Answer(chosen)})


def answer_that_bounces(practice: Practice, lead: UUID, watch: Watch, smtp: SmtpServer, kind: Classification) -> None:
    """Answer the lead, which ends its enrollment, and receive the report that the answer came back."""
    with transaction() as session:
        write_message(session, practice.actor(), lead, {"channel": "email", "subject": "Hi", "body": "Friday?"})
    practice.run(Kind.DELIVER)
    assert (way(practice, lead).state, way(practice, lead).reason) == ("exited", "stopped")
    watch.advance(hours=2)
    come_back(practice, smtp.received[-1], kind)


def come_back(practice: Practice, sent: Mail, kind: Classification) -> None:
    [report, *_] = (one for one in reports(sent) if one.kind is kind and one.is_ours)
    assert receive(practice.clinic_id, report.raw).classification is kind


def tags(practice: Practice, lead: UUID) -> list[str]:
    found: list[str] = practice.row("leads", id=lead).tags
    return found


@pytest.fixture
def asked(practice: Practice, watch: Watch) -> UUID:
    """A lead that wrote, and was then enrolled: an answer to it is a contact."""
    lead = practice.capture(email=LEAD)
    reply(practice, "Are you open on Friday?")
    put(practice, lead)
    practice.run_due()
    practice.run(Kind.DELIVER)
    watch.advance(hours=3)
    return lead


def test_answer_that_bounced_lets_the_sequence_go_on(practice: Practice, asked: UUID, watch: Watch, smtp: SmtpServer):
    answer_that_bounces(practice, asked, watch, smtp, Classification.BOUNCE_SOFT)

    found = way(practice, asked)
    assert (found.state, found.step, found.ended_at, found.reason) == ("active", "second", None, None)
    assert practice.step(asked, id=found.step_id).due_at == now() + timedelta(days=4) - timedelta(hours=3)
    assert tags(practice, asked) == ["in-welcome"]
    watch.advance(days=4)
    practice.run_due()
    assert came_by(practice, asked) == [("first", "done"), ("second", "done"), ("third", "done")]


def test_hard_bounce_ends_the_sequence_as_a_bounce(practice: Practice, asked: UUID, watch: Watch, smtp: SmtpServer):
    answer_that_bounces(practice, asked, watch, smtp, Classification.BOUNCE_HARD)
    assert (way(practice, asked).state, way(practice, asked).reason) == ("exited", "bounced")


def test_answer_that_bounced_after_a_conversation_lets_nothing_go_on(
    practice: Practice, asked: UUID, watch: Watch, smtp: SmtpServer
):
    with transaction() as session:
        write_message(session, practice.actor(), asked, {"channel": "email", "subject": "Hi", "body": "Friday?"})
    practice.run(Kind.DELIVER)
    watch.advance(hours=1)
    practice.speak_with(asked)
    come_back(practice, smtp.received[-1], Classification.BOUNCE_SOFT)
    assert way(practice, asked).state == "exited"


def test_reply_of_a_program_lets_everything_go_on(practice: Practice, lead: UUID, watch: Watch):
    due = practice.step(lead, name="chase").due_at
    practice.fail_to_reach(lead, times=2)
    got = reply(practice)
    assert (way(practice, lead).state, way(practice, lead).reason) == ("exited", "replied")
    assert (practice.row("leads", id=lead).failed_attempts, tags(practice, lead)) == (0, [])
    watch.advance(days=1)

    decide(practice, got, "program")

    known, found = practice.row("leads", id=lead), way(practice, lead)
    assert (known.replied_at, known.failed_attempts, known.tags) == (None, 2, ["in-welcome"])
    assert (found.state, found.step) == ("active", "second")
    assert practice.step(lead, id=found.step_id).due_at == now() + timedelta(days=3)
    assert (practice.step(lead, name="chase").state, practice.step(lead, name="chase").due_at) == ("planned", due)
    assert practice.step(lead, name="read-it").reason == "no_reply"
    row = practice.row("inbound_emails", id=got.id)
    assert (row.classification, row.question, row.handled_by) == ("auto_reply", "author", practice.actor().user_id)
    with pytest.raises(NothingToDecide):
        decide(practice, got, "program")


def test_mail_that_was_taken_for_a_programs_counts_as_a_reply(practice: Practice, lead: UUID):
    got = receive(practice.clinic_id, mail("I am away until Monday.", Auto_Submitted="auto-replied"))
    assert (got.classification, way(practice, lead).state) == (Classification.AUTO_REPLY, "active")

    decide(practice, got, "person")

    assert practice.row("leads", id=lead).replied_at == now()
    assert (way(practice, lead).state, way(practice, lead).reason) == ("exited", "replied")
    assert practice.row("inbound_emails", id=got.id).classification == "reply"


def test_decision_for_a_person_can_be_corrected(practice: Practice, lead: UUID, watch: Watch):
    got = receive(practice.clinic_id, mail("I am out of the office until Monday.", subject="Hello"))
    assert (got.classification, way(practice, lead).reason) == (Classification.UNSURE, "question")
    watch.advance(hours=1)
    decide(practice, got, "person")
    assert way(practice, lead).reason == "replied"
    watch.advance(days=2)

    decide(practice, got, "program")

    found = way(practice, lead)
    assert (found.state, practice.step(lead, id=found.step_id).due_at) == ("active", now() + timedelta(days=3))


@pytest.mark.parametrize("what", ["reply", "booking", "other sequence", "opt-out", "loss"])
def test_sequence_stays_ended_if_a_later_event_ends_it(practice: Practice, lead: UUID, watch: Watch, what: str):
    got = reply(practice)
    watch.advance(hours=1)
    if what == "reply":
        reply(practice, "Yes, call me please!")
    elif what == "booking":
        practice.move(lead, "consultation_scheduled")
    elif what == "other sequence":
        put(practice, lead, into="other")
    elif what == "opt-out":
        practice.opt_out(lead)
    else:
        practice.lose(lead)
    watch.advance(hours=1)

    decide(practice, got, "program")

    [welcome, *_] = practice.rows("enrollments", lead_id=lead)
    assert (welcome.state, welcome.reason) == ("exited", "replied")
    assert (practice.row("leads", id=lead).replied_at is not None) is (what == "reply")


def test_paused_enrollment_is_paused_again(practice: Practice, lead: UUID, watch: Watch):
    with transaction() as session:
        pause_enrollment(session, practice.actor(), way(practice, lead).id)
    before = way(practice, lead)
    got = reply(practice)
    decide(practice, got, "program")
    found = way(practice, lead)
    assert (found.state, found.reason, found.seconds_left) == ("paused", "by_hand", before.seconds_left)


def test_enrollment_that_waits_for_a_task_goes_on_with_it(practice: Practice, lead: UUID, watch: Watch):
    watch.advance(days=4)
    practice.run_due()
    [task] = practice.rows("lead_tasks", lead_id=lead, title="Call them")
    got = reply(practice)
    watch.advance(hours=1)
    decide(practice, got, "program")
    assert (way(practice, lead).state, way(practice, lead).waits_for_task_id) == ("active", task.id)

    got = reply(practice)
    practice.cancel(task.id)
    decide(practice, got, "program")
    assert (way(practice, lead).state, way(practice, lead).step) == ("active", "last")
