"""Circuit breaker: a failing rule is paused, admins are notified, and a user resumes it."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest

from app.api.clinic.settings_schemas import ContactPolicyIn
from app.automation.rules.service import change_rule, create_rule, delete_rule, find_rule, get_rule
from app.automation.sequences.service import change_sequence
from app.core.db import transaction
from app.engine.models import Kind
from app.engine.statistics.outcome_statistics import Series, reset_counts
from app.identity.models import Role
from app.messaging.contact_policy.settings import set_contact_policy
from tests.support.concurrency import run_concurrently
from tests.support.enrolling import mail, playbook, sequence
from tests.support.practice import Practice, Watch, at, sql
from tests.support.smtp import SmtpServer
from workers.sweeps.run import sweep

PAUSE = "pause_failing_rules"
OURS = """
name: ours
rules:
  - name: hello
    on: lead.created
    do: [{send_message: {channel: email, template: hello}}]
  - name: later
    on: lead.created
    after: 2 hours
    do: [{send_message: {channel: email, template: hello}}]
  - name: call
    on: lead.created
    do: [{create_task: {type: CALL, title: Call}}]
templates:
  hello: {subject: Hello, body: Hello}
"""
REFUSED = "550 5.1.1 No such user"


@pytest.fixture
def practice(open_practice: Callable[..., Practice], smtp: SmtpServer) -> Practice:
    return open_practice(playbook=OURS)


def allow(practice: Practice, **breaker: Any) -> None:
    policy = ContactPolicyIn().read({"breaker": {"min_messages": 4, **breaker}})
    with transaction() as session:
        set_contact_policy(session, practice.actor(), policy)


def send(practice: Practice) -> None:
    """Write and deliver all due messages."""
    practice.run_due()
    while practice.run(Kind.DELIVER) or practice.run(Kind.DELIVER_TO_USER):
        pass


def figures(practice: Practice, slug: str) -> dict[str, int]:
    found = sql(
        "SELECT sum(done)::int AS done, sum(sent)::int AS sent, sum(failed)::int AS failed,"
        " sum(bounced)::int AS bounced, sum(opted_out)::int AS opted_out FROM series_hours"
        " WHERE clinic_id = :c AND series = :s",
        c=practice.clinic_id,
        s=slug,
    )
    return {name: n for name, n in vars(found[0]).items() if n}


def rule(practice: Practice, slug: str) -> dict[str, Any]:
    [row] = practice.rows("rules", slug=slug)
    with transaction() as session:
        return get_rule(session, practice.actor(), row.id)


def switch(practice: Practice, slug: str, *, is_on: bool) -> None:
    with transaction() as session:
        found = find_rule(session, practice.actor(), rule(practice, slug)["id"])
        change_rule(session, practice.actor(), found.id, {"is_active": is_on}, seen=None)


def states(steps: Sequence[Any]) -> set[tuple[str, str | None]]:
    return {(step.state, step.reason) for step in steps}


def fail(practice: Practice, smtp: SmtpServer) -> None:
    """Send five messages of the rule `hello`, of which two are refused."""
    for times in (0, 2):
        smtp.on("rcpt", REFUSED, times=times)
        for _ in range(2 if times else 3):
            practice.capture()
        send(practice)


def test_results_of_steps_are_counted_per_rule_and_hour(practice: Practice, smtp: SmtpServer):
    fail(practice, smtp)
    assert figures(practice, "hello") == {"sent": 3, "failed": 2}
    assert figures(practice, "call") == {"done": 5}
    assert figures(practice, "later") == {}


def test_failed_steps_of_any_kind_count_as_failures(practice: Practice):
    lead = practice.capture()
    step = practice.step(lead, name="call")
    sql("UPDATE steps SET params = '{}', attempts = 4 WHERE id = :id", id=step.id)
    practice.run(Kind.CREATE_TASK, step)
    assert practice.step(lead, name="call").state == "failed"
    assert figures(practice, "call") == {"failed": 1}


def test_rule_above_the_limit_is_paused_and_admins_are_notified(practice: Practice, smtp: SmtpServer):
    allow(practice)
    fail(practice, smtp)
    assert sweep(PAUSE) == 1
    paused = rule(practice, "hello")
    why = "2 of 5 steps failed within 24 hours: 40.0% (limit 20.0%)."
    assert (paused["is_active"], paused["paused_because"], paused["version"]) == (False, why, 2)
    assert rule(practice, "call")["is_active"]
    told = practice.rows("notifications", template="rule-paused")
    admin = practice.people[Role.CLINIC_ADMIN]
    assert {(note.user_id, note.channel) for note in told} == {(admin, "in_app"), (admin, "email")}
    assert all(why in note.body and note.subject == "The rule hello is paused" for note in told)
    smtp.received.clear()
    send(practice)
    assert [letter.message["Subject"] for letter in smtp.received] == ["The rule hello is paused"]
    [entry] = sql("SELECT * FROM audit_entries WHERE clinic_id = :c AND subject = 'rule'", c=practice.clinic_id)
    assert (entry.user_id, entry.operation, entry.act) == (None, "sweeps.pause_failing_rules", "update")
    assert sweep(PAUSE) == 0
    assert len(practice.rows("notifications", template="rule-paused")) == 2


def test_paused_rule_plans_nothing_and_its_steps_wait_until_it_is_resumed(
    practice: Practice, smtp: SmtpServer, watch: Watch
):
    allow(practice)
    early = practice.capture()
    send(practice)
    _trip(practice, "later")
    late = practice.capture()
    assert practice.steps(late, name="later") == []
    watch.advance(hours=2)
    practice.run_due()
    waiting = practice.step(early, name="later")
    assert (waiting.state, waiting.reason, waiting.attempts) == ("planned", "rule_paused", 0)
    assert waiting.due_at == at("2026-03-10T13:15")
    assert waiting.outcome == {"waits_since": at("2026-03-10T13:00").isoformat()}
    watch.advance(minutes=15)
    practice.run_due()
    assert practice.step(early, name="later").due_at == at("2026-03-10T13:30")
    switch(practice, "later", is_on=True)
    assert rule(practice, "later")["paused_because"] is None
    assert figures(practice, "later") == {}
    watch.advance(minutes=15)
    practice.run_due()
    assert states(practice.steps(early, name="later")) == {("done", None)}
    assert sweep(PAUSE) == 0


def test_deactivating_a_paused_rule_cancels_its_waiting_steps(practice: Practice, watch: Watch):
    allow(practice)
    lead = practice.capture()
    _trip(practice, "later")
    watch.advance(hours=2)
    practice.run_due()
    switch(practice, "later", is_on=False)
    watch.advance(minutes=15)
    practice.run_due()
    assert states(practice.steps(lead, name="later")) == {("skipped", "rule_inactive")}


def test_lateness_of_a_resumed_step_counts_from_its_first_due_time(practice: Practice, watch: Watch):
    allow(practice)
    lead = practice.capture()
    sql("UPDATE steps SET lateness = 1200 WHERE lead_id = :l AND name = 'later'", l=lead)
    _trip(practice, "later")
    watch.advance(hours=2)
    practice.run_due()
    watch.advance(minutes=15)
    practice.run_due()
    assert practice.step(lead, name="later").reason == "rule_paused"  # 15 minutes late, of 20
    watch.advance(minutes=15)
    practice.run_due()
    step = practice.step(lead, name="later")
    assert (step.state, step.reason, step.outcome) == ("skipped", "too_late", {"late_seconds": 1800})


def test_deliveries_of_a_paused_rule_wait(practice: Practice, smtp: SmtpServer, watch: Watch):
    allow(practice)
    lead = practice.capture()
    practice.run_due()
    _trip(practice, "hello")
    practice.run(Kind.DELIVER)
    delivery = practice.step(lead, kind="deliver")
    assert (delivery.state, delivery.reason) == ("planned", "rule_paused")
    assert smtp.received == []
    switch(practice, "hello", is_on=True)
    watch.advance(minutes=15)
    practice.run(Kind.DELIVER)
    assert [letter.message["Subject"] for letter in smtp.received] == ["Hello"]


def test_opt_out_is_counted_for_the_rule_of_the_last_message(practice: Practice, watch: Watch):
    allow(practice, opt_outs=0.2)
    leads = [practice.capture() for _ in range(4)]
    send(practice)
    watch.advance(hours=2)
    send(practice)
    practice.opt_out(leads[0])
    practice.opt_out(leads[0])
    assert (figures(practice, "later"), figures(practice, "hello")) == ({"sent": 4, "opted_out": 1}, {"sent": 4})
    assert sweep(PAUSE) == 1
    why = "1 leads opted out after 4 messages within 24 hours: 25.0% (limit 20.0%)."
    assert rule(practice, "later")["paused_because"] == why


def test_late_opt_out_is_counted_for_no_rule(practice: Practice, watch: Watch):
    lead = practice.capture()
    send(practice)
    watch.advance(days=8)
    practice.opt_out(lead)
    assert figures(practice, "hello") == {"sent": 1}


@pytest.mark.parametrize("breaker", [{"failures": None}, {"min_messages": 6}, {"failures": 0.4}])
def test_rate_below_the_clinics_limit_pauses_nothing(practice: Practice, smtp: SmtpServer, breaker: dict[str, Any]):
    allow(practice, **breaker)
    fail(practice, smtp)
    assert sweep(PAUSE) == 0


def test_clinic_without_a_breaker_pauses_nothing(practice: Practice, smtp: SmtpServer):
    with transaction() as session:
        set_contact_policy(session, practice.actor(), ContactPolicyIn().read({"breaker": None}))
    fail(practice, smtp)
    assert sweep(PAUSE) == 0


def test_results_older_than_a_day_are_not_counted(practice: Practice, smtp: SmtpServer, watch: Watch):
    allow(practice)
    fail(practice, smtp)
    watch.advance(hours=25)
    assert sweep(PAUSE) == 0
    assert figures(practice, "hello") == {}


def test_concurrent_workers_lose_no_counts(practice: Practice):
    for _ in range(40):
        practice.capture()
    steps = [step for step in practice.pending() if step.name == "call"]
    run_concurrently(*[partial(practice.run, Kind.CREATE_TASK, *steps[i::4]) for i in range(4)])
    assert figures(practice, "call") == {"done": 40}


def test_sequence_is_paused_and_resumed_like_a_rule(
    open_practice: Callable[..., Practice], smtp: SmtpServer, watch: Watch
):
    steps = sequence(mail("hello"), mail("again", "2 days"), enroll={"on": "lead.created"})
    practice = open_practice(playbook=playbook(steps))
    allow(practice)
    lead = practice.capture()
    send(practice)
    assert figures(practice, "welcome") == {"sent": 1}
    smtp.on("rcpt", REFUSED, times=3)
    for _ in range(3):
        practice.capture()
    send(practice)
    assert sweep(PAUSE) == 1
    [paused] = practice.rows("sequences")
    why = "3 of 4 steps failed within 24 hours: 75.0% (limit 20.0%)."
    assert (paused.active, paused.paused_because) == (False, why)
    told = practice.rows("notifications", template="rule-paused", channel="in_app")
    assert [note.subject for note in told] == ["The sequence welcome is paused"]
    watch.advance(days=2)
    send(practice)
    with transaction() as session:
        change_sequence(session, practice.actor(), paused.id, {"is_active": True}, seen=None)
    smtp.received.clear()
    send(practice)
    assert practice.rows("sequences")[0].paused_because is None
    assert figures(practice, "welcome")["sent"] == len(smtp.received) > 0
    assert sweep(PAUSE) == 0
    assert {step.name for step in practice.steps(lead, state="done") if step.kind == "send_message"} == {
        "welcome/hello",
        "welcome/again",
    }


def _trip(practice: Practice, slug: str) -> None:
    """Pause the rule by failing so many of its messages."""
    sql(
        "INSERT INTO series_hours SELECT :c, :s, date_trunc('hour', CAST(:now AS timestamptz)), 0, 0, 5, 5, 0, 0",
        c=practice.clinic_id,
        s=slug,
        now=at("2026-03-10T11:00"),
    )
    assert sweep(PAUSE) == 1


def test_runs_of_a_rule_are_counted_beyond_the_hours_of_the_breaker(practice: Practice, smtp: SmtpServer, watch: Watch):
    practice.capture(email="ana@lead.example")
    send(practice)
    smtp.on("rcpt", REFUSED, times=1)
    practice.capture(email="bob@lead.example")
    send(practice)
    assert rule(practice, "hello")["runs"] == (2, 1, 1)
    assert rule(practice, "call")["runs"] == (2, 2, 0)

    watch.advance(hours=30)
    sweep(PAUSE)
    assert figures(practice, "hello") == {}
    assert rule(practice, "hello")["runs"] == (2, 1, 1)
    practice.capture(email="cia@lead.example")
    send(practice)
    with transaction() as session:
        reset_counts(session, Series(practice.clinic_id, "call"))
    assert rule(practice, "call")["runs"] == (3, 3, 0)
    assert rule(practice, "later")["runs"][2] == 0


def test_rule_that_is_created_again_has_no_runs_of_the_deleted_one(practice: Practice):
    practice.capture(email="ana@lead.example")
    practice.run_due()
    old = rule(practice, "call")
    assert old["runs"].total == 1
    with transaction() as session:
        delete_rule(session, practice.actor(), old["id"], seen=None)
    again = {**old["definition"], "is_active": True, "is_draft": False}
    with transaction() as session:
        assert create_rule(session, practice.actor(), again)["runs"].total == 0
