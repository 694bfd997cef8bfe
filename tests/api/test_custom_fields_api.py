"""Custom fields, tags and value of leads."""

from typing import Any

import pytest

from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]


def add(desk: Desk, key: str, type_: str = "text", **more: Any) -> dict[str, Any]:
    answer = desk.admin.post("/api/custom-fields", {"key": key, "label": key.title(), "type": type_, **more})
    assert answer.status == 201, answer.body
    field: dict[str, Any] = answer.body
    return field


def change(desk: Desk, field: dict[str, Any], **more: Any) -> Any:
    body = {name: field[name] for name in ("label", "options", "required", "archived")} | more
    return desk.admin.put(f"/api/custom-fields/{field['id']}", body)


@pytest.fixture
def fields(desk: Desk) -> dict[str, dict[str, Any]]:
    """One field of each type."""
    kinds: dict[str, dict[str, Any]] = {
        "school": {},
        "children": {"type_": "number"},
        "insured": {"type_": "boolean"},
        "moved_on": {"type_": "date"},
        "language": {"type_": "choice", "options": ["en", "es"]},
    }
    return {key: add(desk, key, **more) for key, more in kinds.items()}


def test_values_are_returned_as_given(desk: Desk, fields: Any):
    values = {"school": "PS 9", "children": 2, "insured": True, "moved_on": "2026-01-31", "language": "es"}
    lead = desk.capture(custom=values)
    assert lead["custom"] == values
    assert desk.lead(lead)["custom"] == values


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("school", 9), ("school", "a\x00b"), ("school", "x" * 1001), ("children", "2"), ("children", True),
        ("children", 1e300), ("insured", "true"), ("moved_on", "31.1.2026"), ("moved_on", "2026-02-30"),
        ("moved_on", "9999-12-31"), ("moved_on", "2200-01-01"), ("moved_on", "1899-12-31"), ("moved_on", "0001-01-01"),
        ("language", "fr"), ("language", ["en"]), ("school", {"a": 1}), ("unknown", "x"),
    ],
)  # fmt: skip
def test_invalid_value_is_refused_with_its_path(desk: Desk, fields: Any, key: str, value: Any):
    assert desk.admin.post("/api/leads", desk.lead_data(custom={key: value})).pointers == [f"/custom/{key}"]
    lead = desk.capture()
    assert desk.admin.put(f"/api/leads/{lead['id']}", {"custom": {key: value}}).pointers == [f"/custom/{key}"]
    assert desk.lead(lead)["custom"] == {}


def test_edit_replaces_named_values_and_null_removes(desk: Desk, fields: Any):
    lead = desk.capture(custom={"school": "PS 9", "children": 2})
    edited = desk.admin.put(f"/api/leads/{lead['id']}", {"custom": {"children": None, "insured": False}})
    assert edited.body["custom"] == {"school": "PS 9", "insured": False}


def test_required_field_applies_to_leads_but_not_to_quick_capture(desk: Desk):
    before = desk.capture()
    field = add(desk, "school", required=True)
    assert desk.admin.post("/api/leads", desk.lead_data()).pointers == ["/custom/school"]
    assert desk.admin.post("/api/leads", desk.lead_data(custom={"school": None})).pointers == ["/custom/school"]
    lead = desk.capture(custom={"school": "PS 9"})
    assert desk.admin.put(f"/api/leads/{lead['id']}", {"custom": {"school": None}}).pointers == ["/custom/school"]
    assert desk.admin.put(f"/api/leads/{before['id']}", {"notes": "x"}).status == 200
    call = {"phone": "212 555 0143", "source_id": desk.source_id}
    assert desk.front_desk.post("/api/leads/quick", call).status == 201
    change(desk, field, required=False)
    assert desk.capture()["custom"] == {}


def test_archived_field_keeps_its_values_and_accepts_no_new_ones(desk: Desk):
    field = add(desk, "school", required=True)
    lead = desk.capture(custom={"school": "PS 9"})
    assert change(desk, field, archived=True).body["archived"] is True
    assert desk.admin.put(f"/api/leads/{lead['id']}", {"custom": {"school": "PS 10"}}).pointers == ["/custom/school"]
    assert desk.lead(lead)["custom"] == {"school": "PS 9"}
    assert desk.capture()["custom"] == {}
    assert [one["key"] for one in desk.admin.every("/api/custom-fields", archived="true")] == ["school"]


def test_fields_of_another_clinic_are_unknown(desk: Desk, other_desk: Desk):
    add(other_desk, "school")
    assert desk.admin.post("/api/leads", desk.lead_data(custom={"school": "x"})).pointers == ["/custom/school"]


@pytest.mark.parametrize(
    ("more", "pointers"),
    [
        ({"key": "School"}, ["/key"]),
        ({"key": "1st"}, ["/key"]),
        ({"type": "money"}, ["/type"]),
        ({"type": "choice"}, ["/options"]),
        ({"type": "choice", "options": ["a", "a"]}, ["/options"]),
        ({"options": ["a"]}, ["/options"]),
        ({"id": "x"}, ["/id"]),
    ],
)
def test_field_without_possible_values_is_refused(desk: Desk, more: Any, pointers: list[str]):
    body = {"key": "school", "label": "School", "type": "text", **more}
    assert desk.admin.post("/api/custom-fields", body).pointers == pointers


def test_key_is_unique_and_never_changes(desk: Desk):
    field = add(desk, "language", "choice", options=["en"])
    assert desk.admin.post("/api/custom-fields", {"key": "language", "label": "x", "type": "text"}).status == 409
    assert change(desk, field, key="x").pointers == ["/key"]
    assert change(desk, field, options=[]).pointers == ["/options"]
    assert change(desk, field, options=["en", "es"]).body["version"] == 2
    assert desk.capture(custom={"language": "es"})["custom"] == {"language": "es"}


def test_tags_are_lower_case_and_unique_and_filter_leads(desk: Desk):
    lead = desk.capture(tags=["VIP", "vip", " Open Day "])
    desk.capture(tags=["other"])
    assert lead["tags"] == ["vip", "open day"]
    assert [one["id"] for one in desk.admin.every("/api/leads", tag="VIP")] == [lead["id"]]
    assert desk.admin.put(f"/api/leads/{lead['id']}", {"tags": []}).body["tags"] == []
    assert desk.admin.every("/api/leads", tag="vip") == []


@pytest.mark.parametrize("tags", [["x" * 51], ["a"] * 21, [""], "vip", [1]])
def test_number_and_length_of_tags_are_limited(desk: Desk, tags: Any):
    assert desk.admin.post("/api/leads", desk.lead_data(tags=tags)).status == 422


def test_leads_are_filtered_by_value(desk: Desk):
    cheap, dear = desk.capture(lead_value="900.00"), desk.capture(lead_value="5200.50")
    desk.capture()
    assert [one["id"] for one in desk.admin.every("/api/leads", value_from="1000")] == [dear["id"]]
    assert [one["id"] for one in desk.admin.every("/api/leads", value_to="900.00")] == [cheap["id"]]
    assert desk.admin.get("/api/leads", value_from="-1").pointers == ["/value_from"]
    assert desk.admin.post("/api/leads", desk.lead_data(lead_value="-1")).pointers == ["/lead_value"]
