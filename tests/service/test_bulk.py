"""Bulk follow-ups: results of the items of a job."""

from datetime import timedelta

import pytest

from app.clock import now
from app.core.db import transaction
from app.engine.jobs.retention import forget_old_job
from app.identity.models import Role
from tests.support.bulk import FOLLOW_UP, ask, chunks, counts, items, many_leads, reasons, run, tasks, work_off
from tests.support.desk import Desk

UNKNOWN = "01890000-0000-7000-8000-000000000000"


def test_bulk_job_creates_a_follow_up_per_lead(desk: Desk):
    coordinator = desk.coordinator
    ids = [desk.capture()["id"] for _ in range(3)]
    before = now()
    follow_up = {**FOLLOW_UP, "priority": "HIGH", "description": "Ask about the talk.", "reminder_minutes": [60, 10]}
    job = ask(desk.front_desk, lead_ids=ids, followup=follow_up)
    assert counts(job) == (3, 0, 0, 0)
    done = work_off(desk, job)
    assert (done["state"], done["percent"], counts(done)) == ("done", 100.0, (0, 3, 0, 0))
    assert done["created_at"] <= done["started_at"] <= done["finished_at"]
    for task, lead_id in zip(tasks(desk), ids, strict=True):
        assert str(task.lead_id) == lead_id
        assert (task.title, task.type, task.priority) == ("After the event", "CALL", "HIGH")
        assert (task.description, task.reminder_minutes, task.status) == ("Ask about the talk.", [60, 10], "PENDING")
        assert str(task.assigned_to_id) == coordinator.id
        assert str(task.created_by) == desk.front_desk.id
        assert before + timedelta(days=1) <= task.due_at <= now() + timedelta(days=1)


def test_items_contain_the_created_task(desk: Desk):
    ids = [desk.capture()["id"] for _ in range(2)]
    job = ask(desk.admin, lead_ids=ids)
    assert [(item["status"], item["task_id"]) for item in items(desk, job)] == [("pending", None)] * 2
    work_off(desk, job)
    made = {str(task.lead_id): str(task.id) for task in tasks(desk)}
    assert [(item["position"], item["lead_id"], item["status"], item["task_id"]) for item in items(desk, job)] == [
        (place, lead_id, "done", made[lead_id]) for place, lead_id in enumerate(ids)
    ]


def test_follow_ups_have_reminders(desk: Desk):
    lead = desk.capture()
    work_off(desk, ask(desk.admin, lead_ids=[lead["id"]]))
    (task,) = tasks(desk)
    (step,) = desk.steps(lead, kind="remind")
    assert (step["name"], step["cause"]["event"]) == ("task-reminder", "task.created")
    assert step["cause"]["subject_id"] == str(task.id)


def test_staggered_follow_ups_are_due_one_after_the_other(desk: Desk):
    ids = [desk.capture()["id"] for _ in range(4)]
    due_at = (now() + timedelta(days=2)).replace(microsecond=0)
    follow_up = {"type": "CALL", "title": "x", "due_at": due_at.isoformat()}
    work_off(desk, ask(desk.admin, lead_ids=ids, followup=follow_up, stagger_per_hour=30))
    # 30 an hour: one every two minutes, in the order given.
    assert [(str(task.lead_id), task.due_at) for task in tasks(desk)] == [
        (lead_id, due_at + place * timedelta(minutes=2)) for place, lead_id in enumerate(ids)
    ]


def test_due_time_counts_from_the_request(desk: Desk):
    job = ask(desk.admin, lead_ids=[desk.capture()["id"]], followup={**FOLLOW_UP, "due_in_minutes": 1})
    called_at = desk.sql("SELECT created_at FROM jobs")[0].created_at
    work_off(desk, job)
    assert tasks(desk)[0].due_at == called_at + timedelta(minutes=1)


def test_leads_keep_their_coordinator_or_get_one(desk: Desk):
    keeper = desk.coordinator
    gone = desk.hire(Role.TREATMENT_COORDINATOR)
    kept, orphan, unassigned = (desk.capture(assigned_to_id=user.id) for user in (keeper, gone, keeper))
    desk.sql("UPDATE users SET is_active = false WHERE id = :id", id=gone.id)
    desk.sql("UPDATE leads SET assigned_to_id = NULL WHERE id = :id", id=unassigned["id"])
    work_off(desk, ask(desk.admin, lead_ids=[kept["id"], orphan["id"], unassigned["id"]]))
    assert {str(task.assigned_to_id) for task in tasks(desk)} == {keeper.id}


def test_tasks_go_to_admins_without_coordinators(desk: Desk):
    lead = desk.capture()
    work_off(desk, ask(desk.admin, lead_ids=[lead["id"]]))
    assert str(tasks(desk)[0].assigned_to_id) == desk.admin.id


def test_round_robin_over_all_coordinators(desk: Desk):
    team = sorted(desk.hire(Role.TREATMENT_COORDINATOR).id for _ in range(3))
    ids = [desk.capture()["id"] for _ in range(6)]
    follow_up = {**FOLLOW_UP, "assignee": {"strategy": "round_robin"}}
    work_off(desk, ask(desk.admin, lead_ids=ids, followup=follow_up, stagger_per_hour=60))
    assert [str(task.assigned_to_id) for task in tasks(desk)] == team * 2


def test_round_robin_over_named_users_keeps_their_order(desk: Desk):
    named = [desk.admin.id, desk.front_desk.id]
    ids = [desk.capture()["id"] for _ in range(3)]
    follow_up = {**FOLLOW_UP, "assignee": {"strategy": "round_robin", "user_ids": named}}
    work_off(desk, ask(desk.admin, lead_ids=ids, followup=follow_up, stagger_per_hour=60))
    assert [str(task.assigned_to_id) for task in tasks(desk)] == [named[0], named[1], named[0]]


def test_named_user_gets_all_tasks(desk: Desk):
    follow_up = {**FOLLOW_UP, "assignee": {"strategy": "user", "user_id": desk.front_desk.id}}
    work_off(desk, ask(desk.admin, lead_ids=[desk.capture()["id"] for _ in range(2)], followup=follow_up))
    assert [str(task.assigned_to_id) for task in tasks(desk)] == [desk.front_desk.id] * 2


def test_deactivated_user_gets_no_tasks(desk: Desk):
    follow_up = {**FOLLOW_UP, "assignee": {"strategy": "user", "user_id": desk.front_desk.id}}
    job = ask(desk.admin, lead_ids=[desk.capture()["id"]], followup=follow_up)
    desk.sql("UPDATE users SET is_active = false WHERE id = :id", id=desk.front_desk.id)
    assert counts(work_off(desk, job)) == (0, 0, 1, 0)
    assert reasons(desk, job) == {0: "nobody_to_assign"}


def test_failed_item_has_a_reason_and_stops_no_other(desk: Desk, other_desk: Desk):
    good, lost, patient, archived, deleted = (desk.capture()["id"] for _ in range(5))
    theirs = other_desk.capture(phone="+34600111222")["id"]
    assert desk.admin.post(f"/api/leads/{lost}/lost", {"reason": "OTHER"}).status == 200
    for lead_id, change in (
        (patient, "status = 'CONVERTED'"),
        (archived, "status = 'ARCHIVED'"),
        (deleted, "deleted_at = now()"),
    ):
        desk.sql(f"UPDATE leads SET {change} WHERE id = :id", id=lead_id)
    ids = [lost, UNKNOWN, patient, theirs, archived, good, good.upper(), deleted]
    job = ask(desk.admin, lead_ids=ids)
    assert counts(job) == (7, 0, 1, 0)  # the duplicate is known at once
    assert counts(work_off(desk, job)) == (0, 1, 7, 0)
    assert reasons(desk, job) == {
        0: "lead_is_closed",
        1: "unknown_lead",
        2: "lead_is_locked",
        3: "unknown_lead",
        4: "lead_is_closed",
        6: "duplicate",
        7: "unknown_lead",
    }
    assert all(item["error"] for item in items(desk, job, status="failed"))
    assert [str(task.lead_id) for task in tasks(desk)] == [good]


@pytest.mark.parametrize(
    ("tests", "found"),
    [
        ({"status": "NEW"}, {"new", "mine"}),
        ({"status": "LOST"}, {"lost"}),
        ({"stage": "contacted"}, {"contacted"}),
        ({"stage": "new_lead"}, {"new", "mine"}),  # lost leads only on request
        ({"assigned_to_id": "me"}, {"mine"}),
        ({"stage": "contacted", "status": "NEW"}, set()),
    ],
)
def test_filter_selects_matching_leads_at_the_request(desk: Desk, tests: dict[str, str], found: set[str]):
    desk.hire(Role.TREATMENT_COORDINATOR)  # owns the other leads
    leads = {name: desk.capture()["id"] for name in ("new", "contacted", "lost")}
    leads["mine"] = desk.capture(assigned_to_id=desk.admin.id)["id"]
    desk.admin.post(f"/api/leads/{leads['contacted']}/stage", {"stage": "contacted"})
    desk.admin.post(f"/api/leads/{leads['lost']}/lost", {"reason": "OTHER"})
    job = ask(desk.admin, filter=tests)
    desk.capture(assigned_to_id=desk.admin.id)  # too late
    assert {item["lead_id"] for item in items(desk, job)} == {leads[name] for name in found}
    assert job["total"] == len(found)


def test_filter_finds_no_leads_of_another_clinic(desk: Desk, other_desk: Desk):
    other_desk.capture(phone="+34600111222")
    job = ask(desk.admin, filter={"status": "NEW"})
    assert (job["total"], job["state"], job["percent"]) == (0, "done", 100.0)
    assert job["finished_at"] is not None
    assert chunks(desk, job) == []


def test_finished_jobs_are_deleted_later(desk: Desk):
    ended, running = (ask(desk.admin, lead_ids=[desk.capture()["id"]]) for _ in range(2))
    work_off(desk, ended)
    desk.sql("UPDATE jobs SET state = 'running', finished_at = NULL WHERE id = :id", id=running["id"])
    with transaction() as session:
        assert [forget_old_job(session, now() - timedelta(days=1)) for _ in range(2)] == [0, 0]
        assert [forget_old_job(session, now()) for _ in range(2)] == [1, 0]
    assert desk.sql("SELECT job_id::text FROM job_items") == [(running["id"],)]
    assert desk.admin.get(f"/api/jobs/{ended['id']}").status == 404


def test_large_job_is_split_into_chunks(desk: Desk):
    ids = many_leads(desk, 2_001)
    job = ask(desk.admin, lead_ids=ids)
    steps = chunks(desk, job)
    assert len(steps) == 3
    for step in steps:
        run(step)
    assert counts(work_off(desk, job)) == (0, 2_001, 0, 0)
    assert {str(task.lead_id) for task in tasks(desk)} == set(ids)
    assert len(tasks(desk)) == 2_001
    assert desk.sql("SELECT count(*) FROM steps WHERE kind = 'remind'")[0].count == 2_001
