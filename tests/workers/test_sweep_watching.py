"""Sweeps of overdue tasks and of stale leads."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from app import clock
from app.engine.models import Kind
from app.ops.embedded import Postgres
from tests.support.practice import TUESDAY, Practice, Watch, sql
from workers.sweeps.run import sweep

MAKE = Kind.CREATE_TASK

LISTENING = """
name: ours
rules:
  - name: wake-up
    on: [lead.stale, lead.stage_overdue]
    do: [{create_task: {type: CALL, title: Wake them up}}]
"""


class TestOverdueTasks:
    def test_task_past_its_due_time_becomes_overdue_once(self, practice: Practice, watch: Watch):
        lead = practice.capture()
        practice.plan(lead, TUESDAY + timedelta(minutes=30))
        watch.advance(minutes=30)
        assert sweep("mark_overdue_tasks") == 0  # due, and not yet late

        watch.advance(seconds=1)
        assert sweep("mark_overdue_tasks") == 1
        assert sweep("mark_overdue_tasks") == 0

        task = practice.row("lead_tasks")
        assert (task.status, task.version) == ("OVERDUE", 2)
        step = practice.step(lead, name="overdue-24h")
        assert step.due_at == clock.now() + timedelta(hours=24)

    @pytest.mark.parametrize(
        ("status", "found"), [("PENDING", 1), ("IN_PROGRESS", 1), ("COMPLETED", 0), ("CANCELLED", 0)]
    )
    def test_only_open_tasks_become_overdue(self, practice: Practice, watch: Watch, status: str, found: int):
        practice.plan(practice.capture(), TUESDAY + timedelta(minutes=30))
        sql("UPDATE lead_tasks SET status = :status", status=status)
        watch.advance(hours=1)

        assert sweep("mark_overdue_tasks") == found

    def test_moved_task_becomes_overdue_again_at_its_new_time(self, practice: Practice, watch: Watch):
        lead = practice.capture()
        task = practice.plan(lead, TUESDAY + timedelta(hours=1))
        watch.advance(hours=2)
        sweep("mark_overdue_tasks")
        practice.retime(task, TUESDAY + timedelta(hours=3))
        assert practice.row("lead_tasks").status == "PENDING"
        assert [(step.state, step.reason) for step in practice.steps(lead, name="overdue-24h")] == [
            ("cancelled", "task_moved")
        ]

        watch.advance(hours=2)
        assert sweep("mark_overdue_tasks") == 1
        assert [step.state for step in practice.steps(lead, name="overdue-24h")] == ["cancelled", "planned"]

    def test_escalation_task_is_not_escalated_again(self, practice: Practice, watch: Watch):
        lead = practice.capture()
        sql("DELETE FROM steps")  # other steps of a new lead
        practice.plan(lead, TUESDAY + timedelta(minutes=30))
        watch.advance(hours=1)
        sweep("mark_overdue_tasks")
        step = practice.step(lead, name="overdue-24h")
        watch.set(step.due_at)
        practice.run(Kind.ESCALATE, step)
        watch.advance(hours=2)

        assert sweep("mark_overdue_tasks") == 1
        assert [step.state for step in practice.steps(lead, name="overdue-24h")] == ["done"]

    def test_task_moved_away_and_back_becomes_overdue_again(self, practice: Practice, watch: Watch):
        lead, due = practice.capture(), TUESDAY + timedelta(hours=1)
        task = practice.plan(lead, due)
        watch.advance(hours=2)
        sweep("mark_overdue_tasks")
        practice.retime(task, TUESDAY + timedelta(days=3))
        practice.retime(task, due)

        assert sweep("mark_overdue_tasks") == 1
        assert [step.state for step in practice.steps(lead, name="overdue-24h")] == ["cancelled", "planned"]

    def test_completed_task_is_not_escalated(self, practice: Practice, watch: Watch):
        lead = practice.capture()
        task = practice.plan(lead, TUESDAY + timedelta(hours=1))
        watch.advance(hours=2)
        sweep("mark_overdue_tasks")
        practice.complete(task)

        step = practice.step(lead, name="overdue-24h")
        assert (step.state, step.reason) == ("cancelled", "task_done")

    def test_locked_task_is_skipped(self, practice: Practice, watch: Watch, postgres: Postgres):
        task = practice.plan(practice.capture(), TUESDAY + timedelta(hours=1))
        watch.advance(hours=2)
        with postgres.connect("relance") as other:
            other.autocommit = False
            other.execute("SELECT FROM lead_tasks WHERE id = %s FOR UPDATE", [task])
            assert sweep("mark_overdue_tasks") == 0
            other.rollback()
        assert sweep("mark_overdue_tasks") == 1


class TestStaleLeads:
    @pytest.fixture
    def practice(self, open_practice: Callable[..., Practice]) -> Practice:
        return open_practice(playbook=LISTENING)

    def test_lead_without_activity_becomes_stale_once(self, practice: Practice, watch: Watch):
        lead = practice.capture()
        watch.advance(days=14)
        assert sweep("detect_stale_leads") == 0

        watch.advance(seconds=1)
        assert sweep("detect_stale_leads") == 1
        assert sweep("detect_stale_leads") == 0
        assert practice.row("leads").stale_since == clock.now()
        assert practice.step(lead).cause["event"] == "lead.stale"

    def test_activity_makes_a_lead_fresh_and_it_can_become_stale_again(self, practice: Practice, watch: Watch):
        lead = practice.capture()
        watch.advance(days=15)
        sweep("detect_stale_leads")
        practice.log(lead, "NOTE", notes="Wrote a card")
        assert practice.row("leads").stale_since is None

        watch.advance(days=15)
        assert sweep("detect_stale_leads") == 1
        assert len(practice.steps(lead)) == 2

    def test_each_clinic_sets_its_own_limit(
        self, practice: Practice, open_practice: Callable[..., Practice], watch: Watch
    ):
        patient = open_practice(playbook=LISTENING)
        sql("UPDATE clinics SET stale_after_days = 30 WHERE id = :id", id=patient.clinic_id)
        practice.capture()
        patient.capture()
        watch.advance(days=15)

        assert sweep("detect_stale_leads") == 1
        assert practice.row("leads").stale_since
        assert not patient.row("leads").stale_since

    @pytest.mark.parametrize("end", [Practice.convert, Practice.lose])
    def test_closed_lead_does_not_become_stale(self, practice: Practice, watch: Watch, end: Callable[..., None]):
        end(practice, practice.capture())
        watch.advance(days=100)

        assert sweep("detect_stale_leads") == 0
        assert sweep("detect_time_in_stage") == 0

    def test_lead_too_long_in_a_stage_is_reported_once_per_stage(self, practice: Practice, watch: Watch):
        lead = practice.capture()
        watch.advance(days=3)
        assert sweep("detect_time_in_stage") == 0

        watch.advance(seconds=1)
        assert sweep("detect_time_in_stage") == 1
        assert sweep("detect_time_in_stage") == 0
        assert practice.step(lead).cause["event"] == "lead.stage_overdue"

        practice.move(lead, "contacted")
        assert practice.row("leads").stage_overdue_since is None
        watch.advance(days=13)
        assert sweep("detect_time_in_stage") == 0
        watch.advance(days=2)
        assert sweep("detect_time_in_stage") == 1
        assert len(practice.steps(lead)) == 2

    def test_locked_lead_is_found_by_the_next_sweep(self, practice: Practice, watch: Watch, postgres: Postgres):
        lead = practice.capture()
        watch.advance(days=20)
        with postgres.connect("relance") as other:
            other.autocommit = False
            other.execute("SELECT FROM leads WHERE id = %s FOR NO KEY UPDATE", [lead])
            assert sweep("detect_stale_leads") == sweep("detect_time_in_stage") == 0
            other.rollback()
        assert sweep("detect_stale_leads") == sweep("detect_time_in_stage") == 1
