"""Poison steps: one failing step fails alone, keeps its error, is retried, and becomes a dead letter."""

import random
import string
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from app.config import get_settings
from app.core import db
from app.core.db import transaction
from app.engine import failed_steps as steps_service
from app.engine.failed_steps import CannotRetryStep, RetryTheNotification
from app.engine.models import Kind
from app.engine.step_kind import STEP_KINDS
from app.errors import NotFound
from app.ops.embedded import Postgres, Valkey
from tests.support.messages import messages
from tests.support.practice import TUESDAY, Practice, Watch, sql
from workers import runner

MAKE, TELL = Kind.CREATE_TASK, Kind.SEND_MESSAGE
WRITES = {MAKE: "lead_tasks", TELL: "notifications"}
UNTITLED = {"title": None}  # the database refuses it, when the effects of all are written together
UNWORDED = {"template": "gone"}  # the handler raises


def break_params(step_id: UUID, **params: Any) -> None:
    """Give a step params that cannot be run."""
    given = {"id": step_id, "params": db.to_json(params)}
    sql("UPDATE steps SET params = params || CAST(:params AS jsonb) WHERE id = :id", **given)


@pytest.fixture
def canaries_refused(clean_database: None, postgres: Postgres) -> Iterator[None]:
    """A database that refuses messages to users called Canary, with the row in its error."""
    with postgres.connect("relance") as owner:
        owner.execute("ALTER TABLE notifications ADD CONSTRAINT no_canary CHECK (body NOT LIKE '%Canary%')")
        yield
        owner.execute("ALTER TABLE notifications DROP CONSTRAINT no_canary")


@pytest.mark.parametrize(
    ("kind", "settings", "error"),
    [
        (TELL, UNWORDED, "LookupError: the clinic has no template 'gone'"),
        (TELL, {"channel": "pigeon"}, "UnknownChannel: there is no channel 'pigeon'"),
        (MAKE, {"task_due_at": "soon"}, "ValueError: Invalid isoformat string: 'soon'"),
        (MAKE, UNTITLED, 'NotNullViolation: null value in column "title" of relation "lead_tasks"'),
    ],
)
def test_failing_step_fails_alone_and_the_others_run_once(
    practice: Practice, kind: str, settings: dict[str, Any], error: str
):
    ids = practice.fill(5, kind, due_at=TUESDAY)
    break_params(ids[2], **settings)

    practice.run(kind, *practice.steps(kind=kind))

    steps = {step.id: step for step in practice.steps(kind=kind)}
    assert [steps[id].state for id in ids] == ["done", "done", "published", "done", "done"]  # noqa: A001
    assert sorted(row.step_id for row in practice.rows(WRITES[kind])) == sorted({*ids} - {ids[2]})
    assert steps[ids[2]].error.startswith(error)
    assert (steps[ids[2]].attempts, steps[ids[2]].finished_at, steps[ids[2]].outcome) == (1, None, None)


def test_value_too_large_for_an_index_does_not_affect_other_steps(practice: Practice, postgres: Postgres):
    """The error class equals that of an unavailable database, which would be retried without end."""
    ids = practice.fill(3, MAKE, due_at=TUESDAY)
    break_params(
        ids[1], title="".join(random.Random(1).choices(string.ascii_letters, k=9000))
    )  # an index holds 2,704 bytes
    with postgres.connect("relance") as owner:
        owner.execute("CREATE INDEX titles ON lead_tasks (title)")
        practice.run(MAKE, *practice.steps(kind=MAKE))
        owner.execute("DROP INDEX titles")

    assert [practice.step(id=id).state for id in ids] == ["done", "published", "done"]  # noqa: A001
    assert practice.step(id=ids[1]).error.startswith("ProgramLimitExceeded")


def test_several_failing_steps_fail_separately(practice: Practice):
    ids = practice.fill(6, MAKE, due_at=TUESDAY)
    break_params(ids[0], **UNTITLED)
    break_params(ids[3], task_due_at="soon")
    break_params(ids[5], **UNTITLED)

    practice.run(MAKE, *practice.steps(kind=MAKE))

    errors = {step.id: step.error for step in practice.steps(kind=MAKE)}
    assert [bool(errors[id]) for id in ids] == [True, False, False, True, False, True]  # noqa: A001
    assert len(practice.rows("lead_tasks")) == 3


@pytest.mark.parametrize(("kind", "settings"), [(TELL, UNWORDED), (MAKE, UNTITLED)])
def test_failed_step_is_retried_with_growing_delays_and_becomes_a_dead_letter(
    practice: Practice, watch: Watch, kind: str, settings: dict[str, Any]
):
    [step_id] = practice.fill(1, kind, due_at=TUESDAY)
    break_params(step_id, **settings)
    began, waits = TUESDAY, []
    for _ in range(4):
        practice.run(kind)
        step = practice.step(id=step_id)
        waits.append(step.due_at - began)
        assert step.state in {"planned", "published"}
        watch.set(began := step.due_at)
    practice.run(kind)

    base = get_settings().retry_base_seconds
    for tries, wait in enumerate(waits):
        assert 0.75 * base * 2**tries <= wait.total_seconds() <= 1.25 * base * 2**tries
    step = practice.step(id=step_id)
    assert (step.state, step.attempts, step.finished_at) == ("failed", 5, began)
    assert step.error
    watch.advance(days=1)
    assert practice.run(kind, step) == 0


class ProcessEnded(BaseException):
    """Simulates the end of the process: no code runs after it."""


def test_step_that_kills_its_worker_becomes_a_dead_letter(practice: Practice, monkeypatch: pytest.MonkeyPatch):
    ids = practice.fill(3, MAKE, due_at=TUESDAY)
    crashes = 0

    def decide(context: Any) -> Any:
        nonlocal crashes
        if context.step.id == ids[1]:
            crashes += 1
            raise ProcessEnded
        return sound.decide(context)

    sound = STEP_KINDS[MAKE]
    monkeypatch.setitem(STEP_KINDS, MAKE, replace(sound, decide=decide))

    with pytest.raises(ProcessEnded):
        runner.run(MAKE, ids)
    assert {(step.state, step.attempts) for step in practice.steps(kind=MAKE)} == {("published", 0)}
    with pytest.raises(ProcessEnded):
        runner.run_again(MAKE, ids)  # all together: any of them may have ended the process, so none loses a try
    assert {(step.state, step.attempts) for step in practice.steps(kind=MAKE)} == {("published", 0)}
    for tries in range(5):
        with pytest.raises(ProcessEnded):
            runner.run_again(MAKE, ids)
        assert practice.step(id=ids[1]).attempts == tries
    runner.run_again(MAKE, ids)

    assert crashes == 7
    assert [practice.step(id=id).state for id in ids] == ["done", "failed", "done"]  # noqa: A001
    assert (practice.step(id=ids[1]).error, practice.step(id=ids[1]).attempts) == ("The process that ran it ended.", 5)
    assert [practice.step(id=id).attempts for id in (ids[0], ids[2])] == [1, 1]  # noqa: A001
    assert len(practice.rows("lead_tasks")) == 2


def test_message_returned_by_a_stopped_worker_uses_no_attempt(practice: Practice):
    """Celery returns prefetched messages with the same flag as after a crash."""
    ids = practice.fill(2, MAKE, due_at=TUESDAY, attempts=4)
    runner.run_again(MAKE, ids)

    assert {(step.state, step.attempts, step.error) for step in practice.steps(kind=MAKE)} == {("done", 5, None)}


def test_steps_of_a_redelivered_message_run_together(practice: Practice):
    ids = practice.fill(100, MAKE, due_at=TUESDAY)
    commits: list[Session] = []

    def note(session: Session) -> None:
        commits.append(session)

    event.listen(Session, "after_commit", note)
    try:
        assert runner.run_again(MAKE, ids) == 100
    finally:
        event.remove(Session, "after_commit", note)
    assert {(step.state, step.attempts, step.error) for step in practice.steps(kind=MAKE)} == {("done", 1, None)}
    assert len(commits) <= 3  # one to flag them, one to run them


def test_redelivered_steps_with_a_failing_one_run_once_each(practice: Practice):
    ids = practice.fill(5, MAKE, due_at=TUESDAY)
    break_params(ids[2], **UNTITLED)
    assert runner.run_again(MAKE, ids) == 5
    steps = {step.id: step for step in practice.steps(kind=MAKE)}
    assert [steps[id].state for id in ids] == ["done", "done", "published", "done", "done"]  # noqa: A001
    assert (steps[ids[2]].attempts, len(practice.rows("lead_tasks"))) == (1, 4)


def test_skipped_step_has_no_error(practice: Practice):
    ids = practice.fill(1, MAKE, due_at=TUESDAY)
    sql("UPDATE leads SET status = 'ARCHIVED'")
    runner.run_again(MAKE, ids)

    assert (practice.step(id=ids[0]).state, practice.step(id=ids[0]).error) == ("skipped", None)


def test_unacknowledged_messages_of_a_dead_worker_are_redelivered_soon(practice: Practice, valkey: Valkey):
    ids = practice.fill(1, MAKE, due_at=TUESDAY)
    with transaction() as held:
        held.execute(text("SELECT 1 FROM steps WHERE id = :id FOR UPDATE"), {"id": ids[0]})
        assert runner.run_again(MAKE, ids) == 0
    again = messages(valkey, "steps")[-1]

    assert (again.ids, again.eta) == (ids, TUESDAY + timedelta(seconds=1))


def test_repeated_message_about_finished_steps_does_nothing(practice: Practice):
    ids = practice.fill(2, MAKE, due_at=TUESDAY)
    runner.run(MAKE, ids)

    assert runner.run_again(MAKE, ids) == 0
    assert {(step.state, step.attempts) for step in practice.steps(kind=MAKE)} == {("done", 1)}


def a_dead_letter(practice: Practice, watch: Watch, **settings: Any) -> Any:
    [step_id] = practice.fill(1, MAKE, due_at=TUESDAY)
    break_params(step_id, **(settings or UNTITLED))
    for _ in range(5):
        watch.set(practice.step(id=step_id).due_at)
        practice.run(MAKE)
    return practice.step(id=step_id)


def test_admin_finds_a_dead_letter_with_its_error_and_retries_it(practice: Practice, watch: Watch, valkey: Valkey):
    dead = a_dead_letter(practice, watch)
    with transaction() as session:
        [found] = steps_service.list_steps(session, practice.clinic_id, {"limit": 10}).items
    assert (found.id, found.state) == (dead.id, "failed")
    assert "title" in found.error

    break_params(dead.id, title="Initial Contact")
    watch.advance(hours=1)
    with transaction() as session:
        steps_service.retry(session, practice.clinic_id, dead.id)

    again = practice.step(id=dead.id)
    assert (again.state, again.reason, again.attempts) == ("published", "by_hand", 0)
    assert messages(valkey, "steps")[-1].ids == [dead.id]
    practice.run(MAKE)
    again = practice.step(id=dead.id)
    assert (again.state, again.reason, again.error, again.attempts) == ("done", None, None, 1)
    assert len(practice.rows("lead_tasks")) == 1


def test_retried_dead_letter_has_all_its_attempts_again(practice: Practice, watch: Watch):
    dead = a_dead_letter(practice, watch)
    with transaction() as session:
        steps_service.retry(session, practice.clinic_id, dead.id)
    practice.run(MAKE)

    assert (practice.step(id=dead.id).state, practice.step(id=dead.id).attempts) == ("published", 1)


def test_only_dead_letters_can_be_retried(practice: Practice):
    ids = practice.fill(1, MAKE, due_at=TUESDAY)
    practice.run(MAKE)
    with pytest.raises(CannotRetryStep), transaction() as session:
        steps_service.retry(session, practice.clinic_id, ids[0])
    deliveries = practice.fill(1, Kind.DELIVER, due_at=TUESDAY, state="failed")
    with pytest.raises(RetryTheNotification), transaction() as session:
        steps_service.retry(session, practice.clinic_id, deliveries[0])


def test_dead_letter_of_another_clinic_cannot_be_retried(
    practice: Practice, open_practice: Callable[..., Practice], watch: Watch
):
    dead, stranger = a_dead_letter(practice, watch), open_practice()
    with pytest.raises(NotFound), transaction() as session:
        steps_service.retry(session, stranger.clinic_id, dead.id)
    with transaction() as session:
        assert steps_service.retry_many(session, stranger.clinic_id, {}, spread=timedelta()).retried == 0
        assert steps_service.list_steps(session, stranger.clinic_id, {"limit": 10}).items == []


def test_many_retried_dead_letters_are_spread_over_time(practice: Practice, valkey: Valkey):
    practice.fill(4, MAKE, due_at=TUESDAY, state="failed", finished_at=TUESDAY)
    with transaction() as session:
        answer = steps_service.retry_many(session, practice.clinic_id, {}, spread=timedelta(minutes=8))

    assert (answer.retried, answer.left) == (4, 0)
    due = [(step.due_at, step.state) for step in practice.steps(kind=MAKE)]
    # every 2 minutes; those inside the horizon of 2 minutes are published at once
    minutes = [(0, "published"), (2, "published"), (4, "planned"), (6, "planned")]
    assert due == [(TUESDAY + timedelta(minutes=after), state) for after, state in minutes]
    assert [message.eta for message in messages(valkey, "steps")] == [None, TUESDAY + timedelta(minutes=2)]


def test_errors_contain_no_personal_data(canaries_refused: None, practice: Practice, capfd: pytest.CaptureFixture[str]):
    for name in ("Canary", "Mia"):
        lead = practice.capture(first_name=name, last_name="Canary", email=f"{name}.canary@lead.example")
        practice.fail_to_reach(lead)

    practice.run(TELL)

    refused = next(step for step in practice.steps(kind=TELL) if step.error)
    assert refused.error.startswith('CheckViolation: new row for relation "notifications" violates check constraint')
    logged = capfd.readouterr().err
    assert "step.failed" in logged
    for place in (str(practice.steps()), logged):
        assert "anary" not in place.replace("no_canary", "")


def test_broken_rules_of_one_clinic_do_not_affect_others(open_practice: Callable[..., Practice], watch: Watch):
    broken, healthy = open_practice(), open_practice()
    for practice in (broken, healthy):
        practice.capture()
    broken.change_rule(
        "task-reminder", definition=db.to_json({"name": "task-reminder", "on": "x", "do": [{"fly": {}}]})
    )

    steps = [*broken.steps(name="speed-to-lead"), *healthy.steps(name="speed-to-lead")]
    for _ in range(5):
        healthy.run(MAKE, *steps)
        watch.set(broken.step(name="speed-to-lead").due_at)

    assert healthy.step(name="speed-to-lead").state == "done"
    dead = broken.step(name="speed-to-lead")
    assert (dead.state, dead.attempts, dead.error) == ("failed", 5, "UnknownStepKind: there is no step kind 'fly'")


def test_remaining_steps_of_the_message_are_run(practice: Practice, valkey: Valkey):
    due, early = practice.fill(1, MAKE, due_at=TUESDAY), practice.fill(1, MAKE, due_at=TUESDAY + timedelta(seconds=9))
    break_params(due[0], **UNTITLED)
    practice.run(MAKE, *practice.steps(kind=MAKE))

    woken = [message for message in messages(valkey, "steps") if message.ids == early]
    assert [message.eta for message in woken] == [TUESDAY + timedelta(seconds=9)]


def test_failure_is_counted_for_its_own_step(practice: Practice, postgres: Postgres):
    poisoned, innocent = practice.fill(2, MAKE, due_at=TUESDAY)
    break_params(poisoned, **UNTITLED)
    lead = practice.step(id=poisoned).lead_id
    sql("UPDATE leads SET deleted_at = NULL")
    failures: list[object] = []

    with postgres.connect("relance") as other:
        other.autocommit = False

        def lock_its_lead(_: Session) -> None:
            """Lock the step's lead between the failure of the batch and the failure of the step."""
            failures.append(1)
            if len(failures) == 2:
                other.execute("SELECT FROM leads WHERE id = %s FOR NO KEY UPDATE", [lead])

        event.listen(Session, "after_rollback", lock_its_lead)
        try:
            practice.run(MAKE, practice.step(id=poisoned))
        finally:
            event.remove(Session, "after_rollback", lock_its_lead)
            other.rollback()

    assert len(failures) >= 2
    assert (practice.step(id=innocent).state, practice.step(id=innocent).error) == ("done", None)
    assert practice.step(id=poisoned).state == "published"


def test_short_database_outage_counts_as_no_failure(practice: Practice, postgres: Postgres):
    db.dispose()  # one connection is enough to be cut
    ids = practice.fill(3, MAKE, due_at=TUESDAY)
    with postgres.connect("relance") as owner:
        owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'relance_web'")

    assert runner.run(MAKE, ids) == 3

    assert {(step.state, step.attempts, step.error) for step in practice.steps(kind=MAKE)} == {("done", 1, None)}
    db.dispose()  # the pool detects old connections by the clock, which is fixed here
