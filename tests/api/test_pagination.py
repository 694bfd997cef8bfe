"""Pagination of lists."""

import base64

import pytest

from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]


@pytest.mark.parametrize("limit", [1, 3, 10, 200])
def test_pages_contain_each_item_once(desk: Desk, limit: int):
    names = [source["name"] for source in desk.admin.every("/api/lead-sources", limit=limit)]
    assert len(names) == 10
    assert names == [source["name"] for source in desk.admin.get("/api/lead-sources").body["items"]]


def test_last_page_has_no_next_cursor(desk: Desk):
    whole = desk.admin.get("/api/lead-sources", limit=10).body
    assert (len(whole["items"]), whole["next_cursor"]) == (10, None)
    assert desk.admin.get("/api/lead-sources", limit=9).body["next_cursor"] is not None


def test_new_items_do_not_shift_pages(desk: Desk):
    first = desk.admin.get("/api/lead-sources", limit=4).body
    desk.admin.post("/api/lead-sources", {"name": "AAA", "category": "OTHER"})
    second = desk.admin.get("/api/lead-sources", limit=200, cursor=first["next_cursor"]).body
    names = [source["name"] for source in first["items"] + second["items"]]
    assert len(names) == len(set(names)) == 10


def test_page_has_at_most_two_hundred_items(desk: Desk):
    for number in range(195):
        desk.sql(
            "INSERT INTO lead_sources (id, clinic_id, name, category, is_active, created_at, updated_at)"
            " VALUES (gen_random_uuid(), :clinic, :name, 'OTHER', true, now(), now())",
            clinic=desk.clinic_id,
            name=f"source {number}",
        )
    page = desk.admin.get("/api/lead-sources", limit=100_000).body
    assert len(page["items"]) == 200
    assert page["next_cursor"] is not None


def test_foreign_or_changed_cursor_is_refused(desk: Desk):
    cursor = desk.admin.get("/api/lead-sources", limit=1).body["next_cursor"]
    assert desk.admin.get("/api/pipeline-stages", cursor=cursor).pointers == ["/cursor"]
    signed = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    signed[-3] ^= 1
    changed = base64.urlsafe_b64encode(signed).decode().rstrip("=")
    assert desk.admin.get("/api/lead-sources", cursor=changed).pointers == ["/cursor"]


def test_two_sort_keys_keep_the_order(desk: Desk):
    slugs = [stage["slug"] for stage in desk.admin.every("/api/pipeline-stages", limit=3)]
    assert slugs == [
        "new_lead",
        "contacted",
        "consultation_scheduled",
        "consultation_completed",
        "pending_decision",
        "treatment_accepted",
        "treatment_started",
        "lost",
    ]


def test_only_requested_fields_are_returned(desk: Desk):
    desk.capture()
    [lead] = desk.admin.get("/api/leads", fields="id,status").body["items"]
    assert sorted(lead) == ["id", "status"]
    assert len(desk.admin.every("/api/pipeline-stages", fields="slug", limit=3)) == 8


@pytest.mark.parametrize("names", ["nonsense", "id,", "id, status", "_id", "password_hash", "clinic_id", ""])
def test_unknown_field_is_refused(desk: Desk, names: str):
    assert desk.admin.get("/api/leads", fields=names).pointers == ["/fields"]


@pytest.mark.parametrize(
    ("preferences", "counts"),
    [
        ("respond-async, return=total-count", True),
        ('return="total-count"; foo=1', True),
        ("xreturn=total-countx", False),
        ("foo; return=total-count", False),
    ],
)
def test_prefer_header_is_parsed_as_the_standard_says(desk: Desk, preferences: str, counts: bool):
    assert ("total_count" in desk.admin.get("/api/leads", prefer=preferences).body) is counts


def test_total_count_is_returned_on_request(desk: Desk):
    for status in ("NEW", "NEW", "LOST"):
        lead = desk.capture()
        if status == "LOST":
            desk.admin.post(f"/api/leads/{lead['id']}/lost", {"reason": "OTHER"})
    first = desk.admin.get("/api/leads", prefer="return=total-count", limit=1)
    assert (first.body["total_count"], first.headers["Preference-Applied"]) == (3, "return=total-count")
    second = desk.admin.get("/api/leads", prefer="return=total-count", limit=1, cursor=first.body["next_cursor"])
    assert second.body["total_count"] == 3
    assert desk.admin.get("/api/leads", prefer="return=total-count", status="LOST").body["total_count"] == 1
    assert "total_count" not in desk.admin.get("/api/leads").body
