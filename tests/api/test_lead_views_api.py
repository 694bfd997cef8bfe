"""Saved views of leads, private and shared. They use the code of the saved views of the work queue."""

from uuid import uuid4

import pytest

from tests.support.desk import Caller, Desk

pytest_plugins = ["tests.support.desk"]

VIEWS = "/api/leads/views"
MINE = {"name": "Mine", "filters": {"status": "NEW", "assigned_to_id": "me", "sort": "-lead_value"}}


def names(caller: Caller) -> list[str]:
    return [view["name"] for view in caller.every(VIEWS)]


def test_lead_view_is_private_until_shared(desk: Desk, other_desk: Desk):
    mine = desk.coordinator.post(VIEWS, MINE).body
    assert mine["filters"] == MINE["filters"]
    assert (names(desk.coordinator), names(desk.admin)) == (["Mine"], [])
    assert desk.coordinator.patch(f"{VIEWS}/{mine['id']}", {"shared": True}, seen='"1"').status == 200
    assert (names(desk.admin), names(desk.doctor), names(other_desk.admin)) == (["Mine"], ["Mine"], [])
    assert desk.admin.put(f"{VIEWS}/{mine['id']}", MINE).status == 404
    assert desk.coordinator.patch(f"{VIEWS}/{mine['id']}", {"name": "x"}, seen='"1"').status == 412
    assert desk.coordinator.delete(f"{VIEWS}/{mine['id']}").status == 204
    assert names(desk.admin) == []


def test_filters_of_a_lead_view_are_those_of_the_list(desk: Desk):
    desk.capture()
    view = desk.admin.post(VIEWS, {"name": "New", "filters": {"status": "NEW", "rotting": "false"}}).body
    assert len(desk.admin.get("/api/leads", **view["filters"]).body["items"]) == 1


@pytest.mark.parametrize("filters", [{"q": "ana"}, {"cursor": "x"}, {"colour": "red"}, {"status": "x"}])
def test_names_and_unknown_filters_are_not_stored_in_a_lead_view(desk: Desk, filters: dict[str, str]):
    [name] = filters
    assert desk.admin.post(VIEWS, {"name": "x", "filters": filters}).pointers == [f"/filters/{name}"]


def test_lead_view_names_users_and_sources_of_the_clinic_only(desk: Desk, other_desk: Desk):
    for name, foreign in (("source_id", other_desk.source_id), ("assigned_to_id", other_desk.coordinator.id)):
        for wanted in (foreign, str(uuid4())):
            assert desk.admin.post(VIEWS, {"name": "x", "filters": {name: wanted}}).pointers == [f"/filters/{name}"]


def test_api_key_has_no_lead_views(desk: Desk):
    assert desk.program("lead:read").post(VIEWS, MINE).status == 403
