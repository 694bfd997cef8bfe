"""Changes of leads and tasks without a database: the columns that they set, and the events to record."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from app.automation.playbooks import shipped
from app.automation.simulation.lead import sample_lead
from app.automation.simulation.sandbox import sample_setting
from app.engine.events.events import Event
from app.identity.actor import Actor
from app.leads.pipeline import transitions
from app.tasks.lifecycle.task_state import set_cancelled, set_completed, set_overdue, set_retimed
from app.tasks.rows import task_row

CREATED = datetime(2026, 3, 10, 15, tzinfo=UTC)
AT = CREATED + timedelta(days=1)
ACTOR = Actor.system(sample_setting(shipped.load("orthodontics"), zone=ZoneInfo("UTC"), region="US").clinic)

Change = Callable[[Any], list[Event]]


def lead_with(**columns: Any) -> SimpleNamespace:
    return SimpleNamespace(**{**vars(sample_lead(stage="new_lead", zone="UTC", at=CREATED)), **columns})


@pytest.mark.parametrize(
    ("change", "events", "columns"),
    [
        (
            lambda lead: transitions.move(lead, ACTOR, "contacted", at=AT, is_contact=True),
            ["lead.stage_changed", "lead.contacted"],
            {"pipeline_stage": "contacted", "stage_entered_at": AT, "last_activity_at": AT, "contacted_at": AT},
        ),
        (
            lambda lead: transitions.move(lead, ACTOR, "consultation_scheduled", at=AT, is_contact=True),
            ["lead.stage_changed", "consultation.scheduled", "lead.contacted"],
            {"status": "ACTIVE", "pipeline_stage": "consultation_scheduled"},
        ),
        (
            lambda lead: transitions.move(lead, ACTOR, "lost", at=AT, is_contact=False, reason="PRICE"),
            ["lead.lost", "lead.stage_changed"],
            {"status": "LOST", "pipeline_stage": "lost", "lost_at": AT, "lost_reason": "PRICE"},
        ),
        (
            lambda lead: transitions.move(lead, ACTOR, "treatment_started", at=AT, is_contact=True),
            ["lead.converted", "lead.stage_changed"],
            {"pipeline_stage": "treatment_started", "converted_at": AT, "contacted_at": AT},
        ),
    ],
)
def test_a_stage_change_sets_columns_and_returns_events(change: Change, events: list[str], columns: dict[str, Any]):
    lead = lead_with(stage_overdue_since=CREATED, stale_since=CREATED)
    assert [event.name for event in change(lead)] == events
    assert {name: getattr(lead, name) for name in columns} == columns
    assert (lead.version, lead.updated_at, lead.stage_overdue_since, lead.stale_since) == (2, AT, None, None)


def test_reopening_clears_the_loss_and_the_failed_attempts():
    lead = lead_with(failed_attempts=3)
    transitions.lose(lead, ACTOR, "PRICE", at=AT)
    moved, reopened = transitions.reopen(lead, ACTOR, "new_lead", at=AT, is_contact=False)
    assert moved.facts["event"] == {"previous_stage": "lost", "stage": "new_lead"}
    assert (reopened.name, reopened.facts["event"]) == ("lead.reopened", {"stage": "new_lead"})
    assert (lead.status, lead.lost_at, lead.lost_reason, lead.failed_attempts) == ("ACTIVE", None, None, 0)


@pytest.mark.parametrize(
    ("change", "before", "due_in", "event", "after"),
    [
        (set_completed, "PENDING", 1, "task.completed", "COMPLETED"),
        (set_cancelled, "PENDING", 1, "task.cancelled", "CANCELLED"),
        (set_overdue, "IN_PROGRESS", -1, "task.overdue", "OVERDUE"),
        (set_retimed, "IN_PROGRESS", 1, "task.retimed", "IN_PROGRESS"),
        (set_retimed, "OVERDUE", 1, "task.retimed", "PENDING"),  # it has time left again
        (set_retimed, "OVERDUE", -1, "task.retimed", "OVERDUE"),
    ],
)
def test_a_task_change_sets_the_status_and_returns_its_event(
    change: Callable[..., Event], before: str, due_in: int, event: str, after: str
):
    lead, due_at, of = lead_with(), AT + timedelta(hours=due_in), UUID(int=1)
    row = task_row(of, of, at=CREATED, title="Call", type="CALL", assigned_to_id=of, due_at=due_at, status=before)
    task = SimpleNamespace(**row)
    assert change(task, lead, at=AT).name == event
    assert (task.status, task.version, task.updated_at) == (after, 2, AT)
    assert lead.last_activity_at == (AT if change is set_completed else CREATED)
