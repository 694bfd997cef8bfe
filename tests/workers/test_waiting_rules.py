"""Leads imported without follow-ups: no rule and no sweep plans any until something happens, or somebody begins."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.clock import now
from app.engine.models import Kind
from app.identity.models import Role
from tests.support.desk import Desk
from tests.support.importing import send, work_off
from workers import runner
from workers.sweeps.run import sweep

pytest_plugins = ["tests.support.desk"]

FILE = b"Name,E-mail,Phone\nAna Ruiz,ana@lead.example,212 555 0143\nBen Ott,ben@lead.example,646 555 0100\n"
STATE_SWEEPS = ("find_leads_without_next_action", "detect_stale_leads", "detect_time_in_stage", "rescore_leads")


def imported(desk: Desk, **options: Any) -> dict[str, dict[str, Any]]:
    """Import two leads and return them by first name."""
    work_off(desk.admin, send(desk.admin, FILE).body, source_id=desk.source_id, **options)
    return {lead["first_name"]: lead for lead in desk.admin.every("/api/leads")}


def pass_months(desk: Desk) -> None:
    """Let the leads, and the rules that wait for them, become months older."""
    desk.sql(
        "UPDATE leads SET created_at = created_at - interval '90 days', rots_at = rots_at - interval '90 days',"
        " last_activity_at = last_activity_at - interval '90 days',"
        " stage_entered_at = stage_entered_at - interval '90 days'"
    )
    desk.sql("UPDATE pipeline_stages SET max_days_in_stage = 5")


def run_state_sweeps() -> None:
    for name in STATE_SWEEPS:
        while sweep(name):
            pass


def reread(desk: Desk, lead: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = desk.admin.get(f"/api/leads/{lead['id']}").body
    return body


def test_no_sweep_plans_a_follow_up_however_old_the_leads_become(desk: Desk):
    leads = imported(desk)
    pass_months(desk)
    run_state_sweeps()
    assert all(desk.steps(lead) == [] for lead in leads.values())
    shown = reread(desk, leads["Ana"])
    assert (shown["stale_since"], shown["stage_overdue_since"], shown["is_rotting"]) == (None, None, False)
    assert shown["rules_wait_since"] is not None
    assert shown["rules_wait_until"] is None
    assert desk.admin.every("/api/leads/without-next-action") == desk.admin.every("/api/leads", rotting="true") == []
    assert len(desk.admin.every("/api/leads", rules_wait="true")) == 2


def test_sweeps_plan_follow_ups_for_other_leads_of_the_same_age(desk: Desk):
    lead = imported(desk, runs_rules=True)["Ana"]
    desk.sql("DELETE FROM steps")
    pass_months(desk)
    run_state_sweeps()
    assert [step["name"] for step in desk.steps(lead)] == ["decide-what-is-next"]
    assert reread(desk, lead)["is_rotting"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("activities", {"type": "CALL", "outcome": "spoke"}),
        ("stage", {"stage": "contacted"}),
        ("touches", {}),
        ("tasks", {"title": "Call", "type": "CALL", "due_at": (now() + timedelta(days=1)).isoformat()}),
    ],
)
def test_act_on_a_lead_ends_the_wait_of_this_lead_only(desk: Desk, path: str, body: dict[str, Any]):
    leads = imported(desk)
    given = {"source_id": desk.source_id} if path == "touches" else body
    answer = desk.admin.post(f"/api/leads/{leads['Ana']['id']}/{path}", given)
    assert answer.status in (200, 201), answer.body
    assert reread(desk, leads["Ana"])["rules_wait_since"] is None
    assert reread(desk, leads["Ben"])["rules_wait_since"] is not None


def test_edit_by_hand_ends_the_wait_and_the_answer_says_so(desk: Desk):
    lead = imported(desk)["Ana"]
    assert desk.admin.patch(f"/api/leads/{lead['id']}", {"tags": ["vip"]}).body["rules_wait_since"] is None


def test_assignment_by_hand_ends_the_wait_and_one_by_a_sweep_does_not(desk: Desk):
    eva = desk.hire(Role.TREATMENT_COORDINATOR)
    leads = imported(desk)
    desk.sql("UPDATE leads SET assigned_to_id = NULL")
    desk.admin.post(f"/api/leads/{leads['Ana']['id']}/assign", {"assigned_to_id": str(eva.id)})
    assert sweep("assign_orphans") == 1
    ben = reread(desk, leads["Ben"])
    assert reread(desk, leads["Ana"])["rules_wait_since"] is None
    assert ben["assigned_to_id"] is not None
    assert ben["rules_wait_since"] is not None


def test_rules_of_an_event_run_for_a_lead_that_waited(desk: Desk):
    lead = imported(desk)["Ana"]
    when = (now() + timedelta(days=9)).isoformat()
    desk.admin.post(f"/api/leads/{lead['id']}/stage", {"stage": "consultation_scheduled", "scheduled_for": when})
    assert "consultation-confirmation" in {step["name"] for step in desk.steps(lead)}


def test_begun_lead_has_the_steps_of_a_new_lead(desk: Desk):
    lead = imported(desk)["Ana"]
    begun = desk.admin.post(f"/api/leads/{lead['id']}/begin-follow-ups")
    assert (begun.status, begun.body["rules_wait_since"]) == (200, None)
    planned = sorted(step["name"] for step in desk.steps(lead))
    assert planned == ["no-contact-24h", "speed-to-lead"]
    desk.admin.post(f"/api/leads/{lead['id']}/begin-follow-ups")
    assert sorted(step["name"] for step in desk.steps(lead)) == planned  # a second call changes nothing


def test_bulk_begins_the_given_leads_that_wait(desk: Desk):
    leads = imported(desk)
    ids = [leads["Ana"]["id"], desk.capture()["id"], str(uuid4())]
    answer = desk.admin.post("/api/leads/begin-follow-ups", {"lead_ids": ids})
    assert (answer.status, answer.body) == (200, {"begun": 1, "left": 2})
    assert desk.steps(leads["Ana"])
    assert not desk.steps(leads["Ben"])


def test_rules_begin_on_the_day_that_the_import_names(desk: Desk):
    day = now().date() + timedelta(days=40)
    lead = imported(desk, rules_from=day.isoformat())["Ana"]
    assert reread(desk, lead)["rules_wait_until"].startswith(day.isoformat())
    assert sweep("begin_follow_ups") == 0
    desk.sql("UPDATE leads SET rules_wait_until = now() - interval '1 minute'")
    assert sweep("begin_follow_ups") == 2
    assert sweep("begin_follow_ups") == 0
    assert sorted(step["name"] for step in desk.steps(lead)) == ["no-contact-24h", "speed-to-lead"]


@pytest.mark.parametrize(
    "options",
    [{"runs_rules": True, "rules_from": "2999-01-01"}, {"rules_from": "2020-01-01"}],
)
def test_day_of_the_rules_is_checked(desk: Desk, options: dict[str, Any]):
    kept = send(desk.admin, FILE).body
    answer = desk.admin.post(f"/api/imports/{kept['id']}/start", {"source_id": desk.source_id, **options})
    assert answer.status == 422
    assert [error["pointer"] for error in answer.body["errors"]] == ["/rules_from"]


def test_update_by_an_import_without_rules_ends_no_wait(desk: Desk):
    lead = imported(desk)["Ana"]
    again = send(desk.admin, FILE.replace(b"212 555 0143", b"212 555 0199")).body
    work_off(desk.admin, again, source_id=desk.source_id, on_duplicate="update")
    assert reread(desk, lead)["rules_wait_since"] is not None


def test_backfill_leaves_leads_that_wait_out(desk: Desk):
    leads = imported(desk)
    other = desk.capture()
    desk.sql("DELETE FROM steps")
    [rule] = [rule for rule in desk.admin.every("/api/follow-up-rules") if rule["name"] == "no-contact-24h"]
    answer = desk.admin.post(f"/api/follow-up-rules/{rule['id']}/backfill", {"per_hour": 100})
    assert answer.status == 202, answer.body
    while runner.run(Kind.IMPORT_CHUNK, []):
        pass
    assert desk.steps(other)
    assert not any(desk.steps(lead) for lead in leads.values())
