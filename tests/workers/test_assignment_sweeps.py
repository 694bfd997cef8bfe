"""Every open lead gets a coordinator within one sweep (business rule 2 of lead-management.md)."""

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app.clock import now
from app.core.db import insert_many, new_id, transaction
from app.engine.models import Kind
from app.identity.models import Role, User
from tests.support.concurrency import run_concurrently
from tests.support.practice import Practice, Watch, _person, sql
from workers.sweeps.run import sweep

ADMIN, COORDINATOR = Role.CLINIC_ADMIN, Role.TREATMENT_COORDINATOR


def hire(practice: Practice, role: Role = COORDINATOR) -> UUID:
    person = _person(practice.clinic_id, role, f"{new_id()}@clinic.example")
    with transaction() as session:
        insert_many(session, User, [person])
    hired: UUID = person["id"]
    return hired


def deactivate(user_id: UUID) -> None:
    sql("UPDATE users SET is_active = false WHERE id = :id", id=user_id)


def add_absence(practice: Practice, user_id: UUID, *, days: int = 1, **given: Any) -> UUID:
    absence = {"starts": now(), "cover": None, "tasks": "leave", **given}
    [made] = sql(
        "INSERT INTO absences (id, clinic_id, user_id, starts_at, ends_at, cover_id, tasks, created_at) VALUES"
        " (gen_random_uuid(), :clinic, :user, :starts, :ends, :cover, :tasks, :starts) RETURNING id",
        clinic=practice.clinic_id,
        user=user_id,
        ends=absence["starts"] + timedelta(days=days),
        **absence,
    )
    return made.id


def assignee_of(lead_id: UUID) -> UUID | None:
    [lead] = sql("SELECT assigned_to_id FROM leads WHERE id = :id", id=lead_id)
    return lead.assigned_to_id


def last_assignment(lead_id: UUID) -> Any:
    return sql("SELECT * FROM assignment_history WHERE lead_id = :id ORDER BY id DESC LIMIT 1", id=lead_id)[0]


class TestUnassignedLeads:
    def test_leads_without_an_active_coordinator_go_to_users_with_fewest_leads(self, practice: Practice):
        gone = practice.people[COORDINATOR]
        leads = [practice.capture() for _ in range(5)]
        sql("UPDATE leads SET assigned_to_id = NULL WHERE id = ANY(:ids)", ids=leads[:2])
        deactivate(gone)
        ben, cleo = hire(practice), hire(practice)

        assert sweep("assign_orphans") == 5
        assert sorted(Counter(map(assignee_of, leads)).values()) == [2, 3]
        assert set(map(assignee_of, leads)) == {ben, cleo}
        assert sweep("assign_orphans") == 0

    def test_each_assignment_is_on_the_timeline(self, practice: Practice):
        lead = practice.capture()
        gone = practice.people[COORDINATOR]
        deactivate(gone)
        ben = hire(practice)
        sweep("assign_orphans")

        entry = last_assignment(lead)
        assert (entry.why, entry.from_id, entry.to_id, entry.by_id) == ("orphaned", gone, ben, None)
        assert practice.rows("lead_activities")[-1].type == "ASSIGNMENT_CHANGE"

    def test_closed_leads_are_skipped(self, practice: Practice):
        lead = practice.capture()
        practice.lose(lead)
        deactivate(practice.people[COORDINATOR])
        hire(practice)

        assert sweep("assign_orphans") == 0

    def test_assignment_rules_decide_first(self, practice: Practice):
        lead = practice.capture()
        deactivate(practice.people[COORDINATOR])
        hire(practice)
        front_desk = practice.people[Role.FRONT_DESK]
        [rule] = sql(
            "INSERT INTO assignment_rules (id, clinic_id, name, is_active, position, strategy, conditions, members,"
            " created_at, updated_at, version) VALUES (gen_random_uuid(), :clinic, 'All', true, 0, 'round_robin', '{}',"
            " jsonb_build_array(jsonb_build_object('user_id', CAST(:user AS uuid), 'weight', 1, 'ceiling', null)),"
            " now(), now(), 1) RETURNING id",
            clinic=practice.clinic_id,
            user=front_desk,
        )
        sql("UPDATE clinics SET rules_version = rules_version + 1 WHERE id = :id", id=practice.clinic_id)
        sweep("assign_orphans")

        assert (assignee_of(lead), last_assignment(lead).rule_id) == (front_desk, rule.id)

    def test_locked_lead_waits_for_the_next_sweep(self, practice: Practice):
        busy, free = practice.capture(), practice.capture()
        deactivate(practice.people[COORDINATOR])
        ben = hire(practice)
        with transaction() as session:
            session.execute(text("SELECT 1 FROM leads WHERE id = :id FOR UPDATE"), {"id": busy})
            assert sweep("assign_orphans") == 1

        assert (assignee_of(free), assignee_of(busy)) == (ben, practice.people[COORDINATOR])
        assert sweep("assign_orphans") == 1

    def test_admins_are_notified_once_a_day_without_eligible_users(self, practice: Practice, watch: Watch):
        lead = practice.capture()
        deactivate(practice.people[COORDINATOR])
        add_absence(practice, practice.people[ADMIN], days=3)

        assert [sweep("assign_orphans") for _ in range(3)] == [0, 0, 0]
        [note] = practice.rows("notifications", channel="in_app", template="unassigned-leads")
        assert (note.user_id, note.state) == (practice.people[ADMIN], "sent")

        watch.advance(days=1, minutes=1)
        sweep("assign_orphans")
        assert len(practice.rows("notifications", template="unassigned-leads")) == 2

        watch.advance(days=3)
        assert sweep("assign_orphans") == 1
        assert assignee_of(lead) == practice.people[ADMIN]

    def test_no_user_gets_more_than_their_ceiling(self, practice: Practice):
        for _ in range(3):
            practice.capture()
        deactivate(practice.people[COORDINATOR])
        admin = practice.people[ADMIN]
        sql(
            "INSERT INTO assignment_rules (id, clinic_id, name, is_active, position, strategy, conditions, members,"
            " created_at, updated_at, version) VALUES (gen_random_uuid(), :clinic, 'All', true, 0, 'round_robin', '{}',"
            " jsonb_build_array(jsonb_build_object('user_id', CAST(:user AS uuid), 'weight', 1, 'ceiling', 2)),"
            " now(), now(), 1)",
            clinic=practice.clinic_id,
            user=admin,
        )
        sql("UPDATE clinics SET rules_version = rules_version + 1 WHERE id = :id", id=practice.clinic_id)

        assert [sweep("assign_orphans") for _ in range(2)] == [2, 0]
        assert len(sql("SELECT 1 FROM leads WHERE assigned_to_id = :admin", admin=admin)) == 2
        assert len(practice.rows("notifications", template="unassigned-leads")) == 1

    def test_clinic_without_eligible_users_does_not_block_others(self, practice: Practice, open_practice: Any):
        practice.capture()
        deactivate(practice.people[COORDINATOR])
        add_absence(practice, practice.people[ADMIN])
        other = open_practice()
        lead = other.capture()
        deactivate(other.people[COORDINATOR])

        assert sweep("assign_orphans") == 1
        assert assignee_of(lead) == other.people[ADMIN]

    @pytest.mark.parametrize("_", range(3))
    def test_concurrent_sweeps_and_captures_leave_no_lead_unassigned(self, practice: Practice, _: int):
        leads = [practice.capture() for _ in range(20)]
        deactivate(practice.people[COORDINATOR])
        hire(practice)
        run_concurrently(*(lambda: sweep("assign_orphans"),) * 2, practice.capture)
        sweep("assign_orphans")

        assert practice.people[COORDINATOR] not in set(map(assignee_of, leads))
        assert len(sql("SELECT 1 FROM assignment_history WHERE why = 'orphaned'")) == 20


class TestAbsences:
    def task_assignee(self, task_id: UUID) -> Any:
        return sql("SELECT assigned_to_id FROM lead_tasks WHERE id = :id", id=task_id)[0].assigned_to_id

    def test_tasks_are_reassigned_when_the_absence_begins(self, practice: Practice, watch: Watch):
        ana, cover = practice.people[COORDINATOR], hire(practice)
        task = practice.plan(practice.capture(assigned_to_id=ana), now() + timedelta(days=3))
        add_absence(practice, ana, days=5, starts=now() + timedelta(days=1), cover=cover, tasks="reroute")

        assert sweep("cover_absences") == 0
        watch.advance(days=1)
        assert sweep("cover_absences") == 1
        assert sweep("cover_absences") == 0
        assert self.task_assignee(task) == cover

    def test_task_created_during_the_absence_is_reassigned(self, practice: Practice):
        ana, cover = practice.people[COORDINATOR], hire(practice)
        add_absence(practice, ana, days=5, cover=cover, tasks="reroute")
        assert sweep("cover_absences") == 0
        task = practice.plan(practice.capture(assigned_to_id=ana), now() + timedelta(days=3), assigned_to_id=ana)

        assert sweep("cover_absences") == 1
        assert self.task_assignee(task) == cover

    def test_new_assignee_gets_the_reminder(self, practice: Practice, watch: Watch):
        ana, cover = practice.people[COORDINATOR], hire(practice)
        practice.plan(practice.capture(assigned_to_id=ana), now() + timedelta(hours=2))
        add_absence(practice, ana, cover=cover, tasks="reroute")
        sweep("cover_absences")
        watch.advance(hours=1, minutes=46)
        practice.run(Kind.REMIND)

        [note] = practice.rows("notifications", channel="in_app", template="task-reminder")
        assert note.user_id == cover

    def test_deferred_tasks_are_deferred_once(self, practice: Practice):
        ana = practice.people[COORDINATOR]
        task = practice.plan(practice.capture(assigned_to_id=ana), now() + timedelta(days=1))
        add_absence(practice, ana, days=3, tasks="shift")  # until Friday, 11:00

        assert [sweep("cover_absences") for _ in range(2)] == [1, 0]
        [row] = sql("SELECT due_at FROM lead_tasks WHERE id = :id", id=task)
        assert row.due_at == now() + timedelta(days=3)

    def test_concurrent_sweeps_handle_each_task_once(self, practice: Practice):
        ana, cover = practice.people[COORDINATOR], hire(practice)
        lead = practice.capture(assigned_to_id=ana)
        for hours in range(1, 20):
            practice.plan(lead, now() + timedelta(hours=hours))
        add_absence(practice, ana, cover=cover, tasks="reroute")

        assert sum(run_concurrently(*(lambda: sweep("cover_absences"),) * 2)) == 19
        rows = sql("SELECT DISTINCT assigned_to_id, version FROM lead_tasks")
        assert [(row.assigned_to_id, row.version) for row in rows] == [(cover, 2)]
