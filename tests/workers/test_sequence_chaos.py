"""Concurrent workers, pauses, exits, merges and version migrations."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from app.automation.sequences.enrollments.service import exit_enrollment, pause_enrollment, resume_enrollment
from app.automation.sequences.errors import MovePlanChanged
from app.automation.sequences.service import change_sequence
from app.automation.sequences.versions.move_plan import plan_move
from app.automation.sequences.versions.version_moves import move_to_version
from app.core.db import transaction
from app.engine.models import Kind
from app.leads.duplicates.merge import merge
from app.messaging.contact_policy import opt_outs
from app.messaging.gateways.service import create_gateway
from tests.support.concurrency import run_concurrently
from tests.support.enrolling import call, came_by, playbook, put, sequence, way
from tests.support.gateway import Gateway
from tests.support.practice import Practice, Watch
from tests.support.processes import wait_until
from workers import runner

pytest_plugins = ["tests.support.practice"]

OpenWith = Callable[..., Practice]
STEPS = [call("one", "1 hour"), call("two", "1 hour"), call("three", "1 hour")]
HOOK = {"name": "hook", "call_webhook": {"gateway": "crm"}}


@pytest.fixture
def open_with(open_practice: Callable[..., Practice]) -> OpenWith:
    return lambda *sequences: open_practice(playbook=playbook(*sequences))


@pytest.fixture
def server(configure: Callable[..., None]) -> Iterator[Gateway]:
    with Gateway() as server:
        configure(outgoing_allow=server.place, outgoing_timeout=30)
        yield server


def enrolled(practice: Practice, many: int) -> list[UUID]:
    found = [practice.capture() for _ in range(many)]
    put(practice, *found)
    return found


def change(practice: Practice, act: Callable[..., Any], lead: UUID) -> None:
    with transaction() as session:
        act(session, practice.actor(), way(practice, lead).id)


def work(practice: Practice, *, again: int = 1) -> list[Callable[[], object]]:
    """Return functions that each run all planned steps of the sequence, as one worker does."""
    steps = [step.id for step in pending(practice)]
    return [partial(runner.run, Kind.CREATE_TASK, steps)] * again


def pending(practice: Practice, lead: UUID | None = None) -> list[Any]:
    return [step for step in practice.pending(lead) if "enrollment_id" in step.cause]


def tasks_of(practice: Practice) -> Counter[UUID]:
    return Counter(task.lead_id for task in practice.rows("lead_tasks", title="Call them"))


def test_enrollment_paused_during_its_step_runs_the_step_once(open_with: OpenWith, watch: Watch):
    practice = open_with(sequence(*STEPS))
    mine = enrolled(practice, 10)
    watch.advance(hours=1)

    def pause() -> None:
        for lead in mine:
            change(practice, pause_enrollment, lead)

    run_concurrently(pause, *work(practice, again=2))
    assert {row.state for row in practice.rows("enrollments")} == {"paused"}
    assert pending(practice) == []
    for lead in mine:
        change(practice, resume_enrollment, lead)
    for _ in range(4):
        practice.run_due()
        watch.advance(hours=1)
    assert all(came_by(practice, lead) == [(name, "done") for name in ("one", "two", "three")] for lead in mine)
    assert tasks_of(practice) == Counter(dict.fromkeys(mine, 3))


def test_exit_during_a_webhook_call_ends_the_enrollment(open_with: OpenWith, server: Gateway, watch: Watch):
    practice = open_with(sequence(HOOK, call("after")))
    given = {"name": "crm", "purpose": "webhook", "url": server.url, "idempotent": True, "is_active": True}
    with transaction() as session:
        create_gateway(session, practice.clinic_id, given)
    [lead] = enrolled(practice, 1)
    server.hang()

    def leave() -> None:
        wait_until(lambda: server.calls, 60, "the call")
        change(practice, exit_enrollment, lead)
        server.hang_up()

    run_concurrently(leave, partial(practice.run, Kind.CALL_WEBHOOK))
    assert (way(practice, lead).state, way(practice, lead).reason) == ("exited", "by_hand")
    assert practice.step(lead, kind="call_webhook").state == "done"
    assert (len(server.calls), pending(practice)) == (1, [])


def test_merge_during_running_steps_leaves_one_enrollment(open_with: OpenWith, watch: Watch):
    practice = open_with(sequence(*STEPS))
    pairs = [enrolled(practice, 2) for _ in range(5)]
    watch.advance(hours=1)

    def merge_all() -> None:
        for survivor, duplicate in pairs:
            with transaction() as session:
                merge(session, practice.actor(), survivor, duplicate_id=duplicate)

    run_concurrently(merge_all, *work(practice, again=2))
    practice.run_due()
    for survivor, duplicate in pairs:
        states = sorted((row.state, row.reason) for row in practice.rows("enrollments", lead_id=survivor))
        assert states == [("active", None), ("exited", "merged")]
        assert [step.name for step in pending(practice, survivor)] == ["welcome/two"]
        assert pending(practice, duplicate) == []


def test_opt_out_during_enrollment_leaves_no_enrollment(open_with: OpenWith):
    """An opt-out after the enrollment ends it; one before it prevents it."""
    practice = open_with(sequence(*STEPS))
    mine = [practice.capture() for _ in range(10)]

    def opt_out() -> None:
        for lead in mine:
            with transaction() as session:
                opt_outs.opt_out(session, practice.actor(), lead)

    run_concurrently(opt_out, partial(put, practice, *mine))
    assert {row.state for row in practice.rows("enrollments")} <= {"exited"}
    assert pending(practice) == []


def test_migration_during_running_steps_leaves_one_planned_step(open_with: OpenWith, watch: Watch):
    practice = open_with(sequence(*STEPS))
    mine = enrolled(practice, 20)
    [row] = practice.rows("sequences")
    with transaction() as session:
        change_sequence(session, practice.actor(), row.id, {"steps": [*STEPS, call("four", "1 hour")]}, seen=None)
    watch.advance(hours=1)

    def move() -> None:
        with transaction() as session:
            plan = plan_move(session, practice.actor(), row.id, 2)
            given = {"to": 2, "fingerprint": plan.fingerprint, "steps": {}}
            move_to_version(session, practice.actor(), row.id, given)

    def move_in_the_end() -> None:
        """Repeat the migration, because a step that runs in between invalidates the plan."""
        try:
            move()
        except MovePlanChanged:
            move_in_the_end()

    run_concurrently(move_in_the_end, *work(practice, again=2))
    practice.run_due()
    for enrollment in practice.rows("enrollments"):
        [step] = pending(practice, enrollment.lead_id)
        assert (step.id, step.name) == (enrollment.step_id, f"welcome/{enrollment.step}")
        assert step.cause["sequence_version"] == enrollment.sequence_version
    assert tasks_of(practice) == Counter(dict.fromkeys(mine, 1))
    assert all(came_by(practice, lead) == [("one", "done")] for lead in mine)
