"""Sweep that publishes steps within the horizon, and publishes again those that did not run."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import event

from app import clock
from app.core.db import engine, transaction
from app.engine.models import Kind
from app.engine.step_kind import STEP_KINDS
from app.ops.embedded import Postgres, Valkey
from tests.support.messages import messages
from tests.support.practice import TUESDAY, Practice, Watch, sql
from workers.sweeps.lost_messages import publish_lost
from workers.sweeps.publishing import publish_due
from workers.sweeps.run import sweep

MAKE = Kind.CREATE_TASK
HORIZON = timedelta(seconds=120)


def statements_on_steps(run: Callable[[], object]) -> list[str]:
    """Return the statements that scan pending steps during a call."""
    found: list[str] = []

    def note(*given: Any) -> None:
        if "FROM steps WHERE kind" in given[2]:
            found.append(given[2])

    event.listen(engine(), "before_cursor_execute", note)
    try:
        run()
    finally:
        event.remove(engine(), "before_cursor_execute", note)
    return found


class TestPublishing:
    def test_pending_steps_of_a_kind_are_scanned_once(self, practice: Practice, watch: Watch):
        practice.fill(3, MAKE, due_at=TUESDAY, state="planned", published_at=None)

        def publish() -> None:
            with transaction() as session:
                assert publish_due(session) == 3

        assert len(statements_on_steps(publish)) == len(STEP_KINDS)

    def test_step_is_published_when_it_enters_the_horizon(self, practice: Practice, valkey: Valkey, watch: Watch):
        due = TUESDAY + HORIZON + timedelta(seconds=1)
        ids = practice.fill(1, MAKE, due_at=due, state="planned", published_at=None)
        assert sweep("publish_due_steps") == 0
        assert not messages(valkey)

        watch.advance(seconds=1)
        assert sweep("publish_due_steps") == 1

        [message] = messages(valkey)
        assert (message.ids, message.eta, message.name) == (ids, due, "by-hand")
        step = practice.step()
        assert (step.state, step.published_at) == ("published", clock.now())
        assert sweep("publish_due_steps") == 0

    def test_overdue_published_step_is_published_again(self, practice: Practice, valkey: Valkey, watch: Watch):
        practice.fill(1, MAKE, due_at=TUESDAY)
        watch.advance(seconds=30)
        assert sweep("publish_due_steps") == 0

        watch.advance(seconds=1)
        assert sweep("publish_due_steps") == 1
        assert sweep("publish_due_steps") == 0  # not before another 30 seconds are over
        watch.advance(seconds=31)
        assert sweep("publish_due_steps") == 1

        assert [message.eta for message in messages(valkey)] == [None, None]
        again = sql("SELECT value FROM counters WHERE metric = 'republished'")
        assert [row.value for row in again] == [2]

    def test_recently_published_late_step_is_not_published_again(self, practice: Practice, watch: Watch):
        practice.fill(1, MAKE, due_at=TUESDAY - timedelta(hours=1), published_at=TUESDAY - timedelta(seconds=5))

        assert sweep("publish_due_steps") == 0

    def test_all_steps_are_published_again_after_a_long_outage(self, practice: Practice, valkey: Valkey, watch: Watch):
        ids = practice.fill(30, MAKE, due_at=TUESDAY + timedelta(hours=1), state="planned", published_at=None)
        ids += practice.fill(30, MAKE, due_at=TUESDAY)
        watch.advance(days=40)

        assert sweep("publish_due_steps") == 60
        assert sorted(step_id for message in messages(valkey) for step_id in message.ids) == sorted(ids)

    def test_published_steps_are_limited_by_the_cap(
        self, practice: Practice, watch: Watch, configure: Callable[..., None]
    ):
        configure(publish_cap=3)
        for seconds in (5, 1, 4, 2, 3):
            due_at = TUESDAY + timedelta(seconds=seconds)
            practice.fill(1, MAKE, due_at=due_at, state="planned", published_at=None)

        assert sweep("publish_due_steps") == 3
        assert [step.state for step in practice.steps()] == ["published"] * 3 + ["planned"] * 2  # the soonest
        watch.advance(seconds=3)
        practice.run(MAKE)
        sweep("publish_due_steps")
        assert not practice.steps(kind=MAKE, state="planned")

    def test_claimed_step_is_not_published_again(self, practice: Practice, postgres: Postgres):
        ids = practice.fill(3, MAKE, due_at=TUESDAY, state="planned", published_at=None)
        with postgres.connect("relance") as other:
            other.autocommit = False
            other.execute("SELECT FROM steps WHERE id = %s FOR UPDATE", [ids[0]])
            assert sweep("publish_due_steps") == 2
            other.rollback()
        assert practice.step(id=ids[0]).state == "planned"

    def test_finished_step_is_not_published(self, practice: Practice, valkey: Valkey):
        for state in ("done", "skipped", "cancelled", "failed", "unknown", "running"):
            practice.fill(1, MAKE, due_at=TUESDAY, state=state, lease_until=TUESDAY + timedelta(hours=1))

        assert sweep("publish_due_steps") == 0
        assert not messages(valkey)

    def test_each_kind_goes_to_its_own_queue(self, practice: Practice, valkey: Valkey):
        for kind in STEP_KINDS:
            practice.fill(1, kind, due_at=TUESDAY, state="planned", published_at=None)
        sweep("publish_due_steps")

        queues = {message.task.removeprefix("steps."): message.queue for message in messages(valkey)}
        outside = (Kind.DELIVER, Kind.DELIVER_TO_USER, Kind.CALL_WEBHOOK)
        alone = {
            Kind.DELIVER_ACCOUNT_EMAIL: "accounts",
            Kind.IMPORT_CHUNK: "bulk",
            Kind.POST_WEBHOOKS: "webhooks",
        }
        elsewhere = {**dict.fromkeys(outside, "deliveries"), **alone}
        expected = dict.fromkeys(STEP_KINDS, "steps") | elsewhere
        assert queues == expected


class TestLostMessages:
    """A worker has connected: at its start, or after the broker was away."""

    def test_steps_published_before_are_published_again_at_their_time(
        self, practice: Practice, valkey: Valkey, watch: Watch
    ):
        soon = TUESDAY + timedelta(seconds=60)
        ids = practice.fill(1, MAKE, due_at=TUESDAY - timedelta(seconds=1)) + practice.fill(1, MAKE, due_at=soon)
        watch.advance(seconds=5)

        assert publish_lost(clock.now()) == 2

        assert {(*message.ids, message.eta) for message in messages(valkey)} == {(ids[0], None), (ids[1], soon)}
        assert {step.published_at for step in practice.steps()} == {clock.now()}

    def test_steps_published_after_the_connection_are_at_the_broker(self, practice: Practice, watch: Watch):
        watch.advance(seconds=5)
        practice.fill(1, MAKE, due_at=TUESDAY, published_at=clock.now())

        assert publish_lost(TUESDAY) == 0

    def test_workers_that_connect_together_share_one_run_and_a_later_one_runs_again(
        self, practice: Practice, watch: Watch
    ):
        practice.fill(1, MAKE, due_at=TUESDAY)
        watch.advance(seconds=5)
        assert publish_lost(clock.now()) == 1
        watch.advance(seconds=2)
        assert publish_lost(clock.now()) == 0
        watch.advance(seconds=4)
        assert publish_lost(clock.now()) == 1

    def test_planned_and_finished_steps_are_left_alone(self, practice: Practice, watch: Watch):
        for state in ("planned", "done", "failed", "unknown", "running", "cancelled"):
            lease = TUESDAY + timedelta(hours=1)
            practice.fill(1, MAKE, due_at=TUESDAY, state=state, lease_until=lease)
        watch.advance(seconds=5)

        assert publish_lost(clock.now()) == 0
