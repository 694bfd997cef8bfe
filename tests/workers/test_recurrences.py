"""Recurring rules: the series goes on after one occurrence was cancelled, run early, moved, skipped or has failed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import yaml

from app.automation.handlers import create_task
from app.automation.rules.service import change_rule, delete_rule
from app.core.db import transaction
from app.engine.step_kind import STEP_KINDS
from tests.support.desk import Desk, the_app
from tests.support.practice import TUESDAY, Practice, Watch, sql
from workers.sweeps.run import sweep

pytest_plugins = ["tests.support.practice"]

WEEK = timedelta(weeks=1)
CALL = {"create_task": {"type": "CALL", "title": "Call"}}
WEEKLY = {"name": "weekly", "on": "lead.created", "after": "1 week", "every": "1 week", "do": [CALL]}


@pytest.fixture
def practice(open_practice: Callable[..., Practice]) -> Practice:
    return open_practice(playbook=yaml.safe_dump({"name": "ours", "rules": [WEEKLY]}))


def act(practice: Practice, lead: UUID, what: str, **body: Any) -> None:
    """Do this with the lead's planned step, as a user does."""
    [step] = practice.pending(lead)
    desk = Desk(practice.clinic_id, the_app().test_client, source_id=str(practice.source_id))
    path = f"/api/leads/{lead}/automation/steps/{step.id}/{what}"
    answer = desk.admin.post(path, body) if body else desk.admin.post(path)
    assert answer.status == 200, answer.body


def due(practice: Practice, lead: UUID) -> list[float]:
    """Return when the planned steps are due, in weeks from the beginning."""
    return [(step.due_at - TUESDAY) / WEEK for step in practice.pending(lead)]


def switch(practice: Practice, *, is_on: bool) -> None:
    with transaction() as session:
        change_rule(session, practice.actor(), practice.row("rules").id, {"is_active": is_on}, seen=None)


def test_cancelling_one_occurrence_plans_the_next_one(practice: Practice, watch: Watch):
    lead = practice.capture()
    for week in (1, 2):
        assert due(practice, lead) == [week]
        act(practice, lead, "cancel")
    assert due(practice, lead) == [3]
    watch.set(TUESDAY + 3 * WEEK)
    practice.run_due()
    assert (due(practice, lead), len(practice.rows("lead_tasks", lead_id=lead))) == ([4], 1)


def test_cancelling_twice_plans_one_occurrence(practice: Practice):
    lead = practice.capture()
    [step] = practice.pending(lead)
    desk = Desk(practice.clinic_id, the_app().test_client, source_id=str(practice.source_id))
    for _ in range(2):
        assert desk.admin.post(f"/api/leads/{lead}/automation/steps/{step.id}/cancel").status == 200
    assert due(practice, lead) == [2]


def test_occurrence_that_runs_early_is_followed_by_the_one_after_it(practice: Practice, watch: Watch):
    lead = practice.capture()
    watch.advance(days=1)
    act(practice, lead, "run-now")
    practice.run_due()
    assert (due(practice, lead), len(practice.rows("lead_tasks", lead_id=lead))) == ([2], 1)


@pytest.mark.parametrize(("days", "following"), [(3, 2), (10, 2), (15, 3)])
def test_snoozed_occurrence_keeps_the_dates_of_the_others(practice: Practice, watch: Watch, days: int, following: int):
    lead = practice.capture()
    until = TUESDAY + timedelta(days=days)
    act(practice, lead, "snooze", until=until.isoformat())
    watch.set(until)
    practice.run_due()
    assert due(practice, lead) == [following]


def test_failed_occurrence_is_followed_by_the_next(practice: Practice, watch: Watch, monkeypatch: pytest.MonkeyPatch):
    lead = practice.capture()

    def fail(_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setitem(STEP_KINDS, "create_task", replace(create_task.KIND, decide=fail))
    watch.set(TUESDAY + WEEK)
    for _ in range(create_task.KIND.max_tries):
        practice.run_due()
        watch.advance(hours=2)
    [failed] = practice.steps(lead, state="failed")
    assert (due(practice, lead), failed.due_at < TUESDAY + 2 * WEEK) == ([2], True)


def test_series_outlasts_a_rule_that_is_switched_off_for_a_while(practice: Practice, watch: Watch):
    lead = practice.capture()
    switch(practice, is_on=False)
    act(practice, lead, "cancel")
    watch.set(TUESDAY + 2 * WEEK)
    practice.run_due()
    assert [(step.state, step.reason) for step in practice.steps(lead)][1:] == [
        ("skipped", "rule_inactive"),
        ("planned", None),
    ]
    switch(practice, is_on=True)
    watch.set(TUESDAY + 3 * WEEK)
    practice.run_due()
    assert (due(practice, lead), len(practice.rows("lead_tasks", lead_id=lead))) == ([4], 1)


def test_series_of_a_deleted_rule_ends(practice: Practice, watch: Watch):
    lead = practice.capture()
    with transaction() as session:
        delete_rule(session, practice.actor(), practice.row("rules").id, seen=None)
    watch.set(TUESDAY + WEEK)
    practice.run_due()
    assert practice.pending(lead) == []


def test_series_goes_on_after_a_call_of_unknown_result(open_practice: Callable[..., Practice], watch: Watch):
    webhook = {**WEEKLY, "do": [{"call_webhook": {"gateway": "crm"}}]}
    practice = open_practice(playbook=yaml.safe_dump({"name": "ours", "rules": [webhook]}))
    lead = practice.capture()
    watch.set(TUESDAY + WEEK)
    sql("UPDATE steps SET state = 'running', lease_until = :at WHERE lead_id = :lead", lead=lead, at=TUESDAY)
    sweep("rescue_expired_leases")
    assert due(practice, lead) == [2]
