"""Playbook `orthodontics`: the rules of lead-management.md, 8.1.5, from trigger to last step."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app import clock
from app.engine.models import Kind
from app.identity.models import Role
from tests.support.desk import Desk, the_app
from tests.support.practice import TUESDAY, Practice, Watch, at
from tests.support.smtp import Mail, SmtpServer
from workers.sweeps.run import sweep

pytest_plugins = ["tests.support.practice"]


@pytest.fixture
def clinic(open_practice: Any) -> Practice:
    """A clinic without rules that installed the playbook over HTTP."""
    practice: Practice = open_practice(playbook="{name: nothing, rules: []}")
    desk = Desk(practice.clinic_id, the_app().test_client, source_id=str(practice.source_id))
    added = desk.admin.post("/api/playbooks/orthodontics/install")
    assert (added.status, "speed-to-lead" in added.body["rules"]) == (200, True)
    return practice


def titles(clinic: Practice, lead: UUID) -> list[str]:
    return [task.title for task in clinic.rows("lead_tasks", lead_id=lead)]


def notified_users(clinic: Practice, lead: UUID) -> list[str]:
    """Return the templates of in-app messages to users of the clinic."""
    return [note.template for note in clinic.rows("notifications", lead_id=lead) if note.channel == "in_app"]


def deliver(clinic: Practice, smtp: SmtpServer) -> list[Mail]:
    """Deliver all due messages, and return those to leads."""
    clinic.run(Kind.DELIVER, *[step for step in clinic.pending() if step.kind == Kind.DELIVER])
    return [mail for mail in smtp.accepted if mail.recipient.endswith("@lead.example")]


def test_new_lead_is_called_within_five_minutes(clinic: Practice):
    lead = clinic.capture()
    clinic.run_due()
    [call] = clinic.rows("lead_tasks", lead_id=lead)
    assert (call.title, call.type, call.priority) == ("Initial Contact", "CALL", "URGENT")
    assert call.due_at == TUESDAY + timedelta(minutes=5)
    assert call.assigned_to_id == clinic.people[Role.TREATMENT_COORDINATOR]
    assert notified_users(clinic, lead) == ["task-reminder"]  # fifteen minutes before is at once


def test_no_contact_in_24_hours_is_escalated_to_the_manager(clinic: Practice, watch: Watch):
    neglected, spoken_with = clinic.capture(), clinic.capture()
    clinic.run_due()
    clinic.log(neglected)  # no answer
    clinic.speak_with(spoken_with)
    watch.advance(hours=24)
    clinic.run_due()
    assert titles(clinic, neglected) == ["Initial Contact", "No contact in 24 hours"]
    assert notified_users(clinic, neglected)[-1] == "escalation"
    assert titles(clinic, spoken_with) == ["Initial Contact"]


def test_task_overdue_for_24_hours_is_escalated(clinic: Practice, watch: Watch):
    lead = clinic.capture()
    clinic.speak_with(lead)
    clinic.plan(lead, TUESDAY + timedelta(hours=1))
    watch.advance(hours=1, minutes=1)
    sweep("mark_overdue_tasks")
    watch.advance(hours=24)
    clinic.run_due()
    assert "Task overdue for 24 hours" in titles(clinic, lead)


def test_lead_has_one_open_escalation_at_a_time(clinic: Practice, watch: Watch):
    lead = clinic.capture()
    clinic.run_due()
    watch.advance(minutes=6)
    sweep("mark_overdue_tasks")
    for _ in range(3):
        watch.advance(days=1)
        clinic.run_due()
        sweep("mark_overdue_tasks")
    assert titles(clinic, lead) == ["Initial Contact", "No contact in 24 hours"]
    assert "overdue-escalation" not in notified_users(clinic, lead)
    assert {step.reason for step in clinic.steps(lead, name="overdue-24h", state="skipped")} == {"already_escalated"}


def test_two_escalations_that_are_due_at_once_make_one(clinic: Practice, watch: Watch):
    lead = clinic.capture()
    clinic.run_due()
    watch.advance(minutes=6)
    sweep("mark_overdue_tasks")
    watch.advance(days=2)
    clinic.run_due()
    assert titles(clinic, lead) == ["Initial Contact", "No contact in 24 hours"]


def test_closed_escalation_allows_another_one(clinic: Practice, watch: Watch):
    lead = clinic.capture()
    watch.advance(hours=24)
    clinic.run_due()
    [escalation] = [task for task in clinic.rows("lead_tasks", lead_id=lead) if task.title == "No contact in 24 hours"]
    clinic.complete(escalation.id)
    clinic.plan(lead, clock.now() + timedelta(hours=1))
    watch.advance(hours=1, minutes=1)
    sweep("mark_overdue_tasks")
    watch.advance(hours=24)
    clinic.run_due()
    assert "Task overdue for 24 hours" in titles(clinic, lead)


def test_lead_of_a_sunday_is_called_before_it_is_escalated(clinic: Practice, watch: Watch):
    watch.set(at("2026-03-15 10:00"))  # a Sunday
    lead = clinic.capture()
    clinic.run_due()
    [call] = clinic.rows("lead_tasks", lead_id=lead)
    assert call.due_at + timedelta(hours=12) < clinic.step(lead, name="no-contact-24h").due_at


def test_escalation_of_an_overdue_task_names_the_task(clinic: Practice, watch: Watch):
    lead = clinic.capture()
    clinic.speak_with(lead)
    clinic.plan(lead, TUESDAY + timedelta(hours=1))
    watch.advance(hours=1, minutes=1)
    sweep("mark_overdue_tasks")
    watch.advance(hours=24)
    clinic.run_due()
    [note, *_] = [one for one in clinic.rows("notifications", channel="email") if one.template == "overdue-escalation"]
    assert note.subject == "Overdue for 24 hours: Call back (Mia K.)"
    assert "spoken with" not in note.body


def test_consultation_is_confirmed_and_followed_up_three_days_after_it(
    clinic: Practice, watch: Watch, smtp: SmtpServer
):
    lead = clinic.capture(patient_first_name="Tom")
    clinic.log(lead, "CONSULTATION_SCHEDULED", scheduled_for=TUESDAY + timedelta(days=2))
    clinic.run_due()
    [confirmation] = deliver(clinic, smtp)
    assert confirmation.message["Subject"] == "Tom's consultation at Bright Smiles"
    assert "Thursday, March 12, 2026 at 11:00" in confirmation.message.get_content()
    watch.advance(days=2)
    clinic.log(lead, "CONSULTATION_COMPLETED")
    watch.advance(days=3)
    clinic.run_due()
    assert titles(clinic, lead)[-1] == "Follow up after the consultation"


def test_decision_pending_for_seven_days_gets_a_check_in(clinic: Practice, watch: Watch):
    undecided, decided = clinic.capture(), clinic.capture()
    for lead in (undecided, decided):
        clinic.speak_with(lead)
        clinic.move(lead, "pending_decision")
    watch.advance(days=6)
    clinic.move(decided, "treatment_accepted")
    watch.advance(days=1)
    clinic.run_due()
    assert titles(clinic, undecided)[-1] == "Check in on the pending decision"
    assert "Check in on the pending decision" not in titles(clinic, decided)


def test_break_up_email_follows_three_attempts_without_answer(clinic: Practice, watch: Watch, smtp: SmtpServer):
    lead = clinic.capture()
    for attempt in (1, 2, 3):
        watch.advance(hours=2)
        clinic.log(lead, outcome="voicemail")
        clinic.run_due()
        assert len(clinic.steps(lead, name="break-up-email")) == (2 if attempt == 3 else 0)
    assert [mail.message["Subject"] for mail in deliver(clinic, smtp)] == ["Shall we leave it here for now, Mia?"]
    assert clinic.row("leads", id=lead).lost_suggested_reason == "NO_RESPONSE"
    assert "lost-suggested" in notified_users(clinic, lead)
    clinic.hear_from(lead)
    assert clinic.row("leads", id=lead).lost_suggested_reason is None


def test_conversion_cancels_all_steps(clinic: Practice, watch: Watch):
    lead = clinic.capture()
    clinic.run_due()
    clinic.log(lead, "CONSULTATION_COMPLETED")
    clinic.convert(lead)
    watch.advance(days=10)
    clinic.run_due()
    assert (titles(clinic, lead), clinic.pending(lead)) == (["Initial Contact"], [])
