"""Open leads without a next action, over REST."""

from typing import Any

import pytest

from app.identity.models import Role
from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]

IDLE = "/api/leads/without-next-action"
MARK = "UPDATE leads SET without_next_action_since = now() - :n * interval '1 minute' WHERE id = :id"


@pytest.fixture
def idle_leads(desk: Desk) -> list[dict[str, Any]]:
    """Three leads without pending steps, in the order in which the sweep flagged them."""
    leads = [desk.capture(assigned_to_id=desk.coordinator.id) for _ in range(3)]
    desk.sql("UPDATE steps SET state = 'done'")
    for number, lead in enumerate(leads):
        desk.sql(MARK, n=9 - number, id=lead["id"])
    return leads


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [lead["id"] for lead in found]


def test_leads_are_listed_in_pages_with_the_time_of_the_flag(desk: Desk, idle_leads: list[dict[str, Any]]):
    found = desk.doctor.every(IDLE, limit=1)
    assert ids(found) == ids(idle_leads)
    assert [lead["next_follow_up_at"] for lead in found] == [None] * 3
    assert sorted(lead["without_next_action_since"] for lead in found) == [
        lead["without_next_action_since"] for lead in found
    ]
    assert desk.doctor.get(IDLE, limit=1, prefer="return=total-count").body["total_count"] == 3
    assert desk.doctor.get(IDLE, fields="id").body["items"][0] == {"id": idle_leads[0]["id"]}


def test_lead_with_a_new_task_is_not_listed(desk: Desk, idle_leads: list[dict[str, Any]]):
    desk.plan(idle_leads[0])
    desk.admin.post(f"/api/leads/{idle_leads[1]['id']}/lost", {"reason": "OTHER"})
    assert ids(desk.doctor.every(IDLE)) == [idle_leads[2]["id"]]
    restricted = {"is_restricted": True, "reason": "They asked."}
    assert desk.admin.post(f"/api/leads/{idle_leads[2]['id']}/restrict", restricted).status == 200
    assert desk.doctor.every(IDLE) == []


def test_caller_sees_leads_in_scope(desk: Desk, other_desk: Desk, idle_leads: list[dict[str, Any]]):
    sam = desk.hire(Role.SALES)
    desk.sql("UPDATE leads SET assigned_to_id = :sam WHERE id = :id", sam=sam.id, id=idle_leads[1]["id"])
    assert ids(sam.every(IDLE)) == [idle_leads[1]["id"]]
    assert ids(desk.coordinator.every(IDLE, assigned_to_id="me")) == [idle_leads[0]["id"], idle_leads[2]["id"]]
    assert other_desk.admin.every(IDLE) == []


def test_audit_log_records_the_read(desk: Desk, idle_leads: list[dict[str, Any]]):
    desk.doctor.get(IDLE)
    [(seen,)] = desk.sql("SELECT ids FROM audit_entries WHERE operation = 'leads.list_without_next_action'")
    assert {*map(str, seen)} == {*ids(idle_leads)}


def test_unknown_filter_is_refused(desk: Desk):
    assert desk.admin.get(IDLE, status="NEW").pointers == ["/status"]
    assert desk.admin.get(IDLE, cursor="x").pointers == ["/cursor"]
