"""Attempts: messages that were handed over and did not come back, unless they answer the lead."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app import clock
from app.core.db import transaction
from app.engine.models import Kind
from app.leads.duplicates.merge import merge
from app.messaging.delivery.retry import Resolution, resolve, retry
from app.messaging.inbound.answers import write_message
from app.messaging.inbound.models import Classification
from tests.support.delivery_reports import LEAD, reports
from tests.support.inbound import answer, mail, receive, set_address
from tests.support.practice import Practice, Watch, sql
from tests.support.smtp import Mail, SmtpServer

A_DAY = timedelta(days=1)
BREAK_UP = "break-up-email-after-message"


@pytest.fixture
def practice(open_practice: Callable[..., Practice], smtp: SmtpServer) -> Practice:
    practice = open_practice()
    set_address(practice)
    return practice


def write(practice: Practice, lead: UUID) -> UUID:
    """Write an e-mail to the lead, as a user."""
    with transaction() as session:
        return write_message(session, practice.actor(), lead, {"channel": "email", "subject": "Hi", "body": "Friday?"})


def send(practice: Practice, lead: UUID) -> UUID:
    """Write an e-mail to the lead, and hand it over."""
    message = write(practice, lead)
    practice.run(Kind.DELIVER)
    return message


def come_back(practice: Practice, sent: Mail, kind: Classification = Classification.BOUNCE_SOFT) -> None:
    """Receive the report that the mail server could not deliver the message."""
    [report, *_] = (one for one in reports(sent) if one.kind is kind and one.is_ours)
    assert receive(practice.clinic_id, report.raw).classification is kind


def counts(practice: Practice, lead: UUID) -> tuple[int, datetime | None, datetime | None]:
    known = practice.row("leads", id=lead)
    return known.failed_attempts, known.first_contact_at, known.contacted_at


def entry(practice: Practice, lead: UUID) -> Any:
    return practice.row("lead_activities", lead_id=lead, type="EMAIL", direction="OUTBOUND")


def attempts(practice: Practice, lead: UUID) -> int:
    return len(practice.rows("events", lead_id=lead, name="lead.attempt_failed"))


def test_message_counts_when_it_is_handed_over(practice: Practice, watch: Watch):
    lead = practice.capture(email=LEAD)
    write(practice, lead)
    assert (counts(practice, lead), entry(practice, lead).counts_as) == ((0, None, None), "waiting")
    watch.advance(hours=3)
    practice.run(Kind.DELIVER)
    assert counts(practice, lead) == (1, clock.now(), None)
    assert (entry(practice, lead).counts_as, entry(practice, lead).occurred_at) == (None, clock.now())
    assert attempts(practice, lead) == 1


def test_message_that_a_provider_refuses_counts_for_nothing_until_it_is_sent(practice: Practice, smtp: SmtpServer):
    lead = practice.capture(email=LEAD)
    smtp.on("rcpt", "552 5.2.2 Mailbox full", times=1)
    message = send(practice, lead)
    assert (counts(practice, lead), entry(practice, lead).counts_as) == ((0, None, None), "undelivered")
    with transaction() as session:
        retry(session, practice.actor(), message)
    practice.run(Kind.DELIVER)
    assert (counts(practice, lead)[0], entry(practice, lead).counts_as, attempts(practice, lead)) == (1, None, 1)


def test_message_that_is_stopped_counts_for_nothing(practice: Practice):
    lead = practice.capture(email=LEAD)
    write(practice, lead)
    practice.opt_out(lead)
    practice.run(Kind.DELIVER)
    assert (counts(practice, lead), entry(practice, lead).counts_as) == ((0, None, None), "undelivered")


def test_message_with_an_unknown_outcome_counts_when_it_is_resolved_as_sent(practice: Practice):
    lead = practice.capture(email=LEAD)
    message = write(practice, lead)
    sql("UPDATE notifications SET state = 'unknown', handed_over_at = created_at WHERE id = :id", id=message)
    with transaction() as session:
        resolve(session, practice.actor(), message, as_=Resolution.SENT)
    assert (counts(practice, lead)[0], entry(practice, lead).counts_as) == (1, None)


def test_bounce_takes_back_the_count_and_its_steps(practice: Practice, watch: Watch, smtp: SmtpServer):
    lead = practice.capture(email=LEAD)
    practice.fail_to_reach(lead, times=2)
    first = clock.now()
    watch.advance(hours=1)
    send(practice, lead)
    assert counts(practice, lead) == (3, first, None)
    assert BREAK_UP in {step.name for step in practice.pending(lead)}
    watch.advance(minutes=5)
    come_back(practice, smtp.received[-1])
    assert counts(practice, lead) == (2, first, None)
    assert {step.reason for step in practice.steps(lead, name=BREAK_UP)} == {"undelivered"}
    practice.fail_to_reach(lead, times=1)
    assert counts(practice, lead)[0] == 3


COUNTED = """
name: counted
rules:
  - name: third
    on: lead.attempt_failed
    when: [{ field: lead.failed_attempts, greater_than: 2 }]
    after: 3 days
    stop_on: []
    do: [{ create_task: { type: CALL, title: Ask at home } }]
  - name: first-tries
    on: lead.attempt_failed
    when: [{ field: lead.failed_attempts, less_than: 3 }]
    after: 3 days
    stop_on: []
    do: [{ create_task: { type: CALL, title: Try again } }]
  - name: whoever-asks
    on: activity.logged
    when:
      - { field: event.type, equals: NOTE }
      - any: [{ field: lead.failed_attempts, equals: 3 }, { field: lead.status, equals: LOST }]
    after: 2 days
    do: [{ create_task: { type: CALL, title: Look at the lead } }]
  - name: at-once
    on: activity.logged
    when: [{ field: event.type, equals: NOTE }, { field: lead.failed_attempts, equals: 3 }]
    do: [{ create_task: { type: CALL, title: Tell the manager } }]
"""


@pytest.fixture
def counting(open_practice: Callable[..., Practice]) -> Practice:
    """A clinic whose rules ask for the number of attempts, on events of several kinds."""
    practice = open_practice(playbook=COUNTED)
    set_address(practice)
    return practice


def three_attempts(practice: Practice, watch: Watch, smtp: SmtpServer) -> tuple[UUID, Mail]:
    """Return a lead and the first of its three attempts, a message."""
    lead = practice.capture(email=LEAD)
    send(practice, lead)
    for _ in range(2):
        watch.advance(hours=1)
        practice.fail_to_reach(lead, times=1)
    watch.advance(minutes=1)
    practice.log(lead, "NOTE", notes="Three attempts")  # other rules ask for the number now
    assert Counter(step.name for step in practice.pending(lead)) == {
        "third": 1,
        "first-tries": 2,
        "whoever-asks": 1,
        "at-once": 1,
    }
    return lead, smtp.received[0]


def test_bounce_takes_back_the_steps_of_the_number_of_attempts(counting: Practice, watch: Watch, smtp: SmtpServer):
    lead, sent = three_attempts(counting, watch, smtp)
    come_back(counting, sent)
    assert counts(counting, lead)[0] == 2
    reasons = Counter((step.name, step.state, step.reason) for step in counting.steps(lead, kind=Kind.CREATE_TASK))
    assert reasons == {
        ("third", "cancelled", "undelivered"): 1,
        ("whoever-asks", "cancelled", "undelivered"): 1,
        ("at-once", "cancelled", "undelivered"): 1,
        ("first-tries", "cancelled", "undelivered"): 1,  # of the message itself
        ("first-tries", "planned", None): 1,
    }


def test_steps_stay_if_another_attempt_has_reached_their_number(counting: Practice, watch: Watch, smtp: SmtpServer):
    lead, sent = three_attempts(counting, watch, smtp)
    counting.fail_to_reach(lead, times=1)
    come_back(counting, sent)
    assert counts(counting, lead)[0] == 3
    assert Counter(step.name for step in counting.pending(lead)) == {
        "third": 2,
        "first-tries": 1,
        "whoever-asks": 1,
        "at-once": 1,
    }


def test_step_of_an_attempt_that_ran_stays_and_the_timeline_says_why(
    counting: Practice, watch: Watch, smtp: SmtpServer
):
    lead, sent = three_attempts(counting, watch, smtp)
    counting.run_due()
    come_back(counting, sent)
    assert [task.title for task in counting.rows("lead_tasks", lead_id=lead)] == ["Tell the manager"]
    notes = [entry.notes for entry in counting.rows("lead_activities", lead_id=lead, type="NOTE")]
    why = (
        "A message to the lead came back, so it is no attempt: attempts without a response are now 2."
        " What rules did because of that attempt stays: At once."
    )
    assert notes == ["Three attempts", why]


def test_bounce_after_a_response_takes_back_no_steps_of_attempts(counting: Practice, watch: Watch, smtp: SmtpServer):
    lead, sent = three_attempts(counting, watch, smtp)
    counting.hear_from(lead)
    before = {step.id for step in counting.pending(lead) if step.name == "third"}
    watch.advance(hours=1)
    counting.fail_to_reach(lead, times=1)
    come_back(counting, sent)
    assert before
    assert before <= {step.id for step in counting.pending(lead)}


def test_first_contact_that_bounced_is_none(practice: Practice, smtp: SmtpServer):
    lead = practice.capture(email=LEAD)
    send(practice, lead)
    come_back(practice, smtp.received[-1], Classification.BOUNCE_HARD)
    assert (counts(practice, lead), entry(practice, lead).counts_as) == ((0, None, None), "undelivered")


def test_answers_within_a_conversation_are_no_attempts(practice: Practice, watch: Watch, smtp: SmtpServer):
    lead = practice.capture(email=LEAD)
    practice.run_due()
    send(practice, lead)
    watch.advance(hours=2)
    receive(practice.clinic_id, answer(smtp.received[-1], "Which day?"))
    for _ in range(3):
        watch.advance(minutes=10)
        send(practice, lead)
    assert (counts(practice, lead)[0], counts(practice, lead)[2]) == (0, clock.now())
    assert practice.row("leads", id=lead).pipeline_stage == "contacted"
    assert [task.status for task in practice.rows("lead_tasks", lead_id=lead)] == ["COMPLETED"]
    watch.advance(days=2)
    send(practice, lead)
    assert counts(practice, lead)[0] == 1  # the conversation is over


CHASE = """
name: chase
rules:
  - name: first
    on: lead.created
    stop_on: [lead.contacted]
    do: [{ create_task: { type: CALL, title: Initial Contact, due: { after: 1 hour } } }]
  - name: chase
    on: lead.created
    after: 3 days
    stop_on: [lead.contacted]
    do: [{ create_task: { type: CALL, title: Nobody answered } }]
  - name: met
    on: lead.contacted
    after: 1 day
    do: [{ create_task: { type: CALL, title: Book } }]
"""


@pytest.fixture
def answered(open_practice: Callable[..., Practice], watch: Watch, smtp: SmtpServer) -> tuple[Practice, UUID]:
    """A lead that wrote, and an answer that ended the first contact."""
    practice = open_practice(playbook=CHASE)
    set_address(practice)
    lead = practice.capture(email=LEAD)
    practice.run_due()
    receive(practice.clinic_id, mail("Are you open on Friday?"))
    watch.advance(minutes=10)
    send(practice, lead)
    assert [task.status for task in practice.rows("lead_tasks", lead_id=lead)] == ["COMPLETED"]
    assert [step.name for step in practice.pending(lead)] == ["met"]
    watch.advance(minutes=10)
    return practice, lead


def test_answer_that_bounced_ended_nothing(answered: tuple[Practice, UUID], watch: Watch, smtp: SmtpServer):
    practice, lead = answered
    come_back(practice, smtp.received[-1])
    known = practice.row("leads", id=lead)
    assert (known.contacted_at, known.first_contact_at, known.pipeline_stage) == (None, None, "new_lead")
    assert "contacted" not in known.past_stages
    task = practice.row("lead_tasks", lead_id=lead)
    assert (task.status, task.completed_at, task.activity_id) == ("PENDING", None, None)
    assert [step.name for step in practice.pending(lead)] == ["chase"]
    watch.advance(days=3)
    practice.run_due()
    assert {task.title for task in practice.rows("lead_tasks", lead_id=lead)} == {"Initial Contact", "Nobody answered"}


def test_answer_that_bounced_after_another_contact_leaves_its_end(
    answered: tuple[Practice, UUID], watch: Watch, smtp: SmtpServer
):
    practice, lead = answered
    practice.speak_with(lead)
    at = clock.now()
    watch.advance(minutes=10)
    come_back(practice, smtp.received[-1])
    known = practice.row("leads", id=lead)
    assert (known.contacted_at, known.first_contact_at, known.pipeline_stage) == (at, at, "contacted")
    assert [task.status for task in practice.rows("lead_tasks", lead_id=lead)] == ["COMPLETED"]
    assert "chase" not in {step.name for step in practice.pending(lead)}


def test_late_first_answer_is_an_answer(practice: Practice, watch: Watch):
    lead = practice.capture(email=LEAD)
    receive(practice.clinic_id, mail("Are you open on Friday?"))
    watch.advance(days=3)
    send(practice, lead)
    assert counts(practice, lead) == (0, clock.now(), clock.now())


def test_reply_before_the_answer_of_the_server_is_recorded_is_no_answer_of_ours(practice: Practice, watch: Watch):
    lead = practice.capture(email=LEAD)
    message = write(practice, lead)
    sql("UPDATE notifications SET state = 'unknown', handed_over_at = created_at WHERE id = :id", id=message)
    watch.advance(minutes=5)
    practice.hear_from(lead)
    with transaction() as session:
        resolve(session, practice.actor(), message, as_=Resolution.SENT)
    known = practice.row("leads", id=lead)
    assert (known.failed_attempts, known.contacted_at, attempts(practice, lead)) == (0, None, 0)
    assert known.first_contact_at == clock.now() - timedelta(minutes=5)


@pytest.mark.parametrize("words", ["STOP", "Arrêt", "Baja."])
def test_stop_is_no_response(practice: Practice, words: str):
    lead = practice.capture(email=LEAD)
    receive(practice.clinic_id, mail(words))
    known = practice.row("leads", id=lead)
    assert (known.replied_at, "email" in known.opted_out_channels) == (None, True)
    assert practice.rows("events", lead_id=lead, name="lead.replied") == []
    assert practice.rows("notifications", channel="in_app", template="email-reply") == []
    assert practice.row("lead_activities", lead_id=lead, direction="INBOUND").counts_as == "opt_out"


def test_start_without_a_stop_is_a_reply(practice: Practice):
    lead = practice.capture(email=LEAD)
    receive(practice.clinic_id, mail("Start"))
    assert practice.row("leads", id=lead).replied_at == clock.now()


@pytest.mark.parametrize("response", ["spoke", "reply"])
def test_response_that_is_logged_late_keeps_the_attempts_after_it(practice: Practice, watch: Watch, response: str):
    lead = practice.capture()
    practice.fail_to_reach(lead, times=2)
    watch.advance(hours=5)
    practice.fail_to_reach(lead, times=1)
    then = clock.now() - timedelta(hours=2)
    given = {"outcome": "spoke"} if response == "spoke" else {"type": "EMAIL", "direction": "INBOUND"}
    practice.log(lead, occurred_at=then, **given)
    assert counts(practice, lead)[0] == 1
    practice.log(lead, occurred_at=then - timedelta(hours=1))  # a response followed it
    assert (counts(practice, lead)[0], attempts(practice, lead)) == (1, 3)


def test_merge_counts_the_attempts_after_the_last_response_of_either(practice: Practice, watch: Watch):
    survivor, duplicate = practice.capture(), practice.capture()
    practice.fail_to_reach(survivor, times=2)
    watch.advance(hours=1)
    practice.hear_from(duplicate)
    watch.advance(hours=1)
    practice.fail_to_reach(duplicate, times=1)
    with transaction() as session:
        merge(session, practice.actor(), survivor, duplicate_id=duplicate)
    assert counts(practice, survivor)[0] == 1


def break_ups(practice: Practice, lead: UUID) -> set[str]:
    """Return the rules whose break-up e-mails are pending."""
    return {step.name for step in practice.pending(lead) if step.kind == Kind.SEND_MESSAGE and "break-up" in step.name}


def test_attempt_after_a_merge_that_skips_the_third_one_plans_the_break_up(practice: Practice, watch: Watch):
    survivor, duplicate = practice.capture(), practice.capture()
    for lead in (survivor, duplicate):
        practice.fail_to_reach(lead, times=2)
    with transaction() as session:
        merge(session, practice.actor(), survivor, duplicate_id=duplicate)
    assert (counts(practice, survivor)[0], break_ups(practice, survivor)) == (4, set())

    practice.fail_to_reach(survivor, times=1)

    assert break_ups(practice, survivor) == {"break-up-email"}
    assert practice.step(survivor, name="break-up-email", kind=Kind.SUGGEST_LOST)


def test_break_up_is_sent_once_for_attempts_without_an_answer(practice: Practice, watch: Watch, smtp: SmtpServer):
    lead = practice.capture(email=LEAD)
    mails = []
    for _ in range(3):
        watch.advance(hours=1)
        send(practice, lead)
        mails.append(smtp.received[-1])
    assert break_ups(practice, lead) == {BREAK_UP}
    come_back(practice, mails[0])
    assert counts(practice, lead)[0] == 2
    assert break_ups(practice, lead) == set()
    practice.fail_to_reach(lead, times=1)
    assert (counts(practice, lead)[0], break_ups(practice, lead)) == (3, {"break-up-email"})
    watch.advance(days=4)
    for _ in range(3):
        practice.run(Kind.SUGGEST_LOST)
        practice.run(Kind.SEND_MESSAGE)
        practice.run(Kind.DELIVER)
        watch.advance(hours=9)
    practice.fail_to_reach(lead, times=2)

    assert break_ups(practice, lead) == set()
    assert len(practice.rows("notifications", lead_id=lead, template="break-up-email")) == 1

    practice.hear_from(lead)
    practice.fail_to_reach(lead, times=3)
    assert break_ups(practice, lead) == {"break-up-email"}


# Acts of a random history, and the minutes before each.
ACTS = ("write", "write", "write", "bounce", "bounce", "call", "spoke", "late", "reply", "reply")
histories = st.lists(st.tuples(st.sampled_from(ACTS), st.integers(1, 3000)), min_size=6, max_size=16)


@dataclass
class Oracle:
    """The rule, computed from the whole history after each act."""

    messages: list[tuple[Mail, datetime, bool]] = field(default_factory=list)  # and whether it is an answer
    calls: list[datetime] = field(default_factory=list)
    talks: list[datetime] = field(default_factory=list)
    replies: list[datetime] = field(default_factory=list)

    @property
    def contacts(self) -> list[datetime]:
        return self.talks + [at for _, at, is_answer in self.messages if is_answer]

    @property
    def tries(self) -> list[datetime]:
        return self.calls + [at for _, at, is_answer in self.messages if not is_answer]

    def write(self, mail: Mail, at: datetime) -> None:
        heard, met = max(self.replies, default=None), max(self.contacts, default=None)
        is_answer = heard is not None and (at - heard <= A_DAY or met is None or met < heard)
        self.messages.append((mail, at, is_answer))

    def counts(self) -> tuple[int, datetime | None, datetime | None]:
        last = max(self.contacts + self.replies, default=None)
        failed = [at for at in self.tries if last is None or at > last]
        return len(failed), min(self.tries + self.contacts, default=None), max(self.contacts, default=None)


@settings(max_examples=10, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(acts=histories)
def test_weeks_of_messages_equal_an_oracle(
    open_practice: Callable[..., Practice], watch: Watch, smtp: SmtpServer, acts: list[tuple[str, int]]
):
    practice, known = open_practice(), Oracle()
    set_address(practice)
    lead = practice.capture(email=LEAD)
    for act, minutes in acts:
        watch.advance(minutes=minutes)
        at = clock.now()
        if act == "write":
            send(practice, lead)
            known.write(smtp.received[-1], at)
        elif act == "bounce" and known.messages:
            sent, _, _ = known.messages.pop()
            come_back(practice, sent)
            sql("DELETE FROM suppressions WHERE clinic_id = :clinic", clinic=practice.clinic_id)
        elif act == "call":
            practice.fail_to_reach(lead, times=1)
            known.calls.append(at)
        elif act == "spoke":
            practice.speak_with(lead)
            known.talks.append(at)
        elif act == "late":
            practice.log(lead, outcome="spoke", occurred_at=at - timedelta(hours=20))
            known.talks.append(at - timedelta(hours=20))
        elif act == "reply":
            practice.hear_from(lead)
            known.replies.append(at)
        assert counts(practice, lead) == known.counts(), act
        assert practice.row("leads", id=lead).pipeline_stage == ("contacted" if known.contacts else "new_lead"), act
