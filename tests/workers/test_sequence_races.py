"""Races of enrollments: concurrency, repeated messages and killed workers."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.automation.sequences.enrollments.enroll import EnrollmentResult
from app.automation.sequences.enrollments.service import pause_enrollment, resume_enrollment
from app.automation.sequences.service import change_sequence, delete_sequence
from app.core.db import transaction
from app.engine.models import Kind
from tests.support.concurrency import run_concurrently
from tests.support.enrolling import call, came_by, playbook, put, sequence, way
from tests.support.fork_server import run_module
from tests.support.plans import listening
from tests.support.practice import TUESDAY, Practice, Watch, sql
from tests.support.processes import wait_until
from workers import runner

pytest_plugins = ["tests.support.practice"]

OpenWith = Callable[..., Practice]
STEPS = [call("one", "1 hour"), call("two", "1 hour"), call("three", "1 hour")]


@pytest.fixture
def open_with(open_practice: Callable[..., Practice]) -> OpenWith:
    def open_playbook(*sequences: Any) -> Practice:
        return open_practice(playbook=playbook(*sequences))

    return open_playbook


def test_one_of_two_concurrent_enrollments_succeeds(open_with: OpenWith):
    practice = open_with(sequence(*STEPS))
    leads = [practice.capture() for _ in range(20)]
    came = run_concurrently(*[partial(put, practice, *order) for order in (leads, leads[::-1])])
    results = sorted(one for many in came for one in many)
    assert results == [EnrollmentResult.ALREADY_IN] * 20 + [EnrollmentResult.ENROLLED] * 20
    assert len(practice.rows("enrollments")) == len(practice.steps(kind=Kind.CREATE_TASK, name="welcome/one")) == 20


def test_concurrent_exclusive_sequences_enroll_a_lead_once(open_with: OpenWith):
    practice = open_with(*[sequence(*STEPS, name=name, exclusive=True) for name in ("a", "b")])
    lead = practice.capture()
    came = run_concurrently(*[partial(put, practice, lead, into=name) for name in ("a", "b")])
    assert sorted(one for [one] in came) == [EnrollmentResult.ENROLLED, EnrollmentResult.IN_ANOTHER]


def test_reply_during_a_step_leaves_nothing_planned(open_with: OpenWith, watch: Watch):
    """The step runs or not, depending on the order; no step follows."""
    practice = open_with(sequence(*STEPS))
    leads = [practice.capture() for _ in range(10)]
    put(practice, *leads)
    watch.advance(hours=1)
    steps = [step.id for step in practice.pending()]

    def reply() -> None:
        for lead in leads:
            practice.hear_from(lead)

    run_concurrently(reply, partial(runner.run, Kind.CREATE_TASK, steps))
    assert {row.state for row in practice.rows("enrollments")} == {"exited"}
    assert [step for step in practice.pending() if "enrollment_id" in step.cause] == []


def test_enrollment_during_deletion_of_the_sequence_fails_or_ends(open_with: OpenWith):
    practice = open_with(sequence(*STEPS))
    lead, [row] = practice.capture(), practice.rows("sequences")
    with ThreadPoolExecutor(1) as threads:
        with transaction() as session:
            delete_sequence(session, practice.actor(), row.id, seen=None)
            enrolling = threads.submit(put, practice, lead)
            wait_until(is_lock_awaited, 60, "the one who enrolls to wait for the one who deletes")
        assert enrolling.result(timeout=60) == [EnrollmentResult.SEQUENCE_INACTIVE]
    assert practice.rows("enrollments") == []


def test_step_that_becomes_due_during_activation_runs(open_with: OpenWith, watch: Watch):
    practice = open_with(sequence(*STEPS))
    lead, [row] = practice.capture(), practice.rows("sequences")
    put(practice, lead)
    with transaction() as session:
        change_sequence(session, practice.actor(), row.id, {"is_active": False}, seen=None)
    watch.advance(hours=1)
    with transaction() as session:
        change_sequence(session, practice.actor(), row.id, {"is_active": True}, seen=None)
        session.flush()
        runner.run(Kind.CREATE_TASK, [way(practice, lead).step_id])  # to which it is still off
    watch.advance(seconds=10)
    practice.run_due()
    assert came_by(practice, lead) == [("one", "done")]


def test_repeated_message_advances_an_enrollment_once(open_with: OpenWith, watch: Watch):
    practice = open_with(sequence(*STEPS))
    leads = [practice.capture() for _ in range(10)]
    put(practice, *leads)
    watch.advance(hours=1)
    steps = [step.id for step in practice.steps(name="welcome/one")]
    run_concurrently(*[partial(runner.run, Kind.CREATE_TASK, steps)] * 3)
    runner.run(Kind.CREATE_TASK, steps)
    practice.run(Kind.CREATE_TASK)
    assert all(came_by(practice, lead) == [("one", "done")] for lead in leads)
    assert len(practice.steps(name="welcome/two")) == 10


def test_killed_worker_loses_and_repeats_no_step(open_with: OpenWith, watch: Watch):
    """The worker ends after writing the step's result and the next step, before the commit."""
    practice = open_with(sequence(*STEPS))
    leads = [practice.capture() for _ in range(10)]
    put(practice, *leads)
    watch.advance(hours=1)
    steps = [step.id for step in practice.steps(name="welcome/one")]
    killed = run_module("tests.support.worker_killed_before_commit", *map(str, steps), env=os.environ)
    assert killed.returncode == -signal.SIGKILL
    assert practice.rows("enrollment_steps") == []

    def steps_have_run() -> bool:
        runner.run_again(Kind.CREATE_TASK, steps)
        return all(came_by(practice, lead) for lead in leads)

    wait_until(steps_have_run, 60, "PostgreSQL to end the killed worker's connection")
    assert all(came_by(practice, lead) == [("one", "done")] for lead in leads)
    assert len(practice.steps(name="welcome/two")) == len(practice.rows("lead_tasks", title="Call them")) == 10


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pauses=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 5000)), max_size=4))
def test_repeated_pauses_do_not_change_the_total_wait(open_with: OpenWith, watch: Watch, pauses: list[tuple[int, int]]):
    """Minutes of waiting between pauses, and minutes of each pause; the step is due after all of them."""
    watch.set(TUESDAY)
    practice = open_with(sequence(call("one", "30 hours")))
    lead = practice.capture()
    put(practice, lead)
    for waited, paused in pauses:
        watch.advance(minutes=waited)
        _act(practice, lead, pause_enrollment)
        watch.advance(minutes=paused)
        _act(practice, lead, resume_enrollment)
    [step] = [step for step in practice.pending(lead) if step.name == "welcome/one"]
    assert step.due_at == TUESDAY + timedelta(hours=30) + timedelta(minutes=sum(paused for _, paused in pauses))


def test_concurrently_published_version_applies_to_new_enrollments(open_with: OpenWith, watch: Watch):
    practice = open_with(sequence(*STEPS))
    early, late = practice.capture(), practice.capture()
    put(practice, early)
    [row] = practice.rows("sequences")
    with transaction() as session:
        change_sequence(session, practice.actor(), row.id, {"steps": [call("other")]}, seen=None)
    put(practice, late)
    for _ in range(4):
        practice.run_due()
        watch.advance(hours=1)
    assert came_by(practice, early) == [("one", "done"), ("two", "done"), ("three", "done")]
    assert came_by(practice, late) == [("other", "done")]
    assert {entry.sequence_version for entry in practice.rows("enrollment_steps")} == {1, 2}


def test_enrollment_of_five_thousand_needs_a_constant_number_of_statements(open_with: OpenWith):
    practice = open_with(sequence(*STEPS))
    practice.fill(5000, Kind.CREATE_TASK, due_at=TUESDAY + timedelta(days=300))
    leads = [row.id for row in practice.rows("leads")]
    _, one, many = (_statements(practice, some) for some in (leads[:1], leads[1:2], leads[2:]))  # the first reads it
    assert one == many <= 6
    assert len(practice.rows("enrollments")) == 5000


def is_lock_awaited() -> bool:
    return bool(sql("SELECT 1 FROM pg_locks WHERE NOT granted"))


def _statements(practice: Practice, leads: list[Any]) -> int:
    with listening() as heard:
        put(practice, *leads)
    return len(heard)


def _act(practice: Practice, lead: Any, what: Callable[..., Any]) -> None:
    with transaction() as session:
        what(session, practice.actor(), way(practice, lead).id)
