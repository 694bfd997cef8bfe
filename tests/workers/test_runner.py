"""Results of each step kind."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from app.core.db import transaction
from app.engine.models import Kind
from app.identity.models import Role
from app.leads.assignment.rotation import next_in_rotation
from app.ops.embedded import Valkey
from app.tasks.bulk import service as bulk
from app.tasks.bulk.spec import AssigneeStrategy
from tests.support.messages import messages
from tests.support.practice import TUESDAY, Practice, Watch, at, sql


def test_new_lead_gets_a_call_task(practice: Practice, watch: Watch):
    lead = practice.capture()
    planned = practice.step(lead, name="speed-to-lead")

    assert practice.run(Kind.CREATE_TASK, planned) == 1

    task = practice.row("lead_tasks")
    assert (task.title, task.type, task.priority, task.status) == ("Initial Contact", "CALL", "URGENT", "PENDING")
    assert task.assigned_to_id == practice.people[Role.TREATMENT_COORDINATOR]
    assert (task.lead_id, task.due_at) == (lead, at("2026-03-10 11:05"))
    assert (task.step_id, task.created_by) == (planned.id, None)

    step = practice.step(lead, name="speed-to-lead")
    assert (step.state, step.reason, step.error, step.attempts) == ("done", None, None, 1)
    assert step.outcome == {"task_id": str(task.id)}
    assert step.cause.items() >= {"rule": "speed-to-lead", "event": "lead.created", "subject_id": str(lead)}.items()
    assert (step.finished_at, step.lease_until) == (TUESDAY, None)


def test_call_about_a_friday_evening_lead_is_due_on_monday_morning(practice: Practice, watch: Watch):
    watch.set(at("2026-03-06 17:58"))
    practice.run(Kind.CREATE_TASK, practice.step(practice.capture(), name="speed-to-lead"))

    assert practice.row("lead_tasks").due_at == at("2026-03-09 09:03")


def test_task_created_by_a_step_has_reminders(practice: Practice, valkey: Valkey):
    lead = practice.capture()
    practice.run(Kind.CREATE_TASK, practice.step(lead, name="speed-to-lead"))

    reminder = practice.step(lead, name="task-reminder")
    assert (reminder.kind, reminder.state, reminder.due_at) == ("remind", "published", TUESDAY)  # closer than 15 min
    assert reminder.cause["event"] == "task.created"
    assert reminder.id in [id for message in messages(valkey, "steps") for id in message.ids]  # noqa: A001


def test_assignee_is_reminded_in_the_app_and_by_email(practice: Practice, watch: Watch):
    lead = practice.capture()
    task = practice.plan(lead, at("2026-03-10 14:00"), title="Ring Mia")
    watch.set(at("2026-03-10 13:45"))

    practice.run(Kind.REMIND, practice.step(lead, name="task-reminder"))

    in_app, mail = sorted(practice.rows("notifications"), key=lambda note: str(note.channel), reverse=True)
    assert (in_app.channel, in_app.state, in_app.address) == ("in_app", "sent", None)
    assert (mail.channel, mail.state) == ("email", "pending")
    assert mail.address == f"treatment_coordinator@practice-{mail.address.split('-')[1]}"
    for note in (in_app, mail):
        assert note.user_id == practice.people[Role.TREATMENT_COORDINATOR]
        assert (note.lead_id, note.task_id, note.template) == (lead, task, "task-reminder")
        assert note.subject.startswith("Coming up: Ring Mia")
        assert "Tuesday, March 10, 2026 at 2:00 PM" in note.body

    step = practice.step(lead, kind="remind")
    assert {*step.outcome["notification_ids"]} == {str(in_app.id), str(mail.id)}
    delivery = practice.step(lead, kind="deliver")
    assert delivery.params == {"notification_id": str(mail.id), "task_id": str(task)}
    assert {*delivery.stop_on} == {*step.stop_on}  # stop events of the message also stop its delivery
    assert delivery.cause["step_id"] == str(step.id)


def test_lead_without_contact_is_escalated_to_the_admins(practice: Practice, watch: Watch):
    lead = practice.capture()
    practice.rehire(role="clinic_admin")  # all of them
    watch.advance(hours=24)

    practice.run(Kind.ESCALATE, practice.step(lead, name="no-contact-24h"))

    task = practice.row("lead_tasks")
    assert (task.title, task.type, task.priority) == ("No contact in 24 hours", "CALL", "URGENT")
    assert (task.assigned_to_id in practice.people.values(), task.due_at) == (True, at("2026-03-11 12:00"))
    told = practice.rows("notifications")
    assert len(told) == 2 * len(practice.people)  # two channels each
    assert {note.user_id for note in told} == {*practice.people.values()}
    step = practice.step(lead, name="no-contact-24h")
    assert step.outcome["task_id"] == str(task.id)
    assert len(step.outcome["notification_ids"]) == len(told)
    assert not practice.steps(lead, kind="remind")  # they were notified just now


def test_escalation_at_night_is_due_the_next_morning(practice: Practice, watch: Watch):
    watch.set(at("2026-03-10 22:00"))
    lead = practice.capture()
    watch.advance(hours=24)
    # a clinic's own rule may escalate while it is closed
    sql("UPDATE steps SET due_at = :now", now=at("2026-03-11 22:00"))

    practice.run(Kind.ESCALATE, practice.step(lead, name="no-contact-24h"))

    assert practice.row("lead_tasks").due_at == at("2026-03-12 10:00")  # an hour after opening


def test_message_to_a_lead_is_written_once_and_delivered(practice: Practice):
    lead = practice.capture(first_name="Ana", email="ana@lead.example")
    practice.fail_to_reach(lead)
    written = practice.step(lead, kind="send_message")

    practice.run(Kind.SEND_MESSAGE, written)

    note = practice.row("notifications")
    assert (note.user_id, note.lead_id, note.address, note.state) == (None, lead, "ana@lead.example", "pending")
    assert note.subject.startswith("Shall we leave it here for now")
    assert note.body.startswith("Hello Ana,")
    assert note.message_id.startswith(f"<{note.id}@")
    delivery = practice.step(lead, kind="deliver")
    assert (delivery.due_at, delivery.state) == (TUESDAY, "published")
    assert (delivery.guard, {*delivery.stop_on}) == (written.guard, {*written.stop_on})
    assert delivery.params == {"notification_id": str(note.id)}


def test_a_step_that_runs_again_after_a_restore_writes_the_same_message_ids(practice: Practice, watch: Watch):
    lead = practice.capture()
    watch.advance(hours=24)
    escalation = practice.step(lead, name="no-contact-24h")
    practice.run(Kind.ESCALATE, escalation)
    mails = {note.id: note.message_id for note in practice.rows("notifications", channel="email")}
    inbox = {note.id for note in practice.rows("notifications", channel="in_app")}

    sql("DELETE FROM notifications")  # as if the database were that of a backup
    sql("DELETE FROM lead_tasks WHERE step_id = :id", id=escalation.id)
    sql("UPDATE steps SET state = 'published', finished_at = NULL WHERE id = :id", id=escalation.id)
    watch.advance(hours=1)
    practice.run(Kind.ESCALATE, escalation)

    assert {note.id: note.message_id for note in practice.rows("notifications", channel="email")} == mails
    assert len(mails) == len(set(mails.values())) > 0
    # The inbox is ordered by id, and nothing in it leaves the system.
    assert not inbox & {note.id for note in practice.rows("notifications", channel="in_app")}


def test_a_rule_that_names_a_channel_twice_writes_one_message_on_it(practice: Practice, watch: Watch):
    lead = practice.capture()
    sql("""UPDATE steps SET params = params || '{"channels": ["email", "email"]}' WHERE kind = 'escalate'""")
    watch.advance(hours=24)

    practice.run(Kind.ESCALATE, practice.step(lead, name="no-contact-24h"))

    told = [note.user_id for note in practice.rows("notifications")]
    assert len(told) == len(set(told)) > 0


def test_inactive_lead_is_suggested_as_lost(practice: Practice):
    lead = practice.capture()
    practice.fail_to_reach(lead)
    before = practice.row("leads", id=lead)

    practice.run(Kind.SUGGEST_LOST, practice.step(lead, kind="suggest_lost"))

    after = practice.row("leads", id=lead)
    assert (after.lost_suggested_at, after.lost_suggested_reason) == (TUESDAY, "NO_RESPONSE")
    assert (after.status, after.pipeline_stage) == (before.status, before.pipeline_stage)
    assert after.version == before.version + 1  # a concurrent edit gets a conflict
    note = practice.row("lead_activities", type="NOTE")
    assert note.notes == "Suggested: move to Lost (NO_RESPONSE), 3 attempts without response"
    told = practice.row("notifications", template="lost-suggested")
    made = {"activity_id": str(note.id), "notification_ids": [str(told.id)]}
    assert practice.step(lead, kind="suggest_lost").outcome == made
    assert note.step_id == practice.step(lead, kind="suggest_lost").id


def test_job_chunk_creates_the_follow_ups_of_its_items(practice: Practice, valkey: Valkey):
    leads = [practice.capture() for _ in range(3)]
    followup = {"title": "After the fair", "type": "CALL", "priority": "NORMAL", "due_in_minutes": 60}
    asked = {"lead_ids": leads, "followup": {**followup, "assignee": {"strategy": AssigneeStrategy.KEEP}}}
    with transaction() as session:
        job = bulk.create_job(session, practice.actor(), asked)
    chunk = practice.step(kind="import_chunk")
    assert (chunk.lead_id, chunk.params["first"], chunk.params["last"]) == (None, 0, 2)

    for _ in range(2):
        practice.run(Kind.IMPORT_CHUNK, chunk)

    tasks = practice.rows("lead_tasks")
    assert sorted(task.lead_id for task in tasks) == sorted(leads)
    assert {(task.title, task.due_at) for task in tasks} == {("After the fair", TUESDAY + timedelta(hours=1))}
    assert (practice.step(kind="import_chunk").state, practice.row("jobs", id=job.id).done) == ("done", 3)
    assert len(practice.steps(kind="remind")) == 3


def test_lead_without_a_coordinator_gets_one_in_turn(practice: Practice):
    practice.rehire(role="treatment_coordinator")
    steps = practice.fill(30, Kind.CREATE_TASK, due_at=TUESDAY)
    sql("UPDATE leads SET assigned_to_id = NULL")

    practice.run(Kind.CREATE_TASK, *practice.steps())

    tasks = practice.rows("lead_tasks")
    assert len(tasks) == len(steps) == 30
    assert len({task.assigned_to_id for task in tasks}) > 1
    by_id = sorted(practice.people.values())
    assert all(task.assigned_to_id == next_in_rotation(task.lead_id, by_id) for task in tasks)


def test_lead_of_a_deactivated_user_goes_to_another_user(practice: Practice):
    lead = practice.capture()
    gone = practice.people[Role.TREATMENT_COORDINATOR]
    sql("UPDATE users SET is_active = false WHERE id = :id", id=gone)

    practice.run(Kind.CREATE_TASK, practice.step(lead, name="speed-to-lead"))

    assert practice.row("lead_tasks").assigned_to_id == practice.people[Role.CLINIC_ADMIN]  # there is no coordinator


def test_steps_of_many_clinics_share_a_batch(open_practice: Callable[..., Practice]):
    ours, theirs = open_practice(), open_practice(timezone="Europe/Berlin", region="DE")
    for practice in (ours, theirs):
        practice.capture()

    ran = ours.run(Kind.CREATE_TASK, *ours.steps(name="speed-to-lead"), *theirs.steps(name="speed-to-lead"))

    assert ran == 2
    assert ours.row("lead_tasks").due_at == TUESDAY + timedelta(minutes=5)
    assert theirs.row("lead_tasks").due_at == TUESDAY + timedelta(minutes=5)  # 16:05 in Berlin


def test_neighboring_due_steps_run_in_the_same_batch(practice: Practice, watch: Watch):
    steps = practice.fill(250, Kind.CREATE_TASK, due_at=TUESDAY)
    practice.fill(5, Kind.CREATE_TASK, due_at=TUESDAY + timedelta(seconds=1))

    assert practice.run(Kind.CREATE_TASK, practice.steps(id=steps[0])[0]) == 250  # in three batches

    assert len(practice.rows("lead_tasks")) == 250
    assert len([step for step in practice.pending() if step.kind == "create_task"]) == 5


@pytest.mark.parametrize("late", [0, 90])
def test_lateness_of_a_step_is_counted(practice: Practice, watch: Watch, late: int):
    practice.fill(3, Kind.CREATE_TASK, due_at=TUESDAY)
    watch.advance(seconds=late)
    practice.run(Kind.CREATE_TASK)

    counted = {(row.metric, row.labels): row.value for row in sql("SELECT metric, labels, value FROM counters")}
    bucket = {0: "0.005", 90: "300.0"}[late]
    assert counted["steps", '{"kind": "create_task", "outcome": "done"}'] == 3
    assert counted["lateness", f'{{"kind": "create_task", "le": "{bucket}"}}'] == 3
    assert counted["lateness_sum", '{"kind": "create_task"}'] == 3 * late
