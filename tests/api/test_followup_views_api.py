"""Saved views of the work queue, private and shared."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.desk import Caller, Desk

pytest_plugins = ["tests.support.desk"]

VIEWS = "/api/followups/views"
LATE = {"name": "Late", "filters": {"status": "OVERDUE", "assigned_to_id": "me", "sort": "-due_at"}}


def names(caller: Caller) -> list[str]:
    return [view["name"] for view in caller.every(VIEWS)]


def test_view_is_private_until_shared(desk: Desk, other_desk: Desk):
    mine = desk.coordinator.post(VIEWS, LATE).body
    assert mine["filters"] == LATE["filters"]
    assert (names(desk.coordinator), names(desk.admin)) == (["Late"], [])
    desk.coordinator.put(f"{VIEWS}/{mine['id']}", {**LATE, "shared": True}, seen='"1"')
    assert (names(desk.admin), names(desk.doctor), names(other_desk.admin)) == (["Late"], ["Late"], [])
    assert desk.admin.put(f"{VIEWS}/{mine['id']}", LATE).status == 404
    assert desk.coordinator._send("DELETE", f"{VIEWS}/{mine['id']}", headers={"If-Match": "*"}).status == 204
    assert names(desk.admin) == []


def test_filters_are_those_of_the_queue(desk: Desk):
    view = desk.admin.post(VIEWS, LATE).body
    assert desk.admin.get("/api/followups", **view["filters"]).status == 200


@pytest.mark.parametrize(
    ("filters", "places"),
    [
        ({"colour": "red"}, ["/filters/colour"]),
        ({"status": "DONE", "sort": "title"}, ["/filters/sort", "/filters/status"]),
        ({"pinned": True}, ["/filters/pinned"]),
        ({"cursor": "x"}, ["/filters/cursor"]),
        ([], ["/filters"]),
    ],
)
def test_invalid_filter_is_refused_with_its_path(desk: Desk, filters: Any, places: list[str]):
    assert desk.admin.post(VIEWS, {"name": "x", "filters": filters}).pointers == places


@pytest.mark.parametrize("name", ["assigned_to_id", "created_by", "source_id"])
def test_unknown_and_foreign_ids_are_refused(desk: Desk, other_desk: Desk, name: str):
    foreign = other_desk.source_id if name == "source_id" else other_desk.coordinator.id
    own = desk.source_id if name == "source_id" else desk.coordinator.id
    for wanted in (str(uuid4()), foreign):
        assert desk.admin.post(VIEWS, {"name": "x", "filters": {name: wanted}}).pointers == [f"/filters/{name}"]
    view = desk.admin.post(VIEWS, {"name": "x", "filters": {name: own}}).body
    changed = {"name": "x", "filters": {name: foreign}}
    assert desk.admin.put(f"{VIEWS}/{view['id']}", changed, seen='"1"').pointers == [f"/filters/{name}"]


def test_view_name_is_unique_per_user(desk: Desk):
    assert [who.post(VIEWS, LATE).status for who in (desk.admin, desk.coordinator, desk.admin)] == [201, 201, 409]


def test_api_key_has_no_views(desk: Desk):
    assert desk.program("lead:read").post(VIEWS, LATE).status == 403
