"""Exactly-once effects: repeated, early, late and concurrent messages for one step."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from app.core.db import transaction
from app.engine.models import Kind
from app.ops.embedded import Postgres, Valkey
from tests.support.concurrency import run_concurrently
from tests.support.messages import messages
from tests.support.practice import TUESDAY, Practice, Watch, sql
from workers import runner
from workers.pipeline.claim import claim_turn
from workers.pipeline.due_steps.turns import Turn

MAKE = Kind.CREATE_TASK
SOON = TUESDAY + timedelta(milliseconds=100)  # when a step that could not be taken is woken again


def counted(metric: str) -> float:
    return float(sum(row.value for row in sql("SELECT value FROM counters WHERE metric = :metric", metric=metric)))


def done_once(practice: Practice, ids: list[UUID]) -> bool:
    tasks = practice.rows("lead_tasks")
    assert sorted(task.step_id for task in tasks) == sorted(ids)
    steps = [step for step in practice.steps(kind=MAKE) if step.id in {*ids}]
    return all((step.state, step.attempts) == ("done", 1) for step in steps)


@contextmanager
def lock_leads(postgres: Postgres, *lead_ids: UUID) -> Iterator[psycopg.Connection]:
    """Hold a lock on these leads, as a concurrent write does."""
    with postgres.connect("relance") as other:
        other.autocommit = False
        other.execute("SELECT FROM leads WHERE id = ANY(%s) FOR NO KEY UPDATE", [[*lead_ids]])
        yield other
        other.rollback()


def test_repeated_message_runs_the_step_once(practice: Practice):
    ids = practice.fill(10, MAKE, due_at=TUESDAY)

    assert [runner.run(MAKE, ids) for _ in range(3)] == [10, 0, 0]

    assert done_once(practice, ids)


def test_redundant_messages_are_counted(practice: Practice):
    def next_batch() -> float:
        """Run the next batch, which writes the counters of the last one."""
        practice.fill(1, MAKE, due_at=TUESDAY)
        runner.run(MAKE, [])
        return counted("refused")

    before = next_batch()
    ids = practice.fill(10, MAKE, due_at=TUESDAY)
    for _ in range(3):
        runner.run(MAKE, ids)

    assert next_batch() - before == 20


def test_four_concurrent_workers_run_each_step_once(practice: Practice):
    ids = practice.fill(40, MAKE, due_at=TUESDAY)

    ran = run_concurrently(*[lambda: runner.run(MAKE, ids)] * 4)

    assert sum(ran) == 40
    assert done_once(practice, ids)


def test_overlapping_messages_run_each_step_once(practice: Practice):
    ids = practice.fill(60, MAKE, due_at=TUESDAY)

    ran = run_concurrently(
        lambda: runner.run(MAKE, ids[:40]), lambda: runner.run(MAKE, ids[20:]), lambda: runner.run(MAKE, ids[::-1])
    )

    assert sum(ran) == 60
    assert done_once(practice, ids)


def test_many_single_messages_are_processed_in_batches(practice: Practice):
    ids = practice.fill(120, MAKE, due_at=TUESDAY)

    ran = [runner.run(MAKE, [step_id]) for step_id in ids[:5]]

    assert ran == [120, 0, 0, 0, 0]
    assert done_once(practice, ids)


def test_message_with_more_steps_than_a_batch_is_split(practice: Practice):
    ids = practice.fill(250, MAKE, due_at=TUESDAY)

    assert runner.run(MAKE, ids) == 250
    assert done_once(practice, ids)


def test_steps_of_another_kind_are_not_claimed(practice: Practice):
    practice.fill(3, Kind.SUGGEST_LOST, due_at=TUESDAY)
    practice.fill(1, MAKE, due_at=TUESDAY)

    assert runner.run(MAKE, []) == 1
    assert {step.state for step in practice.steps(kind=Kind.SUGGEST_LOST)} == {"published"}


def test_message_about_deleted_steps_does_nothing(practice: Practice, valkey: Valkey):
    assert runner.run(MAKE, [UUID(int=1), UUID(int=2)]) == 0
    assert not messages(valkey)


def test_early_message_is_repeated_when_the_step_is_due(practice: Practice, valkey: Valkey, watch: Watch):
    due = TUESDAY + timedelta(seconds=30)
    ids = practice.fill(3, MAKE, due_at=due)

    assert runner.run(MAKE, ids) == 0

    assert not practice.rows("lead_tasks")
    [again] = messages(valkey)
    assert (again.task, {*again.ids}, again.eta) == ("steps.create_task", {*ids}, due)
    watch.set(due)
    assert runner.run(MAKE, again.ids) == 3
    assert done_once(practice, ids)


def test_step_of_a_locked_lead_is_published_again(practice: Practice, postgres: Postgres, valkey: Valkey):
    ids = practice.fill(5, MAKE, due_at=TUESDAY)
    held = practice.step(id=ids[1])

    with lock_leads(postgres, held.lead_id):
        assert runner.run(MAKE, ids) == 4  # and did not wait

    step = practice.step(id=held.id)
    assert (step.state, step.attempts, step.error) == ("published", 0, None)
    [again] = [message for message in messages(valkey) if message.task == "steps.create_task"]
    assert (again.ids, again.eta) == ([held.id], SOON)
    assert runner.run(MAKE, again.ids) == 1
    assert done_once(practice, ids)


def test_step_is_published_again_until_the_lead_is_unlocked(practice: Practice, postgres: Postgres, valkey: Valkey):
    ids = practice.fill(2, MAKE, due_at=TUESDAY)
    steps = practice.steps(kind=MAKE)

    with lock_leads(postgres, *(step.lead_id for step in steps)):
        for _ in range(3):
            valkey.flush()
            assert runner.run(MAKE, ids) == 0
            assert {*messages(valkey)[0].ids} == {*ids}
    assert runner.run(MAKE, messages(valkey)[0].ids) == 2
    assert done_once(practice, ids)


def test_skipped_step_is_free_for_other_workers(practice: Practice, postgres: Postgres):
    """Otherwise its own message would have no effect while another worker claims neighboring steps."""
    [step_id] = practice.fill(1, MAKE, due_at=TUESDAY)
    with lock_leads(postgres, practice.step(id=step_id).lead_id), transaction() as session:
        assert claim_turn(session, Turn(MAKE, [practice.clinic_id], 100), now=TUESDAY) == []
        free = sql("SELECT id FROM steps WHERE id = :id FOR UPDATE SKIP LOCKED", id=step_id)
        assert [row.id for row in free] == [step_id]


def test_writer_and_worker_do_not_deadlock(practice: Practice, postgres: Postgres):
    """The writer locks the lead and then its steps; the worker finds the steps and then needs the lead."""
    ids = practice.fill(3, MAKE, due_at=TUESDAY)
    held = practice.step(id=ids[0])

    with lock_leads(postgres, held.lead_id) as writer:
        runner.run(MAKE, ids)
        writer.execute("SET lock_timeout = '10s'")
        writer.execute("UPDATE steps SET state = 'cancelled', reason = 'by_hand' WHERE id = %s", [held.id])
        writer.commit()

    assert runner.run(MAKE, ids) == 0
    assert practice.step(id=held.id).state == "cancelled"
    assert len(practice.rows("lead_tasks")) == 2


def test_claimed_step_is_not_claimed_again(practice: Practice, postgres: Postgres, valkey: Valkey):
    ids = practice.fill(2, MAKE, due_at=TUESDAY)
    with postgres.connect("relance") as other:
        other.autocommit = False
        other.execute("SELECT FROM steps WHERE id = %s FOR UPDATE", [ids[0]])

        assert runner.run(MAKE, ids) == 1

        assert [message for message in messages(valkey) if message.task == "steps.create_task"] == []
        other.rollback()


def test_two_steps_of_one_lead_both_run(practice: Practice):
    lead = practice.capture()
    practice.fail_to_reach(lead)
    run_concurrently(lambda: practice.run(Kind.SEND_MESSAGE), lambda: practice.run(Kind.SUGGEST_LOST))
    for kind in (Kind.SEND_MESSAGE, Kind.SUGGEST_LOST):  # whichever found the lead in use is woken again
        practice.run(kind, *practice.steps(lead, kind=kind))

    assert {step.state for step in practice.steps(lead, name="break-up-email")} == {"done"}
    assert len(practice.rows("notifications", channel="email")) == 1
    assert len(practice.rows("lead_activities", type="NOTE")) == 1


def test_repeated_event_plans_once(practice: Practice):
    """The moved stage and the logged entry both report one consultation."""
    lead, when = practice.capture(), TUESDAY + timedelta(days=2)
    practice.move(lead, "consultation_scheduled", scheduled_for=when)
    practice.log(lead, "CONSULTATION_SCHEDULED", scheduled_for=when)
    assert len(practice.steps(lead, name="consultation-confirmation")) == 1

    practice.log(lead, "CONSULTATION_SCHEDULED", scheduled_for=when + timedelta(days=7))  # put off
    assert len(practice.steps(lead, name="consultation-confirmation")) == 2


@pytest.mark.parametrize("kind", [Kind.ESCALATE, Kind.SEND_MESSAGE, Kind.SUGGEST_LOST])
def test_each_kind_of_step_writes_once(practice: Practice, kind: str):
    ids = practice.fill(8, kind, due_at=TUESDAY)

    assert sum(run_concurrently(*[lambda: runner.run(kind, ids)] * 3)) == 8
    runner.run(kind, ids)

    assert {(step.state, step.attempts) for step in practice.steps(kind=kind)} == {("done", 1)}
    written = {
        Kind.ESCALATE: (8, 16, 0),  # a task, an in-app message and an e-mail each
        Kind.SEND_MESSAGE: (0, 8, 0),
        Kind.SUGGEST_LOST: (0, 0, 8),
    }
    tables = ("lead_tasks", "notifications", "lead_activities")
    assert tuple(len(practice.rows(table)) for table in tables) == written[kind]
    mails = practice.rows("notifications", channel="email")
    of_digest = [mail for mail in mails if mail.reason == "waits_for_digest"]  # three escalations in an hour are mailed
    assert len(of_digest) == (5 if kind == Kind.ESCALATE else 0)
    assert len(practice.steps(kind="deliver")) == len(mails) - len(of_digest)
