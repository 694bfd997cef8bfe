"""Stop events that race with workers."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Thread
from uuid import UUID

import pytest
from sqlalchemy import text

from app.core.db import transaction
from app.engine.models import Kind
from app.leads.pipeline.closing import convert, lose
from app.messaging.contact_policy.opt_outs import opt_out
from app.ops.embedded import Postgres
from tests.support.concurrency import run_concurrently
from tests.support.practice import TUESDAY, Practice, Watch, sql
from tests.support.processes import wait_until
from tests.support.smtp import SmtpServer

STOPS: dict[str, Callable[[Practice, UUID], None]] = {
    "reply": Practice.hear_from,
    "contact": Practice.speak_with,
    "opt-out": Practice.opt_out,
    "conversion": Practice.convert,
    "loss": Practice.lose,
}
FOR_GOOD = {"opt-out", "conversion", "loss"}


@pytest.fixture
def leads_before_break_up(practice: Practice, smtp: SmtpServer) -> list[UUID]:
    """Leads with a break-up e-mail that is due soon."""
    ids = [practice.capture() for _ in range(24)]
    for lead in ids:
        practice.fail_to_reach(lead)
    return ids


def stop_and_look(practice: Practice, lead_id: UUID, how: str) -> bool:
    """Stop, and return whether a message was already in delivery, read in the same transaction."""
    with transaction() as session:
        actor = practice.actor()
        if how == "opt-out":
            opt_out(session, actor, lead_id)
        elif how == "conversion":
            convert(session, actor, lead_id)
        else:
            lose(session, actor, lead_id, {"reason": "NO_RESPONSE"})
        to_lead = "SELECT count(*) FROM notifications WHERE lead_id = :lead AND user_id IS NULL"
        return bool(session.scalar(text(f"{to_lead} AND state IN ('sending', 'sent')"), {"lead": lead_id}))


@pytest.mark.parametrize("seed", range(3))
def test_stop_racing_with_workers_is_consistent(
    practice: Practice, leads_before_break_up: list[UUID], smtp: SmtpServer, seed: int
):
    dice = random.Random(seed)
    order = dice.sample(leads_before_break_up, len(leads_before_break_up))
    on_its_way: dict[UUID, bool] = {}

    def stop_them() -> None:
        for lead in order:
            on_its_way[lead] = stop_and_look(practice, lead, dice.choice(sorted(FOR_GOOD)))

    def work() -> None:
        for _ in range(12):
            practice.run(Kind.SEND_MESSAGE)
            practice.run(Kind.DELIVER)

    run_concurrently(stop_them, work, work)
    work()

    told = Counter(mail.recipient for mail in smtp.received)
    for lead in leads_before_break_up:
        address = practice.row("leads", id=lead).email
        assert told[address] == int(on_its_way[lead])
    assert not [step for step in practice.pending() if step.kind in {"send_message", "deliver"}]
    assert all(step.reason for step in practice.steps(state="cancelled"))


@contextmanager
def block_writes(postgres: Postgres, table: str) -> Iterator[None]:
    """Block writes to a table, so that workers wait with their locks."""
    with postgres.connect("relance") as other:
        other.autocommit = False
        other.execute(f"LOCK TABLE {table} IN SHARE MODE")  # type: ignore[arg-type]
        yield
        other.rollback()


def waiting(number: int) -> bool:
    [found] = sql(
        "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = 'relance_web'"
    )
    return bool(found.n == number)


def begin(act: Callable[..., object], *given: object) -> Thread:
    thread = Thread(target=act, args=given)
    thread.start()
    return thread


def test_stop_while_the_message_is_written_prevents_its_delivery(
    practice: Practice, smtp: SmtpServer, postgres: Postgres
):
    lead = practice.capture()
    practice.fail_to_reach(lead)
    with block_writes(postgres, "notifications"):
        working = begin(practice.run, Kind.SEND_MESSAGE)
        wait_until(lambda: waiting(1), 60, "the worker to have the batch")
        stopping = begin(practice.opt_out, lead)
        wait_until(lambda: waiting(2), 60, "the stop to want the lead")
    working.join()
    stopping.join()
    practice.run(Kind.DELIVER)

    assert not smtp.received
    assert practice.step(lead, kind="send_message").state == "done"
    note, delivery = practice.row("notifications", channel="email"), practice.step(lead, kind="deliver")
    assert (note.state, note.reason) == ("suppressed", "opted_out")
    assert (delivery.state, delivery.reason) == ("cancelled", "opted_out")


def test_stop_during_delivery_is_too_late_for_that_message(practice: Practice, smtp: SmtpServer, postgres: Postgres):
    lead = practice.capture()
    practice.fail_to_reach(lead)
    practice.run(Kind.SEND_MESSAGE)
    with block_writes(postgres, "deliveries"):
        working = begin(practice.run, Kind.DELIVER)
        wait_until(lambda: waiting(1), 60, "the worker to say that it begins")
        stopping = begin(practice.opt_out, lead)
        wait_until(lambda: waiting(2), 60, "the stop to want the lead")
    working.join()
    stopping.join()

    assert len(smtp.received) == 1
    assert practice.row("notifications", channel="email").state == "sent"


@pytest.mark.parametrize("kind", [Kind.SEND_MESSAGE, Kind.DELIVER])
def test_stop_that_locks_the_lead_first_wins(practice: Practice, smtp: SmtpServer, kind: str):
    lead = practice.capture()
    practice.fail_to_reach(lead)
    if kind == Kind.DELIVER:
        practice.run(Kind.SEND_MESSAGE)
    with transaction() as session:
        opt_out(session, practice.actor(), lead)
        assert practice.run(kind) == 0  # and does not wait
    practice.run(kind)
    practice.run(Kind.DELIVER)

    assert not smtp.received
    assert {step.reason for step in practice.steps(lead, kind=kind)} == {"opted_out"}


@pytest.mark.parametrize(
    ("stop", "cancelled", "left"),
    [
        ("reply", {"break-up-email": "replied"}, {"post-consult-follow-up", "check-in"}),
        ("opt-out", {"break-up-email": "opted_out"}, {"post-consult-follow-up", "check-in"}),
        ("conversion", {"check-in": "converted"}, set()),
        ("loss", {"check-in": "lost", "post-consult-follow-up": "lost"}, set()),
    ],
)
def test_stop_cancels_steps_with_a_reason(practice: Practice, stop: str, cancelled: dict[str, str], left: set[str]):
    lead = practice.capture()
    for stage in ("consultation_completed", "pending_decision"):
        practice.move(lead, stage)
    practice.fail_to_reach(lead)
    sql("UPDATE steps SET name = 'check-in' WHERE name = 'pending-decision-check-in'")

    STOPS[stop](practice, lead)

    steps = practice.steps(lead)
    assert {step.name: step.reason for step in steps if step.state == "cancelled"}.items() >= cancelled.items()
    assert {step.name for step in practice.pending(lead)} >= left
    assert all(step.finished_at == TUESDAY for step in steps if step.state == "cancelled")


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        ("reply", "replied"),
        ("contact", "already_contacted"),
        ("opt-out", None),
        ("conversion", "converted"),
        ("loss", "lost"),
    ],
)
def test_stop_of_a_new_lead_cancels_the_escalation_with_a_reason(practice: Practice, stop: str, reason: str | None):
    lead = practice.capture()

    STOPS[stop](practice, lead)

    assert practice.step(lead, name="no-contact-24h").reason == reason


def test_completed_task_cancels_reminders_and_their_emails(practice: Practice, smtp: SmtpServer, watch: Watch):
    lead = practice.capture()
    task = practice.plan(lead, TUESDAY + timedelta(hours=2), reminder_minutes=[15, 60])
    other = practice.plan(lead, TUESDAY + timedelta(hours=2))
    watch.advance(hours=1)
    practice.run(Kind.REMIND)  # the first one is written, and its mail about to go
    practice.complete(task)
    practice.run(Kind.DELIVER)

    assert not smtp.received
    assert practice.row("notifications", channel="email").reason == "task_done"
    reasons = {step.reason for step in practice.steps(lead) if step.params.get("task_id") == str(task)}
    assert reasons == {None, "task_done"}
    assert [step.params["task_id"] for step in practice.pending(lead) if step.kind == "remind"] == [str(other)]


def test_moved_task_moves_its_reminders(practice: Practice, watch: Watch):
    lead, due = practice.capture(), TUESDAY + timedelta(hours=2)
    task = practice.plan(lead, due)
    practice.retime(task, due + timedelta(hours=3))
    practice.retime(task, due)  # away and back

    reminders = [(step.due_at - due, step.state, step.reason) for step in practice.steps(lead, kind="remind")]
    ahead = timedelta(minutes=15)
    assert sorted(reminders, key=str) == sorted(
        [
            (-ahead, "cancelled", "task_moved"),
            (timedelta(hours=3) - ahead, "cancelled", "task_moved"),
            (-ahead, "planned", None),
        ],
        key=str,
    )
    watch.set(due - ahead)
    practice.run(Kind.REMIND)
    assert len(practice.rows("notifications", channel="in_app")) == 1


def test_stop_and_cancellations_are_one_commit(practice: Practice):
    lead = practice.capture()
    with transaction() as session:
        opt_out(session, practice.actor(), lead)
        lose(session, practice.actor(), lead, {"reason": "OTHER"})
        assert practice.pending(lead)  # others see nothing of it yet
        session.rollback()

    assert practice.pending(lead)
    assert practice.row("leads").opted_out_at is None
