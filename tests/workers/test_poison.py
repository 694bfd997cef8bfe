"""A step that cannot be run fails alone in its batch, keeps its error, is tried again, and ends as a dead letter."""

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


def spoil(step_id: UUID, **params: Any) -> None:
    """Give a step settings that it cannot be run with."""
    given = {"id": step_id, "params": db.to_json(params)}
    sql("UPDATE steps SET params = params || CAST(:params AS jsonb) WHERE id = :id", **given)


@pytest.fixture
def canaries_refused(clean_database: None, postgres: Postgres) -> Iterator[None]:
    """A database that refuses every message to somebody called Canary, and quotes the row in its error."""
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
def test_it_fails_alone_and_the_others_run_once(practice: Practice, kind: str, settings: dict[str, Any], error: str):
    ids = practice.fill(5, kind, due_at=TUESDAY)
    spoil(ids[2], **settings)

    practice.run(kind, *practice.steps(kind=kind))

    steps = {step.id: step for step in practice.steps(kind=kind)}
    assert [steps[id].state for id in ids] == ["done", "done", "published", "done", "done"]  # noqa: A001
    assert sorted(row.step_id for row in practice.rows(WRITES[kind])) == sorted({*ids} - {ids[2]})
    assert steps[ids[2]].error.startswith(error)
    assert (steps[ids[2]].attempts, steps[ids[2]].finished_at, steps[ids[2]].outcome) == (1, None, None)


def test_what_the_database_has_no_room_for_is_nobody_elses_trouble(practice: Practice, postgres: Postgres):
    """It says so with the same class of error as when it is away: that would be waited for, again and again."""
    ids = practice.fill(3, MAKE, due_at=TUESDAY)
    spoil(ids[1], title="".join(random.Random(1).choices(string.ascii_letters, k=9000)))  # an index holds 2,704 bytes
    with postgres.connect("relance") as owner:
        owner.execute("CREATE INDEX titles ON lead_tasks (title)")
        practice.run(MAKE, *practice.steps(kind=MAKE))
        owner.execute("DROP INDEX titles")

    assert [practice.step(id=id).state for id in ids] == ["done", "published", "done"]  # noqa: A001
    assert practice.step(id=ids[1]).error.startswith("ProgramLimitExceeded")


def test_several_of_them_fail_each_by_itself(practice: Practice):
    ids = practice.fill(6, MAKE, due_at=TUESDAY)
    spoil(ids[0], **UNTITLED)
    spoil(ids[3], task_due_at="soon")
    spoil(ids[5], **UNTITLED)

    practice.run(MAKE, *practice.steps(kind=MAKE))

    errors = {step.id: step.error for step in practice.steps(kind=MAKE)}
    assert [bool(errors[id]) for id in ids] == [True, False, False, True, False, True]  # noqa: A001
    assert len(practice.rows("lead_tasks")) == 3


@pytest.mark.parametrize(("kind", "settings"), [(TELL, UNWORDED), (MAKE, UNTITLED)])
def test_it_is_tried_again_with_growing_waits_and_is_then_a_dead_letter(
    practice: Practice, watch: Watch, kind: str, settings: dict[str, Any]
):
    [step_id] = practice.fill(1, kind, due_at=TUESDAY)
    spoil(step_id, **settings)
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
    """Stands for a process that is no more: nothing after it is run."""


def test_what_ends_its_process_each_time_becomes_a_dead_letter_before_it_ends_another(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
):
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
    for tries in range(5):
        with pytest.raises(ProcessEnded):
            runner.run_again(MAKE, ids)
        assert practice.step(id=ids[1]).attempts == tries
    runner.run_again(MAKE, ids)

    assert crashes == 6
    assert [practice.step(id=id).state for id in ids] == ["done", "failed", "done"]  # noqa: A001
    assert (practice.step(id=ids[1]).error, practice.step(id=ids[1]).attempts) == ("The process that ran it ended.", 5)
    assert [practice.step(id=id).attempts for id in (ids[0], ids[2])] == [1, 1]  # noqa: A001
    assert len(practice.rows("lead_tasks")) == 2


def test_a_message_that_a_stopped_worker_had_only_held_costs_no_try(practice: Practice):
    """Celery puts back what it holds with the same mark as what a crash leaves: the last try is still there."""
    ids = practice.fill(2, MAKE, due_at=TUESDAY, attempts=4)
    runner.run_again(MAKE, ids)

    assert {(step.state, step.attempts, step.error) for step in practice.steps(kind=MAKE)} == {("done", 5, None)}


def test_one_that_is_skipped_in_the_end_shows_no_mark(practice: Practice):
    ids = practice.fill(1, MAKE, due_at=TUESDAY)
    sql("UPDATE leads SET status = 'ARCHIVED'")
    runner.run_again(MAKE, ids)

    assert (practice.step(id=ids[0]).state, practice.step(id=ids[0]).error) == ("skipped", None)


def test_what_the_dead_ones_connection_still_holds_comes_again_soon(practice: Practice, valkey: Valkey):
    ids = practice.fill(1, MAKE, due_at=TUESDAY)
    with transaction() as held:
        held.execute(text("SELECT 1 FROM steps WHERE id = :id FOR UPDATE"), {"id": ids[0]})
        assert runner.run_again(MAKE, ids) == 0
    again = messages(valkey, "steps")[-1]

    assert (again.ids, again.eta) == (ids, TUESDAY + timedelta(seconds=1))


def test_a_message_that_comes_again_for_steps_that_were_done_does_nothing(practice: Practice):
    ids = practice.fill(2, MAKE, due_at=TUESDAY)
    runner.run(MAKE, ids)

    assert runner.run_again(MAKE, ids) == 0
    assert {(step.state, step.attempts) for step in practice.steps(kind=MAKE)} == {("done", 1)}


def a_dead_letter(practice: Practice, watch: Watch, **settings: Any) -> Any:
    [step_id] = practice.fill(1, MAKE, due_at=TUESDAY)
    spoil(step_id, **(settings or UNTITLED))
    for _ in range(5):
        watch.set(practice.step(id=step_id).due_at)
        practice.run(MAKE)
    return practice.step(id=step_id)


def test_an_admin_finds_it_with_its_error_and_gives_it_another_chance(practice: Practice, watch: Watch, valkey: Valkey):
    dead = a_dead_letter(practice, watch)
    with transaction() as session:
        [found] = steps_service.list_steps(session, practice.clinic_id, {"limit": 10}).items
    assert (found.id, found.state) == (dead.id, "failed")
    assert "title" in found.error

    spoil(dead.id, title="Initial Contact")
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


def test_it_has_all_its_tries_again(practice: Practice, watch: Watch):
    dead = a_dead_letter(practice, watch)
    with transaction() as session:
        steps_service.retry(session, practice.clinic_id, dead.id)
    practice.run(MAKE)

    assert (practice.step(id=dead.id).state, practice.step(id=dead.id).attempts) == ("published", 1)


def test_only_a_dead_letter_gets_another_chance(practice: Practice):
    ids = practice.fill(1, MAKE, due_at=TUESDAY)
    practice.run(MAKE)
    with pytest.raises(CannotRetryStep), transaction() as session:
        steps_service.retry(session, practice.clinic_id, ids[0])
    deliveries = practice.fill(1, Kind.DELIVER, due_at=TUESDAY, state="failed")
    with pytest.raises(RetryTheNotification), transaction() as session:
        steps_service.retry(session, practice.clinic_id, deliveries[0])


def test_nobody_gets_another_clinics_dead_letters(
    practice: Practice, open_practice: Callable[..., Practice], watch: Watch
):
    dead, stranger = a_dead_letter(practice, watch), open_practice()
    with pytest.raises(NotFound), transaction() as session:
        steps_service.retry(session, stranger.clinic_id, dead.id)
    with transaction() as session:
        assert steps_service.retry_many(session, stranger.clinic_id, {}, spread=timedelta()).retried == 0
        assert steps_service.list_steps(session, stranger.clinic_id, {"limit": 10}).items == []


def test_many_dead_letters_come_back_spread_over_time(practice: Practice, valkey: Valkey):
    practice.fill(4, MAKE, due_at=TUESDAY, state="failed", finished_at=TUESDAY)
    with transaction() as session:
        answer = steps_service.retry_many(session, practice.clinic_id, {}, spread=timedelta(minutes=8))

    assert (answer.retried, answer.left) == (4, 0)
    due = [(step.due_at, step.state) for step in practice.steps(kind=MAKE)]
    # every 2 minutes; those inside the horizon of 2 minutes are published at once
    minutes = [(0, "published"), (2, "published"), (4, "planned"), (6, "planned")]
    assert due == [(TUESDAY + timedelta(minutes=after), state) for after, state in minutes]
    assert [message.eta for message in messages(valkey, "steps")] == [None, TUESDAY + timedelta(minutes=2)]


def test_no_error_names_a_person(canaries_refused: None, practice: Practice, capfd: pytest.CaptureFixture[str]):
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


def test_one_clinics_broken_rules_are_no_other_clinics_trouble(open_practice: Callable[..., Practice], watch: Watch):
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


def test_the_rest_of_its_message_is_not_forgotten(practice: Practice, valkey: Valkey):
    due, early = practice.fill(1, MAKE, due_at=TUESDAY), practice.fill(1, MAKE, due_at=TUESDAY + timedelta(seconds=9))
    spoil(due[0], **UNTITLED)
    practice.run(MAKE, *practice.steps(kind=MAKE))

    woken = [message for message in messages(valkey, "steps") if message.ids == early]
    assert [message.eta for message in woken] == [TUESDAY + timedelta(seconds=9)]


def test_nobody_is_blamed_for_another(practice: Practice, postgres: Postgres):
    poisoned, innocent = practice.fill(2, MAKE, due_at=TUESDAY)
    spoil(poisoned, **UNTITLED)
    lead = practice.step(id=poisoned).lead_id
    sql("UPDATE leads SET deleted_at = NULL")
    failures: list[object] = []

    with postgres.connect("relance") as other:
        other.autocommit = False

        def lock_its_lead(_: Session) -> None:
            """Between the two failures of the step, the batch's and its own, somebody begins to write its lead."""
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


def test_a_database_that_is_away_for_a_moment_is_nobodys_failure(practice: Practice, postgres: Postgres):
    db.dispose()  # one connection is enough to be cut
    ids = practice.fill(3, MAKE, due_at=TUESDAY)
    with postgres.connect("relance") as owner:
        owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'relance_web'")

    assert runner.run(MAKE, ids) == 3

    assert {(step.state, step.attempts, step.error) for step in practice.steps(kind=MAKE)} == {("done", 1, None)}
    db.dispose()  # the pool tells old connections by the clock, which stands still here
