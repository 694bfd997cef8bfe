"""The list of open leads that nothing will happen with, over REST."""

from typing import Any

import pytest

from app.identity.models import Role
from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]

IDLE = "/api/leads/without-next-action"
MARK = "UPDATE leads SET without_next_action_since = now() - :n * interval '1 minute' WHERE id = :id"


@pytest.fixture
def idle(desk: Desk) -> list[dict[str, Any]]:
    """Three leads, the one that has been found first first; what the rules planned for them is over."""
    leads = [desk.capture(assigned_to_id=desk.coordinator.id) for _ in range(3)]
    desk.sql("UPDATE steps SET state = 'done'")
    for number, lead in enumerate(leads):
        desk.sql(MARK, n=9 - number, id=lead["id"])
    return leads


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [lead["id"] for lead in found]


def test_they_are_listed_page_by_page_since_when(desk: Desk, idle: list[dict[str, Any]]):
    found = desk.doctor.every(IDLE, limit=1)
    assert ids(found) == ids(idle)
    assert [lead["next_follow_up_at"] for lead in found] == [None] * 3
    assert sorted(lead["without_next_action_since"] for lead in found) == [
        lead["without_next_action_since"] for lead in found
    ]
    assert desk.doctor.get(IDLE, limit=1, prefer="return=total-count").body["total_count"] == 3
    assert desk.doctor.get(IDLE, fields="id").body["items"][0] == {"id": idle[0]["id"]}


def test_one_that_has_something_planned_since_is_not(desk: Desk, idle: list[dict[str, Any]]):
    desk.plan(idle[0])
    desk.admin.post(f"/api/leads/{idle[1]['id']}/lost", {"reason": "OTHER"})
    assert ids(desk.doctor.every(IDLE)) == [idle[2]["id"]]
    restricted = {"is_restricted": True, "reason": "They asked."}
    assert desk.admin.post(f"/api/leads/{idle[2]['id']}/restrict", restricted).status == 200
    assert desk.doctor.every(IDLE) == []


def test_each_sees_their_own(desk: Desk, other_desk: Desk, idle: list[dict[str, Any]]):
    sam = desk.hire(Role.SALES)
    desk.sql("UPDATE leads SET assigned_to_id = :sam WHERE id = :id", sam=sam.id, id=idle[1]["id"])
    assert ids(sam.every(IDLE)) == [idle[1]["id"]]
    assert ids(desk.coordinator.every(IDLE, assigned_to_id="me")) == [idle[0]["id"], idle[2]["id"]]
    assert other_desk.admin.every(IDLE) == []


def test_the_record_tells_who_was_shown_them(desk: Desk, idle: list[dict[str, Any]]):
    desk.doctor.get(IDLE)
    [(seen,)] = desk.sql("SELECT ids FROM audit_entries WHERE operation = 'leads.list_without_next_action'")
    assert {*map(str, seen)} == {*ids(idle)}


def test_what_it_does_not_know_is_refused(desk: Desk):
    assert desk.admin.get(IDLE, status="NEW").pointers == ["/status"]
    assert desk.admin.get(IDLE, cursor="x").pointers == ["/cursor"]
