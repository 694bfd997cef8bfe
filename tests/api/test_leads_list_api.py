"""List of leads: sorting, embedded resources and selected fields."""

import pytest

from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]


def test_sort_orders_are_those_with_an_index(desk: Desk):
    a, b, c = (desk.capture(**given)["id"] for given in ({"lead_value": "100.00"}, {}, {"lead_value": "2500.50"}))

    def ids(sort: str) -> list[str]:
        return [lead["id"] for lead in desk.admin.every("/api/leads", sort=sort, limit=1)]

    assert ids("-created_at") == [c, b, a]
    assert ids("created_at") == [a, b, c]
    assert ids("-lead_value") == [c, a]  # those that have one
    assert desk.admin.get("/api/leads", sort="phone").pointers == ["/sort"]
    assert desk.admin.get("/api/leads", sort="id; DROP TABLE leads").pointers == ["/sort"]


def test_lead_can_embed_related_resources(desk: Desk):
    lead = desk.capture(assigned_to_id=desk.admin.id)
    [listed] = desk.admin.every("/api/leads", expand="assigned_to,source")
    assert listed["assigned_to"] == {"id": desk.admin.id, "name": desk.admin.actor.name}
    assert listed["source"]["id"] == desk.source_id
    one = desk.admin.get(f"/api/leads/{lead['id']}", expand="source")
    assert one.body["source"] == listed["source"]
    assert "assigned_to" not in one.body
    assert one.headers["ETag"] != desk.admin.get(f"/api/leads/{lead['id']}").headers["ETag"]


@pytest.mark.parametrize("expand", ["password", "source,", "assigned_to,clinic"])
def test_unknown_embedding_is_refused(desk: Desk, expand: str):
    assert desk.admin.get("/api/leads", expand=expand).pointers == ["/expand"]


def test_selected_fields_may_name_a_resource_that_is_not_embedded(desk: Desk):
    desk.capture()
    answer = desk.admin.get("/api/leads", fields="id,source")
    assert answer.status == 200
    assert set(answer.body["items"][0]) == {"id"}
