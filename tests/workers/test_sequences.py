"""Enrollments from entry to the last step, run by workers."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.automation.sequences.enrollments.enroll import EnrollmentResult
from app.engine.models import Kind
from tests.support.enrolling import call, came_by, mail, playbook, put, sequence, way
from tests.support.practice import TUESDAY, Practice, Watch, sql
from tests.support.smtp import SmtpServer
from workers.sweeps.run import sweep

pytest_plugins = ["tests.support.practice"]

OpenWith = Callable[..., Practice]


@pytest.fixture
def open_with(open_practice: Callable[..., Practice]) -> OpenWith:
    def open_playbook(*sequences: Any, **parts: Any) -> Practice:
        return open_practice(playbook=playbook(*sequences, **parts))

    return open_playbook


def test_sequence_conditions_are_checked_before_the_message_is_written_only(open_with: OpenWith, smtp: SmtpServer):
    unheard = [{"field": "enrollment.replied", "equals": False}]
    practice = open_with(sequence(mail("hello", only_if=unheard), mail("again", "1 day", unless=unheard)))
    lead = practice.capture()
    put(practice, lead)
    practice.run_due()
    practice.run(Kind.DELIVER)
    assert [note.state for note in practice.rows("notifications", lead_id=lead)] == ["sent"]


def test_event_enrolls_and_each_step_is_planned_after_the_previous_one(
    open_with: OpenWith, watch: Watch, smtp: SmtpServer
):
    practice = open_with(sequence(mail("hello"), mail("again", "2 days"), enroll={"on": "lead.created"}))
    lead = practice.capture()
    practice.run_due()
    following = practice.pending(lead)[-1]
    assert (following.name, following.due_at) == ("welcome/again", TUESDAY + timedelta(days=2))
    assert following.cause["sequence_version"] == 1
    practice.run(Kind.DELIVER)
    watch.advance(days=2)
    practice.run_due()
    assert (way(practice, lead).state, came_by(practice, lead)) == (
        "completed",
        [("hello", "done"), ("again", "done")],
    )
    assert len(practice.rows("notifications", template="one")) == 2


def test_message_waits_until_the_one_before_is_sent(open_with: OpenWith, watch: Watch, smtp: SmtpServer):
    practice = open_with(sequence(mail("hello"), mail("again", "1 minute")))
    lead = practice.capture()
    smtp.on("rcpt", "450 4.2.0 Greylisted", times=2)
    put(practice, lead)
    practice.run_due()
    practice.run(Kind.DELIVER)
    watch.advance(seconds=1)
    sql("UPDATE steps SET due_at = due_at + interval '10 minutes' WHERE kind = 'deliver'")
    watch.advance(minutes=1)
    practice.run_due()
    again = practice.step(lead, name="welcome/again")
    retried = practice.step(lead, kind=Kind.DELIVER)
    assert (again.state, again.reason) == ("planned", "previous_message")
    assert again.due_at == retried.due_at + timedelta(seconds=5)
    while practice.pending(lead):
        watch.set(practice.pending(lead)[0].due_at)
        practice.run_due()
        practice.run(Kind.DELIVER)
    sent = [note.sent_at for note in practice.rows("notifications", lead_id=lead)]
    assert (sent == sorted(sent), len(smtp.accepted), way(practice, lead).state) == (True, 2, "completed")


def test_message_does_not_wait_for_one_that_failed(open_with: OpenWith, watch: Watch, smtp: SmtpServer):
    practice = open_with(sequence(mail("hello"), mail("again", "1 minute")))
    lead = practice.capture()
    smtp.on("rcpt", "552 5.2.2 Mailbox full", times=1)
    put(practice, lead)
    practice.run_due()
    practice.run(Kind.DELIVER)
    watch.advance(minutes=1)
    practice.run_due()
    practice.run(Kind.DELIVER)
    assert [note.state for note in practice.rows("notifications", lead_id=lead)] == ["failed", "sent"]


def test_late_step_delays_the_following_ones(open_with: OpenWith, watch: Watch):
    practice = open_with(sequence(call("one", "1 hour"), call("two", "1 hour"), call("three", "1 hour")))
    lead = practice.capture()
    assert put(practice, lead) == [EnrollmentResult.ENROLLED]
    watch.advance(hours=10)
    practice.run_due()
    assert practice.pending(lead)[-1].due_at == TUESDAY + timedelta(hours=11)
    assert len(practice.rows("lead_tasks", lead_id=lead)) == 1


def test_reply_ends_the_enrollment_at_once(open_with: OpenWith):
    practice = open_with(sequence(mail("hello", "1 day"), mail("again", "2 days")))
    lead = practice.capture()
    put(practice, lead)
    practice.hear_from(lead)
    assert (way(practice, lead).state, way(practice, lead).reason) == ("exited", "replied")
    assert [step.reason for step in practice.steps(lead, name="welcome/hello")] == ["replied"]


def test_automatic_reply_does_not_count_as_a_reply(open_with: OpenWith):
    practice = open_with(sequence(mail("hello", "1 day")))
    lead = practice.capture()
    put(practice, lead)
    practice.log(lead, "EMAIL", direction="INBOUND", is_auto_reply=True)
    assert way(practice, lead).state == "active"


def test_blocking_task_holds_the_enrollment(open_with: OpenWith, watch: Watch):
    practice = open_with(sequence(call("speak", waits=True), mail("after", "1 day")))
    lead = practice.capture()
    put(practice, lead)
    practice.run_due()
    watch.advance(days=9)
    practice.run_due()
    held, [task] = way(practice, lead), practice.rows("lead_tasks", lead_id=lead)
    assert (held.state, held.waits_for_task_id, held.step_id) == ("active", task.id, None)
    practice.complete(task.id)
    [step] = practice.steps(lead, name="welcome/after")
    assert step.due_at == TUESDAY + timedelta(days=10)


@pytest.mark.parametrize(("tags", "taken"), [([], "one"), (["vip"], "two")])
def test_branch_is_decided_when_it_is_due(open_with: OpenWith, tags: list[str], taken: str):
    decide = {"if": [{"field": "lead.tags", "contains": "vip"}], "then": "two", "else": "one"}
    practice = open_with(
        sequence({"name": "which", "branch": decide}, call("one", next="end"), call("two")),
    )
    lead = practice.capture(tags=tags)
    put(practice, lead)
    practice.run_due()
    assert came_by(practice, lead) == [("which", "done"), (taken, "done")]
    assert way(practice, lead).state == "completed"


def test_skipped_step_is_followed_by_the_next(open_with: OpenWith):
    never = [{"field": "lead.status", "equals": "LOST"}]
    practice = open_with(sequence(call("one", only_if=never), call("two")))
    lead = practice.capture()
    put(practice, lead)
    practice.run_due()
    assert came_by(practice, lead) == [("one", "condition_not_met"), ("two", "done")]


def test_unreachable_lead_leaves_the_sequence(open_with: OpenWith):
    practice = open_with(sequence(mail("hello"), call("two")))
    lead = practice.capture(email=None)
    put(practice, lead)
    practice.run_due()
    assert (way(practice, lead).reason, came_by(practice, lead)) == ("no_address", [("hello", "no_address")])


def test_lead_is_enrolled_once(open_with: OpenWith):
    practice = open_with(sequence(call("one", "1 day")))
    lead = practice.capture()
    assert [put(practice, lead), put(practice, lead)] == [[EnrollmentResult.ENROLLED], [EnrollmentResult.ALREADY_IN]]
    practice.opt_out(lead)
    assert put(practice, lead) == [EnrollmentResult.OPTED_OUT]
    assert len(practice.rows("enrollments")) == 1


def test_enrolled_lead_has_a_next_action(open_with: OpenWith, watch: Watch):
    practice = open_with(sequence({"name": "rest", "after": "3 days", "wait": {}}, mail("hello")))
    waiting, idle = practice.capture(), practice.capture()
    put(practice, waiting)
    watch.advance(hours=1)
    sweep("find_leads_without_next_action")
    marked = [row.id for row in practice.rows("leads") if row.without_next_action_since]
    assert marked == [idle]
