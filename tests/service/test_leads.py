"""Leads under load and under concurrency."""

import re
from collections import Counter
from datetime import timedelta
from functools import partial
from http.client import CREATED
from typing import Any

from sqlalchemy import Engine, event

from app.clock import now
from app.identity.models import Role
from tests.support.concurrency import run_concurrently
from tests.support.desk import Caller, Desk

pytest_plugins = ["tests.support.desk"]


CAPTURED = ["leads", "lead_touches", "assignment_history", "lead_search", "lead_scores"]  # by one statement


def tables_per_statement(desk: Desk, caller: Caller | None = None, **lead: Any) -> list[list[str]]:
    """Return the tables that each statement of a capture writes."""
    statements: list[list[str]] = []

    def note(*call: Any) -> None:
        statements.append(re.findall(r"INSERT INTO (\w+)", call[2]))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        assert (caller or desk.admin).post("/api/leads", desk.lead_data(**lead)).status == CREATED
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return statements


def test_capture_needs_two_statements_beside_authentication(desk: Desk):
    desk.capture()  # rules and calendars are read once
    somebody_else = {"first_name": "Theo", "last_name": "Okafor", "phone": "646 555 0100"}
    assert tables_per_statement(desk, **somebody_else) == [CAPTURED, ["events", "steps"]]


def test_scope_all_finds_duplicates_without_another_statement(desk: Desk):
    desk.capture()
    assert tables_per_statement(desk) == [CAPTURED, ["events", "steps"]]


def test_visible_duplicates_need_one_more_statement_for_other_callers(desk: Desk):
    desk.capture()
    sales = desk.hire(Role.SALES)
    assert tables_per_statement(desk, sales) == [CAPTURED, [], ["events", "steps"]]


def test_leads_go_to_active_coordinators_in_turn(desk: Desk):
    team = {desk.hire(Role.TREATMENT_COORDINATOR).id for _ in range(3)}
    desk.hire(Role.TREATMENT_COORDINATOR, is_active=False)
    desk.hire(Role.CLINIC_ADMIN)
    counted = Counter(desk.capture()["assigned_to_id"] for _ in range(60))
    assert counted.keys() == team


def test_second_of_two_concurrent_closings_gets_a_conflict(desk: Desk):
    for _ in range(5):
        lead = f"/api/leads/{desk.capture()['id']}"
        ana, ben = _two(desk)
        answers = run_concurrently(
            partial(ana.post, f"{lead}/convert", {}), partial(ben.post, f"{lead}/lost", {"reason": "OTHER"})
        )
        assert sorted(answer.status for answer in answers) == [200, 409]


def test_concurrent_closing_leaves_no_open_task(desk: Desk):
    due_at = (now() + timedelta(days=1)).isoformat()
    task = {"title": "Call", "type": "CALL", "due_at": due_at}
    for _ in range(5):
        lead = f"/api/leads/{desk.capture()['id']}"
        ana, ben = _two(desk)
        planned, converted = run_concurrently(
            partial(ana.post, f"{lead}/tasks", task), partial(ben.post, f"{lead}/convert", {})
        )
        assert converted.status == 200
        assert planned.status in {201, 409}
        assert {task["status"] for task in desk.admin.every(f"{lead}/tasks")} <= {"CANCELLED"}
        assert {step["state"] for step in desk.steps({"id": lead.removeprefix("/api/leads/")})} == {"cancelled"}


def test_concurrent_stage_moves_never_move_back(desk: Desk):
    for _ in range(5):
        lead = desk.capture()
        path = f"/api/leads/{lead['id']}/stage"
        ana, ben = _two(desk)
        answers = run_concurrently(
            partial(ana.post, path, {"stage": "contacted"}), partial(ben.post, path, {"stage": "pending_decision"})
        )
        assert answers[1].status == 200
        assert answers[0].status in {200, 409}
        assert desk.lead(lead)["pipeline_stage"] == "pending_decision"


def test_edit_keeps_concurrent_changes(desk: Desk):
    for _ in range(5):
        lead = desk.capture()
        path = f"/api/leads/{lead['id']}"
        ana, ben = _two(desk)
        run_concurrently(
            partial(ana.put, path, {"city": "Albany"}),
            partial(ben.post, f"{path}/activities", {"type": "PHONE_CALL", "outcome": "no_answer"}),
        )
        after = desk.lead(lead)
        assert (after["city"], after["failed_attempts"], after["version"]) == ("Albany", 1, 3)


def _two(desk: Desk) -> tuple[Caller, Caller]:
    return desk.admin, desk.coordinator


def test_sales_and_coordinators_take_turns(desk: Desk):
    team = {desk.hire(role).id for role in (Role.TREATMENT_COORDINATOR, Role.SALES, Role.SALES)}
    assert {desk.capture()["assigned_to_id"] for _ in range(60)} == team


def test_caller_with_scope_assigned_owns_captured_leads(desk: Desk):
    desk.hire(Role.TREATMENT_COORDINATOR)
    sam = desk.hire(Role.SALES)
    for _ in range(5):
        made = sam.post("/api/leads", desk.lead_data())
        assert (made.status, made.body["assigned_to_id"]) == (201, sam.id)
        assert sam.get(f"/api/leads/{made.body['id']}").status == 200
