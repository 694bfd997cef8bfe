"""Saved views of the queue: one's own, and those that are shared."""

from typing import Any

import pytest

from tests.support.desk import Caller, Desk

pytest_plugins = ["tests.support.desk"]

VIEWS = "/api/followups/views"
LATE = {"name": "Late", "filters": {"status": "OVERDUE", "assigned_to_id": "me", "sort": "-due_at"}}


def names(caller: Caller) -> list[str]:
    return [view["name"] for view in caller.every(VIEWS)]


def test_a_view_is_ones_own_until_it_is_shared(desk: Desk, other_desk: Desk):
    mine = desk.coordinator.post(VIEWS, LATE).body
    assert mine["filters"] == LATE["filters"]
    assert (names(desk.coordinator), names(desk.admin)) == (["Late"], [])
    desk.coordinator.put(f"{VIEWS}/{mine['id']}", {**LATE, "shared": True}, seen='"1"')
    assert (names(desk.admin), names(desk.doctor), names(other_desk.admin)) == (["Late"], ["Late"], [])
    assert desk.admin.put(f"{VIEWS}/{mine['id']}", LATE).status == 404
    assert desk.coordinator._send("DELETE", f"{VIEWS}/{mine['id']}", headers={"If-Match": "*"}).status == 204
    assert names(desk.admin) == []


def test_its_filters_are_what_the_queue_takes(desk: Desk):
    view = desk.admin.post(VIEWS, LATE).body
    assert desk.admin.get("/api/followups", **view["filters"]).status == 200


@pytest.mark.parametrize(
    ("filters", "places"),
    [
        ({"colour": "red"}, ["/filters/colour"]),
        ({"status": "DONE", "sort": "title"}, ["/filters/sort", "/filters/status"]),
        ({"pinned": True}, ["/filters"]),
        ({"cursor": "x"}, ["/filters/cursor"]),
        ([], ["/filters"]),
    ],
)
def test_filters_that_the_queue_does_not_take_are_pointed_at(desk: Desk, filters: Any, places: list[str]):
    assert desk.admin.post(VIEWS, {"name": "x", "filters": filters}).pointers == places


def test_one_person_has_one_view_of_a_name(desk: Desk):
    assert [who.post(VIEWS, LATE).status for who in (desk.admin, desk.coordinator, desk.admin)] == [201, 201, 409]


def test_a_program_has_none(desk: Desk):
    assert desk.program("lead:read").post(VIEWS, LATE).status == 403
