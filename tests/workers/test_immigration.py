"""Playbook `immigration`: the use cases of bansalcrm2-follow-up-guide.md, from trigger to last step."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.clock import now
from app.core.db import transaction
from app.identity.models import Role
from app.leads.activities.custom_events import record_custom_event
from app.leads.changes import update_lead
from app.tasks.service import complete
from tests.support.desk import Desk, the_app
from tests.support.practice import TUESDAY, Practice, Watch, at, sql
from workers.sweeps.run import sweep

pytest_plugins = ["tests.support.practice"]


@pytest.fixture
def agency(open_practice: Any) -> Practice:
    """A clinic without rules that installed the playbook over HTTP."""
    practice: Practice = open_practice(playbook="{name: nothing, rules: []}")
    desk = Desk(practice.clinic_id, the_app().test_client, source_id=str(practice.source_id))
    added = desk.admin.post("/api/playbooks/immigration/install")
    assert (added.status, "no-contact-60-days" in added.body["rules"]) == (200, True)
    return practice


def change(agency: Practice, lead: UUID, **data: Any) -> None:
    """Update the lead as a user does."""
    with transaction() as session:
        update_lead(session, agency.actor(), lead, data)


def report_event(agency: Practice, lead: UUID, event: str, **data: Any) -> None:
    """Report a custom event as an integration does, and run the steps that are due."""
    with transaction() as session:
        record_custom_event(session, agency.actor(), {"name": event, "lead_id": lead, "data": data})
    agency.run_all()


def complete_as(agency: Practice, task: Any, outcome: str) -> None:
    with transaction() as session:
        complete(session, agency.actor(), task.id, {"outcome": outcome})
    agency.run_all()


def run_at(agency: Practice, watch: Watch, wall: str) -> None:
    watch.set(at(wall))
    agency.run_all()


def tasks(agency: Practice, lead: UUID) -> list[tuple[str, str]]:
    return [(task.type, task.title) for task in agency.rows("lead_tasks", lead_id=lead)]


def notified_users(agency: Practice, lead: UUID) -> list[str]:
    """Return the templates of in-app messages to users of the clinic."""
    return [note.template for note in agency.rows("notifications", lead_id=lead) if note.channel == "in_app"]


def titles(agency: Practice, lead: UUID) -> list[str]:
    return [task.title for task in agency.rows("lead_tasks", lead_id=lead)]


def task_of(agency: Practice, lead: UUID, title: str) -> Any:
    return agency.row("lead_tasks", lead_id=lead, title=title)


def messages_to(agency: Practice, lead: UUID) -> list[str]:
    """Return the templates of messages to the lead."""
    return [note.template for note in agency.rows("notifications", lead_id=lead) if note.user_id is None]


def enrollment_end(agency: Practice, lead: UUID) -> tuple[str, str | None]:
    """Return how the lead's enrollment ended."""
    enrollment = agency.row("enrollments", lead_id=lead)
    return enrollment.state, enrollment.reason


def onboard(agency: Practice, watch: Watch) -> UUID:
    """Return a new client after the initial consultation, with checks on day 2 and day 5."""
    lead = agency.capture()
    agency.move(lead, "client")
    agency.run_all()
    assert messages_to(agency, lead) == ["client-welcome"]
    call = task_of(agency, lead, "Initial consultation call")
    assert call.due_at == TUESDAY + timedelta(days=2)
    watch.set(call.due_at)
    agency.run_all()
    assert "Send document checklist" not in titles(agency, lead)
    complete_as(agency, call, "successful")
    assert task_of(agency, lead, "Send document checklist").due_at == TUESDAY + timedelta(days=3)
    return lead


def test_use_case_1_new_client_without_documents_is_reminded_and_escalated(agency: Practice, watch: Watch):
    lead = onboard(agency, watch)
    watch.set(TUESDAY + timedelta(days=5))
    agency.run_all()
    assert titles(agency, lead)[2:] == ["Check document submission status"]
    assert messages_to(agency, lead) == ["client-welcome", "documents-missing"]
    watch.set(TUESDAY + timedelta(days=14))
    agency.run_all()
    assert titles(agency, lead)[3:] == ["Application status update call"]
    assert notified_users(agency, lead).count("no-progress") == 1
    assert enrollment_end(agency, lead) == ("completed", None)


def test_use_case_1_new_client_with_documents_continues(agency: Practice, watch: Watch):
    lead = onboard(agency, watch)
    agency.hear_from(lead)  # with the documents
    change(agency, lead, custom={"documents_received": True})
    watch.set(TUESDAY + timedelta(days=5))
    agency.run_all()
    assert task_of(agency, lead, "Document review").due_at == TUESDAY + timedelta(days=7)
    assert messages_to(agency, lead) == ["client-welcome"]
    agency.move(lead, "application_lodged")
    watch.set(TUESDAY + timedelta(days=14))
    agency.run_all()
    assert "Application status update call" in titles(agency, lead)
    assert ("no-progress" in notified_users(agency, lead), enrollment_end(agency, lead)) == (False, ("completed", None))


REMINDERS = ["Friendly payment reminder", "Second payment reminder", "Payment discussion call"]


def test_use_case_2_unpaid_invoice_is_escalated(agency: Practice, watch: Watch):
    lead = agency.capture()
    report_event(agency, lead, "custom.invoice_created", invoice="2026-17")
    expected = {
        0: (REMINDERS[:1], [], []),
        3: (REMINDERS[:2], ["payment-reminder"], []),
        7: (REMINDERS, ["payment-reminder", "payment-urgent"], ["payment-late"]),
        10: (REMINDERS, ["payment-reminder", "payment-urgent"], ["payment-late", "payment-collections"]),
    }
    for day, made in expected.items():
        watch.set(TUESDAY + timedelta(days=day))
        agency.run_all()
        money = [template for template in notified_users(agency, lead) if template.startswith("payment")]
        assert (titles(agency, lead), messages_to(agency, lead), money) == made
    due = [task.due_at - TUESDAY for task in agency.rows("lead_tasks", lead_id=lead)]
    assert [waited.days for waited in due] == [3, 7, 10]
    assert enrollment_end(agency, lead) == ("completed", None)


@pytest.mark.parametrize("event", ["custom.invoice_paid", "custom.payment_arranged"])
def test_use_case_2_payment_ends_reminders_until_the_next_invoice(agency: Practice, watch: Watch, event: str):
    lead = agency.capture()
    report_event(agency, lead, "custom.invoice_created", invoice="2026-117")
    watch.advance(days=4)
    agency.run_all()
    report_event(agency, lead, event, invoice="2026-117")
    assert enrollment_end(agency, lead) == ("exited", "goal")
    assert [task.status for task in agency.rows("lead_tasks", lead_id=lead)] == ["COMPLETED", "COMPLETED"]
    watch.advance(days=20)
    agency.run_all()
    assert (titles(agency, lead), messages_to(agency, lead)) == (REMINDERS[:2], ["payment-reminder"])
    report_event(agency, lead, "custom.invoice_created", invoice="2026-117")
    assert titles(agency, lead) == [*REMINDERS[:2], REMINDERS[0]]


def download(agency: Practice, watch: Watch) -> UUID:
    """Return a lead that downloaded the guide, on the day after the tips were sent."""
    lead = agency.capture()
    report_event(agency, lead, "custom.guide_downloaded")
    assert messages_to(agency, lead) == ["guide-thanks"]
    watch.set(TUESDAY + timedelta(days=2))
    agency.run_all()
    assert messages_to(agency, lead) == ["guide-thanks", "visa-tips"]
    return lead


def test_use_case_5_download_starts_a_nurture_until_the_last_email(agency: Practice, watch: Watch):
    lead = download(agency, watch)
    for day in (3, 5, 8, 10):
        watch.set(TUESDAY + timedelta(days=day))
        agency.run_all()
    assert messages_to(agency, lead)[2:] == ["success-story", "guide-farewell"]
    assert (titles(agency, lead), enrollment_end(agency, lead)) == (["Consultation call offer"], ("completed", None))


def test_use_case_5_click_with_interest_leads_to_a_call(agency: Practice, watch: Watch):
    lead = download(agency, watch)
    sql(
        "UPDATE notifications SET clicked_at = now() WHERE lead_id = :lead", lead=lead
    )  # as a gateway reports for its own messages
    watch.set(TUESDAY + timedelta(days=3))
    agency.run_all()
    assert titles(agency, lead) == ["Call to discuss visa options"]
    change(agency, lead, score=60)
    watch.set(TUESDAY + timedelta(days=5))
    agency.run_all()
    assert titles(agency, lead)[1:] == ["Call while they are interested"]


def test_use_case_5_reply_ends_messages_and_plans_an_answer(agency: Practice, watch: Watch):
    lead = download(agency, watch)
    assert "visa-guide" in agency.row("leads", id=lead).tags
    agency.hear_from(lead)
    agency.run_all()
    answer = task_of(agency, lead, "Respond to lead inquiry")
    assert (answer.priority, enrollment_end(agency, lead)) == ("HIGH", ("exited", "replied"))
    watch.advance(days=20)
    agency.run_all()
    assert (messages_to(agency, lead), agency.row("leads", id=lead).tags) == (["guide-thanks", "visa-tips"], [])


@pytest.mark.parametrize(("act", "reason"), [("book", "goal"), ("opt_out", "opted_out")])
def test_use_case_5_booking_or_opt_out_ends_the_enrollment(agency: Practice, watch: Watch, act: str, reason: str):
    lead = download(agency, watch)
    if act == "book":
        agency.log(lead, "CONSULTATION_SCHEDULED", scheduled_for=now() + timedelta(days=1))
    else:
        agency.opt_out(lead)
    assert enrollment_end(agency, lead) == ("exited", reason)


CHECK_IN = ("CALL", "Check in and re-engage")


def test_use_case_3_client_without_contact_for_60_days_gets_a_check_in(agency: Practice, watch: Watch):
    lead = agency.capture()
    watch.advance(days=1)
    agency.speak_with(lead)
    run_at(agency, watch, "2026-05-10 08:59")
    assert tasks(agency, lead) == []
    run_at(agency, watch, "2026-05-10 09:00")
    [check_in] = agency.rows("lead_tasks", lead_id=lead)
    assert ((check_in.type, check_in.title), check_in.priority) == (CHECK_IN, "HIGH")
    assert check_in.assigned_to_id == agency.people[Role.TREATMENT_COORDINATOR]
    run_at(agency, watch, "2026-05-17 09:00")
    assert tasks(agency, lead) == [CHECK_IN]  # one that is planned is enough
    agency.complete(check_in.id)
    run_at(agency, watch, "2026-05-24 09:00")
    assert tasks(agency, lead) == [CHECK_IN, CHECK_IN]  # still no contact
    agency.speak_with(lead)
    assert [str(step.due_at.date()) for step in agency.pending(lead) if step.name == "no-contact-60-days"] == [
        "2026-07-23"
    ]


def test_use_case_3_client_with_a_planned_follow_up_gets_no_check_in(agency: Practice, watch: Watch):
    lead = agency.capture()
    agency.plan(lead, TUESDAY + timedelta(days=70))
    run_at(agency, watch, "2026-05-09 09:00")
    step = agency.steps(lead, name="no-contact-60-days", state="skipped")
    assert [one.reason for one in step] == ["condition_not_met"]


@pytest.mark.parametrize(
    ("outcome", "follows"),
    [("successful", [("DOCUMENT_REVIEW", "Check passport renewal status")]), ("not_interested", [])],
)
def test_use_case_4_expiring_passport_is_reminded_180_days_before(
    agency: Practice, watch: Watch, outcome: str, follows: list[Any]
):
    lead = agency.capture()
    change(agency, lead, custom={"passport_expiry": "2026-12-01"})
    run_at(agency, watch, "2026-06-04 08:59")
    assert ("PAPERWORK_REMINDER", "Inform client about passport renewal") not in tasks(agency, lead)
    run_at(agency, watch, "2026-06-04 09:00")
    [inform] = [task for task in agency.rows("lead_tasks", lead_id=lead) if task.type == "PAPERWORK_REMINDER"]
    assert (inform.title, inform.priority) == ("Inform client about passport renewal", "NORMAL")
    watch.set(inform.due_at - timedelta(days=7))
    agency.run_all()
    assert notified_users(agency, lead).count("task-coming-up") == 1
    complete_as(agency, inform, outcome)
    after = [task for task in agency.rows("lead_tasks", lead_id=lead) if task.type == "DOCUMENT_REVIEW"]
    assert [(task.type, task.title) for task in after] == follows
    assert all(task.due_at == now() + timedelta(days=30) for task in after)


def test_use_case_6_follow_ups_go_to_the_user_with_the_least_work(agency: Practice):
    desk = Desk(agency.clinic_id, the_app().test_client, source_id=str(agency.source_id))
    busy, idle = desk.hire(Role.TREATMENT_COORDINATOR), desk.hire(Role.TREATMENT_COORDINATOR)
    for _ in range(3):
        agency.capture(assigned_to_id=UUID(busy.id))
    members = [{"user_id": one.id, "weight": 1} for one in (busy, idle)]
    made = desk.admin.post("/api/assignment-rules", {"name": "Least to do", "strategy": "capacity", "members": members})
    assert made.status == 201, made.body
    lead = agency.capture()
    agency.hear_from(lead)
    agency.run_all()
    [answer] = agency.rows("lead_tasks", lead_id=lead)
    assert (answer.title, answer.assigned_to_id) == ("Respond to lead inquiry", UUID(idle.id))


MONTHLY = ("CALL", "Monthly status call")


def test_use_case_7_high_value_client_is_called_on_the_first_of_each_month(agency: Practice, watch: Watch):
    lead = agency.capture(timezone="America/Los_Angeles")
    change(agency, lead, tags=["high-value"])
    run_at(agency, watch, "2026-04-01 11:59")  # 08:59 where the client is
    assert MONTHLY not in tasks(agency, lead)
    run_at(agency, watch, "2026-04-01 12:00")
    assert tasks(agency, lead).count(MONTHLY) == 1
    watch.set(at("2026-04-28 10:00"))
    agency.speak_with(lead)  # through other means
    run_at(agency, watch, "2026-05-01 12:00")
    assert tasks(agency, lead).count(MONTHLY) == 1
    run_at(agency, watch, "2026-06-01 12:00")
    assert tasks(agency, lead).count(MONTHLY) == 2
    agency.opt_out(lead)
    run_at(agency, watch, "2026-07-01 12:00")
    assert tasks(agency, lead).count(MONTHLY) == 2


HOT = ("CALL", "Hot lead: immediate call recommended")


def test_use_case_8_hot_lead_is_called_within_the_hour_or_escalated(agency: Practice, watch: Watch):
    lead = agency.capture(score=25)
    report_event(agency, lead, "custom.form_downloaded")
    report_event(agency, lead, "custom.pricing_viewed", times_today=4)
    assert (agency.row("leads", id=lead).score, tasks(agency, lead)) == (55, [])
    report_event(agency, lead, "custom.pricing_viewed", times_today=5)
    [call] = agency.rows("lead_tasks", lead_id=lead)
    assert ((call.type, call.title), call.priority, call.due_at) == (HOT, "URGENT", TUESDAY + timedelta(hours=1))
    assert "hot-lead" in notified_users(agency, lead)
    report_event(agency, lead, "custom.form_downloaded")  # hotter still, and no news
    assert tasks(agency, lead) == [HOT]
    watch.advance(hours=2)
    agency.run_all()
    assert tasks(agency, lead) == [HOT, ("CALL", "Hot lead: nobody called")]
    assert "hot-lead-waits" in notified_users(agency, lead)


def test_use_case_8_called_lead_is_not_escalated(agency: Practice, watch: Watch):
    lead = agency.capture(score=50)
    change(agency, lead, score=85)  # by an API key or a user
    agency.run_all()
    agency.speak_with(lead)
    watch.advance(hours=2)
    agency.run_all()
    assert tasks(agency, lead) == [HOT]


def test_follow_up_types_application_is_checked_every_two_weeks_and_after_its_end(agency: Practice, watch: Watch):
    lead = agency.capture()
    agency.move(lead, "application_lodged")
    for wall in ("2026-03-24 10:59", "2026-03-24 11:00", "2026-04-07 11:00"):
        run_at(agency, watch, wall)
    status = ("APPLICATION_STATUS", "Check the application's status")
    assert tasks(agency, lead).count(status) == 2
    agency.convert(lead)
    run_at(agency, watch, "2026-05-07 11:00")
    assert tasks(agency, lead).count(status) == 2
    assert tasks(agency, lead)[-1] == ("SERVICE", "Ask how it went")


def test_follow_up_types_visa_and_test_have_dates(agency: Practice, watch: Watch):
    lead = agency.capture(custom={"visa_expiry": "2026-08-01", "test_date": "2026-03-20"})
    run_at(agency, watch, "2026-04-03 09:00")
    assert tasks(agency, lead) == [("TEST_SCORE_REVIEW", "Review the test score")]
    run_at(agency, watch, "2026-05-03 09:00")
    assert tasks(agency, lead)[-1] == ("VISA_STATUS", "Talk about the next visa")


def test_follow_up_has_a_reminder_and_a_notification_when_missed(agency: Practice, watch: Watch):
    lead = agency.capture()
    agency.plan(lead, TUESDAY + timedelta(hours=2))
    watch.advance(minutes=110)
    agency.run_all()
    assert notified_users(agency, lead) == ["task-coming-up"]
    watch.advance(minutes=11)
    sweep("mark_overdue_tasks")
    watch.advance(hours=1)
    agency.run_all()
    assert notified_users(agency, lead) == ["task-coming-up", "task-missed"]
