"""Playbook `moving_sales`: the examples of simplepro-follow-up-automation.md, from trigger to last step."""

from collections.abc import Callable
from datetime import timedelta
from importlib.resources import files
from typing import Any

import pytest

from app.core.db import transaction
from app.engine.models import Kind
from app.identity.models import Role
from app.leads.changes import update_lead
from app.tasks.service import complete
from tests.support.practice import TUESDAY, Practice, Watch, sql
from tests.support.smtp import SmtpServer
from workers.sweeps.run import sweep

pytest_plugins = ["tests.support.practice"]

CLOSED = """
name: closed
rules:
  - { name: report, on: EVENT, do: [{ notify: { to: admins, channels: [in_app, email], template: closed } }] }
templates: { closed: { subject: Closed, body: A lead is closed. } }
"""


@pytest.fixture
def sales(open_practice: Any) -> Practice:
    text = (files("app.automation.playbooks") / "moving_sales.yaml").read_text(encoding="utf-8")
    practice: Practice = open_practice(playbook=text)
    return practice


def from_source(sales: Practice, category: str, **given: Any) -> Any:
    sql("UPDATE lead_sources SET category = :category WHERE id = :id", category=category, id=sales.source_id)
    return sales.capture(**given)


def titles(sales: Practice, lead: Any) -> list[str]:
    return [task.title for task in sales.rows("lead_tasks", lead_id=lead)]


def test_example_1_website_lead_is_called_after_an_hour_and_again_the_next_day(sales: Practice, watch: Watch):
    lead = from_source(sales, "WEB_ORGANIC")
    watch.advance(minutes=59)
    sales.run_due()
    assert titles(sales, lead) == []
    watch.advance(minutes=1)
    sales.run_due()
    [call] = sales.rows("lead_tasks", lead_id=lead)
    assert (call.title, call.assigned_to_id) == ("Call new website lead", sales.people[Role.TREATMENT_COORDINATOR])
    with transaction() as session:
        complete(session, sales.actor(), call.id, {"outcome": "callback_requested"})
    watch.advance(hours=24)
    sales.run_due()
    assert titles(sales, lead) == ["Call new website lead", "Return customer callback"]


def test_example_2_quote_is_followed_up_after_two_days_and_reported_when_overdue(sales: Practice, watch: Watch):
    lead = from_source(sales, "OTHER")
    sales.log(lead, "QUOTE_SENT")
    watch.advance(hours=48)
    sales.run_due()
    [call] = sales.rows("lead_tasks", lead_id=lead)
    assert (call.title, call.due_at) == ("Follow up on quote", TUESDAY + timedelta(hours=49))
    watch.set(call.due_at - timedelta(minutes=30))
    sales.run_due()
    watch.set(call.due_at + timedelta(minutes=1))
    sweep("mark_overdue_tasks")
    watch.advance(hours=1)
    sales.run_due()
    told = [note.template for note in sales.rows("notifications", lead_id=lead) if note.channel == "in_app"]
    assert told == ["task-coming-up", "task-overdue"]


def test_example_3_lost_lead_is_called_after_thirty_days(sales: Practice, watch: Watch):
    lead = from_source(sales, "OTHER")
    sales.lose(lead)
    watch.advance(days=30)
    sales.run_due()
    assert titles(sales, lead) == ["Re-engage with a special offer"]


def test_reminder_of_a_task_due_in_15_minutes_names_its_time_only(sales: Practice):
    lead = from_source(sales, "OTHER", tags=["urgent"])
    sales.run_due()
    [reminder, _] = sales.rows("notifications", lead_id=lead, template="task-coming-up")
    assert "30 minutes" not in f"{reminder.subject} {reminder.body}"
    assert "11:15" in reminder.body


def test_newer_quote_replaces_the_call_about_the_older_one(sales: Practice, watch: Watch):
    lead = from_source(sales, "OTHER")
    sales.log(lead, "QUOTE_SENT")
    watch.advance(hours=24)
    sales.log(lead, "QUOTE_SENT")
    assert [step.due_at for step in sales.pending(lead)] == [TUESDAY + timedelta(hours=72)]


def test_won_lead_gets_a_kickoff_and_managers_are_notified(sales: Practice):
    lead = from_source(sales, "OTHER")
    sales.convert(lead)
    sales.run_due()
    [kickoff] = sales.rows("lead_tasks", lead_id=lead)
    [note] = [
        one for one in sales.rows("notifications", lead_id=lead) if one.channel == "in_app" and one.template != "x"
    ]
    assert (kickoff.title, kickoff.type) == ("Job kickoff call", "MEETING")
    assert (note.template, note.user_id) == ("won-opportunity", sales.people[Role.MANAGER])
    sales.complete(kickoff.id)


@pytest.mark.parametrize(("event", "close"), [("lead.converted", Practice.convert), ("lead.lost", Practice.lose)])
def test_users_get_their_emails_about_a_closed_lead(
    open_practice: Callable[..., Practice], smtp: SmtpServer, event: str, close: Callable[[Practice, Any], None]
):
    practice = open_practice(playbook=CLOSED.replace("EVENT", event))
    close(practice, practice.capture())
    practice.run_due()
    practice.run(Kind.DELIVER)

    assert [step.state for step in practice.steps(kind="deliver")] == ["done"]
    assert len(smtp.accepted) == 1


def test_urgent_lead_is_called_at_once_whenever_it_becomes_urgent(sales: Practice):
    urgent = from_source(sales, "OTHER", tags=["urgent"])
    later = sales.capture()
    sales.run_due()
    assert (titles(sales, urgent), titles(sales, later)) == (["Urgent lead"], [])
    for change in ({"tags": ["urgent"]}, {"last_name": "Ruiz"}):
        with transaction() as session:
            update_lead(session, sales.actor(), later, change)
        sales.run_due()
        assert titles(sales, later) == ["Urgent lead"]


def test_referred_lead_has_a_special_follow_up(sales: Practice):
    lead = from_source(sales, "PATIENT_REFERRAL")
    sales.run_due()
    assert titles(sales, lead) == ["Call the referred lead"]


def test_negotiating_lead_is_called_every_week_until_it_leaves_the_stage(sales: Practice, watch: Watch):
    lead = from_source(sales, "OTHER")
    sales.move(lead, "negotiating")
    for weeks in (1, 2):
        watch.set(TUESDAY + timedelta(weeks=weeks))
        sales.run_due()
        assert len(titles(sales, lead)) == weeks
    sales.convert(lead)
    watch.set(TUESDAY + timedelta(weeks=3))
    sales.run_due()
    assert titles(sales, lead).count("Weekly check-in on the negotiation") == 2
