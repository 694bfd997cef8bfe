"""Sweep of open leads without a next action: flag, notifications and list."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app import clock
from app.api.operations.metrics import render
from app.clock import now
from app.core.db import transaction
from app.engine.models import Kind
from app.identity.models import Role
from app.leads.pipeline.reopening import reopen
from app.leads.privacy.service import restrict_lead
from app.leads.search.without_next_action import without_next_action
from app.ops.embedded import Postgres
from tests.support.practice import TUESDAY, Practice, Watch, sql
from workers import runner
from workers.sweeps.run import sweep
from workers.sweeps.scan import IN_BATCH_SQL, next_batch, save_position

FIND = "find_leads_without_next_action"
ADMIN, COORDINATOR = Role.CLINIC_ADMIN, Role.TREATMENT_COORDINATOR
SILENT = "name: silent\nrules: []\n"
WRITING = """
name: writing
rules:
  - name: say-hello
    on: lead.without_next_action
    do: [{send_message: {channel: email, template: hello}}]
templates:
  hello: {subject: Hello, body: Hello}
"""


@pytest.fixture
def silent(open_practice: Callable[..., Practice]) -> Practice:
    """A clinic without rules."""
    return open_practice(playbook=SILENT)


def listed(practice: Practice, **query: Any) -> list[UUID]:
    with transaction() as session:
        found = without_next_action(session, practice.actor(), {"limit": 50, **query})
        return [lead.id for lead in found.items]


def flagged(practice: Practice) -> list[UUID]:
    return [lead.id for lead in practice.rows("leads") if lead.without_next_action_since]


def scan(*, most: int) -> list[UUID]:
    """Return the leads of the next batch."""
    with transaction() as session:
        stretch = next_batch(session, "a scan", most=most)
        save_position(session, "a scan", stretch)
        return list(session.scalars(text(f"SELECT id FROM leads l WHERE {IN_BATCH_SQL} ORDER BY 1"), stretch))


def finish_steps(practice: Practice) -> None:
    """Finish all steps that the clinic's rules planned."""
    sql("UPDATE steps SET state = 'done' WHERE clinic_id = :id", id=practice.clinic_id)


def notified_users(practice: Practice) -> list[tuple[UUID, str]]:
    notes = practice.rows("notifications", template="leads-without-next-action")
    return [(note.user_id, note.body.split(" ")[0]) for note in notes]


class TestFlags:
    def test_lead_with_neither_task_nor_step_is_flagged_after_some_minutes(self, silent: Practice, watch: Watch):
        lead = silent.capture()
        watch.advance(minutes=5)
        assert sweep(FIND) == 0  # grace period after the last change

        watch.advance(seconds=1)
        assert sweep(FIND) == 1
        assert sweep(FIND) == 0
        assert silent.row("leads").without_next_action_since == clock.now()
        assert listed(silent) == [lead]

    @pytest.mark.parametrize("status", ["PENDING", "IN_PROGRESS", "OVERDUE"])
    def test_open_task_is_a_next_action(self, silent: Practice, watch: Watch, status: str):
        silent.plan(silent.capture(), TUESDAY + timedelta(days=1))
        sql("UPDATE lead_tasks SET status = :status", status=status)
        watch.advance(minutes=10)
        assert sweep(FIND) == 0

    @pytest.mark.parametrize("status", ["COMPLETED", "CANCELLED"])
    def test_closed_task_is_no_next_action(self, silent: Practice, watch: Watch, status: str):
        silent.plan(silent.capture(), TUESDAY + timedelta(days=1))
        sql("UPDATE lead_tasks SET status = :status", status=status)
        watch.advance(minutes=10)
        assert sweep(FIND) == 1

    @pytest.mark.parametrize(
        ("kind", "state", "found"),
        [
            ("create_task", "planned", 0),
            ("escalate", "published", 0),
            ("send_message", "planned", 0),
            ("remind", "planned", 1),
            ("suggest_lost", "planned", 1),
            ("deliver", "published", 1),
            ("create_task", "done", 1),
            ("create_task", "failed", 1),
            ("send_message", "cancelled", 1),
        ],
    )
    def test_step_that_will_act_is_a_next_action(
        self, practice: Practice, watch: Watch, kind: str, state: str, found: int
    ):
        practice.capture()
        sql("DELETE FROM steps WHERE name <> 'no-contact-24h'")
        sql("UPDATE steps SET kind = :kind, state = :state, due_at = :due", kind=kind, state=state, due=now())
        watch.advance(minutes=10)
        assert sweep(FIND) == found

    @pytest.mark.parametrize("end", [Practice.convert, Practice.lose])
    def test_closed_lead_is_not_flagged(self, silent: Practice, watch: Watch, end: Callable[..., None]):
        end(silent, silent.capture())
        watch.advance(minutes=10)
        assert sweep(FIND) == 0

    def test_restricted_lead_is_not_flagged(self, silent: Practice, watch: Watch):
        free, restricted = silent.capture(), silent.capture()
        watch.advance(minutes=10)
        assert sweep(FIND) == 2
        with transaction() as session:
            restrict_lead(session, silent.actor(), restricted, {"is_restricted": True, "reason": "They asked."})
        assert listed(silent) == [free]
        sweep(FIND)
        assert flagged(silent) == [free]

    def test_locked_lead_is_flagged_by_the_next_sweep(self, silent: Practice, watch: Watch, postgres: Postgres):
        lead = silent.capture()
        watch.advance(minutes=10)
        with postgres.connect("relance") as other:
            other.autocommit = False
            other.execute("SELECT FROM leads WHERE id = %s FOR NO KEY UPDATE", [lead])
            assert sweep(FIND) == 0
            other.rollback()
        assert sweep(FIND) == 1

    def test_scan_covers_all_open_leads_in_batches_and_starts_again(
        self, silent: Practice, open_practice: Callable[..., Practice], watch: Watch
    ):
        other = open_practice(playbook=SILENT)
        leads = {silent.capture() for _ in range(5)} | {other.capture() for _ in range(3)}
        silent.lose(silent.capture())
        walked = [scan(most=3) for _ in range(6)]
        assert [len(stretch) for stretch in walked] == [3, 3, 2, 3, 3, 2]
        assert {lead for stretch in walked[:3] for lead in stretch} == leads
        assert walked[3:] == walked[:3]


class TestReactions:
    def test_flagged_lead_gets_a_task_for_a_decision(self, practice: Practice, watch: Watch):
        lead = practice.capture()
        finish_steps(practice)
        watch.advance(minutes=10)
        assert sweep(FIND) == 1
        step = practice.step(lead, name="decide-what-is-next")
        assert step.cause["event"] == "lead.without_next_action"
        assert listed(practice) == []  # a user handles it
        assert notified_users(practice) == []

        practice.run(Kind.CREATE_TASK, step)
        task = practice.row("lead_tasks", lead_id=lead)
        assert (task.title, task.assigned_to_id) == ("Decide what is next", practice.people[COORDINATOR])
        assert sweep(FIND) == 0
        assert flagged(practice) == []

    def test_each_new_flag_gets_a_task(self, practice: Practice, watch: Watch):
        lead = practice.capture()
        for _ in range(3):
            finish_steps(practice)
            watch.advance(minutes=10)
            assert sweep(FIND) == 1
            while runner.run(Kind.CREATE_TASK, []):
                pass
            assert sweep(FIND) == 0
            [task] = [task for task in practice.rows("lead_tasks", lead_id=lead) if task.status == "PENDING"]
            practice.complete(task.id)
        assert len(practice.steps(lead, name="decide-what-is-next")) == 3

    def test_failing_step_is_not_planned_repeatedly(self, practice: Practice, watch: Watch):
        lead = practice.capture()
        finish_steps(practice)
        watch.advance(minutes=10)
        sweep(FIND)
        sweep(FIND)
        sql("UPDATE steps SET state = 'failed' WHERE name = 'decide-what-is-next'")
        watch.advance(minutes=10)
        assert [sweep(FIND) for _ in range(3)] == [0, 0, 0]
        assert len(practice.steps(lead, name="decide-what-is-next")) == 1
        assert listed(practice) == [lead]

    def test_message_only_rule_is_not_planned_repeatedly(self, open_practice: Callable[..., Practice], watch: Watch):
        practice = open_practice(playbook=WRITING)
        lead = practice.capture()
        watch.advance(minutes=10)
        sweep(FIND)
        while runner.run(Kind.SEND_MESSAGE, []):
            pass
        watch.advance(days=1)
        assert [sweep(FIND) for _ in range(3)] == [0, 0, 0]
        assert len(practice.steps(lead, name="say-hello")) == 1
        assert listed(practice) == [lead]

    def test_users_are_notified_once_with_a_count_without_a_rule(self, silent: Practice, watch: Watch):
        for _ in range(3):
            silent.capture()
        nobodys = silent.capture()
        sql("UPDATE leads SET assigned_to_id = NULL WHERE id = :id", id=nobodys)
        watch.advance(minutes=10)
        for _ in range(3):
            sweep(FIND)
        assert sorted(notified_users(silent), key=lambda one: one[1]) == [
            (silent.people[COORDINATOR], "3"),
            (silent.people[ADMIN], "4"),
        ]

        silent.capture()
        watch.advance(minutes=10)
        sweep(FIND)
        assert notified_users(silent)[2:] == []  # until the first is read
        sql("UPDATE notifications SET read_at = created_at")
        silent.capture()
        watch.advance(minutes=10)
        sweep(FIND)
        assert [count for _, count in notified_users(silent)[2:]] == ["1", "1"]

    def test_flag_is_removed_when_an_action_is_planned(self, silent: Practice, watch: Watch):
        planned, other = silent.capture(), silent.capture()
        watch.advance(minutes=10)
        sweep(FIND)
        silent.plan(planned, TUESDAY + timedelta(days=1))
        assert listed(silent) == [other]
        sweep(FIND)
        assert flagged(silent) == [other]

    def test_reopened_lead_is_flagged_again(self, silent: Practice, watch: Watch):
        lead = silent.capture()
        watch.advance(minutes=10)
        sweep(FIND)
        silent.lose(lead)
        assert listed(silent) == []
        with transaction() as session:
            reopen(session, silent.actor(), lead, {"reason": "They called."})
        assert listed(silent) == []
        watch.advance(minutes=10)
        assert sweep(FIND) == 1

    def test_metric_counts_flagged_leads(self, silent: Practice, watch: Watch):
        silent.capture()
        watch.advance(minutes=10)
        sweep(FIND)
        sweep("take_census")
        with transaction() as session:
            assert "relance_leads_without_next_action 1.0" in render(session).decode()


class TestList:
    def test_longest_flagged_leads_come_first(self, silent: Practice, watch: Watch):
        leads = []
        for _ in range(3):
            leads.append(silent.capture())
            watch.advance(minutes=10)
            sweep(FIND)
        assert listed(silent) == leads
        sql("UPDATE leads SET assigned_to_id = NULL WHERE id = :id", id=leads[1])
        assert listed(silent, assigned_to_id=silent.people[COORDINATOR]) == [leads[0], leads[2]]


class TestRottingDates:
    DATE = "date_rotting_leads"

    def test_new_limit_of_a_stage_updates_its_leads(self, practice: Practice, watch: Watch):
        new, contacted = practice.capture(), practice.capture()
        practice.move(contacted, "consultation_scheduled")
        sql("UPDATE pipeline_stages SET max_days_in_stage = 5 WHERE slug = 'new_lead'")
        assert sweep(self.DATE) == 1
        assert sweep(self.DATE) == 0
        leads = {lead.id: lead for lead in practice.rows("leads")}
        assert (leads[new].rots_at, leads[new].rotting_reason) == (TUESDAY + timedelta(days=5), "IN_STAGE_TOO_LONG")
        assert leads[contacted].rots_at == TUESDAY + timedelta(days=14)

        sql("UPDATE pipeline_stages SET max_days_in_stage = NULL")
        assert sweep(self.DATE) == 1
        assert {lead.rotting_reason for lead in practice.rows("leads")} == {"NO_CONTACT"}

    def test_new_limit_of_a_clinic_updates_its_leads(
        self, practice: Practice, open_practice: Callable[..., Practice], watch: Watch
    ):
        other = open_practice()
        for one in (practice, other):
            one.move(one.capture(), "consultation_scheduled")
        sql("UPDATE clinics SET stale_after_days = 10 WHERE id = :id", id=practice.clinic_id)
        assert sweep(self.DATE) == 1
        assert practice.row("leads").rots_at == TUESDAY + timedelta(days=10)
        assert other.row("leads").rots_at == TUESDAY + timedelta(days=14)

    def test_single_lead_and_sweep_compute_the_same_date(self, practice: Practice, watch: Watch):
        """Compare both computations after any history of a lead."""
        for number, stage in enumerate(["contacted", "consultation_completed", "pending_decision", None]):
            lead = practice.capture()
            watch.advance(days=1)
            if stage:
                practice.move(lead, stage)
            watch.advance(hours=number)
            practice.speak_with(lead)
            if number % 2:
                practice.hear_from(lead)
        assert sweep(self.DATE) == 0

    def test_leads_without_a_date_get_one(self, practice: Practice, watch: Watch):
        practice.capture()
        practice.lose(practice.capture())
        sql("UPDATE leads SET rots_at = NULL, rotting_reason = NULL")
        assert sweep(self.DATE) == 1
        assert [lead.rots_at for lead in practice.rows("leads") if lead.status == "NEW"] == [
            TUESDAY + timedelta(days=3)
        ]

    def test_archived_stage_keeps_correct_dates(self, practice: Practice, watch: Watch):
        lead = practice.capture()
        practice.move(lead, "contacted")
        watch.advance(days=1)
        with transaction() as session:
            session.execute(
                text(
                    "UPDATE pipeline_stages SET archived_at = :at, moves_to = 'consultation_completed'"
                    " WHERE slug = 'contacted'"
                ),
                {"at": clock.now()},
            )
        assert sweep("empty_archived_stages") == 1
        assert practice.row("leads").rots_at == clock.now() + timedelta(days=7)
        assert sweep(self.DATE) == 0
