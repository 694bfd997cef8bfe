"""Steps that wait for an event: whoever ends the wait wakes them, and no wake-up is lost."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app.automation.lead_view.step_changes import cancel_step
from app.automation.rules.service import change_rule
from app.clock import now
from app.core.db import transaction
from app.engine.models import Kind, Reason
from app.engine.steps import waiting
from app.messaging.delivery import retry
from app.messaging.outages import store
from app.messaging.outages.breaker import THRESHOLD, WAIT
from app.messaging.sending_accounts import trial_messages
from app.messaging.sending_accounts.service import change_account, delete_account
from tests.support.enrolling import call, mail, playbook, put, sequence, way
from tests.support.mail import SEND
from tests.support.practice import TUESDAY, Practice, Watch, sql
from tests.support.processes import wait_until
from tests.support.sending import allow, connect
from tests.support.smtp import SmtpServer
from workers.pipeline import outcome_recorder
from workers.sweeps.run import sweep

pytest_plugins = ["tests.support.practice"]

OpenPractice = Callable[..., Practice]
SOON = timedelta(seconds=10)
LEADS = 8
STEPS = [mail("hello"), call("speak", "3 seconds"), mail("again", "3 seconds"), call("more", "1 minute")]


def work(practice: Practice, watch: Watch, until: datetime, *, at: datetime | None = None, act: Any = None) -> None:
    """Let workers and beat work until then. The clock jumps to the next due time or sweep. `act` is called at `at`."""
    kinds = (Kind.SEND_MESSAGE, Kind.CREATE_TASK, *Kind.DELIVERIES)
    while now() < until:
        if at is not None and now() >= at:
            act()
            at = None
        sweep("watch_channels")
        for kind in kinds:
            if due := [step for step in practice.pending() if step.kind == kind and step.due_at <= now()]:
                practice.run(kind, *due)
        later = [step.due_at for step in practice.pending() if step.due_at > now()]
        watch.set(min([*later, now() + timedelta(seconds=5), until, *([at] if at is not None else [])]))


def go_through(open_practice: OpenPractice, smtp: SmtpServer, watch: Watch, outage: timedelta) -> dict[str, list[Any]]:
    """Return when the steps of eight enrollments were due and ended, by name, with an outage at the beginning."""
    watch.set(TUESDAY)
    practice = open_practice(playbook=playbook(sequence(*STEPS)))
    leads = [practice.capture() for _ in range(LEADS)]
    if outage:
        smtp.stop()
    put(practice, *leads)
    end: dict[str, Any] = {"at": TUESDAY + outage, "act": smtp.start} if outage else {}
    work(practice, watch, TUESDAY + outage + timedelta(minutes=3), **end)
    assert {way(practice, lead).state for lead in leads} == {"completed"}
    found: dict[str, list[Any]] = {}
    for step in practice.steps():
        if "enrollment_id" in step.cause or step.kind == SEND:
            found.setdefault(step.name, []).append((step.due_at - TUESDAY, step.finished_at - TUESDAY))
    return found


@pytest.mark.parametrize("seconds", [5, 40, 90, 600])
def test_outage_delays_no_step_of_a_sequence_by_more_than_itself(
    open_practice: OpenPractice, smtp: SmtpServer, watch: Watch, seconds: int
) -> None:
    outage = timedelta(seconds=seconds)
    usual = go_through(open_practice, smtp, watch, timedelta())
    delayed = go_through(open_practice, smtp, watch, outage)

    assert delayed.keys() == usual.keys()
    for name, times in usual.items():
        assert len(delayed[name]) == len(times)
        for (due, ended), (due_before, ended_before) in zip(sorted(delayed[name]), sorted(times), strict=True):
            assert due - due_before <= outage + SOON, name
            assert ended - ended_before <= outage + SOON, name


def in_outage(practice: Practice, server: SmtpServer, number: int = THRESHOLD + 3) -> list[Any]:
    """Write messages while the server is away, and return the steps that wait for it."""
    for _ in range(number):
        practice.fail_to_reach(practice.capture())
    practice.run(Kind.SEND_MESSAGE)
    server.stop()
    practice.run(SEND)
    found = that_wait(practice)
    assert len(found) >= number - THRESHOLD + 1
    assert {step.due_at - now() >= WAIT for step in found} == {True}
    return found


def that_wait(practice: Practice) -> list[Any]:
    return [step for step in practice.pending() if step.waits_for is not None]


def change(practice: Practice, account: UUID, **data: Any) -> None:
    with transaction() as session:
        change_account(session, practice.actor(), account, data)


def delete(practice: Practice, account: UUID) -> None:
    with transaction() as session:
        delete_account(session, practice.clinic_id, account)


def add_another(practice: Practice, server: SmtpServer) -> None:
    connect(practice, server, "another", default_for=["email"])


@pytest.mark.parametrize("way_out", ["switched off", "deleted", "another default"])
def test_messages_of_a_broken_account_use_another_at_once(
    practice: Practice, smtp: SmtpServer, watch: Watch, way_out: str
) -> None:
    with SmtpServer() as office, SmtpServer() as another:
        account = connect(practice, office)
        stuck = in_outage(practice, office)
        if way_out == "switched off":
            change(practice, account, is_active=False)
        elif way_out == "deleted":
            delete(practice, account)
        else:
            add_another(practice, another)

        assert that_wait(practice) == []
        for _ in range(3):
            practice.run(SEND)
            watch.advance(seconds=5)
        notes = [row for row in practice.rows("notifications", channel="email") if row.user_id is None]
        if way_out == "another default":  # a message that was tried stays with its account
            assert {row.state for row in notes if row.attempts == 0 or row.account_id != account} == {"sent"}
            assert len(another.accepted) >= len(stuck) - 1
        else:
            assert {row.state for row in notes} == {"sent"}
            assert len(smtp.accepted) == len(notes)


def test_messages_of_a_repaired_account_are_sent_at_once(practice: Practice, smtp: SmtpServer, watch: Watch) -> None:
    with SmtpServer() as office, SmtpServer() as moved:
        account = connect(practice, office)
        in_outage(practice, office)
        allow(office, moved)
        change(practice, account, settings={"host": "127.0.0.1", "port": moved.port}, credentials={})
        for _ in range(3):
            practice.run(SEND)
            watch.advance(seconds=5)
        assert len(moved.accepted) == THRESHOLD + 3
        assert that_wait(practice) == []


def test_account_that_accepts_a_test_message_gets_the_waiting_ones(
    practice: Practice, smtp: SmtpServer, watch: Watch
) -> None:
    with SmtpServer() as office:
        account = connect(practice, office)
        in_outage(practice, office)
        office.start()
        with transaction() as session:
            trial_messages.note_success(session, practice.actor(), account)
        for _ in range(3):
            practice.run(SEND)
            watch.advance(seconds=5)
        assert len(office.accepted) == THRESHOLD + 3


def test_change_that_repairs_nothing_costs_one_failure(practice: Practice, smtp: SmtpServer, watch: Watch) -> None:
    with SmtpServer() as office:
        account = connect(practice, office)
        in_outage(practice, office)
        before = len(practice.rows("deliveries"))
        change(practice, account, name="the same")
        practice.run(SEND)
        assert len(practice.rows("deliveries")) == before + 1
        assert len(that_wait(practice)) >= THRESHOLD + 1


def test_change_of_a_clinic_wakes_no_step_of_another(
    practice: Practice, open_practice: OpenPractice, smtp: SmtpServer, watch: Watch
) -> None:
    other = open_practice()
    in_outage(practice, smtp)
    others = in_outage(other, smtp)
    with SmtpServer() as office:
        connect(practice, office)
    assert that_wait(practice) == []
    assert [step.id for step in that_wait(other)] == [step.id for step in others]


def test_user_sends_a_waiting_message_now(practice: Practice, smtp: SmtpServer, watch: Watch) -> None:
    stuck = in_outage(practice, smtp)
    smtp.start()
    tried = stuck[0].params["notification_id"]
    with transaction() as session:
        sent_now = retry.retry(session, practice.actor(), UUID(tried))
    assert sent_now.state == "pending"

    practice.run(SEND)  # its answer ends the outage, so the others follow
    assert {row.state for row in practice.rows("notifications", channel="email") if str(row.id) == tried} == {"sent"}
    watch.advance(seconds=5)
    practice.run(SEND)
    assert len(smtp.accepted) == THRESHOLD + 3


def test_attempt_by_hand_in_an_outage_waits_again_without_using_a_try(
    practice: Practice, smtp: SmtpServer, watch: Watch
) -> None:
    stuck = in_outage(practice, smtp)
    untried = {str(one.id) for one in practice.rows("notifications", state="pending", attempts=0)}
    step = next(one for one in stuck if one.params["notification_id"] in untried)
    with transaction() as session:
        retry.retry(session, practice.actor(), UUID(step.params["notification_id"]))
    practice.run(SEND)
    again = practice.step(id=step.id)
    assert (again.state, again.reason, again.attempts) == ("planned", Reason.CHANNEL_DOWN, step.attempts)
    assert practice.row("notifications", id=UUID(step.params["notification_id"])).attempts == 1
    practice.run(SEND)
    assert practice.row("notifications", id=UUID(step.params["notification_id"])).attempts == 1


@pytest.mark.parametrize("end", ["failed", "cancelled", "unknown"])
def test_message_of_a_sequence_follows_one_that_will_not_be_sent(
    open_practice: OpenPractice, smtp: SmtpServer, watch: Watch, end: str
) -> None:
    practice = open_practice(playbook=playbook(sequence(mail("hello"), mail("again", "1 minute"))))
    lead = practice.capture()
    put(practice, lead)
    practice.run_due()
    sql("UPDATE steps SET due_at = due_at + interval '1 day' WHERE kind = 'deliver'")
    watch.advance(minutes=1)
    practice.run_due()
    again = practice.step(lead, name="welcome/again")
    assert (again.reason, again.due_at - now() > timedelta(hours=20)) == (Reason.PREVIOUS_MESSAGE, True)

    delivery = practice.step(lead, kind=SEND)
    if end == "cancelled":
        with transaction() as session:
            cancel_step(session, practice.actor(), lead, delivery.id)
    else:
        sql("UPDATE steps SET due_at = :now WHERE kind = 'deliver'", now=now())
        if end == "failed":
            smtp.on("rcpt", "552 5.2.2 Mailbox full", times=1)
            practice.run(SEND, delivery)
        else:
            lost = "state = 'running', lease_until = :now"
            sql(f"UPDATE steps SET {lost} WHERE kind = 'deliver'", now=now() - timedelta(seconds=1))
            sql("UPDATE notifications SET state = 'sending'")
            sweep("rescue_expired_leases")
    assert practice.step(lead, name="welcome/again").due_at == now()


Event = Callable[[], object]


@pytest.fixture
def at_the_end(monkeypatch: pytest.MonkeyPatch) -> Callable[[Event, bool], list[Thread]]:
    """Let an event happen while a worker lets a step wait: before its last look, or between that and its commit."""

    def arrange(event: Event, is_before: bool) -> list[Thread]:
        threads: list[Thread] = []
        confirm = outcome_recorder.confirm_waits

        def confirm_with_event(session: Any, ends: Any, **given: Any) -> Any:
            if not any(getattr(end, "waits_for", None) for _, end in ends) or threads:
                return confirm(session, ends, **given)
            thread = Thread(target=event)
            threads.append(thread)
            if is_before:
                thread.start()
                thread.join()
                return confirm(session, ends, **given)
            confirmed = confirm(session, ends, **given)
            thread.start()
            blocked = "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            wait_until(lambda: sql(blocked)[0].n > 0, 60, "the event to wait for the worker")
            return confirmed

        monkeypatch.setattr(outcome_recorder, "confirm_waits", confirm_with_event)
        return threads

    return arrange


@pytest.mark.parametrize("is_before", [True, False], ids=["before the last look", "before the commit"])
@pytest.mark.parametrize("event", ["end of an outage", "new account", "switched off"])
def test_no_end_of_a_wait_for_a_sender_is_lost(
    practice: Practice,
    smtp: SmtpServer,
    watch: Watch,
    at_the_end: Callable[[Event, bool], list[Thread]],
    event: str,
    is_before: bool,
) -> None:
    with SmtpServer() as office, SmtpServer() as another:
        account = connect(practice, office)
        in_outage(practice, office, THRESHOLD + 1)
        practice.fail_to_reach(practice.capture())
        practice.run(Kind.SEND_MESSAGE)
        [late] = [
            step for step in practice.pending() if step.kind == SEND and step.attempts == 0 and not step.waits_for
        ]

        def end_outage() -> None:  # as a probe does
            with transaction() as session:
                store.record_probe(session, str(account), None)
            with transaction() as session:
                store.release_waiting(session)

        events: dict[str, Event] = {
            "end of an outage": end_outage,
            "new account": partial(add_another, practice, another),
            "switched off": partial(change, practice, account, is_active=False),
        }
        threads = at_the_end(events[event], is_before)
        practice.run(SEND, late)
        for thread in threads:
            thread.join()
        assert len(threads) == 1
        found = practice.step(id=late.id)
        assert found.due_at <= now() + timedelta(seconds=1), found


@pytest.mark.parametrize("is_before", [True, False], ids=["before the last look", "before the commit"])
def test_no_settled_message_is_lost(
    open_practice: OpenPractice,
    smtp: SmtpServer,
    watch: Watch,
    at_the_end: Callable[[Event, bool], list[Thread]],
    is_before: bool,
) -> None:
    practice = open_practice(playbook=playbook(sequence(mail("hello"), mail("again", "1 minute"))))
    lead = practice.capture()
    put(practice, lead)
    practice.run_due()
    watch.advance(minutes=1)
    note = practice.row("notifications", lead_id=lead)

    def settle() -> None:  # as a worker does that records the answer
        with transaction() as session:
            session.execute(text("UPDATE notifications SET state = 'sent' WHERE id = :id"), {"id": note.id})
            waiting.wake(session, [waiting.settled(note.id)])

    sql("UPDATE steps SET due_at = due_at + interval '1 day' WHERE kind = 'deliver'")
    threads = at_the_end(settle, is_before)
    practice.run(Kind.SEND_MESSAGE, practice.step(lead, name="welcome/again"))
    for thread in threads:
        thread.join()
    assert len(threads) == 1
    assert practice.step(lead, name="welcome/again").due_at <= now() + timedelta(seconds=1)


def test_steps_of_a_resumed_rule_continue_spread_over_time(practice: Practice, smtp: SmtpServer, watch: Watch) -> None:
    for _ in range(5):
        practice.fail_to_reach(practice.capture())
    [slug] = {step.name for step in practice.pending() if step.kind == Kind.SEND_MESSAGE and step.due_at <= now()}
    practice.change_rule(slug, active=False, paused_because="too many failures")
    practice.run(Kind.SEND_MESSAGE)
    stuck = that_wait(practice)
    assert {(step.reason, step.waits_for) for step in stuck} == {(Reason.RULE_PAUSED, waiting.paused(slug))}
    rule = practice.row("rules", slug=slug)
    with transaction() as session:
        change_rule(session, practice.actor(), rule.id, {"is_active": True}, seen=None)
    woken = sorted(practice.step(id=step.id).due_at - now() for step in stuck)
    assert woken == [timedelta(seconds=number) for number in range(len(stuck))]
