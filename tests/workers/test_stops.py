"""A reply, a contact, an opt-out, a conversion or a loss: from its commit on, no message, whatever else happens."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from threading import Thread
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import text

from app import clock
from app.automation.models import PENDING, Kind
from app.db import transaction
from app.embedded import Postgres, Valkey
from app.errors import Conflict
from app.leads import service as leads
from tests.support.practice import TUESDAY, Practice, Watch, at_once, sql
from tests.support.processes import wait_until
from tests.support.servers import EMPTY_EVERY_TABLE
from tests.support.smtp import DROP, SmtpServer
from workers.sweeps import sweep

KINDS = [kind for kind in Kind if kind is not Kind.IMPORT_CHUNK]
STOPS: dict[str, Callable[[Practice, UUID], None]] = {
    "reply": Practice.hear_from,
    "contact": Practice.speak_with,
    "opt-out": Practice.opt_out,
    "conversion": Practice.convert,
    "loss": Practice.lose,
}
FOR_GOOD = {"opt-out", "conversion", "loss"}  # nothing more to the lead; the others stop what was planned before them


def tomorrow() -> Any:
    return clock.now() + timedelta(days=1)


ACTS: dict[str, Callable[[Practice, UUID], object]] = {
    "attempt": Practice.log,
    "three attempts": Practice.fail_to_reach,
    "consultation": lambda ours, lead: ours.log(lead, "CONSULTATION_SCHEDULED", scheduled_for=tomorrow()),
    "consulted": lambda ours, lead: ours.log(lead, "CONSULTATION_COMPLETED"),
    "deciding": lambda ours, lead: ours.move(lead, "pending_decision"),
    "task": lambda ours, lead: ours.plan(lead, tomorrow(), reminder_minutes=[15, 60, 2880]),
}
MOODS = [
    ("rcpt", "450 4.2.0 Later"),
    ("rcpt", "550 5.1.1 Nobody"),
    ("dot", "451 4.3.0 Later"),
    ("dot", DROP),
    ("mail", DROP),
]


@dataclass(frozen=True)
class World:
    """What the examples share: each begins with all of it empty."""

    open_practice: Callable[..., Practice]
    watch: Watch
    smtp: SmtpServer
    postgres: Postgres
    valkey: Valkey

    def begin(self) -> Practice:
        with self.postgres.connect("relance") as owner:
            owner.execute(EMPTY_EVERY_TABLE)
        self.valkey.flush()
        self.smtp.behave()
        self.smtp.received.clear()
        self.watch.set(TUESDAY)
        return self.open_practice()


class Office(RuleBasedStateMachine):
    """People and workers, one after the other in any order; a second passes before each act."""

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.practice = self.world.begin()
        self.leads = [self.practice.capture()]
        self.stops: list[tuple[UUID, str, Any]] = []
        self.heard = 0

    @rule()
    @precondition(lambda self: len(self.leads) < 3)
    def capture(self) -> None:
        self.leads.append(self.practice.capture())

    @rule(who=st.integers(0, 2), act=st.sampled_from(sorted(ACTS)))
    def something_happens(self, who: int, act: str) -> None:
        self.world.watch.advance(seconds=1)
        with suppress(Conflict):  # the lead is closed
            ACTS[act](self.practice, self.leads[who % len(self.leads)])

    @rule(who=st.integers(0, 2), stop=st.sampled_from(sorted(STOPS)))
    def stop(self, who: int, stop: str) -> None:
        self.world.watch.advance(seconds=1)
        lead = self.leads[who % len(self.leads)]
        with suppress(Conflict):
            STOPS[stop](self.practice, lead)
            self.stops.append((lead, stop, clock.now()))

    @rule(kind=st.sampled_from(KINDS))
    def run_what_is_due(self, kind: Kind) -> None:
        self.world.watch.advance(seconds=1)
        self.practice.run(kind)

    @rule(data=st.data())
    def a_message_comes_early_or_again(self, data: st.DataObject) -> None:
        self.world.watch.advance(seconds=1)
        steps = self.practice.steps()
        step = steps[data.draw(st.integers(0, len(steps) - 1))]
        self.practice.run(Kind(step.kind), step)

    @rule(name=st.sampled_from(["publish_due_steps", "mark_overdue_tasks", "rescue_expired_leases"]))
    def sweep(self, name: str) -> None:
        sweep(name)

    @rule(minutes=st.sampled_from([1, 20, 12 * 60, 25 * 60, 8 * 24 * 60]))
    def time_passes(self, minutes: int) -> None:
        self.world.watch.advance(minutes=minutes)

    @rule(mood=st.sampled_from(MOODS))
    def the_mail_server_is_moody(self, mood: tuple[str, str]) -> None:
        self.world.smtp.on(*mood, times=1)

    @invariant()
    def nothing_is_sent_after_a_stop(self) -> None:
        new, self.heard = self.world.smtp.received[self.heard :], len(self.world.smtp.received)
        for mail in new:
            [note] = self.practice.rows("notifications", message_id=mail.message["Message-ID"])
            written_at = self.practice.step(id=note.step_id).created_at
            for lead, stop, at in self.stops:
                if lead == note.lead_id:
                    self.allowed(note, stop, written_at > at)

    @staticmethod
    def allowed(note: Any, stop: str, planned_later: bool) -> None:
        """Whether this message may be sent after that stop."""
        if note.user_id is None and stop in FOR_GOOD:
            raise AssertionError(f"{note.template} to a lead after {stop}")
        if stop in {"conversion", "loss"}:
            raise AssertionError(f"{note.template} about a lead after {stop}")
        if note.template == "break-up-email" and not planned_later:
            raise AssertionError(f"{note.template} after {stop}")

    @invariant()
    def no_message_is_sent_twice(self) -> None:
        taken = [mail for mail in self.world.smtp.received if mail.answered.startswith("250") or mail.answered == DROP]
        times = Counter(mail.message["Message-ID"] for mail in taken)
        assert not times or max(times.values()) == 1

    @invariant()
    def every_step_is_pending_or_tells_its_end(self) -> None:
        over = {lead for lead, stop, _ in self.stops if stop in {"conversion", "loss"}}
        for step in self.practice.steps():
            if step.state in PENDING:
                assert step.finished_at is None
                assert step.lead_id not in over
                assert (step.published_at is None) == (step.state == "planned")
            else:
                assert step.state in {"done", "skipped", "cancelled", "failed", "unknown"}
                assert step.finished_at is not None
            assert (step.reason is not None) or step.state not in {"skipped", "cancelled"}
            assert (step.error is not None) or step.state not in {"failed", "unknown"}
            assert (step.outcome is not None) or step.state != "done"

    @invariant()
    def a_message_and_its_delivery_agree(self) -> None:
        states = {
            "done": "sent", "skipped": "suppressed", "cancelled": "suppressed", "failed": "failed",
            "unknown": "unknown", "planned": "pending", "published": "pending",
        }  # fmt: skip
        delivery_of = {step.params["notification_id"]: step for step in self.practice.steps(kind="deliver")}
        for note in self.practice.rows("notifications", channel="email"):
            assert states[delivery_of[str(note.id)].state] == note.state

    def teardown(self) -> None:
        """When nothing more happens, every step comes to its end."""
        for _ in range(40):
            self.world.watch.advance(hours=20)
            for kind in KINDS:
                self.practice.run(kind)
            self.nothing_is_sent_after_a_stop()
            if not self.practice.pending():
                return
        raise AssertionError(f"never ended: {self.practice.pending()}")


def test_in_any_order_nothing_is_sent_after_a_stop_and_no_step_is_lost(
    open_practice: Callable[..., Practice], watch: Watch, smtp: SmtpServer, postgres: Postgres, valkey: Valkey
):
    Office.world = World(open_practice, watch, smtp, postgres, valkey)
    run_state_machine_as_test(
        Office,
        settings=settings(
            max_examples=12,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.reuse, Phase.generate],  # an example of 25 acts can be read; making it smaller takes minutes
        ),
    )


@pytest.fixture
def written(practice: Practice, smtp: SmtpServer) -> list[UUID]:
    """Leads who are about to get a break-up e-mail."""
    ids = [practice.capture() for _ in range(24)]
    for lead in ids:
        practice.fail_to_reach(lead)
    return ids


def stop_and_look(practice: Practice, lead_id: UUID, how: str) -> bool:
    """Stop, and see in the very transaction of the stop whether a message was on its way already."""
    with transaction() as session:
        actor = practice.actor()
        if how == "opt-out":
            leads.opt_out(session, actor, lead_id)
        elif how == "conversion":
            leads.convert(session, actor, lead_id)
        else:
            leads.lose(session, actor, lead_id, {"reason": "NO_RESPONSE"})
        to_lead = "SELECT count(*) FROM notifications WHERE lead_id = :lead AND user_id IS NULL"
        return bool(session.scalar(text(f"{to_lead} AND state IN ('sending', 'sent')"), {"lead": lead_id}))


@pytest.mark.parametrize("seed", range(3))
def test_stops_that_race_with_workers(practice: Practice, written: list[UUID], smtp: SmtpServer, seed: int):
    dice = random.Random(seed)
    order = dice.sample(written, len(written))
    on_its_way: dict[UUID, bool] = {}

    def stop_them() -> None:
        for lead in order:
            on_its_way[lead] = stop_and_look(practice, lead, dice.choice(sorted(FOR_GOOD)))

    def work() -> None:
        for _ in range(12):
            practice.run(Kind.SEND_MESSAGE)
            practice.run(Kind.DELIVER)

    at_once(stop_them, work, work)
    work()

    told = Counter(mail.recipient for mail in smtp.received)
    for lead in written:
        address = practice.row("leads", id=lead).email
        assert told[address] == int(on_its_way[lead])
    assert not [step for step in practice.pending() if step.kind in {"send_message", "deliver"}]
    assert all(step.reason for step in practice.steps(state="cancelled"))


@contextmanager
def held_up(postgres: Postgres, table: str) -> Iterator[None]:
    """Nobody can write into that table for a while: whoever tries waits, with all the locks they have."""
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


def test_a_stop_that_comes_while_a_worker_writes_the_message_stops_the_sending(
    practice: Practice, smtp: SmtpServer, postgres: Postgres
):
    lead = practice.capture()
    practice.fail_to_reach(lead)
    with held_up(postgres, "notifications"):
        working = begin(practice.run, Kind.SEND_MESSAGE)
        wait_until(lambda: waiting(1), 20, "the worker to have the batch")
        stopping = begin(practice.opt_out, lead)
        wait_until(lambda: waiting(2), 20, "the stop to want the lead")
    working.join()
    stopping.join()
    practice.run(Kind.DELIVER)

    assert not smtp.received
    assert practice.step(lead, kind="send_message").state == "done"
    note, delivery = practice.row("notifications", channel="email"), practice.step(lead, kind="deliver")
    assert (note.state, note.reason) == ("suppressed", "opted_out")
    assert (delivery.state, delivery.reason) == ("cancelled", "opted_out")


def test_a_stop_that_comes_while_a_worker_begins_to_send_is_too_late_for_this_one(
    practice: Practice, smtp: SmtpServer, postgres: Postgres
):
    lead = practice.capture()
    practice.fail_to_reach(lead)
    practice.run(Kind.SEND_MESSAGE)
    with held_up(postgres, "deliveries"):
        working = begin(practice.run, Kind.DELIVER)
        wait_until(lambda: waiting(1), 20, "the worker to say that it begins")
        stopping = begin(practice.opt_out, lead)
        wait_until(lambda: waiting(2), 20, "the stop to want the lead")
    working.join()
    stopping.join()

    assert len(smtp.received) == 1
    assert practice.row("notifications", channel="email").state == "sent"


@pytest.mark.parametrize("kind", [Kind.SEND_MESSAGE, Kind.DELIVER])
def test_a_stop_that_has_the_lead_first_wins(practice: Practice, smtp: SmtpServer, kind: Kind):
    lead = practice.capture()
    practice.fail_to_reach(lead)
    if kind is Kind.DELIVER:
        practice.run(Kind.SEND_MESSAGE)
    with transaction() as session:
        leads.opt_out(session, practice.actor(), lead)
        assert practice.run(kind) == 0  # and does not wait
    practice.run(kind)
    practice.run(Kind.DELIVER)

    assert not smtp.received
    assert {step.reason for step in practice.steps(lead, kind=kind)} == {"opted_out"}


@pytest.mark.parametrize(
    ("stop", "cancelled", "left"),
    [
        ("reply", {"no-contact-24h": "replied", "break-up-email": "replied"}, {"post-consult-follow-up", "check-in"}),
        ("contact", {"no-contact-24h": "already_contacted"}, {"post-consult-follow-up", "check-in"}),
        ("opt-out", {"break-up-email": "opted_out"}, {"no-contact-24h", "post-consult-follow-up", "check-in"}),
        ("conversion", {"no-contact-24h": "converted", "check-in": "converted"}, set()),
        ("loss", {"no-contact-24h": "lost", "check-in": "lost", "post-consult-follow-up": "lost"}, set()),
    ],
)
def test_a_stop_cancels_what_it_ends_and_says_why(
    practice: Practice, stop: str, cancelled: dict[str, str], left: set[str]
):
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


def test_a_task_that_is_done_needs_no_reminder_and_no_mail_about_it(practice: Practice, smtp: SmtpServer, watch: Watch):
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


def test_a_task_that_is_moved_takes_its_reminders_along(practice: Practice, watch: Watch):
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


def test_the_stop_and_what_it_cancels_are_one_commit(practice: Practice):
    lead = practice.capture()
    with transaction() as session:
        leads.opt_out(session, practice.actor(), lead)
        leads.lose(session, practice.actor(), lead, {"reason": "OTHER"})
        assert practice.pending(lead)  # others see nothing of it yet
        session.rollback()

    assert practice.pending(lead)
    assert practice.row("leads").opted_out_at is None
